/*
 * Room on an edge: its ring grows, and what it cannot hold waits in the overflow.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a full ring becomes larger, up to what the demand may fill, and never
 * otherwise; beyond that, or without memory, entries wait in order, and the producer
 * is told of room; a message is sent whole or not at all; a dead consumer's are all
 * found, however many arrays they lie in.
 * Method: both ends of an edge driven by hand, with numbers as events.
 */
#include "support/cmocka.h"
#include "support/edge_scene.h"
#include "support/events.h"

enum { RING = WEIR__RING_ENTRIES_MAX, HOLDS = RING - 1 };

/* ---- growing ------------------------------------------------------------- */

/* An array at a time, each larger than the one before and freed when it has been left. */
static void a_full_ring_grows_up_to_the_demand(void **state) {
    (void)state;
    static const struct {
        size_t max_demand;
        uint32_t sizes[5];
    } cases[] = {{3, {4}}, {6, {4, 8}}, {100, {4, 16, 64, 128}}, {1000, {4, 16, 64, 256}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edge_scene f;
        edge_scene_open(&f, cases[i].max_demand);
        for (size_t grown = 0; cases[i].sizes[grown] > 0; grown++) {
            edge_scene_send_singly(&f, cases[i].sizes[grown] - 1 - f.next);
            assert_int_equal(f.edge->ring.ck.size, cases[i].sizes[grown]);
            assert_int_equal(weir__ring_count(&f.edge->ring), f.next);
            assert_int_equal(f.edge->overflow.count, 0);
        }
        edge_scene_take_all(&f);
        assert_int_equal(f.taken, f.next);
        assert_int_equal(weir__ring_count(&f.edge->ring), 0);
        const struct weir__entry *entries = f.edge->ring.producer.entries;
        edge_scene_send_singly(&f, cases[i].max_demand < 255 ? cases[i].max_demand : 255);
        assert_int_equal(f.edge->overflow.count, 0);
        edge_scene_take_all(&f);
        assert_true(f.edge->ring.producer.entries == entries); /* it stays as it is */
        assert_true(f.edge->ring.consumer.entries == entries);
        edge_scene_close(&f);
    }
}

/* What is taken as it comes never fills the ring, however much that is. */
static void a_ring_that_is_emptied_stays_small(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    for (int i = 0; i < 100; i++) {
        edge_scene_send(&f, 2, 0);
        edge_scene_send(&f, 2, 0);
        edge_scene_take_all(&f);
    }
    assert_int_equal(f.edge->ring.ck.size, WEIR__RING_ENTRIES_FIRST);
    edge_scene_close(&f);
}

/* A message of many slices: at once what it needs, and no more steps than one. */
static void a_ring_grows_by_what_a_message_needs(void **state) {
    (void)state;
    static const struct {
        uint64_t slices;
        uint32_t size;
        uint32_t overflow;
    } cases[] = {{3, 4, 0}, {4, 16, 0}, {15, 16, 0}, {16, 64, 0}, {255, 256, 0}, {300, 256, 45}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edge_scene f;
        edge_scene_open(&f, 1000);
        events_push_range(&f.emission, &f.pool[0], 0, cases[i].slices, 1);
        f.next = cases[i].slices;
        assert_int_equal(weir__edge_send(f.edge, &f.emission, f.next, &f.pool[0]), 0);
        assert_int_equal(f.edge->ring.ck.size, cases[i].size);
        assert_int_equal(f.edge->overflow.count, cases[i].overflow);
        do {
            edge_scene_take_all(&f);
        } while (weir__edge_flush(f.edge));
        assert_int_equal(f.taken, f.next);
        edge_scene_close(&f);
    }
}

/* Without memory the small ring serves, with the overflow behind it, and later it grows. */
static void without_memory_a_ring_stays_as_it_is(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send_singly(&f, 3);
    test_memory_fail(&f.memory, 1, false); /* of the ring; the overflow has some */
    events_push_range(&f.emission, &f.pool[0], f.next++, 1, 0);
    test_memory_fail(&f.memory, 1, false);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 1, &f.pool[0]), 0);
    assert_int_equal(f.edge->ring.ck.size, 4);
    assert_int_equal(f.edge->overflow.count, 1);
    assert_true(weir__edge_wants_room(f.edge));
    edge_scene_send_singly(&f, 4); /* behind it: order comes first */
    assert_int_equal(f.edge->ring.ck.size, 4);
    assert_int_equal(edge_scene_take(&f), 1);
    assert_true(weir__edge_made_room(f.edge));
    do {
        edge_scene_take_all(&f);
    } while (weir__edge_flush(f.edge));
    assert_false(weir__edge_wants_room(f.edge));
    assert_int_equal(f.taken, 8);
    edge_scene_send_singly(&f, 10);
    assert_int_equal(f.edge->ring.ck.size, 16);
    edge_scene_take_all(&f);
    assert_int_equal(f.taken, 18);
    edge_scene_close(&f);
}

