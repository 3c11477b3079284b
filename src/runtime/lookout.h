/*
 * The lookout: where a worker sleeps that waits for descriptors as well.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A worker with a poller (parts/poller.h) has a set of descriptors (os/poll.h): those of its pollers,
 * each of which is a set itself, and an event of its own, by which whoever rings its bell wakes
 * it.  It sleeps there instead of at its futex, from its first poller on; the protocol of parking is
 * the same (ring/ready.h).  While it is awake it looks there before it would rest, each time that it
 * looks for work, and now and then between turns; a stage whose set is ready has its turn, and looks
 * by itself (part->look).
 *
 * In a runtime without threads one thread sleeps for all workers: the lookout is the first one's, and
 * each worker looks there for its own.
 *
 * Nothing here is shared, but the event (ready.h): it is of who sleeps.  A descriptor that becomes
 * ready before it sleeps is ready still when it does: no wake-up is lost.
 */
#ifndef WEIR__RUNTIME_LOOKOUT_H
#define WEIR__RUNTIME_LOOKOUT_H

#include "base/attributes.h"
#include "ring/ready.h"

struct weir__worker;

/* What it needs of the system: opened by whoever starts a poller, where a refusal is heard. */
struct weir__lookout {
    int poll; /* 0, or below: there is none */
    int event;
    uint32_t watched; /* stages' sets that are in it; 0 before it is open  */
    uint64_t looked_ns;
    uint32_t turns; /* that it may leave out, between two looks at the clock */
};

/* A set of a stage's. */
struct weir__watch {
    int poll;
    bool on; /* it is in the lookout */
    struct weir__ready_stage *stage;
};

/* 0; -errno. */
int weir__lookout_open(struct weir__lookout *lookout);
void weir__lookout_close(struct weir__lookout *lookout);

/* The worker sleeps there from now on, unless it does already: then `spare` is closed.  On the worker. */
void weir__worker_gets_lookout(struct weir__worker *worker, struct weir__lookout *spare);

/* A stage's set is waited for / is not.  On the worker.  0; -errno. */
int weir__watch_begin(struct weir__worker *worker, struct weir__watch *watch);
void weir__watch_end(struct weir__worker *worker, struct weir__watch *watch);

/* Looks who is ready; true: some are.  seldom: between turns, and not each time. */
bool weir__worker_looks_out(struct weir__worker *worker, bool seldom);

#endif
