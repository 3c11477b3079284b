/*
 * The edge: one subscription's shared memory.  The states of its two ends: life.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A ring of slices leads from producer to consumer, a counter `asked` back.
 * Every notion of place is a 64-bit position of events since the edge began:
 *
 *   asked     asked for                 writer: the consumer's worker (shared)
 *   sent      put on the ring or in     writer: the producer's worker, until the
 *             the overflow              CLOSE mail that publishes it as the last
 *   received  taken over by the         writer: the consumer's worker
 *             consumer
 *   done      the consumer is through   writer: the consumer's worker (shared);
 *             with                      moved only where the edge has a load
 *
 *   received <= sent, but of a rack (edge/rack.h), where sent is 0
 *   done <= received
 *   sent <= asked, unless the dispatcher is the program's and sends what nobody has asked for
 *   asked <= received + max on an automatic subscription, but for what is asked by hand as well
 *   wants_room  <=>  something is in the overflow, as long as the producer has the edge
 *   at a quiet point, what is on the ring and in the overflow == sent - received
 *
 * Overflow.  The ring bounds entries, demand bounds events; many small slices
 * can fill the ring while demand is open.  It then grows (ring/ring.h), but not
 * without end or memory.  The producer keeps such slices in
 * `overflow`, in order, sets wants_room, fences and looks at the ring again; it
 * clears wants_room once the overflow is empty.  The consumer, after a pass that
 * took entries, reads wants_room without a fence (a hint that may come late),
 * and reads it once more when the edge cools, behind the fence that cooling
 * needs anyway: an empty ring is polled or cools, so the producer is told.
 *   W1 -> W2  Dekker: "set wants_room; read c_head" with "move c_head; cool;
 *             read wants_room" (tests/model/overflow_room.pml)
 *
 * A bound in bytes (load.h) keeps what is asked from being heard: asked_seen stays behind asked
 * until there is room, which the consumer makes by moving `done`.  It tells of that as of an ask.
 *   D3 -> D4  done: events before it weigh nothing any more
 *   asked_seen < asked, with a load  =>  weir__load_hears is 0, or the edge is hot or will be
 *
 * Marks of the program's are entries without events: they need no demand and move no position.
 *
 * Closing follows the data.  The producer, when it ends the subscription,
 * writes the reason and sends CLOSE; from then on it leaves ring, overflow and `sent`
 * alone (the mail hands them over).  The consumer acts once received == sent, and ring and
 * overflow are empty: the last entries may be marks.
 * A consumer that stops sends DOWN, which hands over the
 * reading end of the ring and what it had received but not begun (`returned`):
 * the producer's worker gives those events back, or discards and counts them.
 *
 * Freeing.  refs counts who may still touch the edge: one for the producer's
 * side (passed on with CLOSE), one for the consumer's (passed on with DOWN or LEFT),
 * one for each CANCEL, EVICT and AGAIN in flight, and one for each direction that is
 * raised (on a stack or hot).  The last to let go frees it.  Where both stages are on one worker
 * nobody else counts, but who opens the edge, before the worker has it, and who closes the runtime.
 *   X1 -> X2  refs: a release by everybody else is seen by the one who frees
 *
 * Progress: wait-free on both sides, the allocator aside; telling is the outbox's and mail's.
 * Wrap: positions are 64-bit and do not; the ring's own are told in ring/ring.h.
 * Models: tests/model/demand_cancel.pml, bytes_gate.pml.
 */
#ifndef WEIR__EDGE_EDGE_H
#define WEIR__EDGE_EDGE_H

#include "base/attributes.h"
#include "base/probe.h"
#include "edge/entry.h"
#include "edge/life.h"
#include "edge/limit.h"
#include "edge/load.h"
#include "edge/outlet.h"
#include "edge/window.h"
#include "memory/index.h"
#include "memory/queue.h"
#include "memory/sheet.h"
#include "ring/mail.h"
#include "ring/ready.h"
#include "ring/ring.h"

#include <weir/subscription.h>

struct weir__rack;

/*
 * Who accounts for a consumer's events once both ends have gone: a part whose handle
 * outlives its stage.  Called on the producer's worker; release when the edge is no more.
 */
struct weir__heir {
    void (*lost)(struct weir__heir *heir, uint64_t count);
    void (*release)(struct weir__heir *heir);
};

/* An edge's ring begins small and is made larger each time it is found full. */
enum { WEIR__RING_ENTRIES_FIRST = 4, WEIR__RING_GROWTH = 4, WEIR__RING_ENTRIES_MAX = 256 };

