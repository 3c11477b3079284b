/*
 * The guide: a stage in the middle ends, though its source has no end.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     news (an inlet) ──► pairs ──► printer
 *
 * The middle is told to finish, and cut off from its source: it handles what it was sent,
 * emits what it keeps, and ends, and so does who comes after it.  The inlet stays, with what
 * it had not sent.
 */
#include "guide.h"

/* Adds them up two by two; the state is the one that waits for its second, or 0. */
static weir_verdict add(weir_stage *self, weir_batch batch) {
    uint64_t *first = weir_state(self);
    const uint64_t *number = batch.events;
    print_numbers("pairs:  ", batch);
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t sum = *first + number[i];
        if (*first != 0) weir_must(weir_emit(self, &sum, 1));
        *first = *first != 0 ? 0 : number[i];
    }
    return WEIR_CONTINUE;
}

static weir_verdict no_more(weir_stage *self) {
    uint64_t *first = weir_state(self);
    if (*first != 0) weir_must(weir_emit(self, first, 1));
    *first = 0;
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("printer:", batch);
    return WEIR_CONTINUE;
}

static void stops(weir_stage *self, weir_reason reason) {
    printf("%s ends (%s)\n", weir_stage_name(self), weir_reason_text(reason));
}

static weir_ref start_pairs(weir_runtime *runtime, weir_ref news) {
    weir_ref pairs;
    weir_subscribe_to five = {.producer = news, .options = {.max_demand = 5}};
    const weir_stage_options pairs_options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "pairs",
        .event_bytes = sizeof(uint64_t),
        .takes_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .subscribe_to = &five,
        .subscribe_count = 1,
        .on = {.handle_events = add, .handle_end = no_more, .terminate = stops},
    };
    weir_must(weir_stage_start(runtime, &pairs_options, &pairs));
    return pairs;
}

static void start_printer(weir_runtime *runtime, weir_ref pairs) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "printer",
        .takes_bytes = sizeof(uint64_t),
        .subscribe_to = &(weir_subscribe_to){.producer = pairs},
        .subscribe_count = 1,
        .on = {.handle_events = print, .terminate = stops},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

/* Ends its subscriptions, as if its producers had ended normally. */
static void cut_off(weir_runtime *runtime, weir_ref stage) {
    weir_subscription from[4];
    size_t count;
    weir_must(weir_producers(runtime, stage, WEIR_FOREVER, from, 4, &count));
    for (size_t i = 0; i < count && i < 4; i++)
        weir_must(weir_cancel(runtime, from[i], WEIR_REASON_NORMAL));
}

static void push(weir_inlet *inlet, uint64_t first, uint64_t last) {
    for (uint64_t number = first; number <= last; number++)
        weir_must(weir_inlet_push(inlet, &number, 1, 0));
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_inlet *inlet;
    weir_ref news;
    weir_must(weir_inlet_open(runtime, &(weir_inlet_options){.event_bytes = sizeof(uint64_t)},
                              &inlet, &news));
    weir_ref pairs = start_pairs(runtime, news);
    start_printer(runtime, pairs);
    push(inlet, 1, 4);
    weir_runtime_settle(runtime, WEIR_FOREVER);
    weir_must(weir_finish(runtime, pairs));
    push(inlet, 5, 6);
    weir_runtime_settle(runtime, WEIR_FOREVER);
    printf("told to finish: %zu stages\n", weir_runtime_stages(runtime));
    push(inlet, 7, 14);
    cut_off(runtime, pairs);
    weir_runtime_settle(runtime, WEIR_FOREVER);
    printf("cut off: %zu stage, %zu events wait in it\n", weir_runtime_stages(runtime),
           weir_inlet_waiting(inlet));
    start_printer(runtime, news);
    weir_inlet_close(inlet); /* what waits still goes out; then all end */
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
