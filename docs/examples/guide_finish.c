/*
 * The guide: an end at which nothing is lost.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers 1 .. 4 ──► repeater (each number three times) ──► printer
 *
 * The repeater emits more than it is asked for, so that some events are still in
 * its buffer when the numbers have ended.  It finishes: stops once they have gone out.
 */
#include "guide.h"

static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < 4; demand--) {
        (*next)++;
        must(weir_emit(self, next, 1));
    }
    return *next < 4 ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NORMAL);
}

static weir_verdict repeat(weir_stage *self, weir_batch *batch) {
    const uint64_t *event = batch->events;
    for (size_t i = 0; i < batch->count; i++)
        for (int times = 0; times < 3; times++) must(weir_emit(self, &event[i], 1));
    return WEIR_CONTINUE;
}

/* The numbers have ended: what is in the buffer goes out first. */
static weir_verdict numbers_ended(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason) {
    (void)cause;
    if (peer->side == WEIR_CONSUMER) return weir_stop_with(self, reason);
    printf("repeater: no more numbers, %" PRIu64 " events in the buffer\n", weir_buffered(self));
    must(weir_finish(weir_stage_runtime(self), weir_self(self)));
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch *batch) {
    (void)self;
    print_numbers("printer:", batch);
    return WEIR_CONTINUE;
}

static void repeater_stopped(weir_stage *self, weir_reason reason) {
    printf("repeater: stops (%s), %" PRIu64 " events in the buffer\n", weir_reason_text(reason),
           weir_buffered(self));
}

static void stopped(weir_stage *self, weir_reason reason) {
    (void)self;
    printf("printer: stops (%s)\n", weir_reason_text(reason));
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_accounts accounts;
    weir_ref source, repeater;
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = WEIR_PRODUCER,
                              .event_bytes = sizeof(uint64_t),
                              .state_bytes = sizeof(uint64_t),
                              .on.handle_demand = numbers,
                          },
                          &source));
    weir_subscribe_to to_source = {
        .producer = source,
    };
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = WEIR_PRODUCER_CONSUMER,
                              .event_bytes = sizeof(uint64_t),
                              .subscribe_to = &to_source,
                              .subscribe_count = 1,
                              .on.handle_events = repeat,
                              .on.handle_cancel = numbers_ended,
                              .on.terminate = repeater_stopped,
                          },
                          &repeater));
    weir_subscribe_to to_repeater = {
        .producer = repeater,
        .options = {.max_demand = 5, .min_demand = WEIR_NONE}, /* WEIR_PERMANENT */
    };
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = WEIR_CONSUMER,
                              .subscribe_to = &to_repeater,
                              .subscribe_count = 1,
                              .on.handle_events = print,
                              .on.terminate = stopped,
                          },
                          NULL));
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    must(weir_runtime_close(runtime, &accounts));
    printf("discarded: %" PRIu64 "\n", accounts.discarded);
    return EXIT_SUCCESS;
}
