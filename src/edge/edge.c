/*
 * The edge: see edge.h for its positions, protocols and life.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/edge.h"

#include "base/bits.h"
#include "base/check.h"
#include "edge/entry.h"
#include "edge/outbox.h"
#include "edge/rack.h"
#include "memory/allocator.h"
#include "memory/pool.h"

#include <string.h>

uint32_t weir__edge_ring_start = 0;

/* With more it could not be filled, as far as the consumer asks by itself. */
static uint32_t ring_most(size_t max_demand) {
    uint32_t size = 2;
    while (size <= max_demand && size < WEIR__RING_ENTRIES_MAX) {
        size *= 2;
    }
    return size;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static bool alike(const weir_subscribe_options *a, const weir_subscribe_options *b) {
    return a->max_demand == b->max_demand && a->min_demand == b->min_demand &&
           a->cancel == b->cancel && a->user == b->user && a->selector == b->selector &&
           a->select_many == b->select_many && a->selector_context == b->selector_context &&
           a->partition == b->partition && a->partition_name == b->partition_name &&
           a->max_bytes == b->max_bytes && a->rate == b->rate;
}

/* What nearly all have, by how they cancel: those need no copy. */
static const weir_subscribe_options *usual_options(const weir_subscribe_options *options) {
    enum { MAX = WEIR_MAX_DEMAND_DEFAULT, MIN = MAX / 2 };
    static const weir_subscribe_options usual[] = {
        {.max_demand = MAX, .min_demand = MIN, .cancel = WEIR_PERMANENT},
        {.max_demand = MAX, .min_demand = MIN, .cancel = WEIR_TRANSIENT},
        {.max_demand = MAX, .min_demand = MIN, .cancel = WEIR_TEMPORARY},
    };
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (alike(options, &usual[i])) {
            return &usual[i];
        }
    }
    return NULL;
}

/* Its limit lies behind all that the edge has. */
static void open_limit(struct weir__edge *edge, void *place) {
    edge->paced |= WEIR__PACED_BY_RATE;
    edge->limit = place;
    edge->limit->edge = edge;
    edge->limit->rate = edge->options->rate;
    weir__rate_hold(edge->limit->rate);
    weir__queue_open(&edge->limit->queue, edge->allocator);
}

struct weir__edge *weir__edge_open(const struct weir__allocator *allocator, weir_subscription id,
                                   const weir_subscribe_options *options, bool competes,
                                   struct weir__ready_stage *producer,
                                   struct weir__ready_stage *consumer) {
    const weir_subscribe_options *usual = usual_options(options);
    uint32_t most = ring_most(options->max_demand);
    uint32_t size = competes ? 1 : smaller(most, WEIR__RING_ENTRIES_FIRST);
    size_t ring_bytes = size * sizeof(struct weir__entry);
    size_t limit_at =
        sizeof(struct weir__edge) + ring_bytes + (usual != NULL ? 0 : sizeof *options);
    size_t bytes = limit_at + (options->rate == NULL ? 0 : sizeof(struct weir__limit));
    struct weir__edge *edge = weir__alloc_zeroed(allocator, bytes, 128);
    if (edge == NULL) {
        return NULL;
    }
    struct weir__entry *entries = (struct weir__entry *)(edge + 1);
    edge->id = id;
    edge->options = usual != NULL ? usual : memcpy(entries + size, options, sizeof *options);
    edge->at[WEIR__DEMAND] = producer;
    edge->at[WEIR__EVENTS] = consumer;
    edge->allocator = allocator;
    edge->bytes = (uint32_t)bytes;
    edge->local = producer->bell == consumer->bell;
    edge->can_overflow = options->max_demand > most - 1;
    edge->ring_most = most;
    edge->refs = 2;
    weir__ring_open(&edge->ring, entries, size, weir__edge_ring_start, allocator);
    weir__ready_edge_open(&edge->ready[WEIR__DEMAND], WEIR__DEMAND, edge);
    weir__ready_edge_open(&edge->ready[WEIR__EVENTS], WEIR__EVENTS, edge);
    weir__queue_open(&edge->overflow, allocator);
    weir__queue_open(&edge->partial, allocator);
    weir__queue_open(&edge->returned, allocator);
    edge->outlet.subscription = &edge->id;
    edge->outlet.options = edge->options;
    edge->stamp.at = WEIR__STAMP_FREE;
    if (options->rate != NULL) {
        open_limit(edge, (unsigned char *)edge + limit_at);
    }
    return edge;
}

