/*
 * The guide: what max_demand and min_demand do to the size of batches.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

#define EVENTS 10000

struct counts {
    uint64_t left, batches, largest;
};

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    struct counts *counts = *(struct counts **)weir_state(self);
    for (; demand > 0 && counts->left > 0; demand--, counts->left--)
        weir_must(weir_emit(self, &counts->left, 1));
    return counts->left > 0 ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    struct counts *counts = *(struct counts **)weir_state(self);
    counts->batches++;
    if (batch.count > counts->largest) counts->largest = batch.count;
    return WEIR_CONTINUE;
}

static void measure(size_t max, size_t min) {
    struct counts counts = {.left = EVENTS}, *state = &counts;
    const weir_stage_options pair[] = {
        {.kind = WEIR_PRODUCER,
         .event_bytes = sizeof(uint64_t),
         .state = &state,
         .state_bytes = sizeof state,
         .on = {.handle_demand = produce}},
        {.kind = WEIR_CONSUMER,
         .takes_bytes = sizeof(uint64_t),
         .state = &state,
         .state_bytes = sizeof state,
         .on = {.handle_events = consume}},
    };
    const weir_subscribe_options window = {.max_demand = max, .min_demand = min};
    weir_runtime *runtime = open_stepped();
    weir_ref stages[2];
    weir_must(weir_stages_start(runtime, pair, 2, stages));
    weir_must(weir_chain(runtime, stages, 2, &window));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    printf("max %5zu, min %4zu: %5" PRIu64 " batches of at most %" PRIu64 "\n", max,
           min == WEIR_NONE ? 0 : min, counts.batches, counts.largest);
}

int main(void) {
    measure(1, WEIR_NONE);
    measure(10, WEIR_NONE);
    measure(10, 9);
    measure(100, 50);
    measure(1000, 500);
    measure(1000, 900);
    measure(10000, 5000);
    return EXIT_SUCCESS;
}
