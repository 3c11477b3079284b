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
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/edge_scene.h"
#include "support/events.h"

#include <stdlib.h>
#include <string.h>

enum { HOLDS = WEIR__RING_ENTRIES_MAX - 1 };
enum { PER_ENTRY = WEIR__ENTRY_INLINE_BYTES / sizeof(uint64_t) };

/* ---- opening ------------------------------------------------------------- */

static void the_ring_begins_small_and_has_room_for_the_demand(void **state) {
    (void)state;
    static const struct {
        size_t max_demand;
        uint32_t first;
        uint32_t most;
        bool can_overflow;
    } cases[] = {{1, 2, 2, false},     {2, 4, 4, false},
                 {3, 4, 4, false},     {4, 4, 8, false},
                 {127, 4, 128, false}, {128, 4, 256, false},
                 {255, 4, 256, false}, {256, 4, 256, true},
                 {1000, 4, 256, true}, {WEIR_MAX_DEMAND_LIMIT, 4, 256, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct edge_scene f;
        edge_scene_open(&f, cases[i].max_demand);
        assert_int_equal(f.edge->ring.ck.size, cases[i].first);
        assert_int_equal(f.edge->ring_most, cases[i].most);
        assert_int_equal(f.edge->can_overflow, cases[i].can_overflow);
        assert_false(f.edge->local);
        assert_int_equal(f.edge->refs, 2);
        assert_int_equal(f.edge->id.id, 3);
        assert_int_equal(f.edge->options->max_demand, cases[i].max_demand);
        assert_int_equal((uintptr_t)f.edge % 128, 0);
        edge_scene_close(&f);
    }
}

static void an_edge_of_one_worker_is_local(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1);
    weir__ready_stage_open(&f.stage[1], &f.bell[0]);
    const weir_subscribe_options options = {.max_demand = 5};
    struct weir__edge *edge =
        weir__edge_open(&f.memory.allocator, f.edge->id, &options, false, &f.stage[0], &f.stage[1]);
    assert_true(edge->local);
    weir__edge_release(edge);
    weir__edge_release(edge);
    edge_scene_close(&f);
}

/* They lie in one place; others, which may be anywhere, are copied. */
static void only_unusual_options_are_copied(void **state) {
    (void)state;
    static int somebody;
    const weir_subscribe_options usual = {
        .max_demand = 1000, .min_demand = 500, .cancel = WEIR_TRANSIENT};
    const weir_subscribe_options unusual[] = {
        {.max_demand = 999, .min_demand = 500},
        {.max_demand = 1000, .min_demand = 499},
        {.max_demand = 1000, .min_demand = 500, .user = &somebody},
        {.max_demand = 1000, .min_demand = 500, .selector_context = &somebody},
        {.max_demand = 1000, .min_demand = 500, .partition = 1},
        {.max_demand = 1000, .min_demand = 500, .partition_name = ""},
        {.max_demand = 1000, .min_demand = 500, .max_bytes = 1}};
    struct edge_scene f;
    edge_scene_open(&f, 1);
    struct weir__edge *edge =
        weir__edge_open(&f.memory.allocator, f.edge->id, &usual, false, &f.stage[0], &f.stage[1]);
    assert_ptr_not_equal(edge->options, &usual);
    assert_memory_equal(edge->options, &usual, sizeof usual);
    size_t bytes = edge->bytes;
    edge_scene_release(edge);
    for (size_t i = 0; i < sizeof unusual / sizeof *unusual; i++) {
        weir_subscribe_options gone = unusual[i];
        edge = weir__edge_open(&f.memory.allocator, f.edge->id, &gone, false, &f.stage[0],
                               &f.stage[1]);
        memset(&gone, 0xa5, sizeof gone);
        assert_int_equal(edge->bytes, bytes + sizeof gone);
        assert_memory_equal(edge->options, &unusual[i], sizeof gone);
        assert_ptr_equal(edge->outlet.options, edge->options);
        edge_scene_release(edge);
    }
    edge_scene_close(&f);
}

