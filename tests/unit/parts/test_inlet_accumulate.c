/*
 * An inlet that accumulates.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is pushed, also into ports, is accepted and kept, within the capacity, until
 * weir_demand lets it go on: then consumers that came meanwhile have all of it, in order, and who
 * waits for room is let in; it may be held back again; told to finish, in any way, it sends all.
 * Method: every world of the rig's, and two workers; broadcasts to several consumers.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <sched.h>

enum { CAPACITY = 16, CONSUMERS = 3, MOST = 2000 };

static struct rig rig;
static weir_inlet *inlet;
static weir_ref stage;
static weir_port *port;
static struct player c[CONSUMERS];
static uint64_t next;

static void open_inlet(weir_when_full when_full, bool with_port) {
    const weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                        .capacity = CAPACITY,
                                        .when_full = when_full,
                                        .demand = WEIR_ACCUMULATE,
                                        .dispatcher = weir_broadcast_dispatcher()};
    next = 0;
    port = NULL;
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &stage), WEIR_OK);
    if (with_port) assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
}

static weir_status push_one(void) {
    weir_status status = port != NULL ? weir_port_push(port, &next, 1, WEIR_FOREVER)
                                      : weir_inlet_push(inlet, &next, 1, WEIR_FOREVER);
    if (status == WEIR_OK || status == WEIR_DROPPED) next++;
    return status;
}

static void push(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) assert_int_equal(push_one(), WEIR_OK);
}

static size_t waiting(void) {
    return port != NULL ? weir_port_waiting(port) : weir_inlet_waiting(inlet);
}

static weir_verdict in_order(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++)
        RIG_CHECK(&rig, numbers[i] == player->handled - batch.count + i);
    return WEIR_CONTINUE;
}

static void subscribe(struct player *player) {
    *player = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player->does.events = in_order;
    player_start(player, &rig, NULL);
    assert_int_equal(weir_subscribe(rig.runtime, player->ref, stage, NULL, NULL), WEIR_OK);
    rig_rest(&rig);
}

static void go_on(weir_demand_mode mode) {
    assert_int_equal(weir_demand(rig.runtime, stage, mode), WEIR_OK);
    rig_rest(&rig);
}

static void expect_handled(uint64_t count) {
    for (int i = 0; i < CONSUMERS; i++) assert_int_equal(c[i].handled, count);
}

/* Each event is emitted once, for all who get it. */
static void close_rig(void) {
    rig.emitted += next;
    weir_port_close(port);
    weir_inlet_close(inlet);
    weir_runtime_run(rig.runtime, WEIR_FOREVER);
    rig_close(&rig);
}

static void all_are_aboard_before_it_begins(void **state) {
    (void)state;
    for (int with_port = 0; with_port < 2; with_port++) {
        for (int world = 0; worlds_open_any(&rig, world); world++) {
            open_inlet(WEIR_REFUSE, with_port);
            for (int i = 0; i < CONSUMERS; i++) {
                push(4);
                subscribe(&c[i]);
            }
            expect_handled(0);
            assert_int_equal(waiting(), 4 * CONSUMERS);
            push(CAPACITY - 4 * CONSUMERS);
            assert_int_equal(push_one(), WEIR_FULL); /* it is kept in there, within the bound */
            go_on(WEIR_FORWARD);
            expect_handled(CAPACITY);
            assert_int_equal(waiting(), 0);
            push(5);
            rig_rest(&rig);
            expect_handled(CAPACITY + 5);
            go_on(WEIR_ACCUMULATE);
            push(CAPACITY);
            rig_rest(&rig);
            expect_handled(CAPACITY + 5);
            assert_int_equal(push_one(), WEIR_FULL);
            go_on(WEIR_FORWARD);
            expect_handled(next);
            close_rig();
        }
    }
}

/* 0: finish, 1: close, 2: drain, 3: weir_finish on its stage. */
static void end_inlet(int way) {
    if (way == 1) {
        weir_port_close(port);
        port = NULL;
        weir_inlet_close(inlet);
        inlet = NULL;
    }
    if (way == 0) assert_int_equal(weir_inlet_finish(inlet), WEIR_OK);
    if (way == 3) assert_int_equal(weir_finish(rig.runtime, stage), WEIR_OK);
    if (way == 2) assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
}

