/*
 * Lines: what stands between delimiters, in bytes that are read little by little.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_FILE_LINE_H
#define WEIR__CONNECT_FILE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/file.h>

struct weir__file_delimiter {
    char at[WEIR_FILE_DELIMITER_LIMIT];
    size_t bytes;
};

/* INVALID, and a refusal. */
weir_status weir__file_delimiter(struct weir__file_delimiter *delimiter, const char *at,
                                 size_t bytes);

/* The first one in these bytes; NULL: there is none. */
const char *weir__file_delimiter_find(const struct weir__file_delimiter *delimiter, const char *at,
                                      size_t bytes);

/* Where the file's last line begins that has no delimiter behind it: behind the last one, or 0 if
 * there is none at all; its size, if it ends with one.  Below 0: errno, negated. */
int64_t weir__file_last_line(int file, uint64_t size, const struct weir__file_delimiter *delimiter);

/* A fingerprint of a file's first bytes: so many at most. */
enum { WEIR__FILE_PRINT_BYTES = 256 };
struct weir__file_print {
    uint64_t hash;
    uint32_t bytes; /* of which it was taken */
};

uint64_t weir__file_hash(const void *at, size_t bytes);

/* Of `most` bytes, or as many as there are; 0, or errno, negated. */
int weir__file_print(int file, uint32_t most, struct weir__file_print *print);

/* The folder that a path is in; "." if it names none. */
void weir__file_folder_of(const char *path, char folder[WEIR_FILE_PATH_BYTES]);

/* LOST, and a refusal: WHAT PATH: ERROR. */
weir_pulled weir__file_lost(const char *what, const char *path, int error);

#endif