/* stage/stamp.h */
#define WEIR__STAMP_FREE UINT64_MAX

struct weir__stamp {
    uint64_t at; /* atomic */
    uint64_t sent_ns;
    uint64_t origin_ns;
};

/* Why what comes by an edge goes by the general path, where it can be kept: it is limited / its
 * consumer has an output that holds it back (stage/outputs.h). */
enum weir__pace { WEIR__PACED_BY_RATE = 1, WEIR__PACED_BY_OUTPUT = 2 };

/*
 * What is written by one owner lies apart from what the other looks at, in pairs of lines: an
 * edge at rest takes eight of them, and its ring two (decision 33).
 */
struct weir__edge {
    /* constant once the consumer has opened it */
    weir_subscription id;
    struct weir__ready_stage *at[2]; /* by direction: producer's, consumer's */
    bool local;                      /* both stages on one worker               */
    bool onward;                     /* stage/onward.h: a leg is due                */
    bool going;                      /* likewise: one is under way, and who began it looks */
    bool counted;                    /* its consumer knows that it was requested */
    bool manual;                     /* the consumer chose                      */
    bool in_slot;                    /* what was taken last lies in its entry still */
    bool can_overflow; /* the ring may be full while demand is open; a hint, since anybody
                          may ask for more than max_demand                           */
    uint8_t paced;     /* enum weir__pace: its messages are not handled where they are */
    /* What it takes from instead of its ring (edge/rack.h), or NULL: the producer writes it
     * when it accepts the edge. */
    struct weir__rack *rack;
    /* Bytes under way, where they are bounded, or NULL: the producer's.  It writes this when it
     * accepts the edge; the consumer only looks whether there is one. */
    struct weir__load *load;
    weir_stage *to;                 /* its consumer, of a local edge while that has it */
    struct weir__edge *onward_next; /* stage/onward.h: on which a leg is due, too */
    struct weir__edge *round_next;  /* likewise: in this round */
    uint64_t follows; /* likewise: id of the consumer's subscription that is read before it; 0 */
    /* from here on seldom looked at */
    const weir_subscribe_options *options; /* behind the ring, but the usual ones */
    const struct weir__allocator *allocator;
    uint32_t bytes;
    uint32_t ring_most; /* entries that its ring may have */
    /* Its slot, where others read what it carries: each end writes its own words.  NULL: none */
    weir_counters_subscription *seen;

    WEIR__APART uint32_t refs;
    weir_reason cancel_reason;
    struct weir__mail forth;  /* REQUEST, then OPEN                     */
    struct weir__mail cancel; /* CANCEL                                 */
    struct weir__mail down;   /* DOWN, or LEFT                          */
    struct weir__mail close;  /* CLOSE                                  */
    struct weir__sheet *sheet;
    uint64_t replaces;            /* id of the consumer's subscription that it cancels; 0: none */
    struct weir__edge *waits_for; /* stage/leaving.c: accepted when that one has left */

    WEIR__APART struct weir__ready_edge ready[2]; /* by direction */
    struct weir__heir *heir; /* the consumer's, with a reference; NULL: the log is told */
    uint32_t seen_number;
    weir_reason replace_reason;
    weir_reason down_reason;
    bool takes_over;    /* at the same producer, which ends that one as it accepts this one */
    bool waits_to_take; /* a taker: it is in its stage's list takers_waiting */
    weir_from asker;    /* stage/leaving.c: who is told when it waits no more */

    /* The consumer's line, then the producer's; what follows is the producer's, too. */
    WEIR__APART struct weir__ring ring;
    uint64_t sent; /* no more than that once it is closed, as cause and reason: handed over then */
    uint64_t asked_seen;
    uint64_t heard_ns; /* host->now_ns when it asked last */
    enum weir__producer_state producer_state;
    bool in_outbox[2]; /* by direction; checked builds (outbox.h): each its publisher's */
    bool covers;       /* stage/leaving.c          */
    weir_outlet outlet;
    struct weir__queue overflow;
    struct weir__edge *consumers_next; /* in its stage's list */
    struct weir__edge *consumers_previous;
    weir_cancel_cause close_cause;
    weir_reason close_reason;
    weir_reason evict_reason;
    uint32_t declined_seen;
    struct weir__mail evict;      /* to itself: EVICT, asked in a callback of the producer;
                                     kind is 0 while it is not under way                  */
    struct weir__mail again_mail; /* a selector refused `again` events */
    uint64_t again;
    /* In the list of who may be woken (edge/rack.h), until the producer has ended it; then in that
     * of all that leave (stage/leaving.c). */
    union {
        struct weir__edge *takers_next;
        struct weir__edge *leavers_next;
    };
    union {
        struct weir__edge *takers_previous;
        struct weir__edge *leavers_previous;
    };
    struct weir__index_node at_producer; /* in its `known`, or `leaving` */
    uint32_t in_line;                    /* stage/leaving.c: followers */
    struct weir__edge *followers;        /* likewise: who wait for it, by consumers_next */
    struct weir__edge *followers_last;

