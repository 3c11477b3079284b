/*
 * Control: what a stage does with its mail, above all that of subscriptions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Also what the worker does with mail for a stage that is gone: user messages
 * vanish, as messages to a dead process do; edges are told, or let go.
 */
#include "stage/control.h"

#include "base/check.h"
#include "edge/shared.h"
#include "stage/ending.h"
#include "stage/stage.h"
#include "stage/takers.h"

static struct weir__edge *edge_of(struct weir__mail *mail, size_t offset) {
    return (struct weir__edge *)(void *)((unsigned char *)mail - offset);
}

#define EDGE_OF(mail, member) edge_of(mail, offsetof(struct weir__edge, member))

static weir_peer producer_of(const struct weir__edge *edge) {
    return (weir_peer){.subscription = edge->id,
                       .stage = edge->id.producer,
                       .side = WEIR_PRODUCER,
                       .options = &edge->options};
}

/* ---- subscribing, as a consumer ------------------------------------------ */

/* With a reference of its own, so that nothing need be flushed before. */
static void send_cancel(struct weir__edge *edge) {
    edge->cancel.kind = WEIR__MAIL_EDGE_CANCEL;
    edge->cancel.to = edge->id.producer;
    weir__edge_hold(edge);
    weir__mail_send(edge->at[WEIR__DEMAND]->bell, &edge->cancel);
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
        stage->reason = WEIR_REASON_BAD_RETURN;
    }
    weir__stage_leave(stage, good ? WEIR_CONTINUE : WEIR_STOP);
    return verdict;
}

/*
 * REQUEST: the stage becomes the edge's consumer and tells the producer.  In
 * handle_subscribe it may ask and cancel already; both wait for OPEN.
 */
static void subscribe(weir_stage *stage, struct weir__edge *edge) {
    weir_subscription old = {.id = edge->replaces};
    struct weir__edge *replaced = old.id != 0 ? weir__stage_find(stage, old) : NULL;
    bool takes_over = replaced != NULL && replaced->id.producer.bits == edge->id.producer.bits;
    if (replaced != NULL && !takes_over) { /* its producer is told of the end first */
        weir__stage_request_cancel(replaced, edge->replace_reason);
    }
    weir__stage_link_producer(stage, edge);
    weir_subscribe_verdict verdict = weir__stage_ask_user(stage, producer_of(edge));
    if (stage->stopping || verdict == WEIR_SUBSCRIBE_REFUSE) {
        if (takes_over) {
            weir__stage_request_cancel(replaced, edge->replace_reason);
        }
        weir__stage_unlink_producer(stage, edge);
        weir__outbox_let_go(&stage->host->outbox, edge); /* both sides': nobody else knows it */
        weir__outbox_let_go(&stage->host->outbox, edge);
        return;
    }
    edge->manual = verdict == WEIR_MANUAL;
    edge->can_overflow = edge->can_overflow || edge->manual;
    weir__window_open(&edge->window, edge->options.max_demand, edge->options.min_demand);
    edge->wants = edge->wants != 0 || !edge->manual;
    edge->subscribed = true;
    edge->fresh = true;
    edge->takes_over = takes_over;
    if (takes_over) {
        replaced->cancel_sent = true; /* with OPEN */
    }
    if (!edge->manual) {
        weir__edge_ask(edge, edge->options.max_demand);
    }
    edge->forth.kind = WEIR__MAIL_EDGE_OPEN;
    edge->forth.to = edge->id.producer;
    weir__mail_send(edge->at[WEIR__DEMAND]->bell, &edge->forth);
    if (edge->cancel_sent) {
        send_cancel(edge);
    }
}

struct weir__edge *weir__stage_find(const weir_stage *stage, weir_subscription subscription) {
    struct weir__edge *edge =
        WEIR__INDEX_FIND(&stage->subscriptions, subscription.id, struct weir__edge, subscription);
    return edge == NULL || edge->ended ? NULL : edge;
}

struct weir__edge *weir__stage_find_consumer(const weir_stage *stage,
                                             weir_subscription subscription) {
    return WEIR__INDEX_FIND(&stage->known, subscription.id, struct weir__edge, at_producer);
}

