/*
 * Who waits for the whole runtime, where it would wait for him.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each call that waits for all of a runtime, or frees it, is refused in each of
 * the program's functions that the runtime calls, on whatever thread, and nothing has
 * changed; for another runtime it does what it is to do.
 * Method: one function that tries all of them, called in all of those.
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include "base/atomic.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;
static weir_pool *pool;
static uint32_t tries; /* atomic */
static const char *caller;

static void check_refusal(const char *call) {
    char text[128];
    snprintf(text, sizeof text, "%s would wait for the %s that calls it", call, caller);
    RIG_CHECK(&rig, strcmp(weir_refusal(), text) == 0);
}

/* Everything that waits for the whole runtime; or only one, if that waits. */
static void try_all(void) {
    weir_runtime *runtime = rig.runtime;
    if (weir_runtime_run(runtime, 1000000) != WEIR_WRONG_THREAD) {
        rig_wrong(&rig, __FILE__, __LINE__, caller);
        return;
    }
    check_refusal("weir_runtime_run");
    RIG_CHECK(&rig, weir_runtime_settle(runtime, WEIR_FOREVER) == WEIR_WRONG_THREAD);
    check_refusal("weir_runtime_settle");
    RIG_CHECK(&rig, weir_runtime_drain(runtime, WEIR_FOREVER, NULL) == WEIR_WRONG_THREAD);
    check_refusal("weir_runtime_drain");
    RIG_CHECK(&rig, weir_runtime_close(runtime, NULL) == WEIR_WRONG_THREAD);
    check_refusal("weir_runtime_close");
    RIG_CHECK(&rig, weir_runtime_step(runtime, 1) == 0);
    weir_status status = weir_runtime_advance(runtime, 1);
    RIG_CHECK(&rig, status == WEIR_WRONG_THREAD || status == WEIR_WRONG_MODE);
    if (pool != NULL) {
        RIG_CHECK(&rig, weir_pool_close(pool, NULL) == WEIR_WRONG_THREAD);
        check_refusal("weir_pool_close");
    }
    weir__fetch_add_u32(&tries, 1);
}

static weir_task_result task(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    try_all();
    return WEIR_TASK_OK;
}

static weir_start_verdict start(void *context, const void *event) {
    (void)context, (void)event;
    const char *outer = caller;
    caller = "start";
    try_all();
    caller = outer;
    return WEIR_CHILD_IGNORE;
}

static void open_pool(const weir_pool_options *given) {
    weir_pool_options options = *given;
    options.event_bytes = 1;
    options.threads = 1;
    assert_int_equal(weir_pool_open(rig.runtime, &options, &pool, NULL), WEIR_OK);
}

static void close_pool(void) {
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    pool = NULL;
}

static void begin(const char *who, weir_runtime_mode mode) {
    caller = who;
    tries = 0;
    rig_open(&rig, &(weir_runtime_options){.mode = mode, .workers = 2, .unpinned = true});
}

static void end(uint32_t expected) {
    assert_int_equal(weir__load_acquire_u32(&tries), expected);
    rig_close(&rig);
}

/* ---- on a pool's thread -------------------------------------------------- */

static void in_a_task(void **state) {
    (void)state;
    begin("task", WEIR_THREADS);
    open_pool(&(weir_pool_options){.task = task});
    assert_int_equal(weir_pool_start_child(pool, "", NULL), WEIR_OK);
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    close_pool();
    end(1);
}

/* ---- on a thread of the program's ---------------------------------------- */

static void in_a_start_by_hand(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        begin("start", (weir_runtime_mode)mode);
        open_pool(&(weir_pool_options){.task = task, .start = start});
        assert_int_equal(weir_pool_start_child(pool, "", NULL), WEIR_OK);
        assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
        close_pool();
        end(1);
    }
}

static weir_verdict init(weir_stage *self, void *argument) {
    (void)argument;
    try_all();
    return weir_stop_with(self, WEIR_REASON_USER);
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void in_init(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        begin("init", (weir_runtime_mode)mode);
        const weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                          .on = {.init = init, .handle_events = no_events}};
        assert_int_equal(weir_stage_start(rig.runtime, &stage, NULL), WEIR_INIT_STOPPED);
        end(1);
    }
}

static weir_status start_nothing(weir_runtime *runtime, void *argument, weir_ref *out) {
    (void)runtime, (void)argument, (void)out;
    try_all();
    return WEIR_FULL;
}

