/*
 * The clock: CLOCK_MONOTONIC, read through the vDSO (about 20 ns).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/clock.h"

#include <time.h>

enum { NANOSECONDS = 1000000000 };

uint64_t weir__clock_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

uint64_t weir__clock_utc_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

void weir__clock_sleep_ns(uint64_t nanoseconds) {
    struct timespec length = {
        .tv_sec = (time_t)(nanoseconds / NANOSECONDS),
        .tv_nsec = (long)(nanoseconds % NANOSECONDS),
    };
    clock_nanosleep(CLOCK_MONOTONIC, 0, &length, NULL);
}
