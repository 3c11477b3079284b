/*
 * One event there and back between two stages, each trip timed.
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

#ifdef __cplusplus
}
#endif

#endif
