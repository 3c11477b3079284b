/*
 * Counts by key and window: see windowed.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "windowed.h"

#include <stdlib.h>
#include <weir/weir.h>

enum { SIZE = 500000, JITTER = SIZE / 5, MARK_EVERY = 1000, MAX_DEMAND = 4000 };

struct event {
    uint64_t key;
    uint64_t time;
};

struct result {
    uint64_t key;
    uint64_t begin;
    uint64_t count;
};

struct source {
    uint64_t made, of, keys, newest, marked;
};

/* The plain loop, and who does it by hand: a table for each of the windows that may be open. */
enum { WINDOWS = 4 };

struct cell {
    uint64_t key1;
    uint64_t count;
};

struct table {
    uint64_t begin, used, mask;
    bool open;
    struct cell *cells;
};

struct by_hand {
    struct table tables[WINDOWS];
    uint64_t watermark, counted;
    weir_stage *self; /* NULL: results go nowhere */
};

static uint64_t counted; /* by whoever takes results */

static void make_event(struct source *source, struct event *event) {
    uint64_t n = source->made++;
    uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15);
    event->key = (h >> 20) % source->keys;
    event->time = n + JITTER - (h >> 44) % JITTER;
    source->newest = event->time > source->newest ? event->time : source->newest;
}

/* ---- by hand --------------------------------------------------------------------------- */

static void open_tables(struct by_hand *hand, uint64_t keys) {
    uint64_t size = 64;
    while (size / 4 * 3 < keys) size *= 2;
    for (int i = 0; i < WINDOWS; i++) {
        hand->tables[i] =
            (struct table){.mask = size - 1, .cells = calloc(size, sizeof(struct cell))};
    }
}

static void close_tables(struct by_hand *hand) {
    for (int i = 0; i < WINDOWS; i++) free(hand->tables[i].cells);
}

static struct table *table_of(struct by_hand *hand, uint64_t begin) {
    struct table *free_one = NULL;
    for (int i = 0; i < WINDOWS; i++) {
        if (hand->tables[i].open && hand->tables[i].begin == begin) return &hand->tables[i];
        if (!hand->tables[i].open) free_one = &hand->tables[i];
    }
    if (free_one == NULL) abort();
    free_one->open = true;
    free_one->begin = begin;
    return free_one;
}

static void add_by_hand(struct by_hand *hand, const struct event *event, size_t count) {
    struct table *table = NULL;
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = event[i].time / SIZE * SIZE;
        if (begin + SIZE <= hand->watermark) continue;
        if (table == NULL || table->begin != begin) table = table_of(hand, begin);
        uint64_t slot = event[i].key * UINT64_C(0xd6e8feb86659fd93) >> 32 & table->mask;
        while (table->cells[slot].key1 != 0 && table->cells[slot].key1 != event[i].key + 1) {
            slot = (slot + 1) & table->mask;
        }
        table->cells[slot].key1 = event[i].key + 1;
        table->cells[slot].count++;
    }
}

static void fire(struct by_hand *hand, struct table *table) {
    for (uint64_t i = 0; i <= table->mask; i++) {
        struct cell *cell = &table->cells[i];
        if (cell->key1 == 0) continue;
        const struct result result = {cell->key1 - 1, table->begin, cell->count};
        if (hand->self != NULL) weir_must(weir_emit(hand->self, &result, 1));
        hand->counted += cell->count;
        *cell = (struct cell){0};
    }
    table->open = false;
}

static void time_is(struct by_hand *hand, uint64_t watermark) {
    hand->watermark = watermark;
    for (int i = 0; i < WINDOWS; i++) {
        struct table *table = &hand->tables[i];
        if (table->open && (watermark == UINT64_MAX || table->begin + SIZE <= watermark)) {
            fire(hand, table);
        }
    }
}

static weir_verdict hand_events(weir_stage *self, weir_batch batch) {
    struct by_hand *hand = *(struct by_hand **)weir_state(self);
    add_by_hand(hand, batch.events, batch.count);
    return WEIR_CONTINUE;
}

static weir_verdict hand_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    struct by_hand *hand = *(struct by_hand **)weir_state(self);
    (void)from;
    hand->self = self;
    time_is(hand, mark->value);
    return WEIR_CONTINUE;
}

static weir_verdict hand_end(weir_stage *self) {
    struct by_hand *hand = *(struct by_hand **)weir_state(self);
    hand->self = self;
    time_is(hand, UINT64_MAX);
    return WEIR_CONTINUE;
}

/* ---- the part -------------------------------------------------------------------------- */

