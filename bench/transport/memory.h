/*
 * Blocks, their counts and their way home, in the variants that are compared.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One pool, owned by the sender.  Free blocks lie in a last-in first-out list;
 * those that the receiver frees come back over `returned`, as entries that each
 * head a chain of blocks (of length one where they go home singly).
 *
 * Labels: M1 -> M2  a drop releases what its holder read, the last one acquires
 *         M3 -> M4  a push home publishes the chain, taking it acquires
 * On x86 both are the locked instruction itself.
 */
#ifndef TRANSPORT_MEMORY_H
#define TRANSPORT_MEMORY_H

#include "order.h"
#include "shape.h"

#include <ck_stack.h>
#include <stddef.h>

enum { MEMORY_BIAS = 1 << 20, MEMORY_APART = 128, MEMORY_LINE = 64 };

struct block {
    _Alignas(MEMORY_APART) uint32_t refs;       /* any holder                          */
    _Alignas(MEMORY_LINE) uint32_t event_bytes; /* written when made, then constant */
    uint32_t capacity;
    uint32_t handed;    /* MEMORY_MIXED: written by the sender for every slice      */
    struct block *next; /* in a chain or list                                    */
    ck_stack_entry_t entry;
    _Alignas(MEMORY_LINE) uint64_t words[];
};

struct pool {
    _Alignas(MEMORY_APART) ck_stack_t returned; /* pushed by the receiver        */
    _Alignas(MEMORY_APART) struct block *free;  /* the sender's, as are all below */
    struct block *open;
    uint32_t used;   /* events of the open block that were handed out            */
    uint32_t handed; /* slices of it                                             */
    uint32_t made;
    uint32_t event_bytes;
    uint32_t block_bytes;
};

/* Blocks freed by the receiver in the turn at hand. */
struct chain {
    struct block *first;
};

struct room {
    struct block *block;
    uint32_t first;
    uint32_t count;
};

struct block *memory_block_make(struct pool *pool, uint32_t capacity);
void memory_pool_close(struct pool *pool);

/* A block that nobody holds: recycled if there is one. */
static inline struct block *pool_get(struct pool *pool) {
    if (pool->free == NULL) {
        ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&pool->returned); /* M4 */
        while (entry != NULL) {
            struct block *block =
                (struct block *)(void *)((char *)entry - offsetof(struct block, entry));
            entry = entry->next;
            while (block != NULL) {
                struct block *next = block->next;
                block->next = pool->free;
                pool->free = block;
                block = next;
            }
        }
    }
    struct block *block = pool->free;
    if (block == NULL) return memory_block_make(pool, pool->block_bytes / pool->event_bytes);
    pool->free = block->next;
    return block;
}

static inline void pool_put(struct pool *pool, struct block *block) {
    block->next = pool->free;
    pool->free = block;
}

/* The sender stops filling its open block: what is left of the bias goes back. */
static inline void pool_close_open(struct pool *pool) {
    if (pool->open == NULL) return;
    uint32_t spare = MEMORY_BIAS - pool->handed;
    if (ck_pr_faa_32(&pool->open->refs, -spare) == spare) pool_put(pool, pool->open); /* M2 */
    pool->open = NULL;
}

static inline struct room room_biased(struct pool *pool, uint32_t want) {
    uint32_t capacity = pool->block_bytes / pool->event_bytes;
    uint32_t count = want < capacity ? want : capacity;
    if (pool->open == NULL || capacity - pool->used < count) {
        pool_close_open(pool);
        pool->open = pool_get(pool);
        ck_pr_store_32(&pool->open->refs, MEMORY_BIAS);
        pool->used = 0;
        pool->handed = 0;
    }
    return (struct room){pool->open, pool->used, count};
}

/* Where the next `want` events may be written; perhaps fewer. */
static inline struct room room_take(struct pool *pool, const struct shape *shape, uint32_t want) {
    if (shape->memory >= MEMORY_BIASED) return room_biased(pool, want);
    uint32_t capacity = pool->block_bytes / pool->event_bytes;
    struct room room = {pool_get(pool), 0, want < capacity ? want : capacity};
    ck_pr_store_32(&room.block->refs, 1);
    return room;
}

/* They were written, and travel as one slice. */
static inline void room_hand_out(struct pool *pool, const struct shape *shape, struct room room) {
    if (shape->memory < MEMORY_BIASED) return;
    pool->used += room.count;
    pool->handed++;
    if (shape->memory == MEMORY_MIXED) ck_pr_store_32(&room.block->handed, pool->handed);
}

static inline void chain_flush(struct pool *pool, struct chain *chain) {
    if (chain->first == NULL) return;
    ck_stack_push_upmc(&pool->returned, &chain->first->entry); /* M3 */
    chain->first = NULL;
}

/* The receiver is done with a slice of the block. */
static inline void block_drop(struct pool *pool, const struct shape *shape, struct chain *chain,
                              struct block *block) {
    bool last = shape->memory == MEMORY_LAST && load_acquire_32(&block->refs) == 1;
    if (!last && ck_pr_faa_32(&block->refs, UINT32_MAX) != 1) return; /* M1 */
    block->next = shape->home == HOME_CHAIN ? chain->first : NULL;
    chain->first = block;
    if (shape->home == HOME_SINGLY) chain_flush(pool, chain);
}

#endif
