/*
 * Marks: small values that go with the events, in their place, and reach consumers in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A watermark ("no event before this moment will come"), a flush ("let go of what you keep"), the
 * end of a file: what a stage says about its events, between two of them.  A mark comes to every
 * consumer of the stage, once, behind all events that were emitted before it and were sent there,
 * or are held for it, and before all that are emitted later.  It needs no demand and answers none;
 * it has no event's memory and no event's fate: no dispatcher chooses whose it is.
 *
 * What has it wait is what comes before it: in the stage's buffer it comes out behind the event
 * that it follows, for all consumers, when that has gone to one of them, or was discarded; behind
 * what a partition holds it comes when that has gone to the partition's consumer, the next one if
 * the first has left.  An accumulating producer's waits with its events.  Who is not subscribed
 * when a mark comes out has not missed it, and does not get it.
 *
 * Where no stage looks at marks they go on by themselves: a producer_consumer without handle_mark
 * passes each on behind what it has emitted so far.  Watermarks of several producers it combines:
 * on goes the least of what each of them has said last, when that rises, once each has said one;
 * who has ended no longer counts, who has just subscribed holds the others back.  So a watermark
 * is right through merges and fan-outs, and a program gives it at its sources only.  Who keeps
 * events past their callback (a stash, its state) and passes marks on lets them overtake those, and
 * so writes a handle_mark of its own.
 *
 * Weir's own stages that keep events have them in order:
 *   batcher    a watermark goes on when all batches have gone that were open as it came; any other
 *              mark has all open batches go, and goes on behind them (batcher.h)
 *   retry      a watermark goes on when all has gone that waited as it came; others at once
 *   conflater  a mark has a place in the line, behind the keys that were there
 *   window     see window.h
 *   pool       a mark ends there
 *   rate       a mark that came behind events that wait for tokens waits with them, and takes none
 * Of watermarks that wait there so the first and the last one do: it says what those between said.
 *
 * Outputs (output.h): what a stage emits or passes on comes out of each of them, too, behind what
 * was emitted there; so a consumer that has outputs may emit marks, and passes them on.
 *
 * In a ring of stages that feed each other somebody has a handle_mark: a mark that went round by
 * itself would do so for ever (so one that WEIR_MARK_STAGES stages have passed on goes no further,
 * and a warning is logged; where one of them has subscribed to another twice, it multiplies each
 * time, and never ends); and the way back, on which nobody says a watermark, holds it up.
 *
 * What ends on the way takes no mark along: a consumer that dies gives back events, not marks,
 * which the others have had; those events come behind the mark then, as late ones.  A stage that
 * stops drops what it had not passed on; one that finishes has passed all of them on.
 *
 * Into the graph and out of it: threads push marks into inlets and ports, behind what they have
 * pushed (weir_inlet_push_mark, weir_port_push_mark); an iterator's `mark` gives them; a stream's
 * reader gets each in its place, if it wants them (the stream's option `marks`).
 *
 * Where marks do not go: consumers that compete (weir_shared_dispatcher): events of before and
 * after would be handled side by side, so "behind" would mean nothing, and a producer with that
 * dispatcher may not emit any; what comes to a producer_consumer with it ends there.  Tasks of a
 * pool see events alone, and run side by side: a mark that comes to a pool ends there, also where
 * its results are in order; so who has the pool among several producers hears no watermark.
 * Messages (weir_cast, weir_info) are no marks: weir_info is for one stage, and says that what it
 * had has gone out.
 *
 * Cost  an entry of each consumer's ring, of one line; nothing is allocated, unless a queue is
 *       longer than it ever was.  A watermark that waits right behind another of the same source
 *       takes its place, so stages at rest may give as many as they like.  Events cost what they
 *       did: there is no test for marks on their way.
 * Source: punctuations in the stream; Flow's triggers and watermarks are each stage's own there.
 */
#ifndef WEIR_MARK_H
#define WEIR_MARK_H

#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_MARK_WATERMARK   1u    /* `value`: no event of before that will come; 0: none yet */
#define WEIR_MARK_FLUSH       2u    /* whoever keeps something lets it go */
#define WEIR_MARK_END_OF_FILE 3u    /* `value`, `source`: as the program likes */
#define WEIR_MARK_USER        1000u /* and above: the program's own */
#define WEIR_MARK_LIMIT       0x7fffffffu

#define WEIR_MARK_STAGES      64u /* that pass a mark on by themselves, at most */

typedef struct weir_mark {
    uint32_t kind; /* WATERMARK, FLUSH, END_OF_FILE, or WEIR_MARK_USER..WEIR_MARK_LIMIT */
    uint32_t
        source; /* the program's; watermarks of several producers are combined whatever it is */
    uint64_t value;
} weir_mark;

/*
 * Emits a mark behind what the callback has emitted so far, to each of the stage's outputs as well.
 * Arguments  copied.
 * Errors     INVALID: no such kind; a stage that does not emit and has no outputs, or no callback;
 *            competing consumers (of an output: it ends there), or a dispatcher of the program's
 *            that holds events and knows no marks (dispatcher.h); NO_MEMORY: nothing was emitted.
 *            (Without memory on its way it is lost to that consumer, and an error is logged.)
 * Threads    the stage's own callbacks, but init and terminate.
 */
weir_status weir_emit_mark(weir_stage *self, const weir_mark *mark);

/*
 * The watermark of what comes to the stage: the least of what its producers have said last, as far
 * as that has risen.  It never falls.  0: not each of them has said one yet.  In handle_mark it is
 * up to date with the mark, in handle_cancel with the end.
 * Threads    the stage's own callbacks.
 */
uint64_t weir_watermark(const weir_stage *self);

#ifdef __cplusplus
}
#endif
#endif