bool weir__edge_show(struct weir__edge *edge, struct weir__sheet *sheet) {
    size_t most = edge->options->max_bytes;
    weir_counters_subscription fresh = {.slot.kind = WEIR_COUNTERS_SUBSCRIPTION,
                                        .id = edge->id.id,
                                        .producer = edge->id.producer.bits,
                                        .consumer = edge->id.consumer.bits,
                                        .max_demand = edge->options->max_demand,
                                        .min_demand = edge->options->min_demand,
                                        .max_bytes = most == WEIR_INFINITY ? 0 : most,
                                        .partition = edge->options->partition,
                                        .cancel = edge->options->cancel};
    edge->seen = weir__sheet_take(sheet, 1, &edge->seen_number);
    if (edge->seen == NULL) {
        return false;
    }
    edge->sheet = sheet;
    weir__sheet_fill(edge->seen, &fresh);
    return true;
}

void weir__edge_note(const struct weir__edge *edge, enum weir__direction direction) {
    weir_counters_subscription *seen = edge->seen;
    if (seen == NULL) {
        return;
    }
    if (direction == WEIR__DEMAND) {
        weir__sheet_put(&seen->sent, edge->sent);
        weir__sheet_put(&seen->heard, edge->asked_seen);
        weir__sheet_put(&seen->overflow, edge->overflow.events);
    } else {
        weir__sheet_put(&seen->asked, edge->asked);
        weir__sheet_put(&seen->received, edge->received);
    }
}

/* A local edge's are its worker's: so it needs no locked operation, which would wait for stores. */
static inline uint32_t change_alone(uint32_t *refs, uint32_t by) {
    uint32_t before = *refs;
    weir__store_relaxed_u32(refs, before + by);
    return before;
}

void weir__edge_hold(struct weir__edge *edge) {
    if (edge->local) {
        change_alone(&edge->refs, 1);
    } else {
        weir__fetch_add_u32(&edge->refs, 1);
    }
}

static void close_limit(struct weir__edge *edge) {
    if (weir__edge_is_limited(edge)) {
        WEIR__CHECK(weir__queue_empty(&edge->limit->queue));
        WEIR__CHECK(edge->limit->state == WEIR__LIMIT_IDLE);
        weir__queue_close(&edge->limit->queue, WEIR_DISCARD_STOPPED, NULL);
        weir__rate_release(edge->limit->rate);
    }
}

static void free_edge(struct weir__edge *edge) {
    WEIR__CHECK(!weir__edge_subscribed(edge));
    WEIR__CHECK(edge->producer_state == WEIR__PRODUCER_UNHEARD ||
                edge->producer_state == WEIR__PRODUCER_OVER);
    WEIR__CHECK(!edge->in_outbox[WEIR__DEMAND] && !edge->in_outbox[WEIR__EVENTS]);
    WEIR__CHECK(weir__queue_empty(&edge->overflow));
    WEIR__CHECK(weir__queue_empty(&edge->partial));
    WEIR__CHECK(weir__queue_empty(&edge->returned));
    weir__queue_close(&edge->overflow, WEIR_DISCARD_STOPPED, NULL);
    weir__queue_close(&edge->partial, WEIR_DISCARD_STOPPED, NULL);
    weir__queue_close(&edge->returned, WEIR_DISCARD_STOPPED, NULL);
    weir__ring_close(&edge->ring);
    close_limit(edge);
    weir__free(edge->allocator, edge->load, sizeof *edge->load);
    weir__outlet_close(&edge->outlet, edge->allocator);
    weir__timing_close(&edge->waiting, edge->sheet);
    if (edge->seen != NULL) {
        weir__sheet_give(edge->sheet, edge->seen_number, 1);
    }
    struct weir__heir *heir = edge->heir;
    weir__free(edge->allocator, edge, edge->bytes);
    if (heir != NULL) {
        heir->release(heir); /* last: who waits for that may close the runtime */
    }
}

