/*
 * Chunks: see chunks.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/chunks.h"

#include <string.h>

void weir__chunks_open(struct weir__chunks *chunks, const struct weir__allocator *allocator,
                       size_t bytes) {
    memset(chunks, 0, sizeof *chunks);
    chunks->allocator = allocator;
    chunks->bytes = bytes;
}

static size_t bytes_of_chunk(const struct weir__chunks *chunks, unsigned chunk) {
    size_t begin = weir__step_first(chunk, WEIR__CHUNK_FIRST_LOG2);
    return (weir__step_first(chunk + 1, WEIR__CHUNK_FIRST_LOG2) - begin) * chunks->bytes;
}

void weir__chunks_close(struct weir__chunks *chunks) {
    for (unsigned i = 0; i < WEIR__CHUNKS; i++) {
        weir__free(chunks->allocator, chunks->at[i], bytes_of_chunk(chunks, i));
    }
}

/* The chunk of that number is there, or is made; of two makers one wins.  false: no memory. */
static bool chunk_is_there(struct weir__chunks *chunks, unsigned number) {
    void *chunk = weir__load_acquire_ptr(&chunks->at[number]); /* C1 -> C2 */
    if (chunk != NULL) {
        return true;
    }
    size_t bytes = bytes_of_chunk(chunks, number);
    void *made = weir__alloc_zeroed(chunks->allocator, bytes, 128);
    if (made != NULL && weir__cas_ptr(&chunks->at[number], &chunk, made)) { /* C1 -> C2 */
        return true;
    }
    weir__free(chunks->allocator, made, bytes);
    return weir__load_acquire_ptr(&chunks->at[number]) != NULL; /* C1 -> C2 */
}

void *weir__chunks_take(struct weir__chunks *chunks, uint32_t *number) {
    uint32_t next = weir__load_relaxed_u32(&chunks->used);
    do {
        if (next >= WEIR__CHUNKS_PLACES_MAX ||
            !chunk_is_there(chunks, weir__step_of(next, WEIR__CHUNK_FIRST_LOG2))) {
            return NULL;
        }
    } while (!weir__cas_u32(&chunks->used, &next, next + 1)); /* C5 -> C6 */
    *number = next;
    return weir__chunks_at(chunks, next, chunks->bytes);
}
