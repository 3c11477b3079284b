/*
 * The stream: a thread that is no worker takes events out of the graph.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   weir_stream_open(runtime, &(weir_stream_options){.event_bytes = 8,
 *                    .subscribe_to = &(weir_subscribe_to){.producer = numbers},
 *                    .subscribe_count = 1}, &stream);
 *   while (weir_stream_next(stream, &number, WEIR_FOREVER) == WEIR_OK) ...
 *   weir_stream_close(stream);
 *
 * A stream is a consumer whose events are handled by the thread that reads it.
 * Its subscriptions are automatic: at most max_demand events of each are ever on
 * their way, in batches of at most max_demand - min_demand, and the ask that a
 * batch makes due is sent when the reader comes back for more after it.
 *
 * It ends when none of its subscriptions is left, or when one ends for a reason that is not
 * normal and its cancel mode does not pass over that; what came before is read first.
 *
 * One thread at a time reads a stream: next, take, batch, fd, reason and close are
 * that thread's.  Source: GenStage.stream.
 *
 * Of events that own something (event.h) the reader borrows what next and batch give it, until
 * its next call of next, take, batch or close: from then on weir may drop it, as
 * WEIR_DISCARD_HANDLED.  What take gives is the reader's.  What it has had neither way is no
 * matter of the reader's: it goes back, or is dropped, as weir_stream_close says.
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <weir/events.h>
#include <weir/mark.h>
#include <weir/subscription.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The demand mode that the producers of subscribe_to are set to once the stream has
 * subscribed to all of them: a program may start them accumulating, so that no
 * event goes out before everybody is there.  producer_consumers have none.
 */
typedef enum weir_stream_demand {
    WEIR_STREAM_FORWARD = 0,
    WEIR_STREAM_ACCUMULATE = 1,
    WEIR_STREAM_LEAVE = 2 /* they stay as they are */
} weir_stream_demand;

typedef struct weir_stream_options {
    const char *name;                      /* default "stream"                               */
    size_t event_bytes;                    /* of every event, 1..65536; required             */
    const weir_subscribe_to *subscribe_to; /* producers, each with options of its own        */
    size_t subscribe_count;                /* how many; without a list it waits for the first */
    weir_stream_demand demand;             /* default WEIR_STREAM_FORWARD                    */
    unsigned worker;                       /* as in weir_stage_options                       */
    /* Unless NULL (then the log is told): called with the count of each discard, on the worker;
     * for events that nobody can have any more, STOPPED, see weir_stream_close. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    uint64_t close_ns; /* how long weir_stream_close waits; default a second; 1: not at all;  */
                       /* WEIR_FOREVER                                                        */
    /* The reader is given marks, too: next, take and batch return WEIR_AT_MARK where one comes
     * before the next event.  Default: it sees events alone. */
    bool marks;
    uintptr_t reserved[7]; /* for later versions (version.h): zero */
} weir_stream_options;

typedef struct weir_stream weir_stream;

/*
 * Opens a stream and subscribes it.
 * The subscriptions are still on their way when it returns.  What a broadcast dispatches before
 * one has come to it is not for the stream: to miss nothing, start such a producer with
 * WEIR_ACCUMULATE (`demand` above lets it go on once the stream is there; with several streams
 * WEIR_STREAM_LEAVE, and weir_demand at the end), or let weir_runtime_settle return before
 * the first event is emitted.
 * Returns    WEIR_OK.  A WEIR_TEMPORARY subscription to a stage that is gone ends at
 *            once, as if it had been there.
 * Errors     as weir_stage_start (INVALID: also a producer whose events have another size);
 *            nothing is left behind.
 * Threads    any, also inside callbacks.
 * Lifetime   of the handle: until weir_stream_close; it outlives its stage.
 */
weir_status weir_stream_open(weir_runtime *runtime, const weir_stream_options *options,
                             weir_stream **out);

/*
 * Adds a producer.  out may be NULL.
 * Errors     as weir_subscribe; NO_STAGE once the stream has ended.
 * Threads    any.  Source: GenStage.async_subscribe to the enumerating process.
 */
weir_status weir_stream_subscribe(weir_stream *stream, weir_ref producer,
                                  const weir_subscribe_options *options, weir_subscription *out);

/*
 * Copies the next event out, waiting for it if need be.
 * Arguments  timeout_ns: 0 does not wait.
 * Returns    WEIR_OK; WEIR_TIMEOUT; WEIR_END: there is nothing more to come, and
 *            weir_stream_reason says why; WEIR_AT_MARK, with the option `marks`: weir_stream_mark
 *            has what comes before the next event.
 * Errors     INVALID; WRONG_THREAD (would wait inside a callback, or step what another
 *            thread steps: runtime.h).
 * Waiting    in a stepped or simulated runtime, where nobody else runs the workers:
 *            steps it, until something has come, the time (virtual, when simulated)
 *            is over or all is at rest.  With timeout_ns 0 nothing is stepped.
 * Owner      of what it owns: weir still, see above.
 * Cost       a copy; once a batch, two cache lines that cross between cores.  No
 *            system call while there are events.
 */
weir_status weir_stream_next(weir_stream *stream, void *event, uint64_t timeout_ns);

