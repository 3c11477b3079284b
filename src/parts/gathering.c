/*
 * Gathering: a batch while it is filled.  See gathered.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/spans.h"
#include "parts/gathered.h"

#include <string.h>

enum { GATHERED_FIRST_BYTES = 4096, PAYLOAD_MOST_BYTES = 1 << 21 };

/* ---- room --------------------------------------------------------------------- */

bool weir__gathering_grow(struct weir__gathering *gathering,
                          const struct weir__gathering_input *input, uint32_t expected) {
    struct weir__block *old = gathering->block;
    uint64_t events = old == NULL ? expected : 2 * (uint64_t)old->capacity;
    struct weir__block *block =
        weir__pool_get(input->pool, input->event_bytes, input->type, events);
    if (block == NULL) {
        return false;
    }
    if (old != NULL) {
        memcpy(weir__block_event(block, 0), weir__block_event(old, 0),
               (size_t)gathering->count * input->event_bytes);
        weir__block_close(old, input->pool); /* nobody else has it: its words are as they were */
    }
    gathering->block = block;
    return true;
}

/* A block of payload that is full is held by the next one. */
static bool grow_batch_payload(struct weir__gathering *gathering, size_t bytes,
                               struct weir__pool *pool) {
    struct weir__block *old = gathering->payload;
    uint64_t fresh = old == NULL ? GATHERED_FIRST_BYTES : 2 * (uint64_t)old->capacity;
    fresh = fresh < PAYLOAD_MOST_BYTES ? fresh : PAYLOAD_MOST_BYTES;
    struct weir__block *payload = weir__pool_get(pool, 1, NULL, fresh > bytes ? fresh : bytes);
    if (payload == NULL) {
        return false;
    }
    if (old != NULL) {
        weir__block_hold_filling(old, pool);
        weir__block_close(old, pool);
        payload->lender = old;
    }
    gathering->payload = payload;
    return true;
}

/* ---- putting in ------------------------------------------------------------------ */

static size_t payload_of_input(const struct weir__gathering_input *input, uint32_t index) {
    return weir__spans_bytes(input->type->spans,
                             input->events + (size_t)index * input->event_bytes);
}

/* Its fixed part is there already, and its spans are those of the input still. */
static void copy_event_payload(struct weir__gathering *gathering, const weir_event_type *type,
                               void *event, size_t bytes) {
    struct weir__block *payload = gathering->payload;
    weir__spans_write(type->spans, type->spans * sizeof(weir_bytes), event, event,
                      weir__block_event(payload, payload->used));
    payload->used += (uint32_t)bytes;
}

/* One that has spans: with what they point at. */
static weir_status put_one_with_payload(struct weir__gathering *gathering,
                                        const struct weir__gathering_input *input, uint32_t index) {
    const struct weir__item *item = input->item;
    struct weir__block *payload = gathering->payload;
    size_t bytes = payload_of_input(input, index);
    if ((payload == NULL || payload->capacity - payload->used < bytes) &&
        !grow_batch_payload(gathering, bytes, input->pool)) {
        return WEIR_NO_MEMORY;
    }
    void *to = weir__block_at(gathering->block, gathering->count, input->event_bytes);
    weir_status status = weir__owned_move(item->block, item->first + index, 1, to, input->pool);
    if (status == WEIR_OK) {
        copy_event_payload(gathering, input->type, to, bytes);
        gathering->count++;
    }
    return status;
}

weir_status weir__gathering_put(struct weir__gathering *gathering,
                                const struct weir__gathering_input *input, uint32_t first,
                                uint32_t count) {
    struct weir__item *item = input->item;
    const weir_event_type *type = input->type;
    void *to = weir__block_at(gathering->block, gathering->count, input->event_bytes);
    if (type == NULL) {
        memcpy(to, input->events + (size_t)first * input->event_bytes,
               (size_t)count * input->event_bytes);
        gathering->count += count;
        return WEIR_OK;
    }
    item->flags |= WEIR__TAKEN; /* some are, or all are as they were */
    if (type->spans > 0) {
        WEIR__CHECK(count == 1);
        return put_one_with_payload(gathering, input, first);
    }
    weir_status status = weir__owned_move(item->block, item->first + first, count, to, input->pool);
    gathering->count += status == WEIR_OK ? count : 0;
    return status;
}

/* ---- its end --------------------------------------------------------------------- */

/* The one reference to a block that is filled no more. */
static void seal_block(struct weir__block *block, struct weir__pool *pool) {
    weir__block_hold_filling(block, pool);
    weir__block_close(block, pool);
}

static void empty_gathering(struct weir__gathering *gathering) {
    gathering->block = NULL;
    gathering->payload = NULL;
    gathering->count = 0;
    gathering->bytes = 0;
    gathering->sum = 0;
}

void weir__gathering_close(struct weir__gathering *gathering, struct weir__pool *pool,
                           weir_gathered *out) {
    struct weir__block *block = gathering->block;
    if (gathering->payload != NULL) {
        seal_block(gathering->payload, pool);
        block->lender = gathering->payload;
    }
    block->used = gathering->count;
    seal_block(block, pool);
    out->events = weir__block_event(block, 0);
    out->count = gathering->count;
    out->event_bytes = block->event_bytes;
    out->type = block->type;
    out->reserved[0] = (uintptr_t)block;
    empty_gathering(gathering);
}

void weir__gathering_abandon(struct weir__gathering *gathering, struct weir__pool *pool,
                             weir_discard why) {
    weir_gathered batch = {.count = 0};
    if (gathering->block != NULL) {
        weir__gathering_close(gathering, pool, &batch);
        struct weir__block *block = (struct weir__block *)batch.reserved[0];
        uint32_t flags = block->type != NULL ? WEIR__OWNING : 0;
        weir__slice_discard(block, 0, batch.count, flags, why, pool);
    }
}
