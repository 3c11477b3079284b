/*
 * Pools: where a worker's blocks come from and go home to.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each worker owns one pool.  Free blocks lie in last-in first-out lists, one
 * for each size class (a header, and a power of two of bytes for events),
 * touched by the owner alone.  A block whose last slice is dropped on another
 * worker waits in that worker's outgoing chain for its home; at the end of a
 * turn, or when it is long, the chain is pushed on the home's `returned` stack
 * in one operation, and the owner takes that stack whole when a list is empty.
 *
 * A pool of *loose* blocks is no worker's: any thread makes them, whoever drops the last reference
 * frees them, and no list keeps them.
 *
 * (writers, readers, label table, progress and wrap: see pool.c)
 */
#ifndef WEIR__MEMORY_POOL_H
#define WEIR__MEMORY_POOL_H

#include "base/stack.h"
#include "memory/allocator.h"
#include "memory/block.h"
#include "memory/owned.h"

enum {
    WEIR__POOL_CLASS_MIN_LOG2 = 9,  /* 512 bytes of events                      */
    WEIR__POOL_CLASS_MAX_LOG2 = 21, /* 2 MiB; larger blocks are not kept        */
    WEIR__POOL_CLASSES = WEIR__POOL_CLASS_MAX_LOG2 - WEIR__POOL_CLASS_MIN_LOG2 + 1,
    WEIR__POOL_CHAINS = 4,            /* homes that an outgoing chain is kept for */
    WEIR__POOL_CHAIN_MAX = 32,        /* blocks in a chain before it is sent, or: */
    WEIR__POOL_CHAIN_BYTES = 131072,  /* bytes in it, which their home would make anew meanwhile */
    WEIR__BLOCK_EVENTS_MAX = 1 << 30, /* so that references cannot overflow       */
    WEIR__BLOCK_BYTES_MAX = 65536     /* of events, unless one event needs more   */
};

struct weir__pool_chain {
    struct weir__pool *home;
    struct weir__block *first;
    uint32_t count;
    size_t bytes;
};

struct weir__pool {
    /* pushed by any thread, taken whole by the owner */
    ck_stack_t returned;

    /* the owner's */
    _Alignas(128) struct weir__block *free[WEIR__POOL_CLASSES];
    struct weir__pool_chain chains[WEIR__POOL_CHAINS];
    bool chained; /* some chain may hold blocks */
    bool loose;   /* constant */
    const struct weir__allocator *allocator;
    uint64_t made;                   /* blocks ever allocated (atomic: read by observers)        */
    uint64_t taken;                  /* blocks ever handed out (atomic: read by observers)       */
    uint64_t back;                   /* blocks in free lists again; live = taken - back          */
    uint64_t sent;                   /* blocks sent to other homes (atomic: read by observers)   */
    uint64_t received;               /* blocks that others have sent home, taken in (likewise) */
    struct weir__owned_counts owned; /* what became of events that own something (likewise) */
    /* blocks that threads which are no workers have sent home (atomic, anybody) */
    _Alignas(128) uint64_t strays;
    /* by such threads: of events in its blocks, and of those that were never in one (atomic) */
    uint64_t stray_drops[WEIR_DISCARD_CAUSES];
    uint64_t stray_accepted; /* likewise: the latter */
    uint64_t stray_copies;   /* likewise: made of events in its blocks */
    uint64_t stray_takes;    /* likewise: those and the copies         */
};

void weir__pool_open(struct weir__pool *pool, const struct weir__allocator *allocator);
void weir__pool_open_loose(struct weir__pool *pool, const struct weir__allocator *allocator);

/*
 * Frees every block that is home, and returns the number that are not: 0 but
 * for a defect.  Before it, every pool of the runtime is flushed.
 */
uint64_t weir__pool_close(struct weir__pool *pool);

/*
 * A block for at least `events` events of event_bytes, capacity rounded up to
 * what its size class holds; refs and spare are WEIR__BLOCK_BIAS, used is 0.
 * type: of events that own something, else NULL.
 * NULL: no memory.  Owner only.
 */
struct weir__block *weir__pool_get(struct weir__pool *pool, uint32_t event_bytes,
                                   const weir_event_type *type, uint64_t events);

/*
 * Of a pool of loose blocks: one for so many bytes, which the caller holds once; nothing is in
 * spare, so it is held and dropped like a block of somebody else's, wherever that is.
 * NULL: no memory.  Any thread.
 */
struct weir__block *weir__pool_get_loose(struct weir__pool *pool, size_t bytes);

/*
 * A block to go on filling, with room for `events` more: *block, if it has it
 * (from its start once all its slices have come back), else a new one with room
 * for `fresh` (>= events), and the old one is closed.  The same is left in *block.
 * NULL: no memory.  Owner only.
 */
struct weir__block *weir__pool_room(struct weir__pool *pool, struct weir__block **block,
                                    uint32_t event_bytes, const weir_event_type *type,
                                    uint64_t events, uint64_t fresh);

/*
 * The last reference to a block is gone.  here: the calling worker's pool, or
 * NULL on a thread that is no worker (the block is then pushed home alone).
 */
void weir__pool_put(struct weir__block *block, struct weir__pool *here);

/* Sends the outgoing chains home.  Owner only; at the end of each turn. */
void weir__pool_flush_chains(struct weir__pool *pool);

static inline void weir__pool_flush(struct weir__pool *pool) {
    if (pool->chained) weir__pool_flush_chains(pool);
}

/*
 * Takes in what others sent home, so that it counts as `back`.  Owner only;
 * weir__pool_get does it by itself when it has run out.
 */
void weir__pool_collect(struct weir__pool *pool);

/*
 * Blocks handed out and not yet back: too high rather than too low.  Any thread.  Those on
 * `returned` are nobody's any more, though their owner may sleep and not know it: over all
 * pools they are weir__pool_departed, read first, less the sum of `received`.
 */
static inline uint64_t weir__pool_live(const struct weir__pool *pool) {
    uint64_t back = weir__load_acquire_u64(&pool->back); /* P2 (pool.c) */
    return weir__load_relaxed_u64(&pool->taken) - back;
}

static inline uint64_t weir__pool_departed(const struct weir__pool *pool) {
    return weir__load_relaxed_u64(&pool->sent) + weir__load_relaxed_u64(&pool->strays);
}

/* Owner only, when its chains are flushed. */
void weir__pool_check(const struct weir__pool *pool);

static inline uint64_t weir__pool_received(const struct weir__pool *pool) {
    return weir__load_relaxed_u64(&pool->received);
}

#endif
