/*
 * Which counters files there are, and which one is meant.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_FIND_H
#define TOOL_FIND_H

#include "image.h"

#define FIND_FOLDER "/dev/shm"
#define FIND_PATH   4096

struct found {
    char path[FIND_PATH];
    uint64_t pid;
    uint32_t number; /* of the runtime in its process */
    bool known;      /* the file could be read; else all below is unknown */
    bool live;
    bool closed;
    uint64_t opened_utc;
    uint32_t workers;
    uint32_t stages;
    char program[WEIR_COUNTERS_NAME];
    char why[160]; /* not known: why */
};

struct found_list {
    struct found *at;
    uint32_t count;
};

/* All of this user's in a folder (weir-UID-PID-NUMBER), by pid and number; pid 0: of all
 * processes.  Errors: the folder cannot be read, no memory. */
bool find_all(struct found_list *list, const char *folder, uint64_t pid);
void find_free(struct found_list *list);

/*
 * The one that is meant: NULL: the only one that lives, or else the only one; "PID" or
 * "PID.NUMBER"; or a path.
 * Errors     there is none, or there are several.
 */
bool find_one(char path[FIND_PATH], const char *folder, const char *target);

#endif
