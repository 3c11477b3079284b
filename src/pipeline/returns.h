/*
 * Returns: the way of settled records back to their source's thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stack of chains of runs' heads (ledger.h), taken whole.  Its head says more than what is there:
 *
 *   NULL      nothing is, and the source looks by itself
 *   SLEEPS    nothing is, and the source sleeps, or is about to: who pushes rings
 *   ORPHANED  the source has gone: what comes is counted, and the last one buries the ledger
 *   a record  of a chain, at whose end is NULL, or SLEEPS
 *
 *   field   writers                               readers
 *   head    who settles (CAS); the source         the same
 *   told    who has pushed over SLEEPS, and rung  the source
 *   left    who settles for an orphan, down       the same
 *
 * Who has pushed does not touch the ledger any more: all might be settled by that, and the source
 * over and freed.  But for who pushed over SLEEPS: he rings, and says that he has (`told`), and the
 * source, which finds SLEEPS at the chain's end, waits until he has said so.
 *
 * Ordering.  head is moved by locked operations.
 *   RT1 -> RT2  a push (full) -> a take (full): the records are the source's.
 *   RT3 -> RT4  Dekker in one word: the source makes NULL to SLEEPS; who pushes before makes that
 *             fail, who pushes after it sees SLEEPS.  Nobody needs a fence more.
 *   RT5 -> RT6  told goes up (full), the pusher's last access -> is read (acquire).
 *   RT7 -> RT8  left is set before head is ORPHANED (full) -> who sees that (acquire); and who
 *             counts the last one (full) sees what the others did.
 * Model: tests/model/returns.pml.
 * Progress: a push is lock-free; a take waits for who rings, which is two steps and a system call.
 * No ABA: nothing is compared but in a push, which does not look at the record below.
 * Wrap: told and the source's count of it have 32 bits, and differ by 1 at most.
 */
#ifndef WEIR__PIPELINE_RETURNS_H
#define WEIR__PIPELINE_RETURNS_H

#include "pipeline/ledger.h"

struct weir__returns {
    struct weir__record *head;
    uint64_t left;
    uint32_t told;
    uint32_t rings; /* the source's: how often somebody was to ring */
};

enum weir__pushed { WEIR__PUSHED, WEIR__PUSHED_RING, WEIR__PUSHED_NOT };

/* Pushes a chain.  RING: the caller rings, and then says so; NOT: it is an orphan's, and the
 * caller counts it off when he has done what is to be done. */
enum weir__pushed weir__returns_push(struct weir__returns *returns, struct weir__record *first,
                                     struct weir__record *last);
void weir__returns_rung(struct weir__returns *returns);

/* So many of an orphan's are done with: true: they were the last, and the ledger is the caller's
 * to bury. */
bool weir__returns_count_off(struct weir__returns *returns, uint64_t count);

/* The source's, which sleeps no more: all that is there, linked by next, in no order.  NULL:
 * nothing. */
struct weir__record *weir__returns_take(struct weir__returns *returns);

/* It is about to sleep.  False: something is there. */
bool weir__returns_lie_down(struct weir__returns *returns);

/* It sleeps, and nothing has come. */
bool weir__returns_none(const struct weir__returns *returns);

/* The source leaves, with so many records out, 1 or more.  Returns those that had come before,
 * which are its to count off. */
struct weir__record *weir__returns_orphan(struct weir__returns *returns, uint64_t out);

#endif
