/*
 * Intake: the consumer's side of a stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Entries of an edge make up messages: what one dispatch gave this consumer.
 * A message is cut, from its start, into batches by the subscription's window;
 * each batch is one contiguous run of events, gathered into a fresh block only
 * when it spans slices.  After each batch: dispatch what it emitted, then ask.
 * One that is larger than a block is not gathered: it comes in pieces (pieces.c).
 *
 * Whole messages wait in `inq`, in order of arrival over all producers, with
 * infos and ends of subscriptions between them.  A consumer handles them at
 * once; a producer_consumer begins the next item only while its own dispatcher
 * has open demand (or, a part, as it says itself: weir__appetite), and handles a message, once
 * begun, to its end.  Marks of the program's pass without demand.
 */
#include "base/attributes.h"
#include "base/check.h"
#include "edge/rack.h"
#include "memory/pool.h"
#include "memory/spans.h"
#include "stage/handle.h"
#include "stage/keeping.h"
#include "stage/limit.h"
#include "stage/mark.h"
#include "stage/outputs.h"
#include "stage/stamp.h"
#include "stage/subscription.h"
#include "stage/takers.h"

/* ---- from entries to messages -------------------------------------------- */

/* Who asks by itself was never handed what was lost: it is asked for again. */
static void ask_anew(weir_stage *stage, struct weir__edge *edge, uint64_t count) {
    if (!stage->stopping && weir__edge_subscribed(edge)) {
        weir__subscription_ask_by_hand(stage, edge, count);
    }
    weir__outbox_flush(&stage->host->outbox);
}

/*
 * For want of memory: what has come so far of a message, and `count` more, is
 * lost whole, or the next message would be taken for its end.  It counts as
 * received, so that demand does not stand still afterwards.
 */
static void lose_message(weir_stage *stage, struct weir__edge *edge, uint64_t count) {
    count += edge->partial.events;
    weir__subscription_done(stage, edge, count);
    weir__queue_discard(&edge->partial, edge->partial.events, WEIR_DISCARD_NO_MEMORY,
                        &stage->host->pool);
    weir__stage_discard(stage, count, WEIR_DISCARD_NO_MEMORY, true);
    if (!edge->manual) {
        uint64_t over = 0;
        weir__window_message(&edge->window);
        weir__subscription_ask(stage, edge, weir__window_take(&edge->window, count, &over));
        weir__outbox_flush(&stage->host->outbox);
    } else {
        ask_anew(stage, edge, count);
    }
}

/* The message's last part is here: all of it moves to the input queue. */
static void complete(weir_stage *stage, struct weir__edge *edge, struct weir__item last) {
    struct weir__queue *partial = &edge->partial;
    stage->inq_fresh += partial->count + 1;
    while (!weir__queue_empty(partial)) {
        struct weir__item item = weir__queue_pop(partial);
        item.flags |= WEIR__MORE;
        weir__queue_push(&stage->inq, item);
    }
    weir__queue_push(&stage->inq, last);
}

static void accept(weir_stage *stage, struct weir__edge *edge, const struct weir__entry *entry) {
    if (WEIR__UNLIKELY(weir__entry_is_mark(entry))) {
        weir__stage_take_mark(stage, edge, entry);
        return;
    }
    struct weir__item item = {.block = entry->block,
                              .first = entry->first,
                              .count = entry->count,
                              .flags = entry->flags,
                              .event_bytes = weir__entry_event_bytes(entry),
                              .owner = edge};
    if (entry->block == NULL && !weir__stage_keep(stage, NULL, entry->events, &item)) {
        lose_message(stage, edge, entry->count);
        return;
    }
    bool more = (entry->flags & WEIR__MORE) != 0;
    if (WEIR__UNLIKELY(weir__edge_is_limited(edge))) {
        if (weir__limit_store(stage, edge, item)) {
            return;
        }
    } else if (more && weir__queue_push(&edge->partial, item)) {
        return;
    }
    if (!more && !weir__edge_is_limited(edge) &&
        weir__queue_reserve(&stage->inq, edge->partial.count + 1)) {
        complete(stage, edge, item);
        return;
    }
    weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, &stage->host->pool);
    lose_message(stage, edge, entry->count);
}

