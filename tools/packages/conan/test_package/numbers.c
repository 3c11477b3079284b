/*
 * Numbers go from a producer to a consumer; says so, if all of them came.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

enum { NUMBERS = 100000 };

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < NUMBERS; demand--, ++*next) {
        weir_must(weir_emit(self, next, 1));
    }
    return *next < NUMBERS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict add(weir_stage *self, weir_batch batch) {
    uint64_t **sum = weir_state(self);
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) **sum += numbers[i];
    return WEIR_CONTINUE;
}

int main(void) {
    weir_runtime *runtime;
    weir_ref stages[2];
    weir_reason reason;
    uint64_t sum = 0, *where = &sum;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_must(weir_stages_start(runtime,
                                (const weir_stage_options[]){
                                    {.kind = WEIR_PRODUCER,
                                     .event_bytes = sizeof(uint64_t),
                                     .state_bytes = sizeof(uint64_t),
                                     .on = {.handle_demand = count}},
                                    {.kind = WEIR_CONSUMER,
                                     .takes_bytes = sizeof(uint64_t),
                                     .state = &where,
                                     .state_bytes = sizeof where,
                                     .on = {.handle_events = add}},
                                },
                                2, stages));
    weir_must(weir_chain(runtime, stages, 2, NULL));
    weir_must(
        weir_wait(runtime, stages[1], WEIR_FOREVER, &reason)); /* it ends as its producer has */
    weir_must(weir_runtime_close(runtime, NULL));
    uint64_t due = (uint64_t)NUMBERS * (NUMBERS - 1) / 2;
    printf("weir %s: %" PRIu64 " of %" PRIu64 "\n", weir_version_text(), sum, due);
    return sum == due ? EXIT_SUCCESS : EXIT_FAILURE;
}
