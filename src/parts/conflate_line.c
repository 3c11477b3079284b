/*
 * The latest event of each key: slots, line and index.  See conflate.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "parts/conflate.h"

enum { CHUNK_FIRST = 16, CHUNK_MOST = 1024 };

struct weir__latest_chunk {
    struct weir__latest_chunk *next;
    size_t bytes;
    size_t count; /* slots */
    _Alignas(16) unsigned char slots[];
};

static size_t latest_slot_bytes(const struct weir__latest *latest) {
    size_t bytes = sizeof(struct weir__latest_slot) + latest->event_bytes;
    return (bytes + 15) / 16 * 16;
}

static struct weir__latest_slot *slot_in_chunk(const struct weir__latest *latest,
                                               struct weir__latest_chunk *chunk, size_t index) {
    return (struct weir__latest_slot *)(void *)(chunk->slots + index * latest_slot_bytes(latest));
}

void weir__latest_open(struct weir__latest *latest, const struct weir__allocator *allocator,
                       size_t event_bytes) {
    *latest = (struct weir__latest){.allocator = allocator, .event_bytes = event_bytes};
    weir__index_open(&latest->index, allocator);
}

void weir__latest_close(struct weir__latest *latest) {
    while (latest->chunks != NULL) {
        struct weir__latest_chunk *chunk = latest->chunks;
        latest->chunks = chunk->next;
        for (size_t i = 0; i < chunk->count; i++) {
            struct weir__latest_slot *slot = slot_in_chunk(latest, chunk, i);
            weir__free(latest->allocator, slot->payload, slot->payload_bytes);
        }
        weir__free(latest->allocator, chunk, chunk->bytes);
    }
    weir__index_close(&latest->index);
    latest->first = latest->last = latest->free = NULL;
}

/* As many slots again as there are, within bounds. */
static void make_latest_chunk(struct weir__latest *latest, size_t most) {
    size_t count = latest->made < CHUNK_FIRST ? CHUNK_FIRST : latest->made;
    count = count < CHUNK_MOST ? count : CHUNK_MOST;
    size_t left = most > latest->made ? most - latest->made : 0;
    count = count < left ? count : left;
    size_t bytes = sizeof(struct weir__latest_chunk) + count * latest_slot_bytes(latest);
    struct weir__latest_chunk *chunk =
        count == 0 ? NULL : weir__alloc_zeroed(latest->allocator, bytes, 16);
    if (chunk == NULL) {
        return;
    }
    chunk->next = latest->chunks;
    chunk->bytes = bytes;
    chunk->count = count;
    latest->chunks = chunk;
    latest->made += count;
    for (size_t i = count; i > 0; i--) {
        weir__latest_give_back(latest, slot_in_chunk(latest, chunk, i - 1));
    }
}

struct weir__latest_slot *weir__latest_take(struct weir__latest *latest, size_t most) {
    if (latest->free == NULL) {
        make_latest_chunk(latest, most);
    }
    struct weir__latest_slot *slot = latest->free;
    if (slot != NULL) {
        latest->free = slot->next;
    }
    return slot;
}

void weir__latest_give_back(struct weir__latest *latest, struct weir__latest_slot *slot) {
    slot->next = latest->free;
    latest->free = slot;
}

void weir__latest_add(struct weir__latest *latest, struct weir__latest_slot *slot, uint64_t key) {
    slot->next = NULL;
    if (latest->first == NULL) {
        latest->first = slot;
    } else {
        latest->last->next = slot;
    }
    latest->last = slot;
    weir__index_add(&latest->index, &slot->node, key);
}

void weir__latest_remove_first(struct weir__latest *latest) {
    struct weir__latest_slot *slot = latest->first;
    WEIR__CHECK(slot != NULL);
    latest->first = slot->next;
    weir__index_remove(&latest->index, &slot->node);
    weir__latest_give_back(latest, slot);
}

bool weir__latest_room(struct weir__latest *latest, struct weir__latest_slot *slot, size_t bytes) {
    if (bytes <= slot->payload_bytes) {
        return true;
    }
    size_t room = bytes < SIZE_MAX / 4 ? bytes + bytes / 2 : bytes; /* the next may be longer */
    char *payload = weir__alloc(latest->allocator, room, 16);
    if (payload == NULL) {
        return false;
    }
    weir__free(latest->allocator, slot->payload, slot->payload_bytes);
    slot->payload = payload;
    slot->payload_bytes = room;
    return true;
}
