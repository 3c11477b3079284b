/*
 * Paced: events that come when they are due, and how late each arrives.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An open loop: the times at which events are due are drawn beforehand, at random around the
 * rate, as if many sources sent by themselves (Poisson), and nothing that happens moves them.
 * A pacer sends each when it is due, or at once where it is late already.  An event is the
 * nanosecond at which it was due, from the beginning, and its latency is counted from there: so
 * a stall counts for all that it holds up, also where the pacer is who was held up.
 *
 * Times are all different and rise, so the sink knows which comes next: each event
 * has to arrive, once, in order, or the run is wrong.
 *
 * Two threads: the pacer's and the sink's.  What the sink has is told when all have arrived.
 */
#ifndef BENCH_PACED_H
#define BENCH_PACED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* When events are due.  Pacer and sink have one each, and see the same times. */
struct paced_times {
    const float *gaps; /* PACED_GAPS of them, of mean 1, over and over */
    double mean_ns;
    double due; /* the last one; from the beginning */
    uint64_t count;
};

enum { PACED_GAPS = 65536 };

struct paced {
    uint64_t events;
    double began_ns;
    bool sleepy; /* the pacer shares its core: it sleeps where it waits, and never spins */
    /* the pacer's */
    char apart[128];
    struct paced_times times;
    double cpu_ns; /* that all threads but this one took */
    /* the sink's */
    char far_apart[128];
    struct paced_times expected;
    uint32_t *late; /* nanoseconds, of each */
    uint64_t arrived;
    bool wrong;
    uint32_t done; /* atomic: all have arrived; slept on */
};

struct paced_result {
    double nanoseconds; /* from the beginning until the last one arrived */
    double p50, p99, p999, most;
    double cpu_percent; /* of a core, by all threads but the pacer's     */
    bool correct;
};

/* rate: events per second. */
void paced_open(struct paced *paced, uint64_t events, double rate, bool sleepy);

/* Sends all by `send`, on this thread, and waits until all have arrived, at most a minute
 * longer than they take. */
void paced_run(struct paced *paced, void (*send)(void *context, uint64_t event), void *context);

/* The sink: this event is here. */
void paced_arrived(struct paced *paced, uint64_t event);

/* After paced_run.  Gives the memory back. */
struct paced_result paced_close(struct paced *paced);

#ifdef __cplusplus
}
#endif

#endif
