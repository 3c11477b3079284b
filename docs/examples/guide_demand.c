/*
 * The guide: demand, step by step, with max_demand 10 and min_demand 6.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

#define EVENTS 18

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    printf("producer: asked for %" PRIu64 "\n", demand);
    for (; demand > 0 && *next < EVENTS; demand--, (*next)++) weir_must(weir_emit(self, next, 1));
    return *next < EVENTS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("consumer: batch", batch);
    return WEIR_CONTINUE;
}

int main(void) {
    const weir_stage_options pair[] = {
        {.kind = WEIR_PRODUCER,
         .event_bytes = sizeof(uint64_t),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_demand = produce}},
        {.kind = WEIR_CONSUMER, .takes_bytes = sizeof(uint64_t), .on = {.handle_events = consume}},
    };
    const weir_subscribe_options window = {.max_demand = 10, .min_demand = 6};
    weir_runtime *runtime = open_stepped();
    weir_ref stages[2];
    weir_must(weir_stages_start(runtime, pair, 2, stages));
    weir_must(weir_chain(runtime, stages, 2, &window));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
