/*
 * Queues of slices: a ring that doubles when it is full.
 * SPDX-License-Identifier: Apache-2.0
 *
 * head is any 32-bit number and wraps; an index into the ring is its low bits.
 */
#include "memory/queue.h"

#include "base/attributes.h"
#include "base/bits.h"
#include "base/check.h"
#include "memory/allocator.h"
#include "memory/pool.h"
#include "memory/spans.h"

#include <string.h>
#include <weir/mark.h>

enum { CAPACITY_FIRST = 8, CAPACITY_LAST = 1 << 30 };

/* What others hold, too, written anew to `to`. */
static bool copy_slice(const struct weir__item *item, void *to, struct weir__pool *here) {
    if ((item->flags & WEIR__OWNING) != 0) {
        return weir__owned_copy(item->block, item->first, item->count, to, here);
    }
    memcpy(to, weir__block_at(item->block, item->first, item->event_bytes),
           (size_t)item->count * item->event_bytes);
    return true;
}

bool weir__item_movable(const struct weir__item *item) {
    return (item->flags & WEIR__OWNING) == 0 ||
           weir__owned_movable(item->block, item->first, item->count);
}

bool weir__item_own(struct weir__item *item, struct weir__pool *here) {
    if ((item->flags & WEIR__ALIASED) == 0) return true;
    const weir_event_type *type = weir__item_type(item);
    if (weir__item_left_alone(item)) {
        item->flags &= ~(uint32_t)WEIR__ALIASED; /* the others have let go */
        return true;
    }
    struct weir__block *copy = weir__pool_get(here, item->event_bytes, type, item->count);
    if (copy == NULL) return false;
    if (!copy_slice(item, weir__block_event(copy, 0), here)) {
        weir__block_close(copy, here);
        return false;
    }
    if (item->block->lender != NULL && !weir__spans_copy(copy, item->count, here)) {
        weir__owned_let_go(copy, 0, item->count, weir__fate_of(WEIR_DISCARD_NO_MEMORY), here);
        weir__block_close(copy, here);
        return false;
    }
    weir__block_hold(copy, here);
    weir__block_close(copy, here);
    weir__item_discard(item, WEIR_DISCARD_HANDLED, here);
    item->block = copy;
    item->first = 0;
    item->flags &= ~(uint32_t)WEIR__ALIASED;
    return true;
}

void weir__queue_open(struct weir__queue *queue, const struct weir__allocator *allocator) {
    *queue = (struct weir__queue){.allocator = allocator};
}

/* Before the items lies where they are from. */
struct origin {
    const struct weir__allocator *allocator;
};

static struct origin *origin_of(const struct weir__queue *queue) {
    return (struct origin *)(void *)queue->items - 1;
}

static const struct weir__allocator *allocator_of(const struct weir__queue *queue) {
    return queue->capacity == 0 ? queue->allocator : origin_of(queue)->allocator;
}

static size_t items_bytes(uint32_t capacity) {
    return sizeof(struct origin) + (size_t)capacity * sizeof(struct weir__item);
}

static void free_items(struct weir__queue *queue) {
    if (queue->capacity > 0) {
        weir__free(allocator_of(queue), origin_of(queue), items_bytes(queue->capacity));
    }
}

static bool is_mark(const struct weir__item *item) {
    return (item->flags & WEIR__MARK) != 0;
}

void weir__queue_close(struct weir__queue *queue, weir_discard why, struct weir__pool *here) {
    while (!weir__queue_empty(queue)) {
        struct weir__item item = weir__queue_pop(queue);
        if (!is_mark(&item)) weir__item_discard(&item, why, here);
    }
    const struct weir__allocator *allocator = allocator_of(queue);
    free_items(queue);
    weir__queue_open(queue, allocator);
}

/* Moves the items to a larger ring, the front to its start. */
static bool grow_queue(struct weir__queue *queue, uint32_t capacity) {
    const struct weir__allocator *allocator = allocator_of(queue);
    struct origin *origin =
        weir__alloc(allocator, items_bytes(capacity), _Alignof(struct weir__item));
    if (origin == NULL) return false;
    origin->allocator = allocator;
    struct weir__item *items = (struct weir__item *)(void *)(origin + 1);
    for (uint32_t i = 0; i < queue->count; i++) items[i] = *weir__queue_at(queue, i);
    free_items(queue);
    queue->items = items;
    queue->capacity = capacity;
    queue->head = 0;
    return true;
}

bool weir__queue_grow(struct weir__queue *queue, uint32_t items) {
    if (items > CAPACITY_LAST - queue->count) return false;
    uint32_t capacity = weir__round_up_power_of_two_u32(queue->count + items);
    return grow_queue(queue, capacity < CAPACITY_FIRST ? CAPACITY_FIRST : capacity);
}