/* A consumer far behind, with several arrays between: nothing is lost, all are freed. */
static void a_dead_consumer_leaves_what_is_in_all_arrays(void **state) {
    (void)state;
    for (uint64_t taken = 0; taken <= 300; taken += 13) {
        struct edge_scene f;
        edge_scene_open(&f, 1000);
        edge_scene_send_singly(&f, 300);
        for (uint64_t i = 0; i < taken && i < 255; i++) assert_int_equal(edge_scene_take(&f), 1);
        edge_scene_recover(&f, f.taken, f.next - f.taken, 0);
        edge_scene_close(&f);
    }
}

/* ---- the overflow -------------------------------------------------------- */

static void what_the_ring_cannot_hold_waits_in_order(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send_singly(&f, HOLDS);
    assert_int_equal(f.edge->ring.producer.wants_room, 0);
    assert_false(weir__edge_wants_room(f.edge));
    edge_scene_send_singly(&f, 100);
    assert_int_equal(f.edge->overflow.count, 100);
    assert_int_equal(f.edge->sent, HOLDS + 100); /* the overflow counts */
    assert_true(weir__edge_wants_room(f.edge));
    assert_false(weir__edge_has_demand(f.edge)); /* no room yet */
    assert_false(weir__edge_flush(f.edge));

    /* The consumer hints that there is room once half of the ring is empty. */
    for (int i = 0; i < HOLDS - RING / 2; i++) {
        assert_false(weir__edge_made_room(f.edge));
        assert_int_equal(edge_scene_take(&f), 1);
    }
    assert_true(weir__edge_made_room(f.edge));
    assert_true(weir__edge_has_demand(f.edge));

    /* What comes now goes behind what waits, room or not. */
    edge_scene_send_singly(&f, 1);
    assert_int_equal(f.edge->overflow.count, 101);
    assert_true(weir__edge_flush(f.edge));
    assert_int_equal(f.edge->overflow.count, 0);
    assert_false(weir__edge_wants_room(f.edge));
    edge_scene_take_all(&f);
    assert_int_equal(f.taken, HOLDS + 101);
    edge_scene_close(&f);
}

static void a_flush_moves_what_fits(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send_singly(&f, HOLDS + 10);
    for (int i = 0; i < 4; i++) assert_int_equal(edge_scene_take(&f), 1);
    assert_true(weir__edge_flush(f.edge));
    assert_int_equal(f.edge->overflow.count, 6);
    assert_true(weir__edge_wants_room(f.edge)); /* there is still something to move */
    edge_scene_take_all(&f);
    assert_true(weir__edge_flush(f.edge));
    assert_false(weir__edge_flush(f.edge));
    edge_scene_take_all(&f);
    assert_int_equal(f.taken, HOLDS + 10);
    edge_scene_close(&f);
}

/* A message of many slices may lie in both. */
static void a_message_may_span_ring_and_overflow(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send_singly(&f, HOLDS - 3);
    edge_scene_send(&f, 10, 1);
    assert_int_equal(f.edge->overflow.count, 7);
    uint32_t more = 0;
    while (f.taken < f.next) {
        bool goes_on = (edge_scene_next(&f)->flags & WEIR__MORE) != 0;
        if (edge_scene_take(&f) > 0) {
            more += goes_on;
        } else {
            assert_true(weir__edge_flush(f.edge));
        }
    }
    assert_int_equal(more, 9);
    edge_scene_close(&f);
}

/* ---- no memory ----------------------------------------------------------- */

