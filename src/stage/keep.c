/*
 * Keeping: events that have to wait, copied to where they pin little memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events that came inside a ring entry need a block once they wait in a queue.
 * And a slice smaller than an eighth of its block, waiting beyond the turn that
 * queued it, is copied out: otherwise a slow consumer pins a block of 64 KiB with
 * one event.  Both go to `keep`, a block that the stage fills for itself.  Events with
 * spans pin two blocks, theirs and its lender: they are copied with their payload, which goes to
 * `keep_payload`, the lender of `keep` then.
 */
#include "memory/pool.h"
#include "memory/spans.h"
#include "stage/keeping.h"
#include "stage/stage.h"

#include <string.h>

enum {
    SMALL = 8,        /* a slice under 1/8 of its block is small                 */
    KEPT_BYTES = 4096 /* of payload in a block of it, unless one item has more */
};

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

/* Of events with spans: all that they are, or the least that a block has, for both blocks. */
static bool is_small_with_payload(const struct weir__item *item) {
    const struct weir__block *block = item->block;
    const uint64_t most =
        (block->bytes + block->lender->bytes - 2 * (uint64_t)WEIR__BLOCK_HEADER_BYTES) / SMALL;
    uint64_t bytes = (uint64_t)1 << WEIR__POOL_CLASS_MIN_LOG2;
    for (uint32_t i = 0; i < item->count && bytes < most; i++) {
        bytes += item->event_bytes;
        bytes += weir__spans_bytes(block->type->spans, weir__block_event(block, item->first + i));
    }
    return bytes < most;
}

/* The stage fills it: what is emitted next lies beside what waits. */
static bool is_filled(const weir_stage *stage, const struct weir__block *block) {
    return block == stage->keep || (block == stage->open && block->lender == stage->payload);
}

/* ---- events with spans --------------------------------------------------------- */

/* When all events have gone that were kept, both blocks are filled from their start. */
static void begin_keep_anew(weir_stage *stage) {
    struct weir__block *keep = stage->keep;
    if (keep == NULL || !weir__block_idle(keep)) {
        return;
    }
    keep->used = 0;
    if (keep->lender != NULL) {
        weir__block_drop(keep->lender, &stage->host->pool);
        keep->lender = NULL;
    }
}

/* Room for the item's events, whose payload is in that block. */
static struct weir__block *room_beside(weir_stage *stage, const struct weir__item *item,
                                       struct weir__block *lender) {
    struct weir__pool *pool = &stage->host->pool;
    if (stage->keep != NULL && stage->keep->lender != NULL && stage->keep->lender != lender) {
        weir__block_close(stage->keep, pool);
        stage->keep = NULL;
    }
    struct weir__block *keep = weir__pool_room(pool, &stage->keep, item->event_bytes,
                                               item->block->type, item->count, item->count);
    if (keep != NULL && keep->lender == NULL) {
        keep->lender = lender;
        weir__block_hold_filling(lender, pool);
    }
    return keep;
}

static uint64_t payload_of(const struct weir__item *item) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < item->count; i++) {
        bytes += weir__spans_bytes(item->block->type->spans,
                                   weir__block_event(item->block, item->first + i));
    }
    return bytes;
}

/* Copies the events to `to`, and what they say to where `payload` goes on. */
static void write_spans(const struct weir__item *item, unsigned char *to,
                        struct weir__block *payload) {
    const weir_event_type *type = item->block->type;
    for (uint32_t i = 0; i < item->count; i++, to += item->event_bytes) {
        const void *event = weir__block_event(item->block, item->first + i);
        weir__spans_write(type->spans, item->event_bytes, event, to,
                          weir__block_event(payload, payload->used));
        payload->used += (uint32_t)weir__spans_bytes(type->spans, event);
    }
}

/* Without memory they stay where they are. */
static void unpin_spans(weir_stage *stage, struct weir__item *item) {
    struct weir__pool *pool = &stage->host->pool;
    struct weir__block *from = item->block;
    if (!is_small_with_payload(item) || !weir__owned_fresh(from, item->first, item->count)) {
        return;
    }
    begin_keep_anew(stage);
    const uint64_t bytes = payload_of(item);
    struct weir__block *payload = weir__pool_room(pool, &stage->keep_payload, 1, NULL, bytes,
                                                  bytes > KEPT_BYTES ? bytes : KEPT_BYTES);
    struct weir__block *keep = payload == NULL ? NULL : room_beside(stage, item, payload);
    if (keep == NULL) {
        return;
    }
    write_spans(item, weir__block_event(keep, keep->used), payload);
    item->block = keep;
    item->first = keep->used;
    item->flags &= ~(uint32_t)WEIR__ALIASED;
    keep->used += item->count;
    weir__block_hold_filling(keep, pool);
    weir__block_drop(from, pool);
}

/* ---- unpinning ----------------------------------------------------------------- */

void weir__stage_unpin_item(weir_stage *stage, struct weir__item *item) {
    struct weir__block *block = item->block;
    if ((item->flags & WEIR__MARK) != 0 || is_filled(stage, block)) {
        return;
    }
    if (block->lender != NULL) {
        unpin_spans(stage, item);
        return;
    }
    if (!is_small(item) || !weir__item_movable(item)) {
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
