/*
 * Pools that emit events that own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a result has one fate: handled downstream; or abandoned, when its task failed; or stopped,
 * when its pool was before it could go; or no memory.  What the task was refused is its own still.
 * Method: tasks that make results by a ledger that knows each one's fate; in every world of the
 * rig's, in simulated time, with allocations that fail, and with threads.
 */
#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <sched.h>
#include <string.h>

enum { NUMBERS = 200 };

static struct owned_ledger *const ledger = &owned_scene.ledger;
static struct rig threaded;
static weir_pool *pool;
static weir_ref stage;
static bool lines;
static uint32_t runs[NUMBERS]; /* atomic */
static uint32_t begun;         /* atomic */
static uint32_t gate;          /* atomic */
static unsigned fails;         /* each that many-th number, at first */
static bool waits;             /* for the gate */
static bool delays;            /* restarts, for long */

static void emit_one(weir_task *self) {
    if (lines) {
        char text[OWNED_TEXT_MOST];
        struct owned_line line = owned_make_line(ledger, text);
        if (weir_task_emit(self, &line, 1) != WEIR_OK) owned_release(ledger, line.event);
        memset(text, 0, sizeof text);
    } else {
        struct owned event = owned_make(ledger);
        if (weir_task_emit(self, &event, 1) != WEIR_OK) owned_release(ledger, event);
    }
}

static weir_task_result run(void *context, const void *event, weir_task *self) {
    uint64_t number = *(const uint64_t *)event;
    (void)context;
    weir__fetch_add_u32(&begun, 1);
    while (waits && weir__load_acquire_u32(&gate) == 0) sched_yield();
    for (uint64_t i = 0; i < 1 + number % 3; i++) emit_one(self);
    bool first = weir__fetch_add_u32(&runs[number], 1) == 0;
    return first && fails > 0 && number % fails == 0 ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    owned_scene.told += count;
}

static weir_verdict look_at_lines(weir_stage *self, weir_batch batch) {
    const struct owned_line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) owned_look_at_line(ledger, &line[i]);
    owned_scene.seen += batch.count;
    return WEIR_CONTINUE;
}

/* A pool whose children are started by hand, and a sink of its results. */
static void open_pool(struct rig *rig, bool with_lines, weir_pool_order order, size_t threads,
                      size_t demand) {
    owned_scene_open(rig);
    memset(runs, 0, sizeof runs);
    begun = gate = 0;
    fails = 0;
    waits = false;
    lines = with_lines;
    const weir_pool_emits emits = {.type = lines ? &ledger->lines : &ledger->type, .order = order};
    const weir_backoff hour = {.first_ns = UINT64_C(3600000000000)};
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .threads = threads,
                                       .task = run,
                                       .discarded = count_discarded,
                                       .restart = WEIR_CHILD_TRANSIENT,
                                       .attempts = 3,
                                       .restart_delay = delays ? &hour : NULL,
                                       .emits = &emits};
    assert_int_equal(weir_pool_open(rig->runtime, &options, &pool, &stage), WEIR_OK);
    if (demand > 0) {
        owned_scene_sink(stage, lines ? look_at_lines : owned_scene_look,
                         (weir_subscribe_options){.max_demand = demand,
                                                  .max_bytes = WEIR_INFINITY,
                                                  .cancel = WEIR_TEMPORARY});
    }
}

static void start(uint64_t from, uint64_t to) {
    for (; from < to; from++) {
        assert_int_equal(weir_pool_start_child(pool, &from, NULL), WEIR_OK);
    }
}

static void close_pool(const char *expected) {
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    owned_scene_close(expected);
}

static void results_are_handled_or_abandoned(struct rig *rig, int way) {
    open_pool(rig, way % 2 > 0, way / 2 > 0 ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER, WEIR_NONE,
              100);
    fails = 3;
    start(0, 12); /* 1 + 2 + 3 four times; 0, 3, 6, 9 have 1, twice */
    rig_rest(rig);
    assert_int_equal(owned_scene.seen, 24);
    close_pool("handled 24, abandoned 4");
}

/* The first one waits for its restart, and those behind it in line. */
static void results_stop_with_their_pool(struct rig *rig, int way) {
    delays = true;
    open_pool(rig, way % 2 > 0, WEIR_POOL_IN_ORDER, WEIR_NONE, 100);
    delays = false;
    fails = 3;
    start(0, 3);
    rig_rest(rig);
    assert_int_equal(begun, 3);
    owned_scene_stop(stage);
    assert_int_equal(owned_scene.told, 6);
    close_pool("stopped 5, abandoned 1");
}

static void late_results_are_dropped(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        rig_open(&threaded, &(weir_runtime_options){.workers = 2, .unpinned = true});
        open_pool(&threaded, way % 2 > 0, way / 2 > 0 ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER, 2,
                  100);
        waits = true;
        start(1, 3); /* 2 and 3 results */
        while (weir__load_relaxed_u32(&begun) < 2) sched_yield();
        assert_int_equal(weir_stop(threaded.runtime, stage, WEIR_REASON_USER), WEIR_OK);
        while (weir_runtime_stages(threaded.runtime) > 1) sched_yield();
        weir__store_release_u32(&gate, 1);
        rig_rest(&threaded);
        assert_int_equal(owned_scene.seen, 0);
        assert_int_equal(weir_runtime_dropped(threaded.runtime, WEIR_DISCARD_STOPPED), 5);
        assert_int_equal(owned_scene.told, 5);
        close_pool("stopped 5");
    }
}

static void threads_make_them(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        rig_open(&threaded, &(weir_runtime_options){.workers = 2, .unpinned = true});
        open_pool(&threaded, way % 2 > 0, way / 2 > 0 ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER, 3,
                  7);
        fails = 4;
        start(0, NUMBERS);
        assert_int_equal(weir_runtime_drain(threaded.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        close_pool(NULL);
        assert_int_equal(owned_scene.seen, 399);
    }
}

static void without_memory_each_has_one_fate(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        for (uint64_t call = 1; call < 40; call++) {
            rig_open(&threaded, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
            open_pool(&threaded, way % 2 > 0,
                      way / 2 > 0 ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER, WEIR_NONE, 5);
            fails = 5;
            start(0, 12);
            test_memory_fail(&threaded.memory, call, false);
            rig_rest(&threaded);
            test_memory_fail_never(&threaded.memory);
            close_pool(NULL);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(results_are_handled_or_abandoned, 4),
        TEST_IN_WORLDS_AND_WAYS(results_stop_with_their_pool, 2),
        cmocka_unit_test(late_results_are_dropped),
        cmocka_unit_test(threads_make_them),
        cmocka_unit_test(without_memory_each_has_one_fate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
