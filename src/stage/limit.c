/*
 * Limits at their stage: see limit.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/limit.h"

#include "base/check.h"
#include "stage/handle.h"
#include "stage/keeping.h"
#include "stage/outputs.h"

/* ---- lists and timers ------------------------------------------------------- */

static void note_beside(weir_stage *stage) {
    stage->beside = stage->takers_waiting != NULL || stage->limits != NULL;
}

/* To the end of the list: the others have their turn first. */
static void list_limit(weir_stage *stage, struct weir__limit *limit) {
    limit->state = WEIR__LIMIT_LISTED;
    limit->next = NULL;
    limit->previous = stage->limits_last;
    *(stage->limits == NULL ? &stage->limits : &stage->limits_last->next) = limit;
    stage->limits_last = limit;
    stage->beside = true;
}

static void unlist_limit(weir_stage *stage, struct weir__limit *limit) {
    *(limit->previous == NULL ? &stage->limits : &limit->previous->next) = limit->next;
    *(limit->next == NULL ? &stage->limits_last : &limit->next->previous) = limit->previous;
    limit->state = WEIR__LIMIT_IDLE;
    note_beside(stage);
}

static void stop_waiting(struct weir__limit *limit) {
    weir_stage *stage = limit->stage;
    weir__timers_remove(&stage->host->timers, &limit->timer);
    weir__store_relaxed_u64(&limit->until_ns, 0);
    stage->limits_waiting--;
    limit->state = WEIR__LIMIT_IDLE;
}

static void go_on_waiting_no_more(struct weir__limit *limit) {
    weir_stage *stage = limit->stage;
    stop_waiting(limit);
    list_limit(stage, limit);
    weir__ready_queue(stage->ready, false);
}

static void limit_due(struct weir__timer *timer) {
    go_on_waiting_no_more(WEIR__CONTAINER_OF(timer, struct weir__limit, timer));
}

/* It is in no list. */
static void wait_until(weir_stage *stage, struct weir__limit *limit, uint64_t due_ns) {
    limit->state = WEIR__LIMIT_WAITING;
    limit->timer.fire = limit_due;
    stage->limits_waiting++;
    weir__store_relaxed_u64(&limit->until_ns, due_ns > 0 ? due_ns : 1);
    weir__timers_add(&stage->host->timers, &limit->timer, due_ns);
}

static void unpin_fresh(weir_stage *stage, struct weir__limit *limit) {
    if (limit->fresh > 0) {
        uint32_t fresh = limit->fresh < limit->queue.count ? limit->fresh : limit->queue.count;
        weir__stage_unpin(stage, &limit->queue, fresh);
        limit->fresh = 0;
    }
}

/* ---- what comes ---------------------------------------------------------------- */

bool weir__limit_store(weir_stage *stage, struct weir__edge *edge, struct weir__item item) {
    struct weir__limit *limit = edge->limit;
    item.flags &= WEIR__LASTING;
    if (!weir__queue_push(&limit->queue, item)) {
        return false;
    }
    limit->fresh++;
    stage->limit_events += item.count;
    if (limit->state == WEIR__LIMIT_IDLE) {
        limit->stage = stage;
        list_limit(stage, limit);
    }
    return true;
}

bool weir__limit_store_info(weir_stage *stage, void *info) {
    struct weir__edge *edge = stage->limit_events > 0 ? stage->producers : NULL;
    while (edge != NULL && !(weir__edge_is_limited(edge) && edge->limit->queue.events > 0)) {
        edge = edge->producers_next;
    }
    struct weir__item mark = {.mark = info, .flags = WEIR__MARK, .kind = WEIR__MARK_INFO};
    return edge != NULL && weir__queue_push(&edge->limit->queue, mark);
}

/* ---- tokens ----------------------------------------------------------------------- */

/*
 * How many of `most` events may be begun now.  Where there is none, tokens are reserved for
 * some of them, and *due_ns is when those may be used.
 */
