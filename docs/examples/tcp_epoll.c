/*
 * A server of numbers (tcp.h) with a loop by hand: sockets stop reading when the port is full.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tcp.h"

#include <sys/epoll.h>

struct connection {
    int fd;
    bool waits; /* for room */
    struct connection *next;
    struct connection *previous;
    struct numbers numbers;
};

static int loop;
static struct way_in in;
static struct connection *connections;
static unsigned waiting;

static void watch(int call, int fd, uint32_t events, void *what) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(loop, call, fd, &event) != 0) perror("epoll_ctl");
}

static void close_connection(struct connection *connection) {
    *(connection->previous != NULL ? &connection->previous->next : &connections) = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    close(connection->fd); /* and it is in the epoll no more */
    free(connection);
}

/* Whose numbers have no room is taken out of the loop, and `room` into it. */
static void wait_for_room(struct connection *connection) {
    connection->waits = true;
    watch(EPOLL_CTL_DEL, connection->fd, 0, NULL);
    if (waiting++ == 0) watch(EPOLL_CTL_ADD, in.room, EPOLLIN, &in);
}

static void go_on(struct connection *connection) {
    if (!push_numbers(&in, &connection->numbers)) return;
    connection->waits = false;
    watch(EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
    if (--waiting == 0) watch(EPOLL_CTL_DEL, in.room, 0, NULL);
}

static void read_some(struct connection *connection) {
    struct numbers *numbers = &connection->numbers;
    ssize_t got = read(connection->fd, numbers_end(numbers), numbers_room(numbers));
    if (got > 0) {
        numbers->bytes += (size_t)got;
        if (!push_numbers(&in, numbers)) wait_for_room(connection);
    } else if (got == 0 || errno != EAGAIN) {
        close_connection(connection);
    }
}

static void accept_one(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    connection->fd = fd;
    connection->next = connections;
    if (connections != NULL) connections->previous = connection;
    connections = connection;
    watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
}

static void room_came(void) {
    for (struct connection *at = connections; at != NULL; at = at->next)
        if (at->waits) go_on(at);
}

int main(void) {
    int terminate = terminate_fd();
    in = open_way_in();
    loop = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_somewhere();
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
    watch(EPOLL_CTL_ADD, terminate, EPOLLIN, &terminate);
    for (void *what = NULL; what != &terminate;) {
        struct epoll_event event; /* one at a time: what comes later may be closed by then */
        if (epoll_wait(loop, &event, 1, -1) != 1) continue;
        what = event.data.ptr;
        if (what == &listener) {
            accept_one(listener);
        } else if (what == &in) {
            room_came();
        } else if (what != &terminate) {
            read_some(what);
        }
    }
    while (connections != NULL) {
        push_all_numbers(&in, &connections->numbers);
        close_connection(connections);
    }
    close(listener);
    close(loop);
    close_way_in(&in);
    return 0;
}