static weir_place place_of(void *none, const void *event) {
    (void)none;
    const struct event *e = event;
    return (weir_place){.key = e->key, .time = e->time};
}

static void add_one(void *none, void *count, const void *event) {
    (void)none, (void)event;
    ++*(uint64_t *)count;
}

static void emit_count(void *none, weir_stage *self, const weir_window *window, void *count) {
    (void)none;
    const struct result result = {window->key, window->begin, *(uint64_t *)count};
    weir_must(weir_emit(self, &result, 1));
}

/* ---- the graph ------------------------------------------------------------------------- */

static weir_made next_events(void *context, weir_room room) {
    struct source *source = context;
    struct event *event = room.events;
    size_t count = 0;
    for (; count < room.count && source->made < source->of; count++) {
        make_event(source, &event[count]);
    }
    bool more = source->made < source->of;
    return (weir_made){count, more ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

static bool next_mark(void *context, weir_mark *mark) {
    struct source *source = context;
    bool due = source->made - source->marked >= MARK_EVERY && source->newest > JITTER;
    source->marked = due ? source->made : source->marked;
    *mark = (weir_mark){.kind = WEIR_MARK_WATERMARK,
                        .value = source->newest > JITTER ? source->newest - JITTER : 0};
    return due;
}

static weir_verdict take_results(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct result *result = batch.events;
    for (size_t i = 0; i < batch.count; i++) counted += result[i].count;
    return WEIR_CONTINUE;
}

static weir_ref start_middle(weir_runtime *runtime, windowed_how how, struct by_hand *hand,
                             const weir_subscribe_to *from) {
    weir_ref middle;
    if (how == WINDOWED_PART) {
        const weir_window_options options = {.kind = WEIR_WINDOW_TUMBLING,
                                             .size = SIZE,
                                             .takes_bytes = sizeof(struct event),
                                             .event_bytes = sizeof(struct result),
                                             .accumulator_bytes = sizeof(uint64_t),
                                             .place = place_of,
                                             .add = add_one,
                                             .emit = emit_count,
                                             .subscribe_to = from,
                                             .subscribe_count = 1};
        weir_must(weir_window_start(runtime, &options, &middle));
        return middle;
    }
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .event_bytes = sizeof(struct result),
        .state = &hand,
        .state_bytes = sizeof hand,
        .subscribe_to = from,
        .subscribe_count = 1,
        .on = {.handle_events = hand_events, .handle_mark = hand_mark, .handle_end = hand_end}};
    weir_must(weir_stage_start(runtime, &options, &middle));
    return middle;
}

static double run_graph(windowed_how how, struct source *source, struct by_hand *hand) {
    weir_runtime *runtime;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .unpinned = true}, &runtime));
    const weir_iterator_options iterator = {.event_bytes = sizeof(struct event),
                                            .next = next_events,
                                            .mark = next_mark,
                                            .context = source,
                                            .demand = WEIR_ACCUMULATE};
    weir_subscribe_to from = {.options.max_demand = MAX_DEMAND};
    weir_must(weir_iterator_start(runtime, &iterator, &from.producer));
    weir_subscribe_to to = {.options.max_demand = MAX_DEMAND};
    to.producer = start_middle(runtime, how, hand, &from);
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on = {.handle_events = take_results}};
    weir_ref end;
    weir_must(weir_stage_start(runtime, &sink, &end));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    double began = race_clock_ns();
    weir_must(weir_demand(runtime, from.producer, WEIR_FORWARD));
    weir_must(weir_wait(runtime, end, WEIR_FOREVER, NULL));
    double took = race_clock_ns() - began;
    weir_must(weir_runtime_close(runtime, NULL));
    return took;
}

static double run_loop(struct source *source, struct by_hand *hand) {
    static struct event events[MAX_DEMAND];
    double began = race_clock_ns();
    while (source->made < source->of) {
        size_t count = 0;
        for (; count < MARK_EVERY && source->made < source->of; count++) {
            make_event(source, &events[count]);
        }
        add_by_hand(hand, events, count);
        if (source->newest > JITTER) time_is(hand, source->newest - JITTER);
    }
    time_is(hand, UINT64_MAX);
    counted = hand->counted;
    return race_clock_ns() - began;
}

struct race_result windowed_run(windowed_how how, uint64_t keys, uint64_t events) {
    struct source source = {.of = events, .keys = keys};
    struct by_hand hand = {0};
    counted = 0;
    open_tables(&hand, keys);
    double took = how == WINDOWED_PLAIN ? run_loop(&source, &hand) : run_graph(how, &source, &hand);
    close_tables(&hand);
    return (struct race_result){.nanoseconds = took, .correct = counted == events};
}
