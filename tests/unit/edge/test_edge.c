/*
 * The edge: every event that is sent is taken, or taken back, once and in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: slices and inline events cross in order, also when the ring is full and
 * the rest waits in the overflow; the positions say what they should; what a
 * dead consumer leaves is recovered, oldest first; the last reference frees.
 * Method: both ends of an edge driven by hand, with numbers as events; ring
 * indices begin just below their wrap; memory is counted, and refused on cue.
 */
#include "edge/edge.h"

#include "base/rng.h"
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <stdlib.h>
#include <string.h>

enum { PER_ENTRY = WEIR__ENTRY_INLINE_BYTES / sizeof(uint64_t) };

struct fixture {
    struct test_memory memory;
    struct weir__bell bell[2]; /* of the producer's worker, of the consumer's */
    struct weir__ready_stage stage[2];
    struct weir__pool pool[2];
    struct weir__edge *edge;
    struct weir__queue emission;
    uint64_t next;  /* number to be sent    */
    uint64_t taken; /* number expected next */
};

static void open_fixture(struct fixture *f, size_t max_demand) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    for (int i = 0; i < 2; i++) {
        weir__bell_open(&f->bell[i]);
        weir__ready_stage_open(&f->stage[i], &f->bell[i]);
        weir__pool_open(&f->pool[i], &f->memory.allocator);
    }
    weir__queue_open(&f->emission, &f->memory.allocator);
    const weir_subscribe_options options = {.max_demand = max_demand, .min_demand = 0};
    const weir_subscription id = {{1}, {2}, 3};
    weir__edge_ring_start = (uint32_t)-2;
    f->edge = weir__edge_open(&f->memory.allocator, id, &options, &f->stage[0], &f->stage[1]);
    weir__edge_ring_start = 0;
    assert_non_null(f->edge);
}

/* Both sides let go; everything must be free then. */
static void close_fixture(struct fixture *f) {
    weir__edge_release(f->edge);
    weir__edge_release(f->edge);
    weir__queue_close(&f->emission, &f->pool[0]);
    for (int i = 0; i < 2; i++) weir__pool_flush(&f->pool[i]);
    for (int i = 0; i < 2; i++) assert_int_equal(weir__pool_close(&f->pool[i]), 0);
    test_memory_close(&f->memory);
}

/* Sends the next `count` numbers as one message, in slices of `per_slice`. */
static uint64_t send(struct fixture *f, uint64_t count, size_t per_slice) {
    events_push_range(&f->emission, &f->pool[0], f->next, count, per_slice);
    f->next += count;
    uint64_t lost = weir__edge_send(f->edge, &f->emission, count, &f->pool[0]);
    assert_true(weir__queue_empty(&f->emission));
    return lost;
}

static const uint64_t *numbers_in(const struct weir__entry *entry) {
    return entry->block == NULL ? (const uint64_t *)(const void *)entry->events
                                : (const uint64_t *)weir__block_event(entry->block, entry->first);
}

static void drop(struct fixture *f, struct weir__entry *entry) {
    if (entry->block != NULL) weir__block_drop(entry->block, &f->pool[1]);
}

/* Takes one entry, whose numbers must be the next ones; its count, 0 when there is none. */
static uint32_t take(struct fixture *f) {
    struct weir__entry entry;
    if (!weir__edge_take(f->edge, &entry)) return 0;
    assert_int_equal(weir__entry_event_bytes(&entry), sizeof(uint64_t));
    const uint64_t *numbers = numbers_in(&entry);
    for (uint32_t i = 0; i < entry.count; i++) assert_int_equal(numbers[i], f->taken + i);
    f->taken += entry.count;
    assert_int_equal(f->edge->received, f->taken);
    drop(f, &entry);
    return entry.count;
}

static void take_all(struct fixture *f) {
    while (take(f) > 0) {}
}

/* ---- opening ------------------------------------------------------------- */