/* Nothing is to come by it; should something come all the same, it grows as any. */
static void a_taker_s_ring_begins_with_nothing(void **state) {
    (void)state;
    const weir_subscribe_options options = {.max_demand = 1000, .min_demand = 500};
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    size_t bytes = f.edge->bytes;
    edge_scene_release(f.edge);
    f.edge = weir__edge_open(&f.memory.allocator, (weir_subscription){{1}, {2}, 3}, &options, true,
                             &f.stage[0], &f.stage[1]);
    assert_in_range(f.edge->bytes, 1, bytes - 3 * sizeof(struct weir__entry));
    assert_true(weir__ring_empty(&f.edge->ring));
    assert_null(weir__ring_reserve(&f.edge->ring));
    edge_scene_send_singly(&f, 5);
    edge_scene_take_all(&f);
    assert_int_equal(f.taken, 5);
    edge_scene_close(&f);
}

static void without_memory_there_is_no_edge(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1);
    test_memory_fail(&f.memory, 1, false);
    const weir_subscribe_options options = {.max_demand = 5};
    assert_null(weir__edge_open(&f.memory.allocator, f.edge->id, &options, false, &f.stage[0],
                                &f.stage[1]));
    edge_scene_close(&f);
}

static void the_last_of_many_references_frees(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1);
    for (int i = 0; i < 5; i++) weir__edge_hold(f.edge);
    assert_int_equal(f.edge->refs, 7);
    uint64_t live = f.memory.live;
    for (int i = 0; i < 5; i++) weir__edge_release(f.edge);
    assert_int_equal(f.memory.live, live);
    assert_int_equal(f.edge->refs, 2);
    edge_scene_close(&f);
}

/* ---- demand -------------------------------------------------------------- */

static void asks_add_up_until_they_are_seen(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 10);
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
    edge_scene_close(&f);
}

static void positions_pass_32_bits(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 10);
    const uint64_t far = (UINT64_C(1) << 32) - 7;
    f.edge->sent = f.edge->received = f.edge->asked = f.edge->asked_seen = far;
    f.edge->ring.consumer.asked = far;
    f.next = f.taken = far;
    for (int i = 0; i < 4; i++) {
        weir__edge_ask(f.edge, 10);
        assert_int_equal(weir__edge_demand(f.edge), 10);
        edge_scene_send(&f, 10, 3);
        edge_scene_take_all(&f);
    }
    assert_int_equal(f.edge->sent, far + 40);
    assert_int_equal(f.edge->received, far + 40);
    assert_int_equal(f.edge->asked, far + 40);
    edge_scene_close(&f);
}

/* ---- sending ------------------------------------------------------------- */

static void small_messages_travel_in_the_entry(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 100);
    for (uint64_t count = 1; count <= PER_ENTRY + 2; count++) {
        edge_scene_send(&f, count, 0);
        const struct weir__entry *entry = edge_scene_next(&f);
        bool inline_events = count <= PER_ENTRY;
        assert_int_equal(entry->block == NULL, inline_events);
        assert_int_equal(entry->flags, 0);
        assert_int_equal(weir__pool_live(&f.pool[0]), inline_events ? 0 : 1);
        assert_int_equal(edge_scene_take(&f), count);
        weir__pool_flush(&f.pool[1]);
        weir__pool_collect(&f.pool[0]);
    }
    edge_scene_close(&f);
}

/* Their slot is free before anybody asks for something in their place, and is freed once. */
static void who_asks_by_hand_has_freed_the_slot(void **state) {
    (void)state;
    struct edge_scene f;
    struct weir__entry entry;
    edge_scene_open(&f, 1);
    edge_scene_send(&f, 1, 0);
    assert_true(weir__edge_take(f.edge, &entry));
    f.taken++;
    assert_null(entry.block);
    assert_int_equal(weir__ring_count(&f.edge->ring), 1);
    weir__edge_ask_by_hand(f.edge, 1);
    assert_int_equal(weir__ring_count(&f.edge->ring), 0);
    weir__edge_free_slot(f.edge);
    assert_int_equal(weir__ring_count(&f.edge->ring), 0);
    edge_scene_close(&f);
}