/* ---- from messages to batches -------------------------------------------- */

static uint64_t message_events(const struct weir__queue *inq) {
    uint64_t events = 0;
    for (uint32_t i = 0; i < inq->count; i++) {
        const struct weir__item *item = weir__queue_at(inq, i);
        events += item->count;
        if ((item->flags & WEIR__MORE) == 0) {
            break;
        }
    }
    return events;
}

void weir__stage_excess(weir_stage *stage, uint64_t count) {
    weir__host_log(stage->host, WEIR_LOG_ERROR,
                   "stage %s has received %llu events in excess of its demand", stage->name,
                   (unsigned long long)count);
}

/* What a producer_consumer still holds of a subscription that has ended. */
static bool comes_unsplit(const weir_stage *stage, const struct weir__edge *edge) {
    return weir__edge_ended(edge) && stage->kind == WEIR_PRODUCER_CONSUMER;
}

/* Begins a message: after this, nothing comes between its batches. */
static void begin(weir_stage *stage, struct weir__edge *edge) {
    stage->begun = true;
    stage->message_left = message_events(&stage->inq);
    stage->message_windowed = !edge->manual && !comes_unsplit(stage, edge);
    stage->pulled++;
    if (stage->message_windowed) {
        weir__window_message(&edge->window);
        stage->pulled += weir__window_more(&edge->window, stage->message_left);
    }
}

/* The size of the next batch, and what is to be asked for after it. */
static inline uint64_t next_batch(weir_stage *stage, struct weir__edge *edge, uint64_t *ask_for) {
    if (!stage->message_windowed) {
        return stage->message_left;
    }
    uint64_t over = 0;
    uint64_t count = weir__window_batch(&edge->window, stage->message_left);
    *ask_for = weir__window_take(&edge->window, count, &over);
    if (WEIR__UNLIKELY(over > 0)) {
        weir__stage_excess(stage, over);
    }
    return count;
}

/* Hands an item on.  false: no memory, it is discarded. */
static inline bool hand_on(weir_stage *stage, struct weir__edge *edge, struct weir__item *item,
                           uint64_t *ask_for) {
    if (WEIR__PART(stage, lend) == NULL) {
        weir__stage_handle(stage, item,
                           weir__block_at(item->block, item->first, item->event_bytes));
        return true;
    }
    if (!weir__stage_lend(stage, edge, *item, *ask_for)) {
        return false;
    }
    *ask_for = 0; /* it asks once the batch has come back */
    return true;
}

static uint64_t bytes_of(const struct weir__item *item) {
    uint64_t bytes = (uint64_t)item->count * item->event_bytes;
    return WEIR__UNLIKELY((item->flags & WEIR__OWNING) != 0)
               ? bytes + weir__spans_about(item, item->count)
               : bytes;
}

/*
 * The first of where bytes are bounded, which is one event that says what they are like.  What is
 * outstanding is then made a round number again: else batches of max - min would leave crumbs for
 * ever, and both ends wait for each other.
 */
static bool is_first(const weir_stage *stage, const struct weir__edge *edge) {
    return edge->ring.consumer.done == 0 && edge->through == 0 && stage->message_windowed &&
           stage->pieces_left == 0 && WEIR__PART(stage, lend) == NULL;
}

