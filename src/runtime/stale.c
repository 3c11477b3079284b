/*
 * Stale files: see stale.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/stale.h"

#include "os/shared_file.h"

#include <stdio.h>
#include <string.h>

struct search {
    weir_counters_header header; /* of the file at hand */
    const char *program;
    uint64_t youngest; /* opened_utc of those that were left behind */
};

static bool was_left_behind(const struct search *search) {
    const weir_counters_header *header = &search->header;
    return header->magic == WEIR_COUNTERS_MAGIC &&
           strncmp(header->program, search->program, sizeof header->program) == 0;
}

static bool look_for_youngest(void *context, const char *path) {
    struct search *search = context;
    (void)path;
    if (was_left_behind(search) && search->header.opened_utc > search->youngest) {
        search->youngest = search->header.opened_utc;
    }
    return false;
}

static bool is_old(void *context, const char *path) {
    const struct search *search = context;
    (void)path;
    return was_left_behind(search) && search->header.opened_utc < search->youngest;
}

void weir__stale_remove(const char *folder, const char *prefix, const char *program) {
    struct search search = {.program = program};
    size_t bytes = sizeof search.header;
    weir__shared_files(folder, prefix, &search.header, bytes, look_for_youngest, &search);
    weir__shared_files(folder, prefix, &search.header, bytes, is_old, &search);
}

bool weir__stale_replace(const char *path, const char *program) {
    struct search search = {.program = program};
    return weir__shared_file_left(path, &search.header, sizeof search.header) &&
           was_left_behind(&search) && remove(path) == 0;
}
