/*
 * The ring: how slices and single small events cross from producer to consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Concurrency Kit's ring, of one producer and one consumer, with entries of one
 * cache line: a slice of a block, or up to 40 bytes of events themselves, so
 * that a single small event crosses in one line and needs no block.
 *
 * Lines that cross between cores are what costs (docs/transport.md), so:
 *  - each entry carries a stamp, written last: the consumer watches the entry
 *    it will read next and never reads ck_ring's write index, whose line stays
 *    with the producer;
 *  - the demand counter `asked` lies in the line of the ring's read index: the
 *    consumer writes both, one behind the other where it can (weir__ring_free_slot), and the
 *    producer fetches both together, as it hears demand;
 *  - else the producer reads that line only when the ring is full as far as it knows
 *    (head_seen): it would wait for it in each send.
 *
 * It grows.  A full ring has one slot left, that of position p_tail.  The producer
 * may write a link into it, an entry that names a larger array, and goes on there;
 * the consumer, when it comes to the link, follows it and frees the array that it
 * leaves, which nobody else looks at any more.  No entry is moved, positions go on
 * as if nothing had been, and a link takes up none: the next entry has the link's
 * position in the larger array.  So each side has an array of its own in view, and
 * several links may lie between them.
 *
 *   writer      fields                           readers
 *   producer    slots, p_tail, wants_room        consumer (wants_room when it cools)
 *   producer    size, mask, head_seen,           itself
 *               producer.entries
 *   consumer    c_head, asked, declined, done    producer
 *   consumer    consumer.entries, consumer.mask  itself
 *   consumer    frees an array it has left
 *
 * Ordering (release store -> acquire load):
 *   K1 -> K2  stamp: publishes the entry, and through it the block's events; of a
 *             link, the larger array with its stamps: the producer is then done
 *             with the one before
 *   K3 -> K4  c_head: the entry has been copied out; its slot may be reused
 *   D1 -> D2  asked: the consumer's absolute position of demand (edge.h)
 *   D3 -> D4  done: its position of what it is through with (edge.h)
 * Progress: wait-free on both sides, the allocator aside.
 * Wrap: c_head and p_tail are 32-bit and wrap freely (differences are taken
 * modulo 2^32).  The slot of position p has stamp p + 1 (mod 2^32) once its entry
 * is written; before, it has p + 1 - size, from the round before or from when the
 * array began.  asked and done are 64-bit and do not wrap.
 *
 *   0 <= p_tail - c_head <= p_tail - head_seen <= size - 1     (mod 2^32; size: the producer's)
 *
 * Model: tests/model/growing_ring.pml.
 */
#ifndef WEIR__RING_RING_H
#define WEIR__RING_RING_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "memory/block.h"

#include <ck_ring.h>
#include <string.h>

enum { WEIR__ENTRY_INLINE_BYTES = 40, WEIR__LINK = 0x8000 };

struct weir__allocator;

struct weir__entry {
    union {
        struct weir__block *block; /* NULL: the events are in here       */
        struct weir__entry *next;  /* of a link: the larger array        */
    };
    uint32_t first; /* index in the block                                */
    uint32_t count; /* events; of a link: entries of the larger array    */
    /* Callbacks see them where a copy of the entry lies: they are aligned there as in a block. */
    _Alignas(WEIR__EVENTS_ALIGNED) unsigned char events[WEIR__ENTRY_INLINE_BYTES];
    uint32_t stamp; /* atomic                                            */
    uint16_t flags; /* WEIR__MORE, WEIR__LASTING; WEIR__LINK              */
    uint16_t event_bytes_less_1;
};

_Static_assert(sizeof(struct weir__entry) == 64, "an entry is one cache line");

static inline uint32_t weir__entry_event_bytes(const struct weir__entry *entry) {
    return (uint32_t)entry->event_bytes_less_1 + 1;
}

struct weir__ring {
    union {
        struct ck_ring ck; /* size and mask: the producer's */
        struct {
            unsigned c_head;
            uint32_t declined; /* edge/rack.h: entries it was told of and left to others */
            uint64_t asked;
            struct weir__entry *entries;
            uint32_t mask;
            uint64_t done;
        } consumer;
        struct {
            char consumer_line[CK_MD_CACHELINE];
            unsigned p_tail;
            unsigned p_head;
            uint32_t wants_room;
            uint32_t head_seen; /* c_head, as the producer saw it last */
            struct weir__entry *entries;
            /* constant */
            struct weir__entry *first; /* the array it began with: its owner's   */
            const struct weir__allocator *allocator;
        } producer;
    };
};

_Static_assert(offsetof(struct ck_ring, p_tail) == CK_MD_CACHELINE, "lines as ck_ring has them");
_Static_assert(offsetof(struct weir__ring, consumer.done) + sizeof(uint64_t) <= CK_MD_CACHELINE,
               "what the consumer uses lies in its line");
_Static_assert(offsetof(struct weir__ring, producer.allocator) + sizeof(void *) <=
                   offsetof(struct ck_ring, size),
               "what the producer uses lies in its line");

