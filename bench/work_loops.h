/*
 * Loops over events, of which work.c has two sets to choose from.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_WORK_LOOPS_H
#define BENCH_WORK_LOOPS_H

#include "work.h"

/* Each as the function of work.h that has its name. */
struct work_loops {
    void (*fill)(uint64_t *to, size_t count, uint64_t first);
    uint64_t (*sum)(const uint64_t *from, size_t count);
    void (*twice)(uint64_t *words, size_t count);
    void (*low_bits)(uint32_t *to, const uint64_t *from, size_t count, uint32_t mask);
    void (*deal)(const uint64_t *from, size_t count, uint64_t *to[WORK_KEYS]);
};

extern const struct work_loops work_lanes;
extern const struct work_loops work_plain;

#endif
