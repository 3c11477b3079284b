/*
 * The arena: see arena.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/arena.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/refusal.h"
#include "os/lock.h"
#include "os/pages.h"

#include <string.h>

enum { EIGHTHS_LOG2 = 3, FINE_LOG2 = 10, LARGE_PAGES = 65536 };

/* Lies at the beginning of its pages. */
struct region {
    struct region *before;
    size_t bytes;
};

/* What a piece is while nobody has it. */
struct piece {
    struct piece *next;
};

/* Behind the region's head in its first region. */
struct weir__arena {
    uint32_t lock;
    bool locks; /* constant, as is the next */
    bool huge;
    bool closed;
    int error;     /* why the last pages could not be locked; 0 */
    uint64_t live; /* pieces, and pages of their own            */
    struct region *regions;
    char *at;
    char *end;
    struct piece *free[WEIR__ARENA_SIZES];
};

/* ---- sizes ------------------------------------------------------------------ */

unsigned weir__arena_size_of(size_t bytes) {
    if (bytes <= WEIR__ARENA_FINE) {
        return (unsigned)((bytes + WEIR__ARENA_STEP - 1) / WEIR__ARENA_STEP - 1);
    }
    const unsigned log2 = weir__log2_up_u64(bytes) - 1; /* 2^log2 < bytes <= 2^(log2 + 1) */
    const unsigned eighth = (unsigned)((bytes - 1) >> (log2 - EIGHTHS_LOG2)) - 8;
    return 8 + (log2 - FINE_LOG2) * 8 + eighth;
}

size_t weir__arena_bytes_of(unsigned size) {
    if (size < 8) {
        return (size + 1) * (size_t)WEIR__ARENA_STEP;
    }
    const unsigned log2 = FINE_LOG2 + (size - 8) / 8;
    return (size_t)(9 + (size - 8) % 8) << (log2 - EIGHTHS_LOG2);
}

static size_t to_multiple(size_t bytes, size_t to) {
    return (bytes + to - 1) / to * to;
}

/* ---- pages ------------------------------------------------------------------ */

/* With what was asked for; NULL: there are none, or *error: they cannot be locked. */
static void *take_pages(size_t bytes, size_t alignment, bool huge, bool locks, int *error) {
    void *memory = weir__pages_map(bytes, alignment);
    if (memory == NULL) {
        return NULL;
    }
    if (huge) {
        weir__pages_huge(memory, bytes);
    }
    *error = locks ? weir__pages_lock(memory, bytes) : 0;
    if (*error != 0) {
        weir__pages_unmap(memory, bytes);
        return NULL;
    }
    return memory;
}

/* What is left of the newest region is cut up, from the largest piece on. */
static void keep_rest(struct weir__arena *arena) {
    size_t left;
    while ((left = (size_t)(arena->end - arena->at)) >= WEIR__ARENA_STEP) {
        unsigned size =
            weir__arena_size_of(left < WEIR__ARENA_MOST ? left : (size_t)WEIR__ARENA_MOST);
        size -= weir__arena_bytes_of(size) > left;
        struct piece *piece = (void *)arena->at;
        piece->next = arena->free[size];
        arena->free[size] = piece;
        arena->at += weir__arena_bytes_of(size);
    }
}

static bool take_region(struct weir__arena *arena, size_t least) {
    const size_t bytes = to_multiple(least + WEIR__ARENA_STEP, WEIR__PAGES_HUGE);
    struct region *region =
        take_pages(bytes, WEIR__PAGES_HUGE, arena->huge, arena->locks, &arena->error);
    if (region == NULL) {
        return false;
    }
    keep_rest(arena);
    *region = (struct region){.before = arena->regions, .bytes = bytes};
    arena->regions = region;
    arena->at = (char *)region + WEIR__ARENA_STEP;
    arena->end = (char *)region + bytes;
    return true;
}

/* ---- pieces ----------------------------------------------------------------- */

static bool is_aligned(const void *memory, size_t alignment) {
    return ((uintptr_t)memory & (alignment - 1)) == 0;
}

static void *take_kept(struct weir__arena *arena, unsigned size, size_t alignment) {
    struct piece *piece = arena->free[size];
    if (piece == NULL || !is_aligned(piece, alignment)) {
        return NULL;
    }
    arena->free[size] = piece->next;
    return piece;
}

