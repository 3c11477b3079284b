/*
 * The timely worker: who lives there, and that it is a worker like the others but for that.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: it is there once a stage asks for it, and nobody comes who does not; its thread may run on
 * all of the process's cores, whoever has started it, and sleeps; a drain, a stop and the accounts
 * have its stages; a callback that takes virtual time holds up its own worker, and no other.
 * Method: placement scenes; players in all worlds; threads, where threads matter.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/cmocka.h"
#include "support/placement_scene.h"
#include "support/player.h"
#include "support/worlds.h"

#include "os/topology.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>

/* ---- who lives there ----------------------------------------------------- */

static void nobody_comes_who_does_not_ask(void **state) {
    (void)state;
    place_open(2);
    weir_ref timely = place_producer(WEIR_TIMELY_WORKER);
    assert_int_equal(place_where(timely), 2);
    assert_int_equal(place_where(place_producer(WEIR_TIMELY_WORKER)), 2);
    assert_int_equal(place_where(place_consumer(WEIR_WITH_PRODUCER, timely)), 2);
    for (int i = 0; i < 8; i++) {
        assert_in_range(place_where(place_consumer(WEIR_ANY_WORKER, timely)), 0, 1);
        assert_in_range(place_where(place_producer(WEIR_ANY_WORKER)), 0, 1);
        assert_in_range(place_where(place_producer(WEIR_SPREAD)), 0, 1);
    }
    assert_in_range(place_where(place_producer(WEIR_OWN_WORKER)), 0, 1);
    place_expect_log("stage producer shares worker 0 with 12 that were there before\n");
    place_close();
}

/* Nor can it be had by a number, and it is no worker that a program counts. */
static void it_has_no_number(void **state) {
    (void)state;
    place_open(2);
    place_producer(WEIR_TIMELY_WORKER);
    assert_int_equal(weir_runtime_workers(place_scene.runtime), 2);
    weir_stage_options options = place_stage_of(WEIR_PRODUCER);
    options.worker = WEIR_WORKER(2);
    assert_int_equal(weir_stage_start(place_scene.runtime, &options, NULL), WEIR_INVALID);
    place_close();
}

/* ---- its stages are stages ----------------------------------------------- */

static struct player from, through, to;

static void start_chain(struct rig *rig) {
    from = (struct player){.name = "from", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
    through = (struct player){.name = "through", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    to = (struct player){.name = "to", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&from, rig, NULL);
    player_start(&through, rig, &(weir_stage_options){.worker = WEIR_TIMELY_WORKER});
    player_start(&to, rig, NULL);
    player_subscribe(&through, &from, NULL);
    player_subscribe(&to, &through, NULL);
    rig_rest(rig);
    assert_int_equal(to.handled, 100);
}

static void a_drain_ends_them(struct rig *rig) {
    start_chain(rig);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(report.stages, 0);
    assert_int_equal(report.accounts.handled, 200);
    rig_close(rig);
}

static void a_stop_ends_them(struct rig *rig) {
    start_chain(rig);
    assert_int_equal(weir_runtime_stop(rig->runtime, WEIR_REASON_NORMAL), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    rig_close(rig);
}

/* ---- its thread ---------------------------------------------------------- */

static struct {
    weir_ref opener;
    weir_ref timely;
    unsigned cores; /* that the timely thread may run on */
    int slack;      /* its timers', in ns                */
} scene;

static weir_verdict count_cores(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    cpu_set_t mask;
    scene.slack = prctl(PR_GET_TIMERSLACK);
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) scene.cores = (unsigned)CPU_COUNT(&mask);
    return WEIR_CONTINUE;
}

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_verdict open_it(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .event_bytes = 8,
        .worker = WEIR_TIMELY_WORKER,
        .on = {.handle_events = take_none, .handle_cast = count_cores}};
    if (weir_stage_start(weir_stage_runtime(self), &options, &scene.timely) != WEIR_OK) abort();
    return WEIR_CONTINUE;
}

static void start_opener(weir_runtime *runtime) {
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .event_bytes = 8,
                                        .on = {.handle_events = take_none, .handle_cast = open_it}};
    assert_int_equal(weir_stage_start(runtime, &options, &scene.opener), WEIR_OK);
    assert_int_equal(weir_cast(runtime, scene.opener, NULL, 0), WEIR_OK);
    assert_int_equal(weir_runtime_settle(runtime, WEIR_FOREVER), WEIR_OK);
}

