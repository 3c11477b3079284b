/*
 * The retry stage: events that wait until they are due.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They lie in slots side by side, and what says when each is due in a heap beside those: the
 * earliest first, equal ones in the order in which they came.
 *
 *   at[i] of i < count        is due no earlier than at[(i - 1) / 2]
 *   the slots of all at[i]    are 0..capacity-1, each once; those of i >= count are free
 *
 * The stage (retry.c) takes what comes as long as there is room, whether it is asked for events or
 * not, and closes its gate when there is none (weir__appetite).  What is due goes when it is asked
 * for.  There is one timer, for the earliest moment that is still to come.  When it is to finish,
 * nothing waits any more: what is there, and what comes still, is dropped, or goes at once.
 *
 *   kept == count, between callbacks      full <= limit: so many may wait for now
 *
 * One owner, its worker.
 */
#ifndef WEIR__PARTS_RETRY_H
#define WEIR__PARTS_RETRY_H

#include "memory/allocator.h"

#include <weir/retry.h>

struct weir__due {
    uint64_t due_ns;
    uint64_t serial;
    uint32_t slot;
};

struct weir__waiting {
    struct weir__due *at; /* capacity of them */
    unsigned char *events;
    size_t event_bytes;
    uint64_t serial; /* of the next one */
    uint32_t capacity;
    uint32_t count;
};

/* More room, `most` at most.  false: it has as much, or there is no memory; nothing changed. */
bool weir__waiting_grow(struct weir__waiting *waiting, uint32_t most,
                        const struct weir__allocator *allocator);

/* Frees the room; what is in it is the caller's. */
void weir__waiting_close(struct weir__waiting *waiting, const struct weir__allocator *allocator);

/* Where the next event is to be written, before weir__waiting_add: there is room. */
static inline void *weir__waiting_room(const struct weir__waiting *waiting) {
    return waiting->events + waiting->at[waiting->count].slot * waiting->event_bytes;
}

/* It was written there, and is due then. */
void weir__waiting_add(struct weir__waiting *waiting, uint64_t due_ns);

/* Of those that wait, the first one; there are some. */
static inline uint64_t weir__waiting_due(const struct weir__waiting *waiting) {
    return waiting->at[0].due_ns;
}

static inline uint64_t weir__waiting_serial(const struct weir__waiting *waiting) {
    return waiting->at[0].serial;
}

static inline const void *weir__waiting_first(const struct weir__waiting *waiting) {
    return waiting->events + waiting->at[0].slot * waiting->event_bytes;
}

void weir__waiting_remove(struct weir__waiting *waiting);

#endif
