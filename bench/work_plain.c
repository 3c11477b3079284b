/*
 * The loops as a program has them: plain C, and the compiler makes of it what it can.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Built with -O3 and -march=native (CMakeLists.txt), as somebody does whose loops matter.
 */
#include "work_loops.h"

static void plain_fill(uint64_t *to, size_t count, uint64_t first) {
    for (size_t i = 0; i < count; i++) to[i] = first + i;
}

static uint64_t plain_sum(const uint64_t *from, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += from[i];
    return sum;
}

static void plain_double(uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) words[i] *= 2;
}

static void plain_low_bits(uint32_t *to, const uint64_t *from, size_t count, uint32_t mask) {
    for (size_t i = 0; i < count; i++) to[i] = (uint32_t)from[i] & mask;
}

static void plain_deal(const uint64_t *from, size_t count, uint64_t *to[WORK_KEYS]) {
    for (size_t i = 0; i < count; i++) *to[from[i] % WORK_KEYS]++ = from[i];
}

const struct work_loops work_plain = {plain_fill, plain_sum, plain_double, plain_low_bits,
                                      plain_deal};
