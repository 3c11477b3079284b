/*
 * Marks behind what a part keeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A part that keeps events past their callback (open batches, events that wait for a retry, a line
 * of the latest) lets a mark go on when all that it kept as the mark came has gone, for whatever
 * reason, in whatever order.  What it keeps it counts here as things: each has a serial, from 0 on,
 * as it comes, and says that when it goes.
 *
 *   marks [first, first + count) wait, in the order in which they came
 *   left of one        ==  the things that came before it, but not before the one ahead of it, and
 *                          are there still
 *   before             ==  the sum of those <= there
 *   the first one has something left; the others may have nothing
 *
 * A watermark stands for the one right ahead of it: it takes its place, unless that is the first,
 * which would so wait for ever.  So of watermarks alone two wait at most.
 *
 * One owner, the part's worker.  Marks are emitted in its callbacks, right behind what went.
 */
#ifndef WEIR__PARTS_BEHIND_H
#define WEIR__PARTS_BEHIND_H

#include "memory/queue.h"
#include "stage/mark.h"

struct weir__behind_mark {
    struct weir__item mark;
    uint64_t serial; /* of the next thing, as it came */
    uint64_t left;
};

struct weir__behind {
    const struct weir__allocator *allocator;
    struct weir__behind_mark *at;
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
    uint64_t serial; /* of the next thing */
    uint64_t there;  /* things */
    uint64_t before;
};

void weir__behind_open(struct weir__behind *behind, const struct weir__allocator *allocator);

/* What waits is forgotten: the stage terminates.  Things may go still. */
void weir__behind_close(struct weir__behind *behind);

/* One thing more; returns its serial. */
static inline uint64_t weir__behind_came(struct weir__behind *behind) {
    behind->there++;
    return behind->serial++;
}

/* It has gone: it was emitted, as a rule.  The marks that waited for it alone follow. */
void weir__behind_gone(weir_stage *stage, struct weir__behind *behind, uint64_t serial);

/* A mark goes on behind what is there.  (Without memory it is lost, which is logged.) */
void weir__behind_mark(weir_stage *stage, struct weir__behind *behind,
                       const struct weir__item *mark);

#endif
