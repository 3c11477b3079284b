/*
 * Files: see file.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int or_error(int result) {
    return result < 0 ? -errno : result;
}

/* ---- opening ------------------------------------------------------------------------ */

int weir__file_open(const char *path) {
    return or_error(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

int weir__file_open_write(const char *path, bool appends, unsigned mode, bool *made) {
    int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (appends ? O_APPEND : 0);
    int file = or_error(open(path, flags));
    bool is_new = file == -ENOENT;
    if (is_new) {
        file = or_error(open(path, flags | O_CREAT, (mode_t)mode));
    }
    if (made != NULL) {
        *made = is_new;
    }
    return file;
}

int weir__file_make(const char *path, unsigned mode) {
    return or_error(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode));
}

void weir__file_close(int file) {
    close(file);
}

/* ---- what it is --------------------------------------------------------------------- */

static int tell_about(int result, const struct stat *found, struct weir__file_about *about) {
    if (result < 0) {
        return -errno;
    }
    *about = (struct weir__file_about){.device = (uint64_t)found->st_dev,
                                       .number = (uint64_t)found->st_ino,
                                       .size = (uint64_t)found->st_size,
                                       .regular = S_ISREG(found->st_mode)};
    return 0;
}

int weir__file_about(int file, struct weir__file_about *about) {
    struct stat found;
    return tell_about(fstat(file, &found), &found, about);
}

int weir__path_about(const char *path, struct weir__file_about *about) {
    struct stat found;
    return tell_about(stat(path, &found), &found, about);
}

/* ---- reading and writing ------------------------------------------------------------ */

int64_t weir__file_read(int file, void *to, size_t bytes, uint64_t at) {
    size_t had = 0;
    while (had < bytes) {
        ssize_t count = pread(file, (char *)to + had, bytes - had, (off_t)(at + had));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && had == 0) {
            return -errno;
        }
        if (count <= 0) {
            break;
        }
        had += (size_t)count;
    }
    return (int64_t)had;
}

int weir__file_append(int file, const void *from, size_t bytes, size_t *written) {
    *written = 0;
    while (*written < bytes) {
        ssize_t count = write(file, (const char *)from + *written, bytes - *written);
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        *written += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

int weir__file_write(int file, const void *from, size_t bytes, uint64_t at) {
    size_t written = 0;
    while (written < bytes) {
        ssize_t count =
            pwrite(file, (const char *)from + written, bytes - written, (off_t)(at + written));
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        written += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

int weir__file_cut(int file, uint64_t size) {
    return or_error(ftruncate(file, (off_t)size));
}

int weir__file_sync(int file) {
    return or_error(fdatasync(file));
}

int weir__path_sync_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (length >= sizeof folder) {
        return -ENAMETOOLONG;
    }
    memcpy(folder, path, length);
    memcpy(folder + length, ".", 2);
    int file = or_error(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (file < 0) {
        return file;
    }
    int said = or_error(fsync(file));
    close(file);
    return said == -EINVAL ? 0 : said; /* of a system that knows no such thing */
}

int weir__file_hold(int file) {
    return or_error(flock(file, LOCK_EX | LOCK_NB));
}

int weir__path_rename(const char *from, const char *to) {
    return or_error(rename(from, to));
}

/* ---- errors ------------------------------------------------------------------------- */

const char *weir__file_error(int error, char *text, size_t room) {
    snprintf(text, room, "%s", strerror(-error)); /* strerror_r is two functions of that name */
    return text;
}

bool weir__error_is_missing(int error) {
    return error == -ENOENT || error == -ENOTDIR;
}

bool weir__error_is_held(int error) {
    return error == -EWOULDBLOCK || error == -EAGAIN;
}

bool weir__error_is_folder(int error) {
    return error == -EISDIR;
}
