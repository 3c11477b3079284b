/*
 * Windows: a stage that gathers events by key and by time, and says what came of each window.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A producer_consumer that comes with weir.  For each key and window it has an accumulator of the
 * program's, of a size that is given.  `place` says which key an event has and when it was, `add`
 * adds it to the accumulator, and when the window is over `emit` emits what came of it.
 *
 *   GLOBAL    one window for each key, which is over when the stage is
 *   TUMBLING  of `size`, one after the other: [0, size), [size, 2 * size) ...
 *   SLIDING   of `size`, one beginning at each multiple of `every`: an event is in several
 *   SESSION   as long as events of the key come less than `size` after each other: it ends `size`
 *             after the last.  One that joins two sessions makes them one, by `merge`
 *   COUNT     of `size` events of the key each
 *
 * Time is the events' own, in whatever unit `place` gives it, or the runtime's (processing_time).
 * Of events' time the watermarks (mark.h) say how far it is: a window [begin, end) is over when
 * the least of what all producers have said is `end` or more.  Those go on behind the results, as
 * other marks do.  An event that comes later is late.  With `lateness`, windows are kept that much
 * longer, and each late event emits its window anew; what is later than that is given to `late`,
 * and counted.
 *
 * Results before a window is over: every so many events of it (early_events), every so much time
 * (early_ns), and at a flush (WEIR_MARK_FLUSH) of all that have had events since.  A window then
 * goes on as it is, or, with `reset`, is emptied: what is emitted are its parts.
 *
 * Results are emitted as they are asked for.  While some wait the stage takes no events, so its
 * producers wait, too.  When its input is over all open windows are emitted, as they are asked for
 * (trigger END); until then it does not finish, and a drain says that it waits for demand.  One
 * that stops drops them (`drop`).
 *
 * Bound.  It has at most `most` accumulators.  When one more is wanted all are emitted, as parts
 * (trigger FULL), and their windows begin anew: nothing is lost, and whoever takes the results adds
 * them up.  So it is when there is no memory for more.
 *
 * Order  The results of one trigger come in no order.
 * Cost   an event: three calls of the program's and a look into a table, whose line is fetched
 *        ahead; no allocation.  What is emitted at once costs a walk through the whole table.
 * Source: Flow.Window (global, fixed, periodic, count, session), triggers, allowed_lateness.
 */
#ifndef WEIR_WINDOW_H
#define WEIR_WINDOW_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_window_kind {
    WEIR_WINDOW_GLOBAL = 0,
    WEIR_WINDOW_TUMBLING = 1,
    WEIR_WINDOW_SLIDING = 2,
    WEIR_WINDOW_SESSION = 3,
    WEIR_WINDOW_COUNT = 4
} weir_window_kind;

/* Why a window is emitted.  `last` of weir_window says whether that was all of it. */
typedef enum weir_trigger {
    WEIR_TRIGGER_WATERMARK = 0, /* it is over: by a watermark, or by the clock        */
    WEIR_TRIGGER_COUNT = 1,     /* it is over: it has as many events as it should     */
    WEIR_TRIGGER_EVENTS = 2,    /* early_events                                       */
    WEIR_TRIGGER_TIME = 3,      /* early_ns                                           */
    WEIR_TRIGGER_FLUSH = 4,     /* a flush has come                                   */
    WEIR_TRIGGER_LATE = 5,      /* an event came later than its end, within lateness  */
    WEIR_TRIGGER_FULL = 6,      /* there was room for no more accumulators: a part    */
    WEIR_TRIGGER_END = 7        /* the stage's input is over                          */
} weir_trigger;

#define WEIR_TRIGGERS 8

/* A window of a key, as it is emitted. */
typedef struct weir_window {
    uint64_t key;
    uint64_t begin; /* GLOBAL: 0; COUNT: the least time of its events */
    uint64_t end;   /* GLOBAL: UINT64_MAX; COUNT: the greatest        */
    uint64_t count; /* events in the accumulator                      */
    weir_trigger trigger;
    bool last; /* nothing more of it comes, unless it is late */
    uint64_t reserved[2];
} weir_window;

