/*
 * The buffer: what a producer emitted and no consumer has asked for yet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events in order of emission, and marks (infos, the program's) among them.  A mark is tied
 * to the event before it: it comes out right after that event is delivered or
 * discarded, and counts neither in the size nor in a take.
 *
 *   a store leaves no more than `size`, or than there were: what is given back (put_front) may
 *     be beyond it
 *   marks == the marks in the queue
 *   bytes == what its events weigh, where that is bounded; a store leaves no more than `most`, or
 *     one event, but as with the size
 *   no mark is at the front, but as GenStage
 *
 * GenStage ties marks this way in a bounded buffer only.  With `as_genstage`
 * an unbounded buffer treats marks as it does: they count in the size, and
 * come out only when a take with some count left reaches them.
 *
 * One owner, no threads.
 */
#ifndef WEIR__STAGE_BUFFER_H
#define WEIR__STAGE_BUFFER_H

#include "memory/queue.h"
#include "memory/spans.h"

#include <weir/types.h>

struct weir__buffer {
    struct weir__queue queue;
    uint64_t size; /* events; UINT64_MAX: no bound */
    uint64_t most; /* bytes; UINT64_MAX: no bound, and not counted */
    uint64_t bytes;
    uint64_t marks; /* in the queue */
    weir_keep keep;
    bool as_genstage; /* false from open; for conformance */
    struct weir__pool *pool;
};

/* A mark comes out: called in order.  It must not use the buffer. */
typedef void weir__buffer_mark(void *context, const struct weir__item *mark);

/* most: UINT64_MAX unless it is for events of any length; of others `size` says it. */
void weir__buffer_open(struct weir__buffer *buffer, uint64_t size, uint64_t most, weir_keep keep,
                       const struct weir__allocator *allocator, struct weir__pool *pool);

/* Drops the events; calls `release` for each mark left, in order. */
void weir__buffer_close(struct weir__buffer *buffer, weir__buffer_mark *release, void *context);

void weir__buffer_check(const struct weir__buffer *buffer);

/* What it reports as its size. */
uint64_t weir__buffer_count(const struct weir__buffer *buffer);

/*
 * Stores all events of `from` (slices only; left empty) at the tail.  When that
 * passes the size, or `most`, the oldest or the newest are dropped, as `keep` says, and
 * the marks tied to dropped events come out.
 * Returns the number dropped, those for want of memory included.
 */
uint64_t weir__buffer_store(struct weir__buffer *buffer, struct weir__queue *from,
                            weir__buffer_mark *release, void *context);

/* Puts a message's items back at the head, whatever the size.  `from` is emptied. */
bool weir__buffer_put_front(struct weir__buffer *buffer, struct weir__queue *from);

/*
 * Stores a mark behind the events.  false: there is nothing to wait for (the
 * mark comes out at once), or no memory (*no_memory is then true).
 */
bool weir__buffer_mark_store(struct weir__buffer *buffer, const struct weir__item *mark,
                             bool *no_memory);

/* The first `count` events are about to be taken from buffer->queue / that many of them are there
 * still. */
static inline void weir__buffer_taking(struct weir__buffer *buffer, uint64_t count) {
    if (WEIR__UNLIKELY(buffer->most != UINT64_MAX)) {
        buffer->bytes -= weir__queue_weigh(&buffer->queue, count);
    }
}

static inline void weir__buffer_left(struct weir__buffer *buffer, uint64_t count) {
    if (WEIR__UNLIKELY(buffer->most != UINT64_MAX)) {
        buffer->bytes += weir__queue_weigh(&buffer->queue, count);
    }
}

/*
 * How many events, at most `count`, lie before the next mark: what may be taken
 * now as one run, from the front of buffer->queue.
 */
uint64_t weir__buffer_run(const struct weir__buffer *buffer, uint64_t count);

/*
 * After a run was taken: calls `release` for the marks now at the front that
 * are due.  `left` is what remains of the take's count.  Returns how many came
 * out.
 */
uint32_t weir__buffer_release(struct weir__buffer *buffer, uint64_t left,
                              weir__buffer_mark *release, void *context);

#endif
