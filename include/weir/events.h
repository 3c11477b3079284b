/*
 * Events: how a callback takes batches apart and emits events of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of these are for the running callback's own stage, on its own worker.
 * What a callback emits is dispatched when it returns, as one emission, so a
 * consumer may get it as one message (GenStage: the events that a callback
 * returns).  Emitting is allowed in every callback but init and terminate.
 *
 * "Ownership" says whose events are that own something (event.h): weir's, which drops each
 * once, or the callback's.  To events that own nothing it makes no difference.
 */
#ifndef WEIR_EVENTS_H
#define WEIR_EVENTS_H

#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a callback returns: go on; stop, which discards what the stage holds (say why with
 * weir_stop_with); or finish, which lets it go out first (weir_finish, in ending.h).  Any other
 * value stops the stage, with BAD_RETURN, and an error is logged that says which callback's it was.
 */
typedef enum weir_verdict { WEIR_CONTINUE = 0, WEIR_STOP = 1, WEIR_FINISH = 2 } weir_verdict;

/*
 * Some consecutive events of one producer, contiguous in memory.
 *
 * Alignment.  Events lie side by side, so each is aligned to the largest power of two
 * that divides event_bytes, at most 16: of 8, 24 or 40 bytes to 8, of 12 to 4, of 16 or
 * 48 to 16, of 7 to nothing.  That is enough for any C type of that size, unless it was
 * made to need more than 16.  It holds wherever weir shows an event or room for one: in
 * batches, weir_reserve, streams, iterators, selectors, hashes and dispatchers.
 *
 * Size.  What an automatic subscription's window cuts (subscription.h), or a manual one's
 * whole message, is one batch if it fits in 64 KiB.  If not it comes in pieces, one
 * after the other and nothing between, each a batch for the callback: where they lie, as
 * the producer's blocks have them, and without a copy.  So do events that own something
 * (event.h) and that others have had, too, where they do not lie together.  So batches may be
 * smaller than max_demand - min_demand, and are never larger.
 *
 * Lifetime: until the callback returns.  The events are not to be written to
 * through `events`; see weir_own.
 *
 * Ownership: weir's; the callback borrows.  When it returns, what was not forwarded, stashed or
 * taken is dropped: HANDLED, or ABANDONED if it stopped the stage with an abnormal reason.
 *
 * A batch is handed over by value, in two registers, and so is a weir_room: a loop over its
 * events may store whatever it likes without touching the count it runs to, and compilers can
 * vectorize it (gcc -O3, clang -O2).  What else there is to know of it the stage says:
 * weir_batch_subscription, weir_batch_event_bytes.
 */
typedef struct weir_batch {
    const void *events; /* count events, aligned as above  */
    size_t count;       /* 0 only on a manual subscription */
} weir_batch;

/* Room for events, to be written to; aligned as a batch. */
typedef struct weir_room {
    void *events; /* NULL: there is none        */
    size_t count; /* how many events fit; then 0 */
} weir_room;

/*
 * About the batch at hand, the one that the running handle_events was given: the subscription
 * that it came by, and the size that its producer emits.  {0} and 0 in other callbacks.
 */
weir_subscription weir_batch_subscription(const weir_stage *self);
size_t weir_batch_event_bytes(const weir_stage *self);

/*
 * Emits `count` events by copying them.
 * Arguments  events: count times the stage's event_bytes; may be anywhere.
 * Returns    WEIR_OK; WEIR_NO_MEMORY with nothing emitted: they are the callback's
 *            still; WEIR_INVALID for a stage that does not emit (a consumer's events
 *            are discarded and counted, as in GenStage) or outside a callback.
 * Ownership  weir's after WEIR_OK, else the caller's, all of them.
 * Cost       one copy; no other core's cache line is touched.
 */
weir_status weir_emit(weir_stage *self, const void *events, size_t count);