/* Several slices are one message: each but the last says that there is more. */
static void all_slices_but_the_last_say_more(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 100);
    edge_scene_send(&f, 5, 2);
    edge_scene_send(&f, 1, 0);
    static const struct {
        uint32_t count;
        uint16_t flags;
    } expected[] = {{2, WEIR__MORE}, {2, WEIR__MORE}, {1, 0}, {1, 0}};
    for (size_t i = 0; i < 4; i++) {
        const struct weir__entry *entry = edge_scene_next(&f);
        assert_int_equal(entry->flags, expected[i].flags);
        assert_int_equal(entry->block == NULL, (expected[i].flags & WEIR__MORE) == 0);
        assert_int_equal(edge_scene_take(&f), expected[i].count);
    }
    edge_scene_close(&f);
}

static void a_message_may_be_a_part_of_what_there_is(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 100);
    events_push_range(&f.emission, &f.pool[0], 0, 20, 20);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 6, &f.pool[0]), 0);
    assert_int_equal(weir__edge_send(f.edge, &f.emission, 14, &f.pool[0]), 0);
    assert_int_equal(f.edge->sent, 20);
    assert_int_equal(edge_scene_next(&f)->flags, 0); /* the split is no more */
    assert_int_equal(edge_scene_take(&f), 6);
    assert_int_equal(edge_scene_take(&f), 14);
    edge_scene_close(&f);
}

static void what_is_shared_stays_so(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 100);
    for (uint64_t count = 1; count < 20; count += 18) {
        events_push_range(&f.emission, &f.pool[0], f.next, count, 0);
        f.next += count;
        weir__queue_at(&f.emission, 0)->flags = WEIR__ALIASED;
        weir__edge_send(f.edge, &f.emission, count, &f.pool[0]);
        const struct weir__entry *entry = edge_scene_next(&f);
        /* A copy in the entry is the consumer's own. */
        assert_int_equal(entry->flags, count == 1 ? 0 : WEIR__ALIASED);
        assert_int_equal(edge_scene_take(&f), count);
    }
    edge_scene_close(&f);
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
        struct edge_scene f;
        size_t max = seed % 2 ? 1 + weir__rng_below(&rng, 255) : 1000;
        edge_scene_open(&f, max);
        weir__edge_ask(f.edge, max);
        for (int step = 0; step < 600; step++) {
            uint64_t open = f.edge->asked - f.edge->sent;
            switch (weir__rng_below(&rng, 4)) {
            case 0:
            case 1:
                if (open > 0)
                    edge_scene_send(&f, 1 + weir__rng_below(&rng, open), weir__rng_below(&rng, 3));
                break;
            case 2:
                for (uint64_t i = weir__rng_below(&rng, 300); i > 0; i--) {
                    uint32_t count = edge_scene_take(&f);
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
            edge_scene_take_all(&f);
        } while (weir__edge_flush(f.edge));
        assert_int_equal(f.taken, f.next);
        edge_scene_close(&f);
    }
}

/* ---- closing ------------------------------------------------------------- */

/* After CLOSE the overflow is the consumer's, and comes behind the ring. */
static void the_end_follows_the_events(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send_singly(&f, HOLDS + 20);
    weir__consumer_move(&f.edge->consumer_state, WEIR__CONSUMER_OPEN);
    edge_scene_take_all(&f);
    assert_int_equal(f.taken, HOLDS); /* the overflow is the producer's still */
    assert_false(weir__edge_has_events(f.edge));
    weir__consumer_move(&f.edge->consumer_state, WEIR__CONSUMER_CLOSING);
    assert_true(weir__edge_has_events(f.edge));
    assert_false(weir__edge_wants_room(f.edge));
    edge_scene_take_all(&f);
    assert_int_equal(f.edge->received, f.edge->sent);
    assert_true(weir__edge_has_events(f.edge)); /* the end itself */
    weir__consumer_move(&f.edge->consumer_state, WEIR__CONSUMER_ENDED);
    assert_false(weir__edge_has_events(f.edge));
    edge_scene_close(&f);
}

