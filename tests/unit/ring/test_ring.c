/*
 * The ring: entries cross whole and in order, at every index, and are never early.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is committed is popped, once, in order, byte for byte; a slot that
 * was reserved but not committed is not seen; a full ring refuses and an empty
 * one says so, also while its 32-bit indices pass from 2^32 - 1 to 0; all of this
 * also while it grows, however many arrays lie between its ends, and every array
 * is freed once.
 * Method: rings of every size from 2 to 256, begun at chosen indices before the
 * wrap, driven against a count of what is in them; and two threads.  Memory is
 * counted, and refused on cue.
 */
#include "ring/ring.h"

#include "base/check.h"
#include "base/rng.h"
#include "os/thread.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <stdlib.h>

enum { SIZE_MAX_TESTED = 256 };

static struct weir__entry entries[SIZE_MAX_TESTED] __attribute__((aligned(64)));

/* Fills a slot so that every byte of it says which number it is. */
static void fill(struct weir__entry *slot, uint32_t number) {
    slot->block = NULL;
    slot->first = number;
    slot->count = ~number;
    slot->flags = (uint16_t)number;
    slot->event_bytes_less_1 = (uint16_t)(number >> 16);
    memset(slot->events, (int)(number & 0xff), sizeof slot->events);
}

static void assert_entry(const struct weir__entry *entry, uint32_t number) {
    struct weir__entry expected;
    fill(&expected, number);
    bool same = entry->block == NULL && entry->first == expected.first &&
                entry->count == expected.count && entry->flags == expected.flags &&
                entry->event_bytes_less_1 == expected.event_bytes_less_1 &&
                memcmp(entry->events, expected.events, sizeof entry->events) == 0;
    if (!same) fail_msg("entry %u is not whole, or another one", number);
}

static bool push(struct weir__ring *ring, uint32_t number) {
    struct weir__entry *slot = weir__ring_reserve(ring);
    if (slot == NULL) return false;
    fill(slot, number);
    weir__ring_commit(ring, slot);
    return true;
}

/* Calls `drive` for every size, at starts whose indices wrap at every place of the ring. */
static void for_each_ring(void (*drive)(struct weir__ring *ring, uint32_t size)) {
    for (uint32_t size = 2; size <= SIZE_MAX_TESTED; size *= 2) {
        const uint32_t before[] = {0, 1, 2, size - 1, size, size + 1, 2 * size, 3 * size - 1};
        for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
            struct weir__ring ring;
            memset(entries, 0xa5, sizeof entries);
            weir__ring_open(&ring, entries, size, (uint32_t)0 - before[i], NULL);
            drive(&ring, size);
        }
    }
}

static void fill_and_empty(struct weir__ring *ring, uint32_t size) {
    uint32_t in = 0;
    uint32_t out = 0;
    struct weir__entry entry;
    for (int round = 0; round < 8; round++) {
        assert_true(weir__ring_empty(ring));
        assert_false(weir__ring_pop(ring, &entry));
        assert_int_equal(weir__ring_count(ring), 0);
        while (push(ring, in)) {
            in++;
            assert_int_equal(weir__ring_count(ring), in - out);
            assert_false(weir__ring_empty(ring));
        }
        assert_int_equal(in - out, size - 1);
        while (weir__ring_pop(ring, &entry)) {
            assert_entry(&entry, out);
            out++;
            assert_int_equal(weir__ring_count(ring), in - out);
        }
        assert_int_equal(in, out);
    }
}

static void fills_and_empties(void **state) {
    (void)state;
    for_each_ring(fill_and_empty);
}

static void at_random(struct weir__ring *ring, uint32_t size) {
    struct weir__rng rng;
    weir__rng_seed(&rng, size);
    uint32_t in = 0;
    uint32_t out = 0;
    for (int step = 0; step < 2000; step++) {
        if (weir__rng_below(&rng, 2) == 0) {
            bool pushed = push(ring, in);
            assert_int_equal(pushed, in - out < size - 1);
            in += pushed;
        } else {
            struct weir__entry entry;
            bool popped = weir__ring_pop(ring, &entry);
            assert_int_equal(popped, in > out);
            if (popped) assert_entry(&entry, out++);
        }
        assert_int_equal(weir__ring_empty(ring), in == out);
    }
}

