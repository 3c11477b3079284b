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

struct weir_run {
    struct weir__queue *queue;
    uint64_t left; /* events that may still be taken */
    weir__send *send;
    void *context;
};

/*
 * A dispatcher in use: its table and its state.
 */
struct weir__dispatch {
    const weir_dispatcher *table;
    void *state;
};

#endif
