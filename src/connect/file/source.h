/*
 * The source: what it is made of.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_FILE_SOURCE_H
#define WEIR__CONNECT_FILE_SOURCE_H

#include "connect/file/reader.h"
#include "connect/texts.h"

enum { WEIR__FILE_NONE = -1 }; /* no descriptor */

struct weir_file_source {
    weir_source_driver driver;
    weir_file_source_options options;
    struct weir__file_delimiter delimiter;
    struct weir__texts texts;
    const char **paths;
    uint32_t forks; /* constant: base/forked.h */
    int event;      /* somebody wants the pull to return */
    /* While it is open. */
    int watch; /* -1: there is none */
    bool begun;
    struct weir__file_checkpoint checkpoint;
    struct weir__file_tails tails;
    struct weir__file_reader reader;
    size_t turn;      /* whose it is, in the list */
    uint64_t look_at; /* when it looks for names again */
    uint64_t sync_at; /* when the checkpoint is made sure */
};

/* Checks options, and copies them with their defaults. */
weir_status weir__file_source_set(weir_file_source *source,
                                  const weir_file_source_options *options);

#endif
