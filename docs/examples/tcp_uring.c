/*
 * A server of numbers (tcp.h) with io_uring: a socket whose numbers have no room has no read on its way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tcp.h"

#include <liburing.h>

struct connection {
    int fd;
    bool waits; /* for room */
    struct connection *next;
    struct connection *previous;
    struct numbers numbers;
};

static struct io_uring ring;
static struct way_in in;
static struct connection *connections;
static unsigned waiting;
static int listener;
static int terminate;

/* One on its way of each; what it is of is its data. */
static struct io_uring_sqe *next_request(void) {
    struct io_uring_sqe *request = io_uring_get_sqe(&ring);
    if (request == NULL) {
        io_uring_submit(&ring);
        request = io_uring_get_sqe(&ring);
    }
    return request;
}

static void ask_to_accept(void) {
    struct io_uring_sqe *request = next_request();
    io_uring_prep_accept(request, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(request, &listener);
}

static void ask_to_poll(int *fd) {
    struct io_uring_sqe *request = next_request();
    io_uring_prep_poll_add(request, *fd, POLLIN);
    io_uring_sqe_set_data(request, fd);
}

static void ask_to_read(struct connection *connection) {
    struct numbers *numbers = &connection->numbers;
    struct io_uring_sqe *request = next_request();
    io_uring_prep_recv(request, connection->fd, numbers_end(numbers), numbers_room(numbers), 0);
    io_uring_sqe_set_data(request, connection);
}

static void close_connection(struct connection *connection) {
    *(connection->previous != NULL ? &connection->previous->next : &connections) = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    close(connection->fd);
    free(connection);
}

static void has_read(struct connection *connection, int got) {
    if (got == 0 || (got < 0 && got != -EAGAIN && got != -EINTR)) {
        close_connection(connection);
        return;
    }
    connection->numbers.bytes += got > 0 ? (size_t)got : 0;
    if (push_numbers(&in, &connection->numbers)) {
        ask_to_read(connection);
        return;
    }
    connection->waits = true;
    if (waiting++ == 0) ask_to_poll(&in.room);
}

static void room_came(void) {
    for (struct connection *at = connections; at != NULL; at = at->next) {
        if (!at->waits || !push_numbers(&in, &at->numbers)) continue;
        at->waits = false;
        waiting--;
        ask_to_read(at);
    }
    if (waiting > 0) ask_to_poll(&in.room);
}

static void has_accepted(int fd) {
    ask_to_accept();
    if (fd < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    connection->fd = fd;
    connection->next = connections;
    if (connections != NULL) connections->previous = connection;
    connections = connection;
    ask_to_read(connection);
}

int main(void) {
    terminate = terminate_fd();
    int error = io_uring_queue_init(256, &ring, 0);
    if (error < 0) {
        fprintf(stderr, "no io_uring here: %s\n", strerror(-error));
        return 77;
    }
    in = open_way_in();
    listener = listen_somewhere();
    ask_to_accept();
    ask_to_poll(&terminate);
    for (void *what = NULL; what != &terminate;) {
        struct io_uring_cqe *done;
        if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &done) != 0)
            continue;
        int result = done->res;
        what = io_uring_cqe_get_data(done);
        io_uring_cqe_seen(&ring, done);
        if (what == &listener) {
            has_accepted(result);
        } else if (what == &in.room) {
            room_came();
        } else if (what != &terminate) {
            has_read(what, result);
        }
    }
    /* A read that is on its way may have brought something: its socket ends, and so does it. */
    for (struct connection *at = connections; at != NULL; at = at->next) shutdown(at->fd, SHUT_RD);
    while (connections != NULL) {
        struct io_uring_cqe *done;
        if (connections->waits) {
            push_all_numbers(&in, &connections->numbers);
            close_connection(connections);
        } else if (io_uring_submit_and_wait(&ring, 1) >= 0 &&
                   io_uring_peek_cqe(&ring, &done) == 0) {
            void *what = io_uring_cqe_get_data(done);
            int result = done->res;
            io_uring_cqe_seen(&ring, done);
            if (what == &listener) {
                if (result >= 0) close(result);
            } else if (what != &in.room && what != &terminate) {
                has_read(what, result);
            }
        }
    }
    io_uring_queue_exit(&ring);
    close(listener);
    close_way_in(&in);
    return 0;
}
