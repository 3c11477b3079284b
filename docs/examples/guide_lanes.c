/*
 * The guide: out over lanes by key, and together again.
 * SPDX-License-Identifier: Apache-2.0
 *
 *                ┌─► lane 0 ─┐
 *     numbers ───┼─► lane 1 ─┼──► together
 *                └─► lane 2 ─┘
 */
#include "guide.h"

enum { LANES = 3, NUMBERS = 9 };

static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint64_t *last = weir_state(self);
    for (; demand > 0 && *last < NUMBERS; demand--) {
        ++*last;
        weir_must(weir_emit(self, last, 1));
    }
    return *last < NUMBERS ? WEIR_CONTINUE : WEIR_FINISH;
}

static uint32_t lane_of(void *context, const void *event) {
    (void)context;
    return (uint32_t)(*(const uint64_t *)event % LANES);
}

/* Every number becomes the sum of all that its lane has had. */
static weir_verdict sum_up(weir_stage *self, weir_batch batch) {
    uint64_t *sum = weir_state(self), *number = weir_own(self);
    if (number == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) number[i] = *sum += number[i];
    return weir_forward(self);
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    print_numbers(weir_stage_name(self), batch);
    return WEIR_CONTINUE;
}

static weir_ref start_numbers(weir_runtime *runtime) {
    const weir_partition_dispatcher_options by_key = {.partitions = LANES, .hash = lane_of};
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .demand = WEIR_ACCUMULATE,
        .dispatcher = weir_partition_dispatcher(),
        .dispatcher_options = &by_key,
        .on = {.handle_demand = numbers},
    };
    weir_ref source;
    weir_must(weir_stage_start(runtime, &options, &source));
    return source;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref source = start_numbers(runtime);
    weir_subscribe_to lanes[LANES] = {0};
    for (unsigned i = 0; i < LANES; i++) {
        const weir_stage_options lane = {
            .kind = WEIR_PRODUCER_CONSUMER,
            .event_bytes = sizeof(uint64_t),
            .takes_bytes = sizeof(uint64_t),
            .state_bytes = sizeof(uint64_t),
            .subscribe_to = &(weir_subscribe_to){.producer = source,
                                                 .options = {.partition = WEIR_PARTITION(i)}},
            .subscribe_count = 1,
            .on = {.handle_events = sum_up},
        };
        weir_must(weir_stage_start(runtime, &lane, &lanes[i].producer));
    }
    const weir_stage_options together = {
        .kind = WEIR_CONSUMER,
        .name = "together:",
        .takes_bytes = sizeof(uint64_t),
        .subscribe_to = lanes,
        .subscribe_count = LANES,
        .on = {.handle_events = print},
    };
    weir_must(weir_stage_start(runtime, &together, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_demand(runtime, source, WEIR_FORWARD));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
