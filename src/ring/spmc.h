/*
 * The rack's ring: how entries cross from one producer to whoever takes first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Concurrency Kit's single-producer multi-consumer ring, whose entries are
 * pointers: here to slots, one for each place of the ring, each a line that
 * holds a slice or small events themselves.  A taker moves the read index by
 * compare-and-swap and then owns the slot it took; it copies the slot out and
 * only then frees it.  So a taker that is interrupted in between holds up no
 * other taker, and the producer only when the ring has come round to its slot.
 *
 *   writer      fields                              readers
 *   producer    p_tail, places, slots (when free)   takers
 *   takers      c_head, a slot's stamp (to 0)       producer, takers
 *
 * Taking is ck_ring_dequeue_spmc written out, because that reads the place
 * before its compare-and-swap without an atomic: a race, though a harmless one,
 * with a producer who writes it anew meanwhile.
 *
 * Ordering
 *   V1 -> V2  p_tail (release, in ck's commit -> acquire): publishes place and
 *             slot, and through it the block's events
 *   V3 -> V4  stamp = 0 (release -> acquire): the slot has been copied out and
 *             may be filled again
 *   V5 -> V6  c_head (compare-and-swap -> acquire): who sees an index sees p_tail
 *             as far as those before needed it, so that it is never ahead of it
 * Progress: the producer is wait-free, taking is lock-free: a taker tries again
 * only when another has taken.
 * Wrap: both indexes are 32-bit and wrap freely.  A taker that sleeps between its
 * look at the index and its compare-and-swap while exactly 2^32 entries pass
 * would take a place for one it has not seen; ck_ring has the same bound.
 *
 *   0 <= p_tail - c_head <= size - 1     (mod 2^32)
 *   a slot's stamp is 1  <=>  it is filled and not copied out; its place then names it
 */
#ifndef WEIR__RING_SPMC_H
#define WEIR__RING_SPMC_H

#include "base/check.h"
#include "ring/ring.h"

struct weir__spmc {
    struct ck_ring ck;
    struct ck_ring_buffer *places;
    struct weir__entry *slots; /* stamp: 1 while it is not free */
};

/* size: a power of two, at least 2, for places and slots; holds size - 1. */
static inline void weir__spmc_open(struct weir__spmc *ring, struct ck_ring_buffer *places,
                                   struct weir__entry *slots, uint32_t size, uint32_t start) {
    memset(ring, 0, sizeof *ring);
    ck_ring_init(&ring->ck, size);
    ring->ck.c_head = start;
    ring->ck.p_tail = start;
    ring->ck.p_head = start;
    ring->places = places;
    ring->slots = slots;
    for (uint32_t i = 0; i < size; i++) {
        slots[i].stamp = 0;
    }
}

/* Producer: the slot to fill, all but its stamp.  NULL: full, or it is being copied out. */
static inline struct weir__entry *weir__spmc_reserve(struct weir__spmc *ring) {
    if (ck_ring_enqueue_reserve_spmc(&ring->ck, ring->places) == NULL) {
        return NULL;
    }
    struct weir__entry *slot = &ring->slots[ring->ck.p_tail & ring->ck.mask];
    return weir__load_acquire_u32(&slot->stamp) == 0 ? slot : NULL; /* V3 -> V4 */
}

/* Producer: publishes the slot just filled. */
static inline void weir__spmc_commit(struct weir__spmc *ring, struct weir__entry *slot) {
    weir__store_relaxed_u32(&slot->stamp, 1);
    weir__store_relaxed_ptr(&ring->places[ring->ck.p_tail & ring->ck.mask].value, (void *)slot);
    ck_ring_enqueue_commit_spmc(&ring->ck); /* V1 -> V2 */
}

/* Anybody: copies the oldest entry out.  false: there is none. */
static inline bool weir__spmc_take(struct weir__spmc *ring, struct weir__entry *out) {
    struct weir__entry *slot;
    uint32_t head = weir__load_acquire_u32(&ring->ck.c_head); /* V5 -> V6 */
    do {
        if (weir__load_acquire_u32(&ring->ck.p_tail) == head) { /* V1 -> V2 */
            return false;
        }
        slot = weir__load_relaxed_ptr(&ring->places[head & ring->ck.mask].value);
    } while (!weir__cas_u32(&ring->ck.c_head, &head, head + 1)); /* V5 -> V6 */
    *out = *slot;
    weir__store_release_u32(&slot->stamp, 0); /* V3 -> V4 */
    return true;
}

/* At a quiet point, when nobody is at it.  Returns the events in it. */
static inline uint64_t weir__spmc_check(const struct weir__spmc *ring) {
    uint32_t end = weir__load_relaxed_u32(&ring->ck.p_tail);
    uint32_t next = weir__load_relaxed_u32(&ring->ck.c_head);
    uint64_t events = 0;
    WEIR__CHECK(end - next <= ring->ck.size - 1);
    for (; next != end; next++) {
        const struct weir__entry *slot = ring->places[next & ring->ck.mask].value;
        WEIR__CHECK(slot == &ring->slots[next & ring->ck.mask]);
        WEIR__CHECK(slot->stamp == 1);
        events += slot->count;
    }
    return events;
}

/* Entries in it; for takers a hint. */
static inline uint32_t weir__spmc_count(const struct weir__spmc *ring) {
    return ck_ring_size(&ring->ck);
}

#endif
