/*
 * The iterator: a ready-made producer of what a function gives.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A file, a table, a generator: anything that can be asked for the next so many
 * items.  It is asked for exactly as many as its consumers have asked for, and
 * when it has no more, the stage finishes: it ends with NORMAL once its last event has left
 * its buffer.  Once it is to stop or to finish, or its runtime drains, it is asked for no more:
 * a call that is under way is the last one, whatever demand is open.
 *
 * Events that own something (option `type`) are weir's once `next` has returned them with one of
 * its verdicts: as many as its count says, whichever verdict it is.  What else it has written to
 * the room is its own to give back before it returns.
 *
 * Of events of any length, whose type has spans, `next` writes the spans to the room, and they
 * point wherever its bytes are: those are copied, as by weir_emit, once it has returned, and are
 * its own again in its next call, or in `close`.
 * While `next` waits for its input the stage's worker waits with it.  One that may wait long
 * belongs on a thread of its own: weir_pool_iterate (pool.h) takes the same options.
 * Source: GenStage.from_enumerable.
 */
#ifndef WEIR_ITERATOR_H
#define WEIR_ITERATOR_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a `next` says: call again when more is wanted; that was the last; it failed. */
typedef enum weir_iterator_verdict {
    WEIR_ITERATOR_MORE = 0,
    WEIR_ITERATOR_END = 1,
    WEIR_ITERATOR_ERROR = 2
} weir_iterator_verdict;

/* What `next` returns: how many events it has made, and how it goes on. */
typedef struct weir_made {
    size_t count;
    weir_iterator_verdict verdict;
} weir_made;

typedef struct weir_iterator_options {
    const char *name;   /* default "iterator"                                    */
    bool registered;    /* as in weir_stage_options                              */
    size_t event_bytes; /* required, 1..65536; with a type, 0 or the type's       */
    /*
     * Required.  Writes events to the room, one or more, at most as many as fit: as many
     * are wanted.  With MORE it makes at least 1; fewer than fit are no end: it is
     * called again at once.  What was made along with END or ERROR is emitted, too.
     * The room is aligned as a batch of such events is (events.h).
     */
    weir_made (*next)(void *context, weir_room room);
    void (*close)(void *context); /* unless NULL: once, when the stage has stopped    */
    /* Unless NULL: called with the count of each discard, on the worker. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    weir_reason error_reason; /* the stage's after ERROR; default WEIR_REASON_USER */
    unsigned worker;          /* these as in weir_stage_options                */
    size_t buffer_size;
    weir_demand_mode demand; /* default WEIR_FORWARD */
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    const weir_event_type *type; /* as in weir_stage_options: events that own something */
    size_t buffer_bytes;         /* as in weir_stage_options                            */
    /*
     * Unless NULL: asked for marks (mark.h) behind what each `next` has made, also behind its last
     * one, until it returns false.
     */
    bool (*mark)(void *context, weir_mark *mark);
    uintptr_t reserved[5]; /* for later versions (version.h): zero */
} weir_iterator_options;

/*
 * Starts an iterator.  `next` and `close` run on its worker, one at a time, and
 * while `next` waits for its input the worker waits with it; it may ask weir_ending_here
 * meanwhile, and return ERROR or END.
 * Arguments  out may be NULL.
 * Errors     as weir_stage_start; `close` is then not called.  While it runs, a
 *            `next` that makes more than was wanted, or nothing with MORE, or that
 *            returns anything else, stops the stage with BAD_RETURN.  Without memory
 *            for what is wanted the stage stops with NO_MEMORY before it calls `next`:
 *            what that has made is never lost; but events with spans are, and dropped as
 *            WEIR_DISCARD_NO_MEMORY, where there is none for what they point at.  If one of them
 *            has more than its type's payload_limit, the stage stops with BAD_RETURN, and all that
 *            this `next` has made is dropped, as WEIR_DISCARD_STOPPED.
 * Owns       weir, what `next` has made, from its return on: it is emitted, also before the
 *            stage stops with BAD_RETURN for a verdict that there is not.  Only of a `next`
 *            that says it made more than was wanted weir takes nothing: it wrote beyond the
 *            room, and all that it made stays its own.
 * Threads    any thread, also inside callbacks.
 */
weir_status weir_iterator_start(weir_runtime *runtime, const weir_iterator_options *options,
                                weir_ref *out);

#ifdef __cplusplus
}
#endif
#endif
