/*
 * The batcher: which batches are open, and when each goes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage like any other (batcher.c), but that it looks at the batch at hand as intake.c does, and
 * that what is in open batches counts as kept (stage/keeping.h).  It is told its end, and closes
 * what is open, by handle_end; so a drain finds it, in a ring of stages, too.
 *
 * Open batches are in a list in the order in which they began, and, where there are keys, in an
 * index.  All have the same timeout, so the oldest is due first, and one timer will do: it is armed
 * when a batch begins and none is, and anew when it has come and batches are left.  It may come
 * when its batch has long gone: then it finds nothing that is due.
 *
 * A watermark waits for the batches that are open as it comes; any other mark has all of them go.
 *
 *   kept             ==  the events in open batches
 *   open.count       ==  the batches in the list; 0 or 1 without keys
 *   batches are open =>  the timer is armed, unless the timeout is FOREVER or the end was told
 *   recent           is open, or NULL
 *
 * One owner, its worker.  Time is looked at once in each callback, when it is first wanted.
 */
#ifndef WEIR__PARTS_BATCHER_H
#define WEIR__PARTS_BATCHER_H

#include "parts/behind.h"
#include "parts/gathered.h"

struct weir__batcher {
    weir_batcher_options options; /* defaults filled in                               */
    bool plain; /* nothing but the key is looked at of an event: runs of one key are put in whole */
    struct weir__index open; /* by key                                                */
    struct weir__gathering *oldest;
    struct weir__gathering *newest;
    struct weir__gathering *recent; /* the last one that something was put in         */
    struct weir__gathering *spare;  /* to be used again, by newer                     */
    struct weir__behind behind;     /* watermarks, of the open batches                */
    uint64_t kept;
    uint64_t expected8; /* events that a batch has when it goes, on average, times 8 */
    uint64_t timer_ns;  /* when the timer comes; 0: it is not armed                   */
    uint64_t now_ns;    /* in this callback; 0: nobody has looked yet                 */
    uint64_t asked;     /* batches that are asked for still, in handle_events         */
};

/* The callbacks of its stage, but for `discarded`; init is handed a struct weir__batcher of which
 * options and plain are set. */
extern const weir_callbacks weir__batcher_callbacks;

#endif
