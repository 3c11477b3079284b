/*
 * A race: two pinned threads, one sending and one receiving, timed together.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The clock starts when both stand at the line, and stops when the receiver
 * has its last event.  The receiver returns the sum of what it saw, and a race
 * counts only if that is the sum of what was sent.
 */
#ifndef BENCH_RACE_H
#define BENCH_RACE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the two sides run; equal when the process may use only one core. */
struct race_cores {
    int sender;
    int receiver;
};

struct race {
    void (*send)(void *course);
    uint64_t (*receive)(void *course);
    void *course;
    uint64_t sum; /* that receive must return */
};

struct race_result {
    double nanoseconds;
    bool correct;
};

/* The first two cores that the process may use. */
struct race_cores race_cores_pick(void);

/* How many cores the process may use. */
unsigned race_cores_count(void);

struct race_result race_run(const struct race *race, struct race_cores cores);

double race_clock_ns(void);

/* The processor's own clock, for what is as short as reading the other takes: its ticks
 * become nanoseconds when both clocks were read before and after. */
uint64_t race_ticks(void);

#ifdef __cplusplus
}
#endif

#endif
