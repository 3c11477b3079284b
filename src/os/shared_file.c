/*
 * A file that is mapped for others to read.  See shared_file.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int weir__shared_file_make(const char *path, int *file) {
    *file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *file >= 0 ? 0 : errno;
}

void *weir__shared_file_map(int file, uint64_t from, size_t bytes) {
    /* With room on the disk: a write to a page that finds none is the end of the process. */
    errno = posix_fallocate(file, (off_t)from, (off_t)bytes);
    if (errno != 0) {
        return NULL;
    }
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)from);
    return memory != MAP_FAILED ? memory : NULL;
}

void weir__shared_file_unmap(void *memory, size_t bytes) {
    munmap(memory, bytes);
}

void weir__shared_file_remove(int file, const char *path) {
    close(file);
    unlink(path);
}
