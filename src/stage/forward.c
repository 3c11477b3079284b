/*
 * Forwarding: a batch goes on as it came, or is made one's own to be written to.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The batch at hand has an item: the slice, with the reference that the emission takes over.
 * Small events, which came inside a ring entry, have no block.  Of a batch that was copied to be
 * owned the callback still knows where it was: that block is held until it returns.
 */
#include "base/refusal.h"
#include "stage/stage.h"

#include <stdio.h>

/* Why a batch cannot be forwarded, written to `size` where it is for that; NULL: it can. */
static const char *unforwardable(const weir_stage *self, const struct weir__item *item,
                                 char size[static 64]) {
    if (!weir__stage_can_emit(self)) {
        return "the stage cannot emit here";
    }
    if (item == NULL) {
        return "no batch is at hand";
    }
    if ((item->flags & WEIR__GONE) != 0) {
        return "the batch was forwarded already";
    }
    if ((item->flags & WEIR__STASHED) != 0) {
        return "some of its events are in the stash";
    }
    if ((item->flags & WEIR__TAKEN) != 0) {
        return "some of its events were taken";
    }
    if (item->event_bytes == self->event_bytes) {
        return weir__item_type(item) == self->type ? NULL : "its own are of another type";
    }
    snprintf(size, 64, "its own have %zu (event_bytes)", self->event_bytes);
    return size;
}

/* What came inside a ring entry is copied: it has no block. */
static bool pass_on(weir_stage *self, struct weir__item item) {
    if (item.block == NULL) {
        return weir_emit(self, self->host->batch_events, item.count) == WEIR_OK;
    }
    item.flags &= WEIR__LASTING;
    return weir__queue_push(&self->emission, item);
}

/* For want of memory they are discarded: who forwards them has no more to do with them. */
static weir_verdict lose_forwarded(weir_stage *self, const struct weir__item *item) {
    weir__refuse(WEIR_NO_MEMORY, "no memory to forward %u events", (unsigned)item->count);
    if (item->block != NULL) {
        weir__item_discard(item, WEIR_DISCARD_NO_MEMORY, &self->host->pool);
    }
    weir__stage_count_out(self, item->count);
    weir__stage_discard(self, item->count, WEIR_DISCARD_NO_MEMORY, false);
    return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

weir_verdict weir_forward(weir_stage *self) {
    if (weir__self_unfit(self)) {
        return WEIR_STOP;
    }
    struct weir__item *item = weir__stage_batch(self);
    weir__stage_end_strip(self);
    self->reserved = 0; /* its place behind what was emitted before is taken now */
    char size[64];
    const char *why = unforwardable(self, item, size);
    if (why != NULL) {
        weir__refuse(WEIR_INVALID, "stage %s cannot forward %u events of %zu bytes: %s", self->name,
                     item != NULL ? (unsigned)item->count : 0, weir_batch_event_bytes(self), why);
        weir__host_log(self->host, WEIR_LOG_ERROR, "%s", weir_refusal());
        return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
    }
    if (item->count == 0) {
        return WEIR_CONTINUE; /* of a manual subscription, or all of it was left */
    }
    bool passed = pass_on(self, *item);
    item->flags |= WEIR__GONE; /* the emission has its reference now, or nobody */
    return passed ? WEIR_CONTINUE : lose_forwarded(self, item);
}

/* Of events that own something it is known when the others have let go. */
static bool own_in_place(struct weir__item *item) {
    bool alone = weir__item_left_alone(item);
    item->flags &= alone ? ~(uint32_t)WEIR__ALIASED : UINT32_MAX;
    return alone;
}

/* A copy of its own for one that others hold, too.  false: no memory, nothing changed. */
static bool own_copy(struct weir__host *host, struct weir__item *item) {
    struct weir__item shown = *item;
    if ((item->flags & WEIR__COPIED) != 0) { /* it was sliced since: this copy goes, too */
        return weir__item_own(item, &host->pool);
    }
    if ((shown.flags & WEIR__OWNING) != 0 &&
        !weir__owned_hold(shown.block, shown.first, shown.count)) {
        return false;
    }
    weir__block_hold(shown.block, &host->pool);
    if (!weir__item_own(item, &host->pool)) {
        weir__item_discard(&shown, WEIR_DISCARD_HANDLED, &host->pool);
        return false;
    }
    host->batch_shown = shown.block;
    host->batch_shown_first = shown.first;
    item->flags |= WEIR__COPIED;
    return true;
}

void *weir_own(weir_stage *self) {
    if (weir__self_unfit(self)) {
        return NULL;
    }
    struct weir__item *item = weir__stage_batch(self);
    if (item == NULL) {
        weir__refuse(WEIR_INVALID, "stage %s has no batch at hand to own", self->name);
        return NULL;
    }
    if ((item->flags & (WEIR__GONE | WEIR__TAKEN)) != 0) {
        weir__refuse(WEIR_INVALID, "stage %s has %s: it is not its own any more", self->name,
                     (item->flags & WEIR__GONE) != 0 ? "forwarded the batch"
                                                     : "taken some of the batch");
        return NULL;
    }
    if ((item->flags & WEIR__ALIASED) != 0 && item->count > 0 && !own_in_place(item) &&
        !own_copy(self->host, item)) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for a copy of %u events%s", (unsigned)item->count,
                     (item->flags & WEIR__OWNING) != 0 ? ", or their type makes none" : "");
        return NULL;
    }
    if (item->block == NULL) {
        return (void *)(uintptr_t)self->host->batch_events;
    }
    return weir__block_at(item->block, item->first, item->event_bytes);
}
