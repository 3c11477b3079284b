/*
 * The service: one event loop, with sockets, SIGTERM and the end of the drain in it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * On SIGTERM it accepts no more connections, begins to drain, and goes on reading: what the
 * pipeline does not take any more is refused, what it has taken is answered. When the drain is
 * over it closes the pipeline, and goes on refusing until all clients have left.
 */
#include "connections.h"
#include "pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the poller names that is no connection. */
enum { LISTENER = CONNECTIONS_MOST, SIGNAL, DRAINED };

struct service {
    struct round *round;
    struct pipeline pipeline;
    int poller;
    int listener; /* below 0: closed */
    int signal;
    int drained; /* below 0: not begun */
    bool closed; /* the pipeline       */
    uint64_t busy;
    uint64_t late;
};

static void watch(struct service *service, int fd, uint32_t name) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = name};
    if (epoll_ctl(service->poller, EPOLL_CTL_ADD, fd, &event) != 0) {
        give_up("epoll_ctl: %s", strerror(errno));
    }
}

static int open_signal(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM); /* blocked by who has started this process */
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        give_up("signalfd: %s", strerror(errno));
    }
    return fd;
}

/* ---- what comes ------------------------------------------------------------------ */

static void handle(void *context, uint32_t place, uint64_t id) {
    struct service *service = context;
    service->round->read++;
    connection_owes(place);
    weir_status status =
        service->closed ? WEIR_NO_STAGE : pipeline_push(&service->pipeline, place, id);
    switch (status) {
    case WEIR_OK:
        service->round->accepted++;
        return;
    case WEIR_FULL:
        service->busy++;
        connection_answer(place, id, ANSWER_BUSY, true);
        return;
    case WEIR_NO_STAGE:
        if (service->drained < 0) {
            give_up("the pipeline has ended by itself: %s", weir_refusal());
        }
        service->late++;
        connection_answer(place, id, ANSWER_CLOSING, true);
        return;
    default:
        must(status, "the push of a request");
    }
}

static void accept_one(struct service *service) {
    int fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        connection_add(fd);
    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        give_up("accept: %s", strerror(errno));
    }
}

static void terminate(struct service *service) {
    struct signalfd_siginfo info;
    if (read(service->signal, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    close(service->listener);
    service->listener = -1;
    service->drained = pipeline_drain(&service->pipeline);
    watch(service, service->drained, DRAINED);
}

static void check(const struct weir_accounts *accounts, const char *when) {
    if (accounts->emitted != accounts->handled || accounts->buffered + accounts->in_flight > 0 ||
        accounts->discarded > 0) {
        give_up("%s: %" PRIu64 " emitted, %" PRIu64 " handled, %" PRIu64 " buffered, %" PRIu64
                " in flight, %" PRIu64 " discarded",
                when, accounts->emitted, accounts->handled, accounts->buffered, accounts->in_flight,
                accounts->discarded);
    }
}

static void close_pipeline(struct service *service) {
    weir_drain_report report;
    weir_accounts accounts;
    weir_status status = pipeline_drained(&service->pipeline, &report);
    if (status != WEIR_OK || report.stages > 0 || report.name[0] != '\0') {
        give_up("the drain: %s, %zu stages, %s: %s", weir_status_name(status), report.stages,
                report.name, weir_holdup_text(report.why));
    }
    check(&report.accounts, "drained");
    epoll_ctl(service->poller, EPOLL_CTL_DEL, service->drained, NULL);
    pipeline_close(&service->pipeline, &accounts);
    check(&accounts, "closed");
    service->closed = true;
    snprintf(service->round->said, sizeof service->round->said,
             "drained %s: %" PRIu64 " emitted = handled; %" PRIu64 " requests refused as busy, "
             "%" PRIu64 " as too late",
             weir_status_name(status), accounts.emitted, service->busy, service->late);
}

static void take(struct service *service, uint32_t name) {
    switch (name) {
    case LISTENER:
        if (service->listener >= 0) {
            accept_one(service);
        }
        return;
    case SIGNAL:
        terminate(service);
        return;
    case DRAINED:
        close_pipeline(service);
        return;
    default:
        connection_serve(name, handle, service);
    }
}

int run_service(struct round *round, int listener, int ledger) {
    static struct service service;
    service.round = round;
    service.listener = listener;
    service.drained = -1;
    service.signal = open_signal();
    service.poller = epoll_create1(EPOLL_CLOEXEC);
    if (service.poller < 0) {
        give_up("epoll_create1: %s", strerror(errno));
    }
    pipeline_open(&service.pipeline, round, ledger);
    connections_open(service.poller);
    watch(&service, listener, LISTENER);
    watch(&service, service.signal, SIGNAL);
    while (!service.closed || connections_count() > 0) {
        struct epoll_event events[16];
        int count = epoll_wait(service.poller, events, 16, -1);
        if (count < 0 && errno != EINTR) {
            give_up("epoll_wait: %s", strerror(errno));
        }
        for (int i = 0; i < count; i++) {
            take(&service, events[i].data.u32);
        }
    }
    close(service.poller);
    close(service.signal);
    return 0;
}
