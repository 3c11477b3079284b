/*
 * A child of fork, and the runtimes of its parent.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: there every call is refused with WEIR_FORKED and its sentence, nothing hangs, whatever
 * locks were taken as the fork came, and what closes touches nothing of the parent's; a runtime of
 * its own works.
 * Method: a runtime with all kinds of parts on threads; a row for each function that takes one of
 * them (support/forked.h), which tests/tools/test_embedding.py compares with the headers; counters'
 * files and descriptors, looked at from the parent.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/lock.h"
#include "runtime/runtime.h"
#include "support/cmocka.h"
#include "support/forked.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct {
    weir_runtime *runtime;
    weir_ref stage;
    weir_inlet *inlet;
    weir_port *port;
    weir_stream *stream;
    weir_pool *pool;
    weir_source *source;
    weir_pipeline *pipeline;
    weir_rate *rate;
    int stream_fd;
    int drain_fd;
    char counters[64];
} made;

/* ---- the rows -------------------------------------------------------------------- */

static void ended(void *context, weir_ref stage, weir_reason reason) {
    (void)context, (void)stage, (void)reason;
}

static void of_starting(void) {
    FORKED(weir_batcher_start(made.runtime, SOME, SOME));
    FORKED(weir_conflate_start(made.runtime, SOME, SOME));
    FORKED(weir_inlet_open(made.runtime, SOME, SOME, SOME));
    FORKED(weir_iterator_start(made.runtime, SOME, SOME));
    FORKED(weir_pipeline_open(made.runtime, SOME, SOME));
    FORKED(weir_pool_open(made.runtime, SOME, SOME, SOME));
    FORKED(weir_pool_iterate(made.runtime, SOME, SOME, SOME));
    FORKED(weir_rate_open(made.runtime, SOME, SOME));
    FORKED(weir_retry_start(made.runtime, SOME, SOME));
    FORKED(weir_source_open(made.runtime, SOME, SOME, SOME));
    FORKED(weir_stage_start(made.runtime, SOME, SOME));
    HARMLESS(weir_log(made.runtime, WEIR_LOG_INFO, "%s", ""));
    FORKED(weir_poller_start(made.runtime, SOME, SOME));
    FORKED(weir_stream_open(made.runtime, SOME, SOME));
    FORKED(weir_supervisor_start(made.runtime, SOME, SOME));
    FORKED(weir_window_start(made.runtime, SOME, SOME));
    FORKED(weir_stages_start(made.runtime, SOME, 1, SOME));
    FORKED(weir_chain(made.runtime, SOME, 1, SOME));
}

static void of_the_runtime(void) {
    FORKED(weir_runtime_accounts(made.runtime, SOME));
    HARMLESS(weir_runtime_dropped(made.runtime, WEIR_DISCARD_HANDLED));
    FORKED(weir_runtime_run(made.runtime, WEIR_FOREVER));
    HARMLESS(weir_runtime_step(made.runtime, 1));
    FORKED(weir_runtime_settle(made.runtime, WEIR_FOREVER));
    FORKED(weir_runtime_advance(made.runtime, 1));
    FORKED(weir_runtime_drain(made.runtime, WEIR_FOREVER, SOME));
    FORKED(weir_runtime_holdup(made.runtime, SOME));
    FORKED(weir_runtime_stop(made.runtime, WEIR_REASON_NORMAL));
    HARMLESS(weir_runtime_workers(made.runtime));
    HARMLESS(weir_runtime_stages(made.runtime));
    HARMLESS(weir_runtime_allocator(made.runtime));
    HARMLESS(weir_runtime_now(made.runtime));
    FORKED(weir_runtime_drain_begin(made.runtime, 1, NULL, NULL, NULL));
}

