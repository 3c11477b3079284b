/*
 * What the events are filled with, and what is done with them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every row of every table does the same work through these functions, so
 * that rows differ in their transport only.  They are compiled once and never
 * inlined.  An event is a run of 64-bit words; word k of the stream is k + 1.
 *
 * There are two sets of loops for them, and a row's name says which it has: one that
 * is the same wherever it is built (work_lanes.c), and for names that end in WORK_PLAIN
 * what a compiler makes of plain C for this very processor (work_plain.c), four times
 * as fast, in front of which a transport's own instructions show.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORK_PLAIN ",loops:O3"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * From here on these functions have the loops of this row; true if they are the plain ones.
 * For who runs rows, before the threads of a run are there.
 */
bool work_choose(const char *row);

/* to[i] = first + i for i in 0 .. count - 1 */
void work_fill(uint64_t *to, size_t count, uint64_t first);

uint64_t work_sum(const uint64_t *from, size_t count);

/* words[i] *= 2 */
void work_double(uint64_t *words, size_t count);

/* to[i] = from[i] & mask */
void work_low_bits(uint32_t *to, const uint64_t *from, size_t count, uint32_t mask);

/* Each word to where to[its remainder] points, which goes on by one. */
enum { WORK_KEYS = 4 };
void work_deal(const uint64_t *from, size_t count, uint64_t *to[WORK_KEYS]);

/* The sum of the words of a stream of `count` words: 1 + 2 + ... + count. */
uint64_t work_expected(uint64_t count);

/* The sum of those of them whose remainder by WORK_KEYS is `key`. */
uint64_t work_expected_of_key(uint64_t count, uint64_t key);

#ifdef __cplusplus
}
#endif

#endif
