/*
 * The allocator: chooses a backend, and guards sizes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * jemalloc is reached by weak references only: where the program does not link
 * it they are null, and nothing of it is needed, its headers included.  The
 * two flags of its extended interface that are used here are part of its
 * binary interface: the low six bits are the alignment's logarithm, 0x40 asks
 * for zeroed memory.  Memory goes back through dallocx, not sdallocx: the sized
 * form must be told the alignment again, which weir__free does not know.
 *
 * Every backend is asked for at least one byte, so that NULL always means that
 * there is no memory, and is given back the size that it was asked for.
 */
#include "memory/allocator.h"

#include "base/attributes.h"
#include "base/bits.h"
#include "base/check.h"
#include "memory/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

__attribute__((weak)) void *mallocx(size_t bytes, int flags);
__attribute__((weak)) void dallocx(void *memory, int flags);

enum { FLAG_ZERO = 0x40 };

/* Room is left above it for every backend's rounding up. */
static const size_t bytes_limit = SIZE_MAX / 4;

static void *jemalloc_alloc(void *context, size_t bytes, size_t alignment) {
    (void)context;
    return mallocx(bytes, (int)weir__log2_up_u64(alignment));
}

static void jemalloc_free(void *context, void *memory, size_t bytes) {
    (void)context;
    (void)bytes;
    dallocx(memory, 0);
}

static void *libc_alloc(void *context, size_t bytes, size_t alignment) {
    (void)context;
    /* C11 wants a multiple of the alignment. */
    return aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
}

static void libc_free(void *context, void *memory, size_t bytes) {
    (void)context;
    (void)bytes;
    free(memory);
}

void weir__allocator_open(struct weir__allocator *allocator, const weir_allocator *user) {
    if (user != NULL && user->alloc != NULL) {
        *allocator = (struct weir__allocator){.use = *user, .name = "user"};
    } else if (mallocx != NULL && dallocx != NULL) {
        *allocator = (struct weir__allocator){
            .use = {.alloc = jemalloc_alloc, .free = jemalloc_free}, .name = "jemalloc"};
    } else {
        *allocator = (struct weir__allocator){.use = {.alloc = libc_alloc, .free = libc_free},
                                              .name = "libc"};
    }
}

weir_status weir__allocator_open_with(struct weir__allocator *allocator, const weir_allocator *user,
                                      const weir_memory_options *options) {
    struct weir__arena *arena;
    weir__allocator_open(allocator, user);
    if (!weir__arena_is_wanted(options)) {
        return WEIR_OK;
    }
    weir_status status = weir__arena_open(options, &arena);
    if (status == WEIR_OK) {
        *allocator = (struct weir__allocator){
            .use = {.alloc = weir__arena_alloc, .free = weir__arena_free, .context = arena},
            .name = "pages"};
    }
    return status;
}

void weir__allocator_close(struct weir__allocator *allocator) {
    if (allocator->use.alloc == weir__arena_alloc) {
        weir__arena_close(allocator->use.context);
    }
}

void *weir__alloc(const struct weir__allocator *allocator, size_t bytes, size_t alignment) {
    WEIR__CHECK(weir__is_power_of_two_u64(alignment) && alignment >= 8 && alignment <= 4096);
    if (bytes > bytes_limit) return NULL;
    return allocator->use.alloc(allocator->use.context, bytes == 0 ? 1 : bytes, alignment);
}

void *weir__alloc_zeroed(const struct weir__allocator *allocator, size_t bytes, size_t alignment) {
    if (allocator->use.alloc == jemalloc_alloc && bytes > 0 && bytes <= bytes_limit) {
        /* Fresh pages come zeroed from the system: jemalloc then skips it. */
        return mallocx(bytes, (int)weir__log2_up_u64(alignment) | FLAG_ZERO);
    }
    void *memory = weir__alloc(allocator, bytes, alignment);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}

void weir__free(const struct weir__allocator *allocator, void *memory, size_t bytes) {
    /* A user's allocator may have no free: one that lets go of all at once. */
    if (memory == NULL || allocator->use.free == NULL) return;
    allocator->use.free(allocator->use.context, memory, bytes == 0 ? 1 : bytes);
}
