/*
 * Lending: batches that are given to a reader outside, and come back from it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A part whose events are consumed by a thread that is no worker (a stream) has
 * no handle_events: its batches are put in `lent`, each with the ask that is due
 * once it has come back behind it.  Until then they are sent and not handled.
 * The blocks never leave the worker's hands: the reader looks at the events, and
 * says how many batches it is through with.
 *
 * When the stage ends amid a batch the reader may read that on.  What it leaves is the first of
 * what goes back by that subscription, so all of it waits until the reader is through, and the
 * producer has its DOWN then; it is sent a cancel meanwhile, as by who is at work still.
 *
 *   lent      batches, and marks of the program's where the part takes some, in the order in
 *             which they were cut; those of an edge come before its end, which waits in the input
 *             queue until lent is empty
 */
#include "stage/keeping.h"
#include "stage/mark.h"
#include "stage/subscription.h"

bool weir__stage_lend(weir_stage *stage, struct weir__edge *edge, struct weir__item item,
                      uint64_t ask_for) {
    struct weir__queue *lent = &stage->lent;
    if (!weir__queue_reserve(lent, 2)) {
        weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, &stage->host->pool);
        weir__stage_discard(stage, item.count, WEIR_DISCARD_NO_MEMORY, true);
        return false;
    }
    item.flags &= WEIR__LASTING;
    item.owner = edge;
    weir__queue_push(lent, item);
    if (ask_for > 0) {
        struct weir__item ask = {.demand = (uintptr_t)ask_for,
                                 .flags = WEIR__MARK,
                                 .kind = WEIR__MARK_DEMAND,
                                 .owner = edge};
        weir__queue_push(lent, ask);
    }
    stage->part->lend(stage);
    return true;
}

bool weir__stage_lent_asks(const weir_stage *stage, uint32_t index) {
    return index + 1 < stage->lent.count &&
           weir__item_is_ask(weir__queue_at(&stage->lent, index + 1));
}

void weir__stage_lend_mark(weir_stage *stage, const struct weir__item *mark, bool own) {
    struct weir__queue *lent = &stage->lent;
    if (own ? weir__queue_push(lent, *mark) : weir__queue_push_mark(lent, mark)) {
        stage->part->lend(stage);
    } else {
        weir__stage_say_mark_lost(stage, mark);
    }
}

uint32_t weir__stage_lent_back(weir_stage *stage) {
    struct weir__queue *lent = &stage->lent;
    struct weir__item item = weir__queue_pop(lent);
    if ((item.flags & WEIR__MARK) != 0) {
        return 1;
    }
    weir__count(&stage->host->counters.handled, item.count);
    weir__stage_count_in(stage, item.count, item.event_bytes);
    weir__subscription_done(stage, item.owner, item.count);
    weir__item_discard(&item, WEIR_DISCARD_HANDLED, &stage->host->pool);
    if (weir__queue_empty(lent) || !weir__item_is_ask(weir__queue_at(lent, 0))) {
        return 1;
    }
    struct weir__item ask = weir__queue_pop(lent);
    weir__subscription_ask(stage, ask.owner, ask.demand);
    return 2;
}

void weir__stage_lent_part(weir_stage *stage, uint64_t events) {
    weir__count(&stage->host->counters.handled, events);
    weir__stage_count_in(stage, events, weir__queue_at(&stage->lent, 0)->event_bytes);
    weir__queue_discard(&stage->lent, events, WEIR_DISCARD_HANDLED, &stage->host->pool);
}
