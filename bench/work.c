/*
 * What the events are filled with, and what is done with them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "work_loops.h"

#include <string.h>

/* Written between runs, when no thread of one is there; read by all of a run's threads. */
static const struct work_loops *loops = &work_lanes;

bool work_choose(const char *row) {
    const size_t end = sizeof WORK_PLAIN - 1;
    size_t length = strlen(row);
    bool plain = length >= end && strcmp(row + length - end, WORK_PLAIN) == 0;
    loops = plain ? &work_plain : &work_lanes;
    return plain;
}

void work_fill(uint64_t *to, size_t count, uint64_t first) {
    loops->fill(to, count, first);
}

uint64_t work_sum(const uint64_t *from, size_t count) {
    return loops->sum(from, count);
}

void work_double(uint64_t *words, size_t count) {
    loops->twice(words, count);
}

void work_low_bits(uint32_t *to, const uint64_t *from, size_t count, uint32_t mask) {
    loops->low_bits(to, from, count, mask);
}

void work_deal(const uint64_t *from, size_t count, uint64_t *to[WORK_KEYS]) {
    loops->deal(from, count, to);
}

uint64_t work_expected(uint64_t count) {
    return count % 2 == 0 ? count / 2 * (count + 1) : (count + 1) / 2 * count;
}

uint64_t work_expected_of_key(uint64_t count, uint64_t key) {
    uint64_t first = key == 0 ? WORK_KEYS : key;
    if (first > count) return 0;
    uint64_t terms = (count - first) / WORK_KEYS + 1;
    return terms * first + WORK_KEYS * work_expected(terms - 1);
}
