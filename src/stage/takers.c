/*
 * Takers: consumers of a rack, at both of its ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The producer's side: who joins, who has left, and what is then taken back and
 * sent anew.  The consumer's side: an entry is taken only when nothing that the
 * stage has taken waits before it; a stage that held back looks again as
 * soon as nothing does.  The protocol is told in edge/rack.h.
 */
#include "stage/takers.h"

#include "base/check.h"
#include "dispatch/shared.h"
#include "edge/rack.h"
#include "memory/pool.h"
#include "stage/control.h"
#include "stage/subscription.h"

/* ---- the producer's side ------------------------------------------------- */

/* What finds no demand any more goes to the buffer's head. */
static void put_back(weir_stage *stage, struct weir__queue *events) {
    uint64_t count = events->events;
    if (count == 0) {
        return;
    }
    if (weir__buffer_put_front(&stage->buffer, events)) {
        weir__count(&stage->host->counters.buffered, count);
        return;
    }
    weir__queue_discard(events, count, WEIR_DISCARD_NO_MEMORY, &stage->host->pool);
    weir__stage_discard(stage, count, WEIR_DISCARD_NO_MEMORY, false);
}

/*
 * All that nobody has taken, sent anew: cut for those who are there now.  What no
 * memory allows to take back is asked for again.
 */
static void send_anew(weir_stage *stage) {
    struct weir__queue events;
    weir__queue_open(&events, stage->host->allocator);
    uint64_t lost = weir__rack_recall(stage->desk.rack, &events, &stage->host->pool);
    weir__count(&stage->host->counters.returned, events.events);
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
    weir__shared_recalled(stage->dispatch.state, events.events + lost);
    if (lost > 0) {
        stage->desk.calls->demand_again(stage, lost);
    }
    uint64_t open = weir__stage_open_demand(stage);
    uint64_t count = open < events.events ? open : events.events;
    if (count > 0) {
        weir__stage_dispatch(stage, &events, count);
    }
    put_back(stage, &events);
    weir__queue_close(&events, WEIR_DISCARD_STOPPED, &stage->host->pool);
}

/* What of the overflow nobody has asked for any more goes to the buffer's head. */
static void shorten(weir_stage *stage, uint64_t excess) {
    struct weir__queue events;
    weir__queue_open(&events, stage->host->allocator);
    if (weir__rack_recall_newest(stage->desk.rack, excess, &events, &stage->host->pool)) {
        weir__count(&stage->host->counters.returned, excess);
        weir__shared_recalled(stage->dispatch.state, excess);
        put_back(stage, &events);
    } /* else it waits where it is */
    weir__queue_close(&events, WEIR_DISCARD_STOPPED, &stage->host->pool);
}

/*
 * A taker has left.  Mostly what waits is wanted by those who remain, or not far from it:
 * so many takers may leave one after the other.
 */
static void settle_excess(weir_stage *stage) {
    struct weir__rack *rack = stage->desk.rack;
    uint64_t excess = weir__shared_excess(stage->dispatch.state);
    if (excess > rack->overflow.events) {
        send_anew(stage);
        return;
    }
    if (excess > 0) {
        shorten(stage, excess);
    }
    /* It may have made room, or have been raised, and told nobody of it. */
    weir__rack_refill(rack);
    weir__outbox_touch_rack(&stage->host->outbox, rack);
}

void weir__stage_taker_joins(weir_stage *stage, struct weir__edge *edge) {
    if (weir__shared_grain_fell(stage->dispatch.state)) {
        send_anew(stage); /* before it can take: no entry is too large for it */
    }
    weir__rack_join(stage->desk.rack, edge);
    /* What lies there is its too, and those it was put there for may be busy. */
    weir__outbox_touch_rack(&stage->host->outbox, stage->desk.rack);
}

