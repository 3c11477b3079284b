/*
 * Events that wait for their moment, as a heap.  See retry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "parts/retry.h"

#include <string.h>

enum { FIRST_ROOM = 16, EVENTS_ALIGNED = 16 };

static size_t due_bytes(uint32_t capacity) {
    return capacity * sizeof(struct weir__due);
}

bool weir__waiting_grow(struct weir__waiting *waiting, uint32_t most,
                        const struct weir__allocator *allocator) {
    uint32_t before = waiting->capacity;
    uint32_t capacity = before == 0 ? FIRST_ROOM : before > most / 2 ? most : 2 * before;
    capacity = capacity < most ? capacity : most;
    if (capacity <= before) {
        return false;
    }
    struct weir__due *at = weir__alloc(allocator, due_bytes(capacity), _Alignof(struct weir__due));
    unsigned char *events = weir__alloc(allocator, capacity * waiting->event_bytes, EVENTS_ALIGNED);
    if (at == NULL || events == NULL) {
        weir__free(allocator, at, due_bytes(capacity));
        weir__free(allocator, events, capacity * waiting->event_bytes);
        return false;
    }
    if (before > 0) {
        memcpy(at, waiting->at, due_bytes(before));
        memcpy(events, waiting->events, before * waiting->event_bytes);
    }
    for (uint32_t i = before; i < capacity; i++) {
        at[i].slot = i;
    }
    weir__waiting_close(waiting, allocator);
    waiting->at = at;
    waiting->events = events;
    waiting->capacity = capacity;
    return true;
}

void weir__waiting_close(struct weir__waiting *waiting, const struct weir__allocator *allocator) {
    weir__free(allocator, waiting->at, due_bytes(waiting->capacity));
    weir__free(allocator, waiting->events, waiting->capacity * waiting->event_bytes);
    waiting->at = NULL;
    waiting->events = NULL;
    waiting->capacity = 0;
}

static bool is_before(const struct weir__due *one, const struct weir__due *other) {
    return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->serial < other->serial;
}

void weir__waiting_add(struct weir__waiting *waiting, uint64_t due_ns) {
    WEIR__CHECK(waiting->count < waiting->capacity);
    struct weir__due *at = waiting->at;
    uint32_t index = waiting->count++;
    const struct weir__due due = {
        .due_ns = due_ns, .serial = waiting->serial++, .slot = at[index].slot};
    while (index > 0 && is_before(&due, &at[(index - 1) / 2])) {
        at[index] = at[(index - 1) / 2];
        index = (index - 1) / 2;
    }
    at[index] = due;
}

void weir__waiting_remove(struct weir__waiting *waiting) {
    WEIR__CHECK(waiting->count > 0);
    struct weir__due *at = waiting->at;
    const uint32_t count = --waiting->count;
    const uint32_t free = at[0].slot;
    const struct weir__due last = at[count];
    uint32_t index = 0;
    for (uint32_t under = 1; under < count; under = 2 * index + 1) {
        under += under + 1 < count && is_before(&at[under + 1], &at[under]);
        if (!is_before(&at[under], &last)) {
            break;
        }
        at[index] = at[under];
        index = under;
    }
    at[index] = last;
    at[count].slot = free;
}
