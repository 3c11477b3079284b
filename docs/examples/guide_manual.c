/*
 * The guide: manual demand: a consumer that asks when it sees fit.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each tick, sent by cast, asks for three events: a rate limiter.
 */
#include "guide.h"

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0; demand--, (*next)++) weir_must(weir_emit(self, next, 1));
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict subscribed(weir_stage *self, const weir_peer *peer) {
    weir_subscription *subscription = weir_state(self);
    *subscription = peer->subscription;
    return WEIR_MANUAL; /* nothing is asked on our behalf */
}

static weir_verdict tick(weir_stage *self, const void *message, size_t bytes) {
    const weir_subscription *subscription = weir_state(self);
    (void)message, (void)bytes;
    weir_must(weir_ask(weir_stage_runtime(self), *subscription, 3));
    return WEIR_CONTINUE;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("got", batch);
    return WEIR_CONTINUE;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref counter, limited;
    const weir_stage_options counter_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .on = {.handle_demand = count},
    };
    weir_must(weir_stage_start(runtime, &counter_options, &counter));
    const weir_stage_options limited_options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(weir_subscription),
        .subscribe_to = &(weir_subscribe_to){.producer = counter},
        .subscribe_count = 1,
        .on = {.handle_events = consume, .handle_subscribe = subscribed, .handle_cast = tick},
    };
    weir_must(weir_stage_start(runtime, &limited_options, &limited));
    for (int i = 1; i <= 3; i++) {
        weir_runtime_settle(runtime, WEIR_FOREVER);
        printf("tick %d: ", i);
        weir_must(weir_cast(runtime, limited, NULL, 0));
    }
    weir_runtime_settle(runtime, WEIR_FOREVER);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
