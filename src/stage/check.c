/*
 * The stage's checkers: what stands in the head of stage.h, and what its parts say of themselves.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it is the worker's, who calls: nothing that another worker writes is read.
 */
#include "base/check.h"
#include "dispatch/shared.h"
#include "edge/rack.h"
#include "stage/keeping.h"
#include "stage/stage.h"

#if WEIR__CHECKED
/* ---- between its turns --------------------------------------------------- */

/* How many events the rest of the message at the front has. */
static uint64_t rest_of_message(const struct weir__queue *inq) {
    uint64_t events = 0;
    for (uint32_t i = 0; i < inq->count; i++) {
        const struct weir__item *item = weir__queue_at(inq, i);
        WEIR__CHECK((item->flags & WEIR__MARK) == 0);
        events += item->count;
        if ((item->flags & WEIR__MORE) == 0) {
            break;
        }
    }
    return events;
}

static void check_message(const weir_stage *stage) {
    if (stage->begun) {
        WEIR__CHECK(stage->message_left > 0);
        WEIR__CHECK(stage->message_left == rest_of_message(&stage->inq));
    }
    WEIR__CHECK(stage->pieces_left == 0 || stage->begun);
    WEIR__CHECK(stage->pieces_left <= (stage->begun ? stage->message_left : 0));
}

static void check_outgoing(const weir_stage *stage) {
    bool accumulates = stage->mode == WEIR_ACCUMULATE;
    WEIR__CHECK(stage->deferred_marks <= stage->deferred.count);
    WEIR__CHECK(weir__queue_empty(&stage->deferred) || accumulates);
    if (weir__dispatch_is_own(&stage->dispatch)) {
        WEIR__CHECK(stage->buffer.queue.events == 0 || accumulates || stage->again > 0 ||
                    weir__stage_open_demand(stage) == 0);
    }
}

void weir__stage_check(const weir_stage *stage) {
    if (stage->stopping) {
        return;
    }
    WEIR__CHECK(!stage->may_emit && stage->strip.to == NULL);
    WEIR__CHECK(weir__queue_empty(&stage->emission) && weir__queue_empty(&stage->scratch));
    WEIR__CHECK(stage->inq_fresh == 0 && !stage->stash_fresh);
    WEIR__CHECK(stage->beside == (stage->takers_waiting != NULL || stage->limits != NULL));
    check_message(stage);
    check_outgoing(stage);
}

/* ---- lists --------------------------------------------------------------- */

/* Returns whether it has seen them all. */
static bool check_consumers(const weir_stage *stage, size_t *count) {
    bool keeps = weir__dispatch_is_own(&stage->dispatch);
    const struct weir__edge *edge = stage->consumers;
    for (*count = 0; edge != NULL && *count < WEIR__CHECK_MOST; ++*count) {
        WEIR__CHECK(weir__edge_attached(edge) && edge->waits_for == NULL);
        WEIR__CHECK(edge->consumers_next == NULL ||
                    edge->consumers_next->consumers_previous == edge);
        weir__edge_check_producer(edge, keeps);
        edge = edge->consumers_next;
    }
    return edge == NULL;
}

static bool check_leavers(const weir_stage *stage, size_t *in_line) {
    const struct weir__edge *edge = stage->leavers;
    size_t seen = 0;
    for (*in_line = 0; edge != NULL && seen < WEIR__CHECK_MOST; seen++) {
        WEIR__CHECK(weir__edge_leaving(edge));
        WEIR__CHECK((edge->in_line > 0) == (edge->followers != NULL));
        WEIR__CHECK(edge->followers == NULL ||
                    (weir__edge_in_line(edge->followers) && edge->followers->waits_for == edge));
        *in_line += edge->in_line;
        edge = edge->leavers_next;
    }
    WEIR__CHECK((stage->leavers == NULL) == (stage->leaving.count == 0));
    return edge == NULL;
}

