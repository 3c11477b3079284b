/*
 * Files: what is read from, appended to, and made sure of.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What fails returns an errno value, negated.
 */
#ifndef WEIR__OS_FILE_H
#define WEIR__OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__file_about {
    uint64_t device;
    uint64_t number; /* the inode's */
    uint64_t size;
    bool regular;
};

/* A descriptor.  Whatever is no file of bytes (a pipe, a folder) is opened without waiting. */
int weir__file_open(const char *path);

/* The same for reading and writing, made with `mode` (and the process's mask) if it is not there;
 * writes go to its end if it `appends`.  *made, unless NULL: it was not. */
int weir__file_open_write(const char *path, bool appends, unsigned mode, bool *made);

/* Makes a new one for writing, in place of what may be there. */
int weir__file_make(const char *path, unsigned mode);

void weir__file_close(int file);

int weir__file_about(int file, struct weir__file_about *about);
int weir__path_about(const char *path, struct weir__file_about *about);

/* How many bytes: fewer than `bytes` only where the file ends. */
int64_t weir__file_read(int file, void *to, size_t bytes, uint64_t at);

/* Writes all, to the end if the file was opened so: 0, or what failed; *written is how far it came.
 * SIGXFSZ had better be blocked or ignored. */
int weir__file_append(int file, const void *from, size_t bytes, size_t *written);
int weir__file_write(int file, const void *from, size_t bytes, uint64_t at);

/* Cuts it off. */
int weir__file_cut(int file, uint64_t size);

/* Its bytes are on the disk when this returns 0; and for a path: what its folder says of it. */
int weir__file_sync(int file);
int weir__path_sync_folder(const char *path);

/* Held until it is closed, or this process ends; -EWOULDBLOCK: somebody else has it. */
int weir__file_hold(int file);

int weir__path_rename(const char *from, const char *to);

/* "No such file or directory", of an errno value, negated. */
const char *weir__file_error(int error, char *text, size_t room);

/* Which kinds there are for who decides what to do. */
bool weir__error_is_missing(int error); /* there is no such file, or folder */
bool weir__error_is_held(int error);
bool weir__error_is_folder(int error);

#endif
