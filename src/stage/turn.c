/*
 * The turn: one visit of a worker to one stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   0  resume    the rest of a message begun in an earlier turn
 *   1  control   mail to the stage, unless it is amid a message; then a part looks what its
 *                threads outside have brought
 *   2  demand    consumers whose `asked` moved, or whose ring has room again; then a part supplies
 *   3  events    what waits in the input queue, then producers' entries
 *      A small event goes before 2 where it can: see goes_first.
 *   4  report    what came and is kept pins no blocks, one that finishes goes on to its end; what
 *                was published is told, freed blocks go home
 *
 * A turn is bounded, in mail, polls and batches, so that a busy stage does
 * not starve its neighbours; it may end amid a message, and the next turn goes
 * on there first.  On threads mail and events of a turn end behind a callback that took long, too,
 * in visits that are timed: of a stage whose callbacks take long, that is each but the first.
 *
 * Only hot edges are looked at.  One that stays empty cools; with many hot
 * edges at once, or on one worker where telling is free, at the first miss.
 */
#include "base/attributes.h"
#include "base/check.h"
#include "edge/rack.h"
#include "stage/control.h"
#include "stage/ending.h"
#include "stage/keeping.h"
#include "stage/limit.h"
#include "stage/onward.h"
#include "stage/stage.h"
#include "stage/takers.h"

enum {
    TURN_BATCHES = 64, /* handed to handle_events in one turn */
    TURN_LEGS = 16,    /* onward.h: */
    TURN_LEGS_BATCHES = 2 * TURN_BATCHES,
    TURN_MAIL = 32, /* messages may take long, and a neighbour waits for all of them */
    MANY_EDGES = 8
};

/* Step 1. */
static bool control(weir_stage *stage) {
    bool any = false;
    const struct weir__host *host = stage->host;
    for (uint32_t i = 0; i < TURN_MAIL && !stage->begun && !stage->stopping && !host->took_long;
         i++) {
        struct weir__mail *mail = weir__mail_list_pop(&stage->control);
        if (mail == NULL) {
            break;
        }
        weir__stage_mail(stage, mail);
        if (stage->supply_due) {
            weir__stage_supply(stage);
        }
        weir__outbox_flush(&stage->host->outbox);
        any = true;
    }
    return any;
}

/* An edge that another worker raised: hot, if it is this stage's (still). */
static void take_raised(void *context, struct weir__ready_edge *ready) {
    weir_stage *stage = context;
    struct weir__edge *edge = ready->edge;
    bool demand = ready->direction == WEIR__DEMAND;
    weir_ref owner = demand ? edge->id.producer : edge->id.consumer;
    bool known = demand ? weir__edge_attached(edge) : weir__edge_subscribed(edge);
    bool ours = owner.bits == stage->ref.bits && known;
    if (ours) {
        weir__ready_heat(stage->ready, ready); /* with the reference that the publisher took */
        return;
    }
    weir__ready_lower(&ready->raised);
    weir__outbox_let_go(&stage->host->outbox, edge);
}

static inline bool has_edge_work(const struct weir__edge *edge, enum weir__direction direction) {
    return direction == WEIR__DEMAND ? weir__edge_has_demand(edge) : weir__edge_has_events(edge);
}

static void cool(weir_stage *stage, struct weir__edge *edge, enum weir__direction direction) {
    struct weir__ready_edge *ready = &edge->ready[direction];
    bool taker = direction == WEIR__EVENTS && weir__edge_rack(edge) != NULL;
    if (taker) {
        weir__stage_taker_cools(stage, edge);
    }
    if (edge->local) {
        weir__store_relaxed_u32(&ready->raised, 0); /* no other worker looks */
    } else {
        weir__ready_lower(&ready->raised); /* F1 -> F2, W1 -> W2 */
        if (has_edge_work(edge, direction) && weir__ready_retake(&ready->raised)) {
            ready->polls = 0;
            return;
        }
    }
    if (direction == WEIR__EVENTS && weir__edge_wants_room(edge)) {
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
    }
    if (taker) {
        weir__stage_taker_cooled(stage, edge);
    }
    if (WEIR__UNLIKELY(weir__stage_notes_as_they_cool(stage))) {
        weir__edge_note(edge, direction);
    }
    weir__edge_unheat(edge, direction);
}

