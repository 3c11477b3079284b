/*
 * Programs of a later version: what they set, and this one does not know, is refused.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a struct whose reserved room is not zero is refused with INVALID and its name, by
 * everything that takes one, and nothing has changed then; with zero there it is taken; and
 * what weir fills in has zero there.
 * Method: each public struct, by each function that takes it; the last word of its room.
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;
static weir_ref producer, consumer;

static weir_verdict demanded(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict taken(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_made no_more(void *context, weir_room room) {
    (void)context, (void)room;
    return (weir_made){0, WEIR_ITERATOR_END};
}

static void drop_nothing(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)events, (void)count, (void)why;
}

static weir_task_result nothing(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

#define PRODUCER .kind = WEIR_PRODUCER, .event_bytes = 8, .on = {.handle_demand = demanded}
#define CONSUMER .kind = WEIR_CONSUMER, .on = {.handle_events = taken}

static void open_rig(void) {
    rig_open(&rig, NULL);
    assert_int_equal(weir_stage_start(rig.runtime, &(weir_stage_options){PRODUCER}, &producer),
                     WEIR_OK);
    assert_int_equal(weir_stage_start(rig.runtime, &(weir_stage_options){CONSUMER}, &consumer),
                     WEIR_OK);
    rig_rest(&rig);
}

/* ---- what is refused ----------------------------------------------------- */

static void expect_refused(weir_status status, const char *of, uint64_t live) {
    char sentence[100];
    assert_int_equal(status, WEIR_INVALID);
    snprintf(sentence, sizeof sentence, "%s: its reserved room is not zero", of);
    assert_non_null(strstr(weir_refusal(), sentence));
    assert_int_equal(rig.memory.live, live);
    assert_int_equal(weir_runtime_stages(rig.runtime), 2);
}

/* A call is refused with the last word of a struct's room set. */
#define REFUSED(of, place, call)                               \
    do {                                                       \
        uint64_t live = rig.memory.live;                       \
        const size_t last = sizeof(place) / sizeof *(place)-1; \
        memset(&(place)[last], 1, sizeof(place)[last]);        \
        expect_refused(call, of, live);                        \
        memset(&(place)[last], 0, sizeof(place)[last]);        \
    } while (0)

static void runtimes(void **state) {
    (void)state;
    open_rig();
    weir_runtime *other = NULL;
    weir_runtime_options options = {.workers = 1, .mode = WEIR_STEPPED};
    REFUSED("weir_runtime_options", options.reserved, weir_runtime_open(&options, &other));
    REFUSED("weir_allocator", options.allocator.reserved, weir_runtime_open(&options, &other));
    assert_int_equal(weir_runtime_open(&options, &other), WEIR_OK);
    assert_int_equal(weir_runtime_close(other, NULL), WEIR_OK);
    rig_close(&rig);
}

static void stages(void **state) {
    (void)state;
    open_rig();
    weir_runtime *runtime = rig.runtime;
    weir_ref out;
    weir_dispatcher dispatcher = *weir_broadcast_dispatcher();
    weir_stage_options source = {PRODUCER, .dispatcher = &dispatcher};
    REFUSED("weir_stage_options", source.reserved, weir_stage_start(runtime, &source, &out));
    REFUSED("weir_callbacks", source.on.reserved, weir_stage_start(runtime, &source, &out));
    REFUSED("weir_dispatcher", dispatcher.reserved, weir_stage_start(runtime, &source, &out));
    weir_subscribe_to to[2] = {{.producer = producer}, {.producer = producer}};
    weir_stage_options sink = {CONSUMER, .subscribe_to = to, .subscribe_count = 2};
    REFUSED("weir_subscribe_to", to[1].reserved, weir_stage_start(runtime, &sink, &out));
    REFUSED("weir_subscribe_options", to[1].options.reserved,
            weir_stage_start(runtime, &sink, &out));
    weir_subscribe_options options = {.max_demand = 5};
    weir_subscription none;
    REFUSED("weir_subscribe_options", options.reserved,
            weir_subscribe(runtime, consumer, producer, &options, &none));
    assert_int_equal(weir_stage_start(runtime, &source, &out), WEIR_OK);
    assert_int_equal(weir_stage_start(runtime, &sink, &out), WEIR_OK);
    assert_int_equal(weir_subscribe(runtime, consumer, producer, &options, &none), WEIR_OK);
    rig_rest(&rig);
    rig_close(&rig);
}

