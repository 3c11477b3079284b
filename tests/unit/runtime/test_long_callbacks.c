/*
 * Long callbacks: their neighbours have their turns in between, and are seen to wait for them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: two consumers of one worker, each with an inlet on another worker.  While the first one
 * is in a callback, an event comes for the second one.
 */
#include "base/atomic.h"
#include "support/cmocka.h"

#include <string.h>
#include <time.h>
#include <weir/weir.h>

enum { EVENTS = 5, LONG_NS = 1000000 };

static struct {
    weir_runtime *runtime;
    weir_inlet *inlets[2];
    weir_ref sources[2];
    weir_ref stages[2];
    char calls[2 * EVENTS]; /* a letter for each callback */
    unsigned count;
    uint32_t entered; /* the slow one's first callback */
    uint32_t go;
} scene;

static void sleep_ns(long ns) {
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void wait_for(uint32_t *flag) {
    while (weir__load_acquire_u32(flag) == 0) {
        sleep_ns(LONG_NS / 10);
    }
}

static weir_verdict slow(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    scene.calls[scene.count++] = 's';
    weir__store_release_u32(&scene.entered, 1);
    wait_for(&scene.go);
    sleep_ns(LONG_NS);
    return WEIR_CONTINUE;
}

static weir_verdict quick(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    scene.calls[scene.count++] = 'q';
    return WEIR_CONTINUE;
}

static void start(unsigned number, const char *name, size_t window,
                  weir_verdict (*handle)(weir_stage *, weir_batch)) {
    const weir_inlet_options inlet = {.event_bytes = 8, .worker = WEIR_WORKER(0)};
    assert_int_equal(
        weir_inlet_open(scene.runtime, &inlet, &scene.inlets[number], &scene.sources[number]),
        WEIR_OK);
    const weir_subscribe_to to = {
        .producer = scene.sources[number],
        .options = {.max_demand = window, .min_demand = window > 1 ? window - 1 : WEIR_NONE}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .name = name,
                                        .worker = WEIR_WORKER(1),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = handle};
    assert_int_equal(weir_stage_start(scene.runtime, &options, &scene.stages[number]), WEIR_OK);
}

static void push(unsigned number, size_t count) {
    const uint64_t events[EVENTS] = {0};
    assert_int_equal(weir_inlet_push(scene.inlets[number], events, count, 0), WEIR_OK);
}

static weir_counters_stage stats_of(weir_ref stage) {
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(scene.runtime, stage, &stats), WEIR_OK);
    return stats;
}

static void open_scene(void) {
    memset(&scene, 0, sizeof scene);
    assert_int_equal(weir_runtime_open(&(weir_runtime_options){.workers = 2}, &scene.runtime),
                     WEIR_OK);
    start(0, "slow", EVENTS, slow);
    start(1, "quick", 1, quick);
    assert_int_equal(weir_runtime_settle(scene.runtime, WEIR_FOREVER), WEIR_OK);
    sleep_ns(LONG_NS); /* so that the worker's next visit is timed: it was cold for long */
}

static void close_scene(void) {
    assert_int_equal(weir_runtime_settle(scene.runtime, WEIR_FOREVER), WEIR_OK);
    weir_inlet_close(scene.inlets[0]);
    weir_inlet_close(scene.inlets[1]);
    assert_int_equal(weir_runtime_close(scene.runtime, NULL), WEIR_OK);
}

/* The slow one has several batches at hand, and the other one's event has come as it is in its
 * first callback. */
static void meet(void) {
    push(0, EVENTS);
    wait_for(&scene.entered);
    push(1, 1);
    while (stats_of(scene.sources[1]).events_out < 1) {
        sleep_ns(LONG_NS / 10);
    }
    weir__store_release_u32(&scene.go, 1);
    assert_int_equal(weir_runtime_settle(scene.runtime, WEIR_FOREVER), WEIR_OK);
}

/* Behind the first one's second turn, for it was in line when the other one was seen. */
static void a_turn_ends_behind_a_long_callback(void **state) {
    (void)state;
    open_scene();
    meet();
    assert_string_equal(scene.calls, "ssqsss");
    close_scene();
}

static void who_comes_to_have_work_meanwhile_waits(void **state) {
    (void)state;
    open_scene();
    assert_int_equal(stats_of(scene.stages[1]).times[WEIR_STATE_WAITING], 0);
    meet();
    assert_true(stats_of(scene.stages[1]).times[WEIR_STATE_WAITING] > 0);
    close_scene();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_ends_behind_a_long_callback),
        cmocka_unit_test(who_comes_to_have_work_meanwhile_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
