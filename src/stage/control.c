/*
 * Control: what a stage does with its mail.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Also what the worker does with mail for a stage that is gone: user messages
 * vanish, as messages to a dead process do; edges are told, or let go.
 */
#include "stage/control.h"

#include "base/check.h"
#include "edge/rack.h"
#include "stage/ending.h"
#include "stage/subscription.h"
#include "stage/takers.h"

static struct weir__edge *edge_of_mail(struct weir__mail *mail, size_t offset) {
    return (struct weir__edge *)(void *)((unsigned char *)mail - offset);
}

#define EDGE_OF(mail, member) edge_of_mail(mail, offsetof(struct weir__edge, member))

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
        weir__subscription_request(stage, EDGE_OF(mail, forth));
        return;
    case WEIR__MAIL_EDGE_OPEN:
        weir__subscription_open(stage, EDGE_OF(mail, forth));
        return;
    case WEIR__MAIL_EDGE_CLOSE:
        edge = EDGE_OF(mail, close);
        weir__subscription_closes(stage, edge);
        weir__outbox_let_go(outbox, edge); /* the producer's side */
        return;
    case WEIR__MAIL_EDGE_CANCEL:
        edge = EDGE_OF(mail, cancel);
        weir__subscription_end(stage, edge, edge->cancel_reason);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_EDGE_EVICT:
        edge = EDGE_OF(mail, evict);
        edge->evict.kind = 0;
        weir__subscription_end(stage, edge, edge->evict_reason);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_EDGE_DOWN:
        edge = EDGE_OF(mail, down);
        weir__subscription_down(stage, edge);
        weir__outbox_let_go(outbox, edge); /* the consumer's side */
        return;
    case WEIR__MAIL_EDGE_LEFT:
        edge = EDGE_OF(mail, down);
        if (edge->rack != NULL) {
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
        weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_OVER);
        weir__outbox_let_go(outbox, edge);
        weir__outbox_let_go(outbox, edge);
        return;
    case WEIR__MAIL_EDGE_OPEN: /* as if the producer had stopped just now */
        weir__subscription_bounce(host, EDGE_OF(mail, forth));
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
