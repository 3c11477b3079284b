/*
 * Results: what a task has emitted, until it is known what becomes of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They lie with their child's slot: one event in room of the slot's own, more in memory that is
 * allocated as they need it, and kept for the slot's next tasks unless it is much.  What spans
 * point at is copied into one run of bytes, in the order of emission; that run may be moved as it
 * grows, so spans are right once weir__results_point has been called, and until the next add.
 *
 * One owner: the thread that runs the task, while it runs; then the worker.  What brings the child
 * back orders that (task_pool.h, G3 -> G4).
 */
#ifndef WEIR__PARTS_RESULTS_H
#define WEIR__PARTS_RESULTS_H

#include "memory/allocator.h"

#include <weir/event.h>

enum {
    WEIR__RESULTS_OWN_BYTES = 1024, /* an event that is longer has no room in the slot         */
    WEIR__RESULTS_KEPT_BYTES = 4096 /* of what was allocated, for each of events and payload   */
};

/* Of all results of a pool: constant. */
struct weir__results_kind {
    const struct weir__allocator *allocator;
    const weir_event_type *type; /* NULL: they own nothing     */
    size_t event_bytes;          /* 0: the pool emits nothing  */
    unsigned spans;
};

struct weir__results {
    unsigned char *own; /* room for one; NULL: there is none */
    unsigned char *events;
    size_t room; /* events */
    size_t count;
    char *payload;
    size_t payload_room; /* bytes */
    size_t payload_used;
};

/* The kind's event_bytes and spans, of options that may be refused later. */
void weir__results_kind_open(struct weir__results_kind *kind,
                             const struct weir__allocator *allocator, const weir_event_type *type,
                             size_t event_bytes);

/* How much room a slot has for one event; 0: none. */
size_t weir__results_own_bytes(const struct weir__results_kind *kind);

/* own: that room, aligned to 16. */
void weir__results_open(struct weir__results *results, unsigned char *own);

/*
 * Adds copies of these, and of what their spans point at: all, or none.
 * WEIR_OK; INVALID: one has more than its type's payload_limit; NO_MEMORY: both with a sentence.
 */
weir_status weir__results_add(struct weir__results *results, const struct weir__results_kind *kind,
                              const void *events, size_t count);

/* Spans point at the payload from now on. */
void weir__results_point(struct weir__results *results, const struct weir__results_kind *kind);

/* There are none any more; what they own somebody else has, or has dropped. */
void weir__results_clear(struct weir__results *results, const struct weir__results_kind *kind);
void weir__results_close(struct weir__results *results, const struct weir__results_kind *kind);

#endif