bool weir__queue_push_front(struct weir__queue *queue, struct weir__item item) {
    if (!weir__queue_reserve(queue, 1)) return false;
    queue->head--;
    queue->count++;
    *weir__queue_at(queue, 0) = item;
    queue->events += item.count;
    return true;
}

/* One that says all that the other does, and more. */
static bool outdates(const struct weir__item *mark, const struct weir__item *other) {
    return mark->kind == WEIR__MARK_PROGRAMS + WEIR_MARK_WATERMARK && is_mark(other) &&
           other->kind == mark->kind && other->first == mark->first;
}

bool weir__queue_push_mark(struct weir__queue *queue, const struct weir__item *mark) {
    struct weir__item *last = queue->count > 0 ? weir__queue_at(queue, queue->count - 1) : NULL;
    if (last == NULL || !outdates(mark, last)) return weir__queue_push(queue, *mark);
    *last = *mark;
    return true;
}

/* True when `second` goes on in the block where `first` ends. */
static bool adjacent(const struct weir__item *first, const struct weir__item *second) {
    return !is_mark(first) && first->block == second->block && first->flags == second->flags &&
           first->first + first->count == second->first;
}

/* `item` is joined with `neighbour`: one reference for both. */
static void join_neighbours(struct weir__queue *queue, struct weir__item *neighbour,
                            const struct weir__item *item, struct weir__pool *here) {
    if (item->first < neighbour->first) neighbour->first = item->first;
    neighbour->count += item->count;
    queue->events += item->count;
    weir__block_drop(item->block, here);
}

bool weir__queue_append(struct weir__queue *queue, struct weir__item item,
                        struct weir__pool *here) {
    item.flags &= ~(uint32_t)WEIR__MORE;
    struct weir__item *last = queue->count > 0 ? weir__queue_at(queue, queue->count - 1) : NULL;
    if (last == NULL || !adjacent(last, &item)) return weir__queue_push(queue, item);
    join_neighbours(queue, last, &item, here);
    return true;
}

bool weir__queue_prepend(struct weir__queue *queue, struct weir__item item,
                         struct weir__pool *here) {
    item.flags &= ~(uint32_t)WEIR__MORE;
    struct weir__item *front = queue->count > 0 ? weir__queue_at(queue, 0) : NULL;
    if (front == NULL || is_mark(front) || !adjacent(&item, front)) {
        return weir__queue_push_front(queue, item);
    }
    join_neighbours(queue, front, &item, here);
    return true;
}

uint64_t weir__queue_run(const struct weir__queue *queue, uint64_t most) {
    uint64_t run = 0;
    for (uint32_t i = 0; i < queue->count && run < most; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        if (is_mark(item)) break;
        run += item->count;
    }
    return run < most ? run : most;
}

/* Takes `events` events, fewer than it has, off the front item. */
static void shorten_front(struct weir__queue *queue, uint32_t events) {
    struct weir__item *front = weir__queue_at(queue, 0);
    front->first += events;
    front->count -= events;
    queue->events -= events;
}

struct weir__item weir__queue_take_head(struct weir__queue *queue, uint64_t events,
                                        struct weir__pool *here) {
    struct weir__item head = *weir__queue_at(queue, 0);
    WEIR__CHECK(!is_mark(&head) && events > 0);
    head.count = (uint32_t)events;
    head.flags |= WEIR__MORE;
    weir__block_hold(head.block, here);
    shorten_front(queue, head.count);
    return head;
}

/* What becomes of events that leave a queue at its front: fates, or they are moved. */
enum { MOVED = UINT32_MAX };

/*
 * Takes `events` events from the front and lets them go; `to`, unless NULL,
 * receives their bytes.  Ends at a mark.
 */
static void consume(struct weir__queue *queue, unsigned char *to, uint64_t events, uint32_t fate,
                    struct weir__pool *here) {
    while (events > 0 && !weir__queue_empty(queue)) {
        const struct weir__item *front = weir__queue_at(queue, 0);
        if (is_mark(front)) return;
        uint32_t count = events < front->count ? (uint32_t)events : front->count;
        if (to != NULL) {
            size_t bytes = (size_t)count * front->block->event_bytes;
            memcpy(to, weir__block_event(front->block, front->first), bytes);
            to += bytes;
        }
        if ((front->flags & WEIR__OWNING) != 0 && fate != MOVED) {
            weir__owned_let_go(front->block, front->first, count, fate, here);
        }
        if (count < front->count) {
            shorten_front(queue, count);
        } else {
            weir__block_drop(weir__queue_pop(queue).block, here);
        }
        events -= count;
    }
}

void weir__queue_discard(struct weir__queue *queue, uint64_t events, weir_discard why,
                         struct weir__pool *here) {
    consume(queue, NULL, events, weir__fate_of(why), here);
}

void weir__queue_let_go(struct weir__queue *queue, uint64_t events, uint32_t fate,
                        struct weir__pool *here) {
    consume(queue, NULL, events, fate, here);
}