/*
 * Opens room for up to `want` events to be written in place.  All the memory that
 * it takes to emit them is taken here: once there is room, weir_commit cannot fail.
 * Arguments  want: at least 1.
 * Returns    where to write, and how many fit: 1..want, which may be less than want, for
 *            blocks hold at most 64 KiB.  {NULL, 0} when there is no memory or the stage
 *            cannot emit (weir_refusal).  What was emitted before stays emitted.
 * Ownership  what is written there is the callback's until weir_commit has said WEIR_OK.
 * Lifetime   until weir_commit, or the next reserve, emit or forward.
 */
weir_room weir_reserve(weir_stage *self, size_t want);

/*
 * Emits the first `count` events of the room last reserved; the rest of the
 * room goes back.
 * Returns    WEIR_OK, or WEIR_INVALID with nothing emitted when count exceeds the
 *            room (there is none any more after a commit, emit or forward).
 * Ownership  weir's after WEIR_OK: of the first `count`; the rest is the callback's, as all
 *            are when it was refused.
 */
weir_status weir_commit(weir_stage *self, size_t count);

/*
 * Emits the whole batch at hand without copying it (a batch of at most 40 bytes may
 * be copied).  Only for a stage whose event_bytes equals the batch's, and whose type is the
 * same weir_event_type, or none.
 * Returns    WEIR_CONTINUE, so that a callback may end with it; WEIR_STOP with reason
 *            NO_MEMORY: the events are discarded, counted and told, and the batch is
 *            used up; WEIR_STOP with reason BAD_RETURN: there is none that may be
 *            forwarded here, and nothing has changed (weir_refusal and the log say why).
 * Ownership  weir's as before.  For want of memory they are dropped, as NO_MEMORY; those that
 *            may not be forwarded are dropped when the callback returns, as in any batch.
 * Each batch may be forwarded once.
 */
weir_verdict weir_forward(weir_stage *self);

/*
 * Makes the events of the batch at hand writable by this callback: in place when nobody
 * else holds them, else copied first.
 * Returns    where to write; what is written there is what weir_forward emits and weir_stash
 *            keeps.  After a copy the batch's own `events` are as they were, to be read until
 *            the callback returns.  NULL when there is no memory to copy to: the batch is to be
 *            read, forwarded, or tried again; or when no batch is at hand, or it was forwarded
 *            (weir_refusal says which).
 * Ownership  weir's as before.  Copies are made by the type's `copy`, and dropped like the
 *            others; NULL, too, when it has none or it fails.  Whoever replaces what an event
 *            owns gives back what it owned.
 */
void *weir_own(weir_stage *self);

/*
 * What is asked for right now, and would go to consumers at once, less what the running callback
 * has emitted: so many events; and in bytes what a consumer that has asked for some has room for
 * (max_bytes, in subscription.h), of several the one with most room, but with a broadcast the one
 * with least.  bytes is UINT64_MAX where nobody bounds them, and where that one has nothing under
 * way, until something was emitted: one event passes however long it is.  Events beyond are
 * buffered; bytes beyond are sent, as far as events are asked for.  A stage that goes on though
 * nobody asks, since a drain would stall, sees no bounds.
 * Returns    {0, 0} for a consumer, and while demand is held back (WEIR_ACCUMULATE).
 * Threads    the running callback's, any of them.
 * Cost       a walk over the stage's consumers, where some bound bytes, and over what was emitted
 *            since the last look.
 */
typedef struct weir_asked {
    uint64_t events;
    uint64_t bytes;
} weir_asked;

weir_asked weir_open_demand(weir_stage *self);

/*
 * In handle_events: leaves events from..count-1 of the batch at hand for later.  They were not
 * begun, and come again, before anything that is behind them, as a batch or more: at a
 * producer_consumer when it is asked for events (again); at a consumer in its next turns, when
 * others had theirs.  Until then they are neither handled nor asked for anew, as if they had not
 * come.
 * Arguments  from: 0 to the batch's count, which leaves nothing.
 * Returns    WEIR_OK; WEIR_NO_MEMORY with nothing left: they are the callback's to handle;
 *            WEIR_INVALID likewise where no batch is at hand, or it was forwarded, or it has
 *            fewer, and where some of those were taken or stashed.
 * Ownership  weir's as before, and not dropped when the callback returns.
 * A producer_consumer that leaves all of a batch and emits nothing is called again when some
 * consumer is through with bytes that it has, if there is such a one; else in its next turn.
 */
