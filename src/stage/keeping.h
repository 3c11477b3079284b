/*
 * Events that a stage keeps: in pieces, stashed, lent, copied.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__STAGE_KEEPING_H
#define WEIR__STAGE_KEEPING_H

#include "stage/stage.h"

/* ---- pieces.c ----------------------------------------------------------------- */

/*
 * Takes the next batch of *count events, which spans slices, or goes on with one that comes
 * in pieces.  *count and *ask_for become those of what is taken, *out: of a piece that is not
 * the last, nothing is asked.  false: no memory; *count events are discarded.
 */
bool weir__stage_take_across(weir_stage *stage, uint64_t *count, uint64_t *ask_for,
                             struct weir__item *out);

/* ---- rest.c ------------------------------------------------------------------- */

/*
 * A callback that has returned left `count` events of its batch, or piece, which are the front of
 * the input queue again: what is due for the batch becomes what is due for what was handled.
 * windowed: the batch was cut by the window.
 */
void weir__stage_rested(weir_stage *stage, struct weir__edge *edge, uint64_t count,
                        uint64_t *ask_for, bool windowed);

/* Bytes that were under way have gone: what waits for that comes again. */
void weir__stage_bytes_gone(weir_stage *stage);

/* ---- stash.c ------------------------------------------------------------------ */

/* It keeps no events. */
static inline bool weir__stage_stash_empty(const weir_stage *stage) {
    return weir__queue_empty(&stage->stash);
}

/* Or, a part, in memory of its own. */
static inline bool weir__stage_keeps_some(const weir_stage *stage) {
    return !weir__stage_stash_empty(stage) || stage->kept > 0;
}

/*
 * Of a part: so many events that it was handed are in memory of its own, as if they were in the
 * stash; the rest of those that were have been handled.  In its callbacks.
 */
void weir__stage_keeps(weir_stage *stage, uint64_t count);

/* `count` of those are lost, for that: discarded, and told.  It has dropped what they own. */
void weir__stage_loses_kept(weir_stage *stage, uint64_t count, weir_discard why);

/* At the end of a turn that has stashed: what is small is copied out of its block. */
void weir__stage_settle_stash(weir_stage *stage);

/* The stage ends: what it keeps is discarded, and told. */
void weir__stage_lose_stash(weir_stage *stage);

/* ---- lend.c ------------------------------------------------------------------- */

/* Lends a batch, and with it its reference.  false: no memory, it is discarded. */
bool weir__stage_lend(weir_stage *stage, struct weir__edge *edge, struct weir__item item,
                      uint64_t ask_for);

/* Lends a mark behind it; own: in a place of its own, also where it is a watermark behind one. */
void weir__stage_lend_mark(weir_stage *stage, const struct weir__item *mark, bool own);

/* What is lent there is no batch and no mark, but the ask behind a batch. */
static inline bool weir__item_is_ask(const struct weir__item *item) {
    return (item->flags & WEIR__MARK) != 0 && item->kind == WEIR__MARK_DEMAND;
}

/* True when the return of the batch at that index of lent makes its stage ask. */
bool weir__stage_lent_asks(const weir_stage *stage, uint32_t index);

/* The oldest batch is back: it is handled; or the oldest mark.  Returns how many items lent is
 * shorter. */
uint32_t weir__stage_lent_back(weir_stage *stage);

/* The first `events` of the oldest batch are handled, and no more of it. */
void weir__stage_lent_part(weir_stage *stage, uint64_t events);

/* ---- keep.c ------------------------------------------------------------------- */

/* Moves an item's events (item: count, event_bytes) into a block of the stage's, of that type. */
bool weir__stage_keep(weir_stage *stage, const weir_event_type *type, const void *events,
                      struct weir__item *item);

/* Copies a slice that is small for its block out of it, if there is memory. */
void weir__stage_unpin_item(weir_stage *stage, struct weir__item *item);

/* Copies small slices among a queue's `newest` last items out of their blocks. */
void weir__stage_unpin(weir_stage *stage, struct weir__queue *queue, uint32_t newest);

#endif