/* It runs inside of the supervisor's init. */
static void in_a_supervised_start(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        begin("init", (weir_runtime_mode)mode);
        const weir_supervised child = {.start = start_nothing};
        const weir_supervisor_options options = {.children = &child, .child_count = 1};
        assert_int_equal(weir_supervisor_start(rig.runtime, &options, NULL), WEIR_FULL);
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        end(1);
    }
}

/* What a reader has not read is told on its thread, when the stream's stage has gone. */
static void discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)count, (void)cause;
    try_all();
}

static weir_verdict emit_all(weir_stage *self, uint64_t demand) {
    for (; demand > 0; demand--) {
        RIG_CHECK(&rig, weir_emit(self, "", 1) == WEIR_OK);
        rig.emitted++;
    }
    return WEIR_STOP;
}

/* One of four events is read. */
static void leave_amid_a_batch(void (*tell)(void *, uint64_t, weir_discard)) {
    weir_ref producer;
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER, .event_bytes = 1, .on = {.handle_demand = emit_all}};
    assert_int_equal(weir_stage_start(rig.runtime, &stage, &producer), WEIR_OK);
    const weir_subscribe_to from = {.producer = producer, .options.max_demand = 4};
    weir_stream *stream;
    const weir_stream_options options = {
        .event_bytes = 1, .discarded = tell, .subscribe_to = &from, .subscribe_count = 1};
    assert_int_equal(weir_stream_open(rig.runtime, &options, &stream), WEIR_OK);
    char event;
    assert_int_equal(weir_stream_next(stream, &event, WEIR_FOREVER), WEIR_OK);
    weir_runtime_stop(rig.runtime, WEIR_REASON_USER);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    weir_stream_close(stream);
}

static void in_discarded(void **state) {
    (void)state;
    begin("discarded", WEIR_STEPPED);
    leave_amid_a_batch(discarded);
    rig.handled = 1;
    end(1);
}

static void log_text(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    if (strstr(text, "were not read") != NULL) try_all(); /* a worker has told its own before */
}

static void in_a_log(void **state) {
    (void)state;
    begin("log", WEIR_STEPPED);
    weir_runtime *outer = rig.runtime;
    const weir_runtime_options options = {.mode = WEIR_STEPPED, .workers = 1, .log = log_text};
    assert_int_equal(weir_runtime_open(&options, &rig.runtime), WEIR_OK);
    leave_amid_a_batch(NULL);
    assert_int_equal(weir_runtime_close(rig.runtime, NULL), WEIR_OK);
    rig.runtime = outer;
    rig.emitted = 0;
    end(1);
}

/* ---- another runtime ----------------------------------------------------- */

static weir_task_result quiet_task(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

/* A task may block, and so it may drive a runtime of its own. */
static weir_task_result drive_another(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        weir_runtime *own;
        weir_pool *inner;
        const weir_runtime_options options = {
            .mode = (weir_runtime_mode)mode, .workers = 1, .unpinned = true};
        RIG_CHECK(&rig, weir_runtime_open(&options, &own) == WEIR_OK);
        RIG_CHECK(&rig,
                  weir_pool_open(
                      own, &(weir_pool_options){.event_bytes = 1, .threads = 1, .task = quiet_task},
                      &inner, NULL) == WEIR_OK);
        RIG_CHECK(&rig, weir_pool_start_child(inner, "", NULL) == WEIR_OK);
        RIG_CHECK(&rig, weir_runtime_settle(own, WEIR_FOREVER) == WEIR_OK);
        RIG_CHECK(&rig, weir_pool_close(inner, NULL) == WEIR_OK);
        RIG_CHECK(&rig, weir_runtime_drain(own, WEIR_FOREVER, NULL) == WEIR_OK);
        RIG_CHECK(&rig, weir_runtime_close(own, NULL) == WEIR_OK);
    }
    try_all();
    return WEIR_TASK_OK;
}

static void another_runtime_is_waited_for(void **state) {
    (void)state;
    begin("task", WEIR_THREADS);
    open_pool(&(weir_pool_options){.task = drive_another});
    assert_int_equal(weir_pool_start_child(pool, "", NULL), WEIR_OK);
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    close_pool();
    end(1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_task),
        cmocka_unit_test(in_a_start_by_hand),
        cmocka_unit_test(in_init),
        cmocka_unit_test(in_a_supervised_start),
        cmocka_unit_test(in_discarded),
        cmocka_unit_test(in_a_log),
        cmocka_unit_test(another_runtime_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
