/*
 * Intensity: no more than so many restarts in so long a time.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The times of the last `most` restarts lie in a ring: another is one too many when the oldest
 * of them is not older than the period.
 *
 * Writers, readers: the worker of the stage whose it is.
 */
#ifndef WEIR__PARTS_INTENSITY_H
#define WEIR__PARTS_INTENSITY_H

#include "memory/allocator.h"

struct weir__intensity {
    size_t most;        /* restarts in a period; WEIR_INFINITY: any number */
    uint64_t period_ns; /* in nanoseconds                                  */
    uint64_t *times;    /* a ring of `most`; NULL when none, or no limit   */
    uint64_t count;     /* restarts so far                                 */
};

/* false: no memory. */
bool weir__intensity_open(struct weir__intensity *intensity,
                          const struct weir__allocator *allocator, size_t most, uint64_t period_ns);
void weir__intensity_close(struct weir__intensity *intensity,
                           const struct weir__allocator *allocator);

/* A restart at that time, which is counted; false: it is one too many, and is not. */
bool weir__intensity_count(struct weir__intensity *intensity, uint64_t now);

#endif
