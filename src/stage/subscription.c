/*
 * The life of a subscription, at both of its ends: see subscription.h, and the states that
 * are drawn in edge/life.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/subscription.h"

#include "base/check.h"
#include "edge/rack.h"
#include "stage/ending.h"
#include "stage/keeping.h"
#include "stage/limit.h"
#include "stage/mark.h"
#include "stage/outputs.h"
#include "stage/takers.h"

static weir_peer producer_of(const struct weir__edge *edge) {
    return (weir_peer){.subscription = edge->id,
                       .stage = edge->id.producer,
                       .side = WEIR_PRODUCER,
                       .options = edge->options};
}

static weir_peer consumer_of(const struct weir__edge *edge) {
    return (weir_peer){.subscription = edge->id,
                       .stage = edge->id.consumer,
                       .side = WEIR_CONSUMER,
                       .options = edge->options};
}

weir_subscribe_verdict weir__stage_ask_user(weir_stage *stage, weir_peer peer) {
    if (stage->on.handle_subscribe == NULL) {
        return WEIR_AUTOMATIC;
    }
    weir__stage_enter(stage);
    weir_subscribe_verdict verdict = stage->on.handle_subscribe(stage, &peer);
    bool good =
        verdict == WEIR_AUTOMATIC || verdict == WEIR_MANUAL || verdict == WEIR_SUBSCRIBE_REFUSE;
    if (!good && verdict != WEIR_SUBSCRIBE_STOP) {
        weir__stage_bad_return(stage, "handle_subscribe", (int)verdict);
    }
    weir__stage_leave(stage, "handle_subscribe", good ? WEIR_CONTINUE : WEIR_STOP);
    return verdict;
}

/*
 * Nobody stops when weir refuses a subscription: who has no handle_cancel would wait in silence.
 * What BAD_OPTIONS is about the producer has logged.
 */
static void say_refused(const weir_stage *stage, const weir_peer *peer, weir_reason reason) {
    if (peer->side == WEIR_PRODUCER && reason != WEIR_REASON_BAD_OPTIONS &&
        weir__stage_refused(reason)) {
        weir__host_log(stage->host, WEIR_LOG_ERROR, "stage %s may not subscribe to stage %s: %s",
                       stage->name, weir__host_name(stage->host, peer->stage).name,
                       weir_reason_text(reason));
    }
}

static void tell_user_of_end(weir_stage *stage, weir_peer peer, weir_cancel_cause cause,
                             weir_reason reason) {
    if (stage->on.handle_cancel == NULL) {
        say_refused(stage, &peer, reason);
    } else {
        weir__stage_enter(stage);
        weir__stage_leave(stage, "handle_cancel",
                          stage->on.handle_cancel(stage, &peer, cause, reason));
    }
}

static void send_to_producer(struct weir__edge *edge, struct weir__mail *mail, uint32_t kind) {
    mail->kind = kind;
    mail->to = edge->id.producer;
    weir__mail_send(edge->at[WEIR__DEMAND]->bell, mail);
}

/* It is looked at no more, in that direction. */
static void let_cool(struct weir__edge *edge, enum weir__direction direction) {
    if (edge->ready[direction].hot) {
        weir__edge_unheat(edge, direction);
    }
}

/* ==== the consumer's end ===================================================== */

static void link_producer(weir_stage *stage, struct weir__edge *edge) {
    edge->producers_next = stage->producers;
    edge->producers_previous = NULL;
    if (stage->producers != NULL) {
        stage->producers->producers_previous = edge;
    }
    stage->producers = edge;
    edge->to = stage;
    if (stage->outputs != NULL && stage->outputs->hold_back) {
        edge->paced |= WEIR__PACED_BY_OUTPUT;
    }
    if (!edge->local) {
        weir__ready_goes_abroad(stage->ready);
    }
    stage->ready->merges = edge->producers_next != NULL;
    weir__index_add(&stage->subscriptions, &edge->subscription, edge->id.id);
}

/* The consumer knows it no more. */
static void forget_producer(weir_stage *stage, struct weir__edge *edge) {
    weir__index_remove(&stage->subscriptions, &edge->subscription);
    weir__stage_taker_let_go(stage, edge);
    if (weir__edge_is_limited(edge)) {
        weir__limit_leave(stage, edge);
    }
    if (edge->producers_previous != NULL) {
        edge->producers_previous->producers_next = edge->producers_next;
    } else {
        stage->producers = edge->producers_next;
    }
    if (edge->producers_next != NULL) {
        edge->producers_next->producers_previous = edge->producers_previous;
    }
    stage->ready->merges = stage->producers != NULL && stage->producers->producers_next != NULL;
    weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_OVER);
    let_cool(edge, WEIR__EVENTS);
}

