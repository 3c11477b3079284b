/*
 * The graphs of the workloads, of weir stages: see graph.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "graph.h"

#include "work.h"

/* What one run needs beside the stages; each slot is written by one stage. */
struct field {
    struct graph_shape shape;
    weir_runtime *runtime;
    double began[GRAPH_BRANCHES];
    double ended[GRAPH_BRANCHES];
    uint64_t sums[GRAPH_BRANCHES];
    struct part_lap lap; /* of a pipe that is to be warm */
};

static uint32_t key_of(void *context, const void *event) {
    (void)context;
    return (uint32_t)(*(const uint64_t *)event % GRAPH_BRANCHES);
}

static void keys_of(void *context, weir_batch batch, uint32_t *keys) {
    (void)context;
    work_low_bits(keys, batch.events, batch.count, GRAPH_BRANCHES - 1);
}

/* ---- stages ----------------------------------------------------------------- */

/* `number` counts the stages of the side that is many, or of a pipe, from 0. */
static unsigned place_of_many(const struct field *field, unsigned number) {
    unsigned others = field->shape.workers - 1;
    return WEIR_WORKER(others == 0 ? 0 : 1 + number % others);
}

static unsigned place_in_pipe(const struct field *field, unsigned number) {
    unsigned last = field->shape.middles + 1;
    if (field->shape.halves) return WEIR_WORKER(number * field->shape.workers / (last + 1));
    if (field->shape.workers == 2) return WEIR_WORKER(number == last ? 1 : 0);
    return WEIR_WORKER(number % field->shape.workers);
}

static weir_ref start_source(struct field *field, unsigned number, unsigned worker, uint64_t first,
                             uint64_t events) {
    static const weir_partition_dispatcher_options by_keys = {.partitions = GRAPH_BRANCHES,
                                                              .hash_many = keys_of};
    static const weir_partition_dispatcher_options by_key = {.partitions = GRAPH_BRANCHES,
                                                             .hash = key_of};
    const struct graph_shape *shape = &field->shape;
    struct part_source source = {.events = events,
                                 .first = first,
                                 .event_bytes = shape->event_bytes,
                                 .singly = shape->singly,
                                 .worker = worker,
                                 .began = &field->began[number],
                                 .watch = shape->watch};
    if (shape->kind == GRAPH_BROADCAST) source.dispatcher = weir_broadcast_dispatcher();
    if (shape->kind == GRAPH_PARTITION) {
        source.dispatcher = weir_partition_dispatcher();
        source.dispatcher_options = shape->hash_each ? &by_key : &by_keys;
    }
    return part_start_source(field->runtime, &source);
}

static weir_subscribe_options window(const struct field *field) {
    return (weir_subscribe_options){.max_demand = field->shape.max_demand,
                                    .min_demand = field->shape.min_demand};
}

static weir_ref start_middle(struct field *field, unsigned number, weir_ref upstream) {
    const weir_subscribe_to to = {.producer = upstream, .options = window(field)};
    return part_start_middle(field->runtime, &to, field->shape.event_bytes,
                             place_in_pipe(field, number));
}

static weir_ref start_sink(struct field *field, unsigned number, unsigned worker) {
    struct part_sink sink = {.sum = &field->sums[number], .ended = &field->ended[number]};
    if (field->shape.warm > 0) sink.lap = &field->lap;
    return part_start_sink(field->runtime, &sink, worker);
}

static void subscribe(struct field *field, weir_ref sink, weir_ref source, unsigned number) {
    weir_subscribe_options options = window(field);
    if (field->shape.kind == GRAPH_PARTITION) options.partition = WEIR_PARTITION(number);
    part_must(weir_subscribe_wait(field->runtime, sink, source, &options, WEIR_FOREVER, NULL));
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
    part_must(weir_finish(field->runtime, sink)); /* the end of one source is not the end */
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

/* Each consumer's own share, where it is known which events are whose. */
static bool branches_are_right(const struct field *field, uint64_t events) {
    const struct graph_shape *shape = &field->shape;
    uint64_t words = events * shape->event_bytes / sizeof(uint64_t);
    for (uint64_t i = 0; i < GRAPH_BRANCHES; i++) {
        uint64_t sum = field->sums[i];
        if (shape->kind == GRAPH_BROADCAST && sum != work_expected(words)) return false;
        if (shape->kind == GRAPH_PARTITION && sum != work_expected_of_key(words, i)) return false;
    }
    return true;
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
    bool correct = sum == expected && branches_are_right(field, events) &&
                   weir_accounts_check(accounts) == NULL &&
                   accounts->handled == events * (copies + shape->middles);
    return (struct race_result){ended - began, correct};
}

static struct race_result run_field(struct field *field, uint64_t events) {
    const struct graph_shape shape = field->shape;
    weir_runtime_options options = {.workers = shape.workers, .idle = shape.idle};
    if (shape.allocator) options.allocator = *shape.allocator;
    part_must(weir_runtime_open(&options, &field->runtime));
    weir_ref sources[GRAPH_BRANCHES];
    unsigned count = build(field, events, sources);
    for (unsigned i = 0; i < count; i++) {
        part_must(weir_demand(field->runtime, sources[i], WEIR_FORWARD));
    }
    part_must(weir_runtime_run(field->runtime, WEIR_FOREVER));
    weir_accounts accounts;
    part_must(weir_runtime_close(field->runtime, &accounts));
    return judge(field, events, &accounts);
}

static struct race_result run_warm(struct field *field, uint64_t events) {
    sem_t done;
    sem_init(&done, 0, 0);
    field->lap = (struct part_lap){.left = field->shape.warm + events, .timed = events};
    field->lap.done = &done;
    struct race_result result = run_field(field, field->lap.left);
    result.nanoseconds = field->lap.ended - field->lap.began;
    sem_destroy(&done);
    return result;
}

struct race_result graph_run(struct graph_shape shape, uint64_t events) {
    struct field field = {.shape = shape};
    return shape.warm > 0 ? run_warm(&field, events) : run_field(&field, events);
}
