/*
 * Lifted events: see lifted.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/lifted.h"

#include "memory/pool.h"

#include <string.h>

struct weir__lifted weir__lift(const struct weir__item *item, uint32_t index, const void *event,
                               void *to, struct weir__pool *here) {
    const weir_event_type *type = weir__item_type(item);
    if (type != NULL && weir__owned_lift(item->block, item->first + index, to)) {
        return (struct weir__lifted){.type = type, .as = WEIR__LIFTED_MOVED};
    }
    memcpy(to, event, item->event_bytes);
    if (type == NULL) {
        return (struct weir__lifted){.as = WEIR__LIFTED_FLAT};
    }
    weir__block_hold(item->block, here);
    bool held = weir__owned_hold(item->block, item->first + index, 1);
    WEIR__CHECK(held); /* its batch is one of few */
    (void)held;
    return (struct weir__lifted){
        .block = item->block, .index = item->first + index, .as = WEIR__LIFTED_HELD};
}

weir_status weir__lifted_take(struct weir__lifted *lifted, const void *event, void *to) {
    if (lifted->as == WEIR__LIFTED_FLAT || lifted->taken) {
        return WEIR_INVALID;
    }
    if (lifted->as == WEIR__LIFTED_HELD) {
        weir_status status = weir__owned_take(lifted->block, lifted->index, 1, to, NULL);
        lifted->taken = status == WEIR_OK;
        return status;
    }
    memcpy(to, event, lifted->type->bytes);
    lifted->taken = true;
    return WEIR_OK;
}

void weir__lifted_drop(struct weir__lifted *lifted, const void *event, weir_discard why,
                       struct weir__pool *here) {
    if (lifted->as == WEIR__LIFTED_HELD) {
        weir__slice_discard(lifted->block, lifted->index, 1, WEIR__OWNING, why, here);
    } else if (lifted->as == WEIR__LIFTED_MOVED) {
        weir__owned_drop_lifted(lifted->type, event, lifted->taken, why, here);
    }
    lifted->as = WEIR__LIFTED_FLAT;
}