static void its_end_sends_what_it_keeps(void **state) {
    (void)state;
    for (int way = 0; way < 8; way++) {
        for (int world = 0; worlds_open_any(&rig, world); world++) {
            open_inlet(WEIR_REFUSE, way / 4 == 1);
            for (int i = 0; i < CONSUMERS; i++) subscribe(&c[i]);
            push(CAPACITY);
            rig_rest(&rig);
            expect_handled(0);
            end_inlet(way % 4);
            expect_handled(CAPACITY);
            close_rig();
        }
    }
}

static uint64_t pushed; /* atomic */

static void *push_them_all(void *unused) {
    (void)unused;
    while (next < MOST && push_one() == WEIR_OK) weir__store_release_u64(&pushed, next);
    return NULL;
}

static void who_waits_for_room_is_let_in(void **state) {
    (void)state;
    for (int with_port = 0; with_port < 2; with_port++) {
        pthread_t pusher;
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        open_inlet(WEIR_BLOCK, with_port);
        weir__store_relaxed_u64(&pushed, 0);
        for (int i = 0; i < CONSUMERS; i++) subscribe(&c[i]);
        assert_int_equal(pthread_create(&pusher, NULL, push_them_all, NULL), 0);
        while (weir__load_acquire_u64(&pushed) < CAPACITY) sched_yield();
        go_on(WEIR_FORWARD);
        assert_int_equal(pthread_join(pusher, NULL), 0);
        rig_rest(&rig);
        expect_handled(MOST);
        close_rig();
    }
}

/* It is a bound of what waits: the newest, or the oldest, are dropped meanwhile, and told. */
static uint64_t told; /* atomic */

static void count_told(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    RIG_CHECK(&rig, cause == WEIR_DISCARD_OVERFLOW);
    weir__fetch_add_u64(&told, count);
}

static void what_is_too_much_is_dropped(void **state) {
    (void)state;
    for (int oldest = 0; oldest < 2; oldest++) {
        for (int world = 0; worlds_open_any(&rig, world); world++) {
            const weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                                .capacity = CAPACITY,
                                                .when_full =
                                                    oldest ? WEIR_DROP_OLDEST : WEIR_DROP_NEWEST,
                                                .demand = WEIR_ACCUMULATE,
                                                .discarded = count_told};
            const uint64_t count = 5 * CAPACITY;
            struct player one = {.name = "one", .kind = WEIR_CONSUMER, .quiet = true};
            next = 0;
            port = NULL;
            weir__store_relaxed_u64(&told, 0);
            assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &stage), WEIR_OK);
            while (next < count) {
                push_one();
                rig_rest(&rig);
            }
            player_start(&one, &rig, NULL);
            assert_int_equal(weir_subscribe(rig.runtime, one.ref, stage, NULL, NULL), WEIR_OK);
            rig_rest(&rig);
            assert_int_equal(one.handled, 0);
            assert_int_equal(weir__load_relaxed_u64(&told), count - CAPACITY);
            go_on(WEIR_FORWARD);
            assert_int_equal(one.handled, CAPACITY);
            uint64_t first = oldest ? count - CAPACITY : 0;
            assert_int_equal(one.sum, CAPACITY * first + CAPACITY * (CAPACITY - 1) / 2);
            rig.emitted += count;
            weir_inlet_close(inlet);
            weir_runtime_run(rig.runtime, WEIR_FOREVER);
            rig_close(&rig);
        }
    }
}

static void a_mode_that_there_is_not_is_refused(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    const weir_inlet_options options = {.event_bytes = 8, .demand = (weir_demand_mode)7};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &stage), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "stage inlet: demand must be one of WEIR_FORWARD, WEIR_ACCUMULATE, got 7");
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_aboard_before_it_begins),
        cmocka_unit_test(its_end_sends_what_it_keeps),
        cmocka_unit_test(who_waits_for_room_is_let_in),
        cmocka_unit_test(what_is_too_much_is_dropped),
        cmocka_unit_test(a_mode_that_there_is_not_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
