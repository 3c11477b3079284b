/*
 * The guide: a row of five stages, started by one call and connected by another.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers 7 .. 48 ──► not by 2 ──► not by 3 ──► not by 5 ──► printer
 *
 * What is left of the numbers below 49 when those are out that 2, 3 and 5 divide are primes.
 */
#include "guide.h"

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < 49; demand--, ++*next) weir_must(weir_emit(self, next, 1));
    return *next < 49 ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict sift(weir_stage *self, weir_batch batch) {
    const uint64_t divisor = *(const uint64_t *)weir_state(self), *number = batch.events;
    for (size_t i = 0; i < batch.count; i++)
        if (number[i] % divisor != 0) weir_must(weir_emit(self, &number[i], 1));
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("primes:", batch);
    return WEIR_CONTINUE;
}

static weir_stage_options sieve(const uint64_t *divisor) {
    return (weir_stage_options){
        .kind = WEIR_PRODUCER_CONSUMER,
        .event_bytes = sizeof(uint64_t),
        .takes_bytes = sizeof(uint64_t),
        .state = divisor,
        .state_bytes = sizeof *divisor,
        .on = {.handle_events = sift},
    };
}

int main(void) {
    const uint64_t first = 7, divisors[] = {2, 3, 5};
    const weir_stage_options numbers = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state = &first,
        .state_bytes = sizeof first,
        .on = {.handle_demand = count},
    };
    const weir_stage_options printer = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .on = {.handle_events = print},
    };
    const weir_stage_options row[] = {numbers, sieve(&divisors[0]), sieve(&divisors[1]),
                                      sieve(&divisors[2]), printer};
    weir_ref stages[5];
    weir_runtime *runtime = open_stepped();
    weir_must(weir_stages_start(runtime, row, 5, stages));
    weir_must(weir_chain(runtime, stages, 5, &(weir_subscribe_options){.max_demand = 20}));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
