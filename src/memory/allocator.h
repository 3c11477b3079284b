/*
 * The allocator: the one door through which weir gets memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The user's functions when the runtime was opened with some; else jemalloc's
 * mallocx and dallocx, found by weak reference when the program links
 * jemalloc; else the C library's aligned_alloc.  A library must not replace
 * its host's malloc, so weir never links jemalloc itself.
 */
#ifndef WEIR__MEMORY_ALLOCATOR_H
#define WEIR__MEMORY_ALLOCATOR_H

#include <weir/runtime.h>

struct weir__allocator {
    weir_allocator use;
    const char *name; /* "user", "jemalloc" or "libc" */
};

/* Chooses.  user may be NULL or hold a NULL alloc. */
void weir__allocator_open(struct weir__allocator *allocator, const weir_allocator *user);

/*
 * bytes: any, 0 included.  alignment: a power of two, 8..4096.  NULL: no memory.
 * weir__free is told the same bytes; memory may be NULL.
 * Threads    any, at once, as far as a user's functions allow it.
 */
void *weir__alloc(const struct weir__allocator *allocator, size_t bytes, size_t alignment);
void *weir__alloc_zeroed(const struct weir__allocator *allocator, size_t bytes, size_t alignment);
void weir__free(const struct weir__allocator *allocator, void *memory, size_t bytes);

#endif