static void of_looking(void) {
    FORKED(weir_demand_mode_of(made.runtime, made.stage, WEIR_FOREVER, SOME));
    FORKED(weir_estimate_buffered(made.runtime, made.stage, WEIR_FOREVER, SOME));
    FORKED(weir_consumers(made.runtime, made.stage, WEIR_FOREVER, SOME, 1, SOME));
    FORKED(weir_producers(made.runtime, made.stage, WEIR_FOREVER, SOME, 1, SOME));
    FORKED(weir_lags(made.runtime, made.stage, WEIR_FOREVER, SOME, 1, SOME));
    FORKED(weir_register(made.runtime, made.stage, "name"));
    FORKED(weir_unregister(made.runtime, "name"));
    FORKED(weir_whereis(made.runtime, "name", SOME));
    FORKED(weir_stage_stats(made.runtime, made.stage, SOME));
    HARMLESS(weir_stages(made.runtime, SOME, 1));
    HARMLESS(weir_subscriptions(made.runtime, made.stage, SOME, 1));
    FORKED(weir_stage_times(made.runtime, made.stage, 0, SOME));
    FORKED(weir_subscription_times(made.runtime, (weir_subscription){0}, SOME));
    FORKED(weir_stage_output(made.runtime, made.stage, 1, SOME));
    FORKED(weir_supervisor_children(made.runtime, made.stage, WEIR_FOREVER, SOME, 1, SOME));
    FORKED(weir_supervisor_child(made.runtime, made.stage, 1, WEIR_FOREVER, SOME));
    FORKED(weir_supervisor_start_child(made.runtime, made.stage, SOME, WEIR_FOREVER, SOME, SOME));
    FORKED(weir_supervisor_stop_child(made.runtime, made.stage, 1, WEIR_FOREVER));
    FORKED(weir_supervisor_restart_child(made.runtime, made.stage, 1, WEIR_FOREVER, SOME));
    FORKED(weir_supervisor_delete_child(made.runtime, made.stage, 1, WEIR_FOREVER));
    FORKED(weir_window_look(made.runtime, made.stage, WEIR_FOREVER, SOME));
}

static void of_stages(void) {
    FORKED(weir_call(made.runtime, made.stage, SOME, 1, SOME, WEIR_FOREVER));
    FORKED(weir_reply(made.runtime, (weir_from){0}, SOME, 1));
    FORKED(weir_stop_wait(made.runtime, made.stage, WEIR_REASON_NORMAL, WEIR_FOREVER));
    FORKED(weir_info_wait(made.runtime, made.stage, SOME, 1, WEIR_FOREVER));
    FORKED(weir_finish(made.runtime, made.stage));
    FORKED(weir_busy(made.runtime, made.stage, SOME));
    FORKED(weir_done(made.runtime, (weir_token){0}));
    FORKED(weir_feeds(made.runtime, made.stage, made.stage));
    HARMLESS(weir_ending(made.runtime, made.stage));
    FORKED(weir_wait(made.runtime, made.stage, WEIR_FOREVER, SOME));
    FORKED(weir_end_fd(made.runtime, made.stage, SOME));
    FORKED(weir_cast_event(made.runtime, made.stage, SOME, SOME));
    FORKED(weir_info_event(made.runtime, made.stage, SOME, SOME));
    FORKED(weir_stop(made.runtime, made.stage, WEIR_REASON_NORMAL));
    FORKED(weir_cast(made.runtime, made.stage, SOME, 1));
    FORKED(weir_info(made.runtime, made.stage, SOME, 1));
    FORKED(weir_demand(made.runtime, made.stage, 0));
    FORKED(weir_subscribe(made.runtime, made.stage, made.stage, SOME, SOME));
    FORKED(weir_subscribe_wait(made.runtime, made.stage, made.stage, SOME, WEIR_FOREVER, SOME));
    FORKED(weir_resubscribe(made.runtime, (weir_subscription){0}, WEIR_REASON_NORMAL, made.stage,
                            SOME, SOME));
    FORKED(weir_resubscribe_wait(made.runtime, (weir_subscription){0}, WEIR_REASON_NORMAL,
                                 made.stage, SOME, WEIR_FOREVER, SOME));
    FORKED(weir_ask(made.runtime, (weir_subscription){0}, 1));
    FORKED(weir_cancel(made.runtime, (weir_subscription){0}, WEIR_REASON_NORMAL));
    FORKED(weir_send_after(made.runtime, made.stage, SOME, 1, 1, SOME));
    FORKED(weir_cancel_timer(made.runtime, (weir_timer){0}));
    FORKED(weir_on_end(made.runtime, made.stage, ended, NULL));
}

