/*
 * Queues of slices: one type for buffer, overflow, input and partition queue.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A growing ring of items in one worker's private memory.  An item is a slice
 * of a block (it holds one reference), or a mark: a pointer or number that keeps its
 * place among the events (an info, the end of a subscription, demand, a mark of the program's).
 * Items of one message follow each other, each but the last flagged MORE.
 *
 *   events == sum of the counts of the slices in it    (marks count nothing)
 *
 * Not thread-safe: one owner.
 */
#ifndef WEIR__MEMORY_QUEUE_H
#define WEIR__MEMORY_QUEUE_H

#include "base/attributes.h"
#include "base/check.h"
#include "memory/block.h"
#include "memory/owned.h"

struct weir__allocator;

enum {
    WEIR__MORE = 1u,     /* the message goes on with the next item                 */
    WEIR__ALIASED = 2u,  /* others hold these events too: not to be written to     */
    WEIR__MARK = 4u,     /* not events: `mark`, or `demand`, is the owner's        */
    WEIR__GONE = 8u,     /* a batch that was forwarded: its reference went along   */
    WEIR__STASHED = 16u, /* a batch of which some events were stashed              */
    WEIR__COPIED = 32u,  /* a batch that was owned, and for that had to be copied  */
    WEIR__OWNING = 64u,  /* its events own something: their block has a type       */
    WEIR__TAKEN = 128u,  /* a batch of which some events were taken                */
    WEIR__REST = 256u,   /* a batch of which some events come again                */

    WEIR__LASTING = WEIR__ALIASED | WEIR__OWNING /* what a slice is wherever it goes */
};

/* A mark's `kind` from here on: one of the program's (weir/mark.h), whose own kind is that much
 * less; `demand` is its value, `first` its source, and the upper half of its flags how many stages
 * have passed it on.  It has nothing to be let go. */
enum { WEIR__MARK_PROGRAMS = 16, WEIR__MARK_PASSED_SHIFT = 16 };

struct weir__item {
    union {
        struct weir__block *block;
        void *mark;
        uintptr_t demand; /* a mark's that is a number; as wide as those, for weir__item_set */
    };
    uint32_t first; /* index of the first event in the block   */
    uint32_t count; /* of events; 0 for a mark                 */
    uint32_t flags;
    union {
        uint32_t event_bytes; /* a slice's: as its block's      */
        uint32_t kind;        /* a mark's, for its owner        */
    };
    void *owner; /* who it came from, for the queue's owner */
};

static inline bool weir__item_is_programs_mark(const struct weir__item *item) {
    return (item->flags & WEIR__MARK) != 0 && item->kind >= WEIR__MARK_PROGRAMS;
}

/* The type of a slice's events; NULL: they own nothing. */
static inline const weir_event_type *weir__item_type(const struct weir__item *item) {
    return (item->flags & WEIR__OWNING) != 0 ? item->block->type : NULL;
}

/* A slice is let go, and what its events own is dropped for that. */
static inline void weir__slice_discard(struct weir__block *block, uint32_t first, uint32_t count,
                                       uint32_t flags, weir_discard why, struct weir__pool *here) {
    if (WEIR__UNLIKELY((flags & WEIR__OWNING) != 0)) {
        weir__owned_let_go(block, first, count, weir__fate_of(why), here);
    }
    weir__block_drop(block, here);
}

static inline void weir__item_discard(const struct weir__item *item, weir_discard why,
                                      struct weir__pool *here) {
    weir__slice_discard(item->block, item->first, item->count, item->flags, why, here);
}

/* True when a slice's bytes may be moved elsewhere. */
bool weir__item_movable(const struct weir__item *item);

/* True when a slice's events, which own something, are nobody else's any more.  (Whose payload
 * that is nobody knows.) */
static inline bool weir__item_left_alone(const struct weir__item *item) {
    return (item->flags & WEIR__OWNING) != 0 && item->block->lender == NULL &&
           weir__owned_alone(item->block, item->first, item->count);
}

/* True when some of these of a batch's events were taken. */
static inline bool weir__item_some_taken(const struct weir__item *item, size_t first,
                                         size_t count) {
    return (item->flags & WEIR__TAKEN) != 0 &&
           weir__owned_some_taken(item->block, item->first + (uint32_t)first, (uint32_t)count);
}

/*
 * Makes a slice's events its owner's alone, to be written to: copied into a block of their
 * own when others hold them too.  false: no memory, or events that own something cannot be
 * copied; nothing changed.
 */
bool weir__item_own(struct weir__item *item, struct weir__pool *here);

/* There are many that nothing is ever in: they are small. */
struct weir__queue {
    union {
        const struct weir__allocator *allocator; /* until the first push; then it is before ... */
        struct weir__item *items;                /* ... these */
    };
    uint32_t capacity; /* 0 or a power of two       */
    uint32_t head;
    uint32_t count;
    uint64_t events;
};

void weir__queue_open(struct weir__queue *queue, const struct weir__allocator *allocator);

/* Discards what is left, and frees the memory.  Marks are the caller's to empty. */
void weir__queue_close(struct weir__queue *queue, weir_discard why, struct weir__pool *here);

/* Makes room for `items` more, so that that many pushes cannot fail. */
bool weir__queue_grow(struct weir__queue *queue, uint32_t items);

