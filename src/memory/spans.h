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

#include <string.h>
#include <weir/event.h>

/* Bytes of payload of one event. */
static inline size_t weir__spans_bytes(unsigned spans, const void *event) {
    const weir_bytes *span = event;
    size_t bytes = 0;
    for (unsigned i = 0; i < spans; i++) {
        bytes += span[i].count;
    }
    return bytes;
}

/* Bytes of payload that an event may have. */
static inline size_t weir__payload_limit(const weir_event_type *type) {
    return type->payload_limit == 0 ? WEIR_PAYLOAD_LIMIT_DEFAULT : type->payload_limit;
}

/* Bytes of `count` events of a slice, from its event number `first` on; and of the first `events`
 * events of a queue: what their spans point at included.  Looks at each that has spans. */
uint64_t weir__item_weigh(const struct weir__item *item, uint32_t first, uint32_t count);
uint64_t weir__queue_weigh(const struct weir__queue *queue, uint64_t events);

/* How many events from a queue's front on weigh no more than that together; marks weigh nothing. */
uint64_t weir__queue_fits(const struct weir__queue *queue, uint64_t bytes);

/* About how many bytes of payload `count` events from a slice's first one on have: each as many as
 * that. */
uint64_t weir__spans_about(const struct weir__item *item, uint64_t count);

/* Writes an event of `bytes` bytes to `to`, and its payload to `at`, where those spans point.
 * Spans alone may be written where they lie. */
static inline void weir__spans_write(unsigned spans, size_t bytes, const void *event, void *to,
                                     char *at) {
    const weir_bytes *from = event;
    weir_bytes *span = to;
    for (unsigned i = 0; i < spans; i++) {
        const uint32_t count = from[i].count;
        if (count > 0) {
            memcpy(at, from[i].at, count);
        }
        span[i] = (weir_bytes){.at = at, .count = count};
        at += count;
    }
    const size_t head = spans * sizeof *span;
    if (bytes > head) {
        memcpy(span + spans, from + spans, bytes - head);
    }
}

/*
 * The first `count` events of a block that has no lender yet, whose spans are another's: their
 * payload is copied into a lender of its own.  false: no memory, nothing changed.
 */
bool weir__spans_copy(struct weir__block *block, uint32_t count, struct weir__pool *here);

#endif
