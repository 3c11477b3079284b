/*
 * A file that is mapped for others to read.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_SHARED_FILE_H
#define WEIR__OS_SHARED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes a file that its user alone can read, and holds it as long as this process has it open, or
 * one that it has forked; there must be none of that name.  0: *file is its descriptor; else
 * errno. */
int weir__shared_file_make(const char *path, int *file);

/* Makes it end at from + bytes, room on the disk included, and maps that part.  NULL: errno
 * says why. */
void *weir__shared_file_map(int file, uint64_t from, size_t bytes);
void weir__shared_file_unmap(void *memory, size_t bytes);

/* Closes the descriptor, here. */
void weir__shared_file_leave(int file);

/* The same, and removes the name. */
void weir__shared_file_remove(int file, const char *path);

/* Whether that is a file of this user's, and no link, that nobody holds any more: a process that
 * has gone has left it.  Reads its first bytes, so many. */
bool weir__shared_file_left(const char *path, void *start, size_t bytes);

/* Those of a folder, with names that begin so.  found returns true for those that are to be
 * removed. */
void weir__shared_files(const char *folder, const char *prefix, void *start, size_t bytes,
                        bool (*found)(void *context, const char *path), void *context);

#endif
