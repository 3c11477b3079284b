/*
 * Place: the file that a sink appends to, how it is called, and when it is another one's turn.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_FILE_PLACE_H
#define WEIR__CONNECT_FILE_PLACE_H

#include "connect/file/line.h"

struct weir__file_place {
    /* Given. */
    const weir_file_sink_options *options;
    const struct weir__file_delimiter *delimiter;
    /* Its own. */
    int file;   /* -1: it is not open */
    bool made;  /* its folder does not say so on the disk yet */
    bool dirty; /* something was written, and is not made sure */
    uint64_t device;
    uint64_t number_on_disk; /* the inode's */
    uint64_t size;
    uint64_t number; /* %N */
    uint64_t opened_ns;
    uint64_t looked_ns; /* when its path was looked at */
    char path[WEIR_FILE_PATH_BYTES];
};

/* Opens it, and mends its last line.  PULLED, LOST or BROKEN, and a refusal. */
weir_pulled weir__file_place_open(struct weir__file_place *place);

/* Before a batch is written: goes on to another file where it is time to, or this one has gone. */
weir_pulled weir__file_place_turn(struct weir__file_place *place, const weir_message *messages,
                                  size_t count);

/* What was written is on the disk.  0, or errno, negated. */
int weir__file_place_sync(struct weir__file_place *place);

/* Makes sure what was written, if it is to be, and closes it. */
void weir__file_place_close(struct weir__file_place *place);

/* Whether the pattern is one that a path can be made of, and has %N: INVALID, and a refusal. */
weir_status weir__file_place_check(const char *pattern, bool *has_number);

#endif