void weir__stage_request_cancel(struct weir__edge *edge, weir_reason reason) {
    if (edge->closing || edge->cancel_sent) {
        return;
    }
    edge->cancel_sent = true;
    edge->cancel_reason = reason;
    if (edge->subscribed) {
        send_cancel(edge); /* else behind OPEN */
    }
}

bool weir__stage_stops(weir_cancel_mode mode, weir_reason reason) {
    bool refused = reason == WEIR_REASON_BAD_OPTIONS || reason == WEIR_REASON_ALREADY_SUBSCRIBED ||
                   reason == WEIR_REASON_MISSING_PARTITION ||
                   reason == WEIR_REASON_UNKNOWN_PARTITION || reason == WEIR_REASON_PARTITION_TAKEN;
    if (refused || mode == WEIR_TEMPORARY) {
        return false;
    }
    return mode == WEIR_PERMANENT ||
           (reason != WEIR_REASON_NORMAL && reason != WEIR_REASON_SHUTDOWN);
}

/*
 * What the end of a subscription makes of its consumer.  One that finishes ends when it holds
 * nothing, and not because a source has finished before, even before it could subscribe
 * there; and the normal end of a source has it finish.
 */
static void bereave(weir_stage *stage, weir_cancel_mode mode, weir_reason reason) {
    bool normal = reason == WEIR_REASON_NORMAL || reason == WEIR_REASON_SHUTDOWN;
    if (stage->stopping || !weir__stage_stops(mode, reason) ||
        (stage->finishing && (normal || reason == WEIR_REASON_NOPROC))) {
        return;
    }
    if (normal && !stage->as_genstage) {
        weir__stage_finish_bereft(stage, reason);
        return;
    }
    stage->stopping = true;
    stage->reason = reason;
    stage->bereft = true;
}

void weir__stage_finish_cancel(weir_stage *stage, struct weir__edge *edge) {
    weir_cancel_cause cause = edge->close_cause;
    weir_reason reason = edge->close_reason;
    if (weir__load_relaxed_u32(stage->host->draining) != 0) {
        weir__stage_finish(stage, true); /* a source elsewhere was told before we were */
    }
    weir__stage_unlink_producer(stage, edge);
    edge->subscribed = false;
    if (edge->ready[WEIR__EVENTS].hot) {
        weir__edge_unheat(edge, WEIR__EVENTS);
    }
    if (stage->on.handle_cancel != NULL) {
        weir_peer peer = producer_of(edge);
        weir__stage_enter(stage);
        weir__stage_leave(stage, stage->on.handle_cancel(stage, &peer, cause, reason));
    }
    bereave(stage, edge->options.cancel, reason);
    /* A producer that goes on waits for this: what it sent has been handled. */
    if (cause == WEIR_CANCEL || weir__edge_shared(edge) != NULL) {
        weir__outbox_flush(&stage->host->outbox); /* our reference goes with the mail */
        edge->down.kind = WEIR__MAIL_EDGE_LEFT;
        edge->down.to = edge->id.producer;
        weir__mail_send(edge->at[WEIR__DEMAND]->bell, &edge->down);
        return;
    }
    weir__outbox_let_go(&stage->host->outbox, edge);
}

void weir__stage_end_subscription(weir_stage *stage, struct weir__edge *edge, weir_reason reason) {
    if (weir__stage_waits_no_more(stage, edge)) {
        weir__stage_close_edge(stage->host, edge, WEIR_CANCEL, reason);
        weir__stage_consumer_left(stage, reason);
    } else if (edge->attached) {
        weir__stage_detach(stage, edge, WEIR_CANCEL, reason);
    }
}

/* Its callback runs, which may be in the midst of the dispatcher's work: done after it. */
void weir__stage_evict(weir_stage *stage, struct weir__edge *edge, weir_reason reason) {
    if (edge->evicting) {
        return;
    }
    edge->evicting = true;
    edge->evict_reason = reason;
    edge->evict.kind = WEIR__MAIL_EDGE_EVICT;
    edge->evict.to = edge->id.producer;
    weir__edge_hold(edge);
    weir__mail_list_push(&stage->control, &edge->evict);
    weir__ready_queue(stage->ready, false);
}

