/*
 * Control: what a stage does with its mail.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Also what the worker does with mail for a stage that is gone: user messages are dropped, and
 * counted as that (runtime/post.c); edges are told, or let go.
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

#define POKE_OF(mail)         ((struct weir__poke *)(void *)(mail))

/*
 * Each kind of mail has a row in the table below: what the stage does that it is for, and what
 * that one's worker does when the stage has gone.  Edges' mail that was sent with a reference
 * of its own, or with a side's, has that let go in either case.
 */
typedef void deliver(weir_stage *stage, struct weir__mail *mail);
typedef void bouncer(struct weir__host *host, struct weir__mail *mail);

static void let_edge_go(struct weir__host *host, struct weir__edge *edge) {
    weir__outbox_let_go(&host->outbox, edge);
}

/* ---- both ends are gone ---------------------------------------------------- */

void weir__host_lost(struct weir__host *host, uint64_t count, weir_ref producer,
                     weir_ref consumer) {
    if (count == 0) {
        return;
    }
    weir__count(&host->counters.lost, count);
    weir__meter_late(host, 0, count);
    struct weir__shown to = {"its consumers"};
    if (consumer.bits != 0) {
        to = weir__host_name(host, consumer);
    }
    weir__host_log(host, WEIR_LOG_WARNING,
                   "%llu events were discarded: both ends of a subscription had stopped, "
                   "stage %s and %s%s",
                   (unsigned long long)count, weir__host_name(host, producer).name,
                   consumer.bits != 0 ? "stage " : "", to.name);
}

/* Both ends are gone: what was on its way is discarded, and counted here. */
static void discard_all(struct weir__host *host, struct weir__edge *edge) {
    struct weir__queue events;
    weir__queue_open(&events, host->allocator);
    uint64_t count = weir__edge_recover(edge, &events, &host->pool) + events.events;
    count += weir__taker_left_behind(host, edge);
    weir__queue_close(&events, WEIR_DISCARD_STOPPED, &host->pool);
    if (count > 0 && edge->heir != NULL) {
        weir__count(&host->counters.lost, count);
        weir__meter_late(host, 0, count);
        edge->heir->lost(edge->heir, count);
        return;
    }
    weir__host_lost(host, count, edge->id.producer, edge->id.consumer);
}

/* ---- subscriptions --------------------------------------------------------- */

static void deliver_request(weir_stage *stage, struct weir__mail *mail) {
    weir__subscription_request(stage, EDGE_OF(mail, forth));
}

/* The consumer is gone, the producer never knew. */
static void bounce_request(struct weir__host *host, struct weir__mail *mail) {
    weir__subscription_bounce_request(host, EDGE_OF(mail, forth));
}

static void deliver_open(weir_stage *stage, struct weir__mail *mail) {
    weir__subscription_open(stage, EDGE_OF(mail, forth));
}

/* As if the producer had stopped just now. */
static void bounce_open(struct weir__host *host, struct weir__mail *mail) {
    weir__subscription_bounce_open(host, EDGE_OF(mail, forth));
}

static void bounce_close(struct weir__host *host, struct weir__mail *mail) {
    let_edge_go(host, EDGE_OF(mail, close)); /* the producer's side */
}

static void deliver_close(weir_stage *stage, struct weir__mail *mail) {
    weir__subscription_closes(stage, EDGE_OF(mail, close));
    bounce_close(stage->host, mail);
}

static void bounce_cancel(struct weir__host *host, struct weir__mail *mail) {
    let_edge_go(host, EDGE_OF(mail, cancel));
}

static void deliver_cancel(weir_stage *stage, struct weir__mail *mail) {
    struct weir__edge *edge = EDGE_OF(mail, cancel);
    weir__subscription_end(stage, edge, edge->cancel_reason);
    bounce_cancel(stage->host, mail);
}