static void the_ring_has_room_for_the_demand(void **state) {
    (void)state;
    static const struct {
        size_t max_demand;
        uint32_t entries;
        bool can_overflow;
    } cases[] = {{1, 2, false},     {2, 4, false},
                 {3, 4, false},     {4, 8, false},
                 {127, 128, false}, {128, 256, false},
                 {255, 256, false}, {256, 256, true},
                 {1000, 256, true}, {WEIR_MAX_DEMAND_LIMIT, 256, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        open_fixture(&f, cases[i].max_demand);
        assert_int_equal(f.edge->ring.ck.size, cases[i].entries);
        assert_int_equal(f.edge->can_overflow, cases[i].can_overflow);
        assert_false(f.edge->local);
        assert_int_equal(f.edge->refs, 2);
        assert_int_equal(f.edge->id.id, 3);
        assert_int_equal(f.edge->options.max_demand, cases[i].max_demand);
        assert_int_equal((uintptr_t)f.edge % 128, 0);
        close_fixture(&f);
    }
}

static void an_edge_of_one_worker_is_local(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1);
    weir__ready_stage_open(&f.stage[1], &f.bell[0]);
    const weir_subscribe_options options = {.max_demand = 5};
    struct weir__edge *edge =
        weir__edge_open(&f.memory.allocator, f.edge->id, &options, &f.stage[0], &f.stage[1]);
    assert_true(edge->local);
    weir__edge_release(edge);
    weir__edge_release(edge);
    close_fixture(&f);
}

static void without_memory_there_is_no_edge(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1);
    test_memory_fail(&f.memory, 1, false);
    const weir_subscribe_options options = {.max_demand = 5};
    assert_null(
        weir__edge_open(&f.memory.allocator, f.edge->id, &options, &f.stage[0], &f.stage[1]));
    close_fixture(&f);
}

static void the_last_of_many_references_frees(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1);
    for (int i = 0; i < 5; i++) weir__edge_hold(f.edge);
    assert_int_equal(f.edge->refs, 7);
    uint64_t live = f.memory.live;
    for (int i = 0; i < 5; i++) weir__edge_release(f.edge);
    assert_int_equal(f.memory.live, live);
    assert_int_equal(f.edge->refs, 2);
    close_fixture(&f);
}

/* ---- demand -------------------------------------------------------------- */

static void asks_add_up_until_they_are_seen(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 10);
    assert_false(weir__edge_has_demand(f.edge));
    assert_int_equal(weir__edge_demand(f.edge), 0);
    weir__edge_ask(f.edge, 10);
    weir__edge_ask(f.edge, 5);
    assert_true(weir__edge_has_demand(f.edge));
    assert_int_equal(weir__edge_demand(f.edge), 15);
    assert_int_equal(weir__edge_demand(f.edge), 0);
    assert_false(weir__edge_has_demand(f.edge));
    weir__edge_ask(f.edge, WEIR_MAX_DEMAND_LIMIT);
    assert_int_equal(weir__edge_demand(f.edge), WEIR_MAX_DEMAND_LIMIT);
    close_fixture(&f);
}

static void positions_pass_32_bits(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 10);
    const uint64_t far = (UINT64_C(1) << 32) - 7;
    f.edge->sent = f.edge->received = f.edge->asked = f.edge->asked_seen = far;
    f.edge->ring.consumer.asked = far;
    f.next = f.taken = far;
    for (int i = 0; i < 4; i++) {
        weir__edge_ask(f.edge, 10);
        assert_int_equal(weir__edge_demand(f.edge), 10);
        send(&f, 10, 3);
        take_all(&f);
    }
    assert_int_equal(f.edge->sent, far + 40);
    assert_int_equal(f.edge->received, far + 40);
    assert_int_equal(f.edge->asked, far + 40);
    close_fixture(&f);
}

/* ---- sending ------------------------------------------------------------- */

static void small_messages_travel_in_the_entry(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 100);
    for (uint64_t count = 1; count <= PER_ENTRY + 2; count++) {
        send(&f, count, 0);
        const struct weir__entry *entry = weir__ring_next(&f.edge->ring);
        bool inline_events = count <= PER_ENTRY;
        assert_int_equal(entry->block == NULL, inline_events);
        assert_int_equal(entry->flags, 0);
        assert_int_equal(weir__pool_live(&f.pool[0]), inline_events ? 0 : 1);
        assert_int_equal(take(&f), count);
        weir__pool_flush(&f.pool[1]);
        weir__pool_collect(&f.pool[0]);
    }
    close_fixture(&f);
}

