/*
 * Numbers as events: see events.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool there) {
    if (there) return;
    fprintf(stderr, "tests: no memory\n");
    abort();
}

struct weir__item events_item(struct weir__pool *pool, const uint64_t *numbers, uint32_t count) {
    struct weir__block *block = weir__pool_get(pool, sizeof *numbers, NULL, count);
    need(block != NULL);
    memcpy(weir__block_event(block, 0), numbers, count * sizeof *numbers);
    block->used = count;
    weir__block_hold(block, pool);
    weir__block_close(block, pool);
    return (struct weir__item){.block = block, .count = count, .event_bytes = sizeof *numbers};
}

void events_push(struct weir__queue *queue, struct weir__pool *pool, const uint64_t *numbers,
                 size_t count, size_t per_block) {
    size_t most = per_block ? per_block : count;
    for (size_t at = 0; at < count;) {
        size_t size = count - at < most ? count - at : most;
        need(weir__queue_push(queue, events_item(pool, numbers + at, (uint32_t)size)));
        at += size;
    }
}

void events_push_range(struct weir__queue *queue, struct weir__pool *pool, uint64_t first,
                       size_t count, size_t per_block) {
    uint64_t *numbers = calloc(count ? count : 1, sizeof *numbers);
    need(numbers != NULL);
    for (size_t i = 0; i < count; i++) numbers[i] = first + i;
    events_push(queue, pool, numbers, count, per_block);
    free(numbers);
}
