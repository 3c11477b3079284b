/*
 * The outbox: see outbox.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/outbox.h"

#include "base/check.h"
#include "edge/rack.h"

void weir__edge_heat_cold(struct weir__edge *edge, enum weir__direction direction) {
    struct weir__ready_edge *ready = &edge->ready[direction];
    if (edge->local) {
        weir__store_relaxed_u32(&ready->raised, 1); /* no other worker looks */
    } else if (weir__exchange_u32(&ready->raised, 1) != 0) {
        return; /* a publisher has pushed it, or is about to */
    }
    weir__edge_hold(edge);
    weir__ready_heat(edge->at[direction], ready);
}

void weir__edge_unheat(struct weir__edge *edge, enum weir__direction direction) {
    weir__ready_unheat(edge->at[direction], &edge->ready[direction]);
    if (!edge->ready[direction].polled) {
        weir__edge_release(edge);
    }
}

/* Kept in checked builds, for weir__edge_release. */
static inline void mark_in_outbox(const struct weir__ready_edge *ready, bool in_outbox) {
    if (WEIR__CHECKED) {
        struct weir__edge *edge = ready->edge;
        edge->in_outbox[ready->direction] = in_outbox;
    }
}

void weir__outbox_touch_abroad(struct weir__outbox *outbox, struct weir__edge *edge,
                               enum weir__direction direction) {
    struct weir__ready_edge *ready = &edge->ready[direction];
    for (uint32_t i = 0; i < outbox->count; i++) {
        if (outbox->pending[i] == ready) {
            return;
        }
    }
    if (outbox->count == WEIR__OUTBOX_EDGES) {
        weir__outbox_flush_pending(outbox);
    }
    outbox->pending[outbox->count++] = ready;
    mark_in_outbox(ready, true);
}

/* Of a cold edge: lines that the other core has, and the next steps write one by one. */
static void fetch_cold(const struct weir__ready_edge *ready) {
    if (weir__load_relaxed_u32(&ready->raised) == 0) {
        const struct weir__edge *edge = ready->edge;
        weir__prefetch_to_write(edge->at[ready->direction]);
        weir__prefetch_to_write(&edge->refs);
    }
}

void weir__outbox_flush_pending(struct weir__outbox *outbox) {
    for (uint32_t i = 0; i < outbox->count; i++) fetch_cold(outbox->pending[i]);
    weir__fence_full(); /* F1 -> F2 */
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct weir__ready_edge *ready = outbox->pending[i];
        mark_in_outbox(ready, false);
        if (WEIR__UNLIKELY(weir__ready_raise(ready))) {
            struct weir__edge *edge = ready->edge;
            weir__edge_hold(edge);
            weir__ready_push(ready, edge->at[ready->direction]);
        }
    }
    outbox->count = 0;
    while (outbox->rack != NULL) {
        struct weir__rack *rack = outbox->rack;
        outbox->rack = rack->outbox_next;
        rack->touched = false;
        weir__rack_wake(rack);
    }
}

void weir__outbox_let_go(struct weir__outbox *outbox, struct weir__edge *edge) {
    weir__outbox_flush(outbox);
    weir__edge_release(edge);
}

void weir__outbox_touch_rack(struct weir__outbox *outbox, struct weir__rack *rack) {
    if (!rack->touched) {
        rack->touched = true;
        rack->outbox_next = outbox->rack;
        outbox->rack = rack;
    }
}
