/*
 * Messages of any length from one weir stage to another: see payload_graph.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "payload_graph.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 64, ROOM_EVENTS = 1024, CHUNK_BYTES = 16384, CHUNKS_MAX = 8 };

struct field {
    struct payload_graph graph;
    weir_runtime *runtime;
    double began;
    double ended;
    uint64_t sum;
};

/* ---- the producer: each returns how many messages it has emitted; 0: no memory ---- */

struct source {
    struct field *field;
    uint64_t next;
    uint64_t count;
    bool told; /* the watch, that it is warm */
};

static weir_bytes span_of(const struct source *source, uint64_t number) {
    const struct message *message = messages_at(source->field->graph.messages, number);
    return (weir_bytes){.at = message->from, .count = message->bytes};
}

static uint64_t emit_one(weir_stage *self, const struct source *source, uint64_t want) {
    (void)want;
    const weir_bytes event = span_of(source, source->next);
    return weir_emit(self, &event, 1) == WEIR_OK;
}

static uint64_t emit_many(weir_stage *self, const struct source *source, uint64_t want) {
    weir_bytes events[MANY];
    size_t count = want < MANY ? (size_t)want : MANY;
    for (size_t i = 0; i < count; i++) events[i] = span_of(source, source->next + i);
    return weir_emit(self, events, count) == WEIR_OK ? count : 0;
}

/* Into the rest of the block, until the next message may not fit. */
static uint64_t emit_bytes(weir_stage *self, const struct source *source, uint64_t want) {
    weir_bytes events[ROOM_EVENTS];
    weir_room room = weir_reserve_bytes(self, MESSAGES_MOST);
    if (room.events == NULL) return 0;
    char *to = room.events;
    char *end = to + room.count;
    size_t count = 0;
    while (count < want && count < ROOM_EVENTS && end - to >= MESSAGES_MOST) {
        weir_bytes message = span_of(source, source->next + count);
        memcpy(to, message.at, message.count);
        message.at = to;
        to += message.count;
        events[count++] = message;
    }
    size_t used = (size_t)(to - (char *)room.events);
    return weir_commit_bytes(self, used, events, count) == WEIR_OK ? count : 0;
}

/* One event: messages that each have their length before them. */
static uint64_t emit_chunk(weir_stage *self, const struct source *source, uint64_t want) {
    (void)want; /* in chunks */
    weir_room room = weir_reserve_bytes(self, CHUNK_BYTES);
    if (room.events == NULL) return 0;
    char *to = room.events;
    uint64_t next = source->next;
    size_t used = 0;
    for (; next < source->count; next++) {
        weir_bytes message = span_of(source, next);
        if (CHUNK_BYTES - used < sizeof message.count + message.count) break;
        memcpy(to + used, &message.count, sizeof message.count);
        memcpy(to + used + sizeof message.count, message.at, message.count);
        used += sizeof message.count + message.count;
    }
    const weir_bytes chunk = {.at = to, .count = (uint32_t)used};
    return weir_commit_bytes(self, used, &chunk, 1) == WEIR_OK ? next - source->next : 0;
}

static uint64_t emit_malloc(weir_stage *self, const struct source *source, uint64_t want) {
    (void)want;
    weir_bytes event = span_of(source, source->next);
    char *text = malloc(event.count);
    if (text == NULL) return 0;
    memcpy(text, event.at, event.count);
    event.at = text;
    return weir_emit(self, &event, 1) == WEIR_OK;
}

static void free_each(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)why;
    const weir_bytes *event = events;
    for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)event[i].at);
}

static const weir_event_type spans = {.bytes = sizeof(weir_bytes), .spans = 1};
static const weir_event_type mallocs = {.bytes = sizeof(weir_bytes), .drop = free_each};

static void tell_watch(struct source *source) {
    const struct part_watch *watch = source->field->graph.watch;
    if (watch == NULL) return;
    if (!source->told && source->next >= watch->after) {
        source->told = true;
        watch->tell(watch->context, false);
    }
    if (source->next == source->count) watch->tell(watch->context, true);
}

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    static uint64_t (*const emit[PAYLOAD_MANNERS])(weir_stage *, const struct source *,
                                                   uint64_t) = {emit_one, emit_many, emit_bytes,
                                                                emit_chunk, emit_malloc};
    struct source *source = weir_state(self);
    enum payload_manner manner = source->field->graph.manner;
    if (source->field->began == 0) source->field->began = race_clock_ns();
    while (demand > 0 && source->next < source->count) {
        uint64_t left = source->count - source->next;
        uint64_t emitted = emit[manner](self, source, demand < left ? demand : left);
        if (emitted == 0) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        source->next += emitted;
        demand -= manner == PAYLOAD_SLICES ? 1 : emitted;
    }
    tell_watch(source);
    if (source->next == source->count) {
        part_must(weir_finish(weir_stage_runtime(self), weir_self(self)));
    }
    return WEIR_CONTINUE;
}

