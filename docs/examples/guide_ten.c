/*
 * The guide: take ten.  Who has had enough stops, and that ends everything before it.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     main ── push ──► inlet ──► doubler ──► ten (stops after ten)
 *             inlet and doubler: WEIR_ON_CANCEL_STOP
 */
#include "guide.h"

static weir_verdict twice(weir_stage *self, weir_batch batch) {
    uint64_t *number = weir_own(self);
    if (number == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) number[i] <<= 1;
    return weir_forward(self);
}

static weir_verdict ten(weir_stage *self, weir_batch batch) {
    size_t *taken = weir_state(self);
    *taken += batch.count;
    print_numbers("ten:", batch);
    return *taken < 10 ? WEIR_CONTINUE : WEIR_STOP; /* the reason is NORMAL */
}

static void doubler_stops(weir_stage *self, weir_reason reason) {
    (void)self;
    printf("doubler stops (%s)\n", weir_reason_text(reason));
}

/* What it had made for somebody who has had enough. */
static void doubler_discards(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self, (void)cause;
    printf("doubler discards %" PRIu64 "\n", count);
}

static weir_inlet *start(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_ref numbers, doubler;
    const weir_inlet_options bounded = {
        .event_bytes = sizeof(uint64_t),
        .capacity = 4,
        .when_full = WEIR_BLOCK,
        .on_cancel = WEIR_ON_CANCEL_STOP,
    };
    weir_must(weir_inlet_open(runtime, &bounded, &inlet, &numbers));
    weir_subscribe_to to_numbers = {.producer = numbers, .options = {.max_demand = 4}};
    const weir_stage_options doubler_options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .event_bytes = sizeof(uint64_t),
        .takes_bytes = sizeof(uint64_t),
        .on_cancel = WEIR_ON_CANCEL_STOP,
        .subscribe_to = &to_numbers,
        .subscribe_count = 1,
        .on = {.handle_events = twice, .discarded = doubler_discards, .terminate = doubler_stops},
    };
    weir_must(weir_stage_start(runtime, &doubler_options, &doubler));
    weir_subscribe_to to_doubler = {.producer = doubler,
                                    .options = {.max_demand = 5, .min_demand = WEIR_NONE}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(size_t),
        .subscribe_to = &to_doubler,
        .subscribe_count = 1,
        .on = {.handle_events = ten},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    return inlet;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_inlet *inlet = start(runtime);
    uint64_t number = 1;
    weir_status status = WEIR_OK;
    while ((status = weir_inlet_push(inlet, &number, 1, WEIR_FOREVER)) == WEIR_OK) number++;
    printf("main: %s, the inlet has ended (%s)\n", weir_status_name(status),
           weir_reason_text(weir_inlet_reason(inlet)));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER)); /* nobody is left */
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
