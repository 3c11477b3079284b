/*
 * A fork in a callback, on a thread of weir's.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a callback is given is refused in the child, too, but for what a stage knows of
 * itself; a runtime of its own works there; a callback that returns in the child ends it, with a
 * line, and none other is called there; the parent goes on, and loses nothing.
 * Method: callbacks of each kind fork; rows as in test_forked.c.
 */
#include "os/fork.h"
#include "runtime/runtime.h"
#include "support/cmocka.h"
#include "support/forked.h"

#include <string.h>
#include <unistd.h>

static uint64_t handled; /* atomic */
static int status_seen;  /* of the child: by who waits for the runtime to settle */
static weir_runtime *runtime;
static pid_t parent;

/* ---- the rows ---------------------------------------------------------------------- */

static void of_oneself(weir_stage *self) {
    const weir_ref other = {0};
    FORKED(weir_gathered_take(self, SOME, 1, 1, SOME));
    FORKED(weir_reply_after(self, (weir_from){0}, SOME, 1));
    HARMLESS(weir_finish_with(self, WEIR_REASON_NORMAL));
    FORKED(weir_take(self, 1, 1, SOME));
    HARMLESS(weir_reserve_bytes(self, 1));
    FORKED(weir_commit_bytes(self, 1, SOME, 1));
    FORKED(weir_emit_slices(self, SOME, 1));
    FORKED(weir_take_message(self, SOME));
    HARMLESS(weir_batch_subscription(self));
    HARMLESS(weir_batch_event_bytes(self));
    FORKED(weir_emit(self, SOME, 1));
    HARMLESS(weir_reserve(self, 1));
    FORKED(weir_commit(self, 1));
    HARMLESS(weir_forward(self));
    HARMLESS(weir_own(self));
    HARMLESS(weir_open_demand(self));
    FORKED(weir_batch_rest(self, 1));
    FORKED(weir_demand_rest(self, 1));
    FORKED(weir_stash(self, 1, 1));
    HARMLESS(weir_stashed(self));
    HARMLESS(weir_stash_front(self, 1));
    HARMLESS(weir_stash_event_bytes(self));
    FORKED(weir_stash_emit(self, 1));
    FORKED(weir_stash_drop(self, 1));
    FORKED(weir_emit_mark(self, SOME));
    HARMLESS(weir_watermark(self));
    HARMLESS(weir_message_set(self, SOME, SOME, 1));
    HARMLESS(weir_message_room(self, SOME, 1));
    HARMLESS(weir_message_ack(self, SOME));
    FORKED(weir_poller_add(self, 0, SOME));
    FORKED(weir_poller_accept(self, 0, SOME));
    FORKED(weir_poller_want(self, 0, 0));
    FORKED(weir_poller_close(self, 0));
    FORKED(weir_poller_remove(self, 0));
    HARMLESS(weir_poller_count(self));
    FORKED(weir_monitor_stage(self, other, SOME));
    FORKED(weir_demonitor(self, (weir_monitor){0}));
    FORKED(weir_emit_to(self, 1, SOME, 1));
    FORKED(weir_forward_to(self, 1, 1, 1));
    HARMLESS(weir_buffered(self));
    HARMLESS(weir_held(self));
    HARMLESS(weir_stop_with(self, WEIR_REASON_NORMAL));
    forked_row(*(int *)weir_state(self) == 5, "the state is there");
    forked_row(weir_stage_runtime(self) == runtime, "the runtime is named");
    forked_row(strcmp(weir_stage_name(self), "forks") == 0, "the name is there");
}

static void of_a_task(weir_task *self) {
    HARMLESS(weir_task_ending(self));
    FORKED(weir_task_take(self, SOME));
    FORKED(weir_task_emit(self, SOME, 1));
    HARMLESS(weir_task_attempt(self));
    HARMLESS(weir_task_child(self));
}

static void of_a_pull(weir_pull *pull) {
    HARMLESS(weir_pull_add(pull, SOME));
    HARMLESS(weir_pull_room(pull));
    HARMLESS(weir_pull_flush(pull));
    HARMLESS(weir_pull_stopping(pull));
    HARMLESS(weir_pull_lane_full(pull, 1));
    HARMLESS(weir_pull_revoke(pull, 1, 1));
    HARMLESS(weir_pull_log(pull, WEIR_LOG_INFO, "%s", ""));
}

