/*
 * Plain text that most machines have: licences, documentation, headers, scripts.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _DEFAULT_SOURCE /* fts */

#include "input.h"

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* fts wants them writable; it does not write to them. */
static char *const places[] = {
    (char[]){"/usr/share/common-licenses"},
    (char[]){"/usr/share/dict"},
    (char[]){"/usr/share/doc"},
    (char[]){"/usr/share/perl"},
    (char[]){"/usr/share/perl5"},
    (char[]){"/usr/include"},
    (char[]){"/usr/lib/python3"},
    NULL,
};

/* Text is what begins with 512 bytes without a zero byte. */
static bool is_text(const char *path) {
    char head[512];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t got = read(file, head, sizeof head);
    close(file);
    return got > 0 && memchr(head, 0, (size_t)got) == NULL;
}

static bool is_packed(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".gz") == 0 || strcmp(dot, ".xz") == 0);
}

bool input_add_found(struct input *input, uint64_t enough) {
    FTS *walk = fts_open(places, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL) return false;
    FTSENT *entry;
    bool good = true;
    while (good && input->bytes < enough && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info != FTS_F || entry->fts_statp->st_size == 0) continue;
        if (is_packed(entry->fts_name) || !is_text(entry->fts_path)) continue;
        good = input_add(input, entry->fts_path, (uint64_t)entry->fts_statp->st_size);
    }
    fts_close(walk);
    return good;
}
