/*
 * The guide: a rate that two stages share, and that is changed while they wait.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     urgent ──►┐
 *               ├ caller 1, caller 2      together two calls a second, three at once
 *     tickets ──┘
 *
 * A service allows so many calls.  Both callers take from `tickets` at that rate; what is urgent
 * has none, and does not wait behind what does.
 */
#include "guide.h"

#define SECOND UINT64_C(1000000000)

static uint64_t began;

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next % 100 < 11; demand--, (*next)++) weir_must(weir_emit(self, next, 1));
    return WEIR_CONTINUE;
}

static weir_verdict call(weir_stage *self, weir_batch batch) {
    char label[48];
    uint64_t now = weir_runtime_now(weir_stage_runtime(self)) - began;
    snprintf(label, sizeof label, "%" PRIu64 ".%" PRIu64 " s: %s calls for", now / SECOND,
             now % SECOND * 10 / SECOND, weir_stage_name(self));
    print_numbers(label, batch);
    return WEIR_CONTINUE;
}

static weir_ref start_source(weir_runtime *runtime, uint64_t first) {
    weir_ref source;
    weir_must(weir_stage_start(runtime,
                               &(weir_stage_options){.kind = WEIR_PRODUCER,
                                                     .event_bytes = sizeof(uint64_t),
                                                     .state = &first,
                                                     .state_bytes = sizeof first,
                                                     .on = {.handle_demand = count}},
                               &source));
    return source;
}

static weir_ref start_caller(weir_runtime *runtime, const char *name, weir_ref tickets,
                             weir_rate *rate) {
    weir_ref caller;
    const weir_subscribe_to to = {.producer = tickets, .options = {.max_demand = 4, .rate = rate}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .name = name,
                                        .takes_bytes = sizeof(uint64_t),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = call}};
    weir_must(weir_stage_start(runtime, &options, &caller));
    return caller;
}

int main(void) {
    weir_runtime *runtime;
    weir_must(
        weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1}, &runtime));
    weir_rate *rate;
    weir_must(weir_rate_open(runtime, &(weir_rate_options){.allowed = 2, .burst = 3}, &rate));
    began = weir_runtime_now(runtime);
    weir_ref tickets = start_source(runtime, 0);
    weir_ref first = start_caller(runtime, "caller 1", tickets, rate);
    start_caller(runtime, "caller 2", tickets, rate);
    weir_must(weir_runtime_advance(runtime, SECOND + SECOND / 10));

    weir_must(weir_subscribe(runtime, first, start_source(runtime, 108), NULL, NULL));
    weir_must(weir_runtime_advance(runtime, SECOND / 10)); /* urgent: at once */

    weir_must(weir_rate_set(rate, &(weir_rate_options){.allowed = 10, .burst = 1}));
    weir_must(weir_runtime_advance(runtime, SECOND));
    weir_drain_report report;
    weir_must(weir_runtime_drain(runtime, 10 * SECOND, &report));
    weir_rate_close(rate);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