static void of_inlets(void) {
    FORKED(weir_port_push_some(made.port, SOME, 1, SOME));
    FORKED(weir_port_room_fd(made.port, SOME));
    FORKED(weir_port_push(made.port, SOME, 1, WEIR_FOREVER));
    FORKED(weir_port_push_mark(made.port, SOME, WEIR_FOREVER));
    HARMLESS(weir_port_waiting(made.port));
    HARMLESS(weir_port_close(made.port));
    FORKED(weir_inlet_push_some(made.inlet, SOME, 1, SOME));
    FORKED(weir_inlet_room_fd(made.inlet, SOME));
    FORKED(weir_inlet_push(made.inlet, SOME, 1, WEIR_FOREVER));
    FORKED(weir_inlet_push_mark(made.inlet, SOME, WEIR_FOREVER));
    HARMLESS(weir_inlet_waiting(made.inlet));
    HARMLESS(weir_inlet_stopped(made.inlet));
    HARMLESS(weir_inlet_reason(made.inlet));
    FORKED(weir_inlet_finish(made.inlet));
    HARMLESS(weir_inlet_close(made.inlet));
    FORKED(weir_port_open(made.inlet, SOME));
}

static void of_streams(void) {
    FORKED(weir_stream_subscribe(made.stream, made.stage, SOME, SOME));
    FORKED(weir_stream_next(made.stream, SOME, WEIR_FOREVER));
    FORKED(weir_stream_take(made.stream, SOME, WEIR_FOREVER));
    HARMLESS(weir_stream_batch(made.stream, 1, WEIR_FOREVER, SOME));
    FORKED(weir_stream_mark(made.stream, SOME));
    HARMLESS(weir_stream_subscription(made.stream));
    FORKED(weir_stream_fd(made.stream, SOME));
    HARMLESS(weir_stream_reason(made.stream));
    HARMLESS(weir_stream_stage(made.stream));
    CLOSES(weir_stream_close(made.stream));
}

static void of_pools_and_rates(void) {
    FORKED(weir_pool_start_child(made.pool, SOME, SOME));
    FORKED(weir_pool_end_child(made.pool, (weir_child){0}));
    HARMLESS(weir_pool_children(made.pool, SOME, 1));
    FORKED(weir_pool_count(made.pool, SOME));
    HARMLESS(weir_pool_threads(made.pool));
    CLOSES(weir_pool_close(made.pool, SOME));
    FORKED(weir_rate_set(made.rate, SOME));
    FORKED(weir_rate_get(made.rate, SOME));
    HARMLESS(weir_rate_take(made.rate, 1, 1, SOME));
    FORKED(weir_rate_reserve(made.rate, 1, 1, SOME));
    HARMLESS(weir_rate_close(made.rate));
}

static void of_pipelines(void) {
    FORKED(weir_source_finish(made.source, 1));
    FORKED(weir_source_drain(made.source, 1, WEIR_FOREVER));
    HARMLESS(weir_source_over(made.source));
    CLOSES(weir_source_close(made.source));
    FORKED(weir_source_push(made.source, SOME, 1, WEIR_FOREVER, SOME, SOME));
    FORKED(weir_source_statistics(made.source, SOME));
    FORKED(weir_pipeline_drain(made.pipeline, WEIR_FOREVER));
    CLOSES(weir_pipeline_close(made.pipeline, SOME));
    FORKED(weir_pipeline_await(made.pipeline, WEIR_FOREVER));
    FORKED(weir_pipeline_push(made.pipeline, SOME, 1));
    FORKED(weir_pipeline_test(made.pipeline, SOME, 1, 0, WEIR_FOREVER, SOME));
    HARMLESS(weir_pipeline_topology(made.pipeline, SOME, 1));
    HARMLESS(weir_pipeline_running(made.pipeline));
    FORKED(weir_pipeline_read_stats(made.pipeline, SOME));
}

/* ---- what the parent has ---------------------------------------------------------- */

