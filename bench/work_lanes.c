/*
 * The loops that do not hang on how they are built.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Written with vectors of two words, which every 64-bit machine has, four at a
 * time, so that the speed does not hang on the optimisation level, the compiler
 * or a wish for newer instructions.
 */
#include "work_loops.h"

enum { LANES = 2, GROUP = 4 * LANES };

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));
typedef lanes loose_lanes __attribute__((aligned(sizeof(uint64_t)), may_alias));

typedef uint32_t halves __attribute__((vector_size(4 * sizeof(uint32_t))));
typedef halves loose_halves __attribute__((aligned(sizeof(uint32_t)), may_alias));

#if defined(__has_builtin) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALVES_FIRST __has_builtin(__builtin_shufflevector)
#else
#define LOW_HALVES_FIRST 0
#endif

static void lanes_fill(uint64_t *to, size_t count, uint64_t first) {
    lanes value = {first, first + 1};
    size_t i = 0;
    for (; i + GROUP <= count; i += GROUP) {
        loose_lanes *group = (loose_lanes *)(to + i);
        group[0] = value;
        group[1] = value + LANES;
        group[2] = value + 2 * LANES;
        group[3] = value + 3 * LANES;
        value += GROUP;
    }
    for (; i < count; i++) to[i] = first + i;
}

static uint64_t lanes_sum(const uint64_t *from, size_t count) {
    lanes a = {0, 0};
    lanes b = a;
    lanes c = a;
    lanes d = a;
    size_t i = 0;
    for (; i + GROUP <= count; i += GROUP) {
        const loose_lanes *group = (const loose_lanes *)(from + i);
        a += group[0];
        b += group[1];
        c += group[2];
        d += group[3];
    }
    a += b + c + d;
    uint64_t sum = a[0] + a[1];
    for (; i < count; i++) sum += from[i];
    return sum;
}

static void lanes_double(uint64_t *words, size_t count) {
    size_t i = 0;
    for (; i + GROUP <= count; i += GROUP) {
        loose_lanes *group = (loose_lanes *)(words + i);
        group[0] += group[0];
        group[1] += group[1];
        group[2] += group[2];
        group[3] += group[3];
    }
    for (; i < count; i++) words[i] *= 2;
}

static void lanes_low_bits(uint32_t *to, const uint64_t *from, size_t count, uint32_t mask) {
    size_t i = 0;
#if LOW_HALVES_FIRST
    for (; i + 4 <= count; i += 4) {
        const loose_halves *group = (const loose_halves *)(from + i);
        *(loose_halves *)(to + i) = __builtin_shufflevector(group[0], group[1], 0, 2, 4, 6) & mask;
    }
#endif
    for (; i < count; i++) to[i] = (uint32_t)from[i] & mask;
}

static void lanes_deal(const uint64_t *from, size_t count, uint64_t *to[WORK_KEYS]) {
    for (size_t i = 0; i < count; i++) *to[from[i] % WORK_KEYS]++ = from[i];
}

const struct work_loops work_lanes = {lanes_fill, lanes_sum, lanes_double, lanes_low_bits,
                                      lanes_deal};