static uint64_t take_tokens(struct weir__limit *limit, uint64_t most, uint64_t now_ns,
                            uint64_t *due_ns) {
    struct weir__reserved *reserved = &limit->reserved;
    uint64_t count = weir__rate_use(limit->rate, reserved, most, now_ns);
    if (count > 0) {
        limit->last = weir__reserved_used(reserved, count);
    }
    if (reserved->count == 0 && count < most) {
        count += weir__rate_take(limit->rate, most - count, now_ns, &limit->last);
    }
    if (count > 0) {
        return count;
    }
    if (reserved->count == 0) {
        uint64_t stride = weir__rate_stride(limit->rate);
        stride = stride < most ? stride : most;
        if (!weir__rate_reserve(limit->rate, stride, now_ns, reserved)) {
            *due_ns = WEIR__RATE_NEVER;
            return 0;
        }
    }
    *due_ns = weir__rate_due(limit->rate, reserved);
    return 0;
}

/* The last `count` that were used were not, after all: they may be, as long as their time is. */
static void give_tokens_back(struct weir__limit *limit, uint64_t count) {
    weir__reserved_join(&limit->reserved, &limit->last, count);
    limit->last.count = 0;
}

/* ---- what goes ---------------------------------------------------------------------- */

/* The gate of messages (intake.c), for one that would come to an empty queue. */
static bool may_begin(const weir_stage *stage) {
    bool rests = stage->rest != WEIR__REST_READY && !stage->relaxed;
    return !stage->stopping && !stage->begun && !rests && weir__queue_empty(&stage->inq) &&
           !weir__stage_is_held(stage) &&
           (stage->kind == WEIR_CONSUMER || stage->relaxed || weir__stage_has_appetite(stage));
}

bool weir__limits_may_give(const weir_stage *stage) {
    return stage->limits != NULL && may_begin(stage);
}

/* Infos at the front are next, whatever the rate is. */
static void pass_marks(weir_stage *stage, struct weir__limit *limit) {
    struct weir__queue *queue = &limit->queue;
    while (!weir__queue_empty(queue) && (weir__queue_at(queue, 0)->flags & WEIR__MARK) != 0 &&
           weir__queue_reserve(&stage->inq, 1)) {
        weir__queue_push(&stage->inq, weir__queue_pop(queue));
    }
}

/* The first `count` events become a message in the input queue, where there is room. */
static void pass_events(weir_stage *stage, struct weir__limit *limit, uint64_t count) {
    stage->limit_events -= count;
    while (count > 0) {
        struct weir__item item = weir__queue_take(&limit->queue, count, &stage->host->pool);
        count -= item.count;
        item.flags &= WEIR__LASTING;
        item.flags |= count > 0 ? WEIR__MORE : 0;
        weir__queue_push(&stage->inq, item);
    }
}

/* As many as one batch may have, of those that are here. */
static uint64_t most_of(const struct weir__limit *limit) {
    const struct weir__edge *edge = limit->edge;
    uint64_t largest = edge->manual ? UINT64_MAX : edge->window.max - edge->window.min;
    return weir__queue_run(&limit->queue, largest);
}

enum { AGAIN_NS = 1000000 }; /* without memory it is tried again then */

/* It is in no list.  true: a message is in the input queue; false: the limit waits. */
static bool give_message(weir_stage *stage, struct weir__limit *limit) {
    uint64_t now_ns = weir_runtime_now(stage->host->runtime);
    uint64_t due_ns = now_ns + AGAIN_NS;
    uint64_t count = 0;
    if (weir__queue_reserve(&stage->inq, limit->queue.count)) {
        count = take_tokens(limit, most_of(limit), now_ns, &due_ns);
    }
    if (count == 0) {
        unpin_fresh(stage, limit);
        wait_until(stage, limit, due_ns);
        return false;
    }
    pass_events(stage, limit, count);
    return true;
}

/* What came of it was the last: its edge may end now. */
static void note_idle(weir_stage *stage, struct weir__limit *limit) {
    limit->fresh = 0;
    if (limit->edge->consumer_state == WEIR__CONSUMER_CLOSING) {
        weir__edge_heat(limit->edge, WEIR__EVENTS);
        weir__ready_queue(stage->ready, false);
    }
}