/* ---- the stage between: chunks become messages --------------------------------- */

static weir_status cut(weir_stage *self, const weir_bytes *chunk) {
    weir_bytes events[ROOM_EVENTS];
    size_t count = 0;
    weir_bytes message = {0};
    for (size_t at = 0; at < chunk->count; at += message.count) {
        memcpy(&message.count, chunk->at + at, sizeof message.count);
        at += sizeof message.count;
        message.at = chunk->at + at;
        events[count++] = message;
    }
    return weir_emit_slices(self, events, count);
}

static weir_verdict cut_all(weir_stage *self, weir_batch batch) {
    const weir_bytes *chunk = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (cut(self, &chunk[i]) != WEIR_OK) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    return WEIR_CONTINUE;
}

/* ---- the consumer -------------------------------------------------------------- */

struct sink {
    struct field *field;
    uint64_t sum;
};

static weir_verdict add(weir_stage *self, weir_batch batch) {
    struct sink *sink = weir_state(self);
    const weir_bytes *message = batch.events;
    uint64_t sum = 0;
    for (size_t i = 0; i < batch.count; i++) sum += messages_add(message[i].at, message[i].count);
    sink->sum += sum;
    return WEIR_CONTINUE;
}

static void note_end(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct sink *sink = weir_state(self);
    sink->field->sum = sink->sum;
    sink->field->ended = race_clock_ns();
}

/* ---- the graph ----------------------------------------------------------------- */

/* Where a window is asked for, it says how much is under way, as of the frames by hand. */
static weir_ref start(const struct field *field, weir_stage_options stage, weir_ref from,
                      size_t max_demand) {
    const weir_subscribe_to to = {
        .producer = from,
        .options = {.max_demand = max_demand, .max_bytes = max_demand > 0 ? WEIR_INFINITY : 0}};
    weir_ref ref;
    stage.subscribe_to = from.bits != 0 ? &to : NULL;
    stage.subscribe_count = from.bits != 0;
    part_must(weir_stage_start(field->runtime, &stage, &ref));
    return ref;
}

static weir_ref build(struct field *field, uint64_t count) {
    const struct payload_graph *graph = &field->graph;
    bool cuts = graph->manner == PAYLOAD_SLICES;
    const struct source source = {.field = field, .count = count};
    const struct sink sink = {.field = field};
    const weir_stage_options producer = {
        .kind = WEIR_PRODUCER,
        .type = graph->manner == PAYLOAD_MALLOC ? &mallocs : &spans,
        .state = &source,
        .state_bytes = sizeof source,
        .demand = WEIR_ACCUMULATE,
        .worker = WEIR_WORKER(0),
        .on.handle_demand = produce,
    };
    const weir_stage_options cutter = {.kind = WEIR_PRODUCER_CONSUMER,
                                       .type = &spans,
                                       .worker = WEIR_WORKER(0),
                                       .on.handle_events = cut_all};
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .state = &sink,
                                         .state_bytes = sizeof sink,
                                         .worker = WEIR_WORKER(graph->workers - 1),
                                         .on = {.handle_events = add, .terminate = note_end}};
    weir_ref first = start(field, producer, (weir_ref){0}, 0);
    weir_ref last = first;
    if (cuts) {
        last = start(field, cutter, first, CHUNKS_MAX);
        part_must(weir_finish(field->runtime, last));
    }
    start(field, consumer, last, graph->max_demand);
    return first;
}

struct race_result payload_graph_run(struct payload_graph graph, uint64_t count) {
    struct field field = {.graph = graph};
    weir_runtime_options options = {.workers = graph.workers};
    if (graph.allocator) options.allocator = *graph.allocator;
    part_must(weir_runtime_open(&options, &field.runtime));
    weir_ref source = build(&field, count);
    part_must(weir_runtime_settle(field.runtime, WEIR_FOREVER));
    part_must(weir_demand(field.runtime, source, WEIR_FORWARD));
    part_must(weir_runtime_run(field.runtime, WEIR_FOREVER));
    weir_accounts accounts;
    part_must(weir_runtime_close(field.runtime, &accounts));
    bool correct = field.sum == messages_expected(graph.messages, count) &&
                   accounts.handled >= count && weir_accounts_check(&accounts) == NULL;
    return (struct race_result){field.ended - field.began, correct};
}
