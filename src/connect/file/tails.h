/*
 * Tails: the files that a source reads, each known by its inode and its first bytes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A tail is a file's life at one source, and a lane of it:
 *
 *   CURRENT   a name that is looked for is its file's
 *   ROTATED   no such name is any more: it is read until nothing new comes
 *   DONE      it has been read to its end; its descriptor is closed
 *   EMPTIED   its file was cut off, and another tail has it
 *
 * One that is done (unless only once is read) or emptied is forgotten when all of it is
 * acknowledged. Where only once is read, names are opened one after the other, when those before
 * are done.
 *
 *   acked <= added <= rests <= at
 */
#ifndef WEIR__CONNECT_FILE_TAILS_H
#define WEIR__CONNECT_FILE_TAILS_H

#include "connect/file/checkpoint.h"
#include "connect/file/line.h"

typedef enum weir__file_state {
    WEIR__FILE_CURRENT,
    WEIR__FILE_ROTATED,
    WEIR__FILE_DONE,
    WEIR__FILE_EMPTIED
} weir__file_state;

struct weir__file_tail {
    char *path; /* as it was opened */
    int file;   /* -1: it is closed */
    weir__file_state state;
    bool seen;       /* in the look that is under way */
    bool was_at_end; /* what comes next may be of a file that was emptied */
    bool skipping;   /* the rest of a long line is left out; it began at `rests` */
    uint32_t lane;
    uint64_t device;
    uint64_t number;
    uint64_t at;      /* where reading goes on */
    uint64_t rests;   /* where a line begins: all before was added, or left out */
    uint64_t added;   /* behind the last message */
    uint64_t acked;   /* all before is acknowledged */
    uint64_t high;    /* so far it was read */
    uint64_t news_ns; /* when something new was in it, or it was rotated */
    struct weir__file_print print;
};

struct weir__file_tails {
    /* Given. */
    const weir_file_source_options *options;
    const struct weir__file_delimiter *delimiter;
    const struct weir__file_checkpoint *checkpoint; /* which is no file of lines */
    /* Theirs. */
    struct weir__file_tail **list;
    size_t count;
    size_t room;
    size_t open; /* descriptors */
    uint32_t lanes;
    bool first;     /* there was no checkpoint, and names were not looked for yet */
    bool some_left; /* some are done, or emptied */
    struct weir__file_entry *entries; /* the checkpoint's, of files that were not found yet */
    size_t entry_count;
    char **names; /* in `folder`, where only once is read */
    size_t name_count;
    size_t next_name;
};

/* Looks for names, and opens what is new.  PULLED, LOST or BROKEN, and a refusal. */
weir_pulled weir__file_tails_look(struct weir__file_tails *tails, uint64_t now_ns);

/* Only once: opens the next name.  PULLED; SOURCE_END: there is none; LOST, BROKEN. */
weir_pulled weir__file_tails_next(struct weir__file_tails *tails, uint64_t now_ns);

/* It was read to its end.  */
void weir__file_tail_done(struct weir__file_tails *tails, struct weir__file_tail *tail);

/* Whether its file was emptied, or is another by its first bytes; below 0: errno, negated. */
int weir__file_tail_is_emptied(struct weir__file_tail *tail, uint64_t read_to);

/* For one more; false: no memory. */
bool weir__file_tails_room(struct weir__file_tails *tails);

/* Another tail takes its file and its place; NULL: no memory. */
struct weir__file_tail *weir__file_tail_anew(struct weir__file_tails *tails, size_t place);

struct weir__file_tail *weir__file_tail_of(const struct weir__file_tails *tails, uint32_t lane);

/* Those that can be forgotten leave, and their lanes with them. */
void weir__file_tails_forget(struct weir__file_tails *tails, weir_pull *pull);

/* What a checkpoint says of them. */
size_t weir__file_tails_entry_count(const struct weir__file_tails *tails);
size_t weir__file_tails_entries(const struct weir__file_tails *tails,
                                struct weir__file_entry *entries);

void weir__file_tails_free(struct weir__file_tails *tails);

#endif