static void bounce_evict(struct weir__host *host, struct weir__mail *mail) {
    let_edge_go(host, EDGE_OF(mail, evict));
}

static void deliver_evict(weir_stage *stage, struct weir__mail *mail) {
    struct weir__edge *edge = EDGE_OF(mail, evict);
    edge->evict.kind = 0;
    weir__subscription_end(stage, edge, edge->evict_reason);
    bounce_evict(stage->host, mail);
}

static void deliver_down(weir_stage *stage, struct weir__mail *mail) {
    struct weir__edge *edge = EDGE_OF(mail, down);
    weir__subscription_down(stage, edge);
    let_edge_go(stage->host, edge); /* the consumer's side */
}

static void deliver_left(weir_stage *stage, struct weir__mail *mail) {
    struct weir__edge *edge = EDGE_OF(mail, down);
    if (edge->rack != NULL) {
        weir__stage_taker_left(stage, edge);
    }
    weir__stage_left(stage, edge);
    let_edge_go(stage->host, edge); /* the consumer's side */
}

static void bounce_down(struct weir__host *host, struct weir__mail *mail) {
    struct weir__edge *edge = EDGE_OF(mail, down);
    discard_all(host, edge);
    let_edge_go(host, edge);
}

static void bounce_ask_again(struct weir__host *host, struct weir__mail *mail) {
    let_edge_go(host, EDGE_OF(mail, again_mail));
}

static void deliver_ask_again(weir_stage *stage, struct weir__mail *mail) {
    weir__stage_ask_again(stage, EDGE_OF(mail, again_mail));
    bounce_ask_again(stage->host, mail);
}

/* ---- stages ---------------------------------------------------------------- */

static void deliver_stop(weir_stage *stage, struct weir__mail *mail) {
    weir__stage_stop(stage, weir__mailbox_take(mail));
}

static void deliver_finish(weir_stage *stage, struct weir__mail *mail) {
    (void)weir__mailbox_take(mail); /* it may be sent again from here on */
    weir__stage_finish(stage, true);
}

static void bounce_told(struct weir__host *host, struct weir__mail *mail) {
    (void)host;
    (void)weir__mailbox_take(mail);
}

static void deliver_demand_again(weir_stage *stage, struct weir__mail *mail) {
    (void)mail;
    weir__stage_demand_again(stage);
}

/* The stage's own node, which has gone with it. */
static void bounce_demand_again(struct weir__host *host, struct weir__mail *mail) {
    (void)host;
    (void)mail;
}

static void deliver_on_end(weir_stage *stage, struct weir__mail *mail) {
    weir__stage_hear_of_end(stage, weir__message_of(mail));
}

/* It has ended before; whether that is known still or not. */
static void bounce_on_end(struct weir__host *host, struct weir__mail *mail) {
    bool bereft;
    weir_reason reason = host->reason_of(host->runtime, mail->to, &bereft);
    weir__stage_tell_ender(host, mail->to, reason, weir__message_of(mail));
}

static void bounce_token(struct weir__host *host, struct weir__mail *mail) {
    host->token_back(host, mail);
}

static void deliver_token(weir_stage *stage, struct weir__mail *mail) {
    weir__stage_came(stage);
    bounce_token(stage->host, mail);
}

static void deliver_poke(weir_stage *stage, struct weir__mail *mail) {
    (void)mail;
    weir__stage_enter(stage);
    weir__stage_leave(stage, "poke", stage->part->poke(stage));
}

static void bounce_poke(struct weir__host *host, struct weir__mail *mail) {
    (void)host;
    POKE_OF(mail)->gone(POKE_OF(mail));
}

/* ---- users' messages --------------------------------------------------------- */

static void deliver_message(weir_stage *stage, struct weir__mail *mail) {
    weir__stage_message(stage, weir__message_of(mail));
}

static void bounce_message(struct weir__host *host, struct weir__mail *mail) {
    weir__message_bounce(host, weir__message_of(mail));
}

