/*
 * Outputs: what does it cost to send some events another way?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Question.  A stage sends each third event elsewhere.  What is an event's price by weir_emit_to
 * and weir_forward_to, beside a stage with one way out, and beside an inlet that it pushes into, as
 * one would do it by hand?
 *
 * Prediction.  Emitting costs what it costs to output 0, and some nanoseconds a batch; an inlet
 * costs a chunk of memory and a lock-free push for each event, some tens of nanoseconds.
 *
 * One worker; the median of REPETITIONS runs of EVENTS events, in ns an event that the stage takes.
 */
#include "race.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

enum { REPETITIONS = 5, EVENTS = 6000000 };

enum way { ONE_WAY, EMITTED, FORWARDED, PUSHED, WAYS };

static struct {
    enum way way;
    uint64_t made;
    uint64_t taken[2];
    weir_inlet *inlet;
} run;

static void must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "outputs: %s\n", weir_refusal());
    exit(EXIT_FAILURE);
}

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    while (demand > 0 && run.made < EVENTS) {
        weir_room room = weir_reserve(self, demand);
        uint64_t *out = room.events;
        for (size_t i = 0; i < room.count; i++) out[i] = run.made + i;
        run.made += room.count;
        must(weir_commit(self, room.count));
        demand -= room.count;
    }
    return run.made < EVENTS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict part_ways(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (events[i] % 3 != 0 || run.way == ONE_WAY) {
            must(weir_emit(self, &events[i], 1));
        } else if (run.way == EMITTED) {
            must(weir_emit_to(self, 1, &events[i], 1));
        } else if (run.way == FORWARDED) {
            must(weir_forward_to(self, 1, i, 1));
        } else {
            must(weir_inlet_push(run.inlet, &events[i], 1, 0));
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    run.taken[*(const uint64_t *)weir_state(self)] += batch.count;
    return WEIR_CONTINUE;
}

static void start_taker(weir_runtime *runtime, uint64_t number, weir_ref producer) {
    const weir_subscribe_to to = {.producer = producer};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .state = &number,
                                        .state_bytes = sizeof number,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = take};
    must(weir_stage_start(runtime, &options, NULL));
}

static double once(enum way way) {
    weir_runtime *runtime;
    weir_ref source, parts, other = {0};
    const weir_output_options output = {.name = "other", .buffer_size = WEIR_INFINITY};
    run.way = way;
    run.made = run.taken[0] = run.taken[1] = 0;
    must(weir_runtime_open(&(weir_runtime_options){.workers = 1}, &runtime));
    must(weir_stage_start(runtime,
                          &(weir_stage_options){.kind = WEIR_PRODUCER,
                                                .event_bytes = sizeof(uint64_t),
                                                .demand = WEIR_ACCUMULATE,
                                                .on.handle_demand = produce},
                          &source));
    const weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .event_bytes = sizeof(uint64_t),
                                        .outputs = &output,
                                        .output_count = way == EMITTED || way == FORWARDED,
                                        .on.handle_events = part_ways};
    must(weir_stage_start(runtime, &options, &parts));
    start_taker(runtime, 0, parts);
    if (way == PUSHED) {
        const weir_inlet_options inlet = {.event_bytes = sizeof(uint64_t), .capacity = 2 * EVENTS};
        must(weir_inlet_open(runtime, &inlet, &run.inlet, &other));
    } else if (way != ONE_WAY) {
        must(weir_stage_output(runtime, parts, 1, &other));
    }
    if (other.bits != 0) start_taker(runtime, 1, other);
    must(weir_subscribe(runtime, parts, source, NULL, NULL));
    must(weir_runtime_settle(runtime, WEIR_FOREVER));
    double began = race_clock_ns();
    must(weir_demand(runtime, source, WEIR_FORWARD));
    must(weir_runtime_settle(runtime, WEIR_FOREVER)); /* a millisecond late, at most */
    double passed = race_clock_ns() - began;
    must(weir_runtime_close(runtime, NULL));
    if (run.made != EVENTS || run.taken[0] + run.taken[1] != run.made)
        fprintf(stderr, "outputs: some are missing\n");
    return passed / (double)run.made;
}

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, another = *(const double *)b;
    return one < another ? -1 : one > another;
}

int main(void) {
    static const char *const names[] = {"one way", "weir_emit_to", "weir_forward_to", "an inlet"};
    double rows[WAYS][REPETITIONS];
    for (int i = 0; i < REPETITIONS; i++) {
        for (int way = 0; way < WAYS; way++) rows[way][i] = once((enum way)way);
    }
    printf("each third event another way     ns an event\n");
    for (int way = 0; way < WAYS; way++) {
        qsort(rows[way], REPETITIONS, sizeof *rows[way], compare);
        printf("%-30s %13.1f\n", names[way], rows[way][REPETITIONS / 2]);
    }
    return EXIT_SUCCESS;
}
