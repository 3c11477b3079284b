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
    must(weir_emit(self, readings, sizeof readings / sizeof readings[0]));
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
static weir_ref start(weir_runtime *runtime, weir_kind kind, weir_ref upstream,
                      weir_callbacks callbacks) {
    weir_ref stage;
    must(weir_stage_start(runtime,
                          &(weir_stage_options){
                              .kind = kind,
                              .event_bytes = kind == WEIR_CONSUMER ? 0 : sizeof(struct reading),
                              .subscribe_to = &(weir_subscribe_to){.producer = upstream},
                              .subscribe_count = kind == WEIR_PRODUCER ? 0 : 1,
                              .on = callbacks,
                          },
                          &stage));
    return stage;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref last = start(runtime, WEIR_PRODUCER, (weir_ref){0},
                          (weir_callbacks){.handle_demand = read_sensors});
    last =
        start(runtime, WEIR_PRODUCER_CONSUMER, last, (weir_callbacks){.handle_events = keep_warm});
    last = start(runtime, WEIR_PRODUCER_CONSUMER, last,
                 (weir_callbacks){.handle_events = to_fahrenheit});
    start(runtime, WEIR_CONSUMER, last, (weir_callbacks){.handle_events = print});
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
