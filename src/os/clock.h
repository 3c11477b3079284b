/*
 * The clock: monotonic nanoseconds.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_CLOCK_H
#define WEIR__OS_CLOCK_H

#include <stdint.h>

uint64_t weir__clock_now_ns(void);

/* Since 1970. */
uint64_t weir__clock_utc_ns(void);

/* Sleeps about that long; EINTR may end it early. */
void weir__clock_sleep_ns(uint64_t nanoseconds);

/* now + timeout, or UINT64_MAX when that passes it. */
static inline uint64_t weir__clock_deadline(uint64_t now_ns, uint64_t timeout_ns) {
    return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

#endif
