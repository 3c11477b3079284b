/*
 * The shared dispatcher: one pool of demand, and how large entries are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is asked and not yet sent is open, whoever asked; what a consumer
 * leaves unanswered goes out of the pool, and is set off against later asks as
 * far as the producer was asked for it; entries suit every consumer; options are
 * checked.
 * Method: the table's functions driven by hand with a desk that keeps what it is
 * told; then random asks, dispatches, takes and leaves, against the sum that must
 * hold after each.
 */
#include "dispatch/shared.h"

#include "base/check.h"
#include "base/refusal.h"
#include "base/rng.h"
#include "edge/rack.h"
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <string.h>

enum { CONSUMERS = 6 };

struct fixture {
    struct test_memory memory;
    struct weir__bell bell;
    struct weir__ready_stage stage;
    struct weir__pool pool;
    struct weir__queue queue;
    struct weir_desk desk;
    const weir_dispatcher *table;
    void *state;
    struct weir__edge *edge[CONSUMERS];
    uint64_t put;   /* events, of all */
    uint64_t grain; /* of the last    */
    uint64_t lose;  /* of the next    */
    uint64_t again; /* demanded       */
};

static uint64_t put(void *context, struct weir__queue *queue, uint64_t count, uint64_t grain) {
    struct fixture *f = context;
    uint64_t lost = f->lose;
    weir__queue_discard(queue, count, WEIR_DISCARD_STOPPED, &f->pool);
    f->put += count - lost;
    f->grain = grain;
    f->lose = 0;
    return lost;
}

static void demand_again(void *context, uint64_t count) {
    struct fixture *f = context;
    f->again += count;
}

static const struct weir__desk_calls calls = {.put = put, .demand_again = demand_again};

static weir_status open_with(struct fixture *f, const weir_shared_dispatcher_options *options) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    weir__bell_open(&f->bell);
    weir__ready_stage_open(&f->stage, &f->bell);
    weir__pool_open(&f->pool, &f->memory.allocator);
    weir__queue_open(&f->queue, &f->memory.allocator);
    f->desk = (struct weir_desk){
        .calls = &calls, .context = f, .pool = &f->pool, .allocator = &f->memory.allocator};
    f->table = weir_shared_dispatcher();
    f->state = weir__alloc_zeroed(&f->memory.allocator, f->table->state_bytes, 64);
    assert_non_null(f->state);
    return f->table->init(f->state, &f->desk, options);
}

static void join(struct fixture *f, int number, size_t max_demand, size_t min_demand, bool manual) {
    const weir_subscribe_options options = {.max_demand = max_demand, .min_demand = min_demand};
    const weir_subscription id = {{1}, {2}, (uint64_t)number};
    struct weir__edge *edge =
        weir__edge_open(&f->memory.allocator, id, &options, true, &f->stage, &f->stage);
    assert_non_null(edge);
    edge->manual = manual;
    assert_true(weir__outlet_open(&edge->outlet, f->table, &f->memory.allocator));
    uint64_t upstream = 77;
    assert_int_equal(f->table->subscribe(f->state, &edge->outlet, &upstream), WEIR_REASON_NORMAL);
    assert_int_equal(upstream, 0);
    weir__rack_join(f->desk.rack, edge);
    f->edge[number] = edge;
}

static uint64_t ask(struct fixture *f, int number, uint64_t count) {
    f->edge[number]->asked += count;
    return f->table->ask(f->state, &f->edge[number]->outlet, count);
}

/* It cancels, and has taken what its edge says.  Returns what goes upstream. */
static uint64_t leave(struct fixture *f, int number) {
    struct weir__edge *edge = f->edge[number];
    assert_int_equal(f->table->cancel(f->state, &edge->outlet), 0);
    uint64_t upstream = weir__shared_left(f->state, &edge->outlet, edge->received);
    assert_int_equal(weir__rack_leave(f->desk.rack, &f->pool), 0);
    weir__edge_release(edge);
    weir__edge_release(edge);
    f->edge[number] = NULL;
    return upstream;
}

/* Returns how many of so many were left. */
static uint64_t dispatch(struct fixture *f, uint64_t count) {
    events_push_range(&f->queue, &f->pool, 0, count, 0);
    struct weir_run run = {.queue = &f->queue, .left = count, .desk = &f->desk};
    f->table->dispatch(f->state, &run, count);
    uint64_t left = f->queue.events;
    assert_int_equal(left, run.left);
    weir__queue_discard(&f->queue, left, WEIR_DISCARD_STOPPED, &f->pool);
    return left;
}

static uint64_t open_demand(const struct fixture *f) {
    return f->table->open_demand(f->state);
}

