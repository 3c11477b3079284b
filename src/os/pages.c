/*
 * Pages: see pages.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/pages.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As many bytes more as aligning may take, and back go those that it did not. */
void *weir__pages_map(size_t bytes, size_t alignment) {
    const size_t all = bytes + alignment;
    if (all < bytes) {
        return NULL;
    }
    char *mapped = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    const size_t before = (size_t)(-(uintptr_t)mapped & (alignment - 1));
    if (before > 0) {
        munmap(mapped, before);
    }
    munmap(mapped + before + bytes, alignment - before);
    return mapped + before;
}

void weir__pages_unmap(void *memory, size_t bytes) {
    munmap(memory, bytes);
}

int weir__pages_lock(void *memory, size_t bytes) {
    enum { ONFAULT = 1 };
    if (syscall(SYS_mlock2, memory, bytes, ONFAULT) == 0) {
        return 0;
    }
    if (errno != ENOSYS) {
        return errno;
    }
    return mlock(memory, bytes) == 0 ? 0 : errno; /* an old system: all of it, now */
}

void weir__pages_huge(void *memory, size_t bytes) {
    madvise(memory, bytes, MADV_HUGEPAGE);
}

void weir__pages_touch(void *memory, size_t bytes) {
    enum { POPULATE_WRITE = 23 /* Linux from 5.14 on */ };
    if (madvise(memory, bytes, POPULATE_WRITE) == 0) {
        return;
    }
    memset(memory, 0, bytes);
}
