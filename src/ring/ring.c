/*
 * The ring: how it grows (ring.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/ring.h"

#include "base/attributes.h"
#include "base/check.h"
#include "memory/allocator.h"
#include "memory/poison.h"

/* Arrays that it began with are not its own. */
static void leave_array(struct weir__ring *ring, struct weir__entry *entries, uint32_t size) {
    size_t bytes = size * sizeof *entries;
    if (entries != ring->producer.first) {
        weir__poison(entries, bytes);
        weir__unpoison(entries, bytes);
        weir__free(ring->producer.allocator, entries, bytes);
    }
}

void weir__ring_close(struct weir__ring *ring) {
    WEIR__CHECK(weir__ring_empty(ring) && ring->consumer.entries == ring->producer.entries);
    leave_array(ring, ring->producer.entries, ring->ck.size);
}

/*
 * The slot of p_tail is free, and known to be: to fill the one before it, c_head was
 * seen this near (K3 -> K4), or else it has never been read in this array.
 */
bool weir__ring_grow(struct weir__ring *ring, uint32_t size) {
    WEIR__CHECK(size > ring->ck.size && (size & (size - 1)) == 0);
    struct weir__entry *entries =
        weir__alloc(ring->producer.allocator, size * sizeof *entries, WEIR__CACHE_LINES);
    if (entries == NULL) {
        return false;
    }
    uint32_t position = ring->ck.p_tail;
    struct weir__entry *link = &ring->producer.entries[position & ring->ck.mask];
    weir__ring_begin(entries, size, position);
    link->next = entries;
    link->count = size;
    link->flags = WEIR__LINK;
    weir__store_release_u32(&link->stamp, position + 1); /* K1 -> K2 */
    ring->producer.entries = entries;
    ring->ck.size = size;
    ring->ck.mask = size - 1;
    return true;
}

bool weir__ring_read_linked(struct weir__ring *ring, struct weir__entry *out) {
    const struct weir__entry *link = weir__ring_next(ring);
    struct weir__entry *before = ring->consumer.entries;
    uint32_t size = ring->consumer.mask + 1;
    ring->consumer.entries = link->next;
    ring->consumer.mask = link->count - 1;
    leave_array(ring, before, size); /* and the link with it */
    return weir__ring_read(ring, out);
}

#if WEIR__CHECKED
uint64_t weir__ring_check(const struct weir__ring *ring) {
    const struct weir__entry *entries = ring->consumer.entries;
    uint32_t mask = ring->consumer.mask;
    uint32_t end = weir__load_relaxed_u32(&ring->ck.p_tail);
    uint32_t next = weir__load_relaxed_u32(&ring->ck.c_head);
    uint64_t events = 0;
    WEIR__CHECK(end - next <= end - ring->producer.head_seen);
    WEIR__CHECK(end - ring->producer.head_seen <= ring->ck.size - 1);
    while (next != end) {
        const struct weir__entry *slot = &entries[next & mask];
        WEIR__CHECK(slot->stamp == next + 1);
        if ((slot->flags & WEIR__LINK) != 0) { /* takes up no position */
            entries = slot->next;
            mask = slot->count - 1;
        } else {
            events += slot->count;
            next++;
        }
    }
    return events;
}
#endif
