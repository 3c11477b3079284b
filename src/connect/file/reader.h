/*
 * Reader: a tail's lines, out of a buffer, into a pull.
 * SPDX-License-Identifier: Apache-2.0
 *
 * There is one buffer, of one tail at a time.  What is not taken stays there for the next pull, as
 * long as no other tail needs it; else it is read again.
 *
 *   text: ..... begin ..... end ..... room        begin is at the tail's `at`
 */
#ifndef WEIR__CONNECT_FILE_READER_H
#define WEIR__CONNECT_FILE_READER_H

#include "connect/file/tails.h"

struct weir__file_reader {
    /* Given. */
    const weir_file_source_options *options;
    const struct weir__file_delimiter *delimiter;
    /* Its own. */
    struct weir__file_tail *tail; /* whose it is; NULL: nobody's */
    char *text;
    char *head; /* of long lines that are cut: max_line bytes */
    size_t room;
    size_t begin;
    size_t end;
    size_t scanned; /* there is no delimiter that begins before */
    bool failed;    /* a line could not be read again; a refusal says why */
    uint64_t turn;  /* it is another tail's turn when this one has been read so far; 0: no matter */
    uint64_t turn_at; /* where its turn began */
    uint64_t read_at; /* since 1970, ns: message.time */
};

/* What a pull may still take. */
struct weir__file_appetite {
    weir_pull *pull;
    uint64_t events;
    uint64_t bytes;
    uint64_t added;
};

typedef enum weir__file_went {
    WEIR__FILE_AT_END,  /* there is nothing more at present */
    WEIR__FILE_TURN,    /* it had what was there when its turn began */
    WEIR__FILE_NO_ROOM, /* the pull takes no more */
    WEIR__FILE_EMPTY,   /* its file was emptied */
    WEIR__FILE_FAILED   /* a refusal says why */
} weir__file_went;

/* False: no memory. */
bool weir__file_reader_open(struct weir__file_reader *reader);

weir__file_went weir__file_read_lines(struct weir__file_reader *reader,
                                      struct weir__file_tail *tail,
                                      struct weir__file_appetite *appetite, uint64_t now_ns);

/* Nothing more can come behind what there is: that is a line, if any may be.  AT_END, NO_ROOM or
 * FAILED. */
weir__file_went weir__file_read_rest(struct weir__file_reader *reader, struct weir__file_tail *tail,
                                     struct weir__file_appetite *appetite);

/* The tail is another's, or nobody's, from now on. */
void weir__file_reader_leave(struct weir__file_reader *reader, const struct weir__file_tail *tail);

void weir__file_reader_close(struct weir__file_reader *reader);

#endif
