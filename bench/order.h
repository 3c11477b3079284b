/*
 * The memory orders of the benchmarks' own loops, over Concurrency Kit.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ceilings and the transport study stand alone: they want nothing of the
 * library, so that it can be measured against them.  Hence these few lines
 * instead of base/atomic.h.  On x86 a load or store here is one plain
 * instruction; the fences beside it are the compiler's.
 */
#ifndef BENCH_ORDER_H
#define BENCH_ORDER_H

#include <ck_pr.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t load_acquire(const uint64_t *from) {
    uint64_t value = ck_pr_load_64(from);
    ck_pr_fence_load();
    return value;
}

static inline void store_release(uint64_t *to, uint64_t value) {
    ck_pr_fence_store();
    ck_pr_store_64(to, value);
}

static inline uint32_t load_acquire_32(const uint32_t *from) {
    uint32_t value = ck_pr_load_32(from);
    ck_pr_fence_load();
    return value;
}

static inline void store_release_32(uint32_t *to, uint32_t value) {
    ck_pr_fence_store();
    ck_pr_store_32(to, value);
}

/* Orders every store before it with every load after it. */
static inline void fence_full(void) {
#if defined(__x86_64__)
    __asm__ __volatile__("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#else
    ck_pr_fence_memory();
#endif
}

static inline void prefetch_to_write(const void *line) {
#if defined(__x86_64__)
    __asm__ __volatile__("prefetchw (%0)" ::"r"(line));
#else
    __builtin_prefetch(line, 1);
#endif
}

/* Asks for the lines of to[0 .. bytes) as their writer. */
static inline void prefetch_lines_to_write(const void *to, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64) prefetch_to_write((const char *)to + at);
}

/* memcpy as one instruction: no read of the lines that it overwrites whole. */
static inline void string_copy(void *to, const void *from, size_t bytes) {
#if defined(__x86_64__)
    __asm__ __volatile__("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes)::"memory");
#else
    memcpy(to, from, bytes);
#endif
}

#endif
