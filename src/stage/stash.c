/*
 * The stash: events that a stage keeps past their callback, in order and uncopied.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A queue of slices beside the input queue: to stash is to hold a batch's block once more, to
 * emit moves slices to the emission as weir_forward does.  Small events that came inside a
 * ring entry are copied to `keep`; and, as all that waits in a stage, slices that are small
 * for their block are copied out of it, at the end of the turn: till then a callback may have
 * been shown where they lie.
 *
 * Accounts: `handled` counts a batch when its callback has returned; `stashed` says how
 * many of those are not done with.  Demand does not wait for them: the window moves on.
 *
 *   a batch's item is STASHED  =>  its events below stash_next are in the stash, or skipped
 *   a worker's `stashed` == the events in the stashes of its stages, and what parts keep elsewhere
 */
#include "base/check.h"
#include "base/refusal.h"
#include "stage/keeping.h"
#include "stage/stage.h"

static void count_stashed(weir_stage *stage, uint64_t more) {
    weir__count(&stage->host->counters.stashed, more);
}

/* ---- in ------------------------------------------------------------------ */

/* Why these of a batch's events cannot be stashed; NULL: they can. */
static const char *unstashable(const weir_stage *self, const struct weir__item *item, size_t first,
                               size_t count) {
    const char *absent = weir__stage_not_in_batch(item, first, count);
    if (absent != NULL) {
        return absent;
    }
    if (weir__item_some_taken(item, first, count)) {
        return "some of them were taken";
    }
    bool again = (item->flags & WEIR__STASHED) != 0 && first < self->stash_next;
    return again && count > 0 ? "those before and at the last one stashed are out of turn" : NULL;
}

/* One more reference to a part of the batch, or a copy of one that has no block. */
static bool hold_part(weir_stage *self, const struct weir__item *item, size_t first,
                      struct weir__item *out) {
    if (item->block == NULL) {
        const unsigned char *events = self->host->batch_events;
        return weir__stage_keep(self, NULL, events + first * item->event_bytes, out);
    }
    out->block = item->block;
    out->first = item->first + (uint32_t)first;
    out->flags = item->flags & WEIR__LASTING;
    if ((out->flags & WEIR__OWNING) != 0 && !weir__owned_hold(out->block, out->first, out->count)) {
        return false;
    }
    weir__block_hold(out->block, &self->host->pool);
    return true;
}

/* It has its place; with what lies before it, it may be one item. */
static void append_to_stash(weir_stage *self, struct weir__item item) {
    uint32_t before = self->stash.count;
    weir__queue_append(&self->stash, item, &self->host->pool);
    self->stash_newest = self->stash_fresh ? self->stash_newest : 0;
    self->stash_newest += self->stash.count - before;
    self->stash_fresh = true;
    count_stashed(self, item.count);
}

weir_status weir_stash(weir_stage *self, size_t first, size_t count) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    struct weir__item *item = weir__stage_batch(self);
    const char *why = unstashable(self, item, first, count);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot stash %zu events from number %zu on: %s",
                            self->name, count, first, why);
    }
    if (count == 0) {
        return WEIR_OK;
    }
    struct weir__item part = {.count = (uint32_t)count, .event_bytes = item->event_bytes};
    if (!weir__queue_reserve(&self->stash, 1) || !hold_part(self, item, first, &part)) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory to stash %zu events", count);
    }
    append_to_stash(self, part);
    item->flags |= WEIR__STASHED;
    self->stash_next = first + count;
    WEIR__CHECK(self->stash_next <= item->count);
    return WEIR_OK;
}

void weir__stage_settle_stash(weir_stage *stage) {
    stage->stash_fresh = false;
    weir__stage_unpin(stage, &stage->stash, stage->stash_newest);
}

/* ---- looking ------------------------------------------------------------- */

uint64_t weir_stashed(const weir_stage *self) {
    return weir__self_unfit(self) ? 0 : self->stash.events;
}

