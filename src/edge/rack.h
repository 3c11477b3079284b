/*
 * The rack: what the competing consumers of one producer take from.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The producer cuts what it sends into entries of at most `grain` events and
 * puts them on one ring (ring/spmc.h); each consumer subscribed, a taker, takes
 * the oldest when it has time.  An entry belongs to nobody until it is taken,
 * so no event waits behind a busy sibling.  A taker's edge still carries its
 * demand and its life; of its positions
 *
 *   asked     as ever, the consumer's
 *   received  what it has taken
 *   sent      0: no event travels on the edge's own ring
 *
 * Who takes.  A taker takes one entry at a time, with nothing that it took
 * waiting before it, and, if its subscription is manual, only while it has asked
 * for more than it took.  The dispatcher sees to it that every such taker can
 * take every entry: at most max_demand - min_demand of each, and one event only,
 * when there are others than a single manual taker (dispatch/shared.c).  An
 * automatic taker that has less outstanding than it took asks at once for the
 * rest up to max_demand: what it awaits always covers what it has.
 *
 * Overflow.  What finds no place on the ring waits in `overflow`, in order; the
 * protocol is the edge's (edge.h, W1 -> W2), with wants_room here.  Behind its
 * last CLOSE the producer leaves overflow alone, and nobody adds to it: then the
 * takers take from it too, each item by a fetch-and-add on `rest`.
 *
 * Waking.  As many sleeping takers are raised as there are entries on the ring,
 * after one fence (F1 -> F2 of ring/ready.h): those that are not raised, whatever
 * the others do.  A hot taker may be busy for long.  Only one who can take is
 * worth waking: a taker that cools says so in `wants` first.  Should it be raised
 * and then find that it cannot, because of what another producer sent it
 * meanwhile, it moves `declined`, and the producer raises another one.
 * Who could not take and now can looks by itself.
 *
 * Leaving.  A consumer that has got CLOSE or has died takes no more, and its
 * last mail (LEFT, DOWN) hands `received` over.  Only then is it known what it
 * has left unanswered.  What waits and nobody has asked for any more the producer takes
 * back: the newest of the overflow, as far as that has enough; otherwise all that is on
 * ring and overflow, as one more taker, and sends the rest anew.  In the leaver's stead
 * another one is raised.  A producer that ends leaves all to the takers: each ends when
 * nothing is left.  One that finishes waits before that for those who leave, if anything
 * lies there: it may be nobody's then (stage/ending.c).
 *
 *   writer             fields                              readers
 *   producer's worker  ring, overflow, wants_room, takers,  takers: ring, wants_room,
 *                      refs, edge->rack                   edge->rack; at the end overflow
 *   takers             ring's c_head, rest, and each its    producer
 *                      edge->wants, ring.consumer.declined
 *
 * Ordering (ring: V1..V6; waking: F1, F2, R1, R2; room: W1, W2)
 *   Y1 -> Y2  edge->rack: publishes the rack to a taker
 *   R1 -> R2  raised = 0: publishes `wants`, which was written before
 *   D1 -> D2  declined: as asked (edge.h)
 * Progress: publishing and waking are wait-free but for the push on a stack, which
 * is lock-free, as taking is.  Wrap: declined wraps, and is only compared for
 * change; `rest` counts to the items of one queue, below 2^31.
 *
 * Freeing.  refs counts the producer's dispatcher and each taker that has not
 * left; the producer's worker alone counts, since all of these mails come to
 * it.  The last to let go drops and counts what is left: a producer that ends when no taker is
 * left, or the last taker, when the producer has gone.
 *
 * Model: tests/model/shared_take.pml.
 */
#ifndef WEIR__EDGE_RACK_H
#define WEIR__EDGE_RACK_H

#include "edge/edge.h"
#include "ring/spmc.h"

