/*
 * Counts of keys in windows of one second of event time, from two sources out of order.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   2 sources -> partition by key -> 2 window stages -> counts
 *   windowed_counts [EVENTS]
 */
#include "guide.h"

enum { SOURCES = 2, PARTS = 2, KEYS = 100000, SECOND = 1000, JITTER = 200, A_SECOND = 500000 };

struct source {
    uint64_t id, made, of, newest, marked;
} sources[SOURCES];
static uint64_t counted, late, results;

/* Up to 200 ms out of order; one in a thousand comes too late. */
static weir_made next(void *context, weir_room room) {
    struct source *s = context;
    weir_place *e = room.events; /* a key and a time */
    size_t count = 0;
    for (; count < room.count && s->made < s->of; count++, s->made++) {
        uint64_t h = (s->made * SOURCES + s->id) * 0x9e3779b97f4a7c15 >> 20;
        uint64_t ms = 100000 + s->made * SECOND / A_SECOND;
        ms -= h % 1000 == 0 ? 1500 + h % 700 : h % JITTER;
        e[count] = (weir_place){.key = h / 1000 % KEYS, .time = ms};
        if (ms > s->newest) s->newest = ms;
    }
    return (weir_made){count, s->made < s->of ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

static bool watermark(void *context, weir_mark *mark) {
    struct source *s = context;
    *mark = (weir_mark){.kind = WEIR_MARK_WATERMARK, .value = s->newest - JITTER};
    bool rises = s->newest > s->marked;
    s->marked = s->newest;
    return rises;
}

static uint32_t part_of(void *none, const void *event) {
    (void)none;
    return ((const weir_place *)event)->key % PARTS;
}

static weir_place place(void *none, const void *event) {
    (void)none;
    return *(const weir_place *)event;
}

static void count_late(void *none, const void *event, weir_place its) {
    (void)none, (void)event, (void)its;
    __atomic_fetch_add(&late, 1, __ATOMIC_RELAXED);
}

static weir_verdict collect(weir_stage *self, weir_batch batch) {
    (void)self;
    const weir_window *result = batch.events;
    for (size_t i = 0; i < batch.count; i++) counted += result[i].count;
    results += batch.count;
    return WEIR_CONTINUE;
}

int main(int argc, char **argv) {
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000000;
    weir_runtime *runtime;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 2}, &runtime));
    const weir_partition_dispatcher_options parts = {.partitions = PARTS, .hash = part_of};
    weir_iterator_options source = {.event_bytes = sizeof(weir_place),
                                    .next = next,
                                    .demand = WEIR_ACCUMULATE,
                                    .dispatcher = weir_partition_dispatcher(),
                                    .dispatcher_options = &parts,
                                    .mark = watermark};
    weir_subscribe_to from[SOURCES] = {0}, to[PARTS] = {0};
    for (uint64_t i = 0; i < SOURCES; i++) {
        sources[i] = (struct source){.id = i, .of = events / SOURCES, .newest = JITTER};
        source.context = &sources[i];
        weir_must(weir_iterator_start(runtime, &source, &from[i].producer));
    }
    weir_window_options window = {.takes_bytes = sizeof(weir_place),
                                  .kind = WEIR_WINDOW_TUMBLING,
                                  .size = SECOND,
                                  .place = place,
                                  .late = count_late,
                                  .subscribe_to = from,
                                  .subscribe_count = SOURCES};
    for (unsigned p = 0; p < PARTS; p++) {
        for (unsigned i = 0; i < SOURCES; i++) from[i].options.partition = WEIR_PARTITION(p);
        weir_must(weir_window_start(runtime, &window, &to[p].producer));
    }
    weir_stage_options counts = {.kind = WEIR_CONSUMER,
                                 .subscribe_to = to,
                                 .subscribe_count = PARTS,
                                 .on = {.handle_events = collect}};
    weir_ref collector;
    weir_must(weir_stage_start(runtime, &counts, &collector));
    for (unsigned i = 0; i < SOURCES; i++)
        weir_must(weir_demand(runtime, from[i].producer, WEIR_FORWARD));
    weir_must(weir_wait(runtime, collector, WEIR_FOREVER, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    printf("%" PRIu64 " events: %" PRIu64 " counted, %" PRIu64 " late; %" PRIu64 " results\n",
           events, counted, late, results);
    return 0;
}
