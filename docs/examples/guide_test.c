/*
 * The guide: a test of a pipeline that runs it in a thousand different orders.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers 1 .. 100 ──► two workers that square ──► sum
 */
#include "guide.h"

#define SCHEDULES 1000
#define NUMBERS   100

static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint32_t *next = weir_state(self);
    for (; demand > 0 && *next < NUMBERS; demand--) {
        (*next)++;
        weir_must(weir_emit(self, next, 1));
    }
    return *next < NUMBERS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict square(weir_stage *self, weir_batch batch) {
    uint32_t *event = weir_own(self);
    if (event == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) event[i] *= event[i];
    return weir_forward(self);
}

static weir_verdict add(weir_stage *self, weir_batch batch) {
    uint64_t *sum = *(uint64_t **)weir_state(self);
    const uint32_t *event = batch.events;
    uint64_t here = 0;
    for (size_t i = 0; i < batch.count; i++) here += event[i];
    *sum += here;
    return WEIR_CONTINUE;
}

/* The pipeline under test, three workers, in the order that the seed draws. */
static uint64_t run(uint64_t seed, weir_accounts *accounts) {
    weir_runtime *runtime;
    weir_ref source, squarers[2];
    uint64_t sum = 0, *sum_at = &sum;
    weir_subscribe_to to_source = {.options = {.max_demand = 7}};
    weir_subscribe_to to_squarers[2];
    weir_must(weir_runtime_open(
        &(weir_runtime_options){.mode = WEIR_SIMULATED, .seed = seed, .workers = 3}, &runtime));
    const weir_stage_options source_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint32_t),
        .state_bytes = sizeof(uint32_t),
        .demand = WEIR_ACCUMULATE,
        .on = {.handle_demand = numbers},
    };
    weir_must(weir_stage_start(runtime, &source_options, &source));
    to_source.producer = source;
    for (int i = 0; i < 2; i++) {
        const weir_stage_options squarers_i__options = {
            .kind = WEIR_PRODUCER_CONSUMER,
            .event_bytes = sizeof(uint32_t),
            .takes_bytes = sizeof(uint32_t),
            .subscribe_to = &to_source,
            .subscribe_count = 1,
            .on = {.handle_events = square},
        };
        weir_must(weir_stage_start(runtime, &squarers_i__options, &squarers[i]));
        to_squarers[i] = (weir_subscribe_to){.producer = squarers[i]};
    }
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint32_t),
        .state = &sum_at,
        .state_bytes = sizeof sum_at,
        .subscribe_to = to_squarers,
        .subscribe_count = 2,
        .on = {.handle_events = add},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_demand(runtime, source, WEIR_FORWARD));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, accounts));
    return sum;
}

int main(void) {
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        weir_accounts accounts;
        uint64_t sum = run(seed, &accounts);
        const char *wrong = weir_accounts_check(&accounts);
        if (sum == 338350 && wrong == NULL && accounts.discarded == 0) continue;
        printf("seed %" PRIu64 ": sum %" PRIu64 ", discarded %" PRIu64 " %s\n", seed, sum,
               accounts.discarded, wrong == NULL ? "" : wrong);
        return EXIT_FAILURE;
    }
    printf("%d schedules: the sum is right in each, and nothing is lost\n", SCHEDULES);
    return EXIT_SUCCESS;
}
