/*
 * The arena: memory of a runtime's own, in pages that are locked, huge, or touched beforehand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It takes *regions* from the system, cuts *pieces* off the newest, and keeps those that come back
 * in lists, one for each size; nothing goes back to the system before all does.  Sizes are
 * multiples of 128 bytes up to 1 KiB, and eight for each doubling from there on, so at most an
 * eighth is lost.  What is larger than 4 MiB has pages of its own, which go back at once.
 * It does not join pieces again: what a runtime allocates has few sizes, and comes back to be
 * used again.
 *
 * Shared: all of it, under `lock` (L1 -> L2, os/lock.h), by any thread; nothing on the path of
 * events allocates.
 * Invariants: `live` is the number of pieces that were given out; each piece in a list has its
 * list's size, and lies in a region; `at` <= `end`, both in the newest one.
 * Progress: blocking.  Wrap: nothing.
 *
 * Lifetime: parts may give memory back when the runtime has gone, which closed the arena: then
 * whoever gives the last piece back frees it.
 */
#ifndef WEIR__MEMORY_ARENA_H
#define WEIR__MEMORY_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/runtime.h>

enum {
    WEIR__ARENA_STEP = 128,     /* every piece's alignment, and the smallest */
    WEIR__ARENA_FINE = 1024,    /* up to which sizes are multiples of that   */
    WEIR__ARENA_MOST = 4 << 20, /* the largest that is kept                  */
    WEIR__ARENA_SIZES = 8 + 12 * 8
};

struct weir__arena;

/* Whether these options (or NULL) are any reason to have one. */
bool weir__arena_is_wanted(const weir_memory_options *options);

/*
 * Errors   NO_MEMORY; SYSTEM: it may not be locked.  Nothing is left behind then.
 */
weir_status weir__arena_open(const weir_memory_options *options, struct weir__arena **out);

/* Nothing is allocated any more; it goes when nothing is left that was. */
void weir__arena_close(struct weir__arena *arena);

/* As weir_allocator has them, with an arena as the context. */
void *weir__arena_alloc(void *arena, size_t bytes, size_t alignment);
void weir__arena_free(void *arena, void *memory, size_t bytes);

/* For tests: the list of pieces with room for so many bytes, and how many those have. */
unsigned weir__arena_size_of(size_t bytes);
size_t weir__arena_bytes_of(unsigned size);

#endif
