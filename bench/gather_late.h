/*
 * How late a batcher's batches go, while its worker is busy with others.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_GATHER_LATE_H
#define BENCH_GATHER_LATE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gather_home {
    GATHER_WITH_NEIGHBOUR, /* the batcher lives on the neighbour's worker     */
    GATHER_ON_ANOTHER,     /* on the other one, with the inlet                */
    GATHER_TIMELY          /* on the timely worker, with the inlet                */
} gather_home;

struct gather_late {
    uint64_t callback_ns; /* of a neighbour's callbacks together; 0: there is none */
    uint64_t batch;       /* so many of them: it always has work, an event in each */
    gather_home home;
    unsigned pause_us;   /* between two events; 0: 50                              */
    unsigned neighbours; /* 2: one on the other worker, too                        */
};

struct gather_lateness {
    uint64_t batches; /* that went by time                */
    double p50_us;    /* later than their time, and so on */
    double p99_us;
    double most_us;
    bool correct;
};

/* For about a second. */
struct gather_lateness gather_late_run(struct gather_late late);

#ifdef __cplusplus
}
#endif

#endif
