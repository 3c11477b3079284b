/*
 * Event types: events that own something, a heap object, say, or a reference.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An event is flat bytes unless its stage says otherwise.  A stage with a type emits events
 * that own what they point at, and weir gives each of them back exactly once, through the
 * type's `drop`, saying what became of it:
 *
 *   - an emission or push that is accepted makes weir the owner; one that is refused leaves
 *     the events with the caller
 *   - callbacks, hashes and selectors borrow.  When handle_events returns, each event of the
 *     batch that was not taken (weir_take), forwarded or stashed is dropped: as
 *     WEIR_DISCARD_HANDLED, or as WEIR_DISCARD_ABANDONED if the callback stopped the stage
 *     with an abnormal reason
 *   - every other way out of the graph is a drop with its cause: what WEIR_DISCARD_... says
 *   - an event that several consumers have (a broadcast's) is dropped once, behind the last of
 *     them, with the worst cause: the highest number.  A consumer whose selector refuses an
 *     event does not have it; one that all refuse is dropped as WEIR_DISCARD_UNWANTED
 *   - what a consumer that dies has not begun goes back to its producer, without a drop
 *   - an event is moved in memory as weir likes, byte by byte; it must not point into itself
 *
 * All drops are done before weir_runtime_close returns, and the accounts show them
 * (observe.h).
 */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include <weir/events.h>
#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A span: bytes of any number that belong to an event, a line, say, or a key.
 * Where `count` is 0, `at` may be anything.
 */
typedef struct weir_bytes {
    const char *at;
    uint32_t count;
    uint32_t reserved; /* zero */
} weir_bytes;

#define WEIR_SPANS_LIMIT           8
#define WEIR_PAYLOAD_LIMIT_DEFAULT 1048576
#define WEIR_PAYLOAD_LIMIT_MAX     1073741824