struct weir__edge *weir__stage_find(const weir_stage *stage, weir_subscription subscription) {
    struct weir__edge *edge =
        WEIR__INDEX_FIND(&stage->subscriptions, subscription.id, struct weir__edge, subscription);
    return edge == NULL || weir__edge_ended(edge) ? NULL : edge;
}

void weir__subscription_ask_by_hand(weir_stage *stage, struct weir__edge *edge, uint64_t count) {
    weir__edge_ask_by_hand(edge, count);
    if (weir__edge_subscribed(edge)) {
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
    }
}

/* ---- it begins ------------------------------------------------------------- */

/* With a reference of its own, so that nothing need be flushed before. */
static void send_cancel(struct weir__edge *edge) {
    weir__edge_hold(edge);
    send_to_producer(edge, &edge->cancel, WEIR__MAIL_EDGE_CANCEL);
}

/* And CANCEL behind it, if that was asked for in handle_subscribe. */
static void send_open(struct weir__edge *edge) {
    bool withdrawn = edge->consumer_state == WEIR__CONSUMER_WITHDRAWN;
    weir__consumer_move(&edge->consumer_state,
                        withdrawn ? WEIR__CONSUMER_CANCELLED : WEIR__CONSUMER_OPEN);
    send_to_producer(edge, &edge->forth, WEIR__MAIL_EDGE_OPEN);
    if (withdrawn) {
        send_cancel(edge);
    }
}

/* handle_subscribe has taken it.  replaced: of the same producer, which hears of it with OPEN. */
static void accept_producer(struct weir__edge *edge, bool manual, struct weir__edge *replaced) {
    edge->manual = manual;
    edge->can_overflow = edge->can_overflow || manual;
    weir__window_open(&edge->window, edge->options->max_demand, edge->options->min_demand);
    edge->wants = edge->wants != 0 || !manual;
    edge->takes_over = replaced != NULL;
    if (replaced != NULL && replaced->consumer_state == WEIR__CONSUMER_OPEN) {
        weir__consumer_move(&replaced->consumer_state, WEIR__CONSUMER_CANCELLED);
    }
    if (!manual) {
        weir__edge_ask(edge, edge->options->max_demand);
    }
    send_open(edge);
}

/* Both sides' references: nobody else knows it. */
static void let_both_sides_go(struct weir__host *host, struct weir__edge *edge) {
    weir__outbox_let_go(&host->outbox, edge);
    weir__outbox_let_go(&host->outbox, edge);
}

void weir__subscription_request(weir_stage *stage, struct weir__edge *edge) {
    weir_subscription old = {.id = edge->replaces};
    struct weir__edge *replaced = old.id != 0 ? weir__stage_find(stage, old) : NULL;
    if (replaced != NULL && replaced->id.producer.bits != edge->id.producer.bits) {
        weir__subscription_cancel(replaced,
                                  edge->replace_reason); /* that is told of the end first */
        replaced = NULL;
    }
    link_producer(stage, edge);
    weir_subscribe_verdict verdict = weir__stage_ask_user(stage, producer_of(edge));
    if (!stage->stopping && verdict != WEIR_SUBSCRIBE_REFUSE) {
        accept_producer(edge, verdict == WEIR_MANUAL, replaced);
        return;
    }
    if (replaced != NULL) {
        weir__subscription_cancel(replaced, edge->replace_reason);
    }
    forget_producer(stage, edge);
    let_both_sides_go(stage->host, edge);
}

void weir__subscription_bounce_request(struct weir__host *host, struct weir__edge *edge) {
    weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_OVER);
    let_both_sides_go(host, edge);
}

/* ---- it ends --------------------------------------------------------------- */

void weir__subscription_cancel(struct weir__edge *edge, weir_reason reason) {
    if (edge->consumer_state == WEIR__CONSUMER_REQUESTED) {
        edge->cancel_reason = reason;
        weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_WITHDRAWN); /* behind OPEN */
    } else if (edge->consumer_state == WEIR__CONSUMER_OPEN) {
        edge->cancel_reason = reason;
        weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_CANCELLED);
        send_cancel(edge);
    }
}

static void close_now(weir_stage *stage, struct weir__edge *edge) {
    weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_CLOSING);
    weir__edge_heat(edge, WEIR__EVENTS);
    weir__ready_queue(stage->ready, false);
}

