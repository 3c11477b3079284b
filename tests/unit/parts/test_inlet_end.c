/*
 * Ends of an inlet: what it was given goes out, and who pushes is told.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever ends an inlet but a stop loses nothing that it accepted, whichever dispatcher it
 * has; in a drain it takes what its feeders push, pools and stages of which it learns by their
 * pushes, and who holds a token; with on_cancel it ends with its last consumer, and pushers, also
 * those that wait, hear why; stages and iterators likewise.
 * Method: partitions that get unequal shares; pools, callbacks and threads that push while the
 * runtime drains; in every world and on threads.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000000000, NUMBERS = 500 };

static struct rig rig;
static weir_inlet *inlet;
static weir_ref inlet_stage;

static void open_inlet(const weir_inlet_options *options) {
    weir_inlet_options used = *options;
    used.event_bytes = sizeof(uint64_t);
    assert_int_equal(weir_inlet_open(rig.runtime, &used, &inlet, &inlet_stage), WEIR_OK);
}

static void start_consumer(struct player *c, const char *name,
                           const weir_subscribe_options *options) {
    *c = (struct player){.name = name, .kind = WEIR_CONSUMER, .quiet = true};
    player_start(c, &rig, NULL);
    assert_int_equal(weir_subscribe(rig.runtime, c->ref, inlet_stage, options, NULL), WEIR_OK);
}

/* ---- with a dispatcher that keeps events --------------------------------- */

static uint32_t seldom(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 10 == 0;
}

/* 0: finish, 1: close, 2: drain, 3: weir_finish on its stage. */
static void end_inlet(int way) {
    if (way == 0) assert_int_equal(weir_inlet_finish(inlet), WEIR_OK);
    if (way == 1) weir_inlet_close(inlet);
    if (way == 3) assert_int_equal(weir_finish(rig.runtime, inlet_stage), WEIR_OK);
    if (way == 2) {
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    } else {
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    }
    if (way != 1) weir_inlet_close(inlet);
}

static void what_a_partition_holds_goes_out(void **state) {
    (void)state;
    const weir_partition_dispatcher_options two = {.partitions = 2, .hash = seldom};
    for (int way = 0; way < 4; way++) {
        for (int ports = 0; ports < 2; ports++) {
            for (int world = 0; worlds_open_any(&rig, world); world++) {
                struct player c[2];
                weir_port *port = NULL;
                open_inlet(&(weir_inlet_options){.capacity = NUMBERS,
                                                 .dispatcher = weir_partition_dispatcher(),
                                                 .dispatcher_options = &two});
                for (unsigned k = 0; k < 2; k++) {
                    start_consumer(&c[k], "c",
                                   &(weir_subscribe_options){.max_demand = 64,
                                                             .partition = WEIR_PARTITION(k)});
                }
                if (ports) assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
                for (uint64_t number = 0; number < NUMBERS; number++) {
                    assert_int_equal(ports ? weir_port_push(port, &number, 1, 0)
                                           : weir_inlet_push(inlet, &number, 1, 0),
                                     WEIR_OK);
                }
                rig.emitted = NUMBERS;
                weir_port_close(port);
                end_inlet(way);
                assert_int_equal(c[0].sum + c[1].sum, NUMBERS * (NUMBERS - 1) / 2);
                assert_int_equal(rig_close(&rig).discarded, 0);
            }
        }
    }
}

/* ---- feeders ------------------------------------------------------------- */

static uint64_t ran; /* atomic: tasks; what each of them has pushed */
static weir_port *task_port;

static weir_task_result push_result(void *by_port, const void *event, weir_task *self) {
    struct timespec nap = {0, 200000};
    (void)self;
    nanosleep(&nap, NULL);
    weir_status status = by_port != NULL ? weir_port_push(task_port, event, 1, WEIR_FOREVER)
                                         : weir_inlet_push(inlet, event, 1, WEIR_FOREVER);
    RIG_CHECK(&rig, status == WEIR_OK);
    weir__fetch_add_u64(&ran, 1);
    return WEIR_TASK_OK;
}

