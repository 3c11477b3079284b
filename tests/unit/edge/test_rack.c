/*
 * The shared queue: entries are cut, taken once, taken back, and left to the takers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is published comes in entries of at most the grain, in order, each
 * to one taker; small slices are gathered; what finds no room waits, and moves up;
 * as many sleepers are raised as entries wait, of those that want; a manual taker
 * takes as much as it asked for; what is left over at the end is taken, taken
 * back, or dropped and counted.
 * Method: a producer and two takers on workers of their own, driven by hand, with
 * numbers as events; ring indices begin just below their wrap; memory is counted,
 * and refused on cue.
 */
#include "edge/rack.h"

#include "edge/outbox.h"
#include "support/cmocka.h"
#include "support/edge_scene.h"
#include "support/events.h"
#include "support/memory.h"

#include <string.h>

enum { TAKERS = 2, WORKERS = TAKERS + 1, PRODUCER = TAKERS };

struct fixture {
    struct test_memory memory;
    struct weir__bell bell[WORKERS];
    struct weir__ready_stage stage[WORKERS];
    struct weir__pool pool[WORKERS];
    struct weir__edge *edge[TAKERS];
    struct weir__rack *rack;
    struct weir__queue emission;
    struct weir__outbox outbox;
    uint64_t next;
};

static void join(struct fixture *f, int taker) {
    const weir_subscribe_options options = {.max_demand = 100, .min_demand = 50};
    const weir_subscription id = {{1}, {2}, 3};
    struct weir__edge *edge = weir__edge_open(&f->memory.allocator, id, &options, true,
                                              &f->stage[PRODUCER], &f->stage[taker]);
    assert_non_null(edge);
    edge->wants = 1;
    weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_OPEN);
    weir__rack_join(f->rack, edge);
    f->edge[taker] = edge;
}

static void open_fixture(struct fixture *f, uint32_t entries) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    for (int i = 0; i < WORKERS; i++) {
        weir__bell_open(&f->bell[i]);
        weir__ready_stage_open(&f->stage[i], &f->bell[i]);
        weir__pool_open(&f->pool[i], &f->memory.allocator);
    }
    weir__queue_open(&f->emission, &f->memory.allocator);
    weir__edge_ring_start = (uint32_t)-2;
    f->rack = weir__rack_open(&f->memory.allocator, entries);
    weir__edge_ring_start = 0;
    assert_non_null(f->rack);
    for (int i = TAKERS - 1; i >= 0; i--) join(f, i); /* so that 0 is the first to be woken */
}

static void let_go(struct fixture *f, int taker) {
    edge_scene_release(f->edge[taker]);
    f->edge[taker] = NULL;
}

/* Takers first, then the producer; `left` events are still there. */
static void close_fixture(struct fixture *f, uint64_t left) {
    uint64_t dropped = 0;
    for (int i = 0; i < TAKERS; i++) {
        if (f->edge[i] == NULL) continue;
        dropped += weir__rack_leave(f->rack, &f->pool[PRODUCER]);
        let_go(f, i);
    }
    dropped += weir__rack_leave(f->rack, &f->pool[PRODUCER]);
    assert_int_equal(dropped, left);
    weir__queue_close(&f->emission, WEIR_DISCARD_STOPPED, &f->pool[PRODUCER]);
    for (int i = 0; i < WORKERS; i++) weir__pool_flush(&f->pool[i]);
    for (int i = 0; i < WORKERS; i++) assert_int_equal(weir__pool_close(&f->pool[i]), 0);
    test_memory_close(&f->memory);
}

/* Publishes the next `count` numbers, which come in slices of `per_slice` (0: in one). */
static uint64_t publish(struct fixture *f, uint64_t count, size_t per_slice, uint64_t grain) {
    events_push_range(&f->emission, &f->pool[PRODUCER], f->next, count, per_slice);
    f->next += count;
    uint64_t lost = weir__rack_publish(f->rack, &f->emission, count, grain, &f->pool[PRODUCER]);
    assert_true(weir__queue_empty(&f->emission));
    return lost;
}

/* Takes an entry that must begin with that number; returns how many events it has. */
static uint32_t take(struct fixture *f, int taker, uint64_t first) {
    struct weir__entry entry;
    if (!weir__rack_take(f->edge[taker], &entry)) return 0;
    assert_int_equal(entry.flags & WEIR__MORE, 0);
    for (uint32_t i = 0; i < entry.count; i++) {
        const uint64_t *number = entry.block == NULL
                                     ? (const uint64_t *)(const void *)entry.events + i
                                     : weir__block_event(entry.block, entry.first + i);
        assert_int_equal(*number, first + i);
    }
    if (entry.block != NULL) weir__block_drop(entry.block, &f->pool[taker]);
    return entry.count;
}

static bool is_raised(const struct fixture *f, int taker) {
    return f->edge[taker]->ready[WEIR__EVENTS].raised != 0;
}