/* Whose an event is, and when it was.  Two keys are the same when their numbers are: of a longer
 * one give a good hash. */
typedef struct weir_place {
    uint64_t key;
    uint64_t time; /* does not matter to GLOBAL and COUNT, nor in processing time */
} weir_place;

typedef struct weir_window_options {
    const char *name;   /* default "window"                                              */
    bool registered;    /* as in weir_stage_options                                      */
    size_t event_bytes; /* of results, 1..65536; required, but with a type, and without emit */
    size_t takes_bytes; /* of what it takes; required                                    */
    weir_window_kind kind;
    uint64_t size;         /* required, but for GLOBAL: of what, see above; at least 1    */
    uint64_t every;        /* SLIDING: 1..size; size / every, rounded up, at most 1024 and `most` */
    bool processing_time;  /* size, every: nanoseconds of weir_runtime_now.  Not GLOBAL, COUNT */
    bool reset;            /* what is emitted early is emptied; default: it goes on       */
    uint64_t lateness;     /* in the unit of time; default 0; not in processing time      */
    uint64_t early_events; /* default 0: none; not COUNT                                 */
    uint64_t early_ns;     /* of the runtime's time; default 0: none                     */
    size_t most;           /* accumulators, 1..2^26; default 2^20                        */

    size_t accumulator_bytes; /* 1..65536 with add; zeroed as a window begins, aligned to 16 */
    weir_place (*place)(void *context, const void *event); /* required */
    /* Unless NULL: adds an event to its window's accumulator.  NULL: events are counted, and that
     * is all: there are no accumulators. */
    void (*add)(void *context, void *accumulator, const void *event);
    /* SESSION: adds the other one, which is not used any more and not dropped.  Required then, with
     * add. */
    void (*merge)(void *context, void *accumulator, void *other);
    /* Unless NULL: emits (weir_emit) what came of a window, or nothing.  More than one event goes
     * beyond what was asked for, into the stage's buffer.  NULL: the results are of weir_window,
     * each as it is. */
    void (*emit)(void *context, weir_stage *self, const weir_window *window, void *accumulator);
    /* Unless NULL: it is used no more, for it was emitted for the last time, emptied, or the stage
     * has stopped.  Gives back what it owns. */
    void (*drop)(void *context, void *accumulator);
    /* Unless NULL: an event has come too late for all of its windows.  It borrows. */
    void (*late)(void *context, const void *event, weir_place place);
    void *context; /* the callbacks run on the stage's worker, one at a time */

    unsigned worker; /* these as in weir_stage_options */
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    const weir_event_type *type; /* of results */
    const weir_subscribe_to *subscribe_to;
    size_t subscribe_count;
    uintptr_t reserved[8]; /* for later versions (version.h): zero */
} weir_window_options;

/*
 * Starts a window stage.
 * Arguments  out may be NULL.
 * Errors     as weir_stage_start.  While it runs it stops with NO_MEMORY when there is none for a
 *            single accumulator.
 * Threads    any thread, also inside callbacks.
 */
weir_status weir_window_start(weir_runtime *runtime, const weir_window_options *options,
                              weir_ref *out);

/* What it has done, and has now. */
typedef struct weir_window_counts {
    uint64_t events;                 /* that came                                         */
    uint64_t late;                   /* of those, too late for all of their windows       */
    uint64_t open;                   /* now: accumulators, with those kept for lateness   */
    uint64_t most;                   /* the most there were                               */
    uint64_t watermark;              /* how far its time is                               */
    uint64_t emitted[WEIR_TRIGGERS]; /* windows, by weir_trigger                          */
    uint64_t reserved[4];
} weir_window_counts;

/*
 * Asks a window stage for those.
 * Errors     as weir_call, which this is; INVALID: it is no window stage.
 * Threads    as weir_call.
 */
weir_status weir_window_look(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                             weir_window_counts *out);

#ifdef __cplusplus
}
#endif
#endif
