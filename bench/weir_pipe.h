/*
 * A pipe of weir stages, run once and timed as a race of the ceilings is.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The producer fills events with work_fill, the consumer sums them with
 * work_sum; a middle stage passes batches on in place, having added nothing.
 * The clock starts when the producer is first asked, and stops when the
 * consumer has its last event; the accounts and the sum are checked.
 */
#ifndef BENCH_WEIR_PIPE_H
#define BENCH_WEIR_PIPE_H

#include "race.h"

#include <weir/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pipe_shape {
    unsigned stages;  /* 2 or 3                                               */
    unsigned workers; /* 1: all stages on one; 2: split, the last on its own  */
    size_t max_demand;
    size_t min_demand;  /* 0: the default */
    size_t event_bytes; /* a multiple of 8 */
    weir_idle idle;
};

struct race_result pipe_run(struct pipe_shape shape, uint64_t events);

#ifdef __cplusplus
}
#endif

#endif