void weir__subscription_closes(weir_stage *stage, struct weir__edge *edge) {
    weir_subscription followed = {.id = edge->follows};
    struct weir__edge *before = followed.id != 0 ? weir__stage_find(stage, followed) : NULL;
    if (!weir__edge_subscribed(edge)) {
        return;
    }
    if (before == NULL) {
        close_now(stage, edge);
    } else {
        edge->closes_next = before->closes_behind;
        before->closes_behind = edge;
    }
}

/* What waited for its end, and was not looked at. */
static void let_follower_go_on(weir_stage *stage, const struct weir__edge *edge) {
    struct weir__edge *other = stage->producers;
    while (other != NULL && !(other->behind && other->follows == edge->id.id)) {
        other = other->producers_next;
    }
    if (other == NULL) {
        return;
    }
    other->behind = false;
    if (!other->ready[WEIR__EVENTS].hot) {
        weir__store_relaxed_u32(&other->ready[WEIR__EVENTS].raised, 1); /* which it is, abroad */
        weir__edge_hold(other);
        weir__ready_heat(stage->ready, &other->ready[WEIR__EVENTS]);
    }
    weir__ready_queue(stage->ready, false);
}

void weir__subscription_ends(weir_stage *stage, struct weir__edge *edge) {
    weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_ENDED);
    if (weir__edge_is_limited(edge) || edge->follows != 0) {
        let_follower_go_on(stage, edge);
    }
    while (edge->closes_behind != NULL) {
        struct weir__edge *next = edge->closes_behind;
        edge->closes_behind = next->closes_next;
        close_now(stage, next);
    }
    if (weir__queue_empty(&stage->inq) && weir__queue_empty(&stage->lent)) {
        weir__subscription_finish(stage, edge);
        return;
    }
    struct weir__item mark = {.flags = WEIR__MARK, .kind = WEIR__MARK_CANCEL, .owner = edge};
    if (!weir__queue_push(&stage->inq, mark)) {
        stage->stopping = true;
        stage->reason = WEIR_REASON_NO_MEMORY;
    }
}

void weir__subscription_finish(weir_stage *stage, struct weir__edge *edge) {
    weir_cancel_cause cause = edge->close_cause;
    weir_reason reason = edge->close_reason;
    if (weir__load_relaxed_u32(stage->host->draining) != 0) {
        weir__stage_finish(stage, true); /* a source elsewhere was told before we were */
    }
    forget_producer(stage, edge);
    weir__stage_edge_unmarked(stage, edge);
    tell_user_of_end(stage, producer_of(edge), cause, reason);
    weir__stage_bereave(stage, edge->options->cancel, reason);
    /* A producer that goes on waits for this: what it sent has been handled. */
    if (cause == WEIR_CANCEL || weir__edge_rack(edge) != NULL) {
        weir__outbox_flush(&stage->host->outbox); /* our reference goes with the mail */
        send_to_producer(edge, &edge->down, WEIR__MAIL_EDGE_LEFT);
        return;
    }
    weir__outbox_let_go(&stage->host->outbox, edge);
}

void weir__stage_down_edge(struct weir__edge *edge) {
    send_to_producer(edge, &edge->down, WEIR__MAIL_EDGE_DOWN);
}

void weir__stage_recall_ends(weir_stage *stage) {
    for (struct weir__edge *edge = stage->producers; edge != NULL; edge = edge->producers_next) {
        if (weir__edge_ended(edge)) {
            weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_CLOSING);
        }
    }
}

/*
 * Where a reader outside goes on with what it has begun the subscription is cancelled: its
 * producer counts on it no more, and takes back all that came by it once the reader is through.
 */
void weir__stage_leave_producers(weir_stage *stage) {
    weir__outbox_flush(&stage->host->outbox); /* our references go with the mails */
    while (stage->producers != NULL) {
        struct weir__edge *edge = stage->producers;
        bool amid = edge == stage->amid;
        if (amid) {
            weir__subscription_cancel(edge, stage->reason);
        }
        forget_producer(stage, edge);
        edge->down_reason = stage->reason;
        if (amid) {
            stage->part->left(stage);
        } else {
            weir__stage_down_edge(edge);
        }
    }
}

/* ==== the producer's end ===================================================== */

static void link_consumer(weir_stage *stage, struct weir__edge *edge) {
    edge->consumers_next = stage->consumers;
    edge->consumers_previous = NULL;
    if (stage->consumers != NULL) {
        stage->consumers->consumers_previous = edge;
    }
    stage->consumers = edge;
}

