/*
 * The rack: see rack.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/rack.h"

#include "base/check.h"
#include "edge/entry.h"
#include "edge/outbox.h"
#include "memory/pool.h"

struct weir__rack *weir__rack_open(const struct weir__allocator *allocator, uint32_t entries) {
    size_t slot_bytes = sizeof(struct weir__entry) + sizeof(struct ck_ring_buffer);
    size_t bytes = sizeof(struct weir__rack) + entries * slot_bytes;
    struct weir__rack *rack = weir__alloc_zeroed(allocator, bytes, 128);
    if (rack == NULL) {
        return NULL;
    }
    struct weir__entry *slots = (struct weir__entry *)(rack + 1);
    struct ck_ring_buffer *places = (struct ck_ring_buffer *)(slots + entries);
    weir__spmc_open(&rack->ring, places, slots, entries, weir__edge_ring_start);
    weir__queue_open(&rack->overflow, allocator);
    rack->refs = 1;
    rack->allocator = allocator;
    rack->bytes = bytes;
    return rack;
}

/* ---- after the producer's end: items of the overflow, each taken once ---- */

static bool rest_empty(const struct weir__rack *rack) {
    return weir__load_relaxed_u32(&rack->rest) >= rack->overflow.count;
}

static bool take_rest(struct weir__rack *rack, struct weir__entry *out) {
    if (rest_empty(rack)) {
        return false;
    }
    uint32_t index = weir__fetch_add_u32(&rack->rest, 1);
    if (index >= rack->overflow.count) {
        return false;
    }
    weir__entry_set(out, weir__queue_at(&rack->overflow, index));
    return true;
}

uint64_t weir__rack_leave(struct weir__rack *rack, struct weir__pool *pool) {
    if (--rack->refs > 0) {
        return 0;
    }
    WEIR__CHECK(!rack->touched);
    struct weir__entry entry;
    uint64_t left = 0;
    while (weir__spmc_take(&rack->ring, &entry) || take_rest(rack, &entry)) {
        left += entry.count;
        if (entry.block != NULL) {
            weir__slice_discard(entry.block, entry.first, entry.count, entry.flags,
                                WEIR_DISCARD_STOPPED, pool);
        }
    }
    while (!weir__queue_empty(&rack->overflow)) {
        weir__queue_pop(&rack->overflow); /* each has been taken, by its index */
    }
    weir__queue_close(&rack->overflow, WEIR_DISCARD_STOPPED, pool);
    weir__free(rack->allocator, rack, rack->bytes);
    return left;
}

/* ---- the producer's side ------------------------------------------------- */

void weir__rack_join(struct weir__rack *rack, struct weir__edge *edge) {
    rack->refs++;
    edge->takers_next = rack->takers;
    edge->takers_previous = NULL;
    if (edge->takers_next != NULL) {
        edge->takers_next->takers_previous = edge;
    }
    rack->takers = edge;
    weir__store_release_ptr(&edge->rack, rack); /* Y1 -> Y2 */
}

bool weir__rack_empty(const struct weir__rack *rack) {
    return weir__spmc_count(&rack->ring) == 0 && weir__queue_empty(&rack->overflow);
}

void weir__rack_unlist(struct weir__rack *rack, struct weir__edge *edge) {
    if (edge->takers_previous != NULL) {
        edge->takers_previous->takers_next = edge->takers_next;
    } else {
        rack->takers = edge->takers_next;
    }
    if (edge->takers_next != NULL) {
        edge->takers_next->takers_previous = edge->takers_previous;
    }
}

static bool put(struct weir__rack *rack, const struct weir__item *item, struct weir__pool *pool) {
    if (weir__queue_empty(&rack->overflow)) {
        struct weir__entry *slot = weir__spmc_reserve(&rack->ring);
        if (slot != NULL) {
            weir__entry_fill(slot, item, pool);
            weir__spmc_commit(&rack->ring, slot);
            return true;
        }
    }
    return weir__queue_push(&rack->overflow, *item);
}

bool weir__rack_refill(struct weir__rack *rack) {
    bool moved = false;
    while (!weir__queue_empty(&rack->overflow)) {
        struct weir__entry *slot = weir__spmc_reserve(&rack->ring);
        if (slot == NULL) {
            return moved;
        }
        struct weir__item item = weir__queue_pop(&rack->overflow);
        weir__entry_set(slot, &item);
        weir__spmc_commit(&rack->ring, slot);
        moved = true;
    }
    if (moved) {
        weir__store_relaxed_u32(&rack->wants_room, 0); /* its only writer */
    }
    return moved;
}

uint64_t weir__rack_publish(struct weir__rack *rack, struct weir__queue *queue, uint64_t count,
                            uint64_t grain, struct weir__pool *pool) {
    bool before = weir__queue_empty(&rack->overflow);
    uint64_t lost = 0;
    for (uint64_t left = count; left > 0;) {
        struct weir__item item = weir__queue_cut(queue, left < grain ? left : grain, pool);
        item.flags &= WEIR__LASTING;
        left -= item.count;
        if (WEIR__UNLIKELY(!put(rack, &item, pool))) {
            lost += item.count;
            weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, pool);
        }
    }
    if (before && !weir__queue_empty(&rack->overflow)) {
        weir__store_relaxed_u32(&rack->wants_room, 1);
        weir__fence_full(); /* W1 -> W2 */
        weir__rack_refill(rack);
    }
    return lost;
}

