/*
 * Parts: the stages of which the benchmarks' graphs are made: see parts.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts.h"

#include "race.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>

struct source {
    uint64_t words_left;
    uint64_t next;
    uint64_t words_per_event;
    bool singly;
    uint64_t left_when_told; /* events; UINT64_MAX: it was told, or nobody watches */
    bool stays;
    double *began;
    const struct part_watch *watch;
};

struct sink {
    struct part_sink part;
    uint64_t sum;
};

void part_must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "parts: %s: %s\n", weir_status_text(status), weir_refusal());
    exit(EXIT_FAILURE);
}

weir_verdict part_no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

weir_verdict part_no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

void part_no_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level, (void)text;
}

/* ---- sources ---------------------------------------------------------------- */

static void tell_watch(struct source *source, uint64_t left) {
    const struct part_watch *watch = source->watch;
    if (left <= source->left_when_told && source->left_when_told != UINT64_MAX) {
        source->left_when_told = UINT64_MAX;
        watch->tell(watch->context, false);
    }
    if (left == 0) watch->tell(watch->context, true);
}

/* As a program does that makes one event after the other. */
static uint64_t emit_singly(weir_stage *self, struct source *source, uint64_t want) {
    for (uint64_t i = 0; i < want; i++) {
        uint64_t event = source->next + i;
        if (weir_emit(self, &event, 1) != WEIR_OK) return 0;
    }
    source->next += want;
    source->words_left -= want;
    return want;
}

/* Emits `want` events, or fewer.  Returns how many: 0 when there is no memory. */
static uint64_t fill_some(weir_stage *self, struct source *source, uint64_t want) {
    if (source->singly) return emit_singly(self, source, want);
    weir_room room = weir_reserve(self, (size_t)want);
    uint64_t *to = room.events;
    if (to == NULL) return 0;
    uint64_t words = room.count * source->words_per_event;
    work_fill(to, (size_t)words, source->next);
    weir_commit(self, room.count);
    source->next += words;
    source->words_left -= words;
    return room.count;
}

static weir_verdict fill(weir_stage *self, uint64_t demand) {
    struct source *source = weir_state(self);
    if (source->began && *source->began == 0) *source->began = race_clock_ns();
    uint64_t left = source->words_left / source->words_per_event;
    while (demand > 0 && left > 0) {
        uint64_t filled = fill_some(self, source, demand < left ? demand : left);
        if (filled == 0) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        demand -= filled;
        left -= filled;
    }
    if (source->watch) tell_watch(source, left);
    if (left == 0 && !source->stays) {
        part_must(weir_finish(weir_stage_runtime(self), weir_self(self)));
    }
    return WEIR_CONTINUE;
}

weir_ref part_start_source(weir_runtime *runtime, const struct part_source *part) {
    uint64_t words = part->event_bytes / sizeof(uint64_t);
    uint64_t untold = UINT64_MAX;
    if (part->watch) untold = part->events - part->watch->after;
    const struct source source = {part->events * words,
                                  part->first * words + 1,
                                  words,
                                  part->singly,
                                  untold,
                                  part->stays,
                                  part->began,
                                  part->watch};
    weir_ref source_ref;
    part_must(weir_stage_start(runtime,
                               &(weir_stage_options){.kind = WEIR_PRODUCER,
                                                     .event_bytes = part->event_bytes,
                                                     .state_bytes = sizeof source,
                                                     .state = &source,
                                                     .worker = part->worker,
                                                     .demand = WEIR_ACCUMULATE,
                                                     .dispatcher = part->dispatcher,
                                                     .dispatcher_options = part->dispatcher_options,
                                                     .on = {.handle_demand = fill}},
                               &source_ref));
    return source_ref;
}

/* ---- middles ---------------------------------------------------------------- */

static weir_verdict twice(weir_stage *self, weir_batch batch) {
    uint64_t *words = weir_own(self);
    if (words == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    work_double(words, batch.count * weir_batch_event_bytes(self) / sizeof *words);
    return weir_forward(self);
}

weir_ref part_start_middle(weir_runtime *runtime, const weir_subscribe_to *upstream,
                           size_t event_bytes, unsigned worker) {
    weir_ref middle;
    part_must(weir_stage_start(runtime,
                               &(weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                     .event_bytes = event_bytes,
                                                     .worker = worker,
                                                     .subscribe_to = upstream,
                                                     .subscribe_count = 1,
                                                     .on = {.handle_events = twice}},
                               &middle));
    part_must(weir_finish(runtime, middle));
    return middle;
}

/* ---- sinks ------------------------------------------------------------------ */

static void go_on(struct part_lap *lap, uint64_t count) {
    bool warm = lap->left <= lap->timed;
    lap->left -= count;
    if (!warm && lap->left <= lap->timed) lap->began = race_clock_ns();
    if (lap->left > 0) return;
    lap->ended = race_clock_ns();
    sem_post(lap->done);
}

static weir_verdict add(weir_stage *self, weir_batch batch) {
    struct sink *sink = weir_state(self);
    sink->sum +=
        work_sum(batch.events, batch.count * weir_batch_event_bytes(self) / sizeof(uint64_t));
    if (sink->part.lap) go_on(sink->part.lap, batch.count);
    return WEIR_CONTINUE;
}

static void note_end(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct sink *sink = weir_state(self);
    *sink->part.sum = sink->sum;
    if (sink->part.ended) *sink->part.ended = race_clock_ns();
    if (sink->part.stopped) sem_post(sink->part.stopped);
}

weir_ref part_start_sink(weir_runtime *runtime, const struct part_sink *part, unsigned worker) {
    const struct sink sink = {*part, 0};
    weir_ref sink_ref;
    part_must(
        weir_stage_start(runtime,
                         &(weir_stage_options){.kind = WEIR_CONSUMER,
                                               .state_bytes = sizeof sink,
                                               .state = &sink,
                                               .worker = worker,
                                               .on = {.handle_events = add, .terminate = note_end}},
                         &sink_ref));
    return sink_ref;
}

void part_wait(sem_t *posted) {
    while (sem_wait(posted) != 0) {} /* a signal may have come between */
}

/* ---- idle pairs ------------------------------------------------------------- */

static weir_verdict never(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_STOP;
}

void part_start_idle(weir_runtime *runtime, unsigned pairs) {
    const struct part_source idle = {.event_bytes = sizeof(uint64_t), .stays = true};
    for (unsigned i = 0; i < pairs; i++) {
        const weir_subscribe_to to = {.producer = part_start_source(runtime, &idle)};
        part_must(weir_demand(runtime, to.producer, WEIR_FORWARD));
        part_must(weir_stage_start(runtime,
                                   &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                         .subscribe_to = &to,
                                                         .subscribe_count = 1,
                                                         .on = {.handle_events = never}},
                                   NULL));
    }
}
