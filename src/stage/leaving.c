/*
 * Leaving: consumers that have cancelled and may still be at work on what they were sent.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A cancel acts at the producer, at once; what had been sent stays the consumer's, who
 * handles it when it can and then says so (LEFT), or dies of it (DOWN).  Whoever comes next
 * must not overtake that:
 *
 *  - The same consumer's next subscription is accepted at once, and follows: the
 *    consumer reads none of it before the old one has ended there (intake.c).
 *  - The next owner of its partition waits in line, as does a consumer's subscription that
 *    would have to follow several: it is in no list of consumers, and the producer's
 *    handle_subscribe is yet to come.
 *
 *   leaving    found by stage->leaving, from the cancel until LEFT or DOWN has come; the
 *              consumer's reference, which comes with that, keeps the edge
 *   covers     all that left before it, of its consumer, have ended when it has ended
 *   waits_for  not NULL: the edge is among the followers of that one, which is leaving
 *
 * All of it belongs to the producer's worker, but for `follows`, which the consumer reads
 * behind the first entry or CLOSE (K1 -> K2, S1 -> S2).
 */
#include "stage/stage.h"

static void link_follower(struct weir__edge *edge, struct weir__edge *before) {
    edge->waits_for = before;
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
    edge->waits_for = NULL;
}

/* The newest of a consumer's; the older ones follow it. */
static struct weir__edge *newest_of(const weir_stage *stage, const struct weir__edge *edge) {
    return WEIR__INDEX_FIND(&stage->leaving, edge->id.consumer.bits, struct weir__edge,
                            at_producer);
}

void weir__stage_leaves(weir_stage *stage, struct weir__edge *edge) {
    struct weir__edge *older = newest_of(stage, edge);
    edge->leaving = true;
    edge->covers = older == NULL || (older->covers && edge->follows == older->id.id);
    edge->consumers_previous = NULL;
    edge->consumers_next = older;
    if (older != NULL) {
        older->consumers_previous = edge;
        weir__index_remove(&stage->leaving, &older->at_producer);
    }
    weir__index_add(&stage->leaving, &edge->at_producer, edge->id.consumer.bits);
}

static void unlink_leaving(weir_stage *stage, struct weir__edge *edge) {
    struct weir__edge *next = edge->consumers_next;
    struct weir__edge *previous = edge->consumers_previous;
    edge->leaving = false;
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
    weir_outlet *before = dispatch->table->behind(dispatch->state, &edge->options);
    return before == NULL ? NULL : WEIR__CONTAINER_OF(before, struct weir__edge, outlet);
}

/* Whom the edge must wait for, or NULL. */
static struct weir__edge *before(const weir_stage *stage, const struct weir__edge *edge) {
    struct weir__edge *owner = same_place(stage, edge);
    if (owner != NULL && owner->leaving && owner->id.consumer.bits != edge->id.consumer.bits) {
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
    weir__stage_attach(stage, edge);
}

bool weir__stage_waits_no_more(weir_stage *stage, struct weir__edge *edge) {
    if (edge->waits_for == NULL) {
        return false;
    }
    unlink_follower(edge);
    weir__index_remove(&stage->known, &edge->at_producer);
    return true;
}

/* The stage has stopped: they never were its consumers. */
static void close_followers(weir_stage *stage, struct weir__edge *edge) {
    while (edge->followers != NULL) {
        struct weir__edge *follower = edge->followers;
        weir__stage_waits_no_more(stage, follower);
        weir__stage_close_edge(stage->host, follower, WEIR_DOWN, stage->reason);
    }
}

void weir__stage_left(weir_stage *stage, struct weir__edge *edge) {
    if (!edge->leaving) {
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
        weir__stage_admit(stage, follower);
    }
    close_followers(stage, edge);
}

static void end_leaving(void *context, struct weir__index_node *node) {
    struct weir__edge *edge = WEIR__CONTAINER_OF(node, struct weir__edge, at_producer);
    while (edge != NULL) {
        struct weir__edge *next = edge->consumers_next;
        edge->leaving = false;
        close_followers(context, edge);
        edge = next;
    }
}

void weir__stage_end_leaving(weir_stage *stage) {
    weir__index_empty(&stage->leaving, end_leaving, stage);
}