weir_status weir_batch_rest(weir_stage *self, size_t from);

/*
 * A producer leaves `count` events of what handle_demand was last called for: it is called for
 * them again when some consumer is through with bytes that it has, or asks for more; or soon,
 * where there is nothing to wait for.  For who was asked for more events than there is room for
 * in bytes (weir_open_demand).  For who has none now it is no use: it would be called without end.
 * Returns    WEIR_OK; WEIR_INVALID for more than that demand, less what was left of it before,
 *            and outside of callbacks.
 */
weir_status weir_demand_rest(weir_stage *self, uint64_t count);

/*
 * The stash: events that a stage keeps past handle_events, where they lie and in order.
 * They are not done with: the accounts have them among `buffered`, and a stage that
 * finishes (weir_finish, weir_runtime_drain) waits for its stash to be empty.
 * Demand does not wait: for the subscription's window they have been handled, so
 * how much is stashed is the stage's own affair.  When the stage stops, what it still keeps
 * is discarded (WEIR_DISCARD_STOPPED) and counted.  All of these are for the running
 * callback, and any of them but weir_stash may be called in every callback but init,
 * discarded and terminate.
 */

/*
 * Keeps events first..first+count-1 of the batch at hand at the end of the stash.
 * Arguments  Events are stashed in rising order, each at most once: first is behind
 *            the last one stashed of this batch.
 * Returns    WEIR_OK; WEIR_NO_MEMORY with none of them stashed: they are the callback's
 *            still; WEIR_INVALID where no batch is at hand, or it was forwarded, and for
 *            events that it has not, or that are out of turn.  A batch of which
 *            something was stashed cannot be forwarded any more: stash all of it, and emit.
 * Cost       no copy but of a batch of at most 40 bytes.  A block of up to 64 KiB is kept
 *            as long as one of its events is; where that is less than an eighth of
 *            it, they are copied out when the turn ends.
 * Ownership  weir's as before, on the stage's behalf; not dropped when the callback returns.
 *            What is written through weir_own until then may be written to stashed events, too.
 */
weir_status weir_stash(weir_stage *self, size_t first, size_t count);

/* How many events the stash has. */
uint64_t weir_stashed(const weir_stage *self);

/*
 * Shows the oldest events, to be read.
 * Arguments  most: as many at most (0: as many as lie together).
 * Returns    one contiguous run, of one producer's event size; {NULL, 0} when the stash
 *            is empty.
 * Lifetime   until weir_stash_emit, weir_stash_drop, or the callback's end.
 * Ownership  borrowed.
 */
weir_batch weir_stash_front(weir_stage *self, size_t most);

/* The size of the events that weir_stash_front shows; 0 when the stash is empty. */
size_t weir_stash_event_bytes(const weir_stage *self);

/*
 * Emits the oldest `count` events without copying them, in order with what else the
 * callback emits.  They count as handled, and as emitted.
 * Returns    WEIR_OK; WEIR_NO_MEMORY with nothing emitted: they are in the stash still;
 *            WEIR_INVALID likewise when there are fewer, when the stage cannot emit
 *            here, or when one of them has another size than its event_bytes, or another
 *            type than its own.
 * Ownership  weir's as before.
 */
weir_status weir_stash_emit(weir_stage *self, size_t count);

/*
 * The stage is done with the oldest `count` events: they count as handled.
 * Returns    WEIR_OK, or WEIR_INVALID with none dropped when there are fewer.
 * Ownership  they are dropped as HANDLED; refused, they are in the stash still.
 */
weir_status weir_stash_drop(weir_stage *self, size_t count);

#ifdef __cplusplus
}
#endif
#endif
