/*
 * The guide: a pool's demand, step by step, with max_demand 4 and min_demand 2.
 * SPDX-License-Identifier: Apache-2.0
 *
 * In a stepped runtime a pool has no threads: each task runs in a turn of its own.
 */
#include "guide.h"

#define EVENTS 8

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    printf("producer: asked for %" PRIu64 "\n", demand);
    for (; demand > 0 && *next < EVENTS; demand--, (*next)++) weir_must(weir_emit(self, next, 1));
    return WEIR_CONTINUE;
}

static weir_task_result work(void *context, const void *event, weir_task *self) {
    (void)context, (void)self;
    printf("task: %" PRIu64 "\n", *(const uint64_t *)event);
    return WEIR_TASK_OK;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref producer;
    weir_pool *pool;
    const weir_stage_options producer_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .on = {.handle_demand = produce},
    };
    weir_must(weir_stage_start(runtime, &producer_options, &producer));
    weir_subscribe_to from = {
        .producer = producer,
        .options = {.max_demand = 4, .min_demand = 2},
    };
    weir_pool_options options = {
        .event_bytes = sizeof(uint64_t),
        .task = work,
        .subscribe_to = &from,
        .subscribe_count = 1,
    };
    weir_must(weir_pool_open(runtime, &options, &pool, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_pool_close(pool, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