static void check_producers(const weir_stage *stage) {
    const struct weir__edge *edge = stage->producers;
    size_t count = 0;
    uint64_t limited = 0;
    for (; edge != NULL && count < WEIR__CHECK_MOST; count++) {
        limited += weir__edge_is_limited(edge) ? edge->limit->queue.events : 0;
        WEIR__CHECK(weir__edge_subscribed(edge));
        WEIR__CHECK(edge->producers_next == NULL ||
                    edge->producers_next->producers_previous == edge);
        weir__edge_check_consumer(edge);
        edge = edge->producers_next;
    }
    WEIR__CHECK(edge != NULL || stage->subscriptions.count == count);
    WEIR__CHECK(edge != NULL || stage->limit_events == limited);
    WEIR__CHECK(stage->ready->merges == (count > 1));
}

static void check_takers_wait(const weir_stage *stage) {
    const struct weir__edge *edge = stage->takers_waiting;
    for (int left = WEIR__CHECK_MOST; edge != NULL && left > 0; left--) {
        WEIR__CHECK(edge->waits_to_take);
        WEIR__CHECK(edge->waiting_next == NULL || edge->waiting_next->waiting_previous == edge);
        edge = edge->waiting_next;
    }
}

static void check_queues(const weir_stage *stage) {
    const struct weir__queue *queues[] = {&stage->deferred, &stage->inq, &stage->lent,
                                          &stage->stash};
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        weir__queue_check(queues[i]);
    }
    weir__buffer_check(&stage->buffer);
    for (uint32_t i = 0; i < stage->lent.count && i < WEIR__CHECK_MOST; i++) {
        const struct weir__item *item = weir__queue_at(&stage->lent, i);
        bool asks = weir__item_is_ask(item);
        WEIR__CHECK(!asks || i > 0);
        WEIR__CHECK(!asks || weir__queue_at(&stage->lent, i - 1)->owner == item->owner);
    }
}

void weir__stage_check_lists(const weir_stage *stage) {
    if (stage->stopping) {
        return;
    }
    size_t consumers;
    size_t in_line;
    bool all = check_consumers(stage, &consumers);
    all = check_leavers(stage, &in_line) && all;
    WEIR__CHECK(!all || stage->known.count == consumers + in_line);
    check_producers(stage);
    check_takers_wait(stage);
    check_queues(stage);
    const struct weir__index *indices[] = {&stage->timers, &stage->watching, &stage->fed_by,
                                           &stage->known,  &stage->leaving,  &stage->subscriptions};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        weir__index_check(indices[i]);
    }
    const struct weir__block *filled[] = {stage->open, stage->payload, stage->keep,
                                          stage->keep_payload};
    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++) {
        if (filled[i] != NULL) weir__block_check(filled[i], &stage->host->pool);
    }
    if (stage->dispatch.table != NULL) weir__desk_check(&stage->desk);
    if (weir__dispatch_is_own(&stage->dispatch)) weir__dispatch_check(&stage->dispatch);
}

/* ---- at a quiet point ------------------------------------------------------ */

/* Of those that share its queue: what they have asked for, and what they have taken. */
static bool sum_takers(const weir_stage *stage, uint64_t *asked, uint64_t *taken) {
    const struct weir__edge *edge = stage->consumers;
    size_t seen = 0;
    bool leaving = false;
    *asked = *taken = 0;
    while (seen++ < WEIR__CHECK_MOST) {
        if (edge == NULL && !leaving) {
            leaving = true;
            edge = stage->leavers;
        }
        if (edge == NULL) return true;
        *asked += weir__shared_asked(&edge->outlet);
        *taken += edge->received;
        edge = leaving ? edge->leavers_next : edge->consumers_next;
    }
    return false;
}

uint64_t weir__stage_check_quiet(const weir_stage *stage) {
    uint64_t in_flight = stage->inq.events + stage->lent.events;
    const struct weir__edge *edge = stage->producers;
    for (int left = WEIR__CHECK_MOST; edge != NULL && left > 0; left--) {
        in_flight += weir__edge_check(edge);
        edge = edge->producers_next;
    }
    if (stage->desk.rack != NULL) {
        uint64_t asked;
        uint64_t taken;
        uint64_t waiting = weir__rack_check(stage->desk.rack);
        if (sum_takers(stage, &asked, &taken)) {
            weir__shared_open_check(stage->dispatch.state, asked, taken, waiting);
        }
        in_flight += waiting;
    }
    return in_flight;
}
#endif