/* The taker cools, and has nothing else before it. */
static void cool(struct fixture *f, int taker) {
    struct weir__ready_edge *ready = &f->edge[taker]->ready[WEIR__EVENTS];
    weir__rack_before_cooling(f->edge[taker], true);
    if (ready->raised != 0) weir__edge_release(f->edge[taker]);
    weir__ready_lower(&ready->raised);
    weir__stack_take(&f->stage[taker].edges);
    weir__stack_take(&f->bell[taker].stages);
    f->stage[taker].raised = 0;
}

static void wake(struct fixture *f) {
    weir__outbox_touch_rack(&f->outbox, f->rack);
    weir__outbox_flush(&f->outbox);
}

/* ---- entries ------------------------------------------------------------- */

static void entries_have_at_most_the_grain(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 16);
    assert_int_equal(publish(&f, 10, 0, 4), 0);
    assert_int_equal(publish(&f, 3, 0, 4), 0);
    assert_int_equal(take(&f, 0, 0), 4);
    assert_int_equal(take(&f, 1, 4), 4);
    assert_int_equal(take(&f, 1, 8), 2);
    assert_int_equal(take(&f, 0, 10), 3);
    assert_int_equal(take(&f, 0, 13), 0);
    assert_int_equal(f.edge[0]->received, 7);
    assert_int_equal(f.edge[1]->received, 6);
    close_fixture(&f, 0);
}

static void small_slices_are_gathered(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 16);
    assert_int_equal(publish(&f, 40, 1, 30), 0);
    assert_int_equal(take(&f, 0, 0), 30);
    assert_int_equal(take(&f, 0, 30), 10);
    close_fixture(&f, 0);
}

static void what_finds_no_room_waits_in_order(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 4);
    assert_int_equal(publish(&f, 8, 0, 1), 0); /* 3 on the ring, 5 behind it */
    assert_int_equal(f.rack->overflow.events, 5);
    assert_true(weir__rack_wants_room(f.edge[0]));
    assert_false(weir__rack_made_room(f.edge[0]));
    assert_false(weir__rack_has_room(f.rack, f.edge[0]));
    assert_int_equal(take(&f, 0, 0), 1);
    assert_int_equal(take(&f, 0, 1), 1);
    assert_true(weir__rack_made_room(f.edge[0]));
    assert_true(weir__rack_has_room(f.rack, f.edge[0]));
    publish(&f, 1, 0, 1); /* does not overtake */
    assert_true(weir__rack_flush(f.rack, f.edge[0]));
    for (uint64_t i = 2; i < 5; i++) assert_int_equal(take(&f, i % TAKERS, i), 1);
    assert_true(weir__rack_flush(f.rack, f.edge[1]));
    for (uint64_t i = 5; i < 8; i++) assert_int_equal(take(&f, 0, i), 1);
    assert_true(weir__rack_flush(f.rack, f.edge[1]));
    assert_false(weir__rack_wants_room(f.edge[0]));
    assert_false(weir__rack_flush(f.rack, f.edge[1]));
    assert_int_equal(take(&f, 0, 8), 1);
    close_fixture(&f, 0);
}

static void without_memory_the_overflow_is_lost_and_counted(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 2);
    events_push_range(&f.emission, &f.pool[PRODUCER], 0, 20, 0);
    test_memory_fail(&f.memory, 1, true);
    assert_int_equal(weir__rack_publish(f.rack, &f.emission, 20, 6, &f.pool[PRODUCER]), 14);
    test_memory_fail_never(&f.memory);
    assert_int_equal(take(&f, 0, 0), 6);
    assert_int_equal(take(&f, 0, 6), 0);
    close_fixture(&f, 0);
}

/* ---- who takes ----------------------------------------------------------- */

static void by_hand_it_takes_what_it_asked_for(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 16);
    f.edge[0]->manual = true;
    publish(&f, 4, 0, 1);
    assert_int_equal(take(&f, 0, 0), 0);
    weir__edge_ask_by_hand(f.edge[0], 2);
    assert_true(f.edge[0]->ready[WEIR__EVENTS].hot); /* it looks itself */
    assert_int_equal(take(&f, 0, 0), 1);
    assert_int_equal(take(&f, 0, 1), 1);
    assert_int_equal(take(&f, 0, 2), 0);
    weir__edge_unheat(f.edge[0], WEIR__EVENTS);
    close_fixture(&f, 2);
}

static void a_sleeper_is_raised_for_each_entry(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 16);
    publish(&f, 1, 0, 1);
    wake(&f);
    assert_true(is_raised(&f, 0));
    assert_false(is_raised(&f, 1));
    wake(&f); /* the first is awake, but may be busy: the entry is still there */
    assert_true(is_raised(&f, 1));
    assert_int_equal(take(&f, 1, 0), 1);
    cool(&f, 0);
    cool(&f, 1);
    wake(&f); /* nothing is there */
    assert_false(is_raised(&f, 0) || is_raised(&f, 1));
    publish(&f, 5, 0, 1);
    wake(&f);
    assert_true(is_raised(&f, 0) && is_raised(&f, 1));
    cool(&f, 0);
    cool(&f, 1);
    close_fixture(&f, 5);
}