/* ---- recovering ---------------------------------------------------------- */

/* What the consumer had not begun, then the ring (inline or not), then the overflow. */
static void recovers_oldest_first(void **state) {
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 1000);
    edge_scene_send(&f, 30, 0);
    struct weir__entry entry;
    assert_true(weir__edge_take(f.edge, &entry));
    struct weir__item begun = {.block = entry.block,
                               .first = entry.first + 10, /* of which ten were handled */
                               .count = entry.count - 10,
                               .event_bytes = sizeof(uint64_t)};
    assert_true(weir__queue_push(&f.edge->returned, begun));
    edge_scene_send(&f, 3, 0);
    edge_scene_send(&f, 20, 7);
    edge_scene_send_singly(&f, HOLDS);
    assert_true(f.edge->overflow.count > 0);
    edge_scene_recover(&f, 10, f.next - 10, 0);
    edge_scene_recover(&f, 0, 0, 0);
    edge_scene_close(&f);
}

static void receive_what_was_not_sent(void *argument) {
    struct weir__edge *edge = argument;
    edge->received = edge->sent + 1;
    WEIR__VERIFY(weir__edge_check(edge));
}

static void send_what_was_not_asked(void *argument) {
    struct weir__edge *edge = argument;
    edge->sent = edge->asked_seen + 1;
    WEIR__VERIFY(weir__edge_check_producer(edge, true));
}

static void wait_for_room_in_silence(void *argument) {
    struct weir__edge *edge = argument;
    edge->ring.producer.wants_room = 1;
    WEIR__VERIFY(weir__edge_check_producer(edge, true));
}

static void ask_for_too_much(void *argument) {
    struct weir__edge *edge = argument;
    weir__edge_ask(edge, 1);
    WEIR__VERIFY(weir__edge_check_consumer(edge));
}

static void the_checkers_say_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {receive_what_was_not_sent, "edge->rack != NULL || edge->sent == edge->received + events"},
        {send_what_was_not_asked, "!keeps || edge->sent <= edge->asked_seen"},
        {wait_for_room_in_silence, "(edge->ring.producer.wants_room != 0) == overflows"},
        {ask_for_too_much,
         "edge->asked - edge->asked_by_hand <= edge->received + edge->window.max"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    struct edge_scene f;
    edge_scene_open(&f, 10);
    weir__window_open(&f.edge->window, 10, 5);
    weir__edge_ask(f.edge, 10);
    weir__edge_demand(f.edge);
    WEIR__VERIFY(weir__edge_check(f.edge));
    WEIR__VERIFY(weir__edge_check_producer(f.edge, true));
    WEIR__VERIFY(weir__edge_check_consumer(f.edge));
    TEST_BREAKAGES(breakages, f.edge);
    edge_scene_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ring_begins_small_and_has_room_for_the_demand),
        cmocka_unit_test(an_edge_of_one_worker_is_local),
        cmocka_unit_test(only_unusual_options_are_copied),
        cmocka_unit_test(a_taker_s_ring_begins_with_nothing),
        cmocka_unit_test(without_memory_there_is_no_edge),
        cmocka_unit_test(the_last_of_many_references_frees),
        cmocka_unit_test(asks_add_up_until_they_are_seen),
        cmocka_unit_test(positions_pass_32_bits),
        cmocka_unit_test(small_messages_travel_in_the_entry),
        cmocka_unit_test(who_asks_by_hand_has_freed_the_slot),
        cmocka_unit_test(all_slices_but_the_last_say_more),
        cmocka_unit_test(a_message_may_be_a_part_of_what_there_is),
        cmocka_unit_test(what_is_shared_stays_so),
        cmocka_unit_test(order_holds_at_random),
        cmocka_unit_test(the_end_follows_the_events),
        cmocka_unit_test(recovers_oldest_first),
        cmocka_unit_test(the_checkers_say_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