static void dispatchers(void **state) {
    (void)state;
    open_rig();
    weir_ref out;
    weir_stage_options source = {PRODUCER};
    weir_demand_dispatcher_options demand = {0};
    weir_broadcast_dispatcher_options broadcast = {0};
    weir_partition_dispatcher_options partition = {.partitions = 2};
    weir_shared_dispatcher_options shared = {0};
#define DISPATCHER(kind)                                        \
    source.dispatcher = weir_##kind##_dispatcher();             \
    source.dispatcher_options = &kind;                          \
    REFUSED("weir_" #kind "_dispatcher_options", kind.reserved, \
            weir_stage_start(rig.runtime, &source, &out));
    DISPATCHER(demand)
    DISPATCHER(broadcast)
    DISPATCHER(partition)
    DISPATCHER(shared)
#undef DISPATCHER
    rig_close(&rig);
}

static void parts(void **state) {
    (void)state;
    open_rig();
    weir_runtime *runtime = rig.runtime;
    weir_ref out;
    weir_inlet *inlet;
    weir_inlet_options pushed = {.event_bytes = 8};
    REFUSED("weir_inlet_options", pushed.reserved, weir_inlet_open(runtime, &pushed, &inlet, &out));
    weir_iterator_options read = {.event_bytes = 8, .next = no_more};
    REFUSED("weir_iterator_options", read.reserved, weir_iterator_start(runtime, &read, &out));
    weir_event_type type = {.bytes = 8, .drop = drop_nothing};
    pushed.type = read.type = &type;
    REFUSED("weir_event_type", type.reserved, weir_inlet_open(runtime, &pushed, &inlet, &out));
    REFUSED("weir_event_type", type.reserved, weir_iterator_start(runtime, &read, &out));
    weir_subscribe_to to = {.producer = producer};
    weir_stream *stream;
    weir_stream_options taken_out = {.event_bytes = 8, .subscribe_to = &to, .subscribe_count = 1};
    REFUSED("weir_stream_options", taken_out.reserved,
            weir_stream_open(runtime, &taken_out, &stream));
    REFUSED("weir_subscribe_to", to.reserved, weir_stream_open(runtime, &taken_out, &stream));
    weir_pool *pool;
    weir_pool_options done = {.event_bytes = 8,
                              .threads = WEIR_NONE,
                              .task = nothing,
                              .subscribe_to = &to,
                              .subscribe_count = 1};
    REFUSED("weir_pool_options", done.reserved, weir_pool_open(runtime, &done, &pool, &out));
    REFUSED("weir_subscribe_options", to.options.reserved,
            weir_pool_open(runtime, &done, &pool, &out));
    weir_pool_emits emits = {.event_bytes = 8};
    weir_backoff delay = {.first_ns = 1};
    done.emits = &emits;
    done.restart = WEIR_CHILD_TRANSIENT;
    done.restart_delay = &delay;
    REFUSED("weir_pool_emits", emits.reserved, weir_pool_open(runtime, &done, &pool, &out));
    REFUSED("restart_delay", delay.reserved, weir_pool_open(runtime, &done, &pool, &out));
    REFUSED("weir_iterator_options", read.reserved, weir_pool_iterate(runtime, &read, &pool, &out));
    rig_close(&rig);
}

/* A supervisor's children are named in what it says. */
static void supervisors(void **state) {
    (void)state;
    open_rig();
    weir_ref out;
    weir_subscribe_to to = {.producer = producer};
    const weir_stage_options stage = {CONSUMER};
    weir_supervised children[2] = {{.stage = &stage},
                                   {.stage = &stage, .subscribe_to = &to, .subscribe_count = 1}};
    weir_supervisor_options options = {.children = children, .child_count = 2};
    REFUSED("weir_supervisor_options", options.reserved,
            weir_supervisor_start(rig.runtime, &options, &out));
    REFUSED("child 1: weir_supervised", children[1].reserved,
            weir_supervisor_start(rig.runtime, &options, &out));
    REFUSED("child 1: weir_subscribe_to", to.reserved,
            weir_supervisor_start(rig.runtime, &options, &out));
    assert_int_equal(weir_supervisor_start(rig.runtime, &options, &out), WEIR_OK);
    rig_rest(&rig);
    rig_close(&rig);
}

