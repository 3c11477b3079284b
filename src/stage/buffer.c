/*
 * The buffer: see buffer.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Slices that follow each other in one block are joined as they come in: a
 * thousand emissions of one event are then one item, one reference, and later
 * one contiguous batch.  The flag MORE means nothing here and is taken off:
 * messages are made anew when the events go out.
 */
#include "stage/buffer.h"

#include "base/check.h"

void weir__buffer_open(struct weir__buffer *buffer, uint64_t size, uint64_t most, weir_keep keep,
                       const struct weir__allocator *allocator, struct weir__pool *pool) {
    *buffer = (struct weir__buffer){.size = size, .most = most, .keep = keep, .pool = pool};
    weir__queue_open(&buffer->queue, allocator);
}

void weir__buffer_close(struct weir__buffer *buffer, weir__buffer_mark *release, void *context) {
    while (!weir__queue_empty(&buffer->queue)) {
        struct weir__item item = weir__queue_pop(&buffer->queue);
        if (item.flags & WEIR__MARK)
            release(context, &item);
        else
            weir__item_discard(&item, WEIR_DISCARD_STOPPED, buffer->pool);
    }
    buffer->marks = 0;
    weir__queue_close(&buffer->queue, WEIR_DISCARD_STOPPED, buffer->pool);
}

/* Marks are entries of their own, as in GenStage's unbounded buffer. */
static bool marks_count(const struct weir__buffer *buffer) {
    return buffer->as_genstage && buffer->size == UINT64_MAX;
}

uint64_t weir__buffer_count(const struct weir__buffer *buffer) {
    return buffer->queue.events + (marks_count(buffer) ? buffer->marks : 0);
}

static bool front_is_mark(const struct weir__buffer *buffer) {
    return buffer->marks > 0 && (weir__queue_at(&buffer->queue, 0)->flags & WEIR__MARK) != 0;
}

/* Takes out the marks at the front. */
static uint32_t pop_marks(struct weir__buffer *buffer, weir__buffer_mark *release, void *context) {
    uint32_t popped = 0;
    while (front_is_mark(buffer)) {
        struct weir__item item = weir__queue_pop(&buffer->queue);
        buffer->marks--;
        popped++;
        release(context, &item);
    }
    return popped;
}

/* Drops `count` of the buffer's oldest events; their marks come out. */
static void drop_oldest_stored(struct weir__buffer *buffer, uint64_t count,
                               weir__buffer_mark *release, void *context) {
    while (count > 0) {
        uint64_t run = weir__buffer_run(buffer, count);
        weir__buffer_taking(buffer, run);
        weir__queue_discard(&buffer->queue, run, WEIR_DISCARD_OVERFLOW, buffer->pool);
        pop_marks(buffer, release, context);
        count -= run;
    }
}

/* How many of `count` new events make the buffer too full. */
static uint64_t surplus(const struct weir__buffer *buffer, uint64_t count) {
    uint64_t held = buffer->queue.events;
    uint64_t room = held < buffer->size ? buffer->size - held : 0;
    return count > room ? count - room : 0;
}

/* How many of the new events are too heavy: all from the first on that there is no room for. */
static uint64_t too_heavy(const struct weir__buffer *buffer, const struct weir__queue *from) {
    uint64_t room = buffer->bytes < buffer->most ? buffer->most - buffer->bytes : 0;
    uint64_t fit = weir__queue_fits(from, room);
    bool first = fit == 0 && buffer->queue.events == 0; /* one may be, however long it is */
    return from->events - (first ? 1 : fit);
}

/* How many of the oldest, of those stored and then the new ones, go for the new ones' bytes. */
static uint64_t heavy_oldest(const struct weir__buffer *buffer, const struct weir__queue *from) {
    uint64_t more = weir__queue_weigh(from, from->events);
    uint64_t all = buffer->bytes + more;
    if (all <= buffer->most) return 0;
    uint64_t over = all - buffer->most;
    uint64_t held = buffer->queue.events;
    if (over <= buffer->bytes) return weir__queue_fits(&buffer->queue, over - 1) + 1;
    uint64_t fresh = weir__queue_fits(from, over - buffer->bytes - 1) + 1;
    return held + (fresh < from->events ? fresh : from->events - 1);
}

/* How many go, old or new. */
static uint64_t to_drop(const struct weir__buffer *buffer, const struct weir__queue *from) {
    uint64_t many = surplus(buffer, from->events);
    if (WEIR__LIKELY(buffer->most == UINT64_MAX)) return many;
    uint64_t heavy =
        buffer->keep == WEIR_KEEP_FIRST ? too_heavy(buffer, from) : heavy_oldest(buffer, from);
    return many > heavy ? many : heavy;
}