/* source -> pool -> inlet -> consumer: the pool's results are pushed until it has ended. */
static void results_of_a_pool_go_on_in_a_drain(void **state) {
    (void)state;
    for (int by_port = 0; by_port < 2; by_port++) {
        struct player source = {.name = "source", .kind = WEIR_PRODUCER, .limit = UINT64_MAX};
        struct player c;
        weir_pool *pool;
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        weir__store_relaxed_u64(&ran, 0);
        source.quiet = true;
        player_start(&source, &rig, NULL);
        open_inlet(&(weir_inlet_options){.capacity = 8, .when_full = WEIR_BLOCK});
        assert_int_equal(weir_port_open(inlet, &task_port), WEIR_OK);
        start_consumer(&c, "c", NULL);
        assert_int_equal(
            weir_pool_open(
                rig.runtime,
                &(weir_pool_options){.event_bytes = 8,
                                     .threads = by_port ? 1 : 3,
                                     .task = push_result,
                                     .context = by_port ? &rig : NULL,
                                     .subscribe_to = &(weir_subscribe_to){.producer = source.ref,
                                                                          .options.max_demand = 20},
                                     .subscribe_count = 1},
                &pool, NULL),
            WEIR_OK);
        while (weir__load_relaxed_u64(&ran) < 10) weir_runtime_settle(rig.runtime, 100000);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        uint64_t tasks = weir__load_relaxed_u64(&ran);
        assert_int_equal(c.handled, tasks);
        assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
        weir_port_close(task_port);
        weir_inlet_close(inlet);
        rig.emitted += tasks;
        rig.handled += tasks; /* by the pool */
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

static weir_verdict push_on(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    RIG_CHECK(player->rig, weir_inlet_push(inlet, batch.events, batch.count, 0) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* A stage that pushes in its callbacks, first of all amid the drain: it was named before. */
static void a_stage_that_is_named_feeds_it(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player relay = {.name = "relay", .kind = WEIR_CONSUMER, .does.events = push_on};
        struct player c;
        open_inlet(&(weir_inlet_options){.name = "second"});
        start_consumer(&c, "c", NULL);
        PLAYERS_START(&rig, &p, &relay);
        player_subscribe(&relay, &p, &(weir_subscribe_options){.max_demand = 3});
        assert_int_equal(weir_feeds(rig.runtime, relay.ref, inlet_stage), WEIR_OK);
        player_cast(&p, 40);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_int_equal(c.handled, 40);
        weir_inlet_close(inlet);
        rig.emitted += 40;
        rig_close(&rig);
    }
}

static uint64_t pushed;

static void *push_with_token(void *token) {
    for (uint64_t number = 0; number < 200; number++) {
        RIG_CHECK(&rig, weir_inlet_push(inlet, &number, 1, WEIR_FOREVER) == WEIR_OK);
        pushed++;
    }
    RIG_CHECK(&rig, weir_done(rig.runtime, *(weir_token *)token) == WEIR_OK);
    return NULL;
}

static void who_holds_a_token_pushes_on_in_a_drain(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct player c;
        weir_token token;
        pthread_t thread;
        pushed = 0;
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        open_inlet(&(weir_inlet_options){.capacity = 4, .when_full = WEIR_BLOCK});
        start_consumer(&c, "c", NULL);
        assert_int_equal(weir_busy(rig.runtime, inlet_stage, &token), WEIR_OK);
        pthread_create(&thread, NULL, push_with_token, &token);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        pthread_join(thread, NULL);
        assert_int_equal(c.handled, 200);
        assert_int_equal(weir_busy(rig.runtime, inlet_stage, &token), WEIR_NO_STAGE);
        weir_inlet_close(inlet);
        rig.emitted += pushed;
        rig_close(&rig);
    }
}

/* ---- ends that travel up ------------------------------------------------- */

static weir_verdict give_up(weir_stage *self, struct player *player, weir_batch batch) {
    (void)player, (void)batch;
    return weir_stop_with(self, WEIR_REASON_USER + 7);
}

static void with_its_last_consumer_it_ends(void **state) {
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            const uint64_t numbers[3] = {1, 2, 3};
            struct player c;
            open_inlet(&(weir_inlet_options){.on_cancel = stops ? WEIR_ON_CANCEL_STOP
                                                                : WEIR_ON_CANCEL_CONTINUE});
            start_consumer(&c, "c", &(weir_subscribe_options){.max_demand = 1});
            c.does.events = give_up;
            assert_int_equal(weir_inlet_reason(inlet), WEIR_REASON_NORMAL);
            assert_false(weir_inlet_stopped(inlet));
            assert_int_equal(weir_inlet_push(inlet, numbers, 3, 0), WEIR_OK);
            rig_rest(&rig);
            rig.emitted += 3;
            weir_status status = weir_inlet_push(inlet, numbers, 1, 0);
            assert_int_equal(status, stops ? WEIR_NO_STAGE : WEIR_OK);
            if (stops) assert_string_equal(weir_refusal(), "the inlet has stopped: user + 7");
            assert_int_equal(weir_inlet_reason(inlet),
                             stops ? WEIR_REASON_USER + 7 : WEIR_REASON_NORMAL);
            assert_int_equal(weir_inlet_stopped(inlet), stops);
            rig.emitted += stops ? 0 : 1;
            weir_runtime_stop(rig.runtime, WEIR_REASON_SHUTDOWN);
            rig_rest(&rig);
            weir_inlet_close(inlet);
            rig_close(&rig);
        }
    }
}

static void *push_for_ever(void *status) {
    const uint64_t number = 7;
    weir_status *last = status;
    while ((*last = weir_inlet_push(inlet, &number, 1, 20 * (uint64_t)SECOND)) == WEIR_OK) {
        weir__fetch_add_u64(&ran, 1);
    }
    return NULL;
}

