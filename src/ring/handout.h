/*
 * The handout: pointers from one thread to whichever of many is free.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Concurrency Kit's ring with one side single: one putter, many takers, and a
 * berth where takers sleep while it is empty.  Many may take because taking
 * never waits: a taker that loses its race tries again.  Only one may put,
 * because CK's ring makes putters wait for each other: one that is preempted
 * between its two steps holds up all others for a time slice
 * (docs/decisions/08-handout.md has what that costs).
 *
 *   field      writers                        readers
 *   slots      the putter                     takers
 *   p_tail     the putter                     takers
 *   c_head     takers, by compare-and-swap    all
 *   berth      see berth.h
 *   closed     whoever closes it              takers
 *
 * Ordering:
 *   H1 -> H2  p_tail: publishes the slot, and what its pointer points to
 *   H3 -> H4  c_head: the slot has been read; it may be written anew
 *   H5 -> H6  the berth's E1 -> E2: "put; fence; wake" with "lie down; read p_tail": nobody
 *             sleeps beside an entry that was put before
 * A slot may be overwritten while a taker that came too late reads it: its
 * compare-and-swap then fails.  So slots are read and written by atomics.
 * Progress: putting is wait-free, but for waking; taking is lock-free.
 * Wrap: indices are 32-bit and wrap freely; a taker would have to stand still
 * for 2^32 entries to mistake an index.
 * Model: tests/model/quay.pml, of the berth.
 */
#ifndef WEIR__RING_HANDOUT_H
#define WEIR__RING_HANDOUT_H

#include "base/attributes.h"
#include "ring/berth.h"

#include <ck_ring.h>
#include <stdbool.h>

struct weir__handout {
    struct ck_ring ring;
    struct ck_ring_buffer *slots;
    WEIR__APART struct weir__berth berth;
    uint32_t closed;
};

/* slots: room for `entries`, a power of two; it holds one less.  start: the first index. */
void weir__handout_open(struct weir__handout *handout, struct ck_ring_buffer *slots,
                        uint32_t entries, uint32_t start);

/* The putter: how many puts cannot fail now. */
uint32_t weir__handout_room(const struct weir__handout *handout);

/* The putter: puts where there is room.  Takers see it; those asleep, when they are told. */
void weir__handout_put(struct weir__handout *handout, void *entry);

/* The putter: `count` entries were put: wakes as many sleepers, if there are. */
void weir__handout_tell(struct weir__handout *handout, uint32_t count);

/* Any thread: the oldest entry.  NULL: there is none. */
void *weir__handout_take(struct weir__handout *handout);

/* A taker: sleeps until there is something, or it is closed (then false), or for no reason. */
bool weir__handout_wait(struct weir__handout *handout);

/* Any thread: sends all takers home, for good. */
void weir__handout_close(struct weir__handout *handout);

#endif