static void keeps_order_at_random(void **state) {
    (void)state;
    for_each_ring(at_random);
}

/* One in, one out: the consumer waits at each slot in turn. */
static void uncommitted(struct weir__ring *ring, uint32_t size) {
    struct weir__entry entry;
    for (uint32_t i = 0; i < 3 * size; i++) {
        struct weir__entry *slot = weir__ring_reserve(ring);
        assert_non_null(slot);
        fill(slot, i);
        assert_true(weir__ring_empty(ring));
        assert_false(weir__ring_pop(ring, &entry));
        assert_ptr_equal(weir__ring_next(ring), slot);
        weir__ring_commit(ring, slot);
        assert_false(weir__ring_empty(ring));
        assert_true(weir__ring_pop(ring, &entry));
        assert_entry(&entry, i);
    }
}

static void is_not_seen_before_it_is_committed(void **state) {
    (void)state;
    for_each_ring(uncommitted);
}

/* A slot that is reserved again, because nothing was committed, is the same slot. */
static void reserved_again(struct weir__ring *ring, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        struct weir__entry *slot = weir__ring_reserve(ring);
        assert_ptr_equal(weir__ring_reserve(ring), slot);
        fill(slot, i);
        weir__ring_commit(ring, slot);
        struct weir__entry entry;
        assert_true(weir__ring_pop(ring, &entry));
    }
}

static void reserving_alone_changes_nothing(void **state) {
    (void)state;
    for_each_ring(reserved_again);
}

/* What was read keeps its slot; that it is free again the producer sees once it has no other. */
static void read_and_freed(struct weir__ring *ring, uint32_t size) {
    (void)size;
    for (int round = 0; round < 3; round++) {
        struct weir__entry entry;
        uint32_t in = 0;
        while (push(ring, in)) in++;
        for (uint32_t out = 0; out < in; out++) {
            assert_true(weir__ring_read(ring, &entry));
            assert_entry(&entry, out);
            assert_int_equal(weir__ring_count(ring), in - out);
            if (out == 0) assert_null(weir__ring_reserve(ring));
            weir__ring_free_slot(ring);
            if (out == 0) assert_non_null(weir__ring_reserve(ring));
        }
        assert_int_equal(ring->producer.head_seen, ring->ck.c_head - (in - 1));
        weir__ring_look_back(ring);
        assert_int_equal(ring->producer.head_seen, ring->ck.c_head);
    }
}

static void a_slot_is_taken_until_it_is_freed(void **state) {
    (void)state;
    for_each_ring(read_and_freed);
}

/* No stamp of an entry not yet written may equal the one that is waited for. */
static void stamps(struct weir__ring *ring, uint32_t size) {
    uint32_t start = ring->ck.c_head;
    for (uint32_t written = 0; written <= 2 * size; written++) {
        uint32_t in_ring = written < size - 1 ? written : size - 1;
        for (uint32_t ahead = 0; ahead < size; ahead++) {
            uint32_t position = start + written - in_ring + ahead;
            uint32_t stamp = entries[position & (size - 1)].stamp;
            bool there = ahead < in_ring;
            if (stamp != (there ? position + 1 : position + 1 - size)) fail();
        }
        struct weir__entry entry;
        if (in_ring == size - 1) assert_true(weir__ring_pop(ring, &entry));
        assert_true(push(ring, written));
    }
}

static void stamps_tell_the_round(void **state) {
    (void)state;
    for_each_ring(stamps);
}

/* asked lies beside the consumer's index: neither may disturb the other. */
static void asked_beside(struct weir__ring *ring, uint32_t size) {
    const uint64_t pattern = UINT64_C(0x0123456789abcdef);
    ring->consumer.asked = pattern;
    ring->producer.wants_room = 1;
    fill_and_empty(ring, size);
    assert_true(ring->consumer.asked == pattern);
    assert_int_equal(ring->producer.wants_room, 1);
    ring->consumer.asked = UINT64_MAX;
    fill_and_empty(ring, size);
}

static void asked_and_wants_room_stay(void **state) {
    (void)state;
    for_each_ring(asked_beside);
}

