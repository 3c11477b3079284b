/*
 * Counts of keys in windows of one second of event time, from two sources out of order.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   2 sources -> partition by key -> 2 window stages -> collector
 *
 * Sources give watermarks; both window stages have the least of the two, whatever the partitions.
 * One event in a thousand comes too late, and is counted.   windowed_counts [EVENTS]
 */
#include "guide.h"

enum { SOURCES = 2, PARTS = 2, KEYS = 100000, SECOND_MS = 1000, JITTER_MS = 200, A_SECOND = 500000 };
struct event { uint64_t key, ms; };
struct result { uint64_t key, ms, count; };
struct source { uint64_t id, made, of, newest, marked; };

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
    return (x ^ x >> 33) * 0xc4ceb9fe1a85ec53 >> 20;
}

static weir_made next(void *context, weir_room room) {
    struct source *s = context;
    size_t count = 0;
    for (struct event *e = room.events; count < room.count && s->made < s->of; count++, s->made++) {
        uint64_t h = mix(s->made * SOURCES + s->id), ms = 100000 + s->made * SECOND_MS / A_SECOND;
        ms -= h % 1000 == 0 ? 500 + h % 700 : h % JITTER_MS;
        e[count] = (struct event){.key = h % KEYS, .ms = ms};
        s->newest = ms > s->newest ? ms : s->newest;
    }
    return (weir_made){count, s->made < s->of ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}
static bool watermark(void *context, weir_mark *mark) {
    struct source *s = context;
    uint64_t ms = s->newest - JITTER_MS;
    *mark = (weir_mark){.kind = WEIR_MARK_WATERMARK, .source = (uint32_t)s->id, .value = ms};
    return ms > s->marked ? (s->marked = ms, true) : false;
}
static uint32_t part_of(void *none, const void *event) {
    (void)none;
    return ((const struct event *)event)->key % PARTS;
}
static weir_place place(void *none, const void *event) {
    (void)none;
    const struct event *e = event;
    return (weir_place){.key = e->key, .time = e->ms};
}
static void add(void *none, void *count, const void *event) { (void)none, (void)event, ++*(uint64_t *)count; }
static void emit(void *none, weir_stage *self, const weir_window *window, void *count) {
    (void)none;
    weir_must(weir_emit(self, &(struct result){window->key, window->begin, *(uint64_t *)count}, 1));
}
static uint64_t counted, results;
static weir_verdict collect(weir_stage *self, weir_batch batch) {
    (void)self;
    for (size_t i = 0; i < batch.count; i++) counted += ((const struct result *)batch.events)[i].count;
    results += batch.count;
    return WEIR_CONTINUE;
}

int main(int argc, char **argv) {
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000000;
    weir_runtime *runtime;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 2}, &runtime));
    struct source s[SOURCES];
    weir_subscribe_to from[SOURCES] = {0}, to[PARTS] = {0};
    for (uint64_t i = 0; i < SOURCES; i++) {
        s[i] = (struct source){.id = i, .of = events / SOURCES, .newest = JITTER_MS};
        weir_must(weir_iterator_start(runtime, &(weir_iterator_options){.event_bytes = sizeof(struct event), .next = next, .mark = watermark, .context = &s[i], .demand = WEIR_ACCUMULATE,
            .dispatcher = weir_partition_dispatcher(), .dispatcher_options = &(weir_partition_dispatcher_options){.partitions = PARTS, .hash = part_of}}, &from[i].producer));
    }
    for (unsigned p = 0; p < PARTS; p++) {
        for (int i = 0; i < SOURCES; i++) from[i].options = (weir_subscribe_options){.max_demand = 4000, .partition = WEIR_PARTITION(p)};
        weir_must(weir_window_start(runtime, &(weir_window_options){.takes_bytes = sizeof(struct event), .event_bytes = sizeof(struct result), .accumulator_bytes = sizeof(uint64_t),
            .kind = WEIR_WINDOW_TUMBLING, .size = SECOND_MS, .place = place, .add = add, .emit = emit, .subscribe_to = from, .subscribe_count = SOURCES}, &to[p].producer));
    }
    weir_ref collector;
    weir_must(weir_stage_start(runtime, &(weir_stage_options){.kind = WEIR_CONSUMER, .subscribe_to = to, .subscribe_count = PARTS, .on.handle_events = collect}, &collector));
    for (int i = 0; i < SOURCES; i++) weir_must(weir_demand(runtime, from[i].producer, WEIR_FORWARD));
    weir_must(weir_wait(runtime, to[0].producer, WEIR_FOREVER, NULL));
    weir_must(weir_wait(runtime, collector, WEIR_FOREVER, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    printf("%llu events, %llu counted, %llu results\n", (unsigned long long)events, (unsigned long long)counted, (unsigned long long)results);
    return 0;
}
