/*
 * The shared dispatcher, as its stage knows it besides the table.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a consumer that leaves has taken is only known when its last mail is
 * here, and what is then taken back goes through the stage's buffer: so the
 * stage tells the dispatcher, where with others the table's functions do.
 * Only for a desk that has a rack; `state` is the dispatcher's.
 */
#ifndef WEIR__DISPATCH_SHARED_H
#define WEIR__DISPATCH_SHARED_H

#include "dispatch/seam.h"

/* What it has asked for, by the dispatcher's account (in checked builds). */
uint64_t weir__shared_asked(const weir_outlet *consumer);

/* The equation of shared.c, at a quiet point, with those sums. */
void weir__shared_open_check(const void *state, uint64_t asked, uint64_t taken, uint64_t waiting);

/* True once after entries have become smaller: those that wait are to be cut anew. */
bool weir__shared_grain_fell(void *state);

/*
 * A consumer has left, having taken `taken` events in all.  Then take the excess back.
 * Returns the demand to pass upstream.
 */
uint64_t weir__shared_left(void *state, weir_outlet *consumer, uint64_t taken);

/* How many events wait that nobody has asked for (any more). */
uint64_t weir__shared_excess(const void *state);

/* `count` events that were sent and that nobody has taken are taken back. */
void weir__shared_recalled(void *state, uint64_t count);

#endif
