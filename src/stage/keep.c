/*
 * Keeping: events that have to wait, copied to where they pin little memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events that came inside a ring entry need a block once they wait in a queue.
 * And a slice smaller than an eighth of its block, waiting beyond the turn that
 * queued it, is copied out: otherwise a slow consumer pins a block of 64 KiB with
 * one event.  Both go to `keep`, a block that the stage fills for itself.
 */
#include "memory/pool.h"
#include "stage/keeping.h"
#include "stage/stage.h"

#include <string.h>

enum { SMALL = 8 }; /* a slice under 1/8 of its block is small */

bool weir__stage_keep(weir_stage *stage, const weir_event_type *type, const void *events,
                      struct weir__item *item) {
    struct weir__block *block = weir__pool_room(&stage->host->pool, &stage->keep, item->event_bytes,
                                                type, item->count, item->count);
    if (block == NULL) {
        return false;
    }
    item->block = block;
    item->first = block->used;
    memcpy(weir__block_at(block, block->used, item->event_bytes), events,
           (size_t)item->count * item->event_bytes);
    block->used += item->count;
    weir__block_hold_filling(block, &stage->host->pool);
    return true;
}

static bool is_small(const struct weir__item *item) {
    return (uint64_t)item->count * item->event_bytes * SMALL <
           item->block->bytes - WEIR__BLOCK_HEADER_BYTES;
}

void weir__stage_unpin_item(weir_stage *stage, struct weir__item *item) {
    struct weir__block *block = item->block;
    if ((item->flags & WEIR__MARK) != 0 || block == stage->open || block == stage->keep ||
        !is_small(item) || !weir__item_movable(item)) {
        return;
    }
    const void *events = weir__block_at(block, item->first, item->event_bytes);
    if (weir__stage_keep(stage, weir__item_type(item), events,
                         item)) { /* without memory it stays where it is */
        item->flags &= ~(uint32_t)WEIR__ALIASED;
        weir__block_drop(block, &stage->host->pool);
    }
}

void weir__stage_unpin(weir_stage *stage, struct weir__queue *queue, uint32_t newest) {
    uint32_t from = newest < queue->count ? queue->count - newest : 0;
    for (uint32_t i = from; i < queue->count; i++) {
        weir__stage_unpin_item(stage, weir__queue_at(queue, i));
    }
}