/* An array whose first entry will be that of position `start`. */
static inline void weir__ring_begin(struct weir__entry *entries, uint32_t size, uint32_t start) {
    for (uint32_t i = 0; i < size; i++) {
        uint32_t position = start + i;
        entries[position & (size - 1)].stamp = position + 1 - size;
    }
}

/*
 * size: a power of two; holds size - 1, which of 1 is nothing.  start: the first index.
 * allocator: of larger arrays; NULL: it is never to grow.
 */
static inline void weir__ring_open(struct weir__ring *ring, struct weir__entry *entries,
                                   uint32_t size, uint32_t start,
                                   const struct weir__allocator *allocator) {
    memset(ring, 0, sizeof *ring);
    ck_ring_init(&ring->ck, size);
    ring->ck.c_head = start;
    ring->ck.p_tail = start;
    ring->ck.p_head = start;
    ring->producer.head_seen = start;
    ring->producer.entries = entries;
    ring->producer.first = entries;
    ring->producer.allocator = allocator;
    ring->consumer.entries = entries;
    ring->consumer.mask = size - 1;
    weir__ring_begin(entries, size, start);
}

/* Nobody else uses it, and all has been popped: frees what it has grown by. */
void weir__ring_close(struct weir__ring *ring);

/*
 * Producer: goes on in an array of `size` entries, a power of two and larger than
 * the one before.  false: no memory, and nothing is changed.
 */
bool weir__ring_grow(struct weir__ring *ring, uint32_t size);

/* Producer: as it hears of demand, whose line this is: which slots are free. */
static inline void weir__ring_look_back(struct weir__ring *ring) {
    ring->producer.head_seen = weir__load_acquire_u32(&ring->ck.c_head); /* K3 -> K4 */
}

/* Producer: the slot to fill, all but its stamp.  NULL: full. */
static inline struct weir__entry *weir__ring_reserve(struct weir__ring *ring) {
    uint32_t tail = ring->ck.p_tail;
    if (WEIR__UNLIKELY(tail - ring->producer.head_seen >= ring->ck.mask)) {
        weir__ring_look_back(ring);
        if (tail - ring->producer.head_seen >= ring->ck.mask) {
            return NULL;
        }
    }
    return &ring->producer.entries[tail & ring->ck.mask];
}

/* Producer: publishes the slot just filled. */
static inline void weir__ring_commit(struct weir__ring *ring, struct weir__entry *slot) {
    weir__store_release_u32(&slot->stamp, ring->ck.p_tail + 1); /* K1 -> K2 */
    ck_ring_enqueue_commit_spsc(&ring->ck);
}

/* Consumer: the slot it will read next. */
static inline const struct weir__entry *weir__ring_next(const struct weir__ring *ring) {
    return &ring->consumer.entries[ring->ck.c_head & ring->consumer.mask];
}

/* Consumer: true when there is nothing to pop.  Behind a link there is, or is about to be;
 * seldom there is nothing after all (no memory for a message that it was made for). */
static inline bool weir__ring_empty(const struct weir__ring *ring) {
    return weir__load_relaxed_u32(&weir__ring_next(ring)->stamp) != ring->ck.c_head + 1;
}

/* weir__ring_read at a link: follows it first. */
bool weir__ring_read_linked(struct weir__ring *ring, struct weir__entry *out);

/* Consumer: copies the oldest entry out.  Its slot is to be freed before the next is read. */
static inline bool weir__ring_read(struct weir__ring *ring, struct weir__entry *out) {
    const struct weir__entry *slot = weir__ring_next(ring);
    if (weir__load_acquire_u32(&slot->stamp) != ring->ck.c_head + 1) { /* K1 -> K2 */
        return false;
    }
    if (WEIR__UNLIKELY((slot->flags & WEIR__LINK) != 0)) {
        return weir__ring_read_linked(ring, out);
    }
    *out = *slot;
    return true;
}

/* Consumer: the slot of the entry that was read last. */
static inline void weir__ring_free_slot(struct weir__ring *ring) {
    weir__store_release_u32(&ring->ck.c_head, ring->ck.c_head + 1); /* K3 -> K4 */
}

/* Consumer: both. */
static inline bool weir__ring_pop(struct weir__ring *ring, struct weir__entry *out) {
    if (!weir__ring_read(ring, out)) {
        return false;
    }
    weir__ring_free_slot(ring);
    return true;
}

/* At a quiet point, when nobody is at either end.  Returns the events in it. */
uint64_t weir__ring_check(const struct weir__ring *ring);

/*
 * Entries in it.  The producer may see too many; the consumer, who fetches the
 * producer's line for it, too few: an entry it has popped may not count yet.
 */
static inline uint32_t weir__ring_count(const struct weir__ring *ring) {
    uint32_t head = weir__load_relaxed_u32(&ring->ck.c_head);
    uint32_t count = weir__load_relaxed_u32(&ring->ck.p_tail) - head;
    return count <= INT32_MAX ? count : 0;
}

#endif
