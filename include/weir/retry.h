/*
 * The retry stage: events that are to be tried again, later.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     source ──► worker ──► (what comes of it)
 *                ▲    │ what failed
 *                │    ▼
 *               retries
 *
 * What failed comes in, waits until it is due, and goes out again: in order of those moments, equal
 * ones in the order in which they came.  All wait in one heap, for which there is one timer, and no
 * thread.  What the worker emits to it, by a partition of its own say, and its subscription to the
 * retries make a ring of stages, which a drain ends (ending.h).
 *
 * How long an event waits is what `delay` says, or `backoff`, for which `failures` tells how often
 * it has failed.
 *
 * Bound.  It takes events as they come, whether somebody asks it for some or not, until `limit` of
 * them wait, those that are due and that nobody has asked for included; then it takes no more, and
 * whoever fails waits for it.  In a ring that may be the very stage that it waits for: so let
 * `limit` be what may fail at once, or let the worker's emission to it wait elsewhere.
 *
 * Marks (mark.h).  What waits came before a watermark, which so goes on when all has gone that
 * waited as it came, for whatever reason: an event that waits for ever holds it back until the end.
 * While one waits, the last of those that come waits behind it, and stands for the others.  Other
 * marks go on at once: what comes out later is a new attempt, and is not of before them.
 *
 * Its end.  When it finishes (a drain, the end of its producers) what waits, and what comes still,
 * is dropped as STOPPED, or, with WEIR_RETRY_AT_ONCE, goes out at once, however long it had to go.
 *
 * Accounts.  What waits counts as buffered, as what is stashed does.
 *
 * Source: none; GenStage and Broadway leave it to their users.
 */
#ifndef WEIR_RETRY_H
#define WEIR_RETRY_H

#include <weir/backoff.h>
#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of events that wait when the stage finishes. */
typedef enum weir_retry_end {
    WEIR_RETRY_DROP = 0,   /* they are dropped, as STOPPED  */
    WEIR_RETRY_AT_ONCE = 1 /* they go out, in order of when they were due */
} weir_retry_end;

#define WEIR_RETRY_LIMIT_DEFAULT 10000
#define WEIR_RETRY_LIMIT_MAX     16777216

typedef struct weir_retry_options {
    const char *name;   /* default "retry"                                                    */
    bool registered;    /* as in weir_stage_options                                           */
    size_t event_bytes; /* of what it takes and emits, 1..65536; required; with a type, 0 or  */
                        /* the type's                                                         */
    const weir_event_type *type; /* of the same, where it owns something: the very one that its */
                                 /* producers have; without spans                             */

    /* One of delay and backoff.first_ns is required.  Both callbacks are called once for each
     * event, when it comes, on the stage's worker, and borrow it. */
    uint64_t (*delay)(void *context,
                      const void *event); /* ns from now; WEIR_FOREVER: until the end */
    weir_backoff backoff;                 /* copied.  The delay after as many failures as */
    unsigned (*failures)(void *context, const void *event); /* says, 1 or more; NULL: always 1 */
    /* Unless NULL: called with the count of each discard, on the worker.  Without it a warning is
     * logged. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context; /* handed to them */

    size_t
        limit; /* events that wait at most, 1..WEIR_RETRY_LIMIT_MAX; default 10000; one message */
               /* that has begun is taken to its end only as far as it fits                     */
    weir_retry_end at_end; /* default WEIR_RETRY_DROP */

    unsigned worker; /* these as in weir_stage_options */
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    size_t mailbox_limit;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_retry_options;

/*
 * Starts a retry stage: a producer_consumer, which is subscribed to and by as any.
 * Arguments  out may be NULL.
 * Errors     as weir_stage_start; INVALID, too, for an option above that is out of its range, for a
 *            type with spans, and where both delay and backoff are given, or neither.  NO_MEMORY:
 *            the heap is made at the start only as far as a few events; while it runs, without
 *            memory to let it grow, it takes no more than it has room for.
 * Threads    any thread, also inside callbacks.
 * Cost       O(log n) of those that wait, in and out; 16 bytes and the event for each.
 */
weir_status weir_retry_start(weir_runtime *runtime, const weir_retry_options *options,
                             weir_ref *out);

#ifdef __cplusplus
}
#endif
#endif
