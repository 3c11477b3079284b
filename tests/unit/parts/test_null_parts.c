/*
 * NULL, of parts: inlets, streams, pools, supervisors, batchers, conflaters, retries.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no pointer argument of their functions crashes when it is NULL.
 * Method: a row for each (support/nulls.h), as in runtime/test_null.c.
 */
#include "support/cmocka.h"
#include "support/nulls.h"

static struct rig rig;

static void of_inlets(void) {
    weir_runtime *runtime = rig.runtime;
    weir_inlet_options options = {.event_bytes = 8, .capacity = 4};
    weir_inlet *inlet;
    weir_port *port;
    REFUSED(weir_inlet_open, runtime, weir_inlet_open(NULL, &options, &inlet, SOME));
    REFUSED(weir_inlet_open, options, weir_inlet_open(runtime, NULL, &inlet, SOME));
    REFUSED(weir_inlet_open, out, weir_inlet_open(runtime, &options, NULL, SOME));
    ALLOWED(weir_inlet_open, stage, weir_inlet_open(runtime, &options, &inlet, NULL) == WEIR_OK);
    REFUSED(weir_inlet_push, inlet, weir_inlet_push(NULL, SOME, 1, 0));
    REFUSED(weir_inlet_push, events, weir_inlet_push(inlet, NULL, 1, 0));
    REFUSED(weir_inlet_push_some, inlet, weir_inlet_push_some(NULL, SOME, 1, SOME));
    REFUSED(weir_inlet_push_some, events, weir_inlet_push_some(inlet, NULL, 1, SOME));
    REFUSED(weir_inlet_push_some, taken, weir_inlet_push_some(inlet, SOME, 1, NULL));
    REFUSED(weir_inlet_room_fd, inlet, weir_inlet_room_fd(NULL, SOME));
    REFUSED(weir_inlet_room_fd, out, weir_inlet_room_fd(inlet, NULL));
    REFUSED(weir_inlet_push_mark, inlet, weir_inlet_push_mark(NULL, SOME, 0));
    REFUSED(weir_inlet_push_mark, mark, weir_inlet_push_mark(inlet, NULL, 0));
    HARMLESS(weir_inlet_waiting, inlet, weir_inlet_waiting(NULL) == 0);
    HARMLESS(weir_inlet_stopped, inlet, !weir_inlet_stopped(NULL));
    HARMLESS(weir_inlet_reason, inlet, weir_inlet_reason(NULL) == WEIR_REASON_NORMAL);
    REFUSED(weir_inlet_finish, inlet, weir_inlet_finish(NULL));
    REFUSED(weir_port_open, inlet, weir_port_open(NULL, &port));
    REFUSED(weir_port_open, out, weir_port_open(inlet, NULL));
    assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    REFUSED(weir_port_push, port, weir_port_push(NULL, SOME, 1, 0));
    REFUSED(weir_port_push, events, weir_port_push(port, NULL, 1, 0));
    REFUSED(weir_port_push_some, port, weir_port_push_some(NULL, SOME, 1, SOME));
    REFUSED(weir_port_push_some, events, weir_port_push_some(port, NULL, 1, SOME));
    REFUSED(weir_port_push_some, taken, weir_port_push_some(port, SOME, 1, NULL));
    REFUSED(weir_port_room_fd, port, weir_port_room_fd(NULL, SOME));
    REFUSED(weir_port_room_fd, out, weir_port_room_fd(port, NULL));
    REFUSED(weir_port_push_mark, port, weir_port_push_mark(NULL, SOME, 0));
    REFUSED(weir_port_push_mark, mark, weir_port_push_mark(port, NULL, 0));
    HARMLESS(weir_port_waiting, port, weir_port_waiting(NULL) == 0);
    ALLOWED(weir_port_close, port, (weir_port_close(NULL), true));
    ALLOWED(weir_inlet_close, inlet, (weir_inlet_close(NULL), true));
    weir_port_close(port);
    weir_inlet_close(inlet);
}

static weir_verdict nothing_ready(weir_stage *self, int fd, unsigned ready, void *context) {
    (void)self, (void)fd, (void)ready, (void)context;
    return WEIR_CONTINUE;
}

