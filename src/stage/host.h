/*
 * The host: what a worker lends to the stages that run on it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The runtime embeds one in each worker.  Everything in it belongs to that
 * worker's thread; the counters and what `seen` points at are read by others (relaxed, single
 * writer).
 */
#ifndef WEIR__STAGE_HOST_H
#define WEIR__STAGE_HOST_H

#include "base/forked.h"
#include "base/rng.h"
#include "edge/outbox.h"
#include "memory/allocator.h"
#include "memory/pool.h"
#include "memory/sheet.h"
#include "ring/caller.h"
#include "stage/message.h"

#include <weir/runtime.h>

/*
 * Single-writer counters, in events.  At every quiet point, summed over workers,
 *   emitted - multicast + copies + returned == sent + buffered + dropped
 *   sent == handled + returned + lost + in flight
 * where buffered includes what an accumulating producer holds.  What a stage has stashed is
 * among `handled` here, as its callback returned; for observers it is buffered still.
 * The last three count messages and marks.
 */
struct weir__counters {
    uint64_t emitted;
    uint64_t multicast; /* given to several consumers at once            */
    uint64_t copies;    /* deliveries that became of those               */
    uint64_t sent;      /* given to an edge                              */
    uint64_t handled;   /* by handle_events, which returned              */
    uint64_t returned;  /* taken back from a dead consumer, undelivered  */
    uint64_t lost;      /* discarded after they were sent                */
    uint64_t dropped;   /* discarded before they were sent               */
    uint64_t buffered;  /* gauge; per worker it may wrap below 0         */
    uint64_t stashed;   /* gauge: of those handled, kept by their stage  */
    uint64_t turns;
    uint64_t messages; /* casts, infos and due timers that a callback had */
    /* And those that none had: their stage had stopped before, or has none. */
    uint64_t messages_dropped;
    uint64_t marks; /* of the program's, that came to a stage */
};

struct weir__host {
    weir_runtime *runtime;
    uint32_t forks; /* constant: the runtime's (base/forked.h) */
    const struct weir__allocator *allocator;
    struct weir__bell *bell;
    struct weir__outbox outbox;
    struct weir__pool pool;
    struct weir__counters counters;
    struct weir__timers timers;
    struct weir__callers *calls; /* the runtime's                           */
    const uint32_t *draining;    /* likewise (atomic): all stages finish    */
    weir_stage *running;         /* whose callback runs; NULL between callbacks */
    weir_stage *opened;          /* its outputs that it has emitted to (stage/outputs.h) */
    /* What the handle_events that runs was given; NULL: no batch is at hand. */
    struct weir__item *batch;
    const void *batch_events;        /* where they are, of a batch that has no block       */
    struct weir__block *batch_shown; /* once it is COPIED: where they were                 */
    uint32_t batch_shown_first;      /* in that                                            */
    struct weir__message *message;   /* what a running handle_cast or handle_info was given */
    uint64_t wakes_dropped;          /* of messages_dropped: a stage's own, which say nothing */
    uint64_t now_ns;                 /* the runtime's time, not long ago                 */
    uint32_t depth;                  /* legs within legs (stage/onward.h)             */
    uint32_t hot_polls;              /* empty polls before an edge or stage cools   */

    /* stage/meter.h */
    uint32_t timed;             /* callbacks of this visit that are still to be timed     */
    uint32_t stamps;            /* stage/stamp.h: of this visit; 0: it makes none         */
    uint64_t origin_ns;         /* likewise: of what it has taken                         */
    uint32_t looks;             /* at the clock, since the last timed visit began         */
    uint32_t weight;            /* what that stands for                                   */
    uint64_t nested_ns;         /* of that, or of a leg in it: legs                       */
    uint64_t look_ns;           /* what a look takes                                      */
    uint64_t over_ns;           /* what the meter has taken itself, where that is known   */
    bool took_long;             /* one did: the turn ends, for others wait                */
    weir_counters_worker *seen; /* its slot; `stage` is whose functions may run now       */
    struct weir__sheet *sheet;  /* the runtime's                                          */
    weir_stage *unnoted;        /* stages that were visited since they were noted         */
    weir_stage *unnoted_last;   /* visited for the first time since then, last            */
    uint64_t noted_ns;
    struct weir__rng rng;

    /* The runtime's services.  A line for the log; a message has been used up. */
    void (*log)(weir_runtime *runtime, weir_log_level level, const char *text);
    void (*used_up)(struct weir__host *host, struct weir__message *message);
    /* A token's mail has come, to its stage or too late: it is out no more. */
    void (*token_back)(struct weir__host *host, struct weir__mail *mail);
    /* The bell of a reference's worker; NULL: it is of no stage of this runtime. */
    struct weir__bell *(*bell_of)(weir_runtime *runtime, weir_ref stage);
    /* Why a stage of this worker has ended, and whether for the end of a subscription; NOPROC:
     * not known any more. */
    weir_reason (*reason_of)(const weir_runtime *runtime, weir_ref stage, bool *bereft);
};

/* The worker that this thread is now running; NULL on any other thread. */
extern _Thread_local struct weir__host *weir__here;

/* The stage whose init this thread is running, the innermost one (stage->outer); NULL: none. */
extern _Thread_local weir_stage *weir__starting;

/* A function of the program's has returned on this host: in a child of fork, where it may not. */
void weir__host_forked(const struct weir__host *host, const char *what);
static inline void weir__host_returned(const struct weir__host *host, const char *what) {
    if (weir__is_child()) {
        weir__host_forked(host, what);
    }
}

/* A stage's name, cut off, for the log; "(gone)": it is not known any more. */
struct weir__shown {
    char name[64];
};
struct weir__shown weir__host_name(const struct weir__host *host, weir_ref stage);

/* printf to the runtime's log. */
void weir__host_log(struct weir__host *host, weir_log_level level, const char *format, ...)
    WEIR__PRINTF(3, 4);

#endif
