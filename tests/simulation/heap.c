/*
 * The heap of a simulated world: see heap.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Of a large piece of memory only the first bytes are overwritten, and looked at: a
 * registry's or a ring's many places would take longer than the schedule itself.
 */
#include "heap.h"

#include "engine.h"

#include <stdlib.h>
#include <string.h>

enum { OVERWRITTEN_BYTES_MAX = 4096 };

struct freed {
    void *memory;
    size_t bytes; /* overwritten */
};

static struct freed *freed;
static size_t freed_count, freed_room;
static unsigned char filler;

void sim_heap_begin(void) {
    static const unsigned char fillers[] = {0x00, 0xdb};
    filler = fillers[weir__rng_below(&sim.random, sizeof fillers)];
    freed_count = 0;
}

void *sim_heap_get(size_t bytes, size_t alignment) {
    void *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (memory == NULL) abort();
    return memory;
}

/* As an allocator's own locks do, it lets out what the caller has stored. */
void sim_heap_put(void *memory, size_t bytes) {
    if (sim.current != NULL) sim_memory_drain(sim.current);
    bytes = bytes < OVERWRITTEN_BYTES_MAX ? bytes : OVERWRITTEN_BYTES_MAX;
    memset(memory, filler, bytes);
    if (freed_count == freed_room) {
        freed_room = freed_room == 0 ? 1024 : freed_room * 2;
        freed = realloc(freed, freed_room * sizeof *freed);
        if (freed == NULL) abort();
    }
    freed[freed_count++] = (struct freed){memory, bytes};
}

static size_t first_written(const struct freed *piece) {
    const unsigned char *bytes = piece->memory;
    /* Nearly always none was: each is the one before it. */
    if (piece->bytes > 0 && bytes[0] == filler && memcmp(bytes, bytes + 1, piece->bytes - 1) == 0) {
        return piece->bytes;
    }
    size_t i = 0;
    while (i < piece->bytes && bytes[i] == filler) i++;
    return i;
}

void sim_heap_end(void) {
    for (size_t i = 0; i < freed_count; i++) {
        size_t at = first_written(&freed[i]);
        if (at < freed[i].bytes)
            sim_fail("byte %zu of memory that had been freed was written to", at);
        free(freed[i].memory);
    }
    freed_count = 0;
}
