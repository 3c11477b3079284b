/*
 * Entries and items: see entry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/entry.h"

#include "memory/pool.h"

#include <string.h>

/* Where no block is. */
static const unsigned char no_block;

static void put_mark(struct weir__entry *entry, const struct weir__item *item) {
    const struct weir__entry_mark mark = {
        .value = item->demand, .kind = item->kind, .flags = item->flags};
    entry->block = (struct weir__block *)(uintptr_t)&no_block;
    entry->first = item->first;
    entry->count = 0;
    memcpy(entry->events, &mark, sizeof mark);
    entry->flags = WEIR__MARK;
    entry->event_bytes_less_1 = 0;
}

void weir__entry_put(struct weir__entry *entry, const struct weir__item *item) {
    if ((item->flags & WEIR__MARK) != 0) {
        put_mark(entry, item);
    } else {
        weir__entry_set(entry, item);
    }
}

struct weir__item weir__entry_mark(const struct weir__entry *entry) {
    struct weir__entry_mark mark;
    memcpy(&mark, entry->events, sizeof mark);
    return (struct weir__item){.demand = (uintptr_t)mark.value,
                               .first = entry->first,
                               .flags = mark.flags,
                               .kind = mark.kind};
}

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
    if (weir__entry_is_mark(entry)) {
        return 0;
    }
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
        bool mark = (item.flags & WEIR__MARK) != 0;
        if (!mark && !weir__queue_push(to, item)) {
            lost += item.count;
            weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, pool);
        }
    }
    return lost;
}