static void an_entry_says_its_events_size(void **state) {
    (void)state;
    const uint32_t sizes[] = {1, 2, 8, 40, 65535, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct weir__entry entry = {.event_bytes_less_1 = (uint16_t)(sizes[i] - 1)};
        assert_int_equal(weir__entry_event_bytes(&entry), sizes[i]);
    }
    assert_int_equal(offsetof(struct weir__entry, events) % 8, 0);
}

/* ---- growing ------------------------------------------------------------- */

enum { FIRST = 2 };

static struct test_memory memory;
static struct weir__entry first[FIRST];

static void open_growing(struct weir__ring *ring, uint32_t before) {
    test_memory_open(&memory);
    memset(first, 0xa5, sizeof first);
    weir__ring_open(ring, first, FIRST, (uint32_t)0 - before, &memory.allocator);
}

static void close_growing(struct weir__ring *ring) {
    weir__ring_close(ring);
    test_memory_close(&memory);
}

/* Some steps of `times` as large, then pops all. */
static void grow_in_steps(uint32_t before, uint32_t times) {
    struct weir__ring ring;
    open_growing(&ring, before);
    uint32_t in = 0;
    uint64_t arrays = 0;
    for (uint32_t size = FIRST; size < SIZE_MAX_TESTED; size *= times) {
        while (push(&ring, in)) in++;
        assert_int_equal(in, size - 1);
        assert_true(weir__ring_grow(&ring, size * times));
        assert_int_equal(weir__ring_count(&ring), in);
        assert_int_equal(memory.live, ++arrays);
    }
    while (push(&ring, in)) in++;
    assert_int_equal(in, ring.ck.size - 1);
    struct weir__entry entry;
    for (uint32_t out = 0; out < in; out++) {
        assert_false(weir__ring_empty(&ring));
        assert_true(weir__ring_pop(&ring, &entry));
        assert_entry(&entry, out);
        assert_int_equal(weir__ring_count(&ring), in - out - 1);
    }
    assert_true(weir__ring_empty(&ring));
    assert_int_equal(memory.live, 1); /* those it has left are freed */
    fill_and_empty(&ring, ring.ck.size);
    close_growing(&ring);
}

static void all_that_is_in_several_arrays_comes_in_order(void **state) {
    (void)state;
    for (uint32_t before = 0; before < SIZE_MAX_TESTED; before++) {
        grow_in_steps(before, 2);
        grow_in_steps(before, 4);
    }
}

static void grow_at_random(uint32_t before) {
    struct weir__rng rng;
    weir__rng_seed(&rng, before);
    struct weir__ring ring;
    open_growing(&ring, before);
    uint32_t in = 0;
    uint32_t out = 0;
    for (int step = 0; step < 600; step++) {
        struct weir__entry entry;
        uint32_t size = ring.ck.size;
        if (weir__rng_below(&rng, 40) == 0 && size < SIZE_MAX_TESTED) {
            assert_true(weir__ring_grow(&ring, size * 2));
        } else if (weir__rng_below(&rng, 2) == 0) {
            bool pushed = push(&ring, in);
            assert_int_equal(pushed, in - out < size - 1);
            in += pushed;
        } else if (weir__ring_pop(&ring, &entry)) {
            assert_entry(&entry, out++);
        } else {
            assert_int_equal(in, out);
            assert_true(weir__ring_empty(&ring)); /* a link has been followed */
        }
        assert_int_equal(weir__ring_count(&ring), in - out);
        if (in != out) assert_false(weir__ring_empty(&ring));
    }
    struct weir__entry entry;
    while (weir__ring_pop(&ring, &entry)) assert_entry(&entry, out++);
    assert_int_equal(in, out);
    close_growing(&ring);
}

static void it_may_grow_at_any_time(void **state) {
    (void)state;
    for (uint32_t before = 0; before < SIZE_MAX_TESTED; before++) grow_at_random(before);
}