weir_batch weir_stash_front(weir_stage *self, size_t most) {
    if (weir__self_unfit(self) || weir__stage_stash_empty(self)) {
        return (weir_batch){0};
    }
    const struct weir__item *front = weir__queue_at(&self->stash, 0);
    return (weir_batch){.events = weir__block_at(front->block, front->first, front->event_bytes),
                        .count = most == 0 || most > front->count ? front->count : most};
}

size_t weir_stash_event_bytes(const weir_stage *self) {
    if (weir__self_unfit(self) || weir__stage_stash_empty(self)) {
        return 0;
    }
    return weir__queue_at(&self->stash, 0)->event_bytes;
}

/* ---- out ----------------------------------------------------------------- */

static weir_status refuse_count(const weir_stage *self, size_t count) {
    return weir__refuse(WEIR_INVALID, "count must be at most the events stashed, %llu, got %zu",
                        (unsigned long long)self->stash.events, count);
}

/* In how many items the oldest `count` are; *why not, if the stage does not emit such. */
static uint32_t items_of(const weir_stage *self, size_t count, const char **why) {
    uint32_t items = 0;
    *why = NULL;
    for (uint64_t found = 0; found < count; items++) {
        const struct weir__item *item = weir__queue_at(&self->stash, items);
        found += item->count;
        *why = weir__item_type(item) != self->type      ? "of another type"
               : item->event_bytes != self->event_bytes ? "of another size"
                                                        : *why;
    }
    return items;
}

weir_status weir_stash_emit(weir_stage *self, size_t count) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    if (!weir__stage_can_emit(self)) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot emit here", self->name);
    }
    if (count > self->stash.events) {
        return refuse_count(self, count);
    }
    weir__stage_end_strip(self);
    self->reserved = 0; /* their place behind what was emitted before is taken now */
    const char *why;
    uint32_t items = items_of(self, count, &why);
    if (why != NULL) {
        return weir__refuse(WEIR_INVALID,
                            "stage %s emits events of %zu bytes, others are stashed: %s",
                            self->name, self->event_bytes, why);
    }
    if (!weir__queue_reserve(&self->emission, items)) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory to emit %zu stashed events", count);
    }
    count_stashed(self, 0 - (uint64_t)count);
    struct weir__pool *pool = &self->host->pool;
    for (uint64_t left = count; left > 0;) {
        struct weir__item item = weir__queue_take(&self->stash, left, pool);
        left -= item.count;
        item.flags &= WEIR__LASTING;
        weir__queue_append(&self->emission, item, pool);
    }
    return WEIR_OK;
}

weir_status weir_stash_drop(weir_stage *self, size_t count) {
    if (weir__self_unfit(self)) {
        return weir__refused();
    }
    if (!self->may_emit) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot drop stashed events here", self->name);
    }
    if (count > self->stash.events) {
        return refuse_count(self, count);
    }
    count_stashed(self, 0 - (uint64_t)count);
    weir__queue_discard(&self->stash, count, WEIR_DISCARD_HANDLED, &self->host->pool);
    return WEIR_OK;
}

/* They have not been handled after all, and are lost. */
static void lose_stashed(weir_stage *stage, uint64_t count, weir_discard why) {
    weir__count(&stage->host->counters.handled, 0 - count);
    stage->meter.tally.unhandled += count;
    count_stashed(stage, 0 - count);
    weir__stage_discard(stage, count, why, true);
}

void weir__stage_lose_stash(weir_stage *stage) {
    uint64_t count = stage->stash.events;
    if (count == 0) {
        return;
    }
    weir__queue_discard(&stage->stash, count, WEIR_DISCARD_STOPPED, &stage->host->pool);
    lose_stashed(stage, count, WEIR_DISCARD_STOPPED);
}

/* ---- what a part keeps elsewhere ----------------------------------------- */

void weir__stage_keeps(weir_stage *stage, uint64_t count) {
    count_stashed(stage, count - stage->kept);
    stage->kept = count;
}

void weir__stage_loses_kept(weir_stage *stage, uint64_t count, weir_discard why) {
    WEIR__CHECK(count <= stage->kept);
    if (count > 0) {
        stage->kept -= count;
        lose_stashed(stage, count, why);
    }
}
