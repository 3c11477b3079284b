/*
 * Room: see room.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/room.h"

#include "base/attributes.h"
#include "memory/pool.h"

enum { ROOM_FIRST_BYTES = 4096, ROOM_BYTES = WEIR__BLOCK_BYTES_MAX };

/* This worker's pool, if the block is of the same runtime; NULL. */
static struct weir__pool *pool_here(const struct weir__block *block) {
    struct weir__host *here = weir__here;
    bool same = here != NULL && here->pool.allocator == block->home->allocator;
    return same ? &here->pool : NULL;
}

static struct weir__block *block_of(uint64_t room) {
    return (struct weir__block *)(uintptr_t)room;
}

char *weir__room_open(weir_stage *self, size_t bytes, uint64_t *room) {
    struct weir__pool *pool = &self->host->pool;
    if (weir__stage_has_spans(self)) { /* what was emitted lies in this block, too */
        weir__stage_end_strip(self);
        self->reserved = 0;
    }
    size_t fresh = self->payload == NULL ? ROOM_FIRST_BYTES : ROOM_BYTES;
    struct weir__block *block =
        weir__pool_room(pool, &self->payload, 1, NULL, bytes, bytes > fresh ? bytes : fresh);
    if (block == NULL) {
        return NULL;
    }
    char *at = weir__block_at(block, block->used, 1);
    block->used += (uint32_t)bytes;
    weir__block_hold_here(block, pool);
    *room = (uintptr_t)block;
    return at;
}

void weir__room_hold(uint64_t room) {
    if (room != 0) {
        weir__block_hold(block_of(room), pool_here(block_of(room)));
    }
}

void weir__room_outdate(weir_stage *self, uint64_t room) {
    if (self->outdated != NULL) {
        weir__room_drop((uintptr_t)self->outdated, 1);
    }
    self->outdated = block_of(room);
}

void weir__room_drop(uint64_t room, uint32_t count) {
    if (room != 0) {
        weir__block_drop_many(block_of(room), count, pool_here(block_of(room)));
    }
}
