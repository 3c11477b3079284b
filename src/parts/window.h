/*
 * A window stage: what its files share.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   window.c        events are added, marks and timers come
 *   window_emit.c   what is over is emitted, as it is asked for
 *   window_open.c   the options
 *   window_table.h  the accumulators
 *
 * What makes it emit many windows is an *order*: a watermark, a flush, the clock, the end.
 * Orders are carried out one after the other, each by a *sweep* over the table, which goes on when
 * demand comes, so marks wait in line behind the results of what came before them: `orders` has
 * them as marks (memory/queue.h), and those of its own with kind 0.  A watermark that finds
 * nothing over sweeps nothing: `next_end` is no more than when the next one is over, or is not
 * kept any longer.
 *
 *   sweeping, or orders not empty  =>  results wait for demand, and no event is taken
 *
 * What one event brings forth (a count, early_events, a late one) is emitted at once: no more
 * than its message has events.
 *
 * One owner: the stage's worker.
 */
#ifndef WEIR__PARTS_WINDOW_H
#define WEIR__PARTS_WINDOW_H

#include "memory/queue.h"
#include "parts/window_table.h"
#include "stage/stage.h"

#include <weir/window.h>

/* Orders of its own: `source` of a mark of kind 0. */
enum weir__window_order { WEIR__WINDOWS_CLOCK = 1, WEIR__WINDOWS_TIME, WEIR__WINDOWS_END };

struct weir__sweep {
    bool on;
    weir_trigger trigger;
    uint64_t bound;  /* WATERMARK: of time      */
    size_t at;       /* the place that is next  */
    size_t capacity; /* of the table, as it began: it begins again when that changes */
};

struct weir__windows {
    weir_window_options options;
    struct weir__window_table table;
    struct weir__queue orders;
    struct weir__sweep sweep;
    bool ends;    /* an order END waits in line */
    bool ordered; /* `order` is being carried out, or its mark is to go on */
    bool unsent;  /* a window could not be emitted: there was no memory */
    struct weir__item order;
    uint64_t watermark; /* how far time is                             */
    uint64_t heard;     /* the last watermark of its input             */
    uint64_t next_end;  /* UINT64_MAX: nothing is over at any time     */
    uint64_t began;     /* TUMBLING: the window that was looked for last, and ... */
    uint64_t ended;     /* ... its end                                 */
    uint64_t clock_due; /* when the timer for next_end comes; UINT64_MAX: none */
    weir_timer clock;
    uint64_t tick_due; /* when that for early_ns comes; UINT64_MAX    */
    weir_window_counts counts;
};

static inline struct weir__windows *weir__windows_of(const weir_stage *self) {
    return weir_state((weir_stage *)(uintptr_t)self);
}

/* Adds without a wrap: time ends where it ends. */
static inline uint64_t weir__window_later(uint64_t time, uint64_t by) {
    return time > UINT64_MAX - by ? UINT64_MAX : time + by;
}

/* Its windows end by themselves. */
static inline bool weir__windows_end(const weir_window_options *options) {
    return options->kind != WEIR_WINDOW_GLOBAL && options->kind != WEIR_WINDOW_COUNT;
}

/* ---- window_emit.c --------------------------------------------------------- */

/* Something is to be done behind the orders that there are.  false: no memory. */
bool weir__windows_order(struct weir__windows *windows, const weir_mark *mark);

/* Carries orders out, as far as there is demand. */
weir_verdict weir__windows_go_on(weir_stage *self);

/* Results wait. */
bool weir__windows_wait(const struct weir__windows *windows);

/* Emits one window of which something is to be said now, and counts it. */
void weir__window_emit(weir_stage *self, struct weir__windowed *one, weir_trigger trigger,
                       bool last);

/* When it is next to be looked at may be sooner than all others. */
void weir__window_note_end(struct weir__windows *windows, const struct weir__windowed *one);

/* It has no events any more, and is as it began. */
void weir__window_empty(struct weir__windows *windows, struct weir__windowed *one);

/* It is used no more. */
void weir__window_drop(struct weir__windows *windows, struct weir__windowed *one);

/* There is no room for one more: emits all, as far as there is demand.  true: there is now. */
bool weir__windows_make_room(weir_stage *self);

/* ---- window.c ---------------------------------------------------------------- */

extern const weir_callbacks weir__window_callbacks;

/* What weir_window_look asks a stage. */
extern const char weir__window_question[8];

#endif