    /* the consumer's; returned is handed over with DOWN */
    WEIR__APART uint64_t asked;
    uint64_t received;
    struct weir__stamp stamp; /* stage/stamp.h: the producer's, too */
    uint64_t
        through; /* with a load: what it is through with and has not said, of a batch in pieces */
    uint32_t wants; /* edge/rack.h: asleep, it could take an entry; read by the producer */
    enum weir__consumer_state consumer_state;
    bool behind; /* it waits for the end of whom it follows, and is not looked at */
    struct weir__window window;
    uint64_t ahead; /* batches that it has had beyond its share of turns (stage/intake.c) */
    struct weir__queue partial; /* the start of a message that is not all here */
    struct weir__queue returned;
    uint64_t watermark; /* that has come last; 0: none */
    struct weir__edge *producers_next;
    struct weir__edge *producers_previous;
    struct weir__index_node subscription; /* among its stage's */
    struct weir__edge *closes_behind;     /* those that follow it, whose CLOSE has come already */
    struct weir__edge *closes_next;       /* in that list of one                             */
    union {
        struct weir__edge *waiting_next; /* a taker's that waits_to_take: in its stage's list */
        struct weir__limit *limit;       /* of one that is limited, which is no taker's: constant */
    };
    struct weir__edge *waiting_previous;
    struct weir__timing waiting; /* stage/stamp.h */
#if WEIR__CHECKED
    uint64_t asked_by_hand; /* of asked */
#endif
};

_Static_assert(WEIR__CHECKED || sizeof(struct weir__edge) <= 1024, "it takes no line more");

/* First ring index of new edges: tests set it to just below the 32-bit wrap. */
extern uint32_t weir__edge_ring_start;

/*
 * competes: its consumer will be one of a rack's takers, as far as is known, and its ring not be
 * used.  NULL: no memory.  refs is 2: one for each side.
 */
struct weir__edge *weir__edge_open(const struct weir__allocator *allocator, weir_subscription id,
                                   const weir_subscribe_options *options, bool competes,
                                   struct weir__ready_stage *producer,
                                   struct weir__ready_stage *consumer);

/* Gives it a slot in the sheet, before anybody knows it.  false: no memory. */
bool weir__edge_show(struct weir__edge *edge, struct weir__sheet *sheet);

/* What the owner of that end knows of it, as of now, into the slot. */
void weir__edge_note(const struct weir__edge *edge, enum weir__direction direction);

void weir__edge_hold(struct weir__edge *edge);
void weir__edge_release(struct weir__edge *edge);

/* ---- where it is in its life (life.h) ------------------------------------ */

/* The consumer knows it: from OPEN on until the end has been handled. */
static inline bool weir__edge_subscribed(const struct weir__edge *edge) {
    return edge->consumer_state > WEIR__CONSUMER_OVER;
}

/* CLOSE has come: no events beyond `sent`. */
static inline bool weir__edge_closing(const struct weir__edge *edge) {
    return edge->consumer_state >= WEIR__CONSUMER_CLOSING;
}

/* All of it is here, and the end has its place in line. */
static inline bool weir__edge_ended(const struct weir__edge *edge) {
    return edge->consumer_state == WEIR__CONSUMER_ENDED;
}

/* The producer sends to it. */
static inline bool weir__edge_attached(const struct weir__edge *edge) {
    return edge->producer_state == WEIR__PRODUCER_ATTACHED;
}

/* The producer has ended it, and its consumer may be at work still. */
static inline bool weir__edge_leaving(const struct weir__edge *edge) {
    return edge->producer_state == WEIR__PRODUCER_LEAVING;
}

/* It waits at the producer for one that leaves. */
static inline bool weir__edge_in_line(const struct weir__edge *edge) {
    return edge->producer_state == WEIR__PRODUCER_IN_LINE;
}

/* What the edge is taken from instead of its ring, or NULL. */
static inline struct weir__rack *weir__edge_rack(const struct weir__edge *edge) {
    return weir__load_acquire_ptr(&edge->rack); /* Y1 -> Y2 (edge/rack.h) */
}

