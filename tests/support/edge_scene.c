/*
 * An edge with both its ends in hand: see edge_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/edge_scene.h"

#include "support/cmocka.h"
#include "support/events.h"

#include <stdlib.h>
#include <string.h>

void edge_scene_open(struct edge_scene *f, size_t max_demand) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    for (int i = 0; i < 2; i++) {
        weir__bell_open(&f->bell[i]);
        weir__ready_stage_open(&f->stage[i], &f->bell[i]);
        weir__pool_open(&f->pool[i], &f->memory.allocator);
    }
    weir__queue_open(&f->emission, &f->memory.allocator);
    const weir_subscribe_options options = {.max_demand = max_demand, .min_demand = 0};
    const weir_subscription id = {{1}, {2}, 3};
    weir__edge_ring_start = (uint32_t)-2;
    f->edge =
        weir__edge_open(&f->memory.allocator, id, &options, false, &f->stage[0], &f->stage[1]);
    weir__edge_ring_start = 0;
    assert_non_null(f->edge);
}

void edge_scene_release(struct weir__edge *edge) {
    if (weir__edge_subscribed(edge)) {
        weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_OVER);
    }
    if (weir__edge_attached(edge)) {
        weir__producer_move(&edge->producer_state, WEIR__PRODUCER_OVER);
    }
    weir__edge_release(edge);
    weir__edge_release(edge);
}

void edge_scene_close(struct edge_scene *f) {
    edge_scene_release(f->edge);
    weir__queue_close(&f->emission, WEIR_DISCARD_STOPPED, &f->pool[0]);
    for (int i = 0; i < 2; i++) weir__pool_flush(&f->pool[i]);
    for (int i = 0; i < 2; i++) assert_int_equal(weir__pool_close(&f->pool[i]), 0);
    test_memory_close(&f->memory);
}

uint64_t edge_scene_send(struct edge_scene *f, uint64_t count, size_t per_slice) {
    events_push_range(&f->emission, &f->pool[0], f->next, count, per_slice);
    f->next += count;
    uint64_t lost = weir__edge_send(f->edge, &f->emission, count, &f->pool[0]);
    assert_true(weir__queue_empty(&f->emission));
    return lost;
}

static const uint64_t *numbers_in(const struct weir__entry *entry) {
    return entry->block == NULL ? (const uint64_t *)(const void *)entry->events
                                : (const uint64_t *)weir__block_event(entry->block, entry->first);
}

static void drop(struct edge_scene *f, struct weir__entry *entry) {
    if (entry->block != NULL) weir__block_drop(entry->block, &f->pool[1]);
}

const struct weir__entry *edge_scene_next(const struct edge_scene *f) {
    const struct weir__ring *ring = &f->edge->ring;
    const struct weir__entry *entries = ring->consumer.entries;
    uint32_t mask = ring->consumer.mask;
    const struct weir__entry *next = &entries[ring->ck.c_head & mask];
    while (next->stamp == ring->ck.c_head + 1 && (next->flags & WEIR__LINK) != 0) {
        entries = next->next;
        mask = next->count - 1;
        next = &entries[ring->ck.c_head & mask];
    }
    return next;
}

uint32_t edge_scene_take(struct edge_scene *f) {
    struct weir__entry entry;
    if (!weir__edge_take(f->edge, &entry)) return 0;
    if (entry.block == NULL) weir__edge_free_slot(f->edge);
    assert_int_equal(weir__entry_event_bytes(&entry), sizeof(uint64_t));
    const uint64_t *numbers = numbers_in(&entry);
    for (uint32_t i = 0; i < entry.count; i++) assert_int_equal(numbers[i], f->taken + i);
    f->taken += entry.count;
    assert_int_equal(f->edge->received, f->taken);
    drop(f, &entry);
    return entry.count;
}

void edge_scene_take_all(struct edge_scene *f) {
    while (edge_scene_take(f) > 0) {}
}

void edge_scene_send_singly(struct edge_scene *f, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) assert_int_equal(edge_scene_send(f, 1, 0), 0);
}

void edge_scene_recover(struct edge_scene *f, uint64_t first, uint64_t count, uint64_t lost) {
    struct weir__queue events;
    weir__queue_open(&events, &f->memory.allocator);
    assert_int_equal(weir__edge_recover(f->edge, &events, &f->pool[0]), lost);
    assert_int_equal(events.events, count);
    uint64_t *numbers = calloc(count + 1, sizeof *numbers);
    assert_non_null(numbers);
    weir__queue_gather(&events, numbers, count, &f->pool[0]);
    for (uint64_t i = 0; i < count; i++) assert_int_equal(numbers[i], first + i);
    free(numbers);
    weir__queue_close(&events, WEIR_DISCARD_STOPPED, &f->pool[0]);
    f->taken = f->next;
}
