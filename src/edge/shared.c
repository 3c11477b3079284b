/*
 * The shared queue: see shared.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/shared.h"

#include "base/check.h"
#include "edge/entry.h"
#include "edge/outbox.h"
#include "memory/pool.h"

struct weir__shared *weir__shared_open(const struct weir__allocator *allocator, uint32_t entries) {
    size_t slot_bytes = sizeof(struct weir__entry) + sizeof(struct ck_ring_buffer);
    size_t bytes = sizeof(struct weir__shared) + entries * slot_bytes;
    struct weir__shared *shared = weir__alloc_zeroed(allocator, bytes, 128);
    if (shared == NULL) {
        return NULL;
    }
    struct weir__entry *slots = (struct weir__entry *)(shared + 1);
    struct ck_ring_buffer *places = (struct ck_ring_buffer *)(slots + entries);
    weir__spmc_open(&shared->ring, places, slots, entries, weir__edge_ring_start);
    weir__queue_open(&shared->overflow, allocator);
    shared->refs = 1;
    shared->allocator = allocator;
    shared->bytes = bytes;
    return shared;
}

/* ---- after the producer's end: items of the overflow, each taken once ---- */

static bool rest_empty(const struct weir__shared *shared) {
    return weir__load_relaxed_u32(&shared->rest) >= shared->overflow.count;
}

static bool take_rest(struct weir__shared *shared, struct weir__entry *out) {
    if (rest_empty(shared)) {
        return false;
    }
    uint32_t index = weir__fetch_add_u32(&shared->rest, 1);
    if (index >= shared->overflow.count) {
        return false;
    }
    weir__entry_set(out, weir__queue_at(&shared->overflow, index));
    return true;
}

uint64_t weir__shared_leave(struct weir__shared *shared, struct weir__pool *pool) {
    if (--shared->refs > 0) {
        return 0;
    }
    WEIR__CHECK(!shared->touched);
    struct weir__entry entry;
    uint64_t left = 0;
    while (weir__spmc_take(&shared->ring, &entry) || take_rest(shared, &entry)) {
        left += entry.count;
        if (entry.block != NULL) {
            weir__block_drop(entry.block, pool);
        }
    }
    while (!weir__queue_empty(&shared->overflow)) {
        weir__queue_pop(&shared->overflow); /* each has been taken, by its index */
    }
    weir__queue_close(&shared->overflow, pool);
    weir__free(shared->allocator, shared, shared->bytes);
    return left;
}

/* ---- the producer's side ------------------------------------------------- */

void weir__shared_join(struct weir__shared *shared, struct weir__edge *edge) {
    shared->refs++;
    edge->takers_next = shared->takers;
    edge->takers_previous = NULL;
    if (edge->takers_next != NULL) {
        edge->takers_next->takers_previous = edge;
    }
    shared->takers = edge;
    weir__store_release_ptr(&edge->shared, shared); /* Y1 -> Y2 */
}

bool weir__shared_empty(const struct weir__shared *shared) {
    return weir__spmc_count(&shared->ring) == 0 && weir__queue_empty(&shared->overflow);
}

void weir__shared_unlist(struct weir__shared *shared, struct weir__edge *edge) {
    if (edge->takers_previous != NULL) {
        edge->takers_previous->takers_next = edge->takers_next;
    } else {
        shared->takers = edge->takers_next;
    }
    if (edge->takers_next != NULL) {
        edge->takers_next->takers_previous = edge->takers_previous;
    }
}

static bool put(struct weir__shared *shared, const struct weir__item *item,
                struct weir__pool *pool) {
    if (weir__queue_empty(&shared->overflow)) {
        struct weir__entry *slot = weir__spmc_reserve(&shared->ring);
        if (slot != NULL) {
            weir__entry_fill(slot, item, pool);
            weir__spmc_commit(&shared->ring, slot);
            return true;
        }
    }
    return weir__queue_push(&shared->overflow, *item);
}

bool weir__shared_refill(struct weir__shared *shared) {
    bool moved = false;
    while (!weir__queue_empty(&shared->overflow)) {
        struct weir__entry *slot = weir__spmc_reserve(&shared->ring);
        if (slot == NULL) {
            return moved;
        }
        struct weir__item item = weir__queue_pop(&shared->overflow);
        weir__entry_set(slot, &item);
        weir__spmc_commit(&shared->ring, slot);
        moved = true;
    }
    if (moved) {
        weir__store_relaxed_u32(&shared->wants_room, 0); /* its only writer */
    }
    return moved;
}

uint64_t weir__shared_publish(struct weir__shared *shared, struct weir__queue *queue,
                              uint64_t count, uint64_t grain, struct weir__pool *pool) {
    bool before = weir__queue_empty(&shared->overflow);
    uint64_t lost = 0;
    for (uint64_t left = count; left > 0;) {
        struct weir__item item = weir__queue_cut(queue, left < grain ? left : grain, pool);
        item.flags &= WEIR__SHARED;
        left -= item.count;
        if (WEIR__UNLIKELY(!put(shared, &item, pool))) {
            lost += item.count;
            weir__block_drop(item.block, pool);
        }
    }
    if (before && !weir__queue_empty(&shared->overflow)) {
        weir__store_relaxed_u32(&shared->wants_room, 1);
        weir__fence_full(); /* W1 -> W2 */
        weir__shared_refill(shared);
    }
    return lost;
}

bool weir__shared_flush(struct weir__shared *shared, struct weir__edge *edge) {
    uint32_t declined = weir__load_acquire_u32(&edge->ring.consumer.declined); /* D1 -> D2 */
    bool told = declined != edge->declined_seen;
    edge->declined_seen = declined;
    return weir__shared_refill(shared) || told;
}