static void of_work(weir_work *work) {
    HARMLESS(weir_work_set(work, SOME, 1));
    HARMLESS(weir_work_room(work, 1));
    HARMLESS(weir_work_more(work));
    HARMLESS(weir_work_ack(work));
}

/* ---- callbacks that fork -------------------------------------------------------------- */

static weir_verdict count(weir_stage *self, weir_batch batch) {
    (void)self;
    weir__fetch_add_u64(&handled, batch.count);
    return WEIR_CONTINUE;
}

/* It is on a worker's thread still, and with its mask and its core. */
static void own_runtime(void) {
    const weir_inlet_options options = {.event_bytes = 8};
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER, .takes_bytes = 8, .on.handle_events = count};
    const uint64_t events[3] = {1, 2, 3};
    weir_runtime *own;
    weir_inlet *inlet;
    weir_ref from;
    weir_ref to;
    if (!FORKED_MAY_ALLOCATE) return;
    CLOSES(weir_thread_unbind());
    CLOSES(weir_runtime_open(NULL, &own));
    CLOSES(weir_inlet_open(own, &options, &inlet, &from));
    CLOSES(weir_stage_start(own, &stage, &to));
    CLOSES(weir_subscribe(own, to, from, NULL, NULL));
    weir__store_relaxed_u64(&handled, 0);
    CLOSES(weir_inlet_push(inlet, events, 3, WEIR_FOREVER));
    weir_inlet_close(inlet);
    CLOSES(weir_runtime_run(own, WEIR_FOREVER));
    forked_row(weir__load_relaxed_u64(&handled) == 3, "each of its events was handled");
    CLOSES(weir_runtime_close(own, NULL));
}

static weir_verdict handle_and_fork(weir_stage *self, weir_batch batch) {
    const pid_t child = forked_begin();
    if (child == 0) {
        of_oneself(self);
        own_runtime();
        CLOSES(weir_runtime_close(runtime, NULL));
        forked_end();
    }
    status_seen = forked_await(child);
    return count(self, batch);
}

static weir_verdict handle_and_return(weir_stage *self, weir_batch batch) {
    if (getpid() != parent) _exit(3); /* a second call, in the child */
    const pid_t child = forked_begin();
    if (child == 0) return WEIR_CONTINUE;
    status_seen = forked_await(child);
    return count(self, batch);
}

/* With one event in a batch, and several that wait. */
static void handle(weir_runtime_mode mode,
                   weir_verdict (*events)(weir_stage *self, weir_batch batch)) {
    const weir_runtime_options options = {.mode = mode, .workers = 1};
    const weir_inlet_options inlet_options = {.event_bytes = 8};
    const weir_subscribe_to to = {.options = {.max_demand = 1}};
    weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                .name = "forks",
                                .takes_bytes = 8,
                                .state = &(int){5},
                                .state_bytes = sizeof(int),
                                .on.handle_events = events};
    const uint64_t numbers[3] = {1, 2, 3};
    weir_accounts accounts;
    weir_inlet *inlet;
    weir_ref from;
    weir_ref consumer;
    parent = getpid();
    handled = 0;
    assert_int_equal(weir_runtime_open(&options, &runtime), WEIR_OK);
    assert_int_equal(weir_inlet_open(runtime, &inlet_options, &inlet, &from), WEIR_OK);
    assert_int_equal(weir_stage_start(runtime, &stage, &consumer), WEIR_OK);
    assert_int_equal(weir_subscribe(runtime, consumer, from, &to.options, NULL), WEIR_OK);
    assert_int_equal(weir_inlet_push(inlet, numbers, 3, WEIR_FOREVER), WEIR_OK);
    weir_inlet_close(inlet);
    assert_int_equal(weir_runtime_run(runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, &accounts), WEIR_OK);
    assert_int_equal(handled, 3);
    assert_int_equal(accounts.handled, 3);
}

static void a_stage_is_refused_in_its_child(void **state) {
    (void)state;
    handle(WEIR_THREADS, handle_and_fork);
    assert_int_equal(status_seen, 0);
    handle(WEIR_SIMULATED, handle_and_fork);
    assert_int_equal(status_seen, 0);
}

