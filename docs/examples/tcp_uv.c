/*
 * A server of numbers (tcp.h) in a loop of libuv: sockets stop reading when the port is full.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tcp.h"

#include <uv.h>

struct connection {
    uv_tcp_t socket; /* first: libuv's pointers are ours */
    bool waits;      /* for room */
    struct connection *next;
    struct connection *previous;
    struct numbers numbers;
};

static struct way_in in;
static uv_poll_t room;
static uv_tcp_t listener;
static uv_signal_t terminate;
static struct connection *connections;
static unsigned waiting;

static void free_connection(uv_handle_t *handle) {
    struct connection *connection = (struct connection *)handle;
    *(connection->previous != NULL ? &connection->previous->next : &connections) = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    free(connection);
}

static void say_where(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    struct numbers *numbers = &((struct connection *)handle)->numbers;
    (void)suggested;
    *out = uv_buf_init(numbers_end(numbers), (unsigned)numbers_room(numbers));
}

static void room_came(uv_poll_t *handle, int status, int events);

static void has_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    struct connection *connection = (struct connection *)stream;
    (void)buffer;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, free_connection);
        return;
    }
    connection->numbers.bytes += (size_t)got;
    if (!push_numbers(&in, &connection->numbers)) {
        connection->waits = true;
        uv_read_stop(stream);
        if (waiting++ == 0) uv_poll_start(&room, UV_READABLE, room_came);
    }
}

static void room_came(uv_poll_t *handle, int status, int events) {
    (void)status, (void)events;
    for (struct connection *at = connections; at != NULL; at = at->next) {
        if (!at->waits || !push_numbers(&in, &at->numbers)) continue;
        at->waits = false;
        uv_read_start((uv_stream_t *)&at->socket, say_where, has_read);
        if (--waiting == 0) uv_poll_stop(handle);
    }
}

static void came(uv_stream_t *server, int status) {
    if (status < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    uv_tcp_init(server->loop, &connection->socket);
    connection->next = connections;
    if (connections != NULL) connections->previous = connection;
    connections = connection;
    if (uv_accept(server, (uv_stream_t *)&connection->socket) == 0) {
        uv_read_start((uv_stream_t *)&connection->socket, say_where, has_read);
    } else {
        uv_close((uv_handle_t *)&connection->socket, free_connection);
    }
}

static void end(uv_signal_t *handle, int number) {
    (void)number;
    for (struct connection *at = connections; at != NULL; at = at->next) {
        push_all_numbers(&in, &at->numbers);
        if (!uv_is_closing((uv_handle_t *)&at->socket))
            uv_close((uv_handle_t *)&at->socket, free_connection);
    }
    uv_close((uv_handle_t *)&room, NULL);
    uv_close((uv_handle_t *)&listener, NULL);
    uv_close((uv_handle_t *)handle, NULL);
}

int main(void) {
    uv_loop_t *loop = uv_default_loop();
    in = open_way_in();
    uv_poll_init(loop, &room, in.room);
    uv_tcp_init(loop, &listener);
    uv_tcp_open(&listener, listen_somewhere());
    uv_listen((uv_stream_t *)&listener, 128, came);
    uv_signal_init(loop, &terminate);
    uv_signal_start(&terminate, end, SIGTERM);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    close_way_in(&in);
    return 0;
}
