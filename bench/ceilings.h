/*
 * The ceilings: what two cores of this machine can do without weir.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Benchmarks of the library run these in the same process and report ratios to
 * them.  They were written before the library was tuned and are frozen: a
 * change here moves every ratio and needs its reason in docs/transport.md.
 *
 *   ceiling_round_trip      one cache line there and back: the floor of
 *                           max_demand 1, which needs one per event
 *   ceiling_slices          the best loop over slices written by hand, without
 *                           blocks, counts, wake-ups, turns or callbacks
 *   ceiling_deep_ring       a long ring of batches, filled and summed in place: once its
 *                           lines have aged out of the private caches, neither side
 *                           waits for the other
 *   ceiling_ring_of_slots   the same with large events, each in a slot of its own that is told
 *                           and freed by itself; as many slots as the window has events
 *   ceiling_ring_per_event  what a plain queue does: one ck_ring entry per event
 *   ceiling_one_core        no second core: one thread fills and sums, and what else
 *                           there is to do, batch by batch in the nearest cache
 *   ceiling_one_core_slots  likewise, but as many slots as the window has events
 *   ceiling_trips           single trips, each timed: of a cache line, or between two
 *                           threads that sleep on a futex each
 *
 * All of them fill and sum their events with work.h, checked; what is
 * compared with them must do the same.
 */
#ifndef BENCH_CEILINGS_H
#define BENCH_CEILINGS_H

#include "race.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A demand window, as a subscription has it, and the size of an event. */
struct ceiling_window {
    uint32_t max;
    uint32_t min;
    uint32_t event_bytes; /* a multiple of 8 */
};

/*
 * How the sender gets its events into memory that the receiver reads.  Which is
 * best depends on the event's size, the window and the machine: the ceiling is
 * the best of them in the run at hand.
 */
enum ceiling_manner {
    CEILING_IN_PLACE, /* fills them where they will be read                        */
    CEILING_AHEAD,    /* the same in four windows, prefetching the next batch's lines */
    CEILING_SCRATCH,  /* fills a scratch of its own and copies it there by memcpy   */
    CEILING_STRING,   /* the same, by the processor's string copy (rep movsb)       */
    CEILING_MANNERS
};

/* Events of 8 bytes in batches of so many, in so many bytes of ring. */
struct ceiling_deep {
    uint32_t batch;
    uint32_t bytes; /* holds at least two batches */
};

/* What one thread does with a batch that it has filled, in this order. */
struct ceiling_chores {
    unsigned doubled; /* so often                                   */
    bool dealt;       /* out by remainders, and what each has summed */
    unsigned summed;  /* so often, as it lies                       */
};

/* nanoseconds: of the whole run, which moved `events` events (or trips). */
struct race_result ceiling_round_trip(struct race_cores cores, uint64_t trips);
struct race_result ceiling_slices(struct race_cores cores, struct ceiling_window window,
                                  enum ceiling_manner manner, uint64_t events);
struct race_result ceiling_deep_ring(struct race_cores cores, struct ceiling_deep deep,
                                     uint64_t events);
struct race_result ceiling_ring_of_slots(struct race_cores cores, struct ceiling_window window,
                                         uint64_t events);
struct race_result ceiling_ring_per_event(struct race_cores cores, uint64_t events);
struct race_result ceiling_one_core_slots(struct race_cores cores, struct ceiling_window window,
                                          uint64_t events);
struct race_result ceiling_one_core(struct race_cores cores, struct ceiling_window window,
                                    struct ceiling_chores chores, uint64_t events);

/* Trips one by one, each told in `each`: over a cache line, or asleep on a futex. */
struct race_result ceiling_trips(struct race_cores cores, bool asleep, uint64_t trips,
                                 double *each);

#ifdef __cplusplus
}
#endif

#endif