static void close_fixture(struct fixture *f) {
    for (int i = 0; i < CONSUMERS; i++) {
        if (f->edge[i] != NULL) leave(f, i);
    }
    f->table->close(f->state);
    weir__free(&f->memory.allocator, f->state, f->table->state_bytes);
    weir__queue_close(&f->queue, WEIR_DISCARD_STOPPED, &f->pool);
    assert_int_equal(weir__pool_close(&f->pool), 0);
    test_memory_close(&f->memory);
}

static int open_plain(void **state) {
    static struct fixture f;
    *state = &f;
    return open_with(&f, NULL) == WEIR_OK ? 0 : 1;
}

static int open_twenties(void **state) {
    static struct fixture f;
    *state = &f;
    return open_with(&f, &(weir_shared_dispatcher_options){.grain = 20}) == WEIR_OK ? 0 : 1;
}

static int close_again(void **state) {
    close_fixture(*state);
    return 0;
}

#define TEST(test)             cmocka_unit_test_setup_teardown(test, open_plain, close_again)
#define TEST_OF_TWENTIES(test) cmocka_unit_test_setup_teardown(test, open_twenties, close_again)

static void let_two_ask_for_ten(struct fixture *f) {
    for (int i = 0; i < 2; i++) {
        join(f, i, 10, 5, false);
        assert_int_equal(ask(f, i, 10), 10);
    }
}

/* ---- demand -------------------------------------------------------------- */

static void demand_is_one_pool(void **state) {
    struct fixture *f = *state;
    assert_int_equal(open_demand(f), 0);
    assert_int_equal(dispatch(f, 3), 3);
    join(f, 0, 10, 5, false);
    join(f, 1, 20, 5, false);
    assert_int_equal(ask(f, 0, 10), 10);
    assert_int_equal(ask(f, 1, 20), 20);
    assert_int_equal(open_demand(f), 30);
    assert_int_equal(dispatch(f, 12), 0);
    assert_int_equal(f->put, 12);
    assert_int_equal(open_demand(f), 18);
    assert_int_equal(dispatch(f, 20), 2);
    assert_int_equal(open_demand(f), 0);
    assert_int_equal(ask(f, 0, 1), 1);
}

static void what_a_leaver_had_open_is_owed(void **state) {
    struct fixture *f = *state;
    let_two_ask_for_ten(f);
    dispatch(f, 4);
    f->edge[0]->received = 4;
    assert_int_equal(leave(f, 0), 0); /* 6 of its 10 are open */
    assert_int_equal(open_demand(f), 10);
    assert_int_equal(ask(f, 1, 2), 0); /* the producer owes them already */
    assert_int_equal(ask(f, 1, 5), 1);
    assert_int_equal(open_demand(f), 17);
}

/* What waits is taken back: for the others as far as they asked, the rest is left. */
static void what_a_leaver_had_waiting_is_for_others(void **state) {
    struct fixture *f = *state;
    let_two_ask_for_ten(f);
    dispatch(f, 18);
    f->edge[1]->received = 5;
    assert_int_equal(leave(f, 0), 0); /* of 13 that wait, the other has asked for 5 */
    weir__shared_recalled(f->state, 13);
    assert_int_equal(open_demand(f), 5);
    assert_int_equal(ask(f, 1, 4), 2); /* two were owed: open when it left */
}

/* It took what others had asked for, and its own asks will not be heard any more. */
static void what_a_leaver_took_of_others_is_asked_for(void **state) {
    struct fixture *f = *state;
    let_two_ask_for_ten(f);
    assert_int_equal(dispatch(f, 20), 0);
    f->edge[0]->received = 15;
    assert_int_equal(leave(f, 0), 5);
    weir__shared_recalled(f->state, 5);
    assert_int_equal(open_demand(f), 10);
}

static void a_surplus_pays_what_is_owed(void **state) {
    struct fixture *f = *state;
    join(f, 0, 10, 5, false);
    ask(f, 0, 10);
    leave(f, 0);
    assert_int_equal(dispatch(f, 7), 7);
    join(f, 1, 10, 5, false);
    assert_int_equal(ask(f, 1, 10), 7);
}

static void what_is_lost_is_demanded_again(void **state) {
    struct fixture *f = *state;
    join(f, 0, 10, 5, false);
    ask(f, 0, 10);
    f->lose = 3;
    assert_int_equal(dispatch(f, 10), 0);
    assert_int_equal(f->again, 3);
    assert_int_equal(open_demand(f), 3);
}

static void sums_do_not_wrap(void **state) {
    struct fixture *f = *state;
    join(f, 0, 10, 5, true);
    join(f, 1, 10, 5, true);
    ask(f, 0, UINT64_MAX);
    ask(f, 1, UINT64_MAX);
    assert_int_equal(open_demand(f), INT64_MAX);
}

/* ---- entries ------------------------------------------------------------- */

static void assert_grain(struct fixture *f, uint64_t grain) {
    ask(f, 0, 1);
    dispatch(f, 1);
    f->edge[0]->received++;
    assert_int_equal(f->grain, grain);
}

