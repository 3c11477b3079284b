/*
 * The guide: a consumer that hangs is found, and let go.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers 1 .. 20 ──► quick
 *                     └─► stuck, in its first callback
 */
#include "guide.h"

#include <sched.h>
#include <stdatomic.h>

enum { LAST = 20, WINDOW = 5 };

static atomic_bool come_back;
static atomic_ullong handled[2]; /* by quick, by stuck */

static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < LAST; demand--) {
        (*next)++;
        weir_must(weir_emit(self, next, 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict quick(weir_stage *self, weir_batch batch) {
    (void)self;
    handled[0] += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict stuck(weir_stage *self, weir_batch batch) {
    (void)self;
    while (!come_back) sched_yield();
    handled[1] += batch.count;
    return WEIR_CONTINUE;
}

static weir_ref start_consumer(weir_runtime *runtime, unsigned worker, weir_ref source,
                               weir_verdict (*handle)(weir_stage *self, weir_batch batch)) {
    const weir_subscribe_to to_source = {
        .producer = source, .options = {.max_demand = WINDOW, .cancel = WEIR_TEMPORARY}};
    weir_ref consumer;
    const weir_stage_options consumer_options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .worker = WEIR_WORKER(worker),
        .subscribe_to = &to_source,
        .subscribe_count = 1,
        .on = {.handle_events = handle},
    };
    weir_must(weir_stage_start(runtime, &consumer_options, &consumer));
    return consumer;
}

/* Cancels who has nothing open and has not asked for so long.  True: there was one. */
static bool let_go(weir_runtime *runtime, weir_ref producer, uint64_t patience_ns) {
    weir_lag lags[8];
    size_t count;
    weir_must(weir_lags(runtime, producer, WEIR_FOREVER, lags, 8, &count));
    for (size_t i = 0; i < count && i < 8; i++) {
        if (lags[i].open_demand == 0 && lags[i].silent_ns > patience_ns) {
            weir_must(weir_cancel(runtime, lags[i].subscription, WEIR_REASON_USER));
            return true;
        }
    }
    return false;
}

int main(void) {
    weir_runtime *runtime;
    weir_ref source;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 3, .unpinned = true}, &runtime));
    const weir_stage_options source_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .worker = WEIR_WORKER(0),
        .demand = WEIR_ACCUMULATE, /* until both have subscribed */
        .dispatcher = weir_broadcast_dispatcher(),
        .on = {.handle_demand = numbers},
    };
    weir_must(weir_stage_start(runtime, &source_options, &source));
    start_consumer(runtime, 1, source, quick);
    start_consumer(runtime, 2, source, stuck);
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_demand(runtime, source, WEIR_FORWARD));
    while (handled[0] < WINDOW) sched_yield(); /* quick has asked for more since, and waits */
    while (!let_go(runtime, source, 20000000)) sched_yield();
    while (handled[0] < LAST) sched_yield();
    printf("quick has handled %llu, stuck %llu\n", handled[0], handled[1]);
    come_back = true;
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    printf("what it was sent was its own: stuck has handled %llu\n", handled[1]);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
