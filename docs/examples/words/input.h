/*
 * The text: some files, read one after the other, all of them so many times.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input {
    char **paths; /* each allocated, as the array is */
    size_t count;
    uint64_t bytes;  /* of all files together, once */
    uint64_t passes; /* how often they are read     */
    bool only_once;  /* one is no regular file: it can be read once */

    /* how far the reading has come */
    uint64_t pass;
    size_t next;
    int descriptor; /* of the open file, or -1 */
    uint64_t bytes_read;

    int error; /* errno of the read that failed, or 0, and of which file */
    const char *error_path;
};

/* Begin with this. */
#define INPUT_EMPTY ((struct input){.descriptor = -1, .passes = 1})

void input_close(struct input *input);

/* Adds a file of that size.  False when there is no memory. */
bool input_add(struct input *input, const char *path, uint64_t bytes);

/*
 * Adds the files that a user named.  Each that cannot be read is reported on
 * standard error, with the reason; then the result is false.
 */
bool input_add_named(struct input *input, char *const *paths, size_t count);

/* Adds plain text that this machine has, up to about `enough` bytes. */
bool input_add_found(struct input *input, uint64_t enough);

/*
 * Reads up to `room` (> 0) bytes.  At the end of each file there is one line
 * feed more: a word ends with its file.
 * Returns how many; 0 at the end of everything; -1 when it failed.
 */
ssize_t input_read(struct input *input, char *to, size_t room);

#endif
