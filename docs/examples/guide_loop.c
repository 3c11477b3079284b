/*
 * The guide: a runtime without threads, inside a loop of the program's own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0; demand--, (*next)++) weir_must(weir_emit(self, next, 1));
    return *next < 8 ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("  weir's turn:", batch);
    return WEIR_CONTINUE;
}

int main(void) {
    const weir_stage_options pair[] = {
        {.kind = WEIR_PRODUCER,
         .event_bytes = sizeof(uint64_t),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_demand = count}},
        {.kind = WEIR_CONSUMER, .takes_bytes = sizeof(uint64_t), .on = {.handle_events = consume}},
    };
    const weir_subscribe_options two_at_a_time = {.max_demand = 2, .min_demand = WEIR_NONE};
    weir_runtime *runtime = open_stepped();
    weir_ref stages[2];
    weir_must(weir_stages_start(runtime, pair, 2, stages));
    weir_must(weir_chain(runtime, stages, 2, &two_at_a_time));
    while (weir_runtime_stages(runtime) > 0) {
        printf("the program's own work\n"); /* poll(), draw a frame, serve a socket ... */
        weir_runtime_step(runtime, 4);      /* and at most four turns for the stages    */
    }
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
