/*
 * Gathered: see gathered.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/gathered.h"

#include "base/refusal.h"
#include "memory/spans.h"
#include "stage/stage.h"

#include <string.h>

/* ---- the batch, an event -------------------------------------------------- */

static struct weir__block *block_of_batch(const weir_gathered *batch) {
    return (struct weir__block *)batch->reserved[0];
}

/* The calling worker's pool, if it is one of the runtime that the block is of. */
static struct weir__pool *pool_of_batch_here(const struct weir__block *block) {
    struct weir__host *here = weir__here;
    return here != NULL && here->allocator == block->home->allocator ? &here->pool : NULL;
}

static void let_batch_go(const weir_gathered *batch, weir_discard why) {
    struct weir__block *block = block_of_batch(batch);
    if (block != NULL) {
        uint32_t flags = block->type != NULL ? WEIR__OWNING : 0;
        weir__slice_discard(block, 0, batch->count, flags, why, pool_of_batch_here(block));
    }
}

static void drop_batches(void *context, const void *events, size_t count, weir_discard why) {
    (void)context;
    const weir_gathered *batches = events;
    for (size_t i = 0; i < count; i++) {
        let_batch_go(&batches[i], why);
    }
}

/* The events have one holder more.  What was taken of them neither has. */
static bool copy_batch(void *context, const void *event, void *copy) {
    (void)context;
    const weir_gathered *batch = event;
    struct weir__block *block = block_of_batch(batch);
    if (block != NULL) {
        if (block->type != NULL && !weir__owned_hold(block, 0, batch->count)) {
            return false;
        }
        weir__block_hold(block, pool_of_batch_here(block));
    }
    memcpy(copy, batch, sizeof *batch);
    return true;
}

const weir_event_type *weir_gathered_type(void) {
    static const weir_event_type type = {
        .bytes = sizeof(weir_gathered), .drop = drop_batches, .copy = copy_batch};
    return &type;
}

uint32_t weir_gathered_by_key(void *partitions, const void *batch) {
    const weir_gathered *gathered = batch;
    if (weir__missing(batch, "batch")) {
        return 0;
    }
    return weir_partition_of(&gathered->key, sizeof gathered->key, (uint32_t)(uintptr_t)partitions);
}

void weir_gathered_drop(weir_gathered *batch, weir_discard why) {
    if (weir__missing(batch, "batch")) {
        return;
    }
    let_batch_go(batch, (weir_discard)weir__discard_known(why));
    batch->reserved[0] = 0;
    batch->events = NULL;
    batch->count = 0;
}

/* ---- taking out of it ------------------------------------------------------- */

/* Why a batch is not the running callback's to take from; NULL: it is. */
static const char *not_at_hand(const weir_stage *self, const weir_gathered *batch) {
    const struct weir__item *item = weir__stage_batch(self);
    if (item == NULL || weir__item_type(item) != weir_gathered_type()) {
        return "no batches are at hand";
    }
    if ((item->flags & WEIR__GONE) != 0) {
        return "it was forwarded";
    }
    for (uint32_t i = 0; i < item->count; i++) {
        if (batch == weir__block_at(item->block, item->first + i, sizeof *batch)) {
            return weir__owned_alone(item->block, item->first + i, 1)
                       ? NULL
                       : "others have the batch, or it was taken whole";
        }
    }
    return "it is not at hand";
}

static const char *untakable_of_batch(const weir_gathered *batch, size_t first, size_t count) {
    const struct weir__block *block = block_of_batch(batch);
    if (first > batch->count || count > batch->count - first) {
        return "the batch has fewer";
    }
    if (block == NULL || block->type == NULL) {
        return "they own nothing: copy them";
    }
    if (block->type->spans > 0) {
        return "their payload stays with weir: copy it";
    }
    return weir__owned_some_taken(block, (uint32_t)first, (uint32_t)count)
               ? "some of them were taken"
               : NULL;
}

weir_status weir_gathered_take(weir_stage *self, const weir_gathered *batch, size_t first,
                               size_t count, void *events) {
    if ((self != NULL && weir__self_unfit(self)) || weir__missing(batch, "batch") ||
        (count > 0 && weir__missing(events, "events"))) {
        return weir__refused();
    }
    const char *why = self == NULL ? NULL : not_at_hand(self, batch);
    why = why != NULL ? why : untakable_of_batch(batch, first, count);
    if (why == NULL && count == 0) {
        return WEIR_OK;
    }
    weir_status status = WEIR_INVALID;
    if (why == NULL) {
        struct weir__block *block = block_of_batch(batch);
        status = weir__owned_take(block, (uint32_t)first, (uint32_t)count, events,
                                  pool_of_batch_here(block));
        why = status == WEIR_INVALID ? "others have them, and their type cannot copy them"
                                     : "others have them, and their type made no copy";
    }
    return status == WEIR_OK ? WEIR_OK
                             : weir__refuse(status,
                                            "cannot take %zu events from number %zu on of a batch "
                                            "of %u: %s",
                                            count, first, batch->count, why);
}
