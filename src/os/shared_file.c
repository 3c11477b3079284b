/*
 * A file that is mapped for others to read.  See shared_file.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/shared_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int weir__shared_file_make(const char *path, int *file) {
    *file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*file < 0) {
        return errno;
    }
    (void)flock(*file, LOCK_EX | LOCK_NB); /* nobody else has it, as it was not there */
    return 0;
}

/* Only whole pages are mapped, and some systems' are larger than what is asked for here. */
static size_t into_page(uint64_t at) {
    return (size_t)(at % (uint64_t)sysconf(_SC_PAGESIZE));
}

void *weir__shared_file_map(int file, uint64_t from, size_t bytes) {
    size_t into = into_page(from);
    /* With room on the disk: a write to a page that finds none is the end of the process. */
    errno = posix_fallocate(file, (off_t)from, (off_t)bytes);
    if (errno != 0) {
        return NULL;
    }
    char *memory =
        mmap(NULL, into + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)(from - into));
    return memory != MAP_FAILED ? memory + into : NULL;
}

void weir__shared_file_unmap(void *memory, size_t bytes) {
    size_t into = into_page((uintptr_t)memory);
    munmap((char *)memory - into, into + bytes);
}

void weir__shared_file_leave(int file) {
    close(file);
}

void weir__shared_file_remove(int file, const char *path) {
    close(file);
    unlink(path);
}

bool weir__shared_file_left(const char *path, void *start, size_t bytes) {
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) {
        return false;
    }
    bool left = fstat(file, &about) == 0 && about.st_uid == geteuid() && S_ISREG(about.st_mode) &&
                pread(file, start, bytes, 0) == (ssize_t)bytes &&
                flock(file, LOCK_SH | LOCK_NB) == 0;
    close(file);
    return left;
}

void weir__shared_files(const char *folder, const char *prefix, void *start, size_t bytes,
                        bool (*found)(void *context, const char *path), void *context) {
    DIR *open_folder = opendir(folder);
    const struct dirent *entry;
    char path[sizeof entry->d_name + 64];
    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && length < (int)sizeof path &&
            weir__shared_file_left(path, start, bytes) && found(context, path)) {
            unlink(path);
        }
    }
    if (open_folder != NULL) closedir(open_folder);
}
