/*
 * The guide: every event to the consumer of its partition.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     measurements ──► indoors
 *                  └─► outdoors, which comes late
 */
#include "guide.h"

struct measurement {
    uint32_t sensor;
    uint32_t value;
};

/* Sensors from 100 on are outdoors; number 0 is out of order. */
static uint32_t place(void *context, const void *event) {
    const struct measurement *measurement = event;
    (void)context;
    if (measurement->sensor == 0) return WEIR_PARTITION_NONE;
    return measurement->sensor >= 100;
}

static weir_verdict measure(weir_stage *self, uint64_t demand) {
    static const struct measurement all[] = {{1, 20}, {100, 5}, {0, 99},
                                             {2, 21}, {101, 4}, {1, 22}};
    size_t *next = weir_state(self);
    for (; demand > 0 && *next < sizeof all / sizeof all[0]; demand--)
        weir_must(weir_emit(self, &all[(*next)++], 1));
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    const struct measurement *measurement = batch.events;
    printf("%s:", weir_stage_name(self));
    for (size_t i = 0; i < batch.count; i++)
        printf(" %" PRIu32 "=%" PRIu32, measurement[i].sensor, measurement[i].value);
    printf("\n");
    return WEIR_CONTINUE;
}

static void start_consumer(weir_runtime *runtime, const char *name, weir_ref source) {
    weir_subscribe_to to_source = {.producer = source, .options = {.partition_name = name}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = name,
        .takes_bytes = sizeof(struct measurement),
        .subscribe_to = &to_source,
        .subscribe_count = 1,
        .on = {.handle_events = print},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
}

int main(void) {
    static const char *const places[] = {"indoors", "outdoors"};
    const weir_partition_dispatcher_options by_place = {
        .partitions = 2, .names = places, .hash = place};
    weir_runtime *runtime = open_stepped();
    weir_ref source;
    const weir_stage_options source_options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(struct measurement),
        .state_bytes = sizeof(size_t),
        .dispatcher = weir_partition_dispatcher(),
        .dispatcher_options = &by_place,
        .on = {.handle_demand = measure},
    };
    weir_must(weir_stage_start(runtime, &source_options, &source));
    start_consumer(runtime, "indoors", source);
    start_consumer(runtime, "outdoors", source);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
