/*
 * Events that are gathered in batches of 500: see gather_graph.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gather_graph.h"

#include "parts.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 16, RUN = 100, ARRAYS = 64 };

struct field {
    struct gather_graph graph;
    weir_runtime *runtime;
    double began;
    double ended;
    uint64_t seen;
    unsigned char *arrays; /* by hand: ARRAYS of them, in turn; more than are on their way */
};

/* ---- the producer --------------------------------------------------------------- */

struct source {
    struct field *field;
    uint64_t next;
    uint64_t count;
};

/* Each has its number; the rest of it is as it was. */
static void write_numbers(const struct source *source, weir_room room) {
    const size_t bytes = source->field->graph.event_bytes;
    unsigned char *to = room.events;
    for (size_t i = 0; i < room.count; i++) {
        uint64_t number = source->next + i;
        memcpy(to + i * bytes, &number, sizeof number);
    }
}

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    struct source *source = weir_state(self);
    if (source->field->began == 0) source->field->began = race_clock_ns();
    while (demand > 0 && source->next < source->count) {
        uint64_t left = source->count - source->next;
        weir_room room = weir_reserve(self, (size_t)(demand < left ? demand : left));
        if (room.events == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        write_numbers(source, room);
        part_must(weir_commit(self, room.count));
        source->next += room.count;
        demand -= room.count;
    }
    return source->next == source->count ? WEIR_FINISH : WEIR_CONTINUE;
}

/* ---- by hand -------------------------------------------------------------------- */

struct crate {
    unsigned char *events;
    uint64_t count;
};

struct packer {
    struct field *field;
    unsigned array;
    uint64_t count;
};

static unsigned char *array_of(const struct packer *packer) {
    return packer->field->arrays +
           (size_t)packer->array * GATHER_SIZE * packer->field->graph.event_bytes;
}

static void send_crate(weir_stage *self, struct packer *packer) {
    const struct crate crate = {.events = array_of(packer), .count = packer->count};
    part_must(weir_emit(self, &crate, 1));
    packer->array = (packer->array + 1) % ARRAYS;
    packer->count = 0;
}

static weir_verdict pack(weir_stage *self, weir_batch batch) {
    struct packer *packer = weir_state(self);
    const size_t bytes = packer->field->graph.event_bytes;
    const unsigned char *from = batch.events;
    while (batch.count > 0) {
        size_t room = GATHER_SIZE - packer->count;
        size_t some = batch.count < room ? batch.count : room;
        memcpy(array_of(packer) + packer->count * bytes, from, some * bytes);
        packer->count += some;
        from += some * bytes;
        batch.count -= some;
        if (packer->count == GATHER_SIZE) send_crate(self, packer);
    }
    return WEIR_CONTINUE;
}

static weir_verdict pack_rest(weir_stage *self) {
    struct packer *packer = weir_state(self);
    if (packer->count > 0) send_crate(self, packer);
    return WEIR_CONTINUE;
}

/* ---- the batcher's events ------------------------------------------------------- */

static void drop_nothing(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)events, (void)count, (void)why;
}

static uint64_t in_turn(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % KEYS;
}

static uint64_t in_runs(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event / RUN % KEYS;
}

/* ---- the consumer --------------------------------------------------------------- */

struct sink {
    struct field *field;
    uint64_t seen;
};

static weir_verdict count_batches(weir_stage *self, weir_batch batch) {
    struct sink *sink = weir_state(self);
    const weir_gathered *batches = batch.events;
    for (size_t i = 0; i < batch.count; i++) sink->seen += batches[i].count;
    return WEIR_CONTINUE;
}

static weir_verdict count_crates(weir_stage *self, weir_batch batch) {
    struct sink *sink = weir_state(self);
    const struct crate *crates = batch.events;
    for (size_t i = 0; i < batch.count; i++) sink->seen += crates[i].count;
    return WEIR_CONTINUE;
}

