/*
 * Ending: how a stage comes to its end, and who waits for that.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage that STOPS is gone at once, and discards what it holds; one that FINISHES ends
 * when nothing is left that could come to it or go out of it.  It finishes when it is told
 * to, by weir_finish, by the verdict WEIR_FINISH or by a drain of the runtime, and when a
 * permanent subscription of its ends normally.  It then waits for all of these:
 *
 *   input    its producers have ended, and what they sent is handled
 *   feeders  who feeds it otherwise (weir_feeds) has ended
 *   tokens   work for it that is under way elsewhere is given back (weir_busy)
 *   mail     casts, infos and calls that were accepted are handled; timers that carry a
 *            message have fired
 *   output   all that it emitted or keeps (weir_stash) has been sent
 *
 * When the input is over it is told so (handle_end), so that it can emit what it keeps in its
 * state.  Its timers without a message, which can only remind it of something, come then, at
 * once, however long they had to go.  What such a reminder or handle_end arms in turn, at once or
 * in a message to itself, keeps nobody waiting: it comes when it is due, if the stage is still
 * there, and handle_end is not called again for it.
 * Nothing that was accepted is lost: who comes too late is refused.
 *
 * Ownership  What a stage that stops holds of events that own something (event.h), and what of
 * it does not go back, is dropped as STOPPED; one that finishes holds nothing when it ends.
 */
#ifndef WEIR_ENDING_H
#define WEIR_ENDING_H

#include <weir/events.h>
#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Tells a stage to finish: no more handle_demand; once it holds nothing any more, and nothing
 * can come to it (see above), it stops with NORMAL.  The end of a subscription with NORMAL or
 * SHUTDOWN (or NOPROC: to who has gone) does not stop it before that.  In a ring of stages
 * that feed each other it waits for the others: a drain ends them all.  Returns without
 * waiting.
 * Errors     NO_STAGE; nothing else, for it needs neither room nor memory.
 * Threads    any; inside the stage's own callbacks it takes effect at once, and
 *            handle_drain is not called.
 */
weir_status weir_finish(weir_runtime *runtime, weir_ref stage);

/*
 * Returns WEIR_FINISH, having set the reason that the stage ends with.  For callbacks: a source
 * that fails, and has made events before, lets them go out.
 */
weir_verdict weir_finish_with(weir_stage *self, weir_reason reason);

/* ---- work outside --------------------------------------------------------- */

/*
 * Says that work for a stage is under way: a request that will be answered by a cast, a
 * thread that will push into an inlet.  Until the token is given back the stage does not
 * finish (it may be stopped), an inlet goes on taking what is pushed, and weir_runtime_settle
 * waits; but in a runtime that is stepped or simulated settle and drain do not wait for tokens,
 * which the thread that steps may hold itself.  Two threads that hand a token on see to it that
 * both know it.
 * Arguments  out: receives the token.
 * Errors     NO_STAGE (it has gone, or is about to, or an inlet was finished), NO_MEMORY
 *            (2^20 tokens of a runtime are out), INVALID, SYSTEM (the process has used up 2^60
 *            tokens).
 * Threads    any, also inside callbacks; lock-free but for memory.
 */
weir_status weir_busy(weir_runtime *runtime, weir_ref stage, weir_token *out);

/*
 * Gives a token back.  What this thread sent to the stage before comes to it before that.
 * Returns    WEIR_OK, also when the stage was stopped meanwhile.
 * Errors     NO_TOKEN: it was given back already, or never was; nothing has changed.
 * Threads    any; lock-free.  It may be the last that a thread does with the runtime, though
 *            what it brings about ends a drain, behind which somebody closes: the close
 *            waits until this call has returned.
 */
weir_status weir_done(weir_runtime *runtime, weir_token token);

/*
 * Says that one stage sends to another beside all subscriptions, by casts or by pushes into
 * its inlet: the other does not finish before this feeder has ended.  Of a stage whose
 * callbacks push into an inlet, and of a pool whose tasks do, the inlet learns this by itself
 * with the first push (or when they open a port of it).  Until then it knows nothing of them, so
 * a drain right after the start may end it before: name them.
 * Returns    WEIR_OK, also of what it knows already; a feeder that has gone is one that has
 *            ended.
 * Errors     NO_STAGE (`stage` has gone, or is about to, or an inlet was finished), NO_MEMORY,
 *            INVALID (they are the same).
 * Threads    any, also inside callbacks; a stage may name itself in its init, and counts from
 *            then on, unless nothing comes of it.
 */
weir_status weir_feeds(weir_runtime *runtime, weir_ref feeder, weir_ref stage);

/*
 * Whether a stage is at its end: it was told to stop or to finish, it has gone, or its
 * runtime drains, stops or closes.  For who works long or waits, such as an iterator's
 * `next`: nobody can take a thread out of a function of the program's.
 * Threads    any; wait-free.  Returns true for the reference of no stage.
 */
bool weir_ending(const weir_runtime *runtime, weir_ref stage);

/* The same of the stage whose callback, or whose task, this thread is running; false outside. */
bool weir_ending_here(void);

/* ---- waiting for the end ---------------------------------------------------- */

/*
 * Waits until a stage has ended; it is not told to.
 * Arguments  reason: unless NULL, receives why it has ended; NOPROC when that is not known
 *            any more.
 * Returns    WEIR_OK; TIMEOUT; FULL (callers).
 * Errors     WRONG_THREAD, INVALID, NO_MEMORY, as weir_call.
 * Threads    as weir_call: any thread, in a callback as long as it does not wait for itself, nor
 *            in a pool's task for the pool.
 */
weir_status weir_wait(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                      weir_reason *reason);

/*
 * Has a function called when a stage has ended: once, on the worker that had it, where it
 * must not block.  Of a stage that has gone already it is called as well, soon.  Of one whose
 * init asked for it, and then stopped the stage, it is called on the thread that starts that,
 * before weir_stage_start returns, with the reason that init gave.
 * Errors     NO_MEMORY, INVALID (`ended` is NULL, or the reference never was one).
 * Threads    any.  Every one is called before weir_runtime_close returns.
 */
weir_status weir_on_end(weir_runtime *runtime, weir_ref stage,
                        void (*ended)(void *context, weir_ref stage, weir_reason reason),
                        void *context);

/*
 * A descriptor that becomes readable, and stays so, when a stage has ended: for poll, epoll
 * and the like.  It is not to be read, and what is in it means nothing: poll it, then close it.
 * It is the caller's, who closes it (close), when he likes.
 * Errors     as weir_on_end; SYSTEM: there are no more descriptors.
 * Threads    any.
 */
weir_status weir_end_fd(weir_runtime *runtime, weir_ref stage, int *out);

#ifdef __cplusplus
}
#endif
#endif
