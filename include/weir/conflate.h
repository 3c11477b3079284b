/*
 * Conflation: a slow consumer gets the latest of each key, and slows nobody down.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     quotes ──┬──► (fast) all of them
 *              ├──► conflater ──► slow: the last price of each symbol
 *              └──► conflater ──► slower
 *
 * A stage before a consumer that cannot follow, for events of which only the last of its kind
 * matters: prices, states, positions.  It takes whatever its producer has, always, so the producer
 * never waits for it.  What its consumer has asked for goes on at once.  The rest waits, one event
 * for each key: a new one takes the place of the one before, which is dropped, and so the place in
 * the line, too.  So a consumer that keeps up sees every event, in order; one that does not sees
 * the last event of every key, sooner or later, and of one key never an older one behind a newer
 * one.
 *
 * One conflater for each slow consumer: all of them subscribe to the same producer, with a
 * broadcast dispatcher, and each has its own memory of what its consumer has not seen.  (Several
 * consumers of one conflater share its events, as its dispatcher says.)
 *
 * Bound.  Events of `keys` different keys wait at most.  When there is one more, the one that has
 * waited longest is dropped, as OVERFLOW.
 *
 * Marks (mark.h).  A mark that comes while events wait has a place in their line: it goes on when
 * all keys that were there as it came have gone out, or were dropped.  What takes the place of such
 * an event later so comes before the mark, with what is newer than it; nothing older comes behind.
 * A watermark that waits is replaced by the next, unless it is the first in line.  Marks of other
 * kinds are all kept, so there should be fewer of them than a slow consumer takes events.
 *
 * Its end.  When it finishes (a drain, the end of its producers) the last event of each key goes to
 * its consumer still.
 *
 * Ownership.  What waits was taken from its producer, as by weir_take.  What is replaced is dropped
 * as WEIR_DISCARD_REPLACED; an event that others have, too (a broadcast's), is copied by its type's
 * `copy`, and a type without one stops the conflater (BAD_OPTIONS, and an error is logged).  Events
 * with spans may be conflated; what those point at is copied.
 *
 * Accounts.  What waits counts as buffered, as what is stashed does; what is replaced, and what
 * goes for want of room, as discarded, with the cause.
 *
 * Source: none in GenStage, where a dispatcher would have to replace what it holds.
 */
#ifndef WEIR_CONFLATE_H
#define WEIR_CONFLATE_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_CONFLATE_KEYS_DEFAULT 65536
#define WEIR_CONFLATE_KEYS_LIMIT   16777216

typedef struct weir_conflate_options {
    const char *name;   /* default "conflater"                                                */
    bool registered;    /* as in weir_stage_options                                           */
    size_t event_bytes; /* of what it takes and emits, 1..65536; required; with a type, 0 or  */
                        /* the type's                                                         */
    const weir_event_type *type; /* of the same, where it owns something or has spans: the very */
                                 /* one that its producers have                               */
    /* Required: what an event is the latest of.  Called on the stage's worker for each event that
     * waits; it borrows. */
    uint64_t (*key)(void *context, const void *event);
    /* Unless NULL: called with the count of each discard, on the worker: of what was replaced, too.
     * Without it a warning is logged, but for REPLACED. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context; /* handed to both */
    size_t keys;   /* that wait at most, 1..WEIR_CONFLATE_KEYS_LIMIT; default 65536 */

    unsigned worker; /* these as in weir_stage_options */
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    size_t mailbox_limit;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_conflate_options;

/*
 * Starts a conflater: a producer_consumer, which is subscribed to and by as any.  What its consumer
 * asks for is what is on its way to it, and is not conflated any more: give that subscription a
 * small max_demand.
 * Arguments  out may be NULL.
 * Errors     as weir_stage_start; INVALID, too, for an option above that is missing or out of its
 *            range.  While it runs: without memory for a key more the event that has waited longest
 *            is dropped, as NO_MEMORY; if none waits, it stops with NO_MEMORY.
 * Threads    any thread, also inside callbacks.
 * Cost       O(1) for an event: a look into a table, and a copy; where nothing waits and all is
 *            asked for, neither.  Some 48 bytes and the event for each key that waits, kept until
 *            the stage ends; of events with spans, as many more as the longest of each place had.
 */
weir_status weir_conflate_start(weir_runtime *runtime, const weir_conflate_options *options,
                                weir_ref *out);

#ifdef __cplusplus
}
#endif
#endif
