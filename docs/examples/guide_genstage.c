/*
 * The guide for those who know GenStage: one module of each kind, translated.
 * SPDX-License-Identifier: Apache-2.0
 *
 * docs/genstage.md has the Elixir beside it.
 */
#include "guide.h"

/* ---- Counter --------------------------------------------------------------- */

struct counter {
    uint64_t next;
};

static weir_verdict count(weir_stage *self, uint64_t demand) {
    struct counter *counter = weir_state(self);
    for (; demand > 0; demand--, counter->next++) weir_must(weir_emit(self, &counter->next, 1));
    return WEIR_CONTINUE;
}

static const weir_stage_options counter_options = {
    .kind = WEIR_PRODUCER,
    .name = "counter",
    .event_bytes = sizeof(uint64_t),
    .state_bytes = sizeof(struct counter),
    .on = {.handle_demand = count},
};

/* ---- Multiplier ------------------------------------------------------------ */

struct multiplier {
    uint64_t factor;
};

static weir_verdict multiply(weir_stage *self, weir_batch batch) {
    const struct multiplier *multiplier = weir_state(self);
    uint64_t *numbers = weir_own(self); /* they are changed in place, */
    if (numbers == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) numbers[i] *= multiplier->factor;
    return weir_forward(self); /* and passed on without a copy */
}

static const weir_stage_options multiplier_options = {
    .kind = WEIR_PRODUCER_CONSUMER,
    .name = "multiplier",
    .event_bytes = sizeof(uint64_t),
    .takes_bytes = sizeof(uint64_t),
    .state = &(struct multiplier){.factor = 2},
    .state_bytes = sizeof(struct multiplier),
    .on = {.handle_events = multiply},
};

/* ---- Printer --------------------------------------------------------------- */

static weir_verdict print(weir_stage *self, weir_batch batch) {
    print_numbers(weir_stage_name(self), batch);
    return WEIR_CONTINUE;
}

static const weir_stage_options printer_options = {
    .kind = WEIR_CONSUMER,
    .name = "printer",
    .takes_bytes = sizeof(uint64_t),
    .on = {.handle_events = print},
};

/* ---- all of it --------------------------------------------------------------- */

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref counter, multiplier, printer;
    weir_must(weir_stage_start(runtime, &counter_options, &counter));
    weir_must(weir_stage_start(runtime, &multiplier_options, &multiplier));
    weir_must(weir_stage_start(runtime, &printer_options, &printer));

    const weir_subscribe_options ten = {.max_demand = 10};
    weir_must(weir_subscribe_wait(runtime, printer, multiplier, &ten, WEIR_FOREVER, NULL));
    weir_must(weir_subscribe_wait(runtime, multiplier, counter, &ten, WEIR_FOREVER, NULL));

    weir_runtime_step(runtime, 5);                              /* let it run for a while, and */
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL)); /* end it without a loss        */
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
