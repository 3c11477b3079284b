/*
 * The guide: marks among the events, and windows that end by them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "guide.h"

struct reading {
    uint64_t meter, second, watts;
};
struct total {
    uint64_t meter, begin, watts, readings;
};

/* Readings come up to five seconds late: what is older than that will not come any more. */
static weir_verdict read_meters(weir_stage *self, uint64_t demand) {
    static const struct reading readings[] = {{1, 3, 50},  {2, 8, 20}, {1, 12, 60}, {1, 9, 55},
                                              {1, 16, 70}, {2, 2, 90}, {2, 23, 25}};
    (void)demand;
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        uint64_t second = readings[i].second;
        weir_must(weir_emit(self, &readings[i], 1));
        const weir_mark mark = {.kind = WEIR_MARK_WATERMARK, .value = second > 5 ? second - 5 : 0};
        if (i % 2 == 0) weir_must(weir_emit_mark(self, &mark));
    }
    const weir_mark over = {.kind = WEIR_MARK_END_OF_FILE};
    weir_must(weir_emit_mark(self, &over));
    return WEIR_FINISH;
}

static weir_place place(void *none, const void *event) {
    (void)none;
    const struct reading *reading = event;
    return (weir_place){.key = reading->meter, .time = reading->second};
}

static void add(void *none, void *watts, const void *event) {
    (void)none;
    *(uint64_t *)watts += ((const struct reading *)event)->watts;
}

static void emit(void *none, weir_stage *self, const weir_window *window, void *watts) {
    (void)none;
    const struct total total = {window->key, window->begin, *(uint64_t *)watts, window->count};
    weir_must(weir_emit(self, &total, 1));
}

static void too_late(void *none, const void *event, weir_place place) {
    (void)none, (void)event;
    printf("too late: meter %" PRIu64 ", second %" PRIu64 "\n", place.key, place.time);
}

static weir_verdict print_totals(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct total *total = batch.events;
    for (size_t i = 0; i < batch.count; i++, total++)
        printf("meter %" PRIu64 " from second %" PRIu64 " on: %" PRIu64 " of %" PRIu64
               " readings\n",
               total->meter, total->begin, total->watts, total->readings);
    return WEIR_CONTINUE;
}

static weir_verdict print_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    (void)self, (void)from;
    if (mark->kind == WEIR_MARK_WATERMARK) printf("it is second %" PRIu64 "\n", mark->value);
    if (mark->kind == WEIR_MARK_END_OF_FILE) printf("all is read\n");
    return WEIR_CONTINUE;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    weir_ref meters;
    weir_ref totals;
    const weir_stage_options source = {.kind = WEIR_PRODUCER,
                                       .event_bytes = sizeof(struct reading),
                                       .on = {.handle_demand = read_meters}};
    weir_must(weir_stage_start(runtime, &source, &meters));
    const weir_window_options by_meter = {
        .event_bytes = sizeof(struct total),
        .takes_bytes = sizeof(struct reading),
        .kind = WEIR_WINDOW_TUMBLING,
        .size = 10, /* seconds, as `place` has them */
        .accumulator_bytes = sizeof(uint64_t),
        .place = place,
        .add = add,
        .emit = emit,
        .late = too_late,
        .subscribe_to = &(weir_subscribe_to){.producer = meters},
        .subscribe_count = 1,
    };
    weir_must(weir_window_start(runtime, &by_meter, &totals));
    const weir_stage_options printer = {
        .kind = WEIR_CONSUMER,
        .subscribe_to = &(weir_subscribe_to){.producer = totals},
        .subscribe_count = 1,
        .on = {.handle_events = print_totals, .handle_mark = print_mark}};
    weir_must(weir_stage_start(runtime, &printer, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return 0;
}
