/*
 * The guide: every event to every consumer, unless the consumer refuses it.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers 1 .. 6 ──► all
 *                    └─► even (by a selector)
 */
#include "guide.h"

/* After the last number a message to itself, which comes when all have gone out. */
static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < 6; demand--) {
        (*next)++;
        weir_must(weir_emit(self, next, 1));
    }
    return *next < 6 ? WEIR_CONTINUE : WEIR_FINISH;
}

/* Runs where the producer runs. */
static bool is_even(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 2 == 0;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    print_numbers(weir_stage_name(self), batch);
    return WEIR_CONTINUE;
}

static void start_consumer(weir_runtime *runtime, const char *name, weir_ref source,
                           weir_subscribe_options options) {
    weir_subscribe_to to_source = {.producer = source, .options = options};
    const weir_stage_options consumer = {
        .kind = WEIR_CONSUMER,
        .name = name,
        .takes_bytes = sizeof(uint64_t),
        .subscribe_to = &to_source,
        .subscribe_count = 1,
        .on = {.handle_events = consume},
    };
    weir_must(weir_stage_start(runtime, &consumer, NULL));
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref source;
    const weir_stage_options source_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .demand = WEIR_ACCUMULATE, /* until both have subscribed */
        .dispatcher = weir_broadcast_dispatcher(),
        .on = {.handle_demand = numbers},
    };
    weir_must(weir_stage_start(runtime, &source_options, &source));
    start_consumer(runtime, "all: ", source, (weir_subscribe_options){.max_demand = 10});
    start_consumer(runtime, "even:", source,
                   (weir_subscribe_options){.max_demand = 4, .selector = is_even});
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_demand(runtime, source, WEIR_FORWARD));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
