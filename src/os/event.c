/*
 * Events: eventfd.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The counter is only ever added to and read whole; one that is full is readable
 * already, so a write that fails for that is no loss.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/event.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int weir__event_open(void) {
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0 ? -errno : event;
}

int weir__event_copy(int event) {
    int copy = fcntl(event, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

void weir__event_close(int event) {
    close(event);
}

void weir__event_signal(int event) {
    uint64_t one = 1;
    ssize_t written = write(event, &one, sizeof one);
    (void)written;
}

void weir__event_clear(int event) {
    uint64_t count;
    ssize_t got = read(event, &count, sizeof count);
    (void)got;
}
