/*
 * Room: see room.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/room.h"

#include "base/attributes.h"
#include "memory/pool.h"

enum { ROOM_FIRST_BYTES = 4096, ROOM_BYTES = WEIR__BLOCK_BYTES_MAX, ROOM_ALIGNED = 8 };

_Static_assert(WEIR__BLOCK_HEADER_BYTES % ROOM_ALIGNED == 0, "a block's first bytes");

/* This worker's pool, if the block is of the same runtime; NULL. */
static struct weir__pool *pool_here(const struct weir__block *block) {
    struct weir__host *here = weir__here;
    bool same = here != NULL && here->pool.allocator == block->home->allocator;
    return same ? &here->pool : NULL;
}

static struct weir__block *block_of(uint64_t room) {
    return (struct weir__block *)(uintptr_t)room;
}

static size_t fresh_bytes(const struct weir__block *before, size_t bytes) {
    size_t fresh = before == NULL ? ROOM_FIRST_BYTES : ROOM_BYTES;
    return bytes > fresh ? bytes : fresh;
}

/* What is between the last bytes and the next; none at the block's start. */
static uint32_t gap_in(const struct weir__block *block) {
    return -block->used % ROOM_ALIGNED;
}

/* Bytes of a block that has room for them. */
static char *take_bytes(struct weir__block *block, size_t bytes) {
    block->used += gap_in(block);
    char *at = weir__block_at(block, block->used, 1);
    block->used += (uint32_t)bytes;
    return at;
}

static char *open_in_stage(weir_stage *self, size_t bytes, uint64_t *room) {
    struct weir__pool *pool = &self->host->pool;
    if (weir__stage_has_spans(self)) { /* what was emitted lies in this block, too */
        weir__stage_end_strip(self);
        self->reserved = 0;
    }
    const size_t gap = self->payload != NULL ? gap_in(self->payload) : 0;
    struct weir__block *block = weir__pool_room(pool, &self->payload, 1, NULL, bytes + gap,
                                                fresh_bytes(self->payload, bytes));
    if (block == NULL) {
        return NULL;
    }
    char *at = take_bytes(block, bytes);
    weir__block_hold_here(block, pool);
    *room = (uintptr_t)block;
    return at;
}

/* ---- of tasks -------------------------------------------------------------------- */

/* The block, with room for so many bytes more: from its start, once no message is there. */
static struct weir__block *fill_on(struct weir__filling *filling, size_t bytes) {
    struct weir__block *block = filling->block;
    if (block != NULL && weir__load_acquire_u32(&block->refs) == 1) { /* B1 (memory/block.c) */
        block->used = 0;
    }
    if (block != NULL && block->capacity - block->used >= bytes + gap_in(block)) {
        return block;
    }
    struct weir__block *fresh = weir__pool_get_loose(filling->pool, fresh_bytes(block, bytes));
    if (fresh != NULL && block != NULL) {
        weir__block_drop(block, NULL);
    }
    filling->block = fresh != NULL ? fresh : block;
    return fresh;
}

static char *open_in_task(struct weir__filling *filling, size_t bytes, uint64_t *room) {
    struct weir__block *block = fill_on(filling, bytes);
    if (block == NULL) {
        return NULL;
    }
    char *at = take_bytes(block, bytes);
    weir__block_hold(block, NULL);
    *room = (uintptr_t)block;
    return at;
}

void weir__filling_rest(struct weir__filling *filling) {
    weir__room_drop((uintptr_t)filling->outdated, 1);
    filling->outdated = NULL;
}

void weir__filling_close(struct weir__filling *filling) {
    weir__filling_rest(filling);
    weir__room_drop((uintptr_t)filling->block, 1);
    filling->block = NULL;
}

/* ---- of either --------------------------------------------------------------------- */

char *weir__room_open(struct weir__giver giver, size_t bytes, uint64_t *room) {
    return giver.self != NULL ? open_in_stage(giver.self, bytes, room)
                              : open_in_task(giver.filling, bytes, room);
}

void weir__room_hold(uint64_t room) {
    if (room != 0) {
        weir__block_hold(block_of(room), pool_here(block_of(room)));
    }
}

void weir__room_outdate(struct weir__giver giver, uint64_t room) {
    struct weir__block **outdated =
        giver.self != NULL ? &giver.self->outdated : &giver.filling->outdated;
    weir__room_drop((uintptr_t)*outdated, 1);
    *outdated = block_of(room);
}

void weir__room_drop(uint64_t room, uint32_t count) {
    if (room != 0) {
        weir__block_drop_many(block_of(room), count, pool_here(block_of(room)));
    }
}