void weir__edge_release(struct weir__edge *edge) {
    uint32_t before = edge->local ? change_alone(&edge->refs, (uint32_t)-1)
                                  : weir__fetch_sub_u32(&edge->refs, 1); /* X1 -> X2 */
    WEIR__CHECK(before > 0);
    if (before == 1) {
        free_edge(edge); /* X1 -> X2: all that the others did to the edge is seen from here on */
    }
}

/* ---- the consumer's side ------------------------------------------------- */

void weir__edge_ask_by_hand(struct weir__edge *edge, uint64_t count) {
    weir__edge_free_slot(edge); /* in a callback: the answer may come before that returns */
    weir__store_relaxed_u32(&edge->wants, 1); /* out with asked: D1 -> D2 */
    weir__edge_ask(edge, count);
#if WEIR__CHECKED
    edge->asked_by_hand += count;
#endif
    if (weir__edge_subscribed(edge) && weir__edge_rack(edge) != NULL) {
        weir__edge_heat(edge, WEIR__EVENTS); /* there may be entries: it looks itself */
    }
}

bool weir__edge_take_overflow(struct weir__edge *edge, struct weir__entry *out) {
    if (!weir__edge_closing(edge) || weir__queue_empty(&edge->overflow)) {
        return false;
    }
    struct weir__item item = weir__queue_pop(&edge->overflow);
    weir__entry_put(out, &item);
    edge->received += out->count;
    return true;
}

bool weir__edge_made_room_slow(const struct weir__edge *edge) {
    if (weir__edge_rack(edge) != NULL) {
        return weir__rack_made_room(edge);
    }
    return weir__edge_wants_room(edge) &&
           weir__ring_count(&edge->ring) <= (edge->ring.consumer.mask + 1) / 2;
}

bool weir__edge_wants_room(const struct weir__edge *edge) {
    if (WEIR__UNLIKELY(weir__edge_rack(edge) != NULL)) {
        return weir__rack_wants_room(edge);
    }
    return !weir__edge_closing(edge) &&
           weir__load_relaxed_u32(&edge->ring.producer.wants_room) != 0;
}

bool weir__edge_has_events_slow(const struct weir__edge *edge) {
    if (weir__edge_rack(edge) != NULL) {
        return weir__rack_has_events(edge);
    }
    bool waits = weir__edge_is_limited(edge) &&
                 !weir__queue_empty(&edge->limit->queue); /* it is heated then */
    return edge->consumer_state == WEIR__CONSUMER_CLOSING && !waits;
}

bool weir__edge_complete(const struct weir__edge *edge) {
    if (WEIR__UNLIKELY(weir__edge_rack(edge) != NULL)) {
        return weir__rack_complete(edge);
    }
    return edge->received == edge->sent && weir__ring_empty(&edge->ring) &&
           weir__queue_empty(&edge->overflow); /* marks are behind the last event, perhaps */
}

/* ---- the producer's side ------------------------------------------------- */

/*
 * Makes the ring larger, for `items` more entries, or as large as it may be.  false: it is
 * that already, or there is no memory; then the overflow serves.
 */
static bool grow_ring(struct weir__edge *edge, uint64_t items) {
    uint32_t most = edge->ring_most;
    uint32_t size = edge->ring.ck.size;
    if (size == most) {
        return false;
    }
    uint64_t needed = weir__ring_count(&edge->ring) + items;
    do {
        size = smaller(size * WEIR__RING_GROWTH, most);
    } while (size <= needed && size < most);
    return weir__ring_grow(&edge->ring, size);
}

/* Where the next entry goes; NULL: into the overflow. */
static inline struct weir__entry *next_slot(struct weir__edge *edge) {
    if (!weir__queue_empty(&edge->overflow)) {
        return NULL;
    }
    struct weir__entry *slot = weir__ring_reserve(&edge->ring);
    if (slot == NULL && grow_ring(edge, 1)) {
        slot = weir__ring_reserve(&edge->ring);
    }
    return slot;
}

