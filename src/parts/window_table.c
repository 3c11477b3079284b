/*
 * The accumulators of a window stage: see window_table.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/window_table.h"

#include "base/attributes.h"
#include "base/check.h"
#include "memory/block.h"

#include <string.h>

enum { PLACES_FIRST = 64 };

void weir__window_table_open(struct weir__window_table *table,
                             const struct weir__allocator *allocator, size_t accumulator_bytes,
                             size_t most, bool by_key) {
    size_t bytes = sizeof(struct weir__windowed) + accumulator_bytes;
    *table = (struct weir__window_table){.allocator = allocator,
                                         .place_bytes = (bytes + 15) / 16 * 16,
                                         .most = most,
                                         .accumulator_bytes = accumulator_bytes,
                                         .by_key = by_key};
}

void weir__window_table_close(struct weir__window_table *table) {
    weir__free(table->allocator, table->places, table->capacity * table->place_bytes);
    table->places = NULL;
    table->capacity = 0;
    table->count = 0;
}

static inline size_t windowed_index(const struct weir__window_table *table,
                                    const struct weir__windowed *one) {
    return (size_t)((const unsigned char *)one - table->places) / table->place_bytes;
}

static inline size_t place_behind(const struct weir__window_table *table, size_t index) {
    return (index + 1) & (table->capacity - 1);
}

/* From that place on, the next one of that key and beginning; NULL: there is none. */
static inline struct weir__windowed *look_from(const struct weir__window_table *table, size_t index,
                                               uint64_t key, uint64_t begin, bool any) {
    for (;; index = place_behind(table, index)) {
        struct weir__windowed *one = weir__window_at(table, index);
        if (one->state == WEIR__WINDOW_NONE) {
            return NULL;
        }
        if (one->key == key && (any || one->begin == begin)) {
            return one;
        }
    }
}

struct weir__windowed *weir__window_find(const struct weir__window_table *table, uint64_t key,
                                         uint64_t begin) {
    return WEIR__UNLIKELY(table->capacity == 0)
               ? NULL
               : look_from(table, weir__window_home(table, key, begin), key, begin, table->by_key);
}

struct weir__windowed *weir__window_first_of(const struct weir__window_table *table, uint64_t key) {
    return weir__window_find(table, key, 0);
}

struct weir__windowed *weir__window_next_of(const struct weir__window_table *table,
                                            const struct weir__windowed *before) {
    return look_from(table, place_behind(table, windowed_index(table, before)), before->key, 0,
                     true);
}

/* The first empty place for it. */
static struct weir__windowed *empty_place(const struct weir__window_table *table, uint64_t key,
                                          uint64_t begin) {
    size_t index = weir__window_home(table, key, begin);
    while (weir__window_at(table, index)->state != WEIR__WINDOW_NONE) {
        index = place_behind(table, index);
    }
    return weir__window_at(table, index);
}

static bool make_larger(struct weir__window_table *table) {
    struct weir__window_table larger = *table;
    larger.capacity = table->capacity == 0 ? PLACES_FIRST : 2 * table->capacity;
    larger.places = weir__alloc_zeroed(table->allocator, larger.capacity * table->place_bytes,
                                       WEIR__CACHE_LINES);
    if (larger.places == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        const struct weir__windowed *one = weir__window_at(table, i);
        if (one->state != WEIR__WINDOW_NONE) {
            memcpy(empty_place(&larger, one->key, one->begin), one, table->place_bytes);
        }
    }
    weir__free(table->allocator, table->places, table->capacity * table->place_bytes);
    *table = larger;
    return true;
}

struct weir__windowed *weir__window_add(struct weir__window_table *table, uint64_t key,
                                        uint64_t begin, uint64_t end) {
    bool full = table->count + 1 > table->capacity / 4 * 3;
    if (table->count == table->most || (full && !make_larger(table))) {
        return NULL;
    }
    struct weir__windowed *one = empty_place(table, key, begin);
    *one =
        (struct weir__windowed){.key = key, .begin = begin, .end = end, .state = WEIR__WINDOW_OPEN};
    memset(one->accumulator, 0, table->accumulator_bytes);
    table->count++;
    return one;
}

/* Whether who stands at `index` may not move to the hole, for he belongs behind it. */
static bool belongs_behind(const struct weir__window_table *table, size_t hole, size_t index) {
    const struct weir__windowed *one = weir__window_at(table, index);
    size_t home = weir__window_home(table, one->key, one->begin);
    size_t mask = table->capacity - 1;
    return ((index - home) & mask) < ((index - hole) & mask);
}

void weir__window_take_out(struct weir__window_table *table, struct weir__windowed *one) {
    size_t hole = windowed_index(table, one);
    for (size_t i = place_behind(table, hole);
         weir__window_at(table, i)->state != WEIR__WINDOW_NONE; i = place_behind(table, i)) {
        if (!belongs_behind(table, hole, i)) {
            memcpy(weir__window_at(table, hole), weir__window_at(table, i), table->place_bytes);
            hole = i;
        }
    }
    weir__window_at(table, hole)->state = WEIR__WINDOW_NONE;
    table->count--;
}

#if WEIR__CHECKED
void weir__window_table_check(const struct weir__window_table *table) {
    size_t count = 0;
    WEIR__CHECK((table->capacity & (table->capacity - 1)) == 0);
    WEIR__CHECK(table->count <= table->most && table->count <= table->capacity / 4 * 3);
    if (table->capacity > WEIR__CHECK_MOST) return;
    for (size_t i = 0; i < table->capacity; i++) {
        const struct weir__windowed *one = weir__window_at(table, i);
        if (one->state == WEIR__WINDOW_NONE) continue;
        count++;
        for (size_t at = weir__window_home(table, one->key, one->begin); at != i;
             at = place_behind(table, at)) {
            WEIR__CHECK(weir__window_at(table, at)->state != WEIR__WINDOW_NONE);
        }
    }
    WEIR__CHECK(count == table->count);
}
#endif