static inline bool poll(weir_stage *stage, struct weir__edge *edge, enum weir__direction direction,
                        uint32_t *budget) {
    /* Of a rack there may be more to do than what it would be woken for. */
    if (!has_edge_work(edge, direction) && weir__edge_rack(edge) == NULL) {
        return false;
    }
    if (direction == WEIR__DEMAND) {
        return weir__stage_poll_demand(stage, edge);
    }
    return weir__stage_pull(stage, edge, budget);
}

/*
 * What a part's thread outside does is looked at while it keeps coming, as a hot
 * edge is; then the part is poked when there is something again.
 */
static bool watch_part(weir_stage *stage, struct weir__go *go) {
    if (stage->stopping) {
        return false;
    }
    stage->goes_on = true;
    bool found = stage->part->look(stage);
    if (stage->onward != NULL) {
        weir__onward_go(stage, go);
    }
    stage->goes_on = false;
    if (found) {
        stage->looks = 0;
        return true;
    }
    if (++stage->looks > stage->host->hot_polls) {
        stage->looks = 0;
        stage->ready->watched = !stage->part->rest(stage);
    }
    return false;
}

/* Steps 2 and 3: each hot edge once, in turn.  Apart: inlined twice, it makes a turn with
 * batches of a few events slower by a tenth. */
static WEIR__NOINLINE bool edges(weir_stage *stage, enum weir__direction direction,
                                 uint32_t *budget, struct weir__go *go) {
    struct weir__ready_list *hot = &stage->ready->hot[direction];
    bool any = false;
    bool others = direction == WEIR__DEMAND && weir__stage_hears_others(stage);
    stage->goes_on = true;
    for (uint32_t left = hot->count; left > 0 && hot->count > 0; left--) {
        if (stage->stopping || *budget == 0 || (others && weir__go_is_over(go))) {
            any = true; /* the next turn goes on here */
            break;
        }
        struct weir__ready_edge *ready = hot->first;
        struct weir__edge *edge = ready->edge;
        hot->first = ready->hot_next;
        ready->polled = true;
        bool found = poll(stage, edge, direction, budget);
        if (stage->onward != NULL) {
            weir__onward_go(stage, go);
        }
        ready->polled = false;
        any = any || found;
        if (!ready->hot) {
            weir__outbox_let_go(&stage->host->outbox, edge); /* its end came while it was polled */
        } else if (found) {
            ready->polls = 0;
        } else if (edge->local || hot->count > MANY_EDGES ||
                   ++ready->polls > stage->host->hot_polls) {
            cool(stage, edge, direction);
        }
    }
    stage->goes_on = false;
    return any;
}

static inline bool has_none(const weir_stage *stage, enum weir__direction direction) {
    const struct weir__ready_list *hot = &stage->ready->hot[direction];
    return hot->count == 0 || (hot->count == 1 && !has_edge_work(hot->first->edge, direction) &&
                               weir__edge_rack(hot->first->edge) == NULL);
}

static inline bool has_part_news(weir_stage *stage) {
    return stage->ready->watched && stage->part->news != NULL && stage->part->news(stage);
}

bool weir__stage_is_quiet(weir_stage *stage) {
    return has_none(stage, WEIR__EVENTS) && has_none(stage, WEIR__DEMAND) &&
           !has_part_news(stage) && !weir__ready_raised(stage->ready) &&
           stage->control.first == NULL && !weir__stage_has_input(stage);
}

/* What is seldom, and comes before the edges.  True when there was something. */
static bool before_edges(weir_stage *stage, uint32_t *budget, struct weir__go *go) {
    bool any = weir__stage_resume(stage, budget);
    any = control(stage) || any;
    return (stage->ready->watched && watch_part(stage, go)) || any;
}