/* It names a rate, and has a limit. */
static inline bool weir__edge_is_limited(const struct weir__edge *edge) {
    return (edge->paced & WEIR__PACED_BY_RATE) != 0;
}

/* ---- the consumer's side ------------------------------------------------- */

/* Asks for `count` more: the only place that moves asked.  Both are for stage/subscription.[ch],
 * where it is seen to that the producer is told. */
static inline void weir__edge_ask(struct weir__edge *edge, uint64_t count) {
    WEIR__PROBE2(ask, edge->id.id, count);
    edge->asked += count;
    weir__store_release_u64(&edge->ring.consumer.asked, edge->asked); /* D1 -> D2 */
}

/* The same, of a consumer that asks by itself: it may be able to take again. */
void weir__edge_ask_by_hand(struct weir__edge *edge, uint64_t count);

/* Says what it is through with, of an edge with a load: the only place that moves done.  For
 * stage/subscription.h, likewise. */
static inline void weir__edge_done(struct weir__edge *edge) {
    uint64_t done = edge->ring.consumer.done + edge->through;
    edge->through = 0;
    weir__store_release_u64(&edge->ring.consumer.done, done); /* D3 -> D4 */
}

/* Takes the next entry, of the ring, or after CLOSE of the overflow. */
bool weir__edge_take_overflow(struct weir__edge *edge, struct weir__entry *out);

/* What it takes has a slot no more, but for events that lie in the entry itself: theirs is freed
 * by weir__edge_free_slot, at the latest before the next is taken. */
static inline bool weir__edge_take(struct weir__edge *edge, struct weir__entry *out) {
    if (!weir__ring_read(&edge->ring, out)) {
        return weir__edge_closing(edge) && weir__edge_take_overflow(edge, out);
    }
    edge->received += out->count;
    edge->in_slot = out->block == NULL;
    if (out->block != NULL) {
        weir__ring_free_slot(&edge->ring);
    }
    return true;
}

/* Frees the slot of such events, unless that is done, or they came of an overflow or a rack:
 * before anything is asked for in their place. */
static inline void weir__edge_free_slot(struct weir__edge *edge) {
    if (edge->in_slot) {
        edge->in_slot = false;
        weir__ring_free_slot(&edge->ring);
    }
}

/* After a pass that took entries: a hint that the producer waits for the room. */
bool weir__edge_made_room_slow(const struct weir__edge *edge);

static inline bool weir__edge_made_room(const struct weir__edge *edge) {
    bool may_wait = edge->can_overflow || weir__edge_rack(edge) != NULL;
    return may_wait && weir__edge_made_room_slow(edge);
}

/* Behind the fence of cooling (W1 -> W2): whether it waits, for certain. */
bool weir__edge_wants_room(const struct weir__edge *edge);

/* True when there is something to take, or an end to act on. */
bool weir__edge_has_events_slow(const struct weir__edge *edge);

static inline bool weir__edge_has_events(const struct weir__edge *edge) {
    if (!weir__ring_empty(&edge->ring)) {
        return true;
    }
    bool more = weir__edge_closing(edge) || weir__edge_rack(edge) != NULL;
    return more && weir__edge_has_events_slow(edge);
}

/* How many events lie in the entry that it takes next; 0: it is none such. */
static inline uint32_t weir__edge_inline_next(const struct weir__edge *edge) {
    const struct weir__entry *next = weir__ring_next(&edge->ring);
    bool come = weir__load_acquire_u32(&next->stamp) == edge->ring.ck.c_head + 1; /* K1 -> K2 */
    return come && next->block == NULL ? next->count : 0;
}

/* After CLOSE: true when all that was sent has been received. */
bool weir__edge_complete(const struct weir__edge *edge);

/* ---- the producer's side ------------------------------------------------- */

/* Demand may be heard of, or bytes unloaded, of an edge with a load. */
bool weir__edge_may_hear(const struct weir__edge *edge);

/* Bounds the bytes under way, before anything is sent.  each, flat: as of load.h.  false: no
 * memory. */
bool weir__edge_bound(struct weir__edge *edge, uint64_t most, uint64_t each, bool flat);

/* Events asked for and not sent, as far as they were heard of where bytes are bounded; 0 with
 * the shared dispatcher, whose demand is one pool. */
static inline uint64_t weir__edge_open_demand(const struct weir__edge *edge) {
    uint64_t asked =
        edge->load != NULL ? edge->asked_seen : weir__load_relaxed_u64(&edge->ring.consumer.asked);
    return edge->rack == NULL && asked > edge->sent ? asked - edge->sent : 0;
}