/* Several slices are one message: each but the last says that there is more. */
static void all_slices_but_the_last_say_more(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 100);
    send(&f, 5, 2);
    send(&f, 1, 0);
    static const struct {
        uint32_t count;
        uint16_t flags;
    } expected[] = {{2, WEIR__MORE}, {2, WEIR__MORE}, {1, 0}, {1, 0}};
    for (size_t i = 0; i < 4; i++) {
        const struct weir__entry *entry = weir__ring_next(&f.edge->ring);
        assert_int_equal(entry->flags, expected[i].flags);
        assert_int_equal(entry->block == NULL, (expected[i].flags & WEIR__MORE) == 0);
        assert_int_equal(take(&f), expected[i].count);
    }
    close_fixture(&f);
}

static void a_message_may_be_a_part_of_what_there_is(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 100);
    events_push_range(&f.emission, &f.pool[0], 0, 20, 20);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 6, &f.pool[0]), 0);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 14, &f.pool[0]), 0);
    assert_int_equal(f.edge->sent, 20);
    assert_int_equal(weir__ring_next(&f.edge->ring)->flags, 0); /* the split is no more */
    assert_int_equal(take(&f), 6);
    assert_int_equal(take(&f), 14);
    close_fixture(&f);
}

static void what_is_shared_stays_so(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 100);
    for (uint64_t count = 1; count < 20; count += 18) {
        events_push_range(&f.emission, &f.pool[0], f.next, count, 0);
        f.next += count;
        weir__queue_at(&f.emission, 0)->flags = WEIR__SHARED;
        weir__edge_send(f.edge, &f.emission, count, &f.pool[0]);
        const struct weir__entry *entry = weir__ring_next(&f.edge->ring);
        /* A copy in the entry is the consumer's own. */
        assert_int_equal(entry->flags, count == 1 ? 0 : WEIR__SHARED);
        assert_int_equal(take(&f), count);
    }
    close_fixture(&f);
}

/* ---- the overflow -------------------------------------------------------- */

enum { RING = WEIR__RING_ENTRIES_MAX, HOLDS = RING - 1 };

/* Sends one-event slices, each a message, until `count` are on their way. */
static void send_singly(struct fixture *f, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) assert_int_equal(send(f, 1, 0), 0);
}

static void what_the_ring_cannot_hold_waits_in_order(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1000);
    send_singly(&f, HOLDS);
    assert_int_equal(f.edge->ring.producer.wants_room, 0);
    assert_false(weir__edge_wants_room(f.edge));
    send_singly(&f, 100);
    assert_int_equal(f.edge->overflow.count, 100);
    assert_int_equal(f.edge->sent, HOLDS + 100); /* the overflow counts */
    assert_true(weir__edge_wants_room(f.edge));
    assert_false(weir__edge_has_demand(f.edge)); /* no room yet */
    assert_false(weir__edge_flush(f.edge));

    /* The consumer hints that there is room once half of the ring is empty. */
    for (int i = 0; i < HOLDS - RING / 2; i++) {
        assert_false(weir__edge_made_room(f.edge));
        assert_int_equal(take(&f), 1);
    }
    assert_true(weir__edge_made_room(f.edge));
    assert_true(weir__edge_has_demand(f.edge));

    /* What comes now goes behind what waits, room or not. */
    send_singly(&f, 1);
    assert_int_equal(f.edge->overflow.count, 101);
    assert_true(weir__edge_flush(f.edge));
    assert_int_equal(f.edge->overflow.count, 0);
    assert_false(weir__edge_wants_room(f.edge));
    take_all(&f);
    assert_int_equal(f.taken, HOLDS + 101);
    close_fixture(&f);
}

static void a_flush_moves_what_fits(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1000);
    send_singly(&f, HOLDS + 10);
    for (int i = 0; i < 4; i++) assert_int_equal(take(&f), 1);
    assert_true(weir__edge_flush(f.edge));
    assert_int_equal(f.edge->overflow.count, 6);
    assert_true(weir__edge_wants_room(f.edge)); /* there is still something to move */
    take_all(&f);
    assert_true(weir__edge_flush(f.edge));
    assert_false(weir__edge_flush(f.edge));
    take_all(&f);
    assert_int_equal(f.taken, HOLDS + 10);
    close_fixture(&f);
}