bool weir__rack_flush(struct weir__rack *rack, struct weir__edge *edge) {
    uint32_t declined = weir__load_acquire_u32(&edge->ring.consumer.declined); /* D1 -> D2 */
    bool told = declined != edge->declined_seen;
    edge->declined_seen = declined;
    return weir__rack_refill(rack) || told;
}

bool weir__rack_has_room(const struct weir__rack *rack, const struct weir__edge *edge) {
    if (weir__load_relaxed_u32(&edge->ring.consumer.declined) != edge->declined_seen) {
        return true;
    }
    const struct weir__spmc *ring = &rack->ring;
    return !weir__queue_empty(&rack->overflow) && weir__spmc_count(ring) < ring->ck.mask &&
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

void weir__rack_wake(struct weir__rack *rack) {
    uint32_t entries = weir__spmc_count(&rack->ring);
    struct weir__edge *edge = rack->takers;
    for (; edge != NULL && entries > 0; edge = edge->takers_next) {
        if (raise(edge)) {
            entries--;
        }
    }
}

uint64_t weir__rack_recall(struct weir__rack *rack, struct weir__queue *out,
                           struct weir__pool *pool) {
    uint64_t lost = 0;
    struct weir__entry entry;
    while (weir__spmc_take(&rack->ring, &entry)) {
        lost += weir__entry_recover(&entry, out, pool);
    }
    if (!weir__queue_empty(&rack->overflow)) {
        lost += weir__queue_move_all(&rack->overflow, out, pool);
        weir__store_relaxed_u32(&rack->wants_room, 0); /* its only writer */
    }
    return lost;
}

bool weir__rack_recall_newest(struct weir__rack *rack, uint64_t count, struct weir__queue *out,
                              struct weir__pool *pool) {
    if (!weir__queue_move_tail(&rack->overflow, count, out, pool)) {
        return false;
    }
    if (weir__queue_empty(&rack->overflow)) {
        weir__store_relaxed_u32(&rack->wants_room, 0); /* its only writer */
    }
    return true;
}

/* ---- a taker's side ------------------------------------------------------ */

static bool has_demand(const struct weir__edge *edge) {
    return !edge->manual || edge->asked > edge->received;
}

static bool ring_empty(const struct weir__rack *rack) {
    return weir__spmc_count(&rack->ring) == 0;
}

/* The producer has ended, and not just this subscription: overflow is the takers'. */
static bool at_end(const struct weir__edge *edge) {
    return weir__edge_closing(edge) && edge->close_cause == WEIR_DOWN;
}

bool weir__rack_take(struct weir__edge *edge, struct weir__entry *out) {
    struct weir__rack *rack = edge->rack;
    if (!has_demand(edge) || (weir__edge_closing(edge) && !at_end(edge))) {
        return false;
    }
    if (!weir__spmc_take(&rack->ring, out) && !(at_end(edge) && take_rest(rack, out))) {
        return false;
    }
    edge->received += out->count;
    return true;
}

bool weir__rack_made_room(const struct weir__edge *edge) {
    const struct weir__spmc *ring = &edge->rack->ring;
    return weir__rack_wants_room(edge) && weir__spmc_count(ring) <= ring->ck.size / 2;
}

bool weir__rack_wants_room(const struct weir__edge *edge) {
    return !weir__edge_closing(edge) && weir__load_relaxed_u32(&edge->rack->wants_room) != 0;
}

void weir__rack_before_cooling(struct weir__edge *edge, bool free) {
    weir__store_relaxed_u32(&edge->wants, free && has_demand(edge)); /* out with raised = 0 */
}

bool weir__rack_declines(const struct weir__edge *edge) {
    return edge->wants == 0 && has_demand(edge) && !weir__edge_closing(edge) &&
           !ring_empty(edge->rack);
}

void weir__rack_decline(struct weir__edge *edge) {
    uint32_t *declined = &edge->ring.consumer.declined;
    weir__store_release_u32(declined, *declined + 1); /* D1 -> D2 */
}

bool weir__rack_complete(const struct weir__edge *edge) {
    return !at_end(edge) || !has_demand(edge) || (ring_empty(edge->rack) && rest_empty(edge->rack));
}

bool weir__rack_has_events(const struct weir__edge *edge) {
    if (weir__edge_closing(edge)) {
        return !weir__edge_ended(edge) && (edge->wants != 0 || weir__rack_complete(edge));
    }
    return edge->wants != 0 && !ring_empty(edge->rack);
}

#if WEIR__CHECKED
uint64_t weir__rack_check(const struct weir__rack *rack) {
    weir__queue_check(&rack->overflow);
    WEIR__CHECK(!rack->touched);
    WEIR__CHECK(rack->rest == 0);
    return weir__spmc_check(&rack->ring) + rack->overflow.events;
}
#endif
