/*
 * Timers: what a worker does at some later moment, the earliest first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A pairing heap through nodes that their owners embed: no memory is needed to
 * add one, and any may be removed.  Equal moments come in the order of adding.
 *
 *   a node is due no earlier than its parent
 *
 * Cost: adding O(1), removing O(log n) amortised.  One owner, no threads.
 */
#ifndef WEIR__RING_TIMERS_H
#define WEIR__RING_TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct weir__timer {
    void (*fire)(struct weir__timer *timer); /* the owner's: what to call when it is due */
    uint64_t due_ns;
    uint64_t serial; /* of adding: breaks ties                       */
    struct weir__timer *child;
    struct weir__timer *next;     /* sibling */
    struct weir__timer *previous; /* sibling, or the parent of the first child */
};

struct weir__timers {
    struct weir__timer *first; /* the earliest; NULL: none */
    uint64_t serial;
};

/* Adds a node, whose `fire` is left as it is. */
void weir__timers_add(struct weir__timers *timers, struct weir__timer *timer, uint64_t due_ns);
/* To another moment, as if it had been added for that one at first: equal ones keep their order. */
void weir__timers_move(struct weir__timers *timers, struct weir__timer *timer, uint64_t due_ns);
void weir__timers_remove(struct weir__timers *timers, struct weir__timer *timer);

/* When the first is due; UINT64_MAX when there is none. */
static inline uint64_t weir__timers_due(const struct weir__timers *timers) {
    return timers->first == NULL ? UINT64_MAX : timers->first->due_ns;
}

#endif
