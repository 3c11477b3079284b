/*
 * A pipe of weir stages: see weir_pipe.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir_pipe.h"

#include "work.h"

#include <stdio.h>
#include <weir/weir.h>

struct source {
    uint64_t words_left;
    uint64_t next;
    uint64_t words_per_event;
    double *began;
};

static weir_verdict fill(weir_stage *self, uint64_t demand) {
    struct source *source = weir_state(self);
    if (source->next == 1) {
        *source->began = race_clock_ns();
    }
    uint64_t left = source->words_left / source->words_per_event;
    while (demand > 0 && left > 0) {
        size_t room;
        uint64_t *to = weir_reserve(self, (size_t)(demand < left ? demand : left), &room);
        size_t words = room * source->words_per_event;
        work_fill(to, words, source->next);
        weir_commit(self, room);
        source->next += words;
        source->words_left -= words;
        demand -= room;
        left -= room;
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass(weir_stage *self, weir_batch *batch) {
    return weir_forward(self, batch);
}

struct sink {
    uint64_t words_left;
    uint64_t *sum;
    double *ended;
};

static weir_verdict add(weir_stage *self, weir_batch *batch) {
    struct sink *sink = weir_state(self);
    size_t words = batch->count * batch->event_bytes / sizeof(uint64_t);
    *sink->sum += work_sum(batch->events, words);
    sink->words_left -= words;
    if (sink->words_left == 0) {
        *sink->ended = race_clock_ns();
        weir_runtime_stop(weir_stage_runtime(self), WEIR_REASON_NORMAL);
    }
    return WEIR_CONTINUE;
}

static unsigned place(struct pipe_shape shape, unsigned stage) {
    return WEIR_WORKER(shape.workers == 1 || stage + 1 < shape.stages ? 0 : 1);
}

static weir_ref start_middle(weir_runtime *runtime, struct pipe_shape shape, weir_ref upstream,
                             weir_subscribe_options window) {
    weir_ref middle;
    const weir_subscribe_to to = {.producer = upstream, .options = window};
    weir_stage_start(runtime,
                     &(weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                           .event_bytes = shape.event_bytes,
                                           .worker = place(shape, 1),
                                           .subscribe_to = &to,
                                           .subscribe_count = 1,
                                           .on = {.handle_events = pass}},
                     &middle);
    return middle;
}

struct race_result pipe_run(struct pipe_shape shape, uint64_t events) {
    uint64_t words = events * shape.event_bytes / sizeof(uint64_t);
    double began = 0;
    double ended = 0;
    uint64_t sum = 0;
    weir_runtime *runtime;
    if (weir_runtime_open(&(weir_runtime_options){.workers = shape.workers, .idle = shape.idle},
                          &runtime) != WEIR_OK) {
        fprintf(stderr, "%s\n", weir_refusal());
        return (struct race_result){0, false};
    }
    const struct source source = {words, 1, shape.event_bytes / sizeof(uint64_t), &began};
    const struct sink sink = {words, &sum, &ended};
    const weir_subscribe_options window = {.max_demand = shape.max_demand,
                                           .min_demand = shape.min_demand};
    weir_ref last;
    weir_stage_start(runtime,
                     &(weir_stage_options){.kind = WEIR_PRODUCER,
                                           .event_bytes = shape.event_bytes,
                                           .state_bytes = sizeof source,
                                           .state = &source,
                                           .worker = place(shape, 0),
                                           .on = {.handle_demand = fill}},
                     &last);
    if (shape.stages == 3) {
        last = start_middle(runtime, shape, last, window);
    }
    const weir_subscribe_to to = {.producer = last, .options = window};
    weir_stage_start(runtime,
                     &(weir_stage_options){.kind = WEIR_CONSUMER,
                                           .state_bytes = sizeof sink,
                                           .state = &sink,
                                           .worker = place(shape, shape.stages - 1),
                                           .subscribe_to = &to,
                                           .subscribe_count = 1,
                                           .on = {.handle_events = add}},
                     NULL);
    weir_runtime_run(runtime, WEIR_FOREVER);
    weir_accounts accounts;
    weir_runtime_close(runtime, &accounts);
    bool correct = sum == work_expected(words) && weir_accounts_check(&accounts) == NULL &&
                   accounts.handled == events * (shape.stages - 1);
    return (struct race_result){ended - began, correct};
}
