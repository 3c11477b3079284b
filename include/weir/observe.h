/*
 * Observing: where every event is.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_OBSERVE_H
#define WEIR_OBSERVE_H

#include <weir/counters.h>
#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The accounts of a runtime, in events.  At rest
 *     emitted - multicast + copies = handled + buffered + in_flight + discarded
 * and after close buffered and in_flight are 0.  multicast and copies are 0 unless
 * a stage broadcasts.  Of events that own something
 * accepted + copied - taken - dropped are weir's still; after close that is 0.  What waits in
 * an inlet or a port is on the books once it has left that: emitted, or discarded.
 * (What was taken is the program's: these figures do not say whether it frees it.)
 * Messages are casts, infos, and timers that were due: each that was accepted (WEIR_OK) is at
 * rest among `messages` or `messages_dropped`, or is an info that waits behind what its stage
 * has buffered; after close none waits.
 */
typedef struct weir_accounts {
    uint64_t emitted;     /* by all stages                                         */
    uint64_t multicast;   /* those that a dispatcher gave to several consumers     */
    uint64_t copies;      /* how many deliveries became of those                   */
    uint64_t handled;     /* handle_events, a reader or a pool's task is done with */
    uint64_t buffered;    /* in producers' buffers, held by dispatchers, in stashes */
    uint64_t in_flight;   /* sent to a consumer, and not done with                 */
    uint64_t discarded;   /* each seen by a discarded callback, or logged          */
    uint64_t blocks_live; /* blocks of memory that hold events now              */
    uint64_t blocks_made; /* blocks ever allocated: constant in a steady state  */
    uint64_t wakes;       /* times a sleeping worker was woken                  */
    uint64_t turns;       /* visits of a worker to a stage                      */
    uint64_t accepted;    /* events that own something (event.h), emitted or pushed */
    uint64_t copied;      /* those that a type's `copy` made                        */
    uint64_t taken;       /* of both, by weir_take and the like: the program's      */
    uint64_t dropped;     /* of both, given to a type's `drop`                      */
    uint64_t messages;    /* that handle_cast or handle_info was called with    */
    /* Accepted, and no callback was called: the stage had stopped before, or has none; logged. */
    uint64_t messages_dropped;
    uint64_t marks;       /* that came to a stage (mark.h), which handled or passed them on */
    uint64_t reserved[1]; /* for later versions (version.h)                    */
} weir_accounts;

/*
 * Reads the accounts.  Exact when the runtime is at rest (weir_runtime_settle);
 * while it runs, each figure is a recent one but they need not add up.
 * Threads    any; wait-free.
 */
weir_status weir_runtime_accounts(const weir_runtime *runtime, weir_accounts *out);

/*
 * How many events were given to their types' `drop` for that cause; all causes make up `dropped`.
 * 0 for one that there is not.  Threads, exactness: as weir_runtime_accounts.
 */
uint64_t weir_runtime_dropped(const weir_runtime *runtime, weir_discard why);

/*
 * Checks the first of these equations, and that not more was dropped and taken than there was.
 * Returns    NULL when it holds, else a sentence with the figures (of this
 *            thread, until the next call).
 */
const char *weir_accounts_check(const weir_accounts *accounts);

/*
 * What stages and subscriptions do, as counters.h has it: the same slots, of this process.
 *
 * weir_stage_stats     of one stage; with {0}: of all there ever were, summed up: turns, batches,
 *                      events, messages, calls, discarded and, of those that live, what is said
 *                      of "now".  At rest events_out, handled, messages and all of discarded
 *                      are what the accounts say.
 * weir_stages          of all that live
 * weir_subscriptions   of all that live; with a stage, of that one's, at either end
 * weir_stage_times     how long callbacks of a stage took, or how old the events are that it takes
 * weir_subscription_times   from being sent to being taken over; not with the shared dispatcher
 *
 * Arguments  room: how many `out` has room for; it may be 0, and out NULL.
 * Returns    weir_stages, weir_subscriptions: how many there are, which may be more than room.
 *            The others: WEIR_OK; of times that were never taken all is 0.
 * Errors     NO_STAGE: it has ended (a subscription, too); INVALID.
 * Cost       weir_stage_stats, _times: some 64 words, and for {0} all slots; the others: all slots
 *            there are.
 * Threads    any; lock-free.  Exact when the runtime is at rest (weir_runtime_settle); while stages
 *            end what {0} says may fall for a moment.
 */
weir_status weir_stage_stats(const weir_runtime *runtime, weir_ref stage, weir_counters_stage *out);
size_t weir_stages(const weir_runtime *runtime, weir_counters_stage *out, size_t room);
size_t weir_subscriptions(const weir_runtime *runtime, weir_ref stage,
                          weir_counters_subscription *out, size_t room);

typedef enum weir_times_of {
    WEIR_TIMES_HANDLING = 0, /* handle_events, handle_demand */
    WEIR_TIMES_PIPELINE = 1  /* a consumer's: since a source sent what its events came of */
} weir_times_of;

weir_status weir_stage_times(const weir_runtime *runtime, weir_ref stage, weir_times_of which,
                             weir_counters_times *out);
weir_status weir_subscription_times(const weir_runtime *runtime, weir_subscription subscription,
                                    weir_counters_times *out);

#ifdef __cplusplus
}
#endif
#endif
