/*
 * How far the work has come, for a person to watch.
 * SPDX-License-Identifier: Apache-2.0
 *
 * On a terminal a bar that is redrawn ten times a second; elsewhere a line every
 * other second, so that a log stays readable.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t done, total; /* bytes; total 0: nobody knows           */
    uint64_t begin_ns;    /* when the work began                     */
    uint64_t next_ns;     /* when to show it next                    */
    bool silent;
    bool terminal;
    bool drawn; /* a bar stands on the terminal's last line */
};

void progress_begin(struct progress *progress, uint64_t total, bool silent, uint64_t now_ns);

/* `bytes` more are done. */
void progress_add(struct progress *progress, uint64_t bytes, uint64_t now_ns);

/* Takes the bar away. */
void progress_end(struct progress *progress);

#endif
