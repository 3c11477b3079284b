/*
 * The berth: see berth.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/berth.h"

#include "os/futex.h"

#include <limits.h>

void weir__berth_sleep(struct weir__berth *berth, uint32_t rung, uint64_t deadline_ns) {
    weir__futex_wait(&berth->rung, rung, deadline_ns);
}

static void ring_for(struct weir__berth *berth, uint32_t most) {
    weir__fetch_add_u32(&berth->rung, 1);
    weir__futex_wake(&berth->rung, most < INT_MAX ? (int)most : INT_MAX);
}

void weir__berth_ring(struct weir__berth *berth) {
    ring_for(berth, UINT32_MAX);
}

void weir__berth_wake(struct weir__berth *berth, uint32_t most) {
    uint32_t sleepers = weir__load_relaxed_u32(&berth->sleepers); /* E1 -> E2 */
    if (sleepers > 0) {
        ring_for(berth, most < sleepers ? most : sleepers);
    }
}
