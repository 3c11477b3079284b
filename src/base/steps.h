/*
 * Steps: how a table grows by pieces, which stay where they are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The first eight steps are of 2^first places each, the next four of twice as many, and so on: four
 * for each time that the table doubles.  So what is made and not used is a few places, or at most
 * a quarter of what is; and a table of n places has O(log n) steps.
 *
 * Arithmetic, constant time.
 */
#ifndef WEIR__BASE_STEPS_H
#define WEIR__BASE_STEPS_H

#include <stdint.h>

/* How many steps a table of 2^places places has; places is at least first + 2. */
#define WEIR__STEPS(first, places) (4 * ((places) - (first)-1))

/* The step that a place is in. */
static inline unsigned weir__step_of(uint64_t place, unsigned first) {
    uint64_t pieces = place >> first;
    if (pieces < 4) {
        return (unsigned)pieces;
    }
    unsigned log2 = 63u - (unsigned)__builtin_clzll(pieces);
    return 4 * (log2 - 1) + ((unsigned)(pieces >> (log2 - 2)) & 3);
}

/* The first place of a step: where the one before it ends. */
static inline uint64_t weir__step_first(unsigned step, unsigned first) {
    return step < 4 ? (uint64_t)step << first : (uint64_t)(4 + step % 4) << (step / 4 - 1) << first;
}

#endif
