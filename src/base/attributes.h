/*
 * Attributes: what the compilers offer beyond C11, under names of our own.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__BASE_ATTRIBUTES_H
#define WEIR__BASE_ATTRIBUTES_H

#include <stddef.h>

#define WEIR__LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define WEIR__UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Kept out of its caller, whose way without it is then short. */
#define WEIR__NOINLINE __attribute__((noinline))

/* A part of each of its callers, however many there are. */
#define WEIR__INLINE inline __attribute__((always_inline))

#define WEIR__UNUSED __attribute__((unused))

/* Runs before main, or as the library is loaded. */
#define WEIR__AT_START __attribute__((constructor))

/* Arguments are counted from 1: the text, and the first that it formats. */
#define WEIR__PRINTF(text, first) __attribute__((format(printf, text, first)))

/*
 * How far apart fields of different writers lie: two lines of 64 bytes, since
 * processors fetch lines in pairs and would share the second one falsely.
 */
#define WEIR__CACHE_LINES 128
#define WEIR__APART       _Alignas(WEIR__CACHE_LINES)

/*
 * The struct of this type whose member the pointer points at.  The comparison
 * is never evaluated; it makes a pointer of another type a compiler's error.
 */
#define WEIR__CONTAINER_OF(pointer, type, member)                \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member) + \
                      0 * sizeof((pointer) == &((type *)0)->member)))

#endif
