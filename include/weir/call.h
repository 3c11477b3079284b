/*
 * Calls: asking a stage and waiting for its answer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who may wait.  Any thread may call, and so may a callback, whose worker then
 * stands still until the answer: calls that could never be answered (of a stage
 * on the same worker, or of one whose worker waits, directly or not, for this one)
 * are refused with WEIR_WRONG_THREAD.  One runtime does not know who waits in
 * another: have a timeout there.
 * A STEPPED or SIMULATED runtime is stepped by the calling thread until the answer
 * is there, which may come from another thread while this one sleeps until a timer;
 * with everything at rest, no timer and no answer, the call returns WEIR_TIMEOUT.
 * Inside its callbacks it refuses, as it does while another thread steps that runtime (runtime.h).
 * At most 960 threads wait in weir_call of one runtime at a time; WEIR_FULL beyond.
 * Calls that control a stage or look at it have 64 places more.
 */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where an answer goes.  Answers longer than the room are cut off. */
typedef struct weir_answer {
    void *bytes;  /* room for it; may be NULL when room is 0  */
    size_t room;  /* bytes                                    */
    size_t count; /* set: the answer's length, also when that exceeds the room */
} weir_answer;

/*
 * Sends a request to handle_call and waits for the answer.
 * Arguments  request: copied; answer: may be NULL, the answer is then only
 *            waited for.
 * Returns    WEIR_OK; TIMEOUT (an answer that comes later changes nothing); FULL
 *            (the stage's mailbox_limit, or callers).
 * Errors     NO_STAGE (also when it stops before it has answered), UNHANDLED (it
 *            has no handle_call), WRONG_THREAD (see above), NO_MEMORY, INVALID,
 *            SYSTEM (the process has made 2^54 calls).
 * Threads    any.  Source: GenStage.call.
 */
weir_status weir_call(weir_runtime *runtime, weir_ref stage, const void *request, size_t bytes,
                      weir_answer *answer, uint64_t timeout_ns);

/*
 * Answers a call, at once: before what the running callback emits goes out.
 * Returns    WEIR_OK; NO_CALLER when nobody waits for it (any more): the call
 *            timed out, or was answered before.
 * Threads    any, also after the stage that was called has gone; wait-free but
 *            for waking the caller.
 * Source     GenStage.reply.
 */
weir_status weir_reply(weir_runtime *runtime, weir_from from, const void *answer, size_t bytes);

/*
 * Answers a call when the running callback has returned and what it emitted was
 * dispatched; when the stage stops, after its terminate.  The answer is copied.
 * Errors     NO_MEMORY.  Threads: inside the stage's own callbacks.  Cost: O(1).
 * Source     the {:reply, ...} and {:stop, reason, reply, ...} returns of GenStage.
 */
weir_status weir_reply_after(weir_stage *self, weir_from from, const void *answer, size_t bytes);

/*
 * Tells a stage to stop, as weir_stop, and waits until it has terminated.
 * Returns    WEIR_OK, TIMEOUT; FULL (callers: it was not told).  Errors as weir_call;
 *            NO_MEMORY only where more wait for answers at once than ever did before.
 * Source     GenStage.stop.
 */
weir_status weir_stop_wait(weir_runtime *runtime, weir_ref stage, weir_reason reason,
                           uint64_t timeout_ns);

/*
 * As weir_info, and waits until the stage has queued the message, or handled it.
 * Returns, Errors as weir_call.  Source: GenStage.sync_info.
 */
weir_status weir_info_wait(weir_runtime *runtime, weir_ref stage, const void *message, size_t bytes,
                           uint64_t timeout_ns);

/* ---- what a stage knows of itself ----------------------------------------- */

/*
 * Each asks the stage, as a call does, behind the messages sent to it before, but
 * does not count against its mailbox_limit.
 * Of a stage on the calling callback's own worker it is read directly.
 * Returns, Errors as weir_call; FULL: callers.
 */

/* The demand mode; WEIR_FORWARD for whatever is no producer (GenStage.demand/1). */
weir_status weir_demand_mode_of(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                                weir_demand_mode *out);

/* Events in its buffer; 0 for a consumer (GenStage.estimate_buffered_count). */
weir_status weir_estimate_buffered(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                                   uint64_t *out);

/*
 * Its subscriptions as a producer / as a consumer, newest first, at most `room`
 * of them; *count receives how many there are.
 */
weir_status weir_consumers(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                           weir_subscription *out, size_t room, size_t *count);
weir_status weir_producers(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                           weir_subscription *out, size_t room, size_t *count);

/* One consumer of a producer, and how far behind it is. */
typedef struct weir_lag {
    weir_subscription subscription;
    uint64_t open_demand; /* events asked for and not sent yet.  0: it keeps a broadcast, or its */
                          /* partition, waiting.  With the shared dispatcher demand is one pool, */
                          /* and this is 0                                                        */
    uint64_t silent_ns;   /* since it last asked, or subscribed: an automatic consumer asks as it */
                          /* takes what it was sent; a few milliseconds less than it is, at most  */
    bool leaving;     /* it was cancelled, and is not done with what it was sent (weir_cancel) */
    uint32_t in_line; /* subscriptions that wait for that                                      */
    uint64_t rate_due_ns;  /* it waits for its rate until then (rate.h, weir_runtime_now); 0: it */
                           /* does not.  A recent one: it is another worker's                    */
    uintptr_t reserved[3]; /* for later versions (version.h) */
} weir_lag;

/*
 * Who lags: the consumers of a stage, newest first, as weir_consumers, and then those
 * that are leaving, the last one first.  One that has
 * nothing to take, because nothing is emitted, is silent too, but has open demand.  To let
 * go of one that holds the others up: weir_cancel.
 */
weir_status weir_lags(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns, weir_lag *out,
                      size_t room, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
