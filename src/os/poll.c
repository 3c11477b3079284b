/*
 * Poll: epoll.
 * SPDX-License-Identifier: Apache-2.0
 *
 * epoll's own timeout is in milliseconds, and one in nanoseconds came late to it (Linux 5.11): so
 * who sleeps until a moment does so in ppoll, at the set's own descriptor.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/poll.h"

#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int weir__poll_open(void) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    if (poll == 0) { /* the program has closed its standard input */
        poll = fcntl(0, F_DUPFD_CLOEXEC, 1);
        close(0);
    }
    return poll < 0 ? -errno : poll;
}

void weir__poll_close(int poll) {
    close(poll);
}

static uint32_t epoll_events(unsigned asked) {
    return ((asked & WEIR__POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0u) |
           ((asked & WEIR__POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0u) |
           ((asked & WEIR__POLL_EDGE) != 0 ? (uint32_t)EPOLLET : 0u);
}

int weir__poll_set(int poll, int descriptor, unsigned before, unsigned now, void *what) {
    struct epoll_event event = {.events = epoll_events(now), .data.ptr = what};
    if (before == now) {
        return 0;
    }
    int call = before == 0 ? EPOLL_CTL_ADD : now == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return epoll_ctl(poll, call, descriptor, &event) == 0 ? 0 : -errno;
}

int weir__poll_look(int poll, struct weir__polled *ready, int most) {
    struct epoll_event events[WEIR__POLL_MOST];
    int count = epoll_wait(poll, events, most < WEIR__POLL_MOST ? most : WEIR__POLL_MOST, 0);
    for (int i = 0; i < count; i++) {
        uint32_t got = events[i].events;
        bool all = (got & (EPOLLERR | EPOLLHUP)) != 0;
        ready[i].what = events[i].data.ptr;
        ready[i].ready = ((got & EPOLLIN) != 0 || all ? (unsigned)WEIR__POLL_IN : 0u) |
                         ((got & EPOLLOUT) != 0 || all ? (unsigned)WEIR__POLL_OUT : 0u);
    }
    return count < 0 ? -errno : count;
}

void weir__poll_sleep(int poll, uint64_t deadline_ns) {
    struct epoll_event ready;
    if (deadline_ns == UINT64_MAX) {
        epoll_wait(poll, &ready, 1, -1);
        return;
    }
    uint64_t now = weir__clock_now_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    const uint64_t second = 1000000000;
    struct pollfd set = {.fd = poll, .events = POLLIN};
    struct timespec until = {.tv_sec = (time_t)(left / second), .tv_nsec = (long)(left % second)};
    if (ppoll(&set, 1, &until, NULL) > 0) {
        epoll_wait(poll, &ready, 1, 0);
    }
}

int weir__poll_never_wait(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    return (flags & O_NONBLOCK) != 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0
               ? 0
               : -errno;
}

/* What accept says of a connection that is none any more, or that a rule forbids; the network's
 * own errors are told so, too. */
static bool is_of_connection(int error) {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

int weir__poll_accept(int listener) {
    enum { GONE_MOST = 16 };
    for (int i = 0; i < GONE_MOST; i++) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection >= 0) {
            return connection;
        }
        if (!is_of_connection(errno)) {
            return -errno;
        }
    }
    return -EAGAIN;
}

void weir__poll_drop(int descriptor) {
    close(descriptor);
}