static void serve_limit(weir_stage *stage, struct weir__limit *limit, uint32_t *budget) {
    unlist_limit(stage, limit);
    pass_marks(stage, limit);
    if (!weir__queue_empty(&limit->queue) && !give_message(stage, limit)) {
        return;
    }
    pass_marks(stage, limit); /* those behind it, before something else comes */
    if (!weir__queue_empty(&limit->queue)) {
        list_limit(stage, limit);
    } else {
        note_idle(stage, limit);
    }
    weir__stage_drain_queue(stage, budget);
}

bool weir__limits_serve(weir_stage *stage, uint32_t *budget) {
    bool any = false;
    while (*budget > 0 && weir__limits_may_give(stage)) {
        any = true;
        serve_limit(stage, stage->limits, budget);
    }
    return any;
}

void weir__limits_settle(weir_stage *stage) {
    for (struct weir__limit *limit = stage->limits; limit != NULL; limit = limit->next) {
        unpin_fresh(stage, limit);
    }
}

static uint32_t items_of_message(const struct weir__queue *inq) {
    uint32_t items = 0;
    while ((weir__queue_at(inq, items)->flags & WEIR__MORE) != 0) {
        items++;
    }
    return items + 1;
}

static bool is_mark_of(const struct weir__item *item, const struct weir__edge *edge) {
    return weir__item_is_programs_mark(item) && item->owner == edge;
}

/* To the limit's front, for which it has room: the message of so many items, and
 * the marks that the edge has brought behind it. */
static void move_to_front(struct weir__queue *inq, struct weir__edge *edge, uint32_t items) {
    for (uint32_t i = inq->count; i > 0; i--) {
        struct weir__item item = *weir__queue_at(inq, i - 1);
        if (i <= items) {
            item.flags &= WEIR__LASTING;
        } else if (!is_mark_of(&item, edge)) {
            continue;
        }
        weir__queue_push_front(&edge->limit->queue, item);
    }
}

/* Behind the message, which was popped. */
static void remove_marks(struct weir__queue *inq, const struct weir__edge *edge) {
    for (uint32_t left = inq->count; left > 0; left--) {
        struct weir__item item = weir__queue_pop(inq);
        if (!is_mark_of(&item, edge)) {
            weir__queue_push(inq, item); /* there is room: one was popped */
        }
    }
}

void weir__limit_rested(weir_stage *stage, struct weir__edge *edge) {
    struct weir__limit *limit = edge->limit;
    struct weir__queue *inq = &stage->inq;
    if (weir__queue_empty(inq) || !weir__edge_subscribed(edge)) {
        return;
    }
    uint64_t count = 0;
    uint32_t items = items_of_message(inq);
    if (!weir__queue_reserve(&limit->queue, inq->count)) {
        return; /* it comes again from where it is */
    }
    move_to_front(inq, edge, items);
    for (uint32_t i = 0; i < items; i++) {
        count += weir__queue_pop(inq).count; /* they have moved */
    }
    remove_marks(inq, edge);
    stage->limit_events += count;
    give_tokens_back(limit, count);
    if (limit->state == WEIR__LIMIT_IDLE) {
        limit->stage = stage;
        list_limit(stage, limit);
    }
}

/* ---- from elsewhere ------------------------------------------------------------------- */

void weir__limits_look_again(weir_stage *stage) {
    struct weir__edge *edge = stage->limits_waiting > 0 ? stage->producers : NULL;
    for (; edge != NULL; edge = edge->producers_next) {
        if (weir__edge_is_limited(edge) && edge->limit->state == WEIR__LIMIT_WAITING) {
            go_on_waiting_no_more(edge->limit);
        }
    }
}

void weir__limit_leave(weir_stage *stage, struct weir__edge *edge) {
    struct weir__limit *limit = edge->limit;
    if (limit->state == WEIR__LIMIT_WAITING) {
        stop_waiting(limit);
    } else if (limit->state == WEIR__LIMIT_LISTED) {
        unlist_limit(stage, limit);
    }
}
