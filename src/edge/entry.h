/*
 * Entries and items: a slice on a ring, and the same slice in a queue.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message of one small slice travels in the entry itself: its events are
 * copied there, and the block's reference is given back on the spot.  (Not of events that own
 * something: those have words in their block that say so.  Nor where bytes are bounded: what
 * is handled so short has no step that tells of them.)
 *
 * An entry may be a mark of the program's: flagged so, without events, and with a block that is
 * none but says that it is not of events inside the entry, so that nobody on their way asks.
 *
 * One owner of each: no threads.
 */
#ifndef WEIR__EDGE_ENTRY_H
#define WEIR__EDGE_ENTRY_H

#include "memory/queue.h"
#include "ring/ring.h"

#include <string.h>

/* The slice as it is; all but the stamp. */
static inline void weir__entry_set(struct weir__entry *entry, const struct weir__item *item) {
    entry->block = item->block;
    entry->first = item->first;
    entry->count = item->count;
    entry->flags = (uint16_t)item->flags;
    entry->event_bytes_less_1 = (uint16_t)(item->event_bytes - 1);
}

/* The slice, or its events when they fit; takes over the item's reference. */
static inline void weir__entry_fill(struct weir__entry *entry, const struct weir__item *item,
                                    struct weir__pool *pool) {
    uint64_t bytes = (uint64_t)item->count * item->event_bytes;
    weir__entry_set(entry, item);
    if (bytes <= WEIR__ENTRY_INLINE_BYTES && (item->flags & (WEIR__MORE | WEIR__OWNING)) == 0) {
        const void *events = weir__block_at(item->block, item->first, item->event_bytes);
        if (bytes == sizeof(uint64_t)) { /* the most common, and then no call */
            memcpy(entry->events, events, sizeof(uint64_t));
        } else {
            memcpy(entry->events, events, (size_t)bytes);
        }
        entry->block = NULL;
        entry->flags = 0;
        weir__block_drop(item->block, pool);
    }
}

/* What a mark has in an entry, where small events would be. */
struct weir__entry_mark {
    uint64_t value;
    uint32_t kind;  /* the item's */
    uint32_t flags; /* likewise   */
};

static inline bool weir__entry_is_mark(const struct weir__entry *entry) {
    return (entry->flags & WEIR__MARK) != 0;
}

/* Into an entry, whichever it is, as it is. */
void weir__entry_put(struct weir__entry *entry, const struct weir__item *item);

/* A mark's, back into an item. */
struct weir__item weir__entry_mark(const struct weir__entry *entry);

/* Back into an item: inline events move into a block of their own.  false: no memory. */
bool weir__entry_item(const struct weir__entry *entry, struct weir__item *item,
                      struct weir__pool *pool);

/* Takes such an item behind what `out` has, unless it is a mark, which is dropped.  Returns how
 * many events were lost. */
uint64_t weir__entry_recover(const struct weir__entry *entry, struct weir__queue *out,
                             struct weir__pool *pool);

/* Moves all items but marks, which are dropped, behind what `to` has.  Returns how many events
 * were lost. */
uint64_t weir__queue_move_all(struct weir__queue *from, struct weir__queue *to,
                              struct weir__pool *pool);

#endif
