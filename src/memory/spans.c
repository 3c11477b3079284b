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

/* spans: the type's, a constant where it may be one. */
static inline uint64_t weigh_payload(const unsigned char *event, uint32_t event_bytes,
                                     uint32_t count, unsigned spans) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++, event += event_bytes) {
        bytes += weir__spans_bytes(spans, event);
    }
    return bytes;
}

uint64_t weir__item_weigh(const struct weir__item *item, uint32_t first, uint32_t count) {
    const uint64_t fixed = (uint64_t)count * item->event_bytes;
    const weir_event_type *type = weir__item_type(item);
    if (type == NULL || type->spans == 0) {
        return fixed;
    }
    const unsigned char *event = weir__block_event(item->block, item->first + first);
    return fixed + (type->spans == 1 ? weigh_payload(event, item->event_bytes, count, 1)
                                     : weigh_payload(event, item->event_bytes, count, type->spans));
}

uint64_t weir__queue_fits(const struct weir__queue *queue, uint64_t bytes) {
    uint64_t events = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        for (uint32_t k = 0; k < item->count; k++) {
            uint64_t its = weir__item_weigh(item, k, 1);
            if (its > bytes) {
                return events;
            }
            bytes -= its;
            events++;
        }
    }
    return events;
}

uint64_t weir__queue_weigh(const struct weir__queue *queue, uint64_t events) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; events > 0; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        uint32_t count = events < item->count ? (uint32_t)events : item->count;
        bytes += weir__item_weigh(item, 0, count);
        events -= count;
    }
    return bytes;
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
