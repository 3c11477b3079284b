/*
 * How far the work has come, for a person to watch.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L

#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH     40
#define BAR_EVERY_NS  100000000u
#define LINE_EVERY_NS 2000000000u

static uint64_t interval(const struct progress *progress) {
    return progress->terminal ? BAR_EVERY_NS : LINE_EVERY_NS;
}

void progress_begin(struct progress *progress, uint64_t total, bool silent, uint64_t now_ns) {
    *progress = (struct progress){
        .total = total,
        .begin_ns = now_ns,
        .silent = silent,
        .terminal = isatty(STDERR_FILENO) == 1,
    };
    progress->next_ns = now_ns + interval(progress);
}

static void show(struct progress *progress, uint64_t now_ns) {
    double megabytes = (double)progress->done / 1e6;
    double rate = megabytes * 1e9 / (double)(now_ns - progress->begin_ns);
    double share = progress->total == 0 ? 0.0 : (double)progress->done / (double)progress->total;
    if (share > 1.0) share = 1.0;
    if (!progress->terminal) {
        fprintf(stderr, "weir-words: %3.0f %%, %.0f MB, %.0f MB/s\n", share * 100.0, megabytes,
                rate);
        return;
    }
    char bar[BAR_WIDTH + 1];
    size_t full = (size_t)(share * BAR_WIDTH);
    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '=', full);
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3.0f %%  %.0f MB  %.0f MB/s  ", bar, share * 100.0, megabytes, rate);
    progress->drawn = true;
}

void progress_add(struct progress *progress, uint64_t bytes, uint64_t now_ns) {
    progress->done += bytes;
    if (progress->silent || now_ns < progress->next_ns) return;
    show(progress, now_ns);
    progress->next_ns = now_ns + interval(progress);
}

void progress_end(struct progress *progress) {
    if (progress->drawn) fprintf(stderr, "\r%*s\r", BAR_WIDTH + 40, "");
    progress->drawn = false;
}