/* CLOSE: no events beyond `final`.  The end comes once they are all here. */
static void closing(weir_stage *stage, struct weir__edge *edge) {
    edge->closing = true;
    weir__edge_heat(edge, WEIR__EVENTS);
    weir__ready_queue(stage->ready, false);
}

/* Of the stage's mailbox. */
static void told(weir_stage *stage, struct weir__mail *mail) {
    bool stops = mail->kind == WEIR__MAIL_STOP; /* it may be sent again once it is taken */
    weir_reason reason = weir__mailbox_take(mail);
    if (stops) {
        weir__stage_stop(stage, reason);
    } else {
        weir__stage_finish(stage, true);
    }
}

/* Of a subscription.  Who sent it with a reference of its own has that let go. */
static void edge_mail(weir_stage *stage, struct weir__mail *mail) {
    struct weir__outbox *outbox = &stage->host->outbox;
    struct weir__edge *edge;
    switch (mail->kind) {
    case WEIR__MAIL_EDGE_REQUEST:
        subscribe(stage, EDGE_OF(mail, forth));
        return;
    case WEIR__MAIL_EDGE_OPEN:
        weir__stage_open_edge(stage, EDGE_OF(mail, forth));
        return;
    case WEIR__MAIL_EDGE_CLOSE:
        edge = EDGE_OF(mail, close);
        if (edge->subscribed) {
            closing(stage, edge);
        }
        weir__outbox_let_go(outbox, edge); /* the producer's side */
        return;
    case WEIR__MAIL_EDGE_CANCEL:
        edge = EDGE_OF(mail, cancel);
        weir__stage_end_subscription(stage, edge, edge->cancel_reason);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_EDGE_EVICT:
        edge = EDGE_OF(mail, evict);
        edge->evicting = false;
        weir__stage_end_subscription(stage, edge, edge->evict_reason);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_EDGE_DOWN:
        edge = EDGE_OF(mail, down);
        weir__stage_consumer_down(stage, edge);
        weir__outbox_let_go(outbox, edge); /* the consumer's side */
        return;
    case WEIR__MAIL_EDGE_LEFT:
        edge = EDGE_OF(mail, down);
        if (edge->shared != NULL) {
            weir__stage_taker_left(stage, edge);
        }
        weir__stage_left(stage, edge);
        weir__outbox_let_go(outbox, edge); /* the consumer's side */
        return;
    default: /* EDGE_AGAIN */
        edge = EDGE_OF(mail, again_mail);
        weir__stage_ask_again(stage, edge);
        weir__outbox_let_go(outbox, edge);
        return;
    }
}

void weir__stage_mail(weir_stage *stage, struct weir__mail *mail) {
    switch (mail->kind) {
    case WEIR__MAIL_EDGE_REQUEST:
    case WEIR__MAIL_EDGE_OPEN:
    case WEIR__MAIL_EDGE_CLOSE:
    case WEIR__MAIL_EDGE_CANCEL:
    case WEIR__MAIL_EDGE_EVICT:
    case WEIR__MAIL_EDGE_DOWN:
    case WEIR__MAIL_EDGE_LEFT:
    case WEIR__MAIL_EDGE_AGAIN:
        edge_mail(stage, mail);
        return;
    case WEIR__MAIL_STOP:
    case WEIR__MAIL_FINISH:
        told(stage, mail);
        return;
    case WEIR__MAIL_AGAIN:
        weir__stage_demand_again(stage);
        return;
    case WEIR__MAIL_ON_END:
        weir__stage_hear_of_end(stage, weir__message_of(mail));
        return;
    case WEIR__MAIL_TOKEN:
        weir__stage_came(stage);
        stage->host->token_back(stage->host, mail);
        return;
    case WEIR__MAIL_POKE:
        weir__stage_enter(stage);
        weir__stage_leave(stage, stage->part->poke(stage));
        return;
    case WEIR__MAIL_FEEDER:
    case WEIR__MAIL_FEEDER_LATER:
    case WEIR__MAIL_WATCH:
    case WEIR__MAIL_UNWATCH:
    case WEIR__MAIL_WATCH_LATER:
    case WEIR__MAIL_NOTICE:
        weir__stage_monitor_mail(stage, mail);
        return;
    default:
        weir__stage_message(stage, weir__message_of(mail));
        return;
    }
}

