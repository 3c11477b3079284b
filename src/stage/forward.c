/*
 * Forwarding: a batch goes on as it came, or is made one's own to be written to.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The batch that a callback is handed has an item: the slice, with the reference that the
 * emission takes over.  Small events, which came inside a ring entry, have no block.
 */
#include "base/refusal.h"
#include "stage/stage.h"

/* Why a batch cannot be forwarded; NULL: it can. */
static const char *unforwardable(const weir_stage *self, const weir_batch *batch,
                                 const struct weir__item *item) {
    if (!weir__stage_can_emit(self)) {
        return "the stage cannot emit here";
    }
    if (item == NULL) {
        return "the batch is not of this callback";
    }
    if ((item->flags & WEIR__GONE) != 0) {
        return "the batch was forwarded already";
    }
    if ((item->flags & WEIR__STASHED) != 0) {
        return "some of its events are in the stash";
    }
    return batch->event_bytes == self->event_bytes ? NULL : "the stage's events have another size";
}

/* What came inside a ring entry is copied: it has no block. */
static bool pass_on(weir_stage *self, const weir_batch *batch, const struct weir__item *item) {
    if (item->block == NULL) {
        return weir_emit(self, batch->events, item->count) == WEIR_OK;
    }
    return item->count == 0 || weir__queue_push(&self->emission, *item);
}

/* For want of memory they are discarded: who forwards them has no more to do with them. */
static weir_verdict lose(weir_stage *self, const struct weir__item *item) {
    weir__refuse(WEIR_NO_MEMORY, "no memory to forward %u events", (unsigned)item->count);
    if (item->block != NULL) {
        weir__block_drop(item->block, &self->host->pool);
    }
    weir__count(&self->host->counters.emitted, item->count);
    weir__stage_discard(self, item->count, WEIR_DISCARD_NO_MEMORY, false);
    return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

weir_verdict weir_forward(weir_stage *self, weir_batch *batch) {
    if (weir__missing(self, "self") || weir__missing(batch, "batch")) {
        return WEIR_STOP;
    }
    struct weir__item *item = weir__stage_item_of(self, batch);
    weir__stage_end_strip(self);
    self->reserved = 0; /* its place behind what was emitted before is taken now */
    const char *why = unforwardable(self, batch, item);
    if (why != NULL) {
        weir__refuse(WEIR_INVALID, "stage %s cannot forward %zu events of %zu bytes: %s",
                     self->name, batch->count, batch->event_bytes, why);
        return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
    }
    item->flags &= WEIR__SHARED;
    bool passed = pass_on(self, batch, item);
    item->flags |= WEIR__GONE; /* the emission has its reference now, or nobody */
    return passed ? WEIR_CONTINUE : lose(self, item);
}

void *weir_batch_own(weir_stage *self, weir_batch *batch) {
    if (weir__missing(self, "self") || weir__missing(batch, "batch")) {
        return NULL;
    }
    struct weir__item *item = weir__stage_item_of(self, batch);
    if (item == NULL) {
        weir__refuse(WEIR_INVALID, "stage %s cannot own a batch that is not of this callback",
                     self->name);
        return NULL;
    }
    if ((item->flags & WEIR__GONE) != 0) {
        weir__refuse(WEIR_INVALID, "stage %s has forwarded the batch: it is not its own any more",
                     self->name);
        return NULL;
    }
    if ((item->flags & WEIR__SHARED) == 0) {
        return (void *)(uintptr_t)batch->events;
    }
    if (!weir__item_own(item, &self->host->pool)) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for a copy of %zu events", batch->count);
        return NULL;
    }
    batch->events = weir__block_at(item->block, item->first, item->event_bytes);
    return (void *)(uintptr_t)batch->events;
}
