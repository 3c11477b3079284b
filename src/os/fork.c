/*
 * Fork: see fork.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/fork.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void weir__fork_around(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    (void)pthread_atfork(before, parent, child); /* without memory a child finds out nothing */
}

void weir__fork_returned(const char *what) {
    char line[160];
    const int length =
        snprintf(line, sizeof line,
                 "weir: error: a %s has returned in a child of fork, which is to end "
                 "there, or to exec: it ends with status %d\n",
                 what, WEIR__FORK_RETURNED);
    const size_t bytes = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    const ssize_t written = write(STDERR_FILENO, line, bytes);
    (void)written;
    _exit(WEIR__FORK_RETURNED);
}

/* They may begin and end within a page, as what was mapped from a file at any place does. */
bool weir__fork_unshare(void *pages, size_t bytes) {
    const size_t into = (uintptr_t)pages % (uintptr_t)sysconf(_SC_PAGESIZE);
    char *from = (char *)pages - into;
    void *copy =
        mmap(NULL, into + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
        return false;
    }
    memcpy(copy, from, into + bytes);
    if (mremap(copy, into + bytes, into + bytes, MREMAP_MAYMOVE | MREMAP_FIXED, from) ==
        MAP_FAILED) {
        munmap(copy, into + bytes);
        return false;
    }
    return true;
}
