/*
 * Monitors: how a stage learns that another has stopped.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A monitor is one piece of memory in two places, each of one worker's: the index
 * `watching` of who watches and the list `watchers` of whom he watches.  Between them go
 * three pieces of mail, each sent at most once and each handing over a reference:
 *
 *   WATCH    to the watched: be on its list           (the watched side's)
 *   NOTICE   to the watcher: the watched has stopped  (the watched side's)
 *   UNWATCH  to the watched: the watcher has lost     (the watcher side's)
 *            interest, or has stopped
 *
 *   writers of node, feeder, listed[0]         the watcher's worker
 *   writers of next, previous and listed[1]    the watched's
 *
 * refs is 2: one for each side.  Mail to a side that is gone is bounced, and a
 * WATCH that is bounced becomes a NOTICE (of NOPROC, unless `recall`).  The last to let go frees.
 *
 * A monitor of a feeder (weir_feeds) is made by whoever knows of it, and comes to the watcher
 * as mail (FEEDER), which is counted with the watcher's tokens while it is on its way: a stage
 * that finishes waits for it.  Its notice only counts the feeder off.  One that is made in the
 * feeder's own init waits there for the start (FEEDER_LATER): a WATCH would come before that, and
 * find nobody.  If there is no start it goes on as well, and finds so.
 *   X1 -> X2  refs: as edge/edge.h's.
 */
#ifndef WEIR__STAGE_MONITOR_H
#define WEIR__STAGE_MONITOR_H

#include "memory/index.h"
#include "ring/mail.h"

enum weir__monitor_side { WEIR__WATCHING, WEIR__WATCHED };

struct weir__monitor {
    struct weir__index_node node;   /* of the watcher; its number is the monitor's id */
    struct weir__index_node feeder; /* likewise; by the watched, if that feeds        */
    bool recall;                    /* constant: weir__stage_watch */
    bool feeds;                     /* constant: the watched feeds the watcher */
    weir_ref watcher;
    weir_ref watched;
    struct weir__bell *watcher_bell;
    struct weir__bell *watched_bell;
    uint32_t refs;           /* atomic */
    struct weir__mail watch; /* FEEDER_LATER .. NOTICE: one after the other */
    struct weir__mail unwatch;
    weir_reason reason; /* with NOTICE, as is bereft: weir_stage */
    bool bereft;
    struct weir__monitor *next; /* of the watched */
    struct weir__monitor *previous;
    bool listed[2]; /* by side */
};

struct weir__allocator;

/* A feeder's, whose `watch` is to be sent; later: by way of the feeder, which is in its init.
 * NULL: no memory. */
struct weir__monitor *weir__monitor_feeder(const struct weir__allocator *allocator, weir_ref feeder,
                                           weir_ref stage, struct weir__bell *feeder_bell,
                                           struct weir__bell *stage_bell, bool later);

#endif
