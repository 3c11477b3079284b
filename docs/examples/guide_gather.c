/*
 * The guide: readings that are written to a table, many at a time; a batcher.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     inlet (readings) ──► batcher, by station ──► table
 *
 * A batch goes when it has three readings of its station, or when the first of them has waited for
 * a second; and when no more can come.
 */
#include "guide.h"

enum { SECOND = 1000000000 };

struct reading {
    uint64_t station;
    uint64_t value;
};

static uint64_t by_station(void *context, const void *event) {
    (void)context;
    return ((const struct reading *)event)->station;
}

/* One statement for each batch. */
static void write_rows(const weir_gathered *batch, double seconds) {
    static const char *const why[] = {"full",    "heavy",        "in time",
                                      "flushed", "to make room", "at the end"};
    const struct reading *reading = batch->events;
    printf("%3.1f s: station %" PRIu64 ", %s:", seconds, batch->key, why[batch->trigger]);
    for (uint32_t i = 0; i < batch->count; i++) printf(" %" PRIu64, reading[i].value);
    printf("\n");
}

static weir_verdict insert(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    double now = (double)weir_runtime_now(weir_stage_runtime(self)) / SECOND;
    for (size_t i = 0; i < batch.count; i++) write_rows(&batches[i], now);
    return WEIR_CONTINUE;
}

static weir_inlet *start(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_subscribe_to readings = {0};
    weir_subscribe_to batches = {.options = {.max_demand = 4}}; /* batches */
    const weir_inlet_options inlet_options = {.event_bytes = sizeof(struct reading)};
    weir_must(weir_inlet_open(runtime, &inlet_options, &inlet, &readings.producer));
    const weir_batcher_options batcher = {
        .event_bytes = sizeof(struct reading),
        .size = 3,
        .timeout_ns = SECOND,
        .key = by_station,
        .subscribe_to = &readings,
        .subscribe_count = 1,
    };
    weir_must(weir_batcher_start(runtime, &batcher, &batches.producer));
    const weir_stage_options table = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(weir_gathered),
        .subscribe_to = &batches,
        .subscribe_count = 1,
        .on = {.handle_events = insert},
    };
    weir_must(weir_stage_start(runtime, &table, NULL));
    return inlet;
}

int main(void) {
    static const struct reading readings[] = {{1, 20}, {2, 7}, {1, 21}, {2, 8}, {1, 22}, {3, 90}};
    weir_runtime *runtime;
    weir_must(
        weir_runtime_open(&(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1}, &runtime));
    weir_inlet *inlet = start(runtime);
    for (size_t i = 0; i < 6; i++) {
        if (i == 5) weir_must(weir_runtime_advance(runtime, SECOND / 2));
        weir_must(weir_inlet_push(inlet, &readings[i], 1, 0));
    }
    weir_must(weir_runtime_advance(runtime, SECOND / 4 * 3));
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