static void unlink_consumer(weir_stage *stage, struct weir__edge *edge) {
    if (edge->consumers_previous != NULL) {
        edge->consumers_previous->consumers_next = edge->consumers_next;
    } else {
        stage->consumers = edge->consumers_next;
    }
    if (edge->consumers_next != NULL) {
        edge->consumers_next->consumers_previous = edge->consumers_previous;
    }
    let_cool(edge, WEIR__DEMAND);
}

struct weir__edge *weir__stage_find_consumer(const weir_stage *stage,
                                             weir_subscription subscription) {
    return WEIR__INDEX_FIND(&stage->known, subscription.id, struct weir__edge, at_producer);
}

void weir__subscription_close(struct weir__host *host, struct weir__edge *edge,
                              weir_cancel_cause cause, weir_reason reason) {
    weir__outbox_flush(&host->outbox); /* our reference goes with the mail */
    edge->close_cause = cause;
    edge->close_reason = reason;
    edge->close.kind = WEIR__MAIL_EDGE_CLOSE;
    edge->close.to = edge->id.consumer;
    weir__mail_send(edge->at[WEIR__EVENTS]->bell, &edge->close);
}

/*
 * One that was attached ends: the dispatcher forgets it (unless it never knew), the consumer
 * is told, then handle_cancel.  GenStage calls the dispatcher last; but what handle_cancel
 * emits must not go to who leaves.  Returns what the dispatcher passes up, which the caller
 * demands.
 */
static uint64_t detach_consumer(weir_stage *stage, struct weir__edge *edge, weir_cancel_cause cause,
                                weir_reason reason, bool dispatched) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    weir__edge_hold(edge); /* it is used after CLOSE has passed our reference on */
    unlink_consumer(stage, edge);
    weir__index_remove(&stage->known, &edge->at_producer);
    weir__producer_move(&edge->producer_state,
                        dispatched ? WEIR__PRODUCER_LEAVING : WEIR__PRODUCER_OVER);
    uint64_t upstream = 0;
    if (dispatched) {
        upstream = dispatch->table->cancel(dispatch->state, &edge->outlet);
        weir__stage_bytes_gone(stage); /* whom a rest waits for may be this one */
        weir__stage_leaves(stage, edge);
    }
    if (cause == WEIR_CANCEL) {
        weir__subscription_close(stage->host, edge, cause, reason);
    }
    tell_user_of_end(stage, consumer_of(edge), cause, reason);
    weir__outbox_let_go(&stage->host->outbox, edge);
    return upstream;
}

/* ---- it begins ------------------------------------------------------------- */

void weir__subscription_attach(weir_stage *stage, struct weir__edge *edge) {
    link_consumer(stage, edge);
    weir__producer_move(&edge->producer_state, WEIR__PRODUCER_ATTACHED);
    edge->heard_ns = stage->host->now_ns;
    weir_subscribe_verdict verdict = weir__stage_ask_user(stage, consumer_of(edge));
    weir_reason refused = WEIR_REASON_REFUSED;
    uint64_t upstream = 0;
    if (verdict == WEIR_AUTOMATIC) {
        refused = weir__stage_introduce(stage, edge, &upstream);
    } else if (stage->stopping) {
        return; /* its end tells the consumer */
    }
    if (refused != WEIR_REASON_NORMAL) {
        detach_consumer(stage, edge, WEIR_CANCEL, refused, false);
        return;
    }
    if (stage->desk.rack != NULL) {
        weir__stage_taker_joins(stage, edge);
    }
    weir__stage_demand(stage, upstream);
    if (!stage->stopping) {
        weir__stage_poll_demand(stage, edge);
    }
}

/* The one that the edge replaces ends.  Returns what is to be demanded for it. */
static uint64_t take_over(weir_stage *stage, const struct weir__edge *edge) {
    struct weir__edge *old =
        weir__stage_find_consumer(stage, (weir_subscription){.id = edge->replaces});
    if (old != NULL && weir__edge_attached(old)) {
        weir__stage_poll_demand(stage, old); /* what was asked before the cancel counts */
    }
    if (old == NULL || stage->stopping) {
        return 0;
    }
    if (!weir__edge_attached(old)) {
        weir__subscription_end(stage, old, edge->replace_reason);
        return 0;
    }
    return detach_consumer(stage, old, WEIR_CANCEL, edge->replace_reason, true);
}

/* A consumer that replaces its subscription misses nothing that others get: until the new
 * one is attached, nothing is served for the end of the old one. */
