/*
 * README's counter and multiplier, and a consumer that adds up: see readme_loops.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "readme_loops.h"

#include "parts.h"

#include <stdlib.h>

/* ---- as README writes them -------------------------------------------------- */

static weir_verdict count(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    while (demand > 0) {
        weir_room room = weir_reserve(self, demand);
        uint64_t *out = room.events;
        if (out == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        for (size_t i = 0; i < room.count; i++) out[i] = *next + i;
        *next += room.count;
        weir_commit(self, room.count);
        demand -= room.count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict multiply(weir_stage *self, weir_batch batch) {
    const uint64_t bits = *(const uint64_t *)weir_state(self);
    uint64_t *event = weir_own(self); /* in place; copied only if shared */
    if (event == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) event[i] <<= bits; /* times 2^bits */
    return weir_forward(self);
}

/* ---- with locals ------------------------------------------------------------ */

static void fill(uint64_t *restrict out, size_t count, uint64_t first) {
    for (size_t i = 0; i < count; i++) out[i] = first + i;
}

static void scale(uint64_t *restrict event, size_t count, uint64_t bits) {
    for (size_t i = 0; i < count; i++) event[i] <<= bits;
}

static weir_verdict count_by_hand(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    while (demand > 0) {
        const weir_room room = weir_reserve(self, demand);
        const uint64_t first = *next;
        if (room.events == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        fill(room.events, room.count, first);
        *next = first + room.count;
        weir_commit(self, room.count);
        demand -= room.count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict multiply_by_hand(weir_stage *self, weir_batch batch) {
    const uint64_t bits = *(const uint64_t *)weir_state(self);
    uint64_t *event = weir_own(self);
    if (event == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    scale(event, batch.count, bits);
    return weir_forward(self);
}

/* ---- the consumer ----------------------------------------------------------- */

struct total {
    uint64_t wanted; /* events; 0: it has had them */
    uint64_t seen;
    uint64_t sum;
    double ended;
    sem_t done;
};

static weir_verdict add(weir_stage *self, weir_batch batch) {
    struct total *total = *(struct total **)weir_state(self);
    const uint64_t *event = batch.events;
    uint64_t sum = 0;
    if (total->wanted == 0) return WEIR_CONTINUE;
    for (size_t i = 0; i < batch.count; i++) sum += event[i];
    total->sum += sum;
    total->seen += batch.count;
    if (total->seen >= total->wanted) {
        total->ended = race_clock_ns();
        total->wanted = 0;
        sem_post(&total->done);
    }
    return WEIR_CONTINUE;
}

/* ---- the pipeline ----------------------------------------------------------- */

struct pipeline {
    struct readme_shape shape;
    weir_runtime *runtime;
    unsigned stages;
};

/* The next stage: subscribed to the one before, unless that is none. */
static weir_ref start(struct pipeline *pipeline, weir_stage_options stage, weir_ref from) {
    const weir_subscribe_to to = {.producer = from,
                                  .options = {.max_demand = pipeline->shape.max_demand,
                                              .min_demand = pipeline->shape.min_demand}};
    weir_ref ref;
    stage.worker = WEIR_WORKER(pipeline->stages++ % pipeline->shape.workers);
    stage.subscribe_to = from.bits != 0 ? &to : NULL;
    stage.subscribe_count = from.bits != 0;
    part_must(weir_stage_start(pipeline->runtime, &stage, &ref));
    return ref;
}

static weir_ref build(struct pipeline *pipeline, struct total *total) {
    bool by_hand = pipeline->shape.by_hand;
    const weir_stage_options counter = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .demand = WEIR_ACCUMULATE,
        .on.handle_demand = by_hand ? count_by_hand : count,
    };
    const weir_stage_options multiplier = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .event_bytes = sizeof(uint64_t),
        .state = &(uint64_t){1},
        .state_bytes = sizeof(uint64_t),
        .on.handle_events = by_hand ? multiply_by_hand : multiply,
    };
    const weir_stage_options adder = {
        .kind = WEIR_CONSUMER,
        .state = &total,
        .state_bytes = sizeof total,
        .on.handle_events = add,
    };
    weir_ref first = start(pipeline, counter, (weir_ref){0});
    start(pipeline, adder, start(pipeline, multiplier, first));
    return first;
}

/* That events were under way when it was stopped is no news. */
static void say_nothing(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level, (void)text;
}

struct race_result readme_run(struct readme_shape shape, uint64_t events) {
    struct pipeline pipeline = {.shape = shape};
    struct total total = {.wanted = events};
    weir_accounts accounts;
    if (sem_init(&total.done, 0, 0) != 0) abort();
    const weir_runtime_options options = {.workers = shape.workers, .log = say_nothing};
    part_must(weir_runtime_open(&options, &pipeline.runtime));
    weir_ref counter = build(&pipeline, &total);
    part_must(weir_runtime_settle(pipeline.runtime, WEIR_FOREVER));
    double began = race_clock_ns();
    part_must(weir_demand(pipeline.runtime, counter, WEIR_FORWARD));
    part_wait(&total.done);
    part_must(weir_runtime_stop(pipeline.runtime, WEIR_REASON_SHUTDOWN));
    part_must(weir_runtime_close(pipeline.runtime, &accounts));
    sem_destroy(&total.done);
    bool correct = total.sum == total.seen * (total.seen - 1) && /* twice 0, 1, 2 ... */
                   weir_accounts_check(&accounts) == NULL;
    double nanoseconds = (total.ended - began) * (double)events / (double)total.seen;
    return (struct race_result){nanoseconds, correct};
}