static void a_callback_that_returns_ends_the_child(void **state) {
    (void)state;
    handle(WEIR_THREADS, handle_and_return);
    assert_int_equal(status_seen, WEIR__FORK_RETURNED);
    handle(WEIR_STEPPED, handle_and_return);
    assert_int_equal(status_seen, WEIR__FORK_RETURNED);
}

/* ---- tasks, work, pulls --------------------------------------------------------------- */

static bool returns;

static weir_task_result task(void *context, const void *event, weir_task *self) {
    (void)context, (void)event;
    const pid_t child = forked_begin();
    if (child == 0) {
        if (returns) return WEIR_TASK_OK;
        of_a_task(self);
        own_runtime();
        forked_end();
    }
    status_seen = forked_await(child);
    return WEIR_TASK_OK;
}

static void a_task_likewise(void **state) {
    const weir_pool_options options = {.event_bytes = 8, .threads = 1, .task = task};
    weir_pool *pool;
    (void)state;
    assert_int_equal(weir_runtime_open(NULL, &runtime), WEIR_OK);
    assert_int_equal(weir_pool_open(runtime, &options, &pool, NULL), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        returns = i == 1;
        assert_int_equal(weir_pool_start_child(pool, SOME, NULL), WEIR_OK);
        assert_int_equal(weir_runtime_settle(runtime, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(status_seen, returns ? WEIR__FORK_RETURNED : 0);
    }
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
}

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    (void)context;
    const pid_t child = forked_begin();
    if (child == 0) {
        of_work(work);
        HARMLESS(weir_message_settle(message, 1, WEIR_DISCARD_HANDLED));
        forked_end();
    }
    status_seen = forked_await(child);
    return WEIR_MESSAGE_OK;
}

static void a_handler_likewise(void **state) {
    const weir_pipeline_options options = {
        .processors = {.count = 1, .handle_message = handle_message}};
    const weir_message message = {0};
    weir_pipeline *pipeline;
    weir_outcome outcome;
    (void)state;
    assert_int_equal(weir_runtime_open(NULL, &runtime), WEIR_OK);
    assert_int_equal(weir_pipeline_open(runtime, &options, &pipeline), WEIR_OK);
    assert_int_equal(weir_pipeline_test(pipeline, &message, 1, 0, WEIR_FOREVER, &outcome), WEIR_OK);
    assert_int_equal(outcome, WEIR_MESSAGE_OK);
    assert_int_equal(status_seen, 0);
    assert_int_equal(weir_pipeline_close(pipeline, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
}

static weir_pulled pull_and_fork(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                 uint64_t timeout_ns) {
    (void)context, (void)events, (void)bytes, (void)timeout_ns;
    const pid_t child = forked_begin();
    if (child == 0) {
        if (returns) return WEIR_SOURCE_END;
        of_a_pull(pull);
        own_runtime();
        forked_end();
    }
    status_seen = forked_await(child);
    return WEIR_SOURCE_END;
}

static void a_driver_likewise(void **state) {
    static const weir_source_driver driver = {.name = "forks", .pull = pull_and_fork};
    const weir_source_options options = {.name = "source", .driver = &driver};
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER, .takes_bytes = sizeof(weir_message), .on.handle_events = count};
    (void)state;
    for (int i = 0; i < 2; i++) {
        weir_source *source;
        weir_ref from;
        weir_ref to;
        returns = i == 1;
        status_seen = -1;
        assert_int_equal(weir_runtime_open(NULL, &runtime), WEIR_OK);
        assert_int_equal(weir_source_open(runtime, &options, &source, &from), WEIR_OK);
        assert_int_equal(weir_stage_start(runtime, &stage, &to), WEIR_OK);
        assert_int_equal(weir_subscribe(runtime, to, from, NULL, NULL), WEIR_OK);
        assert_int_equal(weir_runtime_run(runtime, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(weir_source_close(source), WEIR_OK);
        assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
        assert_int_equal(status_seen, returns ? WEIR__FORK_RETURNED : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_is_refused_in_its_child),
        cmocka_unit_test(a_callback_that_returns_ends_the_child),
        cmocka_unit_test(a_task_likewise),
        cmocka_unit_test(a_handler_likewise),
        cmocka_unit_test(a_driver_likewise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
