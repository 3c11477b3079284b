/*
 * The edge: a ck_ring of slices one way, the counter `asked` the other.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Writers: the sender of p_tail and the slots, the receiver of c_head and
 * `asked`.  ck_ring leaves the rest of c_head's cache line unused: `asked` may
 * lie there, so that both answers of the receiver travel in one line.  A slot
 * may carry a stamp, the tail after it: then the receiver never reads p_tail,
 * whose line stays with the sender, and a slice crosses in one line.
 *
 *   slot of position p, once published: stamp == (uint32_t)(p + 1)
 *
 * Labels: E1 -> E2  a published tail, or stamp, publishes its slot and events
 *         E3 -> E4  a published head hands the slot back
 *         E5 -> E6  a published `asked` hands the events' memory back (window)
 */
#ifndef TRANSPORT_EDGE_H
#define TRANSPORT_EDGE_H

#include "memory.h"
#include "order.h"
#include "shape.h"

#include <ck_ring.h>
#include <string.h>

enum { EDGE_INLINE_BYTES = 40 };

struct slim {
    struct block *block;
    uint32_t first;
    uint32_t count;
};

struct line {
    _Alignas(MEMORY_LINE) struct block *block; /* NULL: the events are inline */
    uint32_t first;
    uint32_t count;
    uint32_t stamp; /* p_tail after the entry was published; written last */
    uint32_t reserved;
    uint64_t words[EDGE_INLINE_BYTES / sizeof(uint64_t)];
};

_Static_assert(sizeof(struct line) == MEMORY_LINE, "an entry is one cache line");

struct head_line {
    unsigned int c_head;
    unsigned int unused;
    uint64_t asked;
};

struct edge {
    _Alignas(MEMORY_APART) union {
        ck_ring_t ring;
        struct head_line head;
    } near;
    _Alignas(MEMORY_APART) uint64_t asked_far; /* the receiver's */
    _Alignas(MEMORY_APART) struct slim *slim;  /* constant       */
    struct line *line;
};

_Static_assert(offsetof(struct head_line, c_head) == offsetof(ck_ring_t, c_head) &&
                   sizeof(struct head_line) <= offsetof(ck_ring_t, p_tail),
               "asked lies in the padding of ck_ring after c_head");

CK_RING_PROTOTYPE(slim, slim)
CK_RING_PROTOTYPE(line, line)

static inline uint64_t *edge_asked(struct edge *edge, const struct shape *shape) {
    return shape->asked_near ? &edge->near.head.asked : &edge->asked_far;
}

/* --- the sender's side ----------------------------------------------------- */

struct sender_view {
    unsigned int head;  /* of the ring when last looked at                    */
    struct line *first; /* the first slot of this visit, if not yet stamped    */
    uint32_t stamp;     /* what it will be stamped with                        */
};

/* Makes the slots of this visit visible, where they are not yet. */
static inline void edge_publish_first(struct sender_view *view) {
    if (view->first != NULL) store_release_32(&view->first->stamp, view->stamp); /* E1 */
    view->first = NULL;
}

/* The slot to write, or NULL: the ring is full. */
static inline struct line *edge_reserve(struct edge *edge, const struct shape *shape,
                                        struct sender_view *view) {
    ck_ring_t *ring = &edge->near.ring;
    if (!shape->head_cached) return ck_ring_enqueue_reserve_spsc_line(ring, edge->line);
    if (ring->p_tail - view->head >= ring->mask) {
        view->head = ck_pr_load_uint(&ring->c_head); /* E4 */
        ck_pr_fence_load();
        if (ring->p_tail - view->head >= ring->mask) return NULL;
    }
    return edge->line + (ring->p_tail & ring->mask);
}

static inline void line_write(struct line *to, const struct slim *slice, const uint64_t *words,
                              uint64_t count) {
    to->block = slice->block;
    to->first = slice->first;
    to->count = slice->count;
    if (slice->block == NULL) memcpy(to->words, words, count * sizeof *words);
}

/* words: `count` words of events to send inline where slice->block is NULL. */
static inline bool edge_send(struct edge *edge, const struct shape *shape, struct sender_view *view,
                             struct slim *slice, const uint64_t *words, uint64_t count) {
    ck_ring_t *ring = &edge->near.ring;
    if (shape->entry == ENTRY_SLIM) return ck_ring_enqueue_spsc_slim(ring, edge->slim, slice);
    if (!shape->reserve) {
        struct line copy;
        line_write(&copy, slice, words, count);
        return ck_ring_enqueue_spsc_line(ring, edge->line, &copy);
    }
    struct line *slot = edge_reserve(edge, shape, view);
    if (slot == NULL) {
        edge_publish_first(view);
        return false;
    }
    line_write(slot, slice, words, count);
    if (shape->stamp_late && view->first == NULL) {
        view->first = slot;
        view->stamp = ring->p_tail + 1;
    } else if (shape->stamped) {
        store_release_32(&slot->stamp, ring->p_tail + 1); /* E1 */
    }
    ck_ring_enqueue_commit_spsc(ring); /* E1 */
    if (shape->slot_ahead) prefetch_to_write(edge->line + (ring->p_tail & ring->mask));
    return true;
}

/* --- the receiver's side --------------------------------------------------- */

struct receiver_view {
    unsigned int head; /* entries used up                          */
    bool unpublished;  /* c_head says less                         */
};

/* Publishes how far the receiver has read. */
static inline void edge_publish_head(struct edge *edge, struct receiver_view *view) {
    ck_pr_fence_store();
    ck_pr_store_uint(&edge->near.ring.c_head, view->head); /* E3 */
    view->unpublished = false;
}

/* The next entry, or NULL; where entries are not peeked at, a copy in *copy. */
static inline const struct line *edge_next(struct edge *edge, const struct shape *shape,
                                           struct receiver_view *view, struct line *copy) {
    ck_ring_t *ring = &edge->near.ring;
    if (shape->entry == ENTRY_SLIM) {
        struct slim slice;
        if (!ck_ring_dequeue_spsc_slim(ring, edge->slim, &slice)) return NULL;
        copy->block = slice.block;
        copy->first = slice.first;
        copy->count = slice.count;
        return copy;
    }
    if (!shape->peek) return ck_ring_dequeue_spsc_line(ring, edge->line, copy) ? copy : NULL;
    const unsigned int head = view->head;
    if (shape->stamped) {
        const struct line *slot = edge->line + (head & ring->mask);
        if (load_acquire_32(&slot->stamp) != head + 1) return NULL; /* E2 */
        if (!shape->head_early) return slot;
        *copy = *slot;
        view->head++;
        edge_publish_head(edge, view);
        return copy;
    }
    if (head == ck_pr_load_uint(&ring->p_tail)) return NULL; /* E2 */
    ck_pr_fence_load();
    return edge->line + (head & ring->mask);
}

/* The entry was used up. */
static inline void edge_advance(struct edge *edge, const struct shape *shape,
                                struct receiver_view *view) {
    const ck_ring_t *ring = &edge->near.ring;
    if (shape->entry == ENTRY_SLIM || !shape->peek || shape->head_early) return;
    view->head++;
    view->unpublished = true;
    bool late = shape->head_late && view->head - ring->c_head < ring->size / 2;
    if (!late) edge_publish_head(edge, view);
}

#endif