static void who_cannot_take_is_not_raised(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 16);
    weir__rack_before_cooling(f.edge[0], false); /* something else waits there */
    publish(&f, 1, 0, 1);
    assert_true(weir__rack_declines(f.edge[0]));
    assert_false(weir__rack_has_events(f.edge[0]));
    assert_true(weir__rack_has_events(f.edge[1]));
    wake(&f);
    assert_false(is_raised(&f, 0));
    assert_true(is_raised(&f, 1));
    cool(&f, 1);
    weir__rack_decline(f.edge[0]);
    assert_true(weir__rack_has_room(f.rack, f.edge[0])); /* the producer does not cool */
    assert_true(weir__rack_flush(f.rack, f.edge[0]));    /* and wakes anew */
    assert_false(weir__rack_flush(f.rack, f.edge[0]));
    weir__rack_unlist(f.rack, f.edge[1]);
    wake(&f);
    assert_false(is_raised(&f, 1));
    close_fixture(&f, 1);
}

/* ---- ends ---------------------------------------------------------------- */

static void what_nobody_took_is_taken_back_in_order(void **state) {
    (void)state;
    struct fixture f;
    struct weir__queue back;
    uint64_t numbers[20];
    open_fixture(&f, 4);
    weir__queue_open(&back, &f.memory.allocator);
    publish(&f, 20, 0, 2); /* in entries and in slices */
    assert_int_equal(take(&f, 0, 0), 2);
    assert_int_equal(weir__rack_recall(f.rack, &back, &f.pool[PRODUCER]), 0);
    assert_int_equal(back.events, 18);
    weir__queue_gather(&back, numbers, 18, &f.pool[PRODUCER]);
    for (uint64_t i = 0; i < 18; i++) assert_int_equal(numbers[i], i + 2);
    assert_false(weir__rack_wants_room(f.edge[0]));
    assert_int_equal(take(&f, 0, 2), 0);
    weir__queue_close(&back, WEIR_DISCARD_STOPPED, &f.pool[PRODUCER]);
    close_fixture(&f, 0);
}

static void close_edges(struct fixture *f, weir_cancel_cause cause) {
    for (int i = 0; i < TAKERS; i++) {
        weir__consumer_move(&f->edge[i]->consumer_state, WEIR__CONSUMER_CLOSING);
        f->edge[i]->close_cause = cause;
    }
}

/* The producer has stopped: ring and overflow are the takers'. */
static void at_the_end_the_takers_empty_it(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 4);
    publish(&f, 8, 0, 1);
    close_edges(&f, WEIR_DOWN);
    for (uint64_t i = 0; i < 8; i++) {
        assert_false(weir__edge_complete(f.edge[0]));
        assert_int_equal(take(&f, i % TAKERS, i), 1);
    }
    assert_true(weir__edge_complete(f.edge[0]) && weir__edge_complete(f.edge[1]));
    assert_true(weir__rack_has_events(f.edge[0])); /* the end itself */
    weir__consumer_move(&f.edge[0]->consumer_state, WEIR__CONSUMER_ENDED);
    assert_false(weir__rack_has_events(f.edge[0]));
    close_fixture(&f, 0);
}

static void who_cancels_takes_no_more(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 4);
    publish(&f, 2, 0, 1);
    close_edges(&f, WEIR_CANCEL);
    assert_int_equal(take(&f, 0, 0), 0);
    assert_true(weir__edge_complete(f.edge[0]));
    close_fixture(&f, 2);
}

/* By hand, and not asked for: it is not waited for. */
static void at_the_end_nobody_is_made_to_ask(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, 4);
    f.edge[0]->manual = true;
    publish(&f, 6, 0, 1);
    close_edges(&f, WEIR_DOWN);
    assert_true(weir__edge_complete(f.edge[0]));
    assert_false(weir__edge_complete(f.edge[1]));
    assert_int_equal(take(&f, 0, 0), 0);
    close_fixture(&f, 6); /* ring and overflow */
}

static void without_memory_there_is_none(void **state) {
    (void)state;
    struct test_memory memory;
    test_memory_open(&memory);
    test_memory_fail(&memory, 1, false);
    assert_null(weir__rack_open(&memory.allocator, 16));
    test_memory_close(&memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_have_at_most_the_grain),
        cmocka_unit_test(small_slices_are_gathered),
        cmocka_unit_test(what_finds_no_room_waits_in_order),
        cmocka_unit_test(without_memory_the_overflow_is_lost_and_counted),
        cmocka_unit_test(by_hand_it_takes_what_it_asked_for),
        cmocka_unit_test(a_sleeper_is_raised_for_each_entry),
        cmocka_unit_test(who_cannot_take_is_not_raised),
        cmocka_unit_test(what_nobody_took_is_taken_back_in_order),
        cmocka_unit_test(at_the_end_the_takers_empty_it),
        cmocka_unit_test(who_cancels_takes_no_more),
        cmocka_unit_test(at_the_end_nobody_is_made_to_ask),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
