/*
 * Futex: the two system calls, on words private to the process.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The bitset form of waiting takes an absolute deadline of the monotonic
 * clock, so a wait that is begun again after an early return does not start
 * its timeout anew.  Results are not looked at: woken, changed, timed out and
 * interrupted all mean "look again" to the caller.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/futex.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NANOSECONDS = 1000000000 };

/* The kernel's own numbers, for good; its headers do not come with every C library. */
enum { WAKE = 1, WAIT_BITSET = 9, PRIVATE = 128 };
#define ANY_BIT UINT32_MAX

void weir__futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NANOSECONDS),
        .tv_nsec = (long)(deadline_ns % NANOSECONDS),
    };
    syscall(SYS_futex, word, WAIT_BITSET | PRIVATE, expected,
            deadline_ns == UINT64_MAX ? NULL : &deadline, NULL, ANY_BIT);
}

void weir__futex_wake(uint32_t *word, int count) {
    syscall(SYS_futex, word, WAKE | PRIVATE, count, NULL, NULL, 0);
}
