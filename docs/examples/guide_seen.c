/*
 * The guide: what every stage does: a pipeline whose last stage asks for 30, and later for more.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers (0 to 99) ──► evens ──► taker
 */
#include "guide.h"

enum { STAGES = 3, NUMBERS = 100 };

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < NUMBERS; demand--, ++*next) weir_must(weir_emit(self, next, 1));
    return WEIR_CONTINUE;
}

static weir_verdict pass_even(weir_stage *self, weir_batch batch) {
    const uint64_t *number = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (number[i] % 2 == 0) weir_must(weir_emit(self, &number[i], 1));
    }
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    weir_subscription *subscription = weir_state(self);
    *subscription = peer->subscription;
    return WEIR_MANUAL;
}

static weir_verdict ask_for(weir_stage *self, const void *message, size_t bytes) {
    const weir_subscription *subscription = weir_state(self);
    const uint64_t *many = message;
    (void)bytes;
    weir_must(weir_ask(weir_stage_runtime(self), *subscription, *many));
    return WEIR_CONTINUE;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void print_stages(const weir_runtime *runtime) {
    static const char *const states[] = {"busy", "waiting", "starved", "blocked", "idle"};
    weir_counters_stage stage[STAGES];
    size_t count = weir_stages(runtime, stage, STAGES);
    for (size_t i = 0; i < count && i < STAGES; i++) {
        printf("  %-8s in %4" PRIu64 "   out %4" PRIu64 "   buffered %3" PRIu64 "   %s\n",
               stage[i].name, stage[i].events_in, stage[i].events_out, stage[i].buffered,
               states[stage[i].state]);
    }
}

static void ask(weir_runtime *runtime, weir_ref taker, uint64_t many) {
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_cast(runtime, taker, &many, sizeof many));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    printf("%" PRIu64 " were asked for\n", many);
    print_stages(runtime);
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    const weir_stage_options stages[STAGES] = {
        {.kind = WEIR_PRODUCER,
         .name = "numbers",
         .event_bytes = sizeof(uint64_t),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_demand = count}},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .name = "evens",
         .event_bytes = sizeof(uint64_t),
         .on = {.handle_events = pass_even}},
        {.kind = WEIR_CONSUMER,
         .name = "taker",
         .state_bytes = sizeof(weir_subscription),
         .on = {.handle_events = take, .handle_subscribe = by_hand, .handle_cast = ask_for}},
    };
    weir_ref all[STAGES];
    weir_must(weir_stages_start(runtime, stages, STAGES, all));
    weir_must(weir_chain(runtime, all, STAGES, NULL));
    ask(runtime, all[2], 30);
    ask(runtime, all[2], 70);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
