/*
 * Handling: one run of events, given to handle_events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For intake.c, which cuts messages into batches, and straight.c, which handles them where they
 * are.  One owner: the stage's worker.
 */
#ifndef WEIR__STAGE_HANDLE_H
#define WEIR__STAGE_HANDLE_H

#include "base/attributes.h"
#include "stage/stage.h"
#include "stage/timed.h"

/* Batches of which some events went elsewhere, or own something. */
enum { WEIR__SPECIAL_BATCH = WEIR__GONE | WEIR__COPIED | WEIR__OWNING };

/* The callback has returned `verdict` from such a one: its reference, and what it owns. */
void weir__stage_done_with_special(weir_stage *stage, const struct weir__item *item,
                                   weir_verdict verdict);

/* Hands one run of events to handle_events, and the item's reference with it. */
static inline void weir__stage_handle(weir_stage *stage, struct weir__item *item,
                                      const void *events) {
    struct weir__host *host = stage->host;
    weir__stage_enter(stage);
    host->batch = item;
    weir_batch batch = {.events = events, .count = item->count};
    uint64_t began_ns = weir__stage_clock(stage);
    weir_verdict verdict = stage->on.handle_events(stage, batch);
    weir__stage_called(stage, began_ns);
    host->batch = NULL;
    weir__stage_count_in(stage, item->count, item->event_bytes);
    if (!stage->counts_handled) {
        weir__count(&host->counters.handled, item->count); /* without a rest (rest.c) */
    } else {
        stage->meter.tally.unhandled += item->count;
    }
    bool special = (item->flags & WEIR__SPECIAL_BATCH) != 0;
    if (WEIR__UNLIKELY(special)) {
        weir__stage_done_with_special(stage, item, verdict);
    }
    weir__stage_leave(stage, "handle_events", verdict);
    if (item->block != NULL && WEIR__LIKELY(!special)) {
        weir__block_drop(item->block, &host->pool); /* the batch's reference */
    }
}

/* One batch of the turn's, or all that is left of them: it took long, and others wait. */
static inline void weir__stage_spend(const weir_stage *stage, uint32_t *budget) {
    *budget = WEIR__UNLIKELY(stage->host->took_long) ? 0 : *budget - 1;
}

/* ---- intake.c ------------------------------------------------------------ */

/* weir__stage_drain without what waits beside the input queue. */
bool weir__stage_drain_queue(weir_stage *stage, uint32_t *budget);

/* So many events came that nobody had asked for. */
void weir__stage_excess(weir_stage *stage, uint64_t count);

/* ---- straight.c ---------------------------------------------------------- */

/* Handles a whole message of inline events where it is; false: something comes before it, or it is
 * more than a batch. */
bool weir__stage_straight_inline(weir_stage *stage, struct weir__edge *edge,
                                 const struct weir__entry *entry);

/* The same of a slice, as far as the budget goes; false, too: it is not a message. */
bool weir__stage_straight(weir_stage *stage, struct weir__edge *edge,
                          const struct weir__entry *entry, uint32_t *budget);

#endif