/*
 * Takes `count` events from the front of `queue` and sends them as one message.
 * What no memory allows to queue is dropped and counted: returns how many.
 */
uint64_t weir__edge_send_slices(struct weir__edge *edge, struct weir__queue *queue, uint64_t count,
                                struct weir__pool *pool);

/* Where the next message goes, if it is one slice; NULL: something waits before it, or there is no
 * room in the ring.  And it goes: takes over the slice's reference; of its flags some last. */
static inline struct weir__entry *weir__edge_slot(struct weir__edge *edge) {
    return weir__queue_empty(&edge->overflow) ? weir__ring_reserve(&edge->ring) : NULL;
}

static inline void weir__edge_put(struct weir__edge *edge, struct weir__entry *slot,
                                  const struct weir__item *slice, struct weir__pool *pool) {
    weir__entry_fill(slot, slice, pool);
    weir__ring_commit(&edge->ring, slot);
    edge->sent += slice->count;
}

/* weir__edge_send_slices when it is one slice and the ring has room; false: it is not, or has
 * none. */
static inline bool weir__edge_send_straight(struct weir__edge *edge, struct weir__queue *queue,
                                            uint64_t count, struct weir__pool *pool) {
    if (weir__queue_at(queue, 0)->count < count) {
        return false;
    }
    struct weir__entry *slot = weir__edge_slot(edge);
    if (slot == NULL) {
        return false;
    }
    struct weir__item item = weir__queue_take(queue, count, pool);
    item.flags &= WEIR__LASTING;
    weir__edge_put(edge, slot, &item, pool);
    return true;
}

static inline uint64_t weir__edge_send(struct weir__edge *edge, struct weir__queue *queue,
                                       uint64_t count, struct weir__pool *pool) {
    if (WEIR__LIKELY(weir__edge_send_straight(edge, queue, count, pool))) {
        return 0;
    }
    return weir__edge_send_slices(edge, queue, count, pool);
}

/* Sends a mark of the program's, behind all that was sent.  false: no memory, it is lost. */
bool weir__edge_send_mark(struct weir__edge *edge, const struct weir__item *mark);

/* How many events were asked for since this was last asked (D1 -> D2). */
static inline uint64_t weir__edge_demand(struct weir__edge *edge) {
    uint64_t asked = weir__load_acquire_u64(&edge->ring.consumer.asked); /* D1 -> D2 */
    uint64_t more = asked - edge->asked_seen;
    weir__ring_look_back(&edge->ring);
    edge->asked_seen = asked;
    return more;
}

/* The same of an edge with a load: as many of them as there is room for in bytes. */
uint64_t weir__edge_hear(struct weir__edge *edge);

/* What the consumer is through with weighs nothing any more: true when that is more than before.
 * Of an edge with a load. */
bool weir__edge_unload(struct weir__edge *edge);

/* Moves overflow into the ring: true when the consumer, or the takers, are to be told. */
bool weir__edge_flush_overflow(struct weir__edge *edge);

static inline bool weir__edge_flush(struct weir__edge *edge) {
    bool waits = !weir__queue_empty(&edge->overflow) || edge->rack != NULL;
    return waits && weir__edge_flush_overflow(edge);
}

/* Of an edge with overflow, rack or load: true when there is room for what waits. */
bool weir__edge_has_room(const struct weir__edge *edge);

/* True when there is new demand, or room for what waits. */
static inline bool weir__edge_has_demand(const struct weir__edge *edge) {
    if (weir__load_relaxed_u64(&edge->ring.consumer.asked) != edge->asked_seen &&
        WEIR__LIKELY(edge->load == NULL)) {
        return true;
    }
    bool waits = !weir__queue_empty(&edge->overflow) || edge->rack != NULL || edge->load != NULL;
    return waits && weir__edge_has_room(edge);
}

/*
 * Empties ring, overflow and `returned`, oldest first, into `out`: for whom
 * DOWN has come.  Returns how many events could not be kept for want of memory.
 */
uint64_t weir__edge_recover(struct weir__edge *edge, struct weir__queue *out,
                            struct weir__pool *pool);

/* ---- checkers ------------------------------------------------------------ */

/* The producer's side, attached.  keeps: its dispatcher is one that sends what was asked for. */
void weir__edge_check_producer(const struct weir__edge *edge, bool keeps);

/* The consumer's side, subscribed. */
void weir__edge_check_consumer(const struct weir__edge *edge);

/* Both, the consumer's alive, at a quiet point.  Returns the events between them. */
uint64_t weir__edge_check(const struct weir__edge *edge);

#endif
