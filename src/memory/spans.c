/*
 * Spans: see spans.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/spans.h"

#include "memory/pool.h"

#include <string.h>

uint64_t weir__spans_about(const struct weir__item *item, uint64_t count) {
    const struct weir__block *block = item->block;
    return block->lender == NULL
               ? 0
               : weir__spans_bytes(block->type->spans, weir__block_event(block, item->first)) *
                     count;
}

/* Copies one event's payload to `to`, where its spans point from then on; returns its end. */
static char *move_payload(const weir_event_type *type, void *event, char *to) {
    weir_bytes *spans = event;
    for (unsigned i = 0; i < type->spans; i++) {
        if (spans[i].count > 0) {
            memcpy(to, spans[i].at, spans[i].count);
        }
        spans[i].at = to;
        to += spans[i].count;
    }
    return to;
}

bool weir__spans_copy(struct weir__block *block, uint32_t count, struct weir__pool *here) {
    const weir_event_type *type = block->type;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += weir__spans_bytes(type->spans, weir__block_event(block, i));
    }
    struct weir__block *lender = weir__pool_get(here, 1, NULL, bytes);
    if (lender == NULL) {
        return false;
    }
    char *to = weir__block_event(lender, 0);
    for (uint32_t i = 0; i < count; i++) {
        to = move_payload(type, weir__block_event(block, i), to);
    }
    weir__block_hold(lender, here);
    weir__block_close(lender, here);
    block->lender = lender;
    return true;
}