/* One batch, or one piece of one. */
static void one_batch(weir_stage *stage) {
    struct weir__edge *edge = weir__queue_at(&stage->inq, 0)->owner;
    if (!stage->begun) {
        begin(stage, edge);
    }
    struct weir__item item;
    uint64_t ask_for = 0;
    uint64_t bytes = 0;
    uint64_t count = stage->pieces_left;
    bool run = true;
    if (WEIR__LIKELY(count == 0)) {
        count = next_batch(stage, edge, &ask_for);
    }
    if (WEIR__LIKELY(stage->pieces_left == 0 && weir__queue_at(&stage->inq, 0)->count >= count)) {
        item = weir__queue_take(&stage->inq, count, &stage->host->pool);
    } else {
        run = weir__stage_take_across(stage, &count, &ask_for, &item);
    }
    stage->message_left -= count;
    stage->begun = stage->message_left > 0;
    if (WEIR__LIKELY(run)) {
        bytes = bytes_of(&item);
        run = hand_on(stage, edge, &item, &ask_for);
        if (WEIR__UNLIKELY((item.flags & WEIR__REST) != 0)) {
            weir__stage_rested(stage, edge, count - item.count, &ask_for, stage->message_windowed);
            count = item.count;
        }
    }
    if (WEIR__UNLIKELY(!run) && edge->manual) {
        ask_anew(stage, edge, count);
    }
    if (WEIR__UNLIKELY(edge->load != NULL) && is_first(stage, edge)) {
        uint64_t asked = edge->asked + ask_for;
        uint64_t may_ask = edge->received + edge->window.max;
        ask_for += weir__window_fill(&edge->window, may_ask > asked ? may_ask - asked : 0);
    }
    if (!run || (WEIR__PART(stage, lend) == NULL && !stage->counts_handled)) {
        weir__subscription_done(stage, edge, count); /* a part tells of it by itself */
    }
    weir__subscription_ask(stage, edge, ask_for);
    weir__outbox_flush(&stage->host->outbox);
    if (run && ask_for > 0) {
        weir__outbox_touched_much(edge, WEIR__DEMAND, bytes);
    }
}

/* ---- the gate ------------------------------------------------------------ */

static bool can_take_next(const weir_stage *stage) {
    if (stage->stopping || weir__queue_empty(&stage->inq) ||
        (stage->rest != WEIR__REST_READY && !stage->relaxed)) {
        return false;
    }
    if (!weir__queue_empty(&stage->lent) &&
        (weir__queue_at(&stage->inq, 0)->flags & WEIR__MARK) != 0 &&
        !weir__item_is_programs_mark(weir__queue_at(&stage->inq, 0))) {
        return false; /* an end, behind what a reader still has */
    }
    return stage->begun ||
           (!weir__stage_is_held(stage) &&
            (stage->kind == WEIR_CONSUMER || stage->relaxed || weir__stage_has_appetite(stage) ||
             weir__item_is_programs_mark(weir__queue_at(&stage->inq, 0))));
}

bool weir__stage_can_drain(const weir_stage *stage) {
    return can_take_next(stage) || (stage->beside && weir__limits_may_give(stage));
}

static void one_mark(weir_stage *stage) {
    struct weir__item item = weir__queue_pop(&stage->inq);
    if (item.kind == WEIR__MARK_INFO) {
        weir__stage_supply_info(stage, item.mark);
    } else if (item.kind >= WEIR__MARK_PROGRAMS) {
        weir__stage_had_mark(stage, &item);
    } else {
        weir__subscription_finish(stage, item.owner);
    }
}

bool weir__stage_resume(weir_stage *stage, uint32_t *budget) {
    bool any = false;
    while (*budget > 0 && stage->begun && !stage->stopping) {
        any = true;
        one_batch(stage);
        weir__stage_spend(stage, budget);
    }
    return any;
}

bool weir__stage_drain_queue(weir_stage *stage, uint32_t *budget) {
    bool any = false;
    while (*budget > 0 && can_take_next(stage)) {
        any = true;
        if ((weir__queue_at(&stage->inq, 0)->flags & WEIR__MARK) != 0) {
            one_mark(stage);
        } else {
            one_batch(stage);
            weir__stage_spend(stage, budget);
        }
    }
    return any;
}

bool weir__stage_drain(weir_stage *stage, uint32_t *budget) {
    bool any = weir__stage_drain_queue(stage, budget);
    if (WEIR__UNLIKELY(stage->beside)) {
        any = weir__limits_serve(stage, budget) || any;
        weir__stage_takers_look(stage);
    }
    return any;
}

/* ---- pulling ------------------------------------------------------------- */

static bool take_next(weir_stage *stage, struct weir__edge *edge, struct weir__entry *out) {
    if (WEIR__UNLIKELY(weir__edge_rack(edge) != NULL)) {
        return weir__stage_take_rack(stage, edge, out);
    }
    return weir__edge_take(edge, out);
}

/* Something has come for the first time; what the producer wrote before that is seen. */
static bool has_begun(const struct weir__edge *edge) {
    bool begun =
        weir__edge_rack(edge) != NULL || weir__edge_closing(edge) || !weir__ring_empty(&edge->ring);
    weir__fence_acquire(); /* K1 -> K2 */
    return begun;
}