struct weir__rack {
    struct weir__spmc ring;
    WEIR__APART uint32_t wants_room; /* as an edge's */
    WEIR__APART uint32_t rest;       /* atomic: items of overflow taken at the end */
    /* the producer's worker's */
    WEIR__APART struct weir__queue overflow; /* handed over with CLOSE */
    struct weir__edge *takers;               /* who may be woken       */
    uint32_t refs;
    bool touched; /* in the outbox */
    struct weir__rack *outbox_next;
    const struct weir__allocator *allocator;
    size_t bytes;
};

/* entries: a power of two, 2 or more.  NULL: no memory.  refs is 1. */
struct weir__rack *weir__rack_open(const struct weir__allocator *allocator, uint32_t entries);

/* There is but one reference. */
static inline bool weir__rack_is_last(const struct weir__rack *rack) {
    return rack->refs == 1;
}

/*
 * One reference less.  The last one drops what is left and frees the rack.
 * Returns how many events that were.
 */
uint64_t weir__rack_leave(struct weir__rack *rack, struct weir__pool *pool);

/* ---- the producer's side ------------------------------------------------- */

/* A taker begins; it may take from here on.  Holds a reference for it. */
void weir__rack_join(struct weir__rack *rack, struct weir__edge *edge);

/* True when nothing waits to be taken, for certain: only the producer's worker adds to it. */
bool weir__rack_empty(const struct weir__rack *rack);

/* It is not woken any more. */
void weir__rack_unlist(struct weir__rack *rack, struct weir__edge *edge);

/*
 * Sends `count` events from the front of `queue`, in entries of at most `grain`;
 * then touch the outbox.  What no memory allows to queue is dropped: returns how
 * many events.
 */
uint64_t weir__rack_publish(struct weir__rack *rack, struct weir__queue *queue, uint64_t count,
                            uint64_t grain, struct weir__pool *pool);

/* Moves overflow to the ring, as far as there is room; true when any moved. */
bool weir__rack_refill(struct weir__rack *rack);

/* Does that for a taker's look; true when it moved any, or a taker that declined, is to be told. */
bool weir__rack_flush(struct weir__rack *rack, struct weir__edge *edge);

/* True when there is room for the overflow, or a taker has declined. */
bool weir__rack_has_room(const struct weir__rack *rack, const struct weir__edge *edge);

/* After the fence (F1 -> F2): raises a sleeping taker for each entry. */
void weir__rack_wake(struct weir__rack *rack);

/* Takes all back into `out`, oldest first.  Returns how many events were lost. */
uint64_t weir__rack_recall(struct weir__rack *rack, struct weir__queue *out,
                           struct weir__pool *pool);

/*
 * Takes the newest `count` events back into `out`, oldest first: as many wait in the
 * overflow.  false: no memory, nothing changed.
 */
bool weir__rack_recall_newest(struct weir__rack *rack, uint64_t count, struct weir__queue *out,
                              struct weir__pool *pool);

/* At a quiet point, while the producer lives.  Returns the events in it. */
uint64_t weir__rack_check(const struct weir__rack *rack);

/* ---- a taker's side ------------------------------------------------------ */

/* Takes the oldest entry, if the taker may. */
bool weir__rack_take(struct weir__edge *edge, struct weir__entry *out);

/* After a pass that took entries: a hint that the producer waits for the room. */
bool weir__rack_made_room(const struct weir__edge *edge);

/* Behind the fence of cooling (W1 -> W2): whether it waits, for certain. */
bool weir__rack_wants_room(const struct weir__edge *edge);

/* Before it cools: whether it could take an entry, its stage being free or not. */
void weir__rack_before_cooling(struct weir__edge *edge, bool free);

/* Behind the fence of cooling: true when it left an entry that it may not take. */
bool weir__rack_declines(const struct weir__edge *edge);

/* Says so (D1 -> D2).  Then touch the outbox. */
void weir__rack_decline(struct weir__edge *edge);

/* True when there is something that it may take, or an end to act on. */
bool weir__rack_has_events(const struct weir__edge *edge);

/* After CLOSE: true when it is not to take any more. */
bool weir__rack_complete(const struct weir__edge *edge);

#endif