static bool send_item(struct weir__edge *edge, struct weir__item item, struct weir__pool *pool) {
    struct weir__entry *slot = next_slot(edge);
    if (WEIR__UNLIKELY(slot == NULL)) {
        return weir__queue_push(&edge->overflow, item);
    }
    if (edge->load == NULL) {
        weir__entry_fill(slot, &item, pool);
    } else {
        weir__entry_set(slot, &item);
    }
    weir__ring_commit(&edge->ring, slot);
    return true;
}

/* The overflow has its first item. */
static void overflow_begins(struct weir__edge *edge) {
    weir__store_relaxed_u32(&edge->ring.producer.wants_room, 1);
    weir__fence_full(); /* W1 -> W2 */
    weir__edge_flush(edge);
}

static bool ring_has_room(const struct weir__edge *edge, uint32_t items) {
    return items <= edge->ring.ck.size - 1 - weir__ring_count(&edge->ring);
}

/*
 * Room for a message of several slices, so that it is sent whole or not at all:
 * the consumer would take the next message for the end of one that is cut off.
 */
static bool make_room_for_message(struct weir__edge *edge, const struct weir__queue *queue,
                                  uint64_t count) {
    uint32_t items = 0;
    for (uint64_t events = 0; events < count; items++) {
        events += weir__queue_at(queue, items)->count;
    }
    if (weir__queue_empty(&edge->overflow) &&
        (ring_has_room(edge, items) || (grow_ring(edge, items) && ring_has_room(edge, items)))) {
        return true;
    }
    return weir__queue_reserve(&edge->overflow, items);
}

uint64_t weir__edge_send_slices(struct weir__edge *edge, struct weir__queue *queue, uint64_t count,
                                struct weir__pool *pool) {
    uint64_t left = count;
    uint64_t lost = 0;
    bool before = weir__queue_empty(&edge->overflow);
    if (weir__queue_at(queue, 0)->count < count && !make_room_for_message(edge, queue, count)) {
        weir__queue_discard(queue, count, WEIR_DISCARD_NO_MEMORY, pool);
        return count;
    }
    while (left > 0) {
        struct weir__item item = weir__queue_take(queue, left, pool);
        left -= item.count;
        item.flags = (item.flags & WEIR__LASTING) | (left > 0 ? WEIR__MORE : 0);
        if (WEIR__UNLIKELY(!send_item(edge, item, pool))) {
            lost += item.count;
            weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, pool);
        }
    }
    edge->sent += count - lost;
    if (before && !weir__queue_empty(&edge->overflow)) {
        overflow_begins(edge);
    }
    return lost;
}

bool weir__edge_send_mark(struct weir__edge *edge, const struct weir__item *mark) {
    struct weir__entry *slot = next_slot(edge);
    if (slot != NULL) {
        weir__entry_put(slot, mark);
        weir__ring_commit(&edge->ring, slot);
        return true;
    }
    bool before = weir__queue_empty(&edge->overflow);
    if (!weir__queue_push_mark(&edge->overflow, mark)) {
        return false;
    }
    if (before) {
        overflow_begins(edge);
    }
    return true;
}

bool weir__edge_flush_overflow(struct weir__edge *edge) {
    if (edge->rack != NULL) {
        return weir__rack_flush(edge->rack, edge);
    }
    bool moved = false;
    while (!weir__queue_empty(&edge->overflow)) {
        struct weir__entry *slot = weir__ring_reserve(&edge->ring);
        if (slot == NULL) {
            return moved;
        }
        struct weir__item item = weir__queue_pop(&edge->overflow);
        weir__entry_put(slot, &item);
        weir__ring_commit(&edge->ring, slot);
        moved = true;
    }
    if (moved) {
        weir__store_relaxed_u32(&edge->ring.producer.wants_room, 0); /* its only writer */
    }
    return moved;
}

bool weir__edge_bound(struct weir__edge *edge, uint64_t most, uint64_t each, bool flat) {
    WEIR__CHECK(edge->sent == 0 && edge->asked_seen == 0 && edge->load == NULL);
    edge->load = weir__alloc(edge->allocator, sizeof *edge->load, _Alignof(struct weir__load));
    if (edge->load == NULL) {
        return false;
    }
    weir__load_open(edge->load, most, each, flat);
    return true;
}