bool weir__shared_has_room(const struct weir__shared *shared, const struct weir__edge *edge) {
    if (weir__load_relaxed_u32(&edge->ring.consumer.declined) != edge->declined_seen) {
        return true;
    }
    const struct weir__spmc *ring = &shared->ring;
    return !weir__queue_empty(&shared->overflow) && weir__spmc_count(ring) < ring->ck.mask &&
           weir__load_relaxed_u32(&ring->slots[ring->ck.p_tail & ring->ck.mask].stamp) == 0;
}

/* True when the taker was asleep and could take: it comes. */
static bool raise(struct weir__edge *edge) {
    struct weir__ready_edge *ready = &edge->ready[WEIR__EVENTS];
    if (weir__load_acquire_u32(&ready->raised) != 0 || /* R1 -> R2 */
        weir__load_relaxed_u32(&edge->wants) == 0) {
        return false;
    }
    if (edge->local) {
        if (!weir__edge_subscribed(edge)) {
            return false;
        }
        weir__edge_heat(edge, WEIR__EVENTS);
        weir__ready_queue(edge->at[WEIR__EVENTS], true);
        return true;
    }
    if (!weir__ready_raise(ready)) {
        return false;
    }
    weir__edge_hold(edge);
    weir__ready_push(ready, edge->at[WEIR__EVENTS]);
    return true;
}

void weir__shared_wake(struct weir__shared *shared) {
    uint32_t entries = weir__spmc_count(&shared->ring);
    struct weir__edge *edge = shared->takers;
    for (; edge != NULL && entries > 0; edge = edge->takers_next) {
        if (raise(edge)) {
            entries--;
        }
    }
}

uint64_t weir__shared_recall(struct weir__shared *shared, struct weir__queue *out,
                             struct weir__pool *pool) {
    uint64_t lost = 0;
    struct weir__entry entry;
    while (weir__spmc_take(&shared->ring, &entry)) {
        lost += weir__entry_recover(&entry, out, pool);
    }
    if (!weir__queue_empty(&shared->overflow)) {
        lost += weir__queue_move_all(&shared->overflow, out, pool);
        weir__store_relaxed_u32(&shared->wants_room, 0); /* its only writer */
    }
    return lost;
}

bool weir__shared_recall_newest(struct weir__shared *shared, uint64_t count,
                                struct weir__queue *out, struct weir__pool *pool) {
    if (!weir__queue_move_tail(&shared->overflow, count, out, pool)) {
        return false;
    }
    if (weir__queue_empty(&shared->overflow)) {
        weir__store_relaxed_u32(&shared->wants_room, 0); /* its only writer */
    }
    return true;
}

/* ---- a taker's side ------------------------------------------------------ */

static bool has_demand(const struct weir__edge *edge) {
    return !edge->manual || edge->asked > edge->received;
}

static bool ring_empty(const struct weir__shared *shared) {
    return weir__spmc_count(&shared->ring) == 0;
}

/* The producer has ended, and not just this subscription: overflow is the takers'. */
static bool at_end(const struct weir__edge *edge) {
    return weir__edge_closing(edge) && edge->close_cause == WEIR_DOWN;
}

bool weir__shared_take(struct weir__edge *edge, struct weir__entry *out) {
    struct weir__shared *shared = edge->shared;
    if (!has_demand(edge) || (weir__edge_closing(edge) && !at_end(edge))) {
        return false;
    }
    if (!weir__spmc_take(&shared->ring, out) && !(at_end(edge) && take_rest(shared, out))) {
        return false;
    }
    edge->received += out->count;
    return true;
}

bool weir__shared_made_room(const struct weir__edge *edge) {
    const struct weir__spmc *ring = &edge->shared->ring;
    return weir__shared_wants_room(edge) && weir__spmc_count(ring) <= ring->ck.size / 2;
}

bool weir__shared_wants_room(const struct weir__edge *edge) {
    return !weir__edge_closing(edge) && weir__load_relaxed_u32(&edge->shared->wants_room) != 0;
}

void weir__shared_before_cooling(struct weir__edge *edge, bool free) {
    weir__store_relaxed_u32(&edge->wants, free && has_demand(edge)); /* out with raised = 0 */
}

bool weir__shared_declines(const struct weir__edge *edge) {
    return edge->wants == 0 && has_demand(edge) && !weir__edge_closing(edge) &&
           !ring_empty(edge->shared);
}

void weir__shared_decline(struct weir__edge *edge) {
    uint32_t *declined = &edge->ring.consumer.declined;
    weir__store_release_u32(declined, *declined + 1); /* D1 -> D2 */
}

bool weir__shared_complete(const struct weir__edge *edge) {
    return !at_end(edge) || !has_demand(edge) ||
           (ring_empty(edge->shared) && rest_empty(edge->shared));
}

bool weir__shared_has_events(const struct weir__edge *edge) {
    if (weir__edge_closing(edge)) {
        return !weir__edge_ended(edge) && (edge->wants != 0 || weir__shared_complete(edge));
    }
    return edge->wants != 0 && !ring_empty(edge->shared);
}

#if WEIR__CHECKED
uint64_t weir__shared_check(const struct weir__shared *shared) {
    weir__queue_check(&shared->overflow);
    WEIR__CHECK(!shared->touched);
    WEIR__CHECK(shared->rest == 0);
    return weir__spmc_check(&shared->ring) + shared->overflow.events;
}
#endif
