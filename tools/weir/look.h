/*
 * A look at a runtime: what it is now, what has happened since the last look, and whose fault
 * that is.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_LOOK_H
#define TOOL_LOOK_H

#include "culprit.h"
#include "feed.h"

struct look {
    struct image images[2]; /* this look's and that before, in turns */
    struct view views[2];
    unsigned now;   /* which of the two is this look's */
    unsigned looks; /* so many were taken; not those that found only its end */
    struct rates rates;
    struct culprit culprit;
    bool emptied; /* the last one found no stages any more, and was passed over */
};

/*
 * Looks again, `ns` after the last time (it is for the caller to wait; a recording is read on).
 * The first look's rates are since each stage began.
 * A runtime that has ended meanwhile is looked at once more: if it lived on for a while its rates
 * are until then, and else those of the last look stay; the culprit tells of its end.  After that
 * the look stays as it is.
 * Errors     as feed_next, and no memory: the look is as it was before.
 */
bool look_again(struct look *look, struct feed *feed, uint64_t ns);
void look_free(struct look *look);

const struct view *look_view(const struct look *look);

#endif