bool weir__edge_unload(struct weir__edge *edge) {
    uint64_t done = weir__load_acquire_u64(&edge->ring.consumer.done); /* D3 -> D4 */
    return weir__load_done(edge->load, done);
}

uint64_t weir__edge_hear(struct weir__edge *edge) {
    uint64_t asked = weir__load_acquire_u64(&edge->ring.consumer.asked); /* D1 -> D2 */
    uint64_t more = asked - edge->asked_seen;
    uint64_t most = weir__load_hears(edge->load, weir__edge_open_demand(edge));
    more = more < most ? more : most;
    edge->asked_seen += more;
    return more;
}

bool weir__edge_may_hear(const struct weir__edge *edge) {
    if (weir__load_relaxed_u64(&edge->ring.consumer.done) != edge->load->done) {
        return true;
    }
    return weir__load_relaxed_u64(&edge->ring.consumer.asked) != edge->asked_seen &&
           weir__load_hears(edge->load, weir__edge_open_demand(edge)) > 0;
}

bool weir__edge_has_room(const struct weir__edge *edge) {
    if (edge->rack != NULL) {
        return weir__rack_has_room(edge->rack, edge);
    }
    if (edge->load != NULL && weir__edge_may_hear(edge)) {
        return true;
    }
    return !weir__queue_empty(&edge->overflow) &&
           weir__ring_count(&edge->ring) < edge->ring.ck.size - 1;
}

uint64_t weir__edge_recover(struct weir__edge *edge, struct weir__queue *out,
                            struct weir__pool *pool) {
    uint64_t lost = weir__queue_move_all(&edge->returned, out, pool);
    struct weir__entry entry;
    while (weir__ring_pop(&edge->ring, &entry)) {
        lost += weir__entry_recover(&entry, out, pool);
    }
    return lost + weir__queue_move_all(&edge->overflow, out, pool);
}

/* ---- checkers ------------------------------------------------------------ */

#if WEIR__CHECKED
void weir__edge_check_producer(const struct weir__edge *edge, bool keeps) {
    bool overflows = !weir__queue_empty(&edge->overflow);
    weir__queue_check(&edge->overflow);
    WEIR__CHECK((edge->ring.producer.wants_room != 0) == overflows);
    WEIR__CHECK(edge->rack == NULL || edge->sent == 0);
    WEIR__CHECK(!keeps || edge->sent <= edge->asked_seen);
    if (edge->load != NULL) weir__load_check(edge->load, edge->sent);
}

void weir__edge_check_consumer(const struct weir__edge *edge) {
    weir__queue_check(&edge->partial);
    if (weir__edge_is_limited(edge)) {
        const struct weir__limit *limit = edge->limit;
        weir__queue_check(&limit->queue);
        WEIR__CHECK((limit->state == WEIR__LIMIT_IDLE) == weir__queue_empty(&limit->queue));
        WEIR__CHECK((limit->state == WEIR__LIMIT_WAITING) == (limit->until_ns != 0));
    }
    WEIR__CHECK(weir__queue_empty(&edge->returned));
    WEIR__CHECK(edge->asked == edge->ring.consumer.asked);
    if (!edge->manual) {
        weir__window_check(&edge->window);
        WEIR__CHECK(edge->asked - edge->asked_by_hand <= edge->received + edge->window.max);
    }
}

uint64_t weir__edge_check(const struct weir__edge *edge) {
    uint64_t events = weir__ring_check(&edge->ring) + edge->overflow.events;
    WEIR__CHECK(edge->rack != NULL || edge->sent == edge->received + events);
    WEIR__CHECK(edge->rack == NULL || events == 0);
    WEIR__CHECK(edge->asked_seen <= edge->asked);
    WEIR__CHECK(edge->ring.consumer.done <= edge->received);
    if (weir__edge_attached(edge)) { /* it was told */
        WEIR__CHECK(edge->load != NULL || edge->asked_seen == edge->asked);
        WEIR__CHECK(edge->load == NULL || !weir__edge_may_hear(edge));
    }
    return events + edge->partial.events +
           (weir__edge_is_limited(edge) ? edge->limit->queue.events : 0);
}
#endif
