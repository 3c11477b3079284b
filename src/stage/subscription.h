/*
 * A subscription as its two stages know it: what begins it, and what ends it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The states of both ends, and what moves them, are drawn in edge/life.h.  All moves are made
 * in subscription.c, each with what goes with it: a list, a mail, a callback; but those of
 * who waits in line or leaves are in leaving.c.
 *
 * Who calls: mail brings REQUEST, OPEN, CLOSE, CANCEL, EVICT and DOWN to the function that has
 * the name above its declaration (control.c).  The consumer's end comes in two steps:
 * weir__subscription_ends (ENDED), from the intake when all that was sent is here, and
 * weir__subscription_finish (OVER), when what lies before the end has been handled.
 *
 *   the consumer's stage                       the producer's stage
 *
 *   weir__subscription_request   -- OPEN -->   weir__subscription_open
 *   weir__subscription_cancel    -- CANCEL ->  weir__subscription_end
 *   weir__subscription_closes    <- CLOSE ---  weir__subscription_end, or its stage stops
 *   weir__subscription_finish    -- LEFT -->   weir__stage_left (leaving.c)
 *   its stage stops              -- DOWN -->   weir__subscription_down
 */
#ifndef WEIR__STAGE_SUBSCRIPTION_H
#define WEIR__STAGE_SUBSCRIPTION_H

#include "stage/stage.h"

/* ---- asking: these move `asked` (weir__edge_ask), as does REQUEST for the first ask - */

/* Asks for `count` more, if any, unless it is over with one of them.  Then flush the outbox.
 * For what was handled (intake.c), read (lend.c), or taken from a rack (takers.c). */
static inline void weir__subscription_ask(weir_stage *stage, struct weir__edge *edge,
                                          uint64_t count) {
    if (count > 0 && !stage->stopping && weir__edge_subscribed(edge)) {
        weir__edge_ask(edge, count);
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
    }
}

/* It is through with `count` more events, handled or lost: where bytes are bounded they weigh
 * nothing any more.  Said once for the pieces of a batch.  Likewise. */
static inline void weir__subscription_done(weir_stage *stage, struct weir__edge *edge,
                                           uint64_t count) {
    if (WEIR__LIKELY(edge->load == NULL)) {
        return;
    }
    edge->through += count;
    if (stage->pieces_left == 0 && weir__edge_subscribed(edge)) {
        weir__edge_done(edge);
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__DEMAND);
    }
}

/*
 * The same for who asks by itself (weir_ask): it may be able to take again.  Before OPEN, in
 * handle_subscribe, the producer is not told: it looks when it opens.
 */
void weir__subscription_ask_by_hand(weir_stage *stage, struct weir__edge *edge, uint64_t count);

/* ---- the consumer's end --------------------------------------------------------- */

/*
 * REQUEST: the stage becomes the edge's consumer and tells the producer.  In
 * handle_subscribe it may ask and cancel already; both wait for OPEN.
 */
void weir__subscription_request(weir_stage *stage, struct weir__edge *edge);

/* The consumer had gone when REQUEST came: the producer never hears of it. */
void weir__subscription_bounce_request(struct weir__host *host, struct weir__edge *edge);

/* The stage's subscription of that id as a consumer; NULL: it has ended. */
struct weir__edge *weir__stage_find(const weir_stage *stage, weir_subscription subscription);

/* The consumer asks for the end (weir_cancel, or another takes its place); unless that is asked
 * for, or has come. */
void weir__subscription_cancel(struct weir__edge *edge, weir_reason reason);

/* CLOSE: no events beyond `sent`.  The end comes once they are all here; and behind the one
 * that it follows (leaving.c). */
void weir__subscription_closes(weir_stage *stage, struct weir__edge *edge);

/* They are, as the intake finds: the end takes its place in line, or comes at once. */
void weir__subscription_ends(weir_stage *stage, struct weir__edge *edge);

/* It is the end's turn, at once or by its mark in the input queue: handle_cancel, then the
 * cancel mode; LEFT to the producer. */
void weir__subscription_finish(weir_stage *stage, struct weir__edge *edge);

/*
 * DOWN: the consumer's reference goes with it, and what is returned.  Any thread, once the edge's
 * consumer has no more to do with it.
 */
void weir__stage_down_edge(struct weir__edge *edge);

/* The stage stops: ends that wait have no place in line any more. / It leaves its producers. */
void weir__stage_recall_ends(weir_stage *stage);
void weir__stage_leave_producers(weir_stage *stage);

/* ---- the producer's end --------------------------------------------------------- */

/* OPEN: a consumer subscribes; it is attached, or it waits in line. */
void weir__subscription_open(weir_stage *stage, struct weir__edge *edge);

/* It is the stage's consumer from now on, unless it is refused. */
void weir__subscription_attach(weir_stage *stage, struct weir__edge *edge);

/* The stage's subscription of that id as a producer, perhaps one that waits; NULL: none. */
struct weir__edge *weir__stage_find_consumer(const weir_stage *stage,
                                             weir_subscription subscription);

/* Ends one that it has, or that waits (CANCEL, EVICT): the consumer is told. */
void weir__subscription_end(weir_stage *stage, struct weir__edge *edge, weir_reason reason);

/* The same, asked in a callback of the producer: when that has returned. */
void weir__subscription_evict(weir_stage *stage, struct weir__edge *edge, weir_reason reason);

/* DOWN: the consumer has stopped; what it had not begun is taken back. */
void weir__subscription_down(weir_stage *stage, struct weir__edge *edge);

/* Sends CLOSE: the producer's reference goes with it. */
void weir__subscription_close(struct weir__host *host, struct weir__edge *edge,
                              weir_cancel_cause cause, weir_reason reason);

/* The producer had gone when OPEN came: as if it had stopped just now. */
void weir__subscription_bounce_open(struct weir__host *host, struct weir__edge *edge);

/* The stage stops: it leaves its consumers. */
void weir__stage_leave_consumers(weir_stage *stage);

/* ---- either end ----------------------------------------------------------------- */

/* handle_subscribe; a bad verdict stops the stage. */
weir_subscribe_verdict weir__stage_ask_user(weir_stage *stage, weir_peer peer);

#endif