/* ---- the table --------------------------------------------------------------- */

static const struct {
    deliver *deliver;
    bouncer *bounce;
} kinds[] = {
    [WEIR__MAIL_EDGE_REQUEST] = {deliver_request, bounce_request},
    [WEIR__MAIL_EDGE_OPEN] = {deliver_open, bounce_open},
    [WEIR__MAIL_EDGE_CLOSE] = {deliver_close, bounce_close},
    [WEIR__MAIL_EDGE_CANCEL] = {deliver_cancel, bounce_cancel},
    [WEIR__MAIL_EDGE_EVICT] = {deliver_evict, bounce_evict},
    [WEIR__MAIL_EDGE_DOWN] = {deliver_down, bounce_down},
    [WEIR__MAIL_EDGE_LEFT] = {deliver_left, bounce_down},
    [WEIR__MAIL_EDGE_AGAIN] = {deliver_ask_again, bounce_ask_again},
    [WEIR__MAIL_STOP] = {deliver_stop, bounce_told},
    [WEIR__MAIL_FINISH] = {deliver_finish, bounce_told},
    [WEIR__MAIL_AGAIN] = {deliver_demand_again, bounce_demand_again},
    [WEIR__MAIL_ON_END] = {deliver_on_end, bounce_on_end},
    [WEIR__MAIL_TOKEN] = {deliver_token, bounce_token},
    [WEIR__MAIL_POKE] = {deliver_poke, bounce_poke},
    [WEIR__MAIL_FEEDER] = {weir__stage_monitor_mail, weir__monitor_bounce},
    [WEIR__MAIL_FEEDER_LATER] = {weir__stage_monitor_mail, weir__monitor_bounce},
    [WEIR__MAIL_WATCH] = {weir__stage_monitor_mail, weir__monitor_bounce},
    [WEIR__MAIL_UNWATCH] = {weir__stage_monitor_mail, weir__monitor_bounce},
    [WEIR__MAIL_WATCH_LATER] = {weir__stage_monitor_mail, weir__monitor_bounce},
    [WEIR__MAIL_NOTICE] = {weir__stage_monitor_mail, weir__monitor_bounce},
    /* the rest are users' (inbox.c), or to a worker, who does not bring them here */
    [WEIR__MAIL_CALL] = {deliver_message, bounce_message},
    [WEIR__MAIL_CAST] = {deliver_message, bounce_message},
    [WEIR__MAIL_INFO] = {deliver_message, bounce_message},
    [WEIR__MAIL_INFO_DUE] = {deliver_message, bounce_message},
    [WEIR__MAIL_TIMER] = {deliver_message, bounce_message},
    [WEIR__MAIL_TIMER_CANCEL] = {deliver_message, bounce_message},
    [WEIR__MAIL_ASK] = {deliver_message, bounce_message},
    [WEIR__MAIL_CANCEL] = {deliver_message, bounce_message},
    [WEIR__MAIL_MODE] = {deliver_message, bounce_message},
    [WEIR__MAIL_QUERY] = {deliver_message, bounce_message},
};

void weir__stage_mail(weir_stage *stage, struct weir__mail *mail) {
    WEIR__CHECK(kinds[mail->kind].deliver != NULL);
    kinds[mail->kind].deliver(stage, mail);
}

void weir__stage_let_takers_go(weir_stage *stage) {
    for (struct weir__mail *mail = stage->control.first; mail != NULL; mail = mail->next) {
        if (mail->kind == WEIR__MAIL_EDGE_DOWN || mail->kind == WEIR__MAIL_EDGE_LEFT) {
            weir__taker_left_behind(stage->host, EDGE_OF(mail, down));
        }
    }
}

void weir__mail_bounce(struct weir__host *host, struct weir__mail *mail) {
    WEIR__CHECK(kinds[mail->kind].bounce != NULL);
    kinds[mail->kind].bounce(host, mail);
}
