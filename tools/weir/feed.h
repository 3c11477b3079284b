/*
 * Where images come from: a counters file, as it is now, or a recording, as it went.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_FEED_H
#define TOOL_FEED_H

#include "image.h"

#include <stdio.h>

struct recording;

struct feed {
    char path[4096];
    struct mapped mapped;
    struct recording *recording; /* NULL: it is a file */
};

/* Opens a counters file, or with `replay` a recording.  Errors: trouble.h. */
bool feed_open(struct feed *feed, const char *path, bool replay);
void feed_close(struct feed *feed);

/*
 * The next image: what a file holds now; of a recording the first one that was taken at least
 * `ns` after the one before, or else the last.
 * Returns    false: a recording is at its end, or an error; feed_ended tells which.
 */
bool feed_next(struct feed *feed, struct image *image, uint64_t ns);
bool feed_ended(const struct feed *feed);

#endif