static void without_memory_it_stays_as_it_is(void **state) {
    (void)state;
    struct weir__ring ring;
    open_growing(&ring, 1);
    assert_true(push(&ring, 0));
    test_memory_fail(&memory, 1, false);
    assert_false(weir__ring_grow(&ring, 8));
    assert_false(push(&ring, 1));
    assert_int_equal(ring.ck.size, FIRST);
    struct weir__entry entry;
    assert_true(weir__ring_pop(&ring, &entry));
    assert_entry(&entry, 0);
    assert_true(weir__ring_empty(&ring));
    assert_true(weir__ring_grow(&ring, 8));
    for (uint32_t i = 0; i < 7; i++) assert_true(push(&ring, i));
    for (uint32_t i = 0; i < 7; i++) {
        assert_true(weir__ring_pop(&ring, &entry));
        assert_entry(&entry, i);
    }
    close_growing(&ring);
}

/* ---- two threads --------------------------------------------------------- */

enum { CROSSINGS = 20000 };

static void produce(void *argument) {
    struct weir__ring *ring = argument;
    for (uint32_t i = 0; i < CROSSINGS; i++) {
        while (!push(ring, i)) weir__thread_yield();
    }
}

static void crosses_from_thread_to_thread(void **state) {
    (void)state;
    for (uint32_t size = 2; size <= SIZE_MAX_TESTED; size *= 8) {
        struct weir__ring ring;
        weir__ring_open(&ring, entries, size, (uint32_t)0 - CROSSINGS / 2, NULL);
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "producer", produce, &ring), 0);
        for (uint32_t i = 0; i < CROSSINGS; i++) {
            struct weir__entry entry;
            while (!weir__ring_pop(&ring, &entry)) weir__thread_yield();
            assert_entry(&entry, i);
        }
        weir__thread_join(&thread);
        assert_true(weir__ring_empty(&ring));
    }
}

/* Larger each time it is full: the other thread is somewhere in the arrays before. */
static void produce_growing(void *argument) {
    struct weir__ring *ring = argument;
    for (uint32_t i = 0; i < CROSSINGS / 20; i++) {
        while (!push(ring, i)) {
            weir__thread_yield();
            if (ring->ck.size < SIZE_MAX_TESTED)
                assert_true(weir__ring_grow(ring, ring->ck.size * 2));
        }
    }
}

static void grows_between_threads(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 40; round++) {
        struct weir__ring ring;
        open_growing(&ring, round);
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "producer", produce_growing, &ring), 0);
        for (uint32_t i = 0; i < CROSSINGS / 20; i++) {
            struct weir__entry entry;
            while (!weir__ring_pop(&ring, &entry)) weir__thread_yield();
            assert_entry(&entry, i);
        }
        weir__thread_join(&thread);
        assert_true(weir__ring_empty(&ring));
        close_growing(&ring);
    }
}

static void pass_the_tail(void *argument) {
    struct weir__ring *ring = argument;
    ring->ck.c_head = ring->ck.p_tail + 1;
    WEIR__VERIFY(weir__ring_check(ring));
}

static void lose_a_stamp(void *argument) {
    struct weir__ring *ring = argument;
    ring->producer.entries[ring->ck.c_head & ring->ck.mask].stamp++;
    WEIR__VERIFY(weir__ring_check(ring));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {pass_the_tail, "end - next <= end - ring->producer.head_seen"},
        {lose_a_stamp, "slot->stamp == next + 1"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    struct weir__ring ring;
    weir__ring_open(&ring, entries, 8, (uint32_t)-1, NULL);
    push(&ring, 0);
    push(&ring, 0);
    WEIR__VERIFY(weir__ring_check(&ring));
    TEST_BREAKAGES(breakages, &ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_and_empties),
        cmocka_unit_test(keeps_order_at_random),
        cmocka_unit_test(is_not_seen_before_it_is_committed),
        cmocka_unit_test(reserving_alone_changes_nothing),
        cmocka_unit_test(a_slot_is_taken_until_it_is_freed),
        cmocka_unit_test(stamps_tell_the_round),
        cmocka_unit_test(asked_and_wants_room_stay),
        cmocka_unit_test(an_entry_says_its_events_size),
        cmocka_unit_test(all_that_is_in_several_arrays_comes_in_order),
        cmocka_unit_test(it_may_grow_at_any_time),
        cmocka_unit_test(without_memory_it_stays_as_it_is),
        cmocka_unit_test(crosses_from_thread_to_thread),
        cmocka_unit_test(grows_between_threads),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
