/*
 * Random numbers: fast, repeatable from a seed, not for secrets.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The generator is xoshiro256** (Blackman and Vigna), its state filled from
 * the seed by splitmix64, so that neighbouring seeds have nothing in common
 * and no seed gives the one state (all zero) that the generator cannot leave.
 */
#ifndef WEIR__BASE_RNG_H
#define WEIR__BASE_RNG_H

#include <stdint.h>

struct weir__rng {
    uint64_t state[4];
};

/* Advances a splitmix64 state; also a good mixer of a single word. */
static inline uint64_t weir__rng_splitmix(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void weir__rng_seed(struct weir__rng *rng, uint64_t seed) {
    for (int i = 0; i < 4; i++) rng->state[i] = weir__rng_splitmix(&seed);
}

static inline uint64_t weir__rng_rotate(uint64_t word, int by) {
    return (word << by) | (word >> (64 - by));
}

/* 64 random bits. */
static inline uint64_t weir__rng_next(struct weir__rng *rng) {
    uint64_t *s = rng->state;
    uint64_t result = weir__rng_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = weir__rng_rotate(s[3], 45);
    return result;
}

/*
 * A number in 0..bound-1, each as likely as the next; 0 for bound 0.  Draws as
 * many bits as bound - 1 has until they are below bound: fewer than 2 draws on
 * average.
 */
static inline uint64_t weir__rng_below(struct weir__rng *rng, uint64_t bound) {
    if (bound <= 1) return 0;
    int unused_bits = __builtin_clzll(bound - 1);
    uint64_t drawn;
    do {
        drawn = weir__rng_next(rng) >> unused_bits;
    } while (drawn >= bound);
    return drawn;
}

#endif
