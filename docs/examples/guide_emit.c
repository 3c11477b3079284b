/*
 * The guide: three ways to emit: by copying, in place, and by passing a batch on.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     sensors ──► filter ──► converter ──► printer
 */
#include "guide.h"

struct reading {
    uint32_t sensor;
    float degrees;
};

/* By copying: the events may be anywhere, here on the stack. */
static weir_verdict read_sensors(weir_stage *self, uint64_t demand) {
    const struct reading readings[] = {{1, 18.5f}, {2, 21.0f}, {3, 25.5f}, {4, 15.0f}, {5, 30.0f}};
    (void)demand; /* more than that is not to be had */
    weir_must(weir_emit(self, readings, sizeof readings / sizeof readings[0]));
    return WEIR_FINISH;
}

/* In place: room for all, of which as much is emitted as was written. */
static weir_verdict keep_warm(weir_stage *self, weir_batch batch) {
    const struct reading *in = batch.events, *end = in + batch.count;
    while (in < end) {
        size_t kept = 0;
        weir_room room = weir_reserve(self, (size_t)(end - in));
        struct reading *out = room.events;
        if (out == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        for (const struct reading *stop = in + room.count; in < stop; in++)
            if (in->degrees >= 20.0f) out[kept++] = *in;
        weir_commit(self, kept);
    }
    return WEIR_CONTINUE;
}

/* Passing on: the batch itself, changed where it lies. */
static weir_verdict to_fahrenheit(weir_stage *self, weir_batch batch) {
    struct reading *reading = weir_own(self);
    if (reading == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++)
        reading[i].degrees = reading[i].degrees * 9.0f / 5.0f + 32.0f;
    return weir_forward(self);
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    const struct reading *reading = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++)
        printf("sensor %" PRIu32 ": %.1f F\n", reading[i].sensor, (double)reading[i].degrees);
    return WEIR_CONTINUE;
}

/* Starts a stage behind another one, {0} for none. */
int main(void) {
    const size_t bytes = sizeof(struct reading);
    const weir_stage_options row[] = {
        {.kind = WEIR_PRODUCER, .event_bytes = bytes, .on = {.handle_demand = read_sensors}},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .event_bytes = bytes,
         .takes_bytes = bytes,
         .on = {.handle_events = keep_warm}},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .event_bytes = bytes,
         .takes_bytes = bytes,
         .on = {.handle_events = to_fahrenheit}},
        {.kind = WEIR_CONSUMER, .takes_bytes = bytes, .on = {.handle_events = print}},
    };
    weir_runtime *runtime = open_stepped();
    weir_ref stages[4];
    weir_must(weir_stages_start(runtime, row, 4, stages));
    weir_must(weir_chain(runtime, stages, 4, NULL));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
