/*
 * Bits: arithmetic on powers of two.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__BASE_BITS_H
#define WEIR__BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool weir__is_power_of_two_u32(uint32_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

static inline bool weir__is_power_of_two_u64(uint64_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

/* The smallest exponent with 2^exponent >= value: 0..64; 0 for value 0. */
static inline unsigned weir__log2_up_u64(uint64_t value) {
    return value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);
}

/* The smallest power of two >= value, 1 for 0; 0 when the type has none. */
static inline uint64_t weir__round_up_power_of_two_u64(uint64_t value) {
    unsigned exponent = weir__log2_up_u64(value);
    return exponent == 64 ? 0 : (uint64_t)1 << exponent;
}

static inline uint32_t weir__round_up_power_of_two_u32(uint32_t value) {
    return (uint32_t)weir__round_up_power_of_two_u64(value);
}

#endif
