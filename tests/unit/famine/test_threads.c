/*
 * A graph with threads, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: which thread it is that finds no memory makes no difference: nothing crashes, hangs
 * or leaks, and what was discarded was told.
 * Method: an inlet, a broadcast, a worker pool with threads and a stream, on two workers; the
 * k-th allocation fails, or it and all later ones until the graph is at rest.  Which it is
 * differs from run to run; so only sums are looked at.
 */
#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

enum { NUMBERS = 400 };

static struct {
    struct test_memory memory;
    weir_runtime *runtime;
    uint64_t emitted; /* these are atomic */
    uint64_t handled;
    uint64_t told;
} now;

static void count(uint64_t *counter, uint64_t more) {
    weir__fetch_add_u64(counter, more);
}

/* ---- callbacks ----------------------------------------------------------- */

static weir_verdict make_numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < NUMBERS; demand--, ++*next) {
        if (weir_emit(self, next, 1) == WEIR_OK) count(&now.emitted, 1);
    }
    /* Not before what is buffered has gone out. */
    if (*next == NUMBERS) (void)weir_finish(weir_stage_runtime(self), weir_self(self));
    return WEIR_CONTINUE;
}

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    (void)self;
    count(&now.handled, batch.count);
    return WEIR_CONTINUE;
}

static weir_task_result task(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    count(&now.handled, 1);
    return WEIR_TASK_OK;
}

static void told(weir_stage *self, uint64_t events, weir_discard cause) {
    (void)self, (void)cause;
    count(&now.told, events);
}

static void told_part(void *context, uint64_t events, weir_discard cause) {
    (void)context, (void)cause;
    count(&now.told, events);
}

static void note(void *context, weir_log_level level, const char *text) {
    unsigned long long events;
    (void)context, (void)level;
    if (sscanf(text, "%llu events were discarded", &events) == 1) count(&now.told, events);
}

/* ---- the graph ----------------------------------------------------------- */

static weir_ref start_producer(void) {
    weir_ref ref = {0};
    (void)weir_stage_start(
        now.runtime,
        &(weir_stage_options){.kind = WEIR_PRODUCER,
                              .event_bytes = sizeof(uint64_t),
                              .state_bytes = sizeof(uint64_t),
                              .dispatcher = weir_broadcast_dispatcher(),
                              .demand = WEIR_ACCUMULATE,
                              .on = {.handle_demand = make_numbers, .discarded = told}},
        &ref);
    return ref;
}

static void start_consumer(weir_ref producer) {
    const weir_subscribe_to to = {.producer = producer, .options.cancel = WEIR_TEMPORARY};
    (void)weir_stage_start(
        now.runtime,
        &(weir_stage_options){.kind = WEIR_CONSUMER,
                              .subscribe_to = &to,
                              .subscribe_count = 1,
                              .on = {.handle_events = handle, .discarded = told}},
        NULL);
}

static weir_pool *open_pool(weir_ref producer) {
    weir_pool *pool = NULL;
    const weir_subscribe_to to = {.producer = producer,
                                  .options = {.max_demand = 20, .cancel = WEIR_TEMPORARY}};
    (void)weir_pool_open(now.runtime,
                         &(weir_pool_options){.event_bytes = sizeof(uint64_t),
                                              .threads = 2,
                                              .task = task,
                                              .discarded = told_part,
                                              .subscribe_to = &to,
                                              .subscribe_count = 1},
                         &pool, NULL);
    return pool;
}

static weir_inlet *open_inlet(weir_ref *ref) {
    weir_inlet *inlet = NULL;
    (void)weir_inlet_open(
        now.runtime, &(weir_inlet_options){.event_bytes = sizeof(uint64_t), .discarded = told_part},
        &inlet, ref);
    return inlet;
}

static weir_stream *open_stream(weir_ref producer) {
    weir_stream *stream = NULL;
    const weir_subscribe_to to = {.producer = producer,
                                  .options = {.max_demand = 30, .cancel = WEIR_TEMPORARY}};
    (void)weir_stream_open(now.runtime,
                           &(weir_stream_options){.event_bytes = sizeof(uint64_t),
                                                  .subscribe_to = &to,
                                                  .subscribe_count = 1,
                                                  .discarded = told_part},
                           &stream);
    return stream;
}

static void push_and_read(weir_inlet *inlet, weir_stream *stream) {
    uint64_t event;
    for (uint64_t i = 0; inlet != NULL && i < NUMBERS; i++) {
        if (weir_inlet_push(inlet, &i, 1, 0) == WEIR_OK) count(&now.emitted, 1);
        bool read = stream != NULL && weir_stream_next(stream, &event, 0) == WEIR_OK;
        count(&now.handled, read ? 1 : 0);
    }
}

static void play(void) {
    weir_ref source = {0};
    weir_inlet *inlet = open_inlet(&source);
    weir_ref producer = start_producer();
    start_consumer(producer);
    start_consumer(source);
    weir_pool *pool = open_pool(producer);
    weir_stream *stream = open_stream(source);
    (void)weir_demand(now.runtime, producer, WEIR_FORWARD);
    push_and_read(inlet, stream);
    weir_inlet_close(inlet);
    weir_stream_close(stream);
    assert_int_equal(weir_runtime_settle(now.runtime, WEIR_FOREVER), WEIR_OK);
    test_memory_fail_never(&now.memory);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
}

/* Returns how many allocations were asked for. */
static uint64_t play_once(uint64_t k, bool and_later) {
    weir_accounts accounts = {0};
    now.emitted = now.handled = now.told = 0;
    test_memory_open(&now.memory);
    if (k > 0) test_memory_fail(&now.memory, k, and_later);
    const weir_runtime_options options = {.workers = 2,
                                          .default_worker = WEIR_SPREAD,
                                          .unpinned = true,
                                          .idle = WEIR_IDLE_PARK,
                                          .allocator = now.memory.allocator.use,
                                          .log = note};
    alarm(60);
    if (weir_runtime_open(&options, &now.runtime) == WEIR_OK) {
        play();
        assert_int_equal(weir_runtime_close(now.runtime, &accounts), WEIR_OK);
    }
    alarm(0);
    const char *unequal = weir_accounts_check(&accounts);
    if (unequal != NULL) fail_msg("%s", unequal);
    assert_int_equal(accounts.emitted, now.emitted);
    assert_int_equal(accounts.handled, now.handled);
    assert_int_equal(accounts.discarded, now.told);
    assert_int_equal(accounts.in_flight, 0);
    assert_int_equal(accounts.buffered, 0);
    test_memory_close(&now.memory);
    return now.memory.calls;
}

static void a_graph_with_threads(void **state) {
    (void)state;
    enum { FIRST = 100, STEP = 23 }; /* of the pushes, which come last, a few are enough */
    uint64_t calls = play_once(0, false);
    assert_int_equal(now.told, 0);
    for (uint64_t k = 1; k <= calls; k += k < FIRST ? 1 : STEP) {
        play_once(k, false);
        play_once(k, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
