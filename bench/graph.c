/*
 * The graphs of the workloads, of weir stages: see graph.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A producer that has emitted its share finishes; the stages behind it, which are told
 * to finish from the start, stop as their sources end, in the order of the data.
 */
#include "graph.h"

#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

struct source {
    uint64_t words_left;
    uint64_t next;
    uint64_t words_per_event;
    uint64_t reserve;
    double *began;
};

struct sink {
    uint64_t *sum;
    double *ended;
    uint64_t own_sum;
};

/* What one run needs beside the stages; each slot is written by one stage. */
struct field {
    struct graph_shape shape;
    weir_runtime *runtime;
    double began[GRAPH_BRANCHES];
    double ended[GRAPH_BRANCHES];
    uint64_t sums[GRAPH_BRANCHES];
};

static void must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "graph: %s: %s\n", weir_status_text(status), weir_refusal());
    exit(EXIT_FAILURE);
}

/* ---- callbacks -------------------------------------------------------------- */

static weir_verdict fill(weir_stage *self, uint64_t demand) {
    struct source *source = weir_state(self);
    if (*source->began == 0) *source->began = race_clock_ns();
    uint64_t left = source->words_left / source->words_per_event;
    while (demand > 0 && left > 0) {
        size_t room;
        uint64_t want = demand < left ? demand : left;
        if (want > source->reserve) want = source->reserve;
        uint64_t *to = weir_reserve(self, (size_t)want, &room);
        if (to == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        uint64_t words = room * source->words_per_event;
        work_fill(to, (size_t)words, source->next);
        weir_commit(self, room);
        source->next += words;
        source->words_left -= words;
        demand -= room;
        left -= room;
    }
    if (left == 0) must(weir_finish(weir_stage_runtime(self), weir_self(self)));
    return WEIR_CONTINUE;
}

static weir_verdict twice(weir_stage *self, weir_batch *batch) {
    uint64_t *words = weir_batch_own(self, batch);
    if (words == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    work_double(words, batch->count * batch->event_bytes / sizeof *words);
    return weir_forward(self, batch);
}

static weir_verdict add(weir_stage *self, weir_batch *batch) {
    struct sink *sink = weir_state(self);
    sink->own_sum += work_sum(batch->events, batch->count * batch->event_bytes / sizeof(uint64_t));
    return WEIR_CONTINUE;
}

static void note_end(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct sink *sink = weir_state(self);
    *sink->sum = sink->own_sum;
    *sink->ended = race_clock_ns();
}

static uint32_t key_of(void *context, const void *event) {
    (void)context;
    return (uint32_t)(*(const uint64_t *)event % GRAPH_BRANCHES);
}

/* ---- stages ----------------------------------------------------------------- */

/* `number` counts the stages of the side that is many, or of a pipe, from 0. */
static unsigned place_of_many(const struct field *field, unsigned number) {
    unsigned others = field->shape.workers - 1;
    return WEIR_WORKER(others == 0 ? 0 : 1 + number % others);
}

static unsigned place_in_pipe(const struct field *field, unsigned number) {
    unsigned last = field->shape.middles + 1;
    if (field->shape.workers == 2) return WEIR_WORKER(number == last ? 1 : 0);
    return WEIR_WORKER(number % field->shape.workers);
}

static weir_ref start_source(struct field *field, unsigned number, unsigned worker, uint64_t first,
                             uint64_t events) {
    static const weir_partition_dispatcher_options by_key = {.partitions = GRAPH_BRANCHES,
                                                             .hash = key_of};
    const struct graph_shape *shape = &field->shape;
    uint64_t words = shape->event_bytes / sizeof(uint64_t);
    const struct source source = {events * words, first * words + 1, words,
                                  shape->reserve == 0 ? UINT64_MAX : shape->reserve,
                                  &field->began[number]};
    weir_stage_options options = {.kind = WEIR_PRODUCER,
                                  .event_bytes = shape->event_bytes,
                                  .state_bytes = sizeof source,
                                  .state = &source,
                                  .worker = worker,
                                  /* Nobody is asked before all have subscribed. */
                                  .demand = WEIR_ACCUMULATE,
                                  .on = {.handle_demand = fill}};
    if (shape->kind == GRAPH_BROADCAST) options.dispatcher = weir_broadcast_dispatcher();
    if (shape->kind == GRAPH_PARTITION) {
        options.dispatcher = weir_partition_dispatcher();
        options.dispatcher_options = &by_key;
    }
    weir_ref source_ref;
    must(weir_stage_start(field->runtime, &options, &source_ref));
    return source_ref;
}

static weir_subscribe_options window(const struct field *field) {
    return (weir_subscribe_options){.max_demand = field->shape.max_demand,
                                    .min_demand = field->shape.min_demand};
}

static weir_ref start_middle(struct field *field, unsigned number, weir_ref upstream) {
    const weir_subscribe_to to = {.producer = upstream, .options = window(field)};
    weir_ref middle;
    must(weir_stage_start(field->runtime,
                          &(weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                .event_bytes = field->shape.event_bytes,
                                                .worker = place_in_pipe(field, number),
                                                .subscribe_to = &to,
                                                .subscribe_count = 1,
                                                .on = {.handle_events = twice}},
                          &middle));
    must(weir_finish(field->runtime, middle));
    return middle;
}

static weir_ref start_sink(struct field *field, unsigned number, unsigned worker) {
    const struct sink sink = {&field->sums[number], &field->ended[number], 0};
    weir_ref sink_ref;
    must(weir_stage_start(field->runtime,
                          &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                .state_bytes = sizeof sink,
                                                .state = &sink,
                                                .worker = worker,
                                                .on = {.handle_events = add,
                                                       .terminate = note_end}},
                          &sink_ref));
    return sink_ref;
}

static void subscribe(struct field *field, weir_ref sink, weir_ref source, unsigned number) {
    weir_subscribe_options options = window(field);
    if (field->shape.kind == GRAPH_PARTITION) options.partition = WEIR_PARTITION(number);
    must(weir_subscribe_wait(field->runtime, sink, source, &options, WEIR_FOREVER, NULL));
}

/* ---- graphs ----------------------------------------------------------------- */

static void build_pipe(struct field *field, uint64_t events, weir_ref *source) {
    unsigned middles = field->shape.middles;
    *source = start_source(field, 0, place_in_pipe(field, 0), 0, events);
    weir_ref last = *source;
    for (unsigned i = 1; i <= middles; i++) last = start_middle(field, i, last);
    subscribe(field, start_sink(field, 0, place_in_pipe(field, middles + 1)), last, 0);
}

static void build_fan_out(struct field *field, uint64_t events, weir_ref *source) {
    *source = start_source(field, 0, WEIR_WORKER(0), 0, events);
    for (unsigned i = 0; i < GRAPH_BRANCHES; i++) {
        subscribe(field, start_sink(field, i, place_of_many(field, i)), *source, i);
    }
}

static void build_merge(struct field *field, uint64_t events, weir_ref *sources) {
    weir_ref sink = start_sink(field, 0, WEIR_WORKER(0));
    uint64_t first = 0;
    for (unsigned i = 0; i < GRAPH_BRANCHES; i++) {
        uint64_t share = events / GRAPH_BRANCHES + (i < events % GRAPH_BRANCHES);
        sources[i] = start_source(field, i, place_of_many(field, i), first, share);
        first += share;
        subscribe(field, sink, sources[i], i);
    }
    must(weir_finish(field->runtime, sink)); /* the end of one source is not the end */
}

static unsigned build(struct field *field, uint64_t events, weir_ref *sources) {
    switch (field->shape.kind) {
    case GRAPH_PIPE:
        build_pipe(field, events, sources);
        return 1;
    case GRAPH_MERGE:
        build_merge(field, events, sources);
        return GRAPH_BRANCHES;
    default:
        build_fan_out(field, events, sources);
        return 1;
    }
}

static struct race_result judge(const struct field *field, uint64_t events,
                                const weir_accounts *accounts) {
    double began = 0;
    double ended = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < GRAPH_BRANCHES; i++) {
        double start = field->began[i];
        if (start != 0 && (began == 0 || start < began)) began = start;
        if (field->ended[i] > ended) ended = field->ended[i];
        sum += field->sums[i];
    }
    const struct graph_shape *shape = &field->shape;
    uint64_t copies = shape->kind == GRAPH_BROADCAST ? GRAPH_BRANCHES : 1;
    uint64_t expected = work_expected(events * shape->event_bytes / sizeof(uint64_t)) * copies;
    expected <<= shape->middles;
    bool correct = sum == expected && weir_accounts_check(accounts) == NULL &&
                   accounts->handled == events * (copies + shape->middles);
    return (struct race_result){ended - began, correct};
}

struct race_result graph_run(struct graph_shape shape, uint64_t events) {
    struct field field = {.shape = shape};
    must(weir_runtime_open(&(weir_runtime_options){.workers = shape.workers, .idle = shape.idle},
                           &field.runtime));
    weir_ref sources[GRAPH_BRANCHES];
    unsigned count = build(&field, events, sources);
    for (unsigned i = 0; i < count; i++) {
        must(weir_demand(field.runtime, sources[i], WEIR_FORWARD));
    }
    must(weir_runtime_run(field.runtime, WEIR_FOREVER));
    weir_accounts accounts;
    must(weir_runtime_close(field.runtime, &accounts));
    return judge(&field, events, &accounts);
}
