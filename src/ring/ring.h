/*
 * The ring: how slices and single small events cross from producer to consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Concurrency Kit's single-producer single-consumer ring with entries of one
 * cache line: a slice of a block, or up to 40 bytes of events themselves, so
 * that a single small event crosses in one line and needs no block.
 *
 * Lines that cross between cores are what costs (docs/transport.md), so:
 *  - each entry carries a stamp, written last: the consumer watches the entry
 *    it will read next and never reads ck_ring's write index, whose line stays
 *    with the producer;
 *  - the demand counter `asked` lies in the line of the ring's read index: the
 *    consumer writes both, and the producer fetches both together.
 *
 *   writer      fields                        readers
 *   producer    entries, p_tail, wants_room   consumer (wants_room when it cools)
 *   consumer    c_head, asked, declined       producer
 *
 * Ordering (release store -> acquire load):
 *   K1 -> K2  stamp: publishes the entry, and through it the block's events
 *   K3 -> K4  c_head: the entry has been copied out; its slot may be reused
 *             (K4 is ck_ring's load in reserve)
 *   D1 -> D2  asked: the consumer's absolute position of demand (edge.c)
 * Progress: wait-free on both sides.
 * Wrap: c_head and p_tail are 32-bit and wrap freely (differences are taken
 * modulo the size, a power of two).  The entry at position p has stamp p + 1
 * (mod 2^32) once it is written; before, it has p + 1 - size, from the round
 * before or from weir__ring_open.  asked is 64-bit and does not wrap.
 *
 *   0 <= p_tail - c_head <= size - 1     (mod 2^32)
 */
#ifndef WEIR__RING_RING_H
#define WEIR__RING_RING_H

#include "base/atomic.h"
#include "memory/block.h"

#include <ck_ring.h>
#include <string.h>

enum { WEIR__ENTRY_INLINE_BYTES = 40 };

struct weir__entry {
    struct weir__block *block; /* NULL: the events are in here           */
    uint32_t first;            /* index in the block                     */
    uint32_t count;            /* events                                 */
    uint32_t stamp;            /* atomic                                 */
    uint16_t flags;            /* WEIR__MORE, WEIR__SHARED               */
    uint16_t event_bytes_less_1;
    unsigned char events[WEIR__ENTRY_INLINE_BYTES];
};

_Static_assert(sizeof(struct weir__entry) == 64, "an entry is one cache line");

static inline uint32_t weir__entry_event_bytes(const struct weir__entry *entry) {
    return (uint32_t)entry->event_bytes_less_1 + 1;
}

CK_RING_PROTOTYPE(entry, weir__entry)

struct weir__ring {
    union {
        struct ck_ring ck;
        struct {
            unsigned c_head;
            uint32_t declined; /* shared.h: entries it was told of and left to others */
            uint64_t asked;
        } consumer;
        struct {
            char consumer_line[CK_MD_CACHELINE];
            unsigned p_tail;
            unsigned p_head;
            uint32_t wants_room;
        } producer;
    };
    struct weir__entry *entries;
};

_Static_assert(offsetof(struct ck_ring, p_tail) == CK_MD_CACHELINE, "lines as ck_ring has them");
_Static_assert(offsetof(struct weir__ring, consumer.asked) + sizeof(uint64_t) <= CK_MD_CACHELINE,
               "asked lies in the consumer's line");
_Static_assert(offsetof(struct weir__ring, producer.wants_room) + sizeof(uint32_t) <=
                   offsetof(struct ck_ring, size),
               "wants_room lies in the producer's line");

/* size: a power of two, at least 2; holds size - 1.  start: the first index. */
static inline void weir__ring_open(struct weir__ring *ring, struct weir__entry *entries,
                                   uint32_t size, uint32_t start) {
    memset(ring, 0, sizeof *ring);
    ck_ring_init(&ring->ck, size);
    ring->ck.c_head = start;
    ring->ck.p_tail = start;
    ring->ck.p_head = start;
    ring->entries = entries;
    for (uint32_t i = 0; i < size; i++) {
        uint32_t position = start + i;
        entries[position & (size - 1)].stamp = position + 1 - size;
    }
}

/* Producer: the slot to fill, all but its stamp.  NULL: full. */
static inline struct weir__entry *weir__ring_reserve(struct weir__ring *ring) {
    struct weir__entry *slot = ck_ring_enqueue_reserve_spsc_entry(&ring->ck, ring->entries);
    weir__fence_acquire(); /* K3 -> K4: ck_ring only has a branch between load and write */
    return slot;
}

/* Producer: publishes the slot just filled. */
static inline void weir__ring_commit(struct weir__ring *ring, struct weir__entry *slot) {
    weir__store_release_u32(&slot->stamp, ring->ck.p_tail + 1); /* K1 -> K2 */
    ck_ring_enqueue_commit_spsc(&ring->ck);
}

/* Consumer: the entry it will read next. */
static inline const struct weir__entry *weir__ring_next(const struct weir__ring *ring) {
    return &ring->entries[ring->ck.c_head & ring->ck.mask];
}

/* Consumer: true when there is nothing to pop. */
static inline bool weir__ring_empty(const struct weir__ring *ring) {
    return weir__load_relaxed_u32(&weir__ring_next(ring)->stamp) != ring->ck.c_head + 1;
}

/* Consumer: copies the oldest entry out and frees its slot. */
static inline bool weir__ring_pop(struct weir__ring *ring, struct weir__entry *out) {
    const struct weir__entry *slot = weir__ring_next(ring);
    uint32_t head = ring->ck.c_head;
    if (weir__load_acquire_u32(&slot->stamp) != head + 1) { /* K1 -> K2 */
        return false;
    }
    *out = *slot;
    weir__store_release_u32(&ring->ck.c_head, head + 1); /* K3 -> K4 */
    return true;
}

/* Entries in it, as ck_ring counts them.  The producer may see too many; the
 * consumer, who fetches the producer's line for it, too few. */
static inline uint32_t weir__ring_count(const struct weir__ring *ring) {
    return ck_ring_size(&ring->ck);
}

#endif
