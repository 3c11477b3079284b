/*
 * Blocks: reference-counted runs of memory that hold events of one size.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A block is cut into slices, which are what rings and queues carry.  Slices
 * of one block never overlap, unless they are flagged aliased (one event for
 * several consumers), so the holder of an unaliased slice may write to it.
 *
 * References.  `refs` counts slices, by whichever thread holds them.  A block
 * that a stage is still filling starts with WEIR__BLOCK_BIAS references, all of
 * them in `spare`, which only the home worker touches: handing a slice out
 * there costs no atomic operation, and neither does dropping one there.  When
 * the block is closed, what is left of `spare` is given back at once.
 *
 *   refs == slices alive anywhere + spare            (0: nobody's; goes home)
 *
 * Writers of refs: any thread that holds a reference.  Readers: the same.
 * Ordering and wrap: see block.c.  Progress: wait-free.
 */
#ifndef WEIR__MEMORY_BLOCK_H
#define WEIR__MEMORY_BLOCK_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/check.h"
#include "base/stack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__pool;
struct weir_event_type;

enum { WEIR__BLOCK_BIAS = 1 << 20 };

/*
 * The header takes 128 bytes; the events follow it.  The consumers' line and
 * the filling worker's line are kept apart: while a block is filled, neither
 * side reads what the other writes (docs/transport.md has what that costs).
 */
struct weir__block {
    /* counted down by whoever holds slices, elsewhere */
    uint32_t refs;           /* atomic */
    uint32_t event_bytes;    /* constant, > 0                              */
    uint32_t size_class;     /* constant: the pool's                       */
    uint32_t words;          /* the home worker's: as it goes home all are 1, of events of so */
                             /* many bytes; 0: it had none (owned.h)       */
    size_t bytes;            /* constant: as allocated, header included    */
    struct weir__pool *home; /* constant                                   */
    /* constant while somebody holds it: of events that own something, or NULL (owned.h) */
    const struct weir_event_type *type;
    struct weir__block *lender; /* where the events' payload lies, held; or NULL (payload.c) */
    /* the way home: written by the last holder, then by the home worker */
    struct weir__block *next;   /* in a chain or a free list               */
    ck_stack_entry_t home_link; /* of a chain's first block                */

    /* the home worker's, while it fills the block */
    _Alignas(64) uint32_t spare; /* above 0 until it is closed             */
    uint32_t capacity;           /* in events                              */
    uint32_t used;               /* in events: written and handed out      */
};

enum { WEIR__BLOCK_HEADER_BYTES = 128 };

_Static_assert(sizeof(struct weir__block) == WEIR__BLOCK_HEADER_BYTES, "header size");

/* What callbacks are promised (weir_batch): where event 0 lies, in a block or elsewhere. */
enum { WEIR__EVENTS_ALIGNED = 16 };

static inline void *weir__block_event(const struct weir__block *block, uint32_t index) {
    return (unsigned char *)(uintptr_t)block + WEIR__BLOCK_HEADER_BYTES +
           (size_t)index * block->event_bytes;
}

/* The same for who knows the event's size: reads nothing of the header. */
static inline void *weir__block_at(const struct weir__block *block, uint32_t index,
                                   uint32_t event_bytes) {
    return (unsigned char *)(uintptr_t)block + WEIR__BLOCK_HEADER_BYTES +
           (size_t)index * event_bytes;
}

/* One more reference.  here: the calling worker's pool, NULL elsewhere. */
void weir__block_hold(struct weir__block *block, struct weir__pool *here);

/* True while `here` is the worker that fills the block: only then is spare looked at. */
static inline bool weir__block_filling(const struct weir__block *block,
                                       const struct weir__pool *here) {
    return here == block->home && block->spare > 0;
}

/* One reference less; the last one sends the block home.  here: as above. */
void weir__block_release(struct weir__block *block, struct weir__pool *here);

static inline void weir__block_drop(struct weir__block *block, struct weir__pool *here) {
    if (!weir__block_filling(block, here)) {
        weir__block_release(block, here);
        return;
    }
    block->spare++;
    WEIR__CHECK(block->spare <= weir__load_relaxed_u32(&block->refs));
}

/* The same of several at once. */
void weir__block_drop_many(struct weir__block *block, uint32_t count, struct weir__pool *here);

/*
 * The home worker stops filling a block: gives its spare references back.
 * The block must not be used by it afterwards, but through slices it holds.
 */
void weir__block_close(struct weir__block *block, struct weir__pool *here);

/*
 * Home worker, before closing: true when no slice of the block is alive, so
 * that all of it may be written anew.  What it has in spare does not tell: a
 * slice held twice elsewhere and dropped once here leaves spare as it was.
 */
static inline bool weir__block_idle(const struct weir__block *block) {
    /* B1 (block.c): the last reader's reads come before what is written next.  A
     * block that others drop slices of is not worth the look: its lines are theirs. */
    return block->spare >= WEIR__BLOCK_BIAS && weir__load_acquire_u32(&block->refs) == block->spare;
}

/* Home worker, before closing: whether `events` more of that kind have room behind what it has,
 * or from its start, if no slice of it is alive. */
static inline bool weir__block_has_room(struct weir__block *block, uint32_t event_bytes,
                                        const struct weir_event_type *type, uint64_t events) {
    if (weir__block_idle(block)) block->used = 0;
    return block->event_bytes == event_bytes && block->type == type &&
           block->capacity - block->used >= events;
}

/* A block that the calling worker is filling, its pool `here`. */
void weir__block_check(const struct weir__block *block, const struct weir__pool *here);

/* weir__block_hold for a block that the calling worker is filling. */
static inline void weir__block_hold_filling(struct weir__block *block, struct weir__pool *here) {
    if (block->spare > 1) {
        block->spare--;
    } else {
        weir__block_hold(block, here);
    }
}

/* weir__block_hold, where the calling worker is likely to be filling it. */
static inline void weir__block_hold_here(struct weir__block *block, struct weir__pool *here) {
    if (WEIR__LIKELY(weir__block_filling(block, here))) {
        weir__block_hold_filling(block, here);
    } else {
        weir__block_hold(block, here);
    }
}

#endif
