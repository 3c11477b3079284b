/*
 * Spans: see spans.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/spans.h"

#include "memory/pool.h"

uint64_t weir__spans_about(const struct weir__item *item, uint64_t count) {
    const struct weir__block *block = item->block;
    return block->lender == NULL
               ? 0
               : weir__spans_bytes(block->type->spans, weir__block_event(block, item->first)) *
                     count;
}

bool weir__spans_copy(struct weir__block *block, uint32_t count, struct weir__pool *here) {
    const unsigned spans = block->type->spans;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += weir__spans_bytes(spans, weir__block_event(block, i));
    }
    struct weir__block *lender = weir__pool_get(here, 1, NULL, bytes);
    if (lender == NULL) {
        return false;
    }
    char *to = weir__block_event(lender, 0);
    for (uint32_t i = 0; i < count; i++) {
        void *event = weir__block_event(block, i);
        weir__spans_write(spans, spans * sizeof(weir_bytes), event, event, to);
        to += weir__spans_bytes(spans, event);
    }
    weir__block_hold(lender, here);
    weir__block_close(lender, here);
    block->lender = lender;
    return true;
}
