/*
 * The seam between stages and dispatchers: what an outlet and a run are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An outlet is one subscription as its producer's dispatcher sees it; it is
 * embedded in the edge.  A run is a view of the front of a queue: the events
 * that may be dispatched now.  Sending takes them from the queue; what is
 * left over simply stays there.  `send` is the producer's way to deliver, so
 * that dispatchers can be driven without stages (tests, conformance).
 */
#ifndef WEIR__DISPATCH_SEAM_H
#define WEIR__DISPATCH_SEAM_H

#include "edge/outlet.h"
#include "memory/queue.h"

#include <weir/dispatcher.h>

/*
 * Takes exactly `count` events (1 or more, all before the first mark) from the
 * front of `queue` and delivers them to the outlet as one message.
 */
typedef void weir__send(void *context, weir_outlet *outlet, struct weir__queue *queue,
                        uint64_t count);

/* Queues an ask on the consumer's behalf behind what the producer has to do. */
typedef void weir__ask_again(void *context, weir_outlet *outlet, uint64_t count);

struct weir_run {
    struct weir__queue *queue;
    uint64_t left; /* events that may still be taken */
    weir__send *send;
    weir__ask_again *ask_again;
    void *context;
    struct weir__pool *pool;     /* the producer's worker's                 */
    struct weir__queue *scratch; /* empty: where shared messages are put up */
    /* for the accounts */
    uint64_t shared; /* events taken out after they were shared       */
    uint64_t copies; /* deliveries that became of them                */
    uint64_t lost;   /* of those, not delivered for want of memory    */
};

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

#endif
