/*
 * The guide: an end at which nothing is lost.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers 1 .. 4 ──► repeater (each number three times) ──► printer
 *
 * The source finishes, and all that come after it do in turn.  The repeater emits more than
 * it is asked for, so that some events are still in its buffer when the numbers have ended:
 * they go out before it stops.
 */
#include "guide.h"

static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint64_t *last = weir_state(self);
    for (; demand > 0 && *last < 4; demand--) {
        ++*last;
        weir_must(weir_emit(self, last, 1));
    }
    return *last < 4 ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict repeat(weir_stage *self, weir_batch batch) {
    const uint64_t *event = batch.events;
    for (size_t i = 0; i < batch.count; i++)
        for (int times = 0; times < 3; times++) weir_must(weir_emit(self, &event[i], 1));
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("printer: ", batch);
    return WEIR_CONTINUE;
}

/* ---- what they are told -------------------------------------------------- */

static weir_verdict cancelled(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    if (peer->side == WEIR_PRODUCER)
        printf("%s: handle_cancel, %s, %s\n", weir_stage_name(self),
               cause == WEIR_DOWN ? "its producer has stopped" : "cancelled",
               weir_reason_text(reason));
    return WEIR_CONTINUE;
}

static weir_verdict last_has_come(weir_stage *self) {
    printf("%s: handle_end, %" PRIu64 " events in the buffer\n", weir_stage_name(self),
           weir_buffered(self));
    return WEIR_CONTINUE;
}

static void stops(weir_stage *self, weir_reason reason) {
    printf("%s: terminate, %s\n", weir_stage_name(self), weir_reason_text(reason));
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_accounts accounts;
    weir_ref source, repeater;
    const weir_stage_options source_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .on = {.handle_demand = numbers},
    };
    weir_must(weir_stage_start(runtime, &source_options, &source));
    const weir_stage_options repeater_options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "repeater",
        .event_bytes = sizeof(uint64_t),
        .takes_bytes = sizeof(uint64_t),
        .subscribe_to = &(weir_subscribe_to){.producer = source},
        .subscribe_count = 1,
        .on = {.handle_events = repeat,
               .handle_cancel = cancelled,
               .handle_end = last_has_come,
               .terminate = stops},
    };
    weir_must(weir_stage_start(runtime, &repeater_options, &repeater));
    weir_subscribe_to five_at_a_time = {
        .producer = repeater,
        .options = {.max_demand = 5, .min_demand = WEIR_NONE},
    };
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "printer",
        .takes_bytes = sizeof(uint64_t),
        .subscribe_to = &five_at_a_time,
        .subscribe_count = 1,
        .on = {.handle_events = print,
               .handle_cancel = cancelled,
               .handle_end = last_has_come,
               .terminate = stops},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, &accounts));
    printf("discarded: %" PRIu64 "\n", accounts.discarded);
    return EXIT_SUCCESS;
}
