/*
 * Rings: stages that feed each other, and each of which so waits for the others to end.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage that finishes ends after its producers and feeders.  In a ring nobody can be the
 * first.  But while all is at rest, and none of them holds or has been sent anything, no event
 * can come to any of them from within; and if all who feed them are among them, none from
 * without: they are through, all at once.
 *
 * One search at a time (runtime->search, by whoever drains) goes round the workers:
 *
 *   mark    each stage that waits for nothing but others takes the search's number (slot->ring)
 *   prune   until nothing changes: who is fed by one that has not that number loses it, and so
 *           does who feeds none that has it: behind a ring all end by themselves, after it
 *   tell    whoever is left, and was not told its end, is (stage/ending.c: unfed): it may emit,
 *           or push, what it keeps, and then there is another search when all is at rest again.
 *           From here on nothing comes from outside of the runtime's stages
 *   close   all were told, and nothing came of it: the mailboxes are closed.  If one cannot be,
 *           because something was sent to it, or a stage of its worker had a turn since the
 *           marking or is about to have one, those that were are opened again
 *           (a member that is closed has no turn: a late reminder, or the end of another, comes
 *           after that)
 *   end     they end
 *
 * A ring may also stall before that, when its windows are full: each waits for the demand of
 * the next.  So may branches that come together again.  When nobody waits for anything else (no
 * timer, no token of a stage that lives, no reader, no task) there is
 *
 *   relax   producer_consumers that may buffer without bound take what they were sent, though
 *           nobody asks them for events
 *
 *   writers of slot->ring   the stage's worker
 *   readers                 workers, of others'; a search's calls order them (M3 -> M4)
 *   still_at                the worker's turns at the marking; who had none since has changed
 *                           nothing, and sent nothing
 * A worker that takes long is not waited for, and does later what it was asked, in order.  All
 * are told of the end, or of the opening, whether one of them answers or not; that needs no
 * memory (worker->ring_end), and the next search begins when all have heard of it (T21 -> T22).
 * All else may fail for want of memory: then there is another search, until the drain's time is up.
 * Model: tests/model/rings.pml.  Wrap: searches are numbered with 64 bits.
 */
#ifndef WEIR__RUNTIME_RINGS_H
#define WEIR__RUNTIME_RINGS_H

#include "runtime/runtime.h"

/* Everything is at rest while the runtime drains.  True: some have been told, or have ended,
 * and things move again. */
bool weir__rings_break(weir_runtime *runtime);

#endif