static inline bool weir__queue_reserve(struct weir__queue *queue, uint32_t items) {
    return WEIR__LIKELY(items <= queue->capacity - queue->count) || weir__queue_grow(queue, items);
}

static inline bool weir__queue_empty(const struct weir__queue *queue) {
    return queue->count == 0;
}

/* The item `index` places behind the front; the queue has more than that. */
static inline struct weir__item *weir__queue_at(const struct weir__queue *queue, uint32_t index) {
    return &queue->items[(queue->head + index) & (queue->capacity - 1)];
}

/*
 * Field by field, so that compilers need no copy on the stack: one that is written in
 * pieces and read in wider ones waits for all stores before it.
 */
static inline void weir__item_set(struct weir__item *to, const struct weir__item *item) {
    to->block = item->block;
    to->first = item->first;
    to->count = item->count;
    to->flags = item->flags;
    to->event_bytes = item->event_bytes;
    to->owner = item->owner;
}

/* Append / put in front.  The queue takes over the item's reference.  false: no
 * memory, nothing changed (the reference is still the caller's). */
static inline bool weir__queue_push(struct weir__queue *queue, struct weir__item item) {
    if (!weir__queue_reserve(queue, 1)) return false;
    queue->count++;
    weir__item_set(weir__queue_at(queue, queue->count - 1), &item);
    queue->events += item.count;
    return true;
}

bool weir__queue_push_front(struct weir__queue *queue, struct weir__item item);

/* Appends a mark of the program's; a watermark right behind another one of the same source takes
 * its place.  false: as push. */
bool weir__queue_push_mark(struct weir__queue *queue, const struct weir__item *mark);

/*
 * As push and push_front, for a slice that belongs to no message: joined with its
 * neighbour when it goes on in the same block, so that a thousand single events
 * become one item.  With room reserved they cannot fail.
 */
bool weir__queue_append(struct weir__queue *queue, struct weir__item item, struct weir__pool *here);
bool weir__queue_prepend(struct weir__queue *queue, struct weir__item item,
                         struct weir__pool *here);

/* How many events, at most `most`, lie before the first mark. */
uint64_t weir__queue_run(const struct weir__queue *queue, uint64_t most);

/* Removes the front item and returns it; its reference is the caller's. */
static inline struct weir__item weir__queue_pop(struct weir__queue *queue) {
    WEIR__CHECK(!weir__queue_empty(queue));
    struct weir__item item = *weir__queue_at(queue, 0);
    queue->head++;
    queue->count--;
    queue->events -= item.count;
    return item;
}

/*
 * Takes at most `events` (> 0) events from the front item, which is a slice:
 * the whole of it, or its head, for which one more reference is held.  The
 * head of a split item is flagged MORE.
 */
struct weir__item weir__queue_take_head(struct weir__queue *queue, uint64_t events,
                                        struct weir__pool *here);

static inline struct weir__item weir__queue_take(struct weir__queue *queue, uint64_t events,
                                                 struct weir__pool *here) {
    WEIR__CHECK(!weir__queue_empty(queue));
    if (events < weir__queue_at(queue, 0)->count) {
        return weir__queue_take_head(queue, events, here);
    }
    return weir__queue_pop(queue); /* its reference moves along */
}

/* Discards `events` events (at most those before the first mark) from the front. */
void weir__queue_discard(struct weir__queue *queue, uint64_t events, weir_discard why,
                         struct weir__pool *here);

/* Lets `events` events go from the front, as that; what they own is dropped for `fate`
 * (owned.h) only if others have them no more. */
void weir__queue_let_go(struct weir__queue *queue, uint64_t events, uint32_t fate,
                        struct weir__pool *here);

/* Lets them go from the front, as that, when they were moved elsewhere: nothing is dropped. */
void weir__queue_moved(struct weir__queue *queue, uint64_t events, struct weir__pool *here);

/* Takes back from the tail (slices only) until `events` events are left: the rest was never
 * emitted, and is not dropped. */
void weir__queue_keep(struct weir__queue *queue, uint64_t events, struct weir__pool *here);

/*
 * Moves the last `events` events (at least that many, slices only) behind what `to` has,
 * in order.  false: no memory, nothing changed.
 */
bool weir__queue_move_tail(struct weir__queue *queue, uint64_t events, struct weir__queue *to,
                           struct weir__pool *here);

/* Whether the next two may be asked for so many: their bytes are this queue's to move. */
bool weir__queue_movable(const struct weir__queue *queue, uint64_t events);

/*
 * Moves `events` events from the front into `to`, across items.  The front holds at least
 * that many before any mark.
 */
void weir__queue_gather(struct weir__queue *queue, void *to, uint64_t events,
                        struct weir__pool *here);

/* The same into a block of its own, as one slice.  false: no memory, nothing changed. */
bool weir__queue_gather_item(struct weir__queue *queue, uint64_t events, struct weir__pool *here,
                             struct weir__item *out);

/*
 * Takes from the front, which has at least `most` (> 0) events before any mark, at most as many
 * as one slice: as they lie, if the first slice is no small part of its block; small ones side
 * by side are gathered first, up to what a block holds, if there is memory to.
 */
struct weir__item weir__queue_cut(struct weir__queue *queue, uint64_t most,
                                  struct weir__pool *here);

void weir__queue_check(const struct weir__queue *queue);

#endif