void weir__subscription_open(weir_stage *stage, struct weir__edge *edge) {
    if (!edge->local) {
        weir__ready_goes_abroad(stage->ready);
    }
    uint64_t upstream = edge->takes_over ? take_over(stage, edge) : 0;
    if (stage->stopping) { /* OPEN came too late: it bounces with the rest of the mail */
        weir__mail_list_push(&stage->control, &edge->forth);
        return;
    }
    weir__index_add(&stage->known, &edge->at_producer, edge->id.id);
    weir__stage_admit(stage, edge);
    if (edge->takes_over && !stage->stopping) {
        weir__stage_demand(stage, upstream);
    }
}

/*
 * One that replaces another ends behind that, with all that came by it, and as its producer
 * did: it makes no difference which of the two was first, the end or this.
 */
void weir__subscription_bounce_open(struct weir__host *host, struct weir__edge *edge) {
    weir_reason reason = WEIR_REASON_NOPROC;
    if (!edge->local) { /* its place may be another stage's: what is raised there is let go of */
        weir__ready_goes_abroad(edge->at[WEIR__DEMAND]);
        weir__ready_queue(edge->at[WEIR__DEMAND], false);
    }
    if (edge->replaces != 0) {
        bool bereft;
        reason = host->reason_of(host->runtime, edge->id.producer, &bereft);
        edge->follows = edge->replaces;
    }
    weir__producer_move(&edge->producer_state, WEIR__PRODUCER_OVER);
    weir__subscription_close(host, edge, WEIR_DOWN, reason);
}

/* ---- it ends --------------------------------------------------------------- */

/* One that was a consumer, or waited to be, is none any more: the last one takes along a stage
 * whose on_cancel says so. */
static void lose_consumer(weir_stage *stage, weir_reason reason) {
    if (stage->on_cancel == WEIR_ON_CANCEL_STOP && stage->known.count == 0 && !stage->stopping) {
        stage->stopping = true;
        stage->reason = reason;
        stage->bereft = true;
    }
}

static void end_attached(weir_stage *stage, struct weir__edge *edge, weir_cancel_cause cause,
                         weir_reason reason) {
    uint64_t upstream = detach_consumer(stage, edge, cause, reason, true);
    lose_consumer(stage, reason);
    if (!stage->stopping) {
        weir__stage_demand(stage, upstream);
    }
}

void weir__subscription_end(weir_stage *stage, struct weir__edge *edge, weir_reason reason) {
    if (weir__stage_waits_no_more(stage, edge)) {
        weir__subscription_close(stage->host, edge, WEIR_CANCEL, reason);
        lose_consumer(stage, reason);
    } else if (weir__edge_attached(edge)) {
        weir__stage_poll_demand(stage, edge); /* what was asked before the cancel counts */
        if (!stage->stopping) {
            end_attached(stage, edge, WEIR_CANCEL, reason);
        }
    }
}

/* Its callback runs, which may be in the midst of the dispatcher's work: done after it. */
void weir__subscription_evict(weir_stage *stage, struct weir__edge *edge, weir_reason reason) {
    if (edge->evict.kind == 0) {
        edge->evict_reason = reason;
        edge->evict.kind = WEIR__MAIL_EDGE_EVICT;
        edge->evict.to = edge->id.producer;
        weir__edge_hold(edge);
        weir__mail_list_push(&stage->control, &edge->evict);
        weir__ready_queue(stage->ready, false);
    }
}

void weir__subscription_down(weir_stage *stage, struct weir__edge *edge) {
    bool attached = weir__edge_attached(edge);
    bool waited = weir__stage_waits_no_more(stage, edge);
    if (attached) {
        end_attached(stage, edge, WEIR_DOWN, edge->down_reason);
    } else if (waited) {
        lose_consumer(stage, edge->down_reason);
    }
    if (edge->rack != NULL) {
        weir__stage_taker_left(stage, edge);
    }
    weir__stage_take_back(stage, edge);
    weir__stage_left(stage, edge);
    weir__stage_supply_soon(stage);
    if (waited || attached) {
        weir__outbox_let_go(&stage->host->outbox, edge); /* the producer's side */
    }
}

void weir__stage_leave_consumers(weir_stage *stage) {
    weir__stage_end_leaving(stage);
    while (stage->consumers != NULL) {
        struct weir__edge *edge = stage->consumers;
        unlink_consumer(stage, edge);
        weir__producer_move(&edge->producer_state, WEIR__PRODUCER_OVER);
        weir__subscription_close(stage->host, edge, WEIR_DOWN, stage->reason);
    }
}