/* 4: what a turn leaves behind, and the report.  True when there is more to do. */
bool weir__stage_turn_ends(weir_stage *stage) {
    if (stage->inq_fresh > 0) {
        weir__stage_unpin(stage, &stage->inq, stage->inq_fresh);
        stage->inq_fresh = 0;
    }
    if (WEIR__UNLIKELY(stage->stash_fresh)) {
        weir__stage_settle_stash(stage);
    }
    if (WEIR__UNLIKELY(stage->finishing)) {
        weir__stage_go_to_end(stage);
    }
    if (WEIR__UNLIKELY(stage->rest == WEIR__REST_TURN)) {
        stage->rest = WEIR__REST_READY;
    }
    if (WEIR__UNLIKELY(stage->beside)) {
        weir__limits_settle(stage);
        weir__stage_takers_look(stage);
    }
    weir__outbox_flush(&stage->host->outbox);
    WEIR__VERIFY(weir__stage_check(stage));
    return stage->stopping || stage->control.first != NULL ||
           (weir__stage_has_input(stage) && weir__stage_can_drain(stage));
}

/* 2 and 3, from what parts supply to the input queue. */
static WEIR__NOINLINE bool between_edges(weir_stage *stage, uint32_t *budget, struct weir__go *go) {
    bool any = false;
    stage->goes_on = true;
    if (stage->supply_due) {
        weir__stage_supply(stage);
    }
    if (weir__stage_has_input(stage)) {
        any = weir__stage_drain(stage, budget);
    }
    weir__onward_go(stage, go);
    stage->goes_on = false;
    return any;
}

/*
 * An event that came by itself from another worker, for which there is demand as far as was heard:
 * whoever sent it may wait for what comes of it.  What has been asked for meanwhile is heard behind
 * it; an answer and the next ask mostly come together.
 */
static inline bool goes_first(const weir_stage *stage) {
    const struct weir__ready_list *hot = stage->ready->hot;
    if (hot[WEIR__EVENTS].count != 1 || hot[WEIR__DEMAND].count == 0 || stage->weighs ||
        stage->supply_due || weir__stage_has_input(stage)) {
        return false;
    }
    const struct weir__edge *edge = hot[WEIR__EVENTS].first->edge;
    uint32_t count = edge->local ? 0 : weir__edge_inline_next(edge);
    return count > 0 && count <= weir__stage_open_demand(stage);
}

/*
 * The steps are those of docs/design.md.  Each is behind a look at whether there is
 * anything to do in it: most turns are of a stage with one hot edge and nothing else, and
 * take a few tens of nanoseconds.
 */
bool weir__stage_turn(weir_stage *stage) {
    struct weir__ready_stage *ready = stage->ready;
    uint32_t budget = TURN_BATCHES;
    struct weir__go go = {.legs = TURN_LEGS, .batches = TURN_LEGS_BATCHES};
    bool any = false;
    if (WEIR__UNLIKELY(stage->closed)) {
        return true; /* what has come is handled when it is known whether it ends */
    }
    stage->visited = true;
    /* 0 and 1: the rest of a message, and control when that is through */
    if (WEIR__UNLIKELY(stage->begun || stage->control.first != NULL || ready->watched)) {
        any = before_edges(stage, &budget, &go);
    }
    weir__ready_collect(ready, take_raised, stage);
    bool first = goes_first(stage) && edges(stage, WEIR__EVENTS, &budget, &go);
    any = any || first;
    /* 2: demand */
    if (ready->hot[WEIR__DEMAND].count > 0 && edges(stage, WEIR__DEMAND, &budget, &go)) {
        any = true;
    }
    if (stage->supply_due || weir__stage_has_input(stage)) {
        any = between_edges(stage, &budget, &go) || any;
    }
    /* 3: events */
    if (!first && ready->hot[WEIR__EVENTS].count > 0 && edges(stage, WEIR__EVENTS, &budget, &go)) {
        any = true;
    }
    /* 4: the end of it */
    if (WEIR__UNLIKELY(stage->finishing) && budget < TURN_BATCHES) {
        weir__stage_came(stage);
    }
    bool more = weir__stage_ends_turn(stage);
    weir__pool_flush(&stage->host->pool);
    stage->visited = false;
    return any || more;
}
