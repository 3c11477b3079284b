/*
 * Entries and items: see entry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/entry.h"

#include "memory/pool.h"

#include <string.h>

bool weir__entry_item(const struct weir__entry *entry, struct weir__item *item,
                      struct weir__pool *pool) {
    memset(item, 0, sizeof *item);
    item->block = entry->block;
    item->first = entry->first;
    item->count = entry->count;
    item->flags = entry->flags;
    item->event_bytes = weir__entry_event_bytes(entry);
    if (entry->block == NULL) {
        struct weir__block *block = weir__pool_get(pool, item->event_bytes, NULL, entry->count);
        if (block == NULL) {
            return false;
        }
        memcpy(weir__block_event(block, 0), entry->events,
               (size_t)entry->count * item->event_bytes);
        item->block = block;
        item->first = 0;
        weir__block_hold(block, pool);
        weir__block_close(block, pool);
    }
    return true;
}

uint64_t weir__entry_recover(const struct weir__entry *entry, struct weir__queue *out,
                             struct weir__pool *pool) {
    struct weir__item item;
    if (!weir__entry_item(entry, &item, pool)) {
        return entry->count;
    }
    if (!weir__queue_push(out, item)) {
        weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, pool);
        return entry->count;
    }
    return 0;
}

uint64_t weir__queue_move_all(struct weir__queue *from, struct weir__queue *to,
                              struct weir__pool *pool) {
    uint64_t lost = 0;
    while (!weir__queue_empty(from)) {
        struct weir__item item = weir__queue_pop(from);
        if (!weir__queue_push(to, item)) {
            lost += item.count;
            weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, pool);
        }
    }
    return lost;
}