/* Moves the first `count` events of `from` to the tail; drops the others. */
static void append_first(struct weir__buffer *buffer, struct weir__queue *from, uint64_t count) {
    if (WEIR__UNLIKELY(buffer->most != UINT64_MAX)) {
        buffer->bytes += weir__queue_weigh(from, count);
    }
    while (count > 0) {
        struct weir__item item = weir__queue_take(from, count, buffer->pool);
        count -= item.count;
        (void)weir__queue_append(&buffer->queue, item, buffer->pool);
    }
    weir__queue_discard(from, from->events, WEIR_DISCARD_OVERFLOW, buffer->pool);
}

/* The oldest or the newest go, as `keep` says.  Returns how many. */
static uint64_t store_some(struct weir__buffer *buffer, struct weir__queue *from,
                           weir__buffer_mark *release, void *context) {
    uint64_t count = from->events;
    uint64_t dropped = to_drop(buffer, from);
    if (buffer->keep == WEIR_KEEP_FIRST) {
        append_first(buffer, from, count - dropped);
        return dropped;
    }
    uint64_t held = buffer->queue.events;
    uint64_t old = dropped < held ? dropped : held;
    drop_oldest_stored(buffer, old, release, context);
    weir__queue_discard(from, dropped - old, WEIR_DISCARD_OVERFLOW, buffer->pool);
    append_first(buffer, from, count - (dropped - old));
    return dropped;
}

uint64_t weir__buffer_store(struct weir__buffer *buffer, struct weir__queue *from,
                            weir__buffer_mark *release, void *context) {
    uint64_t count = from->events;
    uint64_t before = buffer->queue.events;
    if (!weir__queue_reserve(&buffer->queue, from->count)) {
        weir__queue_discard(from, count, WEIR_DISCARD_OVERFLOW, buffer->pool);
        return count;
    }
    uint64_t dropped = store_some(buffer, from, release, context);
    WEIR__CHECK(buffer->queue.events <= buffer->size || buffer->queue.events <= before);
    return dropped;
}

bool weir__buffer_put_front(struct weir__buffer *buffer, struct weir__queue *from) {
    if (!weir__queue_reserve(&buffer->queue, from->count)) return false;
    for (uint32_t i = from->count; i > 0; i--) {
        (void)weir__queue_prepend(&buffer->queue, *weir__queue_at(from, i - 1), buffer->pool);
    }
    weir__buffer_left(buffer, from->events);
    from->head = 0;
    from->count = 0;
    from->events = 0;
    return true;
}

bool weir__buffer_mark_store(struct weir__buffer *buffer, const struct weir__item *mark,
                             bool *no_memory) {
    *no_memory = false;
    if (weir__buffer_count(buffer) == 0) return false;
    uint32_t before = buffer->queue.count;
    if (!weir__queue_push_mark(&buffer->queue, mark)) {
        *no_memory = true;
        return false;
    }
    buffer->marks += buffer->queue.count - before;
    return true;
}

uint64_t weir__buffer_run(const struct weir__buffer *buffer, uint64_t count) {
    const struct weir__queue *queue = &buffer->queue;
    if (buffer->marks > 0) return weir__queue_run(queue, count);
    return queue->events < count ? queue->events : count;
}

uint32_t weir__buffer_release(struct weir__buffer *buffer, uint64_t left,
                              weir__buffer_mark *release, void *context) {
    if (marks_count(buffer) && left == 0) return 0;
    return pop_marks(buffer, release, context);
}

#if WEIR__CHECKED
/* Marks among the events weigh nothing. */
static void check_weight(const struct weir__buffer *buffer) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < buffer->queue.count; i++) {
        const struct weir__item *item = weir__queue_at(&buffer->queue, i);
        bytes += (item->flags & WEIR__MARK) != 0 ? 0 : weir__item_weigh(item, 0, item->count);
    }
    WEIR__CHECK(buffer->bytes == bytes);
}

void weir__buffer_check(const struct weir__buffer *buffer) {
    const struct weir__queue *queue = &buffer->queue;
    weir__queue_check(queue);
    WEIR__CHECK(buffer->as_genstage || !front_is_mark(buffer));
    if (queue->count > WEIR__CHECK_MOST) return;
    uint64_t marks = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        marks += (weir__queue_at(queue, i)->flags & WEIR__MARK) != 0;
    }
    WEIR__CHECK(buffer->marks == marks);
    if (buffer->most != UINT64_MAX) check_weight(buffer);
}
#endif
