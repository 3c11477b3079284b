/*
 * Pipes of two side by side, and stages with nothing to do beside them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The clock starts when the first producer is asked and stops when the last consumer has
 * stopped; the sum and the accounts are checked.  What is idle is started before and
 * stopped after.
 */
#ifndef BENCH_PIPES_H
#define BENCH_PIPES_H

#include "race.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pipes_shape {
    unsigned pipes;   /* at least 1                                                  */
    unsigned workers; /* stages are spread in order, each pipe's behind the one before's */
    size_t max_demand;
    unsigned idle_pairs; /* a consumer and its producer, which never emits */
};

/* events: of all pipes together. */
struct race_result pipes_run(struct pipes_shape shape, uint64_t events);

#ifdef __cplusplus
}
#endif

#endif
