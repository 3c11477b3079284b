/*
 * Spans: what the events of a type begin with, and the payload that they point at.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A block of such events has a lender, a block of bytes, which it holds until it goes home; all
 * their spans point into that.  So payload has no reference, and no allocation, of its own.
 *
 *   a block's events have spans  =>  it has a lender, once it has events
 *
 * No threads: who makes the block sets its lender before anybody has a slice of it.
 */
#ifndef WEIR__MEMORY_SPANS_H
#define WEIR__MEMORY_SPANS_H

#include "memory/block.h"
#include "memory/queue.h"

#include <weir/event.h>

/* Bytes of payload of one event. */
static inline size_t weir__spans_bytes(const weir_event_type *type, const void *event) {
    const weir_bytes *spans = event;
    size_t bytes = 0;
    for (unsigned i = 0; i < type->spans; i++) {
        bytes += spans[i].count;
    }
    return bytes;
}

/* About how many bytes of payload `count` events from a slice's first one on have: each as many as
 * that. */
uint64_t weir__spans_about(const struct weir__item *item, uint64_t count);

/* Copies one event's payload to `to`, where its spans point from then on; returns its end. */
char *weir__spans_move(const weir_event_type *type, void *event, char *to);

/*
 * The first `count` events of a block that has no lender yet, whose spans are another's: their
 * payload is copied into a lender of its own.  false: no memory, nothing changed.
 */
bool weir__spans_copy(struct weir__block *block, uint32_t count, struct weir__pool *here);

#endif