/* A message of many slices may lie in both. */
static void a_message_may_span_ring_and_overflow(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1000);
    send_singly(&f, HOLDS - 3);
    send(&f, 10, 1);
    assert_int_equal(f.edge->overflow.count, 7);
    uint32_t more = 0;
    while (f.taken < f.next) {
        const struct weir__entry *entry = weir__ring_next(&f.edge->ring);
        more += (entry->flags & WEIR__MORE) != 0;
        if (take(&f) == 0) assert_true(weir__edge_flush(f.edge));
    }
    assert_int_equal(more, 9);
    close_fixture(&f);
}

/*
 * Whatever asks, sends, takes and flushes follow each other, all comes in order
 * and sent <= asked.
 */
static void order_holds_at_random(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct weir__rng rng;
        weir__rng_seed(&rng, seed);
        struct fixture f;
        size_t max = seed % 2 ? 1 + weir__rng_below(&rng, 255) : 1000;
        open_fixture(&f, max);
        weir__edge_ask(f.edge, max);
        for (int step = 0; step < 600; step++) {
            uint64_t open = f.edge->asked - f.edge->sent;
            switch (weir__rng_below(&rng, 4)) {
            case 0:
            case 1:
                if (open > 0) send(&f, 1 + weir__rng_below(&rng, open), weir__rng_below(&rng, 3));
                break;
            case 2:
                for (uint64_t i = weir__rng_below(&rng, 300); i > 0; i--) {
                    uint32_t count = take(&f);
                    if (count == 0) break;
                    weir__edge_ask(f.edge, count);
                }
                break;
            default:
                weir__edge_flush(f.edge);
            }
            assert_true(f.edge->received <= f.edge->sent && f.edge->sent <= f.edge->asked);
            assert_true(f.edge->asked <= f.edge->received + max);
        }
        do {
            take_all(&f);
        } while (weir__edge_flush(f.edge));
        assert_int_equal(f.taken, f.next);
        close_fixture(&f);
    }
}

/* ---- closing ------------------------------------------------------------- */

/* After CLOSE the overflow is the consumer's, and comes behind the ring. */
static void the_end_follows_the_events(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1000);
    send_singly(&f, HOLDS + 20);
    f.edge->final = f.edge->sent;
    take_all(&f);
    assert_int_equal(f.taken, HOLDS); /* the overflow is the producer's still */
    assert_false(weir__edge_has_events(f.edge));
    f.edge->closing = true;
    assert_true(weir__edge_has_events(f.edge));
    assert_false(weir__edge_wants_room(f.edge));
    take_all(&f);
    assert_int_equal(f.edge->received, f.edge->final);
    assert_true(weir__edge_has_events(f.edge)); /* the end itself */
    f.edge->ended = true;
    assert_false(weir__edge_has_events(f.edge));
    close_fixture(&f);
}

/* ---- recovering ---------------------------------------------------------- */

static void assert_recovered(struct fixture *f, uint64_t first, uint64_t count, uint64_t lost) {
    struct weir__queue events;
    weir__queue_open(&events, &f->memory.allocator);
    assert_int_equal(weir__edge_recover(f->edge, &events, &f->pool[0]), lost);
    assert_int_equal(events.events, count);
    uint64_t *numbers = calloc(count + 1, sizeof *numbers);
    assert_non_null(numbers);
    weir__queue_gather(&events, numbers, count, &f->pool[0]);
    for (uint64_t i = 0; i < count; i++) assert_int_equal(numbers[i], first + i);
    free(numbers);
    weir__queue_close(&events, &f->pool[0]);
    f->taken = f->next;
}

