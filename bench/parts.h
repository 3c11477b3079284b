/*
 * Parts: the stages of which the benchmarks' graphs are made.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sources fill events with work_fill, middles double them, sinks sum them with work_sum.
 * A source that has emitted its share finishes; middles are told to finish from the
 * start, so that stages stop as their sources end, in the order of the data.
 *
 * Where weir refuses, the program ends with the refusal.
 */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include <semaphore.h>
#include <weir/weir.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Told once a source has emitted `after` events or more, and once it has emitted all. */
struct part_watch {
    void (*tell)(void *context, bool all);
    void *context;
    uint64_t after;
};

/* What is emitted: events `first` to first + events - 1 of the stream. */
struct part_source {
    uint64_t events;
    uint64_t first;
    size_t event_bytes; /* a multiple of 8                                    */
    bool singly;        /* emits event by event (of 8 bytes), not in place    */
    unsigned worker;    /* as in weir_stage_options                           */
    bool stays;         /* does not finish: without events it is idle         */
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    double *began;                  /* when it was first asked; may be NULL   */
    const struct part_watch *watch; /* may be NULL                            */
};

/* What the sinks of one worker await together, of which the last `timed` are timed. */
struct part_lap {
    uint64_t left;
    uint64_t timed;
    double began;
    double ended;
    sem_t *done; /* posted when there is none left */
};

/* Where a sink tells what it has seen when it stops: it does so behind its last event. */
struct part_sink {
    uint64_t *sum;
    double *ended;        /* unless NULL: when it stopped */
    sem_t *stopped;       /* unless NULL: posted          */
    struct part_lap *lap; /* unless NULL: that it runs in */
};

void part_must(weir_status status);

/* Callbacks that do nothing. */
weir_verdict part_no_demand(weir_stage *self, uint64_t demand);
weir_verdict part_no_events(weir_stage *self, weir_batch batch);
void part_no_log(void *context, weir_log_level level, const char *text);

/* Nobody is asked before weir_demand lets the source go, so that all have subscribed. */
weir_ref part_start_source(weir_runtime *runtime, const struct part_source *source);

weir_ref part_start_middle(weir_runtime *runtime, const weir_subscribe_to *upstream,
                           size_t event_bytes, unsigned worker);

weir_ref part_start_sink(weir_runtime *runtime, const struct part_sink *sink, unsigned worker);

/* Waits until it is posted once. */
void part_wait(sem_t *posted);

/* Idle: `pairs` consumers, and for each a producer that it asked and that never emits. */
void part_start_idle(weir_runtime *runtime, unsigned pairs);

#ifdef __cplusplus
}
#endif

#endif