static const struct weir__edge *followed(const weir_stage *stage, const struct weir__edge *edge) {
    const weir_subscription id = {.id = edge->follows};
    return id.id != 0 ? weir__stage_find(stage, id) : NULL;
}

/*
 * A subscription that the producer accepted as it ended another one is read when that one
 * has ended here, too: very soon, for all of it is on this worker by now.  Unless a rate holds that
 * up, or what that follows: then it is not looked at until that has ended (subscription.c), and
 * stays raised, so that nobody else brings it.
 */
static bool must_wait(const weir_stage *stage, struct weir__edge *edge) {
    const struct weir__edge *before = followed(stage, edge);
    edge->behind = false;
    for (const struct weir__edge *other = before; other != NULL && !edge->behind;) {
        edge->behind = weir__edge_is_limited(other) && !weir__queue_empty(&other->limit->queue);
        other = followed(stage, other);
    }
    if (edge->behind && edge->ready[WEIR__EVENTS].hot) {
        weir__edge_unheat(edge, WEIR__EVENTS);
    }
    return before != NULL;
}

/*
 * While others wait an edge has turns, of equal shares: in one it gives what had been asked for
 * when that began, no more than so many batches, and the message that it has come to.  (A producer
 * on another worker may answer what is asked for meanwhile; one on this worker cannot, and would
 * get less.)  By what a long message is beyond that share its edge is ahead.
 */
enum { EDGE_BATCHES = 16 };

static inline bool others_wait(const weir_stage *stage) {
    return stage->ready->hot[WEIR__EVENTS].count > 1;
}

/* True when it passes its turn, for what it has had. */
static bool passes(struct weir__edge *edge) {
    bool any = edge->ahead > 0;
    edge->ahead -= edge->ahead < EDGE_BATCHES ? edge->ahead : EDGE_BATCHES;
    return any;
}

static inline void note_ahead(weir_stage *stage, struct weir__edge *edge) {
    if (WEIR__UNLIKELY(stage->pulled > EDGE_BATCHES)) {
        edge->ahead = stage->pulled - EDGE_BATCHES;
    }
}

/* A whole message, where it is.  false: something comes before it, or it takes more than that. */
static inline bool handle_straight(weir_stage *stage, struct weir__edge *edge,
                                   const struct weir__entry *entry, uint32_t *budget) {
    if (entry->block != NULL) {
        return weir__stage_straight(stage, edge, entry, budget);
    }
    if (!weir__stage_straight_inline(stage, edge, entry)) {
        weir__edge_free_slot(edge);
        return false;
    }
    weir__stage_spend(stage, budget);
    stage->pulled++;
    return true;
}

bool weir__stage_pull(weir_stage *stage, struct weir__edge *edge, uint32_t *budget) {
    bool any = false;
    struct weir__entry entry;
    if (WEIR__UNLIKELY(edge->received == 0)) {
        if (!has_begun(edge)) {
            return false;
        }
        if (must_wait(stage, edge)) {
            return !edge->behind;
        }
    }
    uint64_t until = UINT64_MAX;
    if (others_wait(stage)) {
        if (passes(edge)) {
            return true;
        }
        until = edge->asked;
    }
    stage->pulled = 0;
    while (*budget > 0 && stage->pulled < EDGE_BATCHES && !stage->stopping &&
           (!any || edge->received < until) && take_next(stage, edge, &entry)) {
        any = true;
        if (weir__stamp_came(edge)) {
            weir__stage_stamped(stage, edge);
        }
        if (!handle_straight(stage, edge, &entry, budget)) {
            accept(stage, edge, &entry);
            weir__stage_drain(stage, budget);
        }
    }
    note_ahead(stage, edge);
    if (any && weir__edge_made_room(edge)) {
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
    }
    if (WEIR__UNLIKELY(edge->consumer_state == WEIR__CONSUMER_CLOSING) &&
        weir__edge_complete(edge) && !stage->stopping &&
        !(weir__edge_is_limited(edge) && !weir__queue_empty(&edge->limit->queue))) {
        weir__subscription_ends(stage, edge);
        return true;
    }
    return any;
}