void weir__queue_moved(struct weir__queue *queue, uint64_t events, struct weir__pool *here) {
    consume(queue, NULL, events, MOVED, here);
}

void weir__queue_keep(struct weir__queue *queue, uint64_t events, struct weir__pool *here) {
    while (queue->events > events) {
        struct weir__item *last = weir__queue_at(queue, queue->count - 1);
        uint64_t over = queue->events - events;
        if (last->count > over) {
            last->count -= (uint32_t)over;
            queue->events = events;
            return;
        }
        queue->events -= last->count;
        queue->count--;
        weir__block_drop(last->block, here);
    }
}

bool weir__queue_move_tail(struct weir__queue *queue, uint64_t events, struct weir__queue *to,
                           struct weir__pool *here) {
    uint32_t at = queue->count; /* the first item that moves, or a part of it */
    uint64_t found = 0;
    while (found < events) found += weir__queue_at(queue, --at)->count;
    if (!weir__queue_reserve(to, queue->count - at)) return false;
    for (uint32_t i = at; i < queue->count; i++) {
        (void)weir__queue_push(to, *weir__queue_at(queue, i));
    }
    uint32_t rest = (uint32_t)(found - events); /* of that item, which stays */
    if (rest > 0) {
        struct weir__item *first = weir__queue_at(to, to->count - (queue->count - at));
        weir__block_hold(first->block, here);
        first->first += rest;
        first->count -= rest;
        to->events -= rest;
        weir__queue_at(queue, at++)->count = rest;
    }
    queue->count = at;
    queue->events -= events;
    return true;
}

void weir__queue_gather(struct weir__queue *queue, void *to, uint64_t events,
                        struct weir__pool *here) {
    consume(queue, to, events, MOVED, here);
}

bool weir__queue_movable(const struct weir__queue *queue, uint64_t events) {
    uint64_t seen = 0;
    for (uint32_t i = 0; seen < events && i < queue->count; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        if (is_mark(item) || (item->flags & WEIR__OWNING) == 0) return true;
        uint64_t left = events - seen;
        uint32_t count = item->count < left ? item->count : (uint32_t)left;
        if (!weir__owned_movable(item->block, item->first, count)) return false;
        seen += count;
    }
    return true;
}

bool weir__queue_gather_item(struct weir__queue *queue, uint64_t events, struct weir__pool *here,
                             struct weir__item *out) {
    const struct weir__item *front = weir__queue_at(queue, 0);
    struct weir__item item = {.count = (uint32_t)events,
                              .flags = front->flags & WEIR__OWNING,
                              .event_bytes = front->event_bytes,
                              .owner = front->owner};
    item.block = weir__pool_get(here, item.event_bytes, weir__item_type(front), events);
    if (item.block == NULL) return false;
    consume(queue, weir__block_event(item.block, 0), events, MOVED, here);
    weir__block_hold(item.block, here);
    weir__block_close(item.block, here);
    *out = item;
    return true;
}

static bool is_small_slice(const struct weir__item *item) {
    enum { SMALL = 8 }; /* a slice under 1/8 of its block is small */
    return (uint64_t)item->count * item->event_bytes * SMALL <
           item->block->bytes - WEIR__BLOCK_HEADER_BYTES;
}

/* How many events, at most `most`, the small slices at the front have; 0: fewer than two. */
static uint64_t small_front(const struct weir__queue *queue, uint64_t most) {
    uint64_t events = 0;
    uint32_t items = 0;
    while (items < queue->count && events < most) {
        const struct weir__item *item = weir__queue_at(queue, items);
        if (is_mark(item) || !is_small_slice(item)) break;
        events += item->count;
        items++;
    }
    if (items < 2) return 0;
    return events < most ? events : most;
}

struct weir__item weir__queue_cut(struct weir__queue *queue, uint64_t most,
                                  struct weir__pool *here) {
    struct weir__item item;
    uint64_t block = WEIR__BLOCK_BYTES_MAX / weir__queue_at(queue, 0)->event_bytes;
    uint64_t count = small_front(queue, most < block ? most : block);
    if (count > 0 && weir__queue_movable(queue, count) &&
        weir__queue_gather_item(queue, count, here, &item)) {
        return item;
    }
    return weir__queue_take(queue, most, here);
}

#if WEIR__CHECKED
void weir__queue_check(const struct weir__queue *queue) {
    WEIR__CHECK((queue->capacity & (queue->capacity - 1)) == 0);
    WEIR__CHECK(queue->count <= queue->capacity);
    if (queue->count > WEIR__CHECK_MOST) return;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        WEIR__CHECK(!is_mark(item) || item->count == 0);
        WEIR__CHECK(is_mark(item) || item->event_bytes == item->block->event_bytes);
        sum += item->count;
    }
    WEIR__CHECK(queue->events == sum);
}
#endif
