/*
 * A rate limiter: a consumer that asks by itself, so much every so often.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     slow ──► limiter     3 events every 5 seconds
 *     fast ──► limiter     2 events every 2 seconds
 *
 * Its subscriptions are manual: nothing is asked on its behalf.  For each it keeps how
 * many events it may ask for, asks for them when its timer fires, and sets the timer
 * again.  How often is the subscriber's choice, handed over in the options.
 *
 * The runtime is simulated: its clock jumps from timer to timer, so eleven seconds
 * pass at once.  With --real they take as long as they are.
 */
#include "guide.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

enum { PRODUCERS = 4 };

struct source {
    weir_subscription subscription;
    uint64_t interval_ns;
    uint64_t pending; /* what may be asked for at the next moment */
};

struct limiter {
    struct source sources[PRODUCERS];
    size_t count;
};

static uint64_t begun; /* when the program began, by the runtime's clock */

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0; demand--, (*next)++) weir_must(weir_emit(self, next, 1));
    return WEIR_CONTINUE;
}

static struct source *source_of(struct limiter *limiter, weir_subscription subscription) {
    struct source *source = limiter->sources;
    while (source->subscription.id != subscription.id) source++;
    return source;
}

/* Asks for what is pending, and sets the timer for the next time. */
static void ask_and_schedule(weir_stage *self, struct source *source) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_must(weir_ask(runtime, source->subscription, source->pending));
    source->pending = 0;
    weir_must(weir_send_after(runtime, weir_self(self), &source->subscription,
                              sizeof source->subscription, source->interval_ns, NULL));
}

static weir_subscribe_verdict subscribed(weir_stage *self, const weir_peer *peer) {
    struct limiter *limiter = weir_state(self);
    if (limiter->count == PRODUCERS) return WEIR_SUBSCRIBE_REFUSE;
    struct source *source = &limiter->sources[limiter->count++];
    *source = (struct source){.subscription = peer->subscription,
                              .interval_ns = *(const uint64_t *)peer->options->user,
                              .pending = peer->options->max_demand};
    ask_and_schedule(self, source);
    return WEIR_MANUAL;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    struct limiter *limiter = weir_state(self);
    struct source *source = source_of(limiter, weir_batch_subscription(self));
    source->pending += batch.count; /* as many may be asked for again */
    uint64_t now = weir_runtime_now(weir_stage_runtime(self)) - begun;
    char label[40];
    snprintf(label, sizeof label, "%2" PRIu64 " s: from %s", now / SECOND,
             source == limiter->sources ? "slow" : "fast");
    print_numbers(label, batch);
    return WEIR_CONTINUE;
}

/* A subscription's timer. */
static weir_verdict time_to_ask(weir_stage *self, const void *message, size_t bytes) {
    weir_subscription subscription;
    memcpy(&subscription, message, bytes);
    ask_and_schedule(self, source_of(weir_state(self), subscription));
    return WEIR_CONTINUE;
}

static weir_ref start_counter(weir_runtime *runtime, uint64_t first) {
    weir_ref counter;
    const weir_stage_options counter_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state = &first,
        .state_bytes = sizeof first,
        .on = {.handle_demand = count},
    };
    weir_must(weir_stage_start(runtime, &counter_options, &counter));
    return counter;
}

int main(int argc, char **argv) {
    static uint64_t every_5_s = 5 * SECOND, every_2_s = 2 * SECOND;
    bool real = argc > 1 && strcmp(argv[1], "--real") == 0;
    weir_runtime *runtime;
    weir_must(weir_runtime_open(
        &(weir_runtime_options){.mode = real ? WEIR_THREADS : WEIR_SIMULATED, .workers = 1},
        &runtime));
    begun = weir_runtime_now(runtime);
    const weir_subscribe_to to[] = {
        {.producer = start_counter(runtime, 0), .options = {.max_demand = 3, .user = &every_5_s}},
        {.producer = start_counter(runtime, 1000),
         .options = {.max_demand = 2, .user = &every_2_s}},
    };
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(struct limiter),
        .subscribe_to = to,
        .subscribe_count = 2,
        .on = {.handle_events = consume,
               .handle_subscribe = subscribed,
               .handle_info = time_to_ask},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    weir_runtime_run(runtime, 11 * SECOND + SECOND / 2);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
