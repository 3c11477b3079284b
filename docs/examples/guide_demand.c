/*
 * The guide: demand, step by step, with max_demand 10 and min_demand 6.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

#define EVENTS 18

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    printf("producer: asked for %" PRIu64 "\n", demand);
    for (; demand > 0 && *next < EVENTS; demand--, (*next)++) must(weir_emit(self, next, 1));
    return *next < EVENTS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("consumer: batch", batch);
    return WEIR_CONTINUE;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref producer;
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = WEIR_PRODUCER,
                              .event_bytes = sizeof(uint64_t),
                              .state_bytes = sizeof(uint64_t),
                              .on.handle_demand = produce,
                          },
                          &producer));
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = WEIR_CONSUMER,
                              .subscribe_to =
                                  &(weir_subscribe_to){
                                      .producer = producer,
                                      .options = {.max_demand = 10, .min_demand = 6},
                                  },
                              .subscribe_count = 1,
                              .on.handle_events = consume,
                          },
                          NULL));
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