/* ---- what is filled in --------------------------------------------------- */

#define EXPECT_ZERO(place) expect_zero(&(place), sizeof(place))
static void expect_zero(const void *room, size_t bytes) {
    static const unsigned char zeros[64];
    assert_true(bytes <= sizeof zeros);
    assert_memory_equal(room, zeros, bytes);
}

#define DIRTY(place) memset(&(place), 0x5a, sizeof(place))

static void results_of_runtimes(void **state) {
    (void)state;
    open_rig();
    weir_accounts accounts;
    weir_drain_report report;
    DIRTY(accounts);
    assert_int_equal(weir_runtime_accounts(rig.runtime, &accounts), WEIR_OK);
    EXPECT_ZERO(accounts.reserved);
    DIRTY(report);
    assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
    EXPECT_ZERO(report.reserved);
    EXPECT_ZERO(report.accounts.reserved);
    DIRTY(report);
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    EXPECT_ZERO(report.reserved);
    EXPECT_ZERO(report.accounts.reserved);
    accounts = rig_close(&rig);
    EXPECT_ZERO(accounts.reserved);
}

static void results_of_stages(void **state) {
    (void)state;
    open_rig();
    weir_lag lag;
    size_t count;
    assert_int_equal(weir_subscribe(rig.runtime, consumer, producer, NULL, NULL), WEIR_OK);
    rig_rest(&rig);
    DIRTY(lag);
    assert_int_equal(weir_lags(rig.runtime, producer, WEIR_FOREVER, &lag, 1, &count), WEIR_OK);
    assert_int_equal(count, 1);
    EXPECT_ZERO(lag.reserved);
    rig_close(&rig);
}

static weir_child_end seen_end;

static void see_end(void *context, const weir_child_end *end) {
    (void)context;
    seen_end = *end;
}

static void results_of_parts(void **state) {
    (void)state;
    open_rig();
    weir_pool *pool;
    weir_child_info info;
    weir_pool_counts counts;
    uint64_t event = 1;
    assert_int_equal(weir_pool_open(rig.runtime,
                                    &(weir_pool_options){.event_bytes = 8,
                                                         .threads = WEIR_NONE,
                                                         .task = nothing,
                                                         .ended = see_end},
                                    &pool, NULL),
                     WEIR_OK);
    assert_int_equal(weir_pool_start_child(pool, &event, NULL), WEIR_OK);
    DIRTY(info);
    assert_int_equal(weir_pool_children(pool, &info, 1), 1);
    EXPECT_ZERO(info.reserved);
    DIRTY(counts);
    assert_int_equal(weir_pool_count(pool, &counts), WEIR_OK);
    EXPECT_ZERO(counts.reserved);
    memset(&seen_end, 1, sizeof seen_end);
    rig_rest(&rig);
    EXPECT_ZERO(seen_end.reserved);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    const weir_stage_options stage = {CONSUMER};
    const weir_supervised child = {.stage = &stage};
    weir_ref supervisor;
    size_t count;
    weir_supervised_info about;
    assert_int_equal(
        weir_supervisor_start(rig.runtime,
                              &(weir_supervisor_options){.children = &child, .child_count = 1},
                              &supervisor),
        WEIR_OK);
    DIRTY(about);
    assert_int_equal(
        weir_supervisor_children(rig.runtime, supervisor, WEIR_FOREVER, &about, 1, &count),
        WEIR_OK);
    assert_int_equal(count, 1);
    EXPECT_ZERO(about.reserved);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runtimes),          cmocka_unit_test(stages),
        cmocka_unit_test(dispatchers),       cmocka_unit_test(parts),
        cmocka_unit_test(supervisors),       cmocka_unit_test(results_of_runtimes),
        cmocka_unit_test(results_of_stages), cmocka_unit_test(results_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
