/*
 * Recordings: a stretch of a counters file's life, to look at later.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A recording is, in the machine's byte order,
 *
 *     header      8 bytes "weirrec1", then two numbers of 32 bits: the bytes of a slot, and 0
 *     moments     a head of 32 bytes (struct moment_head), and for each slot that has changed
 *                 since the moment before its number and its contents, 8 + 512 bytes
 *
 * The first moment has all slots that are not zero.  Who reads stops at the first moment that is
 * not there wholly: a recording that was cut off is good as far as it goes.
 */
#ifndef TOOL_RECORDING_H
#define TOOL_RECORDING_H

#include "image.h"

#include <stdio.h>

struct recording {
    FILE *file;
    struct image image; /* the moment that was read or written last */
    uint64_t begin_ns;  /* the first moment's */
    uint64_t moments;   /* so many were read or written */
    bool ended;         /* reading: there are no more */
};

/* --- writing: errors are those of the file (trouble.h) ------------------------------------ */

/* A file that there is, is replaced if it is empty or a recording; any other is refused, and stays
 * as it is.  A new one is the user's alone (0600), as counters files are. */
bool recording_create(struct recording *recording, const char *path);
bool recording_add(struct recording *recording, const struct image *image);

/* --- reading: errors: no such file, no recording, no memory ------------------------------- */

/* Opens it and reads the first moment. */
bool recording_open(struct recording *recording, const char *path);

/* The next moment, in `image`; false: it has ended, and the image is the last one. */
bool recording_next(struct recording *recording);

/* The first moment that was at least `ns` after this one, or else the last; 0: this one.
 * Returns false when there is none after this one. */
bool recording_pass(struct recording *recording, uint64_t ns);

/* After that: whether there was one so long after the first (or a tenth of a second less: who
 * asks may have rounded).  If not, trouble.h says how long it is. */
bool recording_reaches(const struct recording *recording, uint64_t ns);

/* For both.  Of a recording that was written: false if not all of it could be. */
bool recording_close(struct recording *recording);

#endif