static weir_verdict poller_calls(weir_stage *self, void *argument) {
    weir_poller_watch watch = {.ready = nothing_ready};
    (void)argument;
    REFUSED(weir_poller_add, self, weir_poller_add(NULL, 0, &watch));
    REFUSED(weir_poller_add, watch, weir_poller_add(self, 0, NULL));
    REFUSED(weir_poller_accept, self, weir_poller_accept(NULL, 0, &(int){0}));
    REFUSED(weir_poller_accept, out, weir_poller_accept(self, 0, NULL));
    REFUSED(weir_poller_want, self, weir_poller_want(NULL, 0, 0));
    REFUSED(weir_poller_close, self, weir_poller_close(NULL, 0));
    REFUSED(weir_poller_remove, self, weir_poller_remove(NULL, 0));
    HARMLESS(weir_poller_count, self, weir_poller_count(NULL) == 0);
    return WEIR_CONTINUE;
}

static void of_pollers(void) {
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER, .event_bytes = 8, .on = {.init = poller_calls}};
    const weir_poller_options options = {.stage = &stage};
    REFUSED(weir_poller_start, runtime, weir_poller_start(NULL, &options, SOME));
    REFUSED(weir_poller_start, options, weir_poller_start(rig.runtime, NULL, SOME));
    ALLOWED(weir_poller_start, out, weir_poller_start(rig.runtime, &options, NULL) == WEIR_OK);
}

static weir_made at_end(void *context, weir_room room) {
    (void)context, (void)room;
    return (weir_made){0, WEIR_ITERATOR_END};
}

static void of_streams(weir_ref producer) {
    weir_runtime *runtime = rig.runtime;
    weir_iterator_options iterator = {.event_bytes = 8, .next = at_end};
    weir_stream_options options = {.event_bytes = 8};
    weir_subscribe_options how = {.cancel = WEIR_TEMPORARY};
    weir_subscription made;
    weir_stream *stream;
    weir_status status;
    REFUSED(weir_iterator_start, runtime, weir_iterator_start(NULL, &iterator, SOME));
    REFUSED(weir_iterator_start, options, weir_iterator_start(runtime, NULL, SOME));
    ALLOWED(weir_iterator_start, out, weir_iterator_start(runtime, &iterator, NULL) == WEIR_OK);
    REFUSED(weir_window_start, runtime, weir_window_start(NULL, SOME, SOME));
    REFUSED(weir_window_start, options, weir_window_start(runtime, NULL, SOME));
    ALLOWED(weir_window_start, out,
            weir_window_start(runtime, &(weir_window_options){0}, NULL) == WEIR_INVALID);
    REFUSED(weir_window_look, runtime, weir_window_look(NULL, producer, 0, SOME));
    REFUSED(weir_window_look, out, weir_window_look(runtime, producer, 0, NULL));
    REFUSED(weir_stream_open, runtime, weir_stream_open(NULL, &options, &stream));
    REFUSED(weir_stream_open, options, weir_stream_open(runtime, NULL, &stream));
    REFUSED(weir_stream_open, out, weir_stream_open(runtime, &options, NULL));
    assert_int_equal(weir_stream_open(runtime, &options, &stream), WEIR_OK);
    REFUSED(weir_stream_subscribe, stream, weir_stream_subscribe(NULL, producer, NULL, SOME));
    ALLOWED(weir_stream_subscribe, options,
            weir_stream_subscribe(stream, producer, NULL, &made) == WEIR_OK);
    ALLOWED(weir_stream_subscribe, out,
            weir_stream_subscribe(stream, producer, &how, NULL) == WEIR_OK);
    REFUSED(weir_stream_next, stream, weir_stream_next(NULL, SOME, 0));
    REFUSED(weir_stream_next, event, weir_stream_next(stream, NULL, 0));
    REFUSED(weir_stream_take, stream, weir_stream_take(NULL, SOME, 0));
    REFUSED(weir_stream_take, event, weir_stream_take(stream, NULL, 0));
    HARMLESS(weir_stream_batch, stream, weir_stream_batch(NULL, 0, 0, &status).events == NULL);
    assert_int_equal(status, WEIR_INVALID);
    ALLOWED(weir_stream_batch, status, weir_stream_batch(stream, 0, 0, NULL).events == NULL);
    REFUSED(weir_stream_mark, stream, weir_stream_mark(NULL, SOME));
    REFUSED(weir_stream_mark, mark, weir_stream_mark(stream, NULL));
    HARMLESS(weir_stream_subscription, stream, weir_stream_subscription(NULL).id == 0);
    REFUSED(weir_stream_fd, stream, weir_stream_fd(NULL, SOME));
    REFUSED(weir_stream_fd, out, weir_stream_fd(stream, NULL));
    HARMLESS(weir_stream_reason, stream, weir_stream_reason(NULL) == WEIR_REASON_NORMAL);
    HARMLESS(weir_stream_stage, stream, weir_stream_stage(NULL).bits == 0);
    ALLOWED(weir_stream_close, stream, weir_stream_close(NULL) == WEIR_OK);
    weir_stream_close(stream);
}