static void without_memory_the_overflow_is_lost_and_counted(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send_singly(&f, HOLDS);
    events_push_range(&f.emission, &f.pool[0], HOLDS, 9, 3);
    test_memory_fail(&f.memory, 1, true);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 9, &f.pool[0]), 9);
    test_memory_fail_never(&f.memory);
    assert_true(weir__queue_empty(&f.emission));
    assert_int_equal(f.edge->sent, HOLDS);
    edge_scene_take_all(&f);
    assert_int_equal(f.taken, HOLDS);
    edge_scene_close(&f);
}

/*
 * A message is lost whole: the consumer would wait for the last slice of one that
 * is cut off, and take the next message for its end.
 */
static void a_message_is_never_cut_off(void **state) {
    (void)state;
    for (uint64_t room = 0; room < 12; room++) {
        struct edge_scene f;
        edge_scene_open(&f, 1000);
        edge_scene_send_singly(&f, HOLDS - room);
        events_push_range(&f.emission, &f.pool[0], f.next, 10, 1);
        test_memory_fail(&f.memory, 1, true);
        uint64_t lost = weir__edge_send(f.edge, &f.emission, 10, &f.pool[0]);
        test_memory_fail_never(&f.memory);
        assert_int_equal(lost, room >= 10 ? 0 : 10);
        f.next += 10 - lost;
        assert_int_equal(f.edge->sent, f.next);
        bool more = false;
        while (f.taken < f.next) {
            more = (edge_scene_next(&f)->flags & WEIR__MORE) != 0;
            assert_int_equal(edge_scene_take(&f), 1);
        }
        assert_false(more);
        edge_scene_close(&f);
    }
}

/* Nor where the ring has grown for it, and yet not enough. */
static void a_message_beyond_the_largest_ring_is_not_cut_off(void **state) {
    (void)state;
    for (uint64_t fail_at = 1; fail_at <= 2; fail_at++) {
        struct edge_scene f;
        edge_scene_open(&f, 1000);
        events_push_range(&f.emission, &f.pool[0], 0, RING + 10, 1);
        test_memory_fail(&f.memory, fail_at, true);
        assert_int_equal(weir__edge_send(f.edge, &f.emission, RING + 10, &f.pool[0]), RING + 10);
        test_memory_fail_never(&f.memory);
        assert_int_equal(f.edge->sent, 0);
        assert_int_equal(weir__ring_count(&f.edge->ring), 0);
        edge_scene_send_singly(&f, 5);
        edge_scene_take_all(&f);
        assert_int_equal(f.taken, 5);
        edge_scene_close(&f);
    }
}

static void without_memory_recovery_loses_and_counts(void **state) {
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 12; fail_at++) {
        struct edge_scene f;
        edge_scene_open(&f, 1000);
        edge_scene_send(&f, 3, 0); /* inline: a block is needed to keep them */
        edge_scene_send(&f, 30, 0);
        edge_scene_send_singly(&f, 40);
        struct weir__queue events;
        weir__queue_open(&events, &f.memory.allocator);
        test_memory_fail(&f.memory, fail_at, true);
        uint64_t lost = weir__edge_recover(f.edge, &events, &f.pool[0]);
        test_memory_fail_never(&f.memory);
        assert_int_equal(events.events + lost, 73);
        weir__queue_close(&events, WEIR_DISCARD_STOPPED, &f.pool[0]);
        edge_scene_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_grows_up_to_the_demand),
        cmocka_unit_test(a_ring_that_is_emptied_stays_small),
        cmocka_unit_test(a_ring_grows_by_what_a_message_needs),
        cmocka_unit_test(without_memory_a_ring_stays_as_it_is),
        cmocka_unit_test(a_dead_consumer_leaves_what_is_in_all_arrays),
        cmocka_unit_test(what_the_ring_cannot_hold_waits_in_order),
        cmocka_unit_test(a_flush_moves_what_fits),
        cmocka_unit_test(a_message_may_span_ring_and_overflow),
        cmocka_unit_test(without_memory_the_overflow_is_lost_and_counted),
        cmocka_unit_test(a_message_is_never_cut_off),
        cmocka_unit_test(a_message_beyond_the_largest_ring_is_not_cut_off),
        cmocka_unit_test(without_memory_recovery_loses_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