static void entries_suit_every_consumer(void **state) {
    struct fixture *f = *state;
    join(f, 0, 1000, 500, false);
    assert_true(weir__shared_grain_fell(f->state));
    assert_false(weir__shared_grain_fell(f->state));
    assert_grain(f, 500);
    join(f, 1, 10, 3, false);
    assert_true(weir__shared_grain_fell(f->state));
    assert_grain(f, 7);
    join(f, 2, 100, 3, false);
    assert_false(weir__shared_grain_fell(f->state));
    join(f, 3, 1000, 0, true); /* who asks by hand may ask for one */
    assert_true(weir__shared_grain_fell(f->state));
    assert_grain(f, 1);
    leave(f, 3);
    leave(f, 1);
    assert_false(weir__shared_grain_fell(f->state));
    assert_grain(f, 97);
}

static void one_alone_by_hand_takes_any(void **state) {
    struct fixture *f = *state;
    join(f, 0, 10, 5, true);
    assert_grain(f, 20);
    join(f, 1, 100, 5, false);
    assert_grain(f, 1);
}

static void the_option_bounds_entries(void **state) {
    struct fixture *f = *state;
    join(f, 0, 1000, 500, false);
    assert_grain(f, 20);
    join(f, 1, 10, 5, false);
    assert_grain(f, 5);
}

static void bad_options_are_refused(void **state) {
    (void)state;
    static const struct {
        weir_shared_dispatcher_options options;
        const char *why;
    } cases[] = {
        {{.entries = 1}, "entries must be a power of two from 2 to 65536, got 1"},
        {{.entries = 3}, "entries must be a power of two from 2 to 65536, got 3"},
        {{.entries = 131072}, "entries must be a power of two from 2 to 65536, got 131072"},
        {{.grain = 1000000001}, "grain must be at most 1000000000, got 1000000001"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        assert_int_equal(open_with(&f, &cases[i].options), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].why);
        weir__free(&f.memory.allocator, f.state, f.table->state_bytes);
        test_memory_close(&f.memory);
    }
    struct fixture f;
    assert_int_equal(open_with(&f, &(weir_shared_dispatcher_options){.entries = 65536}), WEIR_OK);
    close_fixture(&f);
}

/* ---- chance -------------------------------------------------------------- */

/* Consumers come, ask, take and leave: open is what is asked, not taken and not waiting. */
static void the_sum_holds_at_random(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 7);
    for (int round = 0; round < 200; round++) {
        struct fixture f;
        uint64_t waiting = 0;
        uint64_t owed = 0; /* passed up and not emitted */
        assert_int_equal(open_with(&f, NULL), WEIR_OK);
        for (int step = 0; step < 100; step++) {
            int number = (int)weir__rng_below(&rng, CONSUMERS);
            uint64_t count = 1 + weir__rng_below(&rng, 20);
            if (f.edge[number] == NULL) {
                join(&f, number, 30, 10, false);
            } else if (weir__rng_below(&rng, 8) == 0) {
                owed += leave(&f, number);
                weir__shared_recalled(f.state, waiting);
                uint64_t anew = waiting < open_demand(&f) ? waiting : open_demand(&f);
                assert_true(anew == 0 || dispatch(&f, anew) == 0);
                waiting = anew; /* the rest is buffered, for the asks that come */
            } else {
                owed += ask(&f, number, count);
                count = weir__rng_below(&rng, owed + 1);
                owed -= count;
                waiting += count - (count == 0 ? 0 : dispatch(&f, count));
                uint64_t taken = weir__rng_below(&rng, waiting + 1);
                f.edge[number]->received += taken;
                waiting -= taken;
            }
            uint64_t asked = 0;
            uint64_t taken = 0;
            for (int i = 0; i < CONSUMERS; i++) {
                asked += f.edge[i] != NULL ? f.edge[i]->asked : 0;
                taken += f.edge[i] != NULL ? f.edge[i]->received : 0;
            }
            int64_t sum = (int64_t)(asked - taken - waiting);
            assert_int_equal(open_demand(&f), sum > 0 ? sum : 0);
            WEIR__VERIFY(weir__shared_open_check(f.state, asked, taken, waiting));
            WEIR__VERIFY(weir__shared_dispatch_check(f.state));
        }
        close_fixture(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(demand_is_one_pool),
        TEST(what_a_leaver_had_open_is_owed),
        TEST(what_a_leaver_had_waiting_is_for_others),
        TEST(what_a_leaver_took_of_others_is_asked_for),
        TEST(a_surplus_pays_what_is_owed),
        TEST(what_is_lost_is_demanded_again),
        TEST(sums_do_not_wrap),
        TEST(entries_suit_every_consumer),
        TEST_OF_TWENTIES(one_alone_by_hand_takes_any),
        TEST_OF_TWENTIES(the_option_bounds_entries),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(the_sum_holds_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
