/*
 * Chunks: a table that only grows, whose places never move.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Places are numbered from 0 and lie in chunks, which are made as needed and are zeroed.  Most
 * tables stay small: the first chunk is small, the next ones double what there is, until they
 * are all of one size.  A place is taken once; who has done with it keeps it for others (a free
 * list).
 *
 *   writers of at      who is in need of a chunk (CAS, from NULL); the table frees them at its end
 *   writers of used    who takes a place (CAS)
 *   readers            any thread
 *
 * Invariant: `used` places, and no others, were taken; a chunk is there before a place of it is
 * taken, so a take that is refused has used up none.
 * Ordering: C1 -> C2  a chunk (CAS, release) -> its readers (acquire): that it is zeroed.
 * Progress: lock-free but for memory: of those who make the same chunk one wins, the others
 * free theirs.  Wrap: none: a table that is full refuses.
 */
#ifndef WEIR__RING_CHUNKS_H
#define WEIR__RING_CHUNKS_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/bits.h"
#include "memory/allocator.h"

enum {
    WEIR__CHUNK_FIRST_BITS = 6, /* the first chunk has 2^6 places                                */
    WEIR__CHUNK_PLACES = 1024,  /* of each chunk behind the small ones, and of these together    */
    WEIR__CHUNKS_SMALL = 5,     /* 64, 64, 128, 256, 512                                         */
    WEIR__CHUNKS_PLACES_MAX = 1024 * WEIR__CHUNK_PLACES,
    WEIR__CHUNKS = WEIR__CHUNKS_SMALL + WEIR__CHUNKS_PLACES_MAX / WEIR__CHUNK_PLACES - 1
};

struct weir__chunks {
    const struct weir__allocator *allocator;
    size_t bytes;              /* of a place                     */
    WEIR__APART uint32_t used; /* atomic: places that were taken */
    void *at[WEIR__CHUNKS];    /* atomic                         */
};

/* `bytes` is that of a type, which must be aligned to no more than 128. */
void weir__chunks_open(struct weir__chunks *chunks, const struct weir__allocator *allocator,
                       size_t bytes);
void weir__chunks_close(struct weir__chunks *chunks);

/* A place that nobody ever had, and its number.  NULL: no memory, or all were taken. */
void *weir__chunks_take(struct weir__chunks *chunks, uint32_t *number);

/* The chunk that a place is in, and the first place of a chunk. */
static inline uint32_t weir__chunks_which(uint32_t number) {
    if (number >= WEIR__CHUNK_PLACES) {
        return number / WEIR__CHUNK_PLACES + WEIR__CHUNKS_SMALL - 1;
    }
    uint32_t low = (UINT32_C(1) << WEIR__CHUNK_FIRST_BITS) - 1;
    return weir__log2_up_u64((number | low) + 1) - WEIR__CHUNK_FIRST_BITS;
}
static inline uint32_t weir__chunks_begin(uint32_t chunk) {
    if (chunk >= WEIR__CHUNKS_SMALL) {
        return (chunk - WEIR__CHUNKS_SMALL + 1) * WEIR__CHUNK_PLACES;
    }
    return chunk == 0 ? 0 : UINT32_C(1) << (WEIR__CHUNK_FIRST_BITS - 1) << chunk;
}

/* The place of that number, whoever has it; NULL: there is no memory for it yet. */
static inline void *weir__chunks_at(const struct weir__chunks *chunks, uint32_t number,
                                    size_t bytes) {
    if (number >= WEIR__CHUNKS_PLACES_MAX) {
        return NULL;
    }
    uint32_t in = weir__chunks_which(number);
    char *chunk = weir__load_acquire_ptr(&chunks->at[in]); /* C1 -> C2 */
    return chunk == NULL ? NULL : chunk + (number - weir__chunks_begin(in)) * bytes;
}

#endif