typedef struct weir_event_type {
    /* Of an event, its spans included, 1..WEIR_EVENT_BYTES_LIMIT, with spans a multiple of 8;
     * required. */
    size_t bytes;

    /*
     * Gives back what these `count` (1 or more) events own, which lie side by side.  Required,
     * unless the events have spans and own nothing else.
     * Called once for each event, on the worker that lets go of it, or on the thread that
     * pushes or closes.  It must not block.  It may call whatever any thread may (weir_cast,
     * say), and nothing that is for a running callback.  The events are aligned as in a batch,
     * but for those that a push drops at once: they lie where the pusher has them.
     */
    void (*drop)(void *context, const void *events, size_t count, weir_discard why);

    /*
     * Makes of `event` another that owns what it points at, in `copy`: for whoever takes or
     * writes to an event that others have, too.  false: it cannot; *copy owns nothing.  Both
     * are aligned as in a batch.  Called on any worker, for one event on several at once.
     * May be NULL: then those are refused; but events that own spans alone need none.  Spans
     * are not its affair: weir copies what they point at.
     */
    bool (*copy)(void *context, const void *event, void *copy);

    void *context; /* handed to both */

    unsigned spans; /* each event begins with so many weir_bytes, 0..WEIR_SPANS_LIMIT; default 0 */
    size_t payload_limit; /* bytes of one event's spans together, 1..WEIR_PAYLOAD_LIMIT_MAX; */
                          /* default WEIR_PAYLOAD_LIMIT_DEFAULT                              */

    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_event_type;

/*
 * Takes events first..first+count-1 of the batch at hand: they are the caller's from now on,
 * and weir does not drop them.  What others have, too, is copied by the type's `copy`.
 * Arguments  events: room for `count` of them, anywhere.
 * Returns    WEIR_OK; WEIR_INVALID where no batch is at hand, or it was forwarded, or its events
 *            own nothing, for events that it has not or that were taken or stashed, and where
 *            others have them and the type has no `copy`; WEIR_NO_MEMORY when `copy` could not.
 *            But for WEIR_OK none of them is taken.
 *            A batch of which something was taken cannot be forwarded any more, nor may what
 *            was taken be stashed.
 * Threads    the running callback's.
 */
weir_status weir_take(weir_stage *self, size_t first, size_t count, void *events);

/* ---- events of any length ------------------------------------------------------ */

/*
 * An event whose type has spans is as long as what they point at.  weir keeps that payload in
 * blocks of its own, many events' side by side, in order: no memory is allocated for an event.
 * weir_emit copies it there, and so do inlets, ports and iterators; the functions below save the
 * copy.  weir_reserve is not for such types.  Events that are emitted or pushed lie aligned, as
 * structs that begin with a weir_bytes must.  The default hash of a partition dispatcher is of
 * what spans point at.  Whoever gets the events may read what their spans point at as long as the
 * events themselves; weir_own makes that writable, too.  They cannot be taken (weir_take): copy
 * what is to last.
 */

/*
 * Opens room for payload, to be written where it will lie: by read(2), say.
 * Arguments  least: bytes, 1..the type's payload_limit.
 * Returns    where, and how many bytes: `least` or more.  {NULL, 0}: no memory, or the stage
 *            cannot emit here, or its type has no spans (weir_refusal).
 * Lifetime   until weir_commit_bytes, the next emit or reserve, or the callback's end: weir_emit is
 *            not for events whose spans point there.
 */
weir_room weir_reserve_bytes(weir_stage *self, size_t least);

/*
 * Keeps the first `used` bytes of that room, and emits `count` events whose spans lie in them.
 * Arguments  events: their spans point into that room; two may overlap (weir_own then makes
 *            copies).  used: what no event points at is kept, too, until those go.
 * Returns    WEIR_OK; WEIR_NO_MEMORY or WEIR_INVALID (used is above the room, a span is beyond
 *            `used`, an event has more than payload_limit) with nothing emitted: the room is
 *            there still.
 */
weir_status weir_commit_bytes(weir_stage *self, size_t used, const void *events, size_t count);

/*
 * Emits events whose spans point into the payload of the batch at hand: lines of a chunk, fields
 * of a line.  Nothing of it is copied, and it lasts as long as any event that points into it; but
 * where all that a callback emits so is less than an eighth of what it would keep, it is copied
 * when the callback returns.
 * What was emitted of the batch is written to by nobody: weir_own makes a copy then.
 * Returns    WEIR_OK; WEIR_NO_MEMORY or WEIR_INVALID (no such batch; it was forwarded, or some of
 *            it is stashed; a span is not in the block that its payload is in; an event has more
 *            than payload_limit) with nothing emitted.
 */
weir_status weir_emit_slices(weir_stage *self, const void *events, size_t count);

/*
 * As weir_cast and weir_info, with an event that owns something as the message: type->bytes bytes.
 * Ownership  WEIR_OK: weir's; any other status: the caller's still.  handle_cast or handle_info
 *            borrows it; then it is dropped, as HANDLED or ABANDONED, unless it was taken
 *            (weir_take_message).  If the stage stops before that, it is dropped as STOPPED; as
 *            UNWANTED where it has no such callback.
 * Errors     as weir_cast; INVALID, too, for a type that is none, and for an event whose spans
 *            have more than its payload_limit.  What they point at is copied.
 */
weir_status weir_cast_event(weir_runtime *runtime, weir_ref stage, const weir_event_type *type,
                            const void *event);
weir_status weir_info_event(weir_runtime *runtime, weir_ref stage, const weir_event_type *type,
                            const void *event);

/*
 * In handle_cast or handle_info: takes the event that the message is.
 * Returns    WEIR_OK: it is in *event, and the caller's.  WEIR_INVALID elsewhere, for a message
 *            that owns nothing, for one that was taken, and where it has spans: their payload
 *            stays with weir.
 */
weir_status weir_take_message(weir_stage *self, void *event);

#ifdef __cplusplus
}
#endif
#endif
