/*
 * The allocator: the one door through which weir gets memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The user's functions when the runtime was opened with some; else jemalloc's
 * mallocx and dallocx, found by weak reference when the program links
 * jemalloc; else the C library's aligned_alloc.  A library must not replace
 * its host's malloc, so weir never links jemalloc itself.  Where the program wants its memory
 * locked, huge or ready, it is from an arena (arena.h).
 */
#ifndef WEIR__MEMORY_ALLOCATOR_H
#define WEIR__MEMORY_ALLOCATOR_H

#include <weir/runtime.h>

struct weir__allocator {
    weir_allocator use;
    const char *name; /* "user", "jemalloc", "libc" or "pages" */
};

/* Chooses.  user may be NULL or hold a NULL alloc. */
void weir__allocator_open(struct weir__allocator *allocator, const weir_allocator *user);

/* Likewise; from pages of its own (arena.h), if these options, or NULL, want them.  WEIR_OK, or
 * what weir__arena_open says. */
weir_status weir__allocator_open_with(struct weir__allocator *allocator, const weir_allocator *user,
                                      const weir_memory_options *options);

/* What was allocated may be freed all the same. */
void weir__allocator_close(struct weir__allocator *allocator);

/*
 * bytes: any, 0 included.  alignment: a power of two, 8..4096.  NULL: no memory.
 * weir__free is told the same bytes; memory may be NULL.
 * Threads    any, at once, as far as a user's functions allow it.
 */
void *weir__alloc(const struct weir__allocator *allocator, size_t bytes, size_t alignment);
void *weir__alloc_zeroed(const struct weir__allocator *allocator, size_t bytes, size_t alignment);
void weir__free(const struct weir__allocator *allocator, void *memory, size_t bytes);

#endif
