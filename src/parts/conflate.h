/*
 * Conflation: the latest event of each key, in line.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A latest has the events that wait, one of a key, in slots: the line in which they go out is a
 * list, and the index finds a key's slot.  An event that takes the place of another has its place
 * in the line, too, so the oldest place is the front's.
 *
 *   index.count == the slots in the line <= made      each slot is in the line, or among the free
 *
 * Slots are made by the chunk and kept; of events with spans each has room for payload, that grows.
 *
 * The stage (conflate.c) always takes what comes (weir__appetite), and sends from the front as far
 * as events are asked for.
 *
 *   kept == index.count, between callbacks
 *   events are in line => no event is asked for, or bytes are the bound
 *
 * One owner, its worker.
 */
#ifndef WEIR__PARTS_CONFLATE_H
#define WEIR__PARTS_CONFLATE_H

#include "memory/allocator.h"
#include "memory/index.h"

#include <weir/conflate.h>

struct weir__latest_slot {
    struct weir__index_node node;   /* by key, while it is in the line  */
    struct weir__latest_slot *next; /* in the line, or of the free ones */
    char *payload;                  /* room for it; NULL: none yet      */
    size_t payload_bytes;
    uint64_t serial; /* of its conflater's, in the order in which they joined the line */
    _Alignas(16) unsigned char event[];
};

struct weir__latest_chunk;

struct weir__latest {
    const struct weir__allocator *allocator;
    struct weir__index index;
    struct weir__latest_slot *first; /* the line */
    struct weir__latest_slot *last;
    struct weir__latest_slot *free;
    struct weir__latest_chunk *chunks;
    size_t event_bytes;
    size_t made; /* slots */
};

void weir__latest_open(struct weir__latest *latest, const struct weir__allocator *allocator,
                       size_t event_bytes);

/* Frees all of it; what is in the line is the caller's. */
void weir__latest_close(struct weir__latest *latest);

/* The slot of that key; NULL: it is not in the line. */
static inline struct weir__latest_slot *weir__latest_find(const struct weir__latest *latest,
                                                          uint64_t key) {
    return WEIR__INDEX_FIND(&latest->index, key, struct weir__latest_slot, node);
}

/* A slot that is in no line; NULL: no memory, or `most` have been made. */
struct weir__latest_slot *weir__latest_take(struct weir__latest *latest, size_t most);

/* Puts one at the line's end, as that key's. */
void weir__latest_add(struct weir__latest *latest, struct weir__latest_slot *slot, uint64_t key);

/* Takes the front out of the line: it is among the free. */
void weir__latest_remove_first(struct weir__latest *latest);

/* Puts back one that was taken and not added. */
void weir__latest_give_back(struct weir__latest *latest, struct weir__latest_slot *slot);

/* Room for so much payload; what is in it is forgotten.  false: no memory, nothing changed. */
bool weir__latest_room(struct weir__latest *latest, struct weir__latest_slot *slot, size_t bytes);

#endif