static void note_end(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct sink *sink = weir_state(self);
    sink->field->seen = sink->seen;
    sink->field->ended = race_clock_ns();
}

/* ---- the graph ------------------------------------------------------------------ */

static weir_ref start_packer(struct field *field, const weir_subscribe_to *to) {
    const struct packer packer = {.field = field};
    const weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .event_bytes = sizeof(struct crate),
                                        .takes_bytes = field->graph.event_bytes,
                                        .state = &packer,
                                        .state_bytes = sizeof packer,
                                        .worker = WEIR_WORKER(0),
                                        .subscribe_to = to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = pack, .handle_end = pack_rest}};
    weir_ref ref;
    part_must(weir_stage_start(field->runtime, &options, &ref));
    return ref;
}

static weir_ref start_batcher(struct field *field, const weir_event_type *type,
                              const weir_subscribe_to *to) {
    enum gather_manner manner = field->graph.manner;
    const weir_batcher_options options = {.event_bytes = field->graph.event_bytes,
                                          .type = type,
                                          .size = GATHER_SIZE,
                                          .key = manner == GATHER_KEYS        ? in_turn
                                                 : manner == GATHER_KEYS_RUNS ? in_runs
                                                                              : NULL,
                                          .worker = WEIR_WORKER(0),
                                          .subscribe_to = to,
                                          .subscribe_count = 1};
    weir_ref ref;
    part_must(weir_batcher_start(field->runtime, &options, &ref));
    return ref;
}

static weir_ref build(struct field *field, const weir_event_type *type, uint64_t count) {
    const struct source source = {.field = field, .count = count};
    const weir_stage_options producer = {.kind = WEIR_PRODUCER,
                                         .event_bytes = field->graph.event_bytes,
                                         .type = type,
                                         .state = &source,
                                         .state_bytes = sizeof source,
                                         .demand = WEIR_ACCUMULATE,
                                         .worker = WEIR_WORKER(0),
                                         .on.handle_demand = produce};
    weir_subscribe_to to = {0};
    part_must(weir_stage_start(field->runtime, &producer, &to.producer));
    weir_ref first = to.producer;
    bool by_hand = field->graph.manner == GATHER_BY_HAND;
    to.producer = by_hand ? start_packer(field, &to) : start_batcher(field, type, &to);
    to.options.max_demand = ARRAYS / 2; /* batches */
    const struct sink sink = {.field = field};
    const weir_stage_options consumer = {
        .kind = WEIR_CONSUMER,
        .state = &sink,
        .state_bytes = sizeof sink,
        .worker = WEIR_WORKER(field->graph.workers - 1),
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = by_hand ? count_crates : count_batches, .terminate = note_end}};
    part_must(weir_stage_start(field->runtime, &consumer, NULL));
    return first;
}

struct race_result gather_graph_run(struct gather_graph graph, uint64_t count) {
    struct field field = {.graph = graph};
    const weir_event_type owned = {.bytes = graph.event_bytes, .drop = drop_nothing};
    const weir_runtime_options options = {.workers = graph.workers};
    field.arrays = calloc(ARRAYS, GATHER_SIZE * graph.event_bytes);
    part_must(weir_runtime_open(&options, &field.runtime));
    weir_ref source = build(&field, graph.manner == GATHER_OWNED ? &owned : NULL, count);
    part_must(weir_runtime_settle(field.runtime, WEIR_FOREVER));
    part_must(weir_demand(field.runtime, source, WEIR_FORWARD));
    part_must(weir_runtime_run(field.runtime, WEIR_FOREVER));
    weir_accounts accounts;
    part_must(weir_runtime_close(field.runtime, &accounts));
    free(field.arrays);
    bool correct = field.seen == count && accounts.discarded == 0 &&
                   weir_accounts_check(&accounts) == NULL &&
                   accounts.accepted + accounts.copied == accounts.taken + accounts.dropped;
    return (struct race_result){field.ended - field.began, correct};
}
