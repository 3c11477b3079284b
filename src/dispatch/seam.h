/*
 * The seam between stages and dispatchers: what outlets, runs and holds are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An outlet is one subscription as its producer's dispatcher sees it; it is
 * embedded in the edge.  A run is a view of the front of a queue: the events
 * that may be dispatched now.  Sending takes them from the queue; what is
 * left over simply stays there.  A hold is a queue of events that the dispatcher
 * keeps back, with infos (notices) and marks of the program's among them.
 *
 * A desk is where a dispatcher in use works: the stage's ways to deliver, to
 * discard and so on are `calls`, so that dispatchers can be driven without
 * stages (tests, conformance).
 *
 *   held == the sum of the events in all holds of the desk
 *
 * One owner, the producer's worker; but init and close run elsewhere.
 */
#ifndef WEIR__DISPATCH_SEAM_H
#define WEIR__DISPATCH_SEAM_H

#include "edge/outlet.h"
#include "memory/queue.h"

#include <weir/dispatcher.h>

struct weir__desk_calls {
    /*
     * Takes exactly `count` events (1 or more, all before the first mark) from the
     * front of `queue` and delivers them to the outlet as one message.
     */
    void (*send)(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count);

    /*
     * Delivers a slice to the outlet as one message, and takes over its reference: what send does,
     * without a queue.  false: that is not how it goes, and nothing is done.  May be NULL.
     */
    bool (*send_slice)(void *context, weir_outlet *outlet, const struct weir__item *slice);

    /*
     * Takes `count` events likewise and puts them on desk->rack, in entries of at
     * most `grain`.  Returns how many were lost for want of memory.
     */
    uint64_t (*put)(void *context, struct weir__queue *queue, uint64_t count, uint64_t grain);

    /* Queues an ask on the consumer's behalf behind what the producer has to do. */
    void (*ask_again)(void *context, weir_outlet *outlet, uint64_t count);

    /* Queues demand for `count` events of the producer, in the same way. */
    void (*demand_again)(void *context, uint64_t count);

    /* `count` events (1 or more) were discarded, none of them sent. */
    void (*discard)(void *context, uint64_t count, weir_discard cause);

    /* An info that holds have kept goes on. */
    void (*info_due)(void *context, void *info);

    /* Sends a mark of the program's to the outlet, behind all that was sent there.  NULL: there was
     * no memory to hold it, and it is lost. */
    void (*send_mark)(void *context, weir_outlet *outlet, const struct weir__item *mark);

    /* Copies a small slice, which will wait, out of its block.  May be NULL. */
    void (*unpin)(void *context, struct weir__item *item);
};

struct weir_desk {
    const struct weir__desk_calls *calls;
    void *context;
    struct weir__pool *pool;     /* the producer's worker's                   */
    struct weir__queue *scratch; /* empty: where messages for several are put up   */
    struct weir__block *fill;    /* where those are copied that a selector takes; or NULL */
    const struct weir__allocator *allocator;
    uint64_t *buffered;      /* the worker's gauge; what is held counts there */
    struct weir_hold *holds; /* all that are open                             */
    uint64_t held;
    struct weir__rack *rack; /* what its consumers take from, or NULL (edge/rack.h) */
};

struct weir_run {
    struct weir__queue *queue;
    uint64_t left; /* events that may still be taken */
    struct weir_desk *desk;
    /* for the accounts */
    uint64_t multicast; /* events taken out after several were given them */
    uint64_t copies;    /* deliveries that became of them                */
    uint64_t lost;      /* of those, not delivered for want of memory    */
    /* how much of the front several were given, for weir_run_skip */
    bool any_multicast;
    uint64_t behind_multicast; /* of `left`, the events behind those            */
};

struct weir_hold {
    struct weir_desk *desk;
    struct weir__queue queue; /* marks: notices, and the program's */
    struct weir_hold *next;
    struct weir_hold *previous;
};

struct weir_notice {
    struct weir_desk *desk;
    void *info;
    uint32_t places; /* holds that it is in, and one while `info` runs */
};

struct weir_passing {
    struct weir_desk *desk;
    const struct weir__item *mark;
};

/* Whether a consumer refuses some of what it could have. */
static inline bool weir__selects(const weir_subscribe_options *options) {
    return options->selector != NULL || options->select_many != NULL;
}

/* Gives an outlet the memory its dispatcher wants.  false: no memory. */
bool weir__outlet_open(weir_outlet *outlet, const weir_dispatcher *table,
                       const struct weir__allocator *allocator);

/*
 * A dispatcher in use: its table and its state.
 */
struct weir__dispatch {
    const weir_dispatcher *table;
    void *state;
};

/*
 * Shows the dispatcher an info.  true: a hold keeps it, and calls->info_due
 * follows.  false: it goes on at once.
 */
bool weir__desk_info(struct weir_desk *desk, const struct weir__dispatch *dispatch, void *info);

/*
 * Empties all holds: drops the events, and gives each info to `drop` once.
 * Returns how many events there were.
 */
uint64_t weir__desk_empty(struct weir_desk *desk, void (*drop)(void *context, void *info),
                          void *context);

/* Frees what is the desk's, and holds that the dispatcher left open, which are empty. */
void weir__desk_close(struct weir_desk *desk);

/* Whether that is one of weir itself: of the program's own nothing is known. */
bool weir__dispatch_is_weirs(const weir_dispatcher *table);

/* How many partitions it has; 0: it is no partition dispatcher of weir's. */
uint32_t weir__dispatch_partitions(const struct weir__dispatch *dispatch);

/* ---- checkers (base/check.h), between the dispatcher's calls -------------- */

void weir__desk_check(const struct weir_desk *desk);

/* check.c: whether it is one of weir itself; such a one's state. */
bool weir__dispatch_is_own(const struct weir__dispatch *dispatch);
void weir__dispatch_check(const struct weir__dispatch *dispatch);

void weir__demand_check(const void *state);
void weir__broadcast_check(const void *state);
void weir__shared_dispatch_check(const void *state);
void weir__partition_check(const void *state);

/* ---- for the dispatchers of weir itself ---------------------------------- */

/* A slice joins the hold's end, its reference with it.  false: no memory, and no change. */
bool weir__hold_push(struct weir_hold *hold, struct weir__item item);

/*
 * As weir_hold_send; with `late`, an info waits for the next send when the count
 * ends with the event before it (GenStage's partitions).
 */
uint64_t weir__hold_send(struct weir_hold *hold, weir_outlet *consumer, uint64_t count, bool late);

/* A mark of the program's joins the hold's end.  Without memory it is lost, and that is said. */
void weir__hold_mark(struct weir_hold *hold, const struct weir__item *mark);

/* As weir_hold_info, also when the hold is empty. */
bool weir__hold_info(struct weir_hold *hold, struct weir_notice *notice);

#endif