static weir_task_result work(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

static weir_outcome handle(void *context, weir_work *of, weir_message *message) {
    (void)context, (void)of, (void)message;
    return WEIR_MESSAGE_OK;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

/* Nobody reads the inlet: what it has stays. */
static void open_parts(void) {
    weir_runtime *runtime = made.runtime;
    const weir_inlet_options inlet = {.event_bytes = 8};
    const weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                      .name = "stage",
                                      .registered = true,
                                      .takes_bytes = 8,
                                      .on.handle_events = take};
    const weir_stream_options stream = {.event_bytes = 8};
    const weir_pool_options pool = {.event_bytes = 8, .threads = 1, .task = work};
    const weir_source_options source = {.name = "source"};
    const weir_pipeline_options pipeline = {.processors = {.count = 1, .handle_message = handle}};
    const weir_rate_options rate = {.allowed = 10};
    const uint64_t event = 7;
    assert_int_equal(weir_stage_start(runtime, &stage, &made.stage), WEIR_OK);
    assert_int_equal(weir_inlet_open(runtime, &inlet, &made.inlet, NULL), WEIR_OK);
    assert_int_equal(weir_port_open(made.inlet, &made.port), WEIR_OK);
    assert_int_equal(weir_port_push(made.port, &event, 1, 0), WEIR_OK);
    assert_int_equal(weir_stream_open(runtime, &stream, &made.stream), WEIR_OK);
    assert_int_equal(weir_stream_fd(made.stream, &made.stream_fd), WEIR_OK);
    assert_int_equal(weir_pool_open(runtime, &pool, &made.pool, NULL), WEIR_OK);
    assert_int_equal(weir_source_open(runtime, &source, &made.source, NULL), WEIR_OK);
    assert_int_equal(weir_pipeline_open(runtime, &pipeline, &made.pipeline), WEIR_OK);
    assert_int_equal(weir_rate_open(NULL, &rate, &made.rate), WEIR_OK);
}

static int set_up(void **state) {
    (void)state;
    snprintf(made.counters, sizeof made.counters, "/tmp/weir-test-forked-%d", (int)getpid());
    const weir_runtime_options options = {.workers = 2, .counters_file = made.counters};
    assert_int_equal(weir_runtime_open(&options, &made.runtime), WEIR_OK);
    open_parts();
    return 0;
}

/* All is as it was: events that were pushed before and after come, and nothing is lost. */
static int tear_down(void **state) {
    const uint64_t event = 8;
    weir_accounts accounts;
    (void)state;
    assert_int_equal(weir_port_push(made.port, &event, 1, 0), WEIR_OK);
    assert_int_equal(weir_inlet_waiting(made.inlet) + weir_port_waiting(made.port) > 0, 1);
    weir_port_close(made.port);
    weir_inlet_close(made.inlet);
    assert_int_equal(weir_stream_close(made.stream), WEIR_OK);
    assert_int_equal(weir_pool_close(made.pool, NULL), WEIR_OK);
    assert_int_equal(weir_source_close(made.source), WEIR_OK);
    assert_int_equal(weir_pipeline_close(made.pipeline, NULL), WEIR_OK);
    weir_rate_close(made.rate);
    assert_int_equal(access(made.counters, F_OK), 0);
    assert_int_equal(weir_runtime_close(made.runtime, &accounts), WEIR_OK);
    assert_null(weir_accounts_check(&accounts));
    assert_int_equal(access(made.counters, F_OK), -1);
    return 0;
}

/* ---- the child -------------------------------------------------------------------- */

static void own_runtime(void) {
    const weir_pool_options options = {.event_bytes = 8, .threads = 1, .task = work};
    weir_runtime *runtime;
    weir_pool *pool;
    weir_rate *rate;
    if (!FORKED_MAY_ALLOCATE) return;
    CLOSES(weir_runtime_open(NULL, &runtime));
    CLOSES(weir_pool_open(runtime, &options, &pool, NULL));
    CLOSES(weir_rate_open(runtime, &(weir_rate_options){.allowed = 10}, &rate));
    CLOSES(weir_pool_start_child(pool, SOME, NULL));
    CLOSES(weir_runtime_settle(runtime, WEIR_FOREVER));
    CLOSES(weir_pool_close(pool, NULL));
    weir_rate_close(rate);
    CLOSES(weir_runtime_close(runtime, NULL));
}

static void call_everything(void *context) {
    (void)context;
    of_starting();
    of_the_runtime();
    of_looking();
    of_stages();
    of_inlets();
    of_streams();
    of_pools_and_rates();
    of_pipelines();
    forked_row(fcntl(made.stream_fd, F_GETFD) < 0, "the stream's descriptor is closed");
    own_runtime();
    CLOSES(weir_runtime_close(made.runtime, SOME));
    own_runtime();
}

static void all_is_refused_in_a_child(void **state) {
    (void)state;
    assert_int_equal(forked_run(call_everything, NULL), 0);
}

/* As if another thread were amid something, which is not in the child. */
static void locks_that_were_taken_hold_nobody_up(void **state) {
    (void)state;
    struct weir_runtime *runtime = made.runtime;
    weir__lock(&runtime->names.lock);
    weir__lock(&runtime->sheet.lock);
    weir__lock(&runtime->outputs_lock);
    weir__lock(&runtime->supervisors_lock);
    int status = forked_run(call_everything, NULL);
    weir__unlock(&runtime->names.lock);
    weir__unlock(&runtime->sheet.lock);
    weir__unlock(&runtime->outputs_lock);
    weir__unlock(&runtime->supervisors_lock);
    assert_int_equal(status, 0);
}

static void in_grandchild(void *context) {
    forked_row(forked_run(call_everything, context) == 0, "a child of a child");
    own_runtime();
}

static void likewise_in_a_child_of_a_child(void **state) {
    (void)state;
    assert_int_equal(forked_run(in_grandchild, NULL), 0);
}

/* ---- what parent and child would share ---------------------------------------------- */

static void scribble(void *context) {
    (void)context;
    weir_counters_header *header = weir__sheet_at(&made.runtime->sheet, 0);
    header->workers = 77;
    forked_row(made.runtime->sheet.file < 0, "the counters' file is the parent's");
    CLOSES(weir_runtime_close(made.runtime, NULL));
}

static void counters_are_the_parents(void **state) {
    (void)state;
    const weir_counters_header *header = weir__sheet_at(&made.runtime->sheet, 0);
    const uint64_t slots = header->slots;
    assert_int_equal(forked_run(scribble, NULL), 0);
    assert_int_equal(header->workers, 2);
    assert_int_equal(header->slots, slots);
    assert_int_equal(header->closed, 0);
    assert_int_equal(access(made.counters, F_OK), 0);
}

/* A descriptor of the parent's that it polls would be readable. */
static void no_descriptor_is_signalled(void **state) {
    (void)state;
    struct pollfd poll_stream = {.fd = made.stream_fd, .events = POLLIN};
    uint64_t event;
    assert_int_equal(weir_stream_next(made.stream, &event, 0), WEIR_TIMEOUT);
    assert_int_equal(poll(&poll_stream, 1, 0), 0);
    assert_int_equal(forked_run(call_everything, NULL), 0);
    assert_int_equal(poll(&poll_stream, 1, 0), 0);
}

/* ---- at any moment ------------------------------------------------------------------- */

static uint32_t storm_ends;

static void *storm(void *argument) {
    const weir_runtime_options options = {.workers = 1};
    const weir_rate_options rate_options = {.allowed = 10};
    (void)argument;
    while (weir__load_relaxed_u32(&storm_ends) == 0) {
        weir_runtime *runtime;
        weir_rate *rate;
        weir_must(weir_runtime_open(&options, &runtime));
        weir_must(weir_rate_open(runtime, &rate_options, &rate));
        weir_unregister(made.runtime, "stage");
        weir_register(made.runtime, made.stage, "stage");
        weir_rate_close(rate);
        weir_must(weir_runtime_close(runtime, NULL));
    }
    return NULL;
}

static void in_a_storm(void *context) {
    (void)context;
    FORKED(weir_whereis(made.runtime, "stage", SOME));
    CLOSES(weir_runtime_close(made.runtime, NULL));
    own_runtime();
}

static void whatever_others_were_amid(void **state) {
    enum { FORKS = 50 };
    pthread_t thread;
    (void)state;
    storm_ends = 0;
    assert_int_equal(pthread_create(&thread, NULL, storm, NULL), 0);
    for (int i = 0; i < FORKS; i++) {
        assert_int_equal(forked_run(in_a_storm, NULL), 0);
    }
    weir__store_relaxed_u32(&storm_ends, 1);
    pthread_join(thread, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_is_refused_in_a_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(locks_that_were_taken_hold_nobody_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(likewise_in_a_child_of_a_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counters_are_the_parents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_descriptor_is_signalled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_others_were_amid, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
