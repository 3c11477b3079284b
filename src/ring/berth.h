/*
 * A berth: where threads sleep until something is there for them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whoever finds nothing lies down: he notes how often the berth was rung, says that he sleeps,
 * looks once more, and only then sleeps, unless it was rung meanwhile.  Whoever has brought
 * something, and made sure that it is seen, looks whether anybody sleeps, and rings.
 *
 *   field     writers                      readers
 *   sleepers  who sleeps, up and down      who wakes
 *   rung      who wakes; a futex           who sleeps
 *
 * Ordering:
 *   E1 -> E2  Dekker: "bring; fence; read sleepers" with "sleepers up; look": nobody sleeps
 *             beside what was brought before.
 * Who has said that he sleeps and has not fallen asleep yet is not woken but kept from
 * sleeping: `rung` has changed since he noted it.
 * Model: tests/model/quay.pml.  Progress: all of it is wait-free but for the sleep.  Wrap: a
 * sleeper would have to stand still for 2^32 rings.
 */
#ifndef WEIR__RING_BERTH_H
#define WEIR__RING_BERTH_H

#include "base/atomic.h"

struct weir__berth {
    uint32_t sleepers;
    uint32_t rung;
};

/* Says that this thread sleeps (a full fence): what it looks for it looks for once more behind
 * this.  Returns what weir__berth_sleep is to be given. */
static inline uint32_t weir__berth_lie_down(struct weir__berth *berth) {
    uint32_t rung = weir__load_relaxed_u32(&berth->rung);
    weir__fetch_add_u32(&berth->sleepers, 1); /* E1 -> E2 */
    return rung;
}

/* It does not, or not any more. */
static inline void weir__berth_get_up(struct weir__berth *berth) {
    weir__fetch_sub_u32(&berth->sleepers, 1);
}

/* In between: sleeps until it is rung, or that moment of the monotonic clock (UINT64_MAX: none),
 * or for no reason. */
void weir__berth_sleep(struct weir__berth *berth, uint32_t rung, uint64_t deadline_ns);

/* Wakes whoever sleeps, or is about to. */
void weir__berth_ring(struct weir__berth *berth);

/* Wakes at most `most` sleepers, if there are any.  Behind a full fence, or a locked operation. */
void weir__berth_wake(struct weir__berth *berth, uint32_t most);

#endif
