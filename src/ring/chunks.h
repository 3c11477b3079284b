/*
 * Chunks: a table that only grows, whose places never move.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Places are numbered from 0 and lie in chunks, which are made as needed and are zeroed.  Most
 * tables stay small: the first chunks have eight places, later ones a fifth or so of what is there
 * (base/steps.h).  A place is taken once; who has done with it keeps it for others (a free list).
 *
 *   writers of at      who is in need of a chunk (CAS, from NULL); the table frees them at its end
 *   writers of used    who takes a place (CAS)
 *   readers            any thread
 *
 * Invariant: `used` places, and no others, were taken; a chunk is there before a place of it is
 * taken, so a take that is refused has used up none.
 * Ordering:
 *   C1 -> C2  a chunk (CAS, release) -> its readers (acquire): that it is zeroed
 *   C5 -> C6  used (CAS, release) -> who goes over what was taken (acquire): the chunks are there
 * Progress: lock-free but for memory: of those who make the same chunk one wins, the others
 * free theirs.  Wrap: none: a table that is full refuses.
 */
#ifndef WEIR__RING_CHUNKS_H
#define WEIR__RING_CHUNKS_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/steps.h"
#include "memory/allocator.h"

enum {
    WEIR__CHUNK_FIRST_LOG2 = 3, /* the first chunks have so many places */
    WEIR__CHUNKS_PLACES_LOG2 = 20,
    WEIR__CHUNKS_PLACES_MAX = 1 << WEIR__CHUNKS_PLACES_LOG2,
    WEIR__CHUNKS = WEIR__STEPS(WEIR__CHUNK_FIRST_LOG2, WEIR__CHUNKS_PLACES_LOG2)
};

struct weir__chunks {
    const struct weir__allocator *allocator;
    size_t bytes;           /* of a place                     */
    uint32_t used;          /* atomic: places that were taken */
    void *at[WEIR__CHUNKS]; /* atomic                         */
};

/* `bytes` is that of a type, which must be aligned to no more than 128. */
void weir__chunks_open(struct weir__chunks *chunks, const struct weir__allocator *allocator,
                       size_t bytes);
void weir__chunks_close(struct weir__chunks *chunks);

/* A place that nobody ever had, and its number.  NULL: no memory, or all were taken. */
void *weir__chunks_take(struct weir__chunks *chunks, uint32_t *number);

/* How many were taken: all of these are there. */
static inline uint32_t weir__chunks_used(const struct weir__chunks *chunks) {
    return weir__load_acquire_u32(&chunks->used); /* C5 -> C6 */
}

/* The place of that number, whoever has it; NULL: there is no memory for it yet. */
static inline void *weir__chunks_at(const struct weir__chunks *chunks, uint32_t number,
                                    size_t bytes) {
    if (number >= WEIR__CHUNKS_PLACES_MAX) {
        return NULL;
    }
    unsigned in = weir__step_of(number, WEIR__CHUNK_FIRST_LOG2);
    char *chunk = weir__load_acquire_ptr(&chunks->at[in]); /* C1 -> C2 */
    size_t place = number - weir__step_first(in, WEIR__CHUNK_FIRST_LOG2);
    return chunk == NULL ? NULL : chunk + place * bytes;
}

#endif
