/*
 * How late a batcher's batches go: see gather_late.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An inlet that this thread pushes into every 50 us, for one of 300 keys each; a batcher with a
 * timeout of 10 ms, whose batches are never full; and neighbours: a producer and a consumer that
 * always have something to do, on a worker.
 */
#include "gather_late.h"

#include "parts.h"
#include "race.h"

#include <stdlib.h>
#include <time.h>

enum { KEYS = 300, TIMEOUT_NS = 10000000, RUN_NS = 1000000000, PAUSE_NS = 50000, BATCHES = 65536 };

static struct {
    weir_runtime *runtime;
    struct gather_late late;
    uint64_t lateness[BATCHES];
    uint64_t count;
    uint64_t seen;
} field;

/* ---- the neighbour -------------------------------------------------------------- */

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    weir_room room = weir_reserve(self, (size_t)demand);
    if (room.events == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    part_must(weir_commit(self, room.count));
    if (room.count < demand) part_must(weir_demand_rest(self, demand - room.count));
    return WEIR_CONTINUE;
}

static weir_verdict spin(weir_stage *self, weir_batch batch) {
    (void)self;
    double until = race_clock_ns() + (double)(field.late.callback_ns * batch.count /
                                              (field.late.batch > 0 ? field.late.batch : 1));
    while (race_clock_ns() < until) {}
    return WEIR_CONTINUE;
}

static void start_neighbour(unsigned worker) {
    weir_ref producer;
    const weir_stage_options first = {.kind = WEIR_PRODUCER,
                                      .event_bytes = sizeof(uint64_t),
                                      .worker = WEIR_WORKER(worker),
                                      .on.handle_demand = produce};
    part_must(weir_stage_start(field.runtime, &first, &producer));
    const size_t most = 2 * (size_t)field.late.batch;
    const weir_subscribe_to to = {.producer = producer,
                                  .options = {.max_demand = most, .min_demand = most - 1}};
    const weir_stage_options second = {.kind = WEIR_CONSUMER,
                                       .worker = WEIR_WORKER(worker),
                                       .subscribe_to = &to,
                                       .subscribe_count = 1,
                                       .on.handle_events = spin};
    part_must(weir_stage_start(field.runtime, &second, NULL));
}

/* ---- the batcher ---------------------------------------------------------------- */

static uint64_t key_of(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % KEYS;
}

static weir_verdict note(weir_stage *self, weir_batch batch) {
    (void)self;
    const weir_gathered *batches = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        field.seen += batches[i].count;
        if (batches[i].trigger == WEIR_BY_TIME && field.count < BATCHES) {
            uint64_t open = batches[i].closed_ns - batches[i].began_ns;
            field.lateness[field.count++] = open - TIMEOUT_NS;
        }
    }
    return WEIR_CONTINUE;
}

static unsigned home_of_batcher(void) {
    return field.late.home == GATHER_TIMELY ? WEIR_TIMELY_WORKER
                                            : WEIR_WORKER(field.late.home == GATHER_ON_ANOTHER);
}

static void start_batcher(weir_subscribe_to to) {
    weir_subscribe_to batches = {0};
    const weir_batcher_options batcher = {.event_bytes = sizeof(uint64_t),
                                          .size = 1000000,
                                          .timeout_ns = TIMEOUT_NS,
                                          .key = key_of,
                                          .worker = home_of_batcher(),
                                          .subscribe_to = &to,
                                          .subscribe_count = 1};
    part_must(weir_batcher_start(field.runtime, &batcher, &batches.producer));
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .worker = WEIR_WORKER(1),
                                     .subscribe_to = &batches,
                                     .subscribe_count = 1,
                                     .on.handle_events = note};
    part_must(weir_stage_start(field.runtime, &sink, NULL));
}

/* ---- the run -------------------------------------------------------------------- */

static int by_value(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static uint64_t push_for_a_while(weir_inlet *inlet) {
    const long pause_ns = field.late.pause_us > 0 ? 1000L * field.late.pause_us : PAUSE_NS;
    uint64_t number = 0;
    double until = race_clock_ns() + RUN_NS;
    while (race_clock_ns() < until) {
        part_must(weir_inlet_push(inlet, &number, 1, WEIR_FOREVER));
        number++;
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
    }
    return number;
}

struct gather_lateness gather_late_run(struct gather_late late) {
    field.late = late;
    field.count = field.seen = 0;
    weir_subscribe_to to = {0};
    weir_inlet *inlet;
    part_must(weir_runtime_open(&(weir_runtime_options){.workers = 2}, &field.runtime));
    const weir_inlet_options options = {
        .event_bytes = sizeof(uint64_t), .when_full = WEIR_BLOCK, .worker = home_of_batcher()};
    part_must(weir_inlet_open(field.runtime, &options, &inlet, &to.producer));
    start_batcher(to);
    for (unsigned i = 0; i < late.neighbours; i++) start_neighbour(i);
    uint64_t pushed = push_for_a_while(inlet);
    part_must(weir_runtime_drain(field.runtime, WEIR_FOREVER, NULL));
    weir_inlet_close(inlet);
    part_must(weir_runtime_close(field.runtime, NULL));
    qsort(field.lateness, field.count, sizeof *field.lateness, by_value);
    uint64_t last = field.count > 0 ? field.count - 1 : 0;
    return (struct gather_lateness){.batches = field.count,
                                    .p50_us = (double)field.lateness[last / 2] / 1e3,
                                    .p99_us = (double)field.lateness[last * 99 / 100] / 1e3,
                                    .most_us = (double)field.lateness[last] / 1e3,
                                    .correct = field.seen == pushed};
}