static weir_task_result no_work(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

static void of_pools(void) {
    weir_runtime *runtime = rig.runtime;
    weir_pool_options options = {.event_bytes = 8, .threads = WEIR_NONE, .task = no_work};
    weir_child_info list[2];
    weir_pool *pool;
    REFUSED(weir_pool_open, runtime, weir_pool_open(NULL, &options, &pool, SOME));
    REFUSED(weir_pool_open, options, weir_pool_open(runtime, NULL, &pool, SOME));
    REFUSED(weir_pool_open, out, weir_pool_open(runtime, &options, NULL, SOME));
    ALLOWED(weir_pool_open, stage, weir_pool_open(runtime, &options, &pool, NULL) == WEIR_OK);
    REFUSED(weir_pool_start_child, pool, weir_pool_start_child(NULL, SOME, SOME));
    REFUSED(weir_pool_start_child, event, weir_pool_start_child(pool, NULL, SOME));
    ALLOWED(weir_pool_start_child, out, weir_pool_start_child(pool, SOME, NULL) == WEIR_OK);
    REFUSED(weir_pool_end_child, pool, weir_pool_end_child(NULL, (weir_child){.bits = 1}));
    HARMLESS(weir_pool_children, pool, weir_pool_children(NULL, list, 2) == 0);
    ALLOWED(weir_pool_children, list, weir_pool_children(pool, NULL, 2) == 1);
    REFUSED(weir_pool_count, pool, weir_pool_count(NULL, SOME));
    REFUSED(weir_pool_count, out, weir_pool_count(pool, NULL));
    HARMLESS(weir_pool_threads, pool, weir_pool_threads(NULL) == 0);
    HARMLESS(weir_task_ending, self, !weir_task_ending(NULL));
    REFUSED(weir_task_take, self, weir_task_take(NULL, SOME));
    REFUSED(weir_task_take, event, weir_task_take(SOME, NULL));
    HARMLESS(weir_task_child, self, weir_task_child(NULL).bits == 0);
    ALLOWED(weir_pool_close, pool, weir_pool_close(NULL, SOME) == WEIR_OK);
    ALLOWED(weir_pool_close, running, weir_pool_close(pool, NULL) == WEIR_OK);
}

static void of_iterating_pools(void) {
    weir_runtime *runtime = rig.runtime;
    const weir_iterator_options options = {.event_bytes = 8, .next = at_end};
    weir_pool *pool;
    REFUSED(weir_pool_iterate, runtime, weir_pool_iterate(NULL, &options, &pool, SOME));
    REFUSED(weir_pool_iterate, options, weir_pool_iterate(runtime, NULL, &pool, SOME));
    REFUSED(weir_pool_iterate, out, weir_pool_iterate(runtime, &options, NULL, SOME));
    ALLOWED(weir_pool_iterate, stage, weir_pool_iterate(runtime, &options, &pool, NULL) == WEIR_OK);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    REFUSED(weir_task_emit, self, weir_task_emit(NULL, SOME, 1));
    REFUSED(weir_task_emit, events, weir_task_emit(SOME, NULL, 1));
    HARMLESS(weir_task_attempt, self, weir_task_attempt(NULL) == 0);
}

static void of_batchers(void) {
    weir_runtime *runtime = rig.runtime;
    const weir_batcher_options options = {.event_bytes = 8};
    weir_gathered batch = {.key = 7};
    REFUSED(weir_batcher_start, runtime, weir_batcher_start(NULL, &options, SOME));
    REFUSED(weir_batcher_start, options, weir_batcher_start(runtime, NULL, SOME));
    ALLOWED(weir_batcher_start, out, weir_batcher_start(runtime, &options, NULL) == WEIR_OK);
    HARMLESS(weir_gathered_by_key, batch, weir_gathered_by_key((void *)(uintptr_t)4, NULL) == 0);
    ALLOWED(weir_gathered_by_key, partitions, weir_gathered_by_key(NULL, &batch) == 0);
    ALLOWED(weir_gathered_take, self, weir_gathered_take(NULL, &batch, 0, 1, SOME) == WEIR_INVALID);
    REFUSED(weir_gathered_take, batch, weir_gathered_take(NULL, NULL, 0, 1, SOME));
    REFUSED(weir_gathered_take, events, weir_gathered_take(NULL, &batch, 0, 1, NULL));
    HARMLESS(weir_gathered_drop, batch, (weir_gathered_drop(NULL, WEIR_DISCARD_UNWANTED), true));
}

static uint64_t same_key(void *context, const void *event) {
    (void)context, (void)event;
    return 0;
}

static void of_conflaters_and_retries(void) {
    weir_runtime *runtime = rig.runtime;
    const weir_conflate_options conflate = {.event_bytes = 8, .key = same_key};
    const weir_retry_options retry = {.event_bytes = 8, .backoff.first_ns = 1};
    REFUSED(weir_conflate_start, runtime, weir_conflate_start(NULL, &conflate, SOME));
    REFUSED(weir_conflate_start, options, weir_conflate_start(runtime, NULL, SOME));
    ALLOWED(weir_conflate_start, out, weir_conflate_start(runtime, &conflate, NULL) == WEIR_OK);
    REFUSED(weir_retry_start, runtime, weir_retry_start(NULL, &retry, SOME));
    REFUSED(weir_retry_start, options, weir_retry_start(runtime, NULL, SOME));
    ALLOWED(weir_retry_start, out, weir_retry_start(runtime, &retry, NULL) == WEIR_OK);
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void of_supervisors(void) {
    weir_runtime *runtime = rig.runtime;
    weir_stage_options stage = {.kind = WEIR_CONSUMER, .on.handle_events = no_events};
    weir_supervised child = {.stage = &stage};
    weir_supervisor_options options = {.children = &child, .child_count = 1};
    weir_ref ref;
    weir_ref found;
    uint32_t number;
    size_t count;
    const uint64_t ever = WEIR_FOREVER;
    REFUSED(weir_supervisor_start, runtime, weir_supervisor_start(NULL, &options, &ref));
    REFUSED(weir_supervisor_start, options, weir_supervisor_start(runtime, NULL, &ref));
    ALLOWED(weir_supervisor_start, out, weir_supervisor_start(runtime, &options, NULL) == WEIR_OK);
    assert_int_equal(weir_supervisor_start(runtime, &options, &ref), WEIR_OK);
    REFUSED(weir_supervisor_children, runtime,
            weir_supervisor_children(NULL, ref, ever, SOME, 1, &count));
    REFUSED(weir_supervisor_children, out,
            weir_supervisor_children(runtime, ref, ever, NULL, 1, &count));
    REFUSED(weir_supervisor_children, count,
            weir_supervisor_children(runtime, ref, ever, SOME, 1, NULL));
    REFUSED(weir_supervisor_child, runtime, weir_supervisor_child(NULL, ref, 0, ever, &found));
    REFUSED(weir_supervisor_child, out, weir_supervisor_child(runtime, ref, 0, ever, NULL));
    REFUSED(weir_supervisor_start_child, runtime,
            weir_supervisor_start_child(NULL, ref, &child, ever, &number, &found));
    REFUSED(weir_supervisor_start_child, child,
            weir_supervisor_start_child(runtime, ref, NULL, ever, &number, &found));
    ALLOWED(weir_supervisor_start_child, number,
            weir_supervisor_start_child(runtime, ref, &child, ever, NULL, &found) == WEIR_OK);
    ALLOWED(weir_supervisor_start_child, out,
            weir_supervisor_start_child(runtime, ref, &child, ever, &number, NULL) == WEIR_OK);
    REFUSED(weir_supervisor_stop_child, runtime, weir_supervisor_stop_child(NULL, ref, 0, ever));
    assert_int_equal(weir_supervisor_stop_child(runtime, ref, number, ever), WEIR_OK);
    REFUSED(weir_supervisor_restart_child, runtime,
            weir_supervisor_restart_child(NULL, ref, number, ever, &found));
    ALLOWED(weir_supervisor_restart_child, out,
            weir_supervisor_restart_child(runtime, ref, number, ever, NULL) == WEIR_OK);
    REFUSED(weir_supervisor_delete_child, runtime,
            weir_supervisor_delete_child(NULL, ref, number, ever));
}

static weir_verdict no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static void no_part_takes_null_for_something(void **state) {
    (void)state;
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER, .event_bytes = 8, .on.handle_demand = no_demand};
    weir_ref producer;
    rig_open(&rig, NULL);
    assert_int_equal(weir_stage_start(rig.runtime, &options, &producer), WEIR_OK);
    of_inlets();
    of_pollers();
    of_streams(producer);
    of_pools();
    of_iterating_pools();
    of_batchers();
    of_conflaters_and_retries();
    of_supervisors();
    rig_rest(&rig);
    nulls_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_part_takes_null_for_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
