/*
 * The accumulators of a window stage: a table by key and window.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing, places in a row, at most three quarters of them used.  It begins small and
 * is made larger, as far as `most` accumulators want it.  Who is taken out leaves no hole: who
 * stands behind it, and would stand there, moves up.  A place is a head and the accumulator behind
 * it; its state 0 says that it is empty.
 *
 *   count <= most, and count <= 3 / 4 of capacity
 *   from where an accumulator's hash sends it, up to where it is, no place is empty
 *
 * Where a key has one window at a time, or its windows are looked for by hand (sessions),
 * `by_key` has the key alone say where it stands.  One owner; pointers into it hold until
 * something is added or taken out.
 */
#ifndef WEIR__PARTS_WINDOW_TABLE_H
#define WEIR__PARTS_WINDOW_TABLE_H

#include "memory/allocator.h"

#include <stdbool.h>
#include <stdint.h>

enum weir__windowed_state {
    WEIR__WINDOW_NONE = 0,
    WEIR__WINDOW_OPEN = 1,
    WEIR__WINDOW_OVER = 2 /* emitted, and kept for those that are late */
};

struct weir__windowed {
    uint64_t key;
    uint64_t begin;
    uint64_t end;
    uint64_t count; /* events in it                         */
    uint64_t since; /* of those, since it was emitted last  */
    uint32_t state; /* an enum weir__windowed_state         */
    uint32_t unused;
    _Alignas(16) unsigned char accumulator[];
};

struct weir__window_table {
    const struct weir__allocator *allocator;
    unsigned char *places;
    size_t place_bytes;
    size_t capacity; /* 0 or a power of two */
    size_t count;
    size_t most;
    size_t accumulator_bytes;
    bool by_key;
};

void weir__window_table_open(struct weir__window_table *table,
                             const struct weir__allocator *allocator, size_t accumulator_bytes,
                             size_t most, bool by_key);

/* Frees it; the accumulators' `drop` is the caller's. */
void weir__window_table_close(struct weir__window_table *table);

static inline struct weir__windowed *weir__window_at(const struct weir__window_table *table,
                                                     size_t index) {
    return (struct weir__windowed *)(void *)(table->places + index * table->place_bytes);
}

/* Where that one would stand, in a table that has places. */
static inline size_t weir__window_home(const struct weir__window_table *table, uint64_t key,
                                       uint64_t begin) {
    uint64_t hash = table->by_key ? key : key ^ (begin + 1) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    return (size_t)hash & (table->capacity - 1);
}

/* The one of that key and beginning (by_key: whatever its beginning); NULL. */
struct weir__windowed *weir__window_find(const struct weir__window_table *table, uint64_t key,
                                         uint64_t begin);

/* Likewise, by_key: the key's first, and the next one behind that; NULL: there are no more. */
struct weir__windowed *weir__window_first_of(const struct weir__window_table *table, uint64_t key);
struct weir__windowed *weir__window_next_of(const struct weir__window_table *table,
                                            const struct weir__windowed *before);

/* A new one, OPEN, of no events, its accumulator zeroed.  NULL: there are as many as there may be,
 * or there is no memory. */
struct weir__windowed *weir__window_add(struct weir__window_table *table, uint64_t key,
                                        uint64_t begin, uint64_t end);

/* Takes it out: another one may stand in its place now. */
void weir__window_take_out(struct weir__window_table *table, struct weir__windowed *one);

void weir__window_table_check(const struct weir__window_table *table);

#endif
