/*
 * Blocks: taking and dropping references.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Writers: `refs` any thread that holds a reference; `spare` the home worker.
 * Readers: the same.
 * Invariants: refs == slices alive anywhere + spare; spare > 0 exactly while
 * the home worker fills the block, so that it cannot go home under its hands.
 *
 * Ordering
 *   label  place                          order    what it carries
 *   B0     block_release, fetch_sub       release  the holder's reads and writes of
 *                                                  the events come before B1
 *   B1     block_release, load or         acquire  who sees itself as the last
 *          fetch_sub; block_idle, load             holder may write all of them
 * A decrement is one full read-modify-write (on x86 it cannot be less), so it
 * is B0 and B1 at once.  Increments publish nothing: whoever makes one holds a
 * reference already, and the slice it makes travels by a ring that orders it.
 *
 * Progress: wait-free.
 * Wrap: spare stays below 2 * BIAS but for one BIAS more each time that a block
 * had BIAS - 1 slices handed out, and a block has at most EVENTS_MAX events, each
 * in one slice or, aliased, in one for each consumer: to reach 2^32 references
 * would take 4 billion slices of one block in queues, 128 GiB of items.
 */
#include "memory/block.h"

#include "base/attributes.h"
#include "base/check.h"
#include "memory/pool.h"

_Static_assert(offsetof(struct weir__block, spare) == 64, "the filling worker has its own line");
_Static_assert(sizeof(struct weir__block) == WEIR__BLOCK_HEADER_BYTES, "header size");

/* Gives `count` references back; with the last ones the block goes home. */
static void block_release(struct weir__block *block, uint32_t count, struct weir__pool *here) {
    /*
     * The only holder needs no read-modify-write: nobody else can add to refs,
     * since that takes a reference.  B1: it must see the others' B0.
     */
    if (weir__load_acquire_u32(&block->refs) == count) {
        weir__store_relaxed_u32(&block->refs, 0);
        weir__pool_put(block, here);
        return;
    }
    uint32_t before = weir__fetch_sub_u32(&block->refs, count); /* B0, B1 */
    WEIR__CHECK(before >= count);
    if (before == count) weir__pool_put(block, here);
}

void weir__block_hold(struct weir__block *block, struct weir__pool *here) {
    WEIR__CHECK(weir__load_relaxed_u32(&block->refs) > 0);
    if (!weir__block_filling(block, here)) {
        weir__fetch_add_u32(&block->refs, 1);
        return;
    }
    if (WEIR__UNLIKELY(block->spare == 1)) {
        /* The last one in spare keeps the block open: more are made at once. */
        weir__fetch_add_u32(&block->refs, WEIR__BLOCK_BIAS);
        block->spare += WEIR__BLOCK_BIAS;
    }
    block->spare--;
}

void weir__block_release(struct weir__block *block, struct weir__pool *here) {
    block_release(block, 1, here);
}

void weir__block_drop_many(struct weir__block *block, uint32_t count, struct weir__pool *here) {
    if (!weir__block_filling(block, here)) {
        block_release(block, count, here);
        return;
    }
    block->spare += count;
    WEIR__CHECK(block->spare <= weir__load_relaxed_u32(&block->refs));
}

void weir__block_close(struct weir__block *block, struct weir__pool *here) {
    WEIR__CHECK(weir__block_filling(block, here));
    uint32_t spare = block->spare;
    block->spare = 0;
    block_release(block, spare, here);
}

/* How many slices are alive nobody can count; that spare is a part of refs must hold always. */
#if WEIR__CHECKED
void weir__block_check(const struct weir__block *block, const struct weir__pool *here) {
    WEIR__CHECK(weir__block_filling(block, here));
    WEIR__CHECK(block->spare <= weir__load_relaxed_u32(&block->refs));
    WEIR__CHECK(block->used <= block->capacity);
}
#endif