void weir__stage_taker_left(weir_stage *stage, struct weir__edge *edge) {
    void *dispatcher = stage->dispatch.state;
    uint64_t upstream = weir__shared_left(dispatcher, &edge->outlet, edge->received);
    edge->rack = NULL;
    uint64_t left = weir__rack_leave(stage->desk.rack, &stage->host->pool);
    WEIR__CHECK(left == 0); /* the dispatcher holds it still */
    if (!stage->stopping) {
        settle_excess(stage);
        weir__stage_demand(stage, upstream);
    }
}

uint64_t weir__stage_lose_rack(weir_stage *stage) {
    struct weir__rack *rack = stage->desk.rack;
    if (rack == NULL) {
        return 0;
    }
    weir__outbox_flush(&stage->host->outbox); /* nobody is woken any more */
    weir__stage_let_takers_go(stage);
    if (!weir__rack_is_last(rack)) {
        return 0;
    }
    stage->desk.rack = NULL;
    return weir__rack_leave(rack, &stage->host->pool);
}

void weir__stage_leave_rack(weir_stage *stage) {
    struct weir__rack *rack = stage->desk.rack;
    stage->desk.rack = NULL;
    uint64_t left = rack == NULL ? 0 : weir__rack_leave(rack, &stage->host->pool);
    WEIR__CHECK(left == 0); /* the takers hold it still: no mail has come since it was not lost */
}

uint64_t weir__taker_left_behind(struct weir__host *host, struct weir__edge *edge) {
    if (edge->rack == NULL) {
        return 0;
    }
    uint64_t left = weir__rack_leave(edge->rack, &host->pool);
    edge->rack = NULL;
    return left;
}

/* ---- the consumer's side ------------------------------------------------- */

/* Nothing that the stage has taken waits, here or with a reader. */
static bool is_free(const weir_stage *stage) {
    return weir__queue_empty(&stage->inq) && weir__queue_empty(&stage->lent);
}

bool weir__stage_take_rack(weir_stage *stage, struct weir__edge *edge, struct weir__entry *out) {
    if (!is_free(stage) || !weir__rack_take(edge, out)) {
        return false;
    }
    uint64_t more = edge->manual ? 0 : weir__window_cover(&edge->window, out->count);
    if (more > 0 && !weir__edge_closing(edge)) {
        weir__subscription_ask(stage, edge, more);
        weir__outbox_flush(&stage->host->outbox);
    }
    return true;
}

static void hold_back(weir_stage *stage, struct weir__edge *edge) {
    if (edge->waits_to_take) {
        return;
    }
    edge->waits_to_take = true;
    stage->beside = true;
    edge->waiting_next = stage->takers_waiting;
    edge->waiting_previous = NULL;
    if (edge->waiting_next != NULL) {
        edge->waiting_next->waiting_previous = edge;
    }
    stage->takers_waiting = edge;
}

void weir__stage_taker_let_go(weir_stage *stage, struct weir__edge *edge) {
    if (!edge->waits_to_take) {
        return;
    }
    edge->waits_to_take = false;
    *(edge->waiting_previous != NULL ? &edge->waiting_previous->waiting_next
                                     : &stage->takers_waiting) = edge->waiting_next;
    if (edge->waiting_next != NULL) {
        edge->waiting_next->waiting_previous = edge->waiting_previous;
    }
    stage->beside = stage->takers_waiting != NULL || stage->limits != NULL;
}

void weir__stage_taker_cools(weir_stage *stage, struct weir__edge *edge) {
    bool free = is_free(stage);
    weir__rack_before_cooling(edge, free);
    if (!free) {
        hold_back(stage, edge);
    }
}

void weir__stage_taker_cooled(weir_stage *stage, struct weir__edge *edge) {
    if (!is_free(stage) && weir__rack_declines(edge)) {
        weir__rack_decline(edge);
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
    }
}

void weir__stage_takers_look(weir_stage *stage) {
    if (!is_free(stage)) {
        return;
    }
    while (stage->takers_waiting != NULL) {
        struct weir__edge *edge = stage->takers_waiting;
        weir__stage_taker_let_go(stage, edge);
        weir__edge_heat(edge, WEIR__EVENTS);
    }
}
