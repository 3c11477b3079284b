/*
 * Pipes of two side by side: see pipes.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipes.h"

#include "parts.h"
#include "work.h"

#include <stdlib.h>

struct pipe {
    weir_ref source;
    double began;
    double ended;
    uint64_t sum;
};

struct field {
    struct pipes_shape shape;
    weir_runtime *runtime;
    sem_t stopped; /* posted by each sink */
    struct pipe *pipes;
};

static uint64_t share_of(const struct field *field, unsigned number, uint64_t events) {
    unsigned pipes = field->shape.pipes;
    return events / pipes + (number < events % pipes);
}

static unsigned place(const struct field *field, unsigned stage) {
    return WEIR_WORKER(stage % field->shape.workers);
}

static void build(struct field *field, uint64_t events) {
    const weir_subscribe_options window = {.max_demand = field->shape.max_demand};
    uint64_t first = 0;
    for (unsigned i = 0; i < field->shape.pipes; i++) {
        struct pipe *pipe = &field->pipes[i];
        const struct part_source source = {.events = share_of(field, i, events),
                                           .first = first,
                                           .event_bytes = sizeof(uint64_t),
                                           .worker = place(field, 2 * i),
                                           .began = &pipe->began};
        const struct part_sink sink = {
            .sum = &pipe->sum, .ended = &pipe->ended, .stopped = &field->stopped};
        pipe->source = part_start_source(field->runtime, &source);
        weir_ref end = part_start_sink(field->runtime, &sink, place(field, 2 * i + 1));
        part_must(weir_subscribe(field->runtime, end, pipe->source, &window, NULL));
        first += source.events;
    }
}

static void run(const struct field *field, sem_t *stopped) {
    unsigned pipes = field->shape.pipes;
    for (unsigned i = 0; i < pipes; i++) {
        part_must(weir_demand(field->runtime, field->pipes[i].source, WEIR_FORWARD));
    }
    for (unsigned i = 0; i < pipes; i++) part_wait(stopped);
}

static struct race_result judge(const struct field *field, uint64_t events,
                                const weir_accounts *accounts) {
    double began = field->pipes[0].began;
    double ended = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < field->shape.pipes; i++) {
        const struct pipe *pipe = &field->pipes[i];
        if (pipe->began < began) began = pipe->began;
        if (pipe->ended > ended) ended = pipe->ended;
        sum += pipe->sum;
    }
    bool correct = sum == work_expected(events) && accounts->handled == events &&
                   weir_accounts_check(accounts) == NULL;
    return (struct race_result){ended - began, correct};
}

struct race_result pipes_run(struct pipes_shape shape, uint64_t events) {
    struct field field = {.shape = shape, .pipes = calloc(shape.pipes, sizeof *field.pipes)};
    if (field.pipes == NULL || sem_init(&field.stopped, 0, 0) != 0) abort();
    part_must(weir_runtime_open(&(weir_runtime_options){.workers = shape.workers}, &field.runtime));
    part_start_idle(field.runtime, shape.idle_pairs);
    build(&field, events);
    part_must(weir_runtime_settle(field.runtime, WEIR_FOREVER));
    run(&field, &field.stopped);
    weir_accounts accounts;
    part_must(weir_runtime_close(field.runtime, &accounts));
    struct race_result result = judge(&field, events, &accounts);
    sem_destroy(&field.stopped);
    free(field.pipes);
    return result;
}
