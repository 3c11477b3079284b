/*
 * Poison: makes use of memory that is no longer in use fail early.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Under AddressSanitizer any access to poisoned memory is reported.  Else, in
 * builds with WEIR_CHECKS, it is filled with 0xdd, so that who reads it reads
 * nonsense.  In all others both functions are empty.
 */
#ifndef WEIR__MEMORY_POISON_H
#define WEIR__MEMORY_POISON_H

#include <stddef.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WEIR__POISON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR__POISON_ASAN 1
#endif
#endif

#if defined(WEIR__POISON_ASAN)
#include <sanitizer/asan_interface.h>
#endif

static inline void weir__poison(void *memory, size_t bytes) {
#if defined(WEIR__POISON_ASAN)
    ASAN_POISON_MEMORY_REGION(memory, bytes);
#elif defined(WEIR_CHECKS)
    memset(memory, 0xdd, bytes);
#else
    (void)memory;
    (void)bytes;
#endif
}

/* Before the memory is used again, or given back to the allocator. */
static inline void weir__unpoison(void *memory, size_t bytes) {
#if defined(WEIR__POISON_ASAN)
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
#else
    (void)memory;
    (void)bytes;
#endif
}

#endif