/*
 * As next, but the event is the reader's, and weir does not drop it: one that others have, too,
 * is copied by its type's `copy`.
 * Returns    as weir_stream_next.
 * Errors     those of next; INVALID also for an event that owns nothing, and where others have it
 *            and its type has no `copy`; NO_MEMORY when `copy` could not.  The event is still
 *            the next one then: weir_stream_next gives it.
 */
weir_status weir_stream_take(weir_stream *stream, void *event, uint64_t timeout_ns);

/*
 * Takes up to `most` events (0: as many as there are) of one batch, uncopied, waiting
 * for the first if need be.
 * Arguments  status: receives what weir_stream_next would return; may be NULL.
 * Returns    the events; {NULL, 0} unless the status is WEIR_OK.
 * Errors, Waiting as weir_stream_next.
 * Lifetime   of the events, and of what they own: until the next call of next, take, batch or
 *            close.
 */
weir_batch weir_stream_batch(weir_stream *stream, size_t most, uint64_t timeout_ns,
                             weir_status *status);

/*
 * The mark (mark.h) that next, take or batch have said is there; then those go on behind it.  It
 * comes in its place: behind all events that came before it, and before all others, of the same
 * subscription.  Of several producers' watermarks it is the least, as that rises.  What is not
 * fetched yet when the stream is closed is lost.
 * Errors     INVALID: none is there.
 * Threads    the reader's.
 *
 *   while ((status = weir_stream_next(stream, &number, WEIR_FOREVER)) != WEIR_END) {
 *       if (status == WEIR_OK) add(number);
 *       if (status == WEIR_AT_MARK && weir_stream_mark(stream, &mark) == WEIR_OK) flush(&mark);
 *   }
 */
weir_status weir_stream_mark(weir_stream *stream, weir_mark *mark);

/*
 * The subscription that what next, take or batch last gave came by; {0} before that, and at a mark.
 * Threads    the reader's.
 */
weir_subscription weir_stream_subscription(const weir_stream *stream);

/*
 * A file descriptor to put into poll, epoll and the like, for reading: readable,
 * as long as it is so, while there is something to take or the end to be learnt.
 * After it was, call next or batch (timeout 0) until WEIR_TIMEOUT, or only once.
 * It may be readable for nothing now and then.
 * Arguments  out: receives the descriptor, the same each time.  It is weir's own:
 *            not to be read, and to be taken out of an epoll before
 *            weir_stream_close.
 * Errors     SYSTEM: there is none to be had.
 * Cost       one system call when events come after WEIR_TIMEOUT, one for each
 *            WEIR_TIMEOUT; none in between.
 */
weir_status weir_stream_fd(weir_stream *stream, int *out);

/* Why the stream ended; WEIR_REASON_NORMAL before WEIR_END was returned. */
weir_reason weir_stream_reason(const weir_stream *stream);

/*
 * Its stage.  weir_stop ends the stream from any thread: a reader that waits gets
 * WEIR_END, what it has not taken goes back to the producers.  One that is amid a batch may
 * read that on, and then gets WEIR_END: what came by the same subscription goes back when it is
 * told of the end, or closes, with the rest of the batch first, as weir_stream_close says; until
 * then that producer sees no WEIR_DOWN but WEIR_CANCEL, and counts on the stream no more.
 */
weir_ref weir_stream_stage(const weir_stream *stream);

/*
 * Ends all subscriptions (their producers see WEIR_DOWN, NORMAL), gives the handle back,
 * and waits until that is done.  Each event that was on its way and not taken then
 *   - has gone back to its producer, as those of any consumer that stops, also if the stream's
 *     stage was stopped before; what becomes of it there is its dispatcher's affair.  Those of
 *     the demand and partition dispatchers keep it, in order, before all that the producer has
 *     not sent yet.  Whoever subscribes next goes on with it: a stream that is opened after
 *     this one goes on where this one's reader left off, unless other consumers have taken
 *     it.  The shared dispatcher's keeps it in no order.  A broadcast's discards it, for the
 *     others have theirs: it is told to the producer's `discarded`, WEIR_DISCARD_CONSUMER; or
 *   - where the producer has gone, too, was told to `discarded`, STOPPED, in one sum.  What a
 *     shared dispatcher has put out and nobody has taken is of no stream alone: a producer that
 *     ends when no consumer is left tells its own `discarded`; else whoever of them lets go of it
 *     last does, a stream its `discarded`, any other consumer's worker the log.
 * What such an event owns goes back along with it, or is dropped for the cause that is told.  What
 * the reader has had and not taken is dropped as handled.
 * Arguments  stream: NULL: there is nothing to close, WEIR_OK.
 * Returns    WEIR_OK: all this is done, and `discarded` is not called any more.
 *            WEIR_TIMEOUT: the handle is given back, and the rest goes on without the
 *            caller: whoever subscribes next may come before it, and `discarded` may be
 *            called until weir_runtime_close has returned.
 * Waiting    close_ns at most: for the stream's worker, and those of its producers, to come
 *            to it, which they cannot while a callback runs there.  In a stepped or simulated
 *            runtime steps it, as next does; while another thread steps that it does not wait.
 *            Inside callbacks it does not wait, nor, where it would have to step, in any other
 *            function that the runtime calls.
 * Threads    the reader's; no other may use the handle during or after the call.  What is
 *            lost is told on that thread; after WEIR_TIMEOUT on any worker.  Call it before
 *            weir_runtime_close.
 */
weir_status weir_stream_close(weir_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
