/*
 * Onward: see onward.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/onward.h"

#include "base/check.h"

enum {
    LEGS_MORE = 64, /* that the others of a chain may have when the first one has no more, so that
                       what it sent is through all of it                              */
    DEEP = 16       /* legs within legs, each of which takes some hundred bytes of stack */
};

/* On threads its neighbours wait for it: it has turns of its own, which are all timed. */
static inline bool is_long(const weir_stage *stage) {
    return WEIR__METERED && WEIR__UNLIKELY(stage->meter.own_ns >= WEIR__LOOKS_NS) &&
           stage->host->seen->thread != 0;
}

/* What is lent (lend.c) is all that such a stage has to do with what comes; or it is a part that
 * nobody outside has to do with. */
static inline bool is_plain_stage(const weir_stage *stage) {
    return stage->part == NULL || stage->part->lend != NULL || stage->part->look == NULL;
}

/* Something has come there before, so it has begun; and it has nothing to do but this. */
static bool may_go(const struct weir__edge *edge) {
    const weir_stage *to = edge->to;
    if (edge->consumer_state != WEIR__CONSUMER_OPEN || edge->received == 0 || edge->rack != NULL) {
        return false;
    }
    return !to->visited && is_plain_stage(to) && !to->ready->merges && !to->begun &&
           !to->stopping && !to->finishing && !to->closed && to->control.first == NULL &&
           weir__queue_empty(&to->inq) && to->host->depth < DEEP && !is_long(to);
}

/* As the worker begins a visit. */
static inline void begin_leg(weir_stage *to, struct weir__leg *leg) {
    struct weir__host *host = to->host;
    leg->stamps = host->stamps;
    weir__store_relaxed_u64(&host->seen->stage, to->ref.bits);
    weir__count(&host->counters.turns, 1);
    if (!WEIR__METERED) {
        return;
    }
    to->meter.turns++;
    if (WEIR__UNLIKELY(!to->meter.listed)) {
        weir__meter_list(to);
    }
    if (WEIR__UNLIKELY(host->stamps != 0)) {
        weir__leg_begins(to, leg);
    }
}

/* One look at the edge, as a turn's. */
static void leg(weir_stage *from, struct weir__edge *edge, struct weir__go *go) {
    weir_stage *to = edge->to;
    struct weir__host *host = to->host;
    struct weir__leg leg;
    WEIR__CHECK(!to->visited && !edge->going);
    begin_leg(to, &leg);
    to->visited = true;
    to->goes_on = true;
    edge->going = true;
    host->depth++;
    weir__stage_pull(to, edge, &go->batches);
    weir__onward_go(to, go);
    host->depth--;
    edge->going = false;
    to->goes_on = false;
    if (weir__stage_ends_turn(to)) {
        weir__ready_queue(to->ready, false);
    }
    to->ready->polls = 0;
    to->visited = false;
    weir__store_relaxed_u64(&host->seen->stage, from->ref.bits);
    if (WEIR__METERED && WEIR__UNLIKELY((host->stamps | leg.stamps) != 0)) {
        weir__leg_ends(to, &leg);
    }
    if (WEIR__UNLIKELY(weir__stage_notes_as_they_cool(to))) {
        weir__edge_note(edge, WEIR__EVENTS);
    }
}

/* One more leg of `stage` is within the go. */
static inline bool goes_far(const weir_stage *stage, const struct weir__go *go) {
    int32_t least = stage->host->depth > 0 ? -LEGS_MORE : 0;
    return go->legs > least && go->batches > 0 && !stage->host->took_long && !stage->stopping;
}

/* It has the leg that is due to it, or is told. */
static void go_or_tell(weir_stage *stage, struct weir__edge *edge, struct weir__go *go) {
    struct weir__outbox *outbox = &stage->host->outbox;
    edge->onward = false;
    if (!goes_far(stage, go) || !may_go(edge)) {
        weir__outbox_touch(outbox, edge, WEIR__EVENTS);
        return;
    }
    go->legs--;
    leg(stage, edge, go);
    if (WEIR__UNLIKELY(weir__edge_has_events(edge))) {
        weir__outbox_touch(outbox, edge, WEIR__EVENTS); /* it has had its share */
    }
}

/* Demand may have come back, or room. */
static void hear_back(weir_stage *stage, struct weir__edge *edge, const struct weir__go *go) {
    if (weir__edge_has_demand(edge)) {
        if (goes_far(stage, go) && !weir__stage_hears_others(stage)) {
            weir__stage_poll_demand(stage, edge);
        } else {
            weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
        }
    }
    if (WEIR__UNLIKELY(weir__stage_notes_as_they_cool(stage))) {
        weir__edge_note(edge, WEIR__DEMAND);
    }
}

/*
 * In rounds: first all legs, then all that came back, so that what several have asked for is
 * answered together.  Other workers are told before the legs, which may take a while.
 */
void weir__onward_go(weir_stage *stage, struct weir__go *go) {
    while (stage->onward != NULL) {
        struct weir__edge *round = stage->onward;
        stage->onward = NULL;
        weir__outbox_flush(&stage->host->outbox);
        if (weir__mail_pending(stage->host->bell)) {
            go->legs = -LEGS_MORE;
        }
        for (struct weir__edge *edge = round; edge != NULL; edge = edge->onward_next) {
            edge->round_next = edge->onward_next; /* it may be in the next round before this ends */
            go_or_tell(stage, edge, go);
        }
        for (struct weir__edge *edge = round; edge != NULL; edge = edge->round_next) {
            hear_back(stage, edge, go);
        }
        if (stage->supply_due) {
            weir__stage_supply(stage);
        }
    }
}