static void it_may_run_on_all_cores(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    start_opener(rig.runtime); /* which is pinned to one */
    assert_int_equal(weir_cast(rig.runtime, scene.timely, NULL, 0), WEIR_OK);
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(scene.cores, weir__topology_cores(NULL, 0));
    assert_int_equal(scene.slack, 1); /* it is to run when it wakes */
    rig_close(&rig);
}

static void or_on_those_that_are_named(void **state) {
    (void)state;
    struct rig rig;
    unsigned core;
    weir__topology_cores(&core, 1);
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .cores = &core, .core_count = 1});
    start_opener(rig.runtime);
    assert_int_equal(weir_cast(rig.runtime, scene.timely, NULL, 0), WEIR_OK);
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(scene.cores, 1);
    rig_close(&rig);
}

/* Where the others never do, too. */
static void it_sleeps(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .idle = WEIR_IDLE_SPIN});
    start_opener(rig.runtime);
    while (weir__load_relaxed_u32(&rig.runtime->workers[1].bell.parked) == 0) sched_yield();
    rig_close(&rig);
}

enum { STARTERS = 6 };

static void *start_one(void *runtime) {
    weir_stage_options options = place_stage_of(WEIR_PRODUCER);
    options.worker = WEIR_TIMELY_WORKER;
    if (weir_stage_start(runtime, &options, NULL) != WEIR_OK) abort();
    return NULL;
}

static void all_who_open_it_have_one(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t threads[STARTERS];
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.workers = 2});
        for (int i = 0; i < STARTERS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, start_one, rig.runtime), 0);
        }
        for (int i = 0; i < STARTERS; i++) pthread_join(threads[i], NULL);
        assert_int_equal(rig.runtime->workers[2].residents, STARTERS);
        rig_close(&rig);
    }
}

/* ---- callbacks that take virtual time ------------------------------------ */

static weir_verdict take_long(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    if (bytes > 0) weir__runtime_takes(self, *(const uint64_t *)message);
    return count_cores(self, NULL, 0);
}

static void a_long_callback_holds_up_its_worker(void **state) {
    (void)state;
    const uint64_t long_ns = 200000000;
    weir_ref stages[2];
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
    for (unsigned i = 0; i < 2; i++) {
        const weir_stage_options options = {
            .kind = WEIR_CONSUMER,
            .event_bytes = 8,
            .worker = WEIR_WORKER(i),
            .on = {.handle_events = take_none, .handle_cast = take_long}};
        assert_int_equal(weir_stage_start(rig.runtime, &options, &stages[i]), WEIR_OK);
    }
    rig_rest(&rig);
    assert_int_equal(weir_cast(rig.runtime, stages[0], &long_ns, sizeof long_ns), WEIR_OK);
    rig_rest(&rig);
    scene.cores = 0;
    assert_int_equal(weir_cast(rig.runtime, stages[0], NULL, 0), WEIR_OK);
    assert_int_equal(weir_runtime_advance(rig.runtime, long_ns - 1000000), WEIR_OK);
    assert_int_equal(scene.cores, 0); /* it waits, and */
    assert_int_equal(weir_cast(rig.runtime, stages[1], NULL, 0), WEIR_OK);
    rig_rest(&rig);
    assert_int_not_equal(scene.cores, 0); /* this one does not */
    scene.cores = 0;
    assert_int_equal(weir_runtime_advance(rig.runtime, 2000000), WEIR_OK);
    assert_int_not_equal(scene.cores, 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_comes_who_does_not_ask),
        cmocka_unit_test(it_has_no_number),
        TEST_IN_WORLDS(a_drain_ends_them),
        TEST_IN_WORLDS(a_stop_ends_them),
        cmocka_unit_test(it_may_run_on_all_cores),
        cmocka_unit_test(or_on_those_that_are_named),
        cmocka_unit_test(it_sleeps),
        cmocka_unit_test(all_who_open_it_have_one),
        cmocka_unit_test(a_long_callback_holds_up_its_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