static void who_waits_for_room_is_woken_by_it(void **state) {
    (void)state;
    struct player c;
    pthread_t thread;
    weir_status last;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    weir__store_relaxed_u64(&ran, 0);
    open_inlet(&(weir_inlet_options){
        .capacity = 2, .when_full = WEIR_BLOCK, .on_cancel = WEIR_ON_CANCEL_STOP});
    start_consumer(&c, "c", &(weir_subscribe_options){.max_demand = 3, .min_demand = 2});
    c.does.events = NULL;
    pthread_create(&thread, NULL, push_for_ever, &last);
    while (weir__load_relaxed_u64(&ran) < 100) weir_runtime_settle(rig.runtime, 100000);
    player_stop(&c, WEIR_REASON_USER);
    pthread_join(thread, NULL);
    assert_int_equal(last, WEIR_NO_STAGE);
    assert_int_equal(weir_inlet_reason(inlet), WEIR_REASON_USER);
    weir_inlet_close(inlet);
    rig.emitted += weir__load_relaxed_u64(&ran);
    rig_close(&rig);
}

static weir_verdict take_ten(weir_stage *self, struct player *player, weir_batch batch) {
    (void)batch;
    return player->handled < 10 ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NORMAL);
}

static weir_made count_up(void *context, weir_room room) {
    uint64_t *next = context;
    uint64_t *out = room.events;
    for (size_t i = 0; i < room.count; i++) out[i] = (*next)++;
    return (weir_made){room.count, WEIR_ITERATOR_MORE};
}

static void lost(void *context, uint64_t count, weir_discard cause) {
    uint64_t *sum = context;
    (void)cause;
    sum[1] += count;
}

/* iterator -> middle -> who takes ten: all three end, and nobody waits. */
static void an_early_end_goes_up(void) {
    uint64_t numbers[2] = {0};
    weir_ref source;
    struct player middle = {.name = "middle", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.events = take_ten};
    assert_int_equal(weir_iterator_start(rig.runtime,
                                         &(weir_iterator_options){.event_bytes = 8,
                                                                  .next = count_up,
                                                                  .context = numbers,
                                                                  .discarded = lost,
                                                                  .on_cancel = WEIR_ON_CANCEL_STOP,
                                                                  .demand = WEIR_ACCUMULATE},
                                         &source),
                     WEIR_OK);
    player_start(&middle, &rig, &(weir_stage_options){.on_cancel = WEIR_ON_CANCEL_STOP});
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &middle, &(weir_subscribe_options){.max_demand = 4});
    assert_int_equal(weir_subscribe(rig.runtime, middle.ref, source,
                                    &(weir_subscribe_options){.max_demand = 9}, NULL),
                     WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_demand(rig.runtime, source, WEIR_FORWARD), WEIR_OK);
    rig_rest(&rig);
    assert_true(c.handled >= 10);
    assert_int_equal(weir_runtime_stages(rig.runtime), 0);
    rig.emitted += numbers[0];
    rig_close(&rig);
}

/* ---- a feeder that comes as the inlet ends -------------------------------- */

static void *finish_it(void *unused) {
    (void)unused;
    assert_int_equal(weir_finish(rig.runtime, inlet_stage), WEIR_OK);
    return NULL;
}

/* Whoever it was said of, and not too late, is waited for. */
static void a_feeder_is_known_or_refused(void **state) {
    (void)state;
    for (int round = 0; round < 300; round++) {
        pthread_t thread;
        struct player feeder = {.name = "feeder", .kind = WEIR_PRODUCER, .quiet = true};
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        open_inlet(&(weir_inlet_options){.worker = WEIR_WORKER(0)});
        player_start(&feeder, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        assert_int_equal(pthread_create(&thread, NULL, finish_it, NULL), 0);
        for (int spins = 0; spins < round * 20; spins++) weir__cpu_relax();
        weir_status status = weir_feeds(rig.runtime, feeder.ref, inlet_stage);
        pthread_join(thread, NULL);
        rig_rest(&rig);
        if (status == WEIR_OK) {
            assert_int_equal(weir_wait(rig.runtime, inlet_stage, 0, NULL), WEIR_TIMEOUT);
            player_stop(&feeder, WEIR_REASON_NORMAL);
        } else {
            assert_int_equal(status, WEIR_NO_STAGE);
        }
        assert_int_equal(weir_wait(rig.runtime, inlet_stage, WEIR_FOREVER, NULL), WEIR_OK);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_partition_holds_goes_out),
        cmocka_unit_test(results_of_a_pool_go_on_in_a_drain),
        cmocka_unit_test(a_stage_that_is_named_feeds_it),
        cmocka_unit_test(who_holds_a_token_pushes_on_in_a_drain),
        cmocka_unit_test(with_its_last_consumer_it_ends),
        cmocka_unit_test(who_waits_for_room_is_woken_by_it),
        TEST_IN_WORLDS_OF(&rig, an_early_end_goes_up),
        cmocka_unit_test(a_feeder_is_known_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
