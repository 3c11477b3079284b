/*
 * One event there and back, between two stages or between a thread and stages; each trip timed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_TRIPS_H
#define BENCH_TRIPS_H

#include "race.h"

#include <weir/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Two stages that subscribe to each other, on two workers or on one; the first sends an
 * event, and another as soon as it is back.  each: receives nanoseconds, one per trip.
 */
struct race_result trips_run(unsigned workers, weir_idle idle, uint64_t trips, double *each);

/*
 * A thread of the program's, on the sender's core, pushes an event into a port; three stages of one
 * worker, on the receiver's core, take it to a stream, from which the thread reads it: an inlet,
 * one that passes it on, and the stream's.
 */
struct race_result trips_outside_run(struct race_cores cores, weir_idle idle, uint64_t trips,
                                     double *each);

#ifdef __cplusplus
}
#endif

#endif
