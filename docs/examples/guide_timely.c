/*
 * The guide: a batcher that keeps its time beside a callback that takes long.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <stdio.h>
#include <time.h>
#include <weir/weir.h>

enum { MS = 1000000 };

static weir_verdict compute(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    nanosleep(&(struct timespec){.tv_nsec = 500 * MS}, NULL);
    printf("computed\n");
    return WEIR_CONTINUE;
}

static weir_verdict ignore(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_verdict insert(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) printf("inserted %u\n", batches[i].count);
    return WEIR_CONTINUE;
}

static void start_rows(weir_runtime *runtime, weir_inlet **inlet) {
    weir_subscribe_to rows = {0};
    weir_subscribe_to batches = {0};
    const weir_inlet_options in = {.event_bytes = sizeof(int)};
    weir_must(weir_inlet_open(runtime, &in, inlet, &rows.producer));
    const weir_batcher_options batcher = {
        .event_bytes = sizeof(int),
        .timeout_ns = 100 * MS,
        .worker = WEIR_TIMELY_WORKER,
        .subscribe_to = &rows,
        .subscribe_count = 1,
    };
    weir_must(weir_batcher_start(runtime, &batcher, &batches.producer));
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .worker = WEIR_WITH_PRODUCER, /* it is quick, too */
                                     .subscribe_to = &batches,
                                     .subscribe_count = 1,
                                     .on = {.handle_events = insert}};
    weir_must(weir_stage_start(runtime, &sink, NULL));
}

int main(void) {
    weir_runtime *runtime;
    weir_inlet *inlet;
    weir_ref busy;
    const weir_stage_options neighbour = {.kind = WEIR_CONSUMER,
                                          .event_bytes = sizeof(int),
                                          .on = {.handle_events = ignore, .handle_cast = compute}};
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1}, &runtime));
    start_rows(runtime, &inlet);
    weir_must(weir_stage_start(runtime, &neighbour, &busy));
    weir_must(weir_inlet_push(inlet, (int[]){1, 2, 3}, 3, WEIR_FOREVER));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_cast(runtime, busy, NULL, 0)); /* the only other worker is busy now */
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
}
