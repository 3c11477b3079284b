/*
 * Outputs: several ways out of one stage, each with demand of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A parser sends good records one way and bad ones another.  Who takes the bad ones may be slow,
 * or not be there at all, and the good ones must not wait for that.  So a stage may have outputs
 * beside the one that weir_emit goes to, which is number 0:
 *
 *     records ──► parse ──► store            0: weir_emit
 *                   └─────► dead letters     1: weir_emit_to(self, 1, ...)
 *
 * An output is a producer of its own on the stage's worker, with a buffer, a dispatcher, consumers
 * and counters; its name is the stage's, a slash and its own, "parse/dead".  All that is
 * said of producers holds for it: whoever subscribes to it names its reference
 * (weir_stage_output), and what nobody has asked for waits in its buffer, or is discarded and
 * counted when that is full, as its options say.  Demand for an output asks nothing of the stage,
 * which makes what it makes of its input (or of the demand for output 0).
 *
 * holds_back: where nothing of an output may be lost, the stage begins no message while as much is
 * in that output's buffer as its size (the message that fills it may pass it; so take a
 * buffer_size of more than one of them makes).  Then a slow consumer of that output does slow the
 * stage, once the buffer is full.
 *
 * Marks (mark.h) that the stage emits, or passes on by itself, come out of each output, behind what
 * was emitted to it before.  An output whose consumers compete passes none on.
 *
 * The end.  An output ends after its stage: as that finishes, when all that it holds has gone out,
 * and for the same reason; as that stops, at once, and what it holds is discarded like what the
 * stage does.  One that ends before (weir_stop, on_cancel) is no output any more.
 */
#ifndef WEIR_OUTPUT_H
#define WEIR_OUTPUT_H

#include <weir/dispatcher.h>
#include <weir/event.h>
#include <weir/events.h>
#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_OUTPUTS_LIMIT 64

typedef struct weir_output_options {
    const char *name;            /* behind the stage's; required; copied; where the stage is      */
                                 /* `registered`, weir_whereis finds the whole                    */
    size_t event_bytes;          /* of its events, 1..65536; default the stage's event_bytes      */
    const weir_event_type *type; /* of them, where they own something; event_bytes is then 0 or   */
                                 /* the type's; default, with event_bytes 0, the stage's type     */
    size_t buffer_size;          /* events; WEIR_NONE, n or WEIR_INFINITY; default 10000          */
    size_t buffer_bytes;         /* as in weir_stage_options                                      */
    weir_keep buffer_keep;       /* default WEIR_KEEP_LAST                                        */
    const weir_dispatcher *dispatcher; /* default weir_demand_dispatcher()                        */
    const void *dispatcher_options;    /* handed to its init                                      */
    weir_on_cancel on_cancel;          /* of the output, when its last consumer leaves            */
    bool drop_unheard;                 /* discard what is emitted while nobody is subscribed      */
    bool holds_back;                   /* see above; buffer_size is then not WEIR_NONE            */
    uintptr_t reserved[8];             /* for later versions (version.h): zero */
} weir_output_options;

/*
 * The reference of a stage's output; of number 0 the stage itself.
 * Errors     NO_STAGE (the stage has ended, or is just starting, or the output has ended), INVALID
 *            (it has not so many).
 * Threads    any, also inside callbacks.  Takes a lock for a moment.
 */
weir_status weir_stage_output(weir_runtime *runtime, weir_ref stage, unsigned output,
                              weir_ref *out);

/*
 * Emits to one of the stage's outputs; what was emitted to them is dispatched when the callback
 * returns, behind what was emitted to output 0.  Also in callbacks of a consumer, to all but 0.
 * Arguments  as weir_emit; output: 0 is weir_emit.
 * Returns    as weir_emit; INVALID also for a number that there is not; NO_STAGE: the output has
 *            ended.  Of all these nothing was emitted.
 * Ownership, Cost  as weir_emit.
 */
weir_status weir_emit_to(weir_stage *self, unsigned output, const void *events, size_t count);

/*
 * Forwards `count` events of the batch at hand, from number `first` on, to an output (0, too),
 * uncopied (events that came inside a ring entry, 40 bytes at most, are copied).  Its events are of
 * the batch's size and type.
 * Returns    WEIR_OK; NO_MEMORY.
 * Errors     INVALID: they are not in the batch, or it was forwarded, or they were taken or
 *            stashed; or the output's are of another size or type; NO_STAGE.
 * Cost       a slice for each call: small events that go one by one are cheaper emitted.
 * Ownership  the output has them, too: what they own is dropped once, when both are done with it,
 *            for the worse of the two causes.
 */
weir_status weir_forward_to(weir_stage *self, unsigned output, size_t first, size_t count);

#ifdef __cplusplus
}
#endif

#endif
