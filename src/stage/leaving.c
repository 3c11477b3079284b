/*
 * Leaving: consumers that have cancelled and may still be at work on what they were sent.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A cancel acts at the producer, at once; what had been sent stays the consumer's, who
 * handles it when it can and then says so (LEFT), or dies of it (DOWN).  Whoever comes next
 * must not overtake that:
 *
 *  - The same consumer's next subscription is accepted at once, and follows: the
 *    consumer reads none of it before the old one has ended there (intake.c).  So does one
 *    that replaces another and finds its producer gone (subscription.c).
 *  - The next owner of its partition waits in line, as does a consumer's subscription that
 *    would have to follow several: it is in no list of consumers, and the producer's
 *    handle_subscribe is yet to come.
 *
 *   LEAVING    (edge/life.h) found by stage->leaving; the consumer's reference, which comes
 *              with LEFT or DOWN, keeps the edge
 *   covers     all that left before it, of its consumer, have ended when it has ended
 *   IN_LINE    among the followers of `waits_for`, which is LEAVING
 *
 * All of it belongs to the producer's worker, but for `follows`, which the consumer reads
 * behind the first entry or CLOSE (K1 -> K2, S1 -> S2).
 */
#include "stage/subscription.h"

/* It waits no more: whoever wants to know is told whether it is a consumer now. */
static void tell_asker(const weir_stage *stage, struct weir__edge *edge) {
    weir_from from = edge->asker;
    if (from.bits != 0) {
        edge->asker = (weir_from){0};
        weir_status status = weir__edge_attached(edge) ? WEIR_OK : WEIR_NO_SUBSCRIPTION;
        weir__caller_answer(stage->host->calls, from, status, NULL, 0);
    }
}

static void link_follower(struct weir__edge *edge, struct weir__edge *before) {
    weir__producer_move(&edge->producer_state, WEIR__PRODUCER_IN_LINE);
    edge->waits_for = before;
    before->in_line++;
    edge->consumers_next = NULL;
    edge->consumers_previous = before->followers_last;
    if (before->followers_last != NULL) {
        before->followers_last->consumers_next = edge;
    } else {
        before->followers = edge;
    }
    before->followers_last = edge;
}

static void unlink_follower(struct weir__edge *edge) {
    struct weir__edge *before = edge->waits_for;
    struct weir__edge *next = edge->consumers_next;
    struct weir__edge *previous = edge->consumers_previous;
    *(previous != NULL ? &previous->consumers_next : &before->followers) = next;
    *(next != NULL ? &next->consumers_previous : &before->followers_last) = previous;
    before->in_line--;
    edge->waits_for = NULL;
}

/* The newest of a consumer's; the older ones follow it. */
static struct weir__edge *newest_of(const weir_stage *stage, const struct weir__edge *edge) {
    return WEIR__INDEX_FIND(&stage->leaving, edge->id.consumer.bits, struct weir__edge,
                            at_producer);
}

void weir__stage_leaves(weir_stage *stage, struct weir__edge *edge) {
    struct weir__edge *older = newest_of(stage, edge);
    edge->covers = older == NULL || (older->covers && edge->follows == older->id.id);
    edge->consumers_previous = NULL;
    edge->consumers_next = older;
    if (older != NULL) {
        older->consumers_previous = edge;
        weir__index_remove(&stage->leaving, &older->at_producer);
    }
    weir__index_add(&stage->leaving, &edge->at_producer, edge->id.consumer.bits);
    edge->leavers_previous = NULL;
    edge->leavers_next = stage->leavers;
    if (stage->leavers != NULL) {
        stage->leavers->leavers_previous = edge;
    }
    stage->leavers = edge;
}

static void unlink_leaver(weir_stage *stage, struct weir__edge *edge) {
    struct weir__edge *next = edge->leavers_next;
    struct weir__edge *previous = edge->leavers_previous;
    *(previous != NULL ? &previous->leavers_next : &stage->leavers) = next;
    if (next != NULL) {
        next->leavers_previous = previous;
    }
}

