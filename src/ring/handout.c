/*
 * The handout: see handout.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/handout.h"

void weir__handout_open(struct weir__handout *handout, struct ck_ring_buffer *slots,
                        uint32_t entries, uint32_t start) {
    ck_ring_init(&handout->ring, entries);
    handout->ring.c_head = start;
    handout->ring.p_tail = start;
    handout->ring.p_head = start;
    handout->slots = slots;
    handout->berth = (struct weir__berth){0};
    handout->closed = 0;
}

uint32_t weir__handout_room(const struct weir__handout *handout) {
    return ck_ring_capacity(&handout->ring) - 1 - ck_ring_size(&handout->ring);
}

void weir__handout_put(struct weir__handout *handout, void *entry) {
    struct ck_ring_buffer *slot = ck_ring_enqueue_reserve_spmc(&handout->ring, handout->slots);
    weir__fence_acquire(); /* H3 -> H4: ck_ring only has a branch between load and write */
    weir__store_relaxed_ptr(&slot->value, entry);
    ck_ring_enqueue_commit_spmc(&handout->ring); /* H1 -> H2 */
}

void weir__handout_tell(struct weir__handout *handout, uint32_t count) {
    weir__fence_full(); /* H5 -> H6 */
    weir__berth_wake(&handout->berth, count);
}

void *weir__handout_take(struct weir__handout *handout) {
    uint32_t head = weir__load_acquire_u32(&handout->ring.c_head); /* before p_tail: H1 -> H2 */
    void *entry;
    do {
        if (weir__load_acquire_u32(&handout->ring.p_tail) == head) { /* H1 -> H2 */
            return NULL;
        }
        entry = weir__load_relaxed_ptr(&handout->slots[head & handout->ring.mask].value);
    } while (!weir__cas_u32(&handout->ring.c_head, &head, head + 1)); /* H3 -> H4 */
    return entry;
}

static bool is_handed_out(const struct weir__handout *handout) {
    uint32_t head = weir__load_acquire_u32(&handout->ring.c_head); /* before p_tail: H5 -> H6 */
    return weir__load_relaxed_u32(&handout->ring.p_tail) == head;
}

bool weir__handout_wait(struct weir__handout *handout) {
    uint32_t rung = weir__berth_lie_down(&handout->berth); /* H5 -> H6 */
    bool open = weir__load_relaxed_u32(&handout->closed) == 0;
    if (open && is_handed_out(handout)) {
        weir__berth_sleep(&handout->berth, rung, UINT64_MAX);
    }
    weir__berth_get_up(&handout->berth);
    return open;
}

void weir__handout_close(struct weir__handout *handout) {
    weir__exchange_u32(&handout->closed, 1);
    weir__berth_ring(&handout->berth); /* whoever looked before it does not sleep */
}