static void *cut(struct weir__arena *arena, size_t bytes, size_t alignment) {
    const size_t before = (size_t)(-(uintptr_t)arena->at & (alignment - 1));
    if ((size_t)(arena->end - arena->at) < before + bytes) {
        return NULL;
    }
    char *memory = arena->at + before;
    arena->at = memory + bytes;
    return memory;
}

static void *find_piece(struct weir__arena *arena, size_t bytes, size_t alignment) {
    const unsigned size = weir__arena_size_of(bytes);
    const size_t whole = weir__arena_bytes_of(size);
    void *memory = take_kept(arena, size, alignment);
    memory = memory != NULL ? memory : cut(arena, whole, alignment);
    if (memory == NULL && take_region(arena, whole + alignment)) {
        memory = cut(arena, whole, alignment);
    }
    return memory;
}

static size_t large_bytes(size_t bytes) {
    return to_multiple(bytes, LARGE_PAGES);
}

void *weir__arena_alloc(void *context, size_t bytes, size_t alignment) {
    struct weir__arena *arena = context;
    alignment = alignment < WEIR__ARENA_STEP ? WEIR__ARENA_STEP : alignment;
    weir__lock(&arena->lock);
    void *memory = bytes > WEIR__ARENA_MOST ? take_pages(large_bytes(bytes), WEIR__PAGES_HUGE,
                                                         arena->huge, arena->locks, &arena->error)
                                            : find_piece(arena, bytes, alignment);
    arena->live += memory != NULL;
    weir__unlock(&arena->lock);
    return memory;
}

/* The arena itself lies in the first one. */
static void free_regions(struct region *region) {
    while (region != NULL) {
        struct region *before = region->before;
        weir__pages_unmap(region, region->bytes);
        region = before;
    }
}

/* What the calling thread has found under the lock: nobody else knows the arena any more. */
static void leave(struct weir__arena *arena) {
    struct region *regions = arena->closed && arena->live == 0 ? arena->regions : NULL;
    weir__unlock(&arena->lock);
    free_regions(regions);
}

void weir__arena_free(void *context, void *memory, size_t bytes) {
    struct weir__arena *arena = context;
    if (bytes > WEIR__ARENA_MOST) {
        weir__pages_unmap(memory, large_bytes(bytes));
    }
    weir__lock(&arena->lock);
    if (bytes <= WEIR__ARENA_MOST) {
        const unsigned size = weir__arena_size_of(bytes);
        struct piece *piece = memory;
        piece->next = arena->free[size];
        arena->free[size] = piece;
    }
    WEIR__CHECK(arena->live > 0);
    arena->live--;
    leave(arena);
}

/* ---- opening and closing ------------------------------------------------------ */

bool weir__arena_is_wanted(const weir_memory_options *options) {
    return options != NULL && (options->lock || options->huge_pages || options->ready_bytes > 0);
}

static weir_status refuse_pages(const weir_memory_options *options, size_t bytes, int error) {
    return error == 0
               ? weir__refuse(WEIR_NO_MEMORY, "no memory for memory->ready_bytes %zu",
                              options->ready_bytes)
               : weir__refuse(WEIR_SYSTEM,
                              "memory->lock: %zu bytes cannot be locked: %s: it needs "
                              "CAP_IPC_LOCK, or an RLIMIT_MEMLOCK for all that the runtime takes",
                              bytes, strerror(error));
}

weir_status weir__arena_open(const weir_memory_options *options, struct weir__arena **out) {
    struct weir__arena first = {.locks = options->lock, .huge = options->huge_pages};
    const size_t head = to_multiple(sizeof first, WEIR__ARENA_STEP);
    const size_t least = head + options->ready_bytes;
    if (!take_region(&first, least)) {
        return refuse_pages(options, to_multiple(least + WEIR__ARENA_STEP, WEIR__PAGES_HUGE),
                            first.error);
    }
    if (options->ready_bytes > 0) {
        weir__pages_touch(first.regions, first.regions->bytes);
    }
    struct weir__arena *arena = (void *)first.at;
    first.at += head;
    *arena = first;
    *out = arena;
    return WEIR_OK;
}

void weir__arena_close(struct weir__arena *arena) {
    weir__lock(&arena->lock);
    arena->closed = true;
    leave(arena);
}
