/*
 * The shared ring: each entry goes whole to exactly one taker, the oldest first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is committed is taken once, in order, byte for byte; a full ring
 * refuses; a slot that is still being copied out is not given to the producer
 * again; all this also while the 32-bit indices pass from 2^32 - 1 to 0.
 * Method: rings of several sizes begun before the wrap; a slot that is held by
 * hand; then one producer and three takers on threads of their own.
 */
#include "ring/spmc.h"

#include "os/thread.h"
#include "support/aborts.h"
#include "support/cmocka.h"

#include <sched.h>

enum { SIZE_MAX_TESTED = 64, TAKERS = 3, ENTRIES = 30000 };

static struct weir__entry slots[SIZE_MAX_TESTED] __attribute__((aligned(64)));
static struct ck_ring_buffer places[SIZE_MAX_TESTED];
static struct weir__spmc ring;

static void open_ring(uint32_t size, uint32_t before_wrap) {
    memset(slots, 0xa5, sizeof slots);
    weir__spmc_open(&ring, places, slots, size, (uint32_t)0 - before_wrap);
}

static bool push(uint32_t number) {
    struct weir__entry *slot = weir__spmc_reserve(&ring);
    if (slot == NULL) return false;
    slot->block = NULL;
    slot->first = number;
    slot->count = ~number;
    memset(slot->events, (int)(number & 0xff), sizeof slot->events);
    weir__spmc_commit(&ring, slot);
    return true;
}

static bool is_whole(const struct weir__entry *entry) {
    for (size_t i = 0; i < sizeof entry->events; i++) {
        if (entry->events[i] != (entry->first & 0xff)) return false;
    }
    return entry->block == NULL && entry->count == ~entry->first;
}

static void assert_taken(uint32_t number) {
    struct weir__entry entry = {0};
    assert_true(weir__spmc_take(&ring, &entry));
    assert_int_equal(entry.first, number);
    assert_true(is_whole(&entry));
}

static void fills_and_empties(void **state) {
    (void)state;
    struct weir__entry entry = {0};
    for (uint32_t size = 2; size <= SIZE_MAX_TESTED; size *= 2) {
        open_ring(size, size + 1);
        uint32_t next = 0;
        uint32_t taken = 0;
        for (uint32_t round = 0; round < 5; round++) {
            while (push(next)) next++;
            assert_int_equal(next - taken, size - 1);
            assert_int_equal(weir__spmc_count(&ring), size - 1);
            while (taken < next - round % size / 2) assert_taken(taken++);
        }
        while (taken < next) assert_taken(taken++);
        assert_false(weir__spmc_take(&ring, &entry));
        assert_int_equal(weir__spmc_count(&ring), 0);
    }
}

static void what_is_reserved_is_not_seen(void **state) {
    (void)state;
    struct weir__entry entry = {0};
    open_ring(4, 2);
    assert_ptr_equal(weir__spmc_reserve(&ring), weir__spmc_reserve(&ring));
    assert_false(weir__spmc_take(&ring, &entry));
}

/* A taker stands still amid its copy: the others go on, the producer up to that slot. */
static void a_slot_in_use_holds_up_the_producer_only(void **state) {
    (void)state;
    open_ring(4, 1);
    for (uint32_t i = 0; i < 3; i++) assert_true(push(i));
    for (uint32_t i = 0; i < 3; i++) assert_taken(i);
    struct weir__entry *held = places[(0u - 1u) & 3].value;
    assert_int_equal(held->first, 0);
    held->stamp = 1; /* the taker of entry 0 has not come so far yet */
    assert_true(push(3));
    assert_false(push(4));
    assert_taken(3);
    assert_false(push(4));
    held->stamp = 0;
    assert_true(push(4));
    assert_taken(4);
}

/* ---- threads ------------------------------------------------------------- */

static unsigned char seen[TAKERS][ENTRIES];
static bool in_order[TAKERS];
static uint32_t taken_by_all;

static void run_taker(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    uint32_t next = 0;
    in_order[number] = true;
    while (weir__load_relaxed_u32(&taken_by_all) < ENTRIES) {
        struct weir__entry entry = {0};
        if (!weir__spmc_take(&ring, &entry)) {
            sched_yield();
            continue;
        }
        in_order[number] = in_order[number] && entry.first >= next && is_whole(&entry);
        next = entry.first + 1;
        seen[number][entry.first]++;
        weir__fetch_add_u32(&taken_by_all, 1);
    }
}

static void each_entry_goes_to_one_of_many(void **state) {
    (void)state;
    struct weir__thread threads[TAKERS];
    open_ring(8, 100);
    for (uintptr_t i = 0; i < TAKERS; i++) {
        assert_int_equal(weir__thread_start(&threads[i], "taker", run_taker, (void *)i), 0);
    }
    for (uint32_t i = 0; i < ENTRIES;) {
        if (push(i)) {
            i++;
        } else {
            sched_yield();
        }
    }
    for (int i = 0; i < TAKERS; i++) weir__thread_join(&threads[i]);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        int times = 0;
        for (int t = 0; t < TAKERS; t++) times += seen[t][i];
        if (times != 1) fail_msg("entry %u was taken %d times", i, times);
    }
    for (int i = 0; i < TAKERS; i++) assert_true(in_order[i]);
}

static void pass_the_tail(void *argument) {
    (void)argument;
    ring.ck.c_head = ring.ck.p_tail + 1;
    WEIR__VERIFY(weir__spmc_check(&ring));
}

static void free_a_slot(void *argument) {
    (void)argument;
    slots[ring.ck.c_head & ring.ck.mask].stamp = 0;
    WEIR__VERIFY(weir__spmc_check(&ring));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {pass_the_tail, "end - next <= ring->ck.size - 1"},
        {free_a_slot, "slot->stamp == 1"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    open_ring(4, 1);
    push(0);
    push(1);
    WEIR__VERIFY(weir__spmc_check(&ring));
    TEST_BREAKAGES(breakages, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_and_empties),
        cmocka_unit_test(what_is_reserved_is_not_seen),
        cmocka_unit_test(a_slot_in_use_holds_up_the_producer_only),
        cmocka_unit_test(each_entry_goes_to_one_of_many),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