/* What the consumer had not begun, then the ring (inline or not), then the overflow. */
static void recovers_oldest_first(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1000);
    send(&f, 30, 0);
    struct weir__entry entry;
    assert_true(weir__edge_take(f.edge, &entry));
    struct weir__item begun = {.block = entry.block,
                               .first = entry.first + 10, /* of which ten were handled */
                               .count = entry.count - 10,
                               .event_bytes = sizeof(uint64_t)};
    assert_true(weir__queue_push(&f.edge->returned, begun));
    send(&f, 3, 0);
    send(&f, 20, 7);
    send_singly(&f, HOLDS);
    assert_true(f.edge->overflow.count > 0);
    assert_recovered(&f, 10, f.next - 10, 0);
    assert_recovered(&f, 0, 0, 0);
    close_fixture(&f);
}

/* ---- no memory ----------------------------------------------------------- */

static void without_memory_the_overflow_is_lost_and_counted(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 1000);
    send_singly(&f, HOLDS);
    events_push_range(&f.emission, &f.pool[0], HOLDS, 9, 3);
    test_memory_fail(&f.memory, 1, true);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 9, &f.pool[0]), 9);
    test_memory_fail_never(&f.memory);
    assert_true(weir__queue_empty(&f.emission));
    assert_int_equal(f.edge->sent, HOLDS);
    take_all(&f);
    assert_int_equal(f.taken, HOLDS);
    close_fixture(&f);
}

/*
 * A message is lost whole: the consumer would wait for the last slice of one that
 * is cut off, and take the next message for its end.
 */
static void a_message_is_never_cut_off(void **state) {
    (void)state;
    for (uint64_t room = 0; room < 12; room++) {
        struct fixture f;
        open_fixture(&f, 1000);
        send_singly(&f, HOLDS - room);
        events_push_range(&f.emission, &f.pool[0], f.next, 10, 1);
        test_memory_fail(&f.memory, 1, true);
        uint64_t lost = weir__edge_send(f.edge, &f.emission, 10, &f.pool[0]);
        test_memory_fail_never(&f.memory);
        assert_int_equal(lost, room >= 10 ? 0 : 10);
        f.next += 10 - lost;
        assert_int_equal(f.edge->sent, f.next);
        bool more = false;
        while (f.taken < f.next) {
            more = (weir__ring_next(&f.edge->ring)->flags & WEIR__MORE) != 0;
            assert_int_equal(take(&f), 1);
        }
        assert_false(more);
        close_fixture(&f);
    }
}

static void without_memory_recovery_loses_and_counts(void **state) {
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 12; fail_at++) {
        struct fixture f;
        open_fixture(&f, 1000);
        send(&f, 3, 0); /* inline: a block is needed to keep them */
        send(&f, 30, 0);
        send_singly(&f, 40);
        struct weir__queue events;
        weir__queue_open(&events, &f.memory.allocator);
        test_memory_fail(&f.memory, fail_at, true);
        uint64_t lost = weir__edge_recover(f.edge, &events, &f.pool[0]);
        test_memory_fail_never(&f.memory);
        assert_int_equal(events.events + lost, 73);
        weir__queue_close(&events, &f.pool[0]);
        close_fixture(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ring_has_room_for_the_demand),
        cmocka_unit_test(an_edge_of_one_worker_is_local),
        cmocka_unit_test(without_memory_there_is_no_edge),
        cmocka_unit_test(the_last_of_many_references_frees),
        cmocka_unit_test(asks_add_up_until_they_are_seen),
        cmocka_unit_test(positions_pass_32_bits),
        cmocka_unit_test(small_messages_travel_in_the_entry),
        cmocka_unit_test(all_slices_but_the_last_say_more),
        cmocka_unit_test(a_message_may_be_a_part_of_what_there_is),
        cmocka_unit_test(what_is_shared_stays_so),
        cmocka_unit_test(what_the_ring_cannot_hold_waits_in_order),
        cmocka_unit_test(a_flush_moves_what_fits),
        cmocka_unit_test(a_message_may_span_ring_and_overflow),
        cmocka_unit_test(order_holds_at_random),
        cmocka_unit_test(the_end_follows_the_events),
        cmocka_unit_test(recovers_oldest_first),
        cmocka_unit_test(without_memory_the_overflow_is_lost_and_counted),
        cmocka_unit_test(a_message_is_never_cut_off),
        cmocka_unit_test(without_memory_recovery_loses_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