/* ---- mail that comes too late -------------------------------------------- */

void weir__host_lost(struct weir__host *host, uint64_t count) {
    if (count > 0) {
        weir__count(&host->counters.lost, count);
        weir__host_log(host, WEIR_LOG_WARNING,
                       "%llu events were discarded: both ends of a subscription had stopped",
                       (unsigned long long)count);
    }
}

/* Both ends are gone: what was on its way is discarded, and counted here. */
static void discard_all(struct weir__host *host, struct weir__edge *edge) {
    struct weir__queue events;
    weir__queue_open(&events, host->allocator);
    uint64_t count = weir__edge_recover(edge, &events, &host->pool) + events.events;
    count += weir__taker_left_behind(host, edge);
    weir__queue_close(&events, &host->pool);
    if (count > 0 && edge->heir != NULL) {
        weir__count(&host->counters.lost, count);
        edge->heir->lost(edge->heir, count);
        return;
    }
    weir__host_lost(host, count);
}

/* It has ended before; whether that is known still or not. */
static void end_late(struct weir__host *host, struct weir__message *message) {
    bool bereft;
    weir_ref stage = message->mail.to;
    weir__stage_tell_ender(host, stage, host->reason_of(host->runtime, stage, &bereft), message);
}

void weir__mail_bounce(struct weir__host *host, struct weir__mail *mail) {
    struct weir__outbox *outbox = &host->outbox;
    struct weir__edge *edge;
    switch (mail->kind) {
    case WEIR__MAIL_EDGE_REQUEST: /* the consumer is gone, the producer never knew */
        edge = EDGE_OF(mail, forth);
        weir__outbox_let_go(outbox, edge);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_EDGE_OPEN: /* as if the producer had stopped just now */
        weir__stage_close_edge(host, EDGE_OF(mail, forth), WEIR_DOWN, WEIR_REASON_NOPROC);
        return;
    case WEIR__MAIL_EDGE_CLOSE:
        weir__outbox_let_go(outbox, EDGE_OF(mail, close));
        return;
    case WEIR__MAIL_EDGE_CANCEL:
        weir__outbox_let_go(outbox, EDGE_OF(mail, cancel));
        return;
    case WEIR__MAIL_EDGE_EVICT:
        weir__outbox_let_go(outbox, EDGE_OF(mail, evict));
        return;
    case WEIR__MAIL_EDGE_AGAIN:
        weir__outbox_let_go(outbox, EDGE_OF(mail, again_mail));
        return;
    case WEIR__MAIL_EDGE_DOWN:
    case WEIR__MAIL_EDGE_LEFT:
        edge = EDGE_OF(mail, down);
        discard_all(host, edge);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_AGAIN: /* the stage's own */
        return;
    case WEIR__MAIL_STOP:
    case WEIR__MAIL_FINISH:
        weir__mailbox_take(mail);
        return;
    case WEIR__MAIL_ON_END:
        end_late(host, weir__message_of(mail));
        return;
    case WEIR__MAIL_TOKEN:
        host->token_back(host, mail);
        return;
    case WEIR__MAIL_POKE:
        ((struct weir__poke *)(void *)mail)->gone((struct weir__poke *)(void *)mail);
        return;
    case WEIR__MAIL_FEEDER:
    case WEIR__MAIL_FEEDER_LATER:
    case WEIR__MAIL_WATCH:
    case WEIR__MAIL_UNWATCH:
    case WEIR__MAIL_WATCH_LATER:
    case WEIR__MAIL_NOTICE:
        weir__monitor_bounce(host, mail);
        return;
    default:
        weir__message_bounce(host, weir__message_of(mail));
        return;
    }
}