static void unlink_leaving(weir_stage *stage, struct weir__edge *edge) {
    unlink_leaver(stage, edge);
    struct weir__edge *next = edge->consumers_next;
    struct weir__edge *previous = edge->consumers_previous;
    weir__producer_move(&edge->producer_state, WEIR__PRODUCER_OVER);
    if (next != NULL) {
        next->consumers_previous = previous;
    }
    if (previous != NULL) {
        previous->consumers_next = next;
        return;
    }
    weir__index_remove(&stage->leaving, &edge->at_producer);
    if (next != NULL) {
        weir__index_add(&stage->leaving, &next->at_producer, next->id.consumer.bits);
    }
}

static struct weir__edge *same_place(const weir_stage *stage, const struct weir__edge *edge) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    if (dispatch->table->behind == NULL) {
        return NULL;
    }
    weir_outlet *before = dispatch->table->behind(dispatch->state, edge->options);
    return before == NULL ? NULL : WEIR__CONTAINER_OF(before, struct weir__edge, outlet);
}

/* Whom the edge must wait for, or NULL. */
static struct weir__edge *before(const weir_stage *stage, const struct weir__edge *edge) {
    struct weir__edge *owner = same_place(stage, edge);
    bool another = owner != NULL && owner->id.consumer.bits != edge->id.consumer.bits;
    if (owner != NULL && weir__edge_leaving(owner) && (another || owner->followers != NULL)) {
        return owner;
    }
    struct weir__edge *older = newest_of(stage, edge);
    return older != NULL && !older->covers ? older : NULL;
}

void weir__stage_admit(weir_stage *stage, struct weir__edge *edge) {
    if (stage->leaving.count > 0) {
        struct weir__edge *first = before(stage, edge);
        if (first != NULL) {
            link_follower(edge, first);
            return;
        }
        const struct weir__edge *older = newest_of(stage, edge);
        edge->follows = older != NULL ? older->id.id : 0;
    }
    weir__subscription_attach(stage, edge);
}

bool weir__stage_waits_no_more(weir_stage *stage, struct weir__edge *edge) {
    if (!weir__edge_in_line(edge)) {
        return false;
    }
    unlink_follower(edge);
    weir__producer_move(&edge->producer_state, WEIR__PRODUCER_OVER);
    weir__index_remove(&stage->known, &edge->at_producer);
    tell_asker(stage, edge);
    return true;
}

/* The stage has stopped: they never were its consumers. */
static void close_followers(weir_stage *stage, struct weir__edge *edge) {
    while (edge->followers != NULL) {
        struct weir__edge *follower = edge->followers;
        weir__stage_waits_no_more(stage, follower);
        weir__subscription_close(stage->host, follower, WEIR_DOWN, stage->reason);
    }
}

void weir__stage_left(weir_stage *stage, struct weir__edge *edge) {
    if (!weir__edge_leaving(edge)) {
        return;
    }
    const struct weir__dispatch *dispatch = &stage->dispatch;
    unlink_leaving(stage, edge);
    if (dispatch->table->left != NULL) {
        dispatch->table->left(dispatch->state, &edge->outlet);
    }
    while (edge->followers != NULL && !stage->stopping) {
        struct weir__edge *follower = edge->followers;
        unlink_follower(follower);
        weir__edge_hold(follower); /* it may be refused, and gone */
        weir__stage_admit(stage, follower);
        if (!weir__edge_in_line(follower)) {
            tell_asker(stage, follower);
        }
        weir__outbox_let_go(&stage->host->outbox, follower);
    }
    close_followers(stage, edge);
}

void weir__stage_end_leaving(weir_stage *stage) {
    while (stage->leavers != NULL) {
        close_followers(stage, stage->leavers);
        unlink_leaving(stage, stage->leavers);
    }
}
