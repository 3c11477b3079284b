/*
 * The service's connections: see connections.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connections.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    pthread_mutex_t lock; /* for what is below it */
    int fd;               /* below 0: the place is free */
    uint32_t owed;        /* requests that will be answered elsewhere */
    size_t out_bytes;
    unsigned char out[2 * WINDOW * sizeof(struct answer)];
    bool polled_out;

    /* the loop's */
    size_t in_bytes;
    unsigned char in[WINDOW * sizeof(struct request)];
};

static struct connection table[CONNECTIONS_MOST];
static int poller;
static unsigned count;

void connections_open(int the_poller) {
    poller = the_poller;
    for (size_t i = 0; i < CONNECTIONS_MOST; i++) {
        pthread_mutex_init(&table[i].lock, NULL);
        table[i].fd = -1;
    }
}

unsigned connections_count(void) {
    return count;
}

/* With the lock. */
static void poll_for(struct connection *connection, int operation, bool out) {
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0),
                                .data.u32 = (uint32_t)(connection - table)};
    if (epoll_ctl(poller, operation, connection->fd, &event) != 0) {
        give_up("epoll_ctl: %s", strerror(errno));
    }
    connection->polled_out = out;
}

void connection_add(int fd) {
    size_t place = 0;
    while (place < CONNECTIONS_MOST && table[place].fd >= 0) place++;
    if (place == CONNECTIONS_MOST) {
        give_up("more than %d connections", CONNECTIONS_MOST);
    }
    struct connection *connection = &table[place];
    pthread_mutex_lock(&connection->lock);
    connection->fd = fd;
    connection->out_bytes = connection->in_bytes = 0;
    poll_for(connection, EPOLL_CTL_ADD, false);
    pthread_mutex_unlock(&connection->lock);
    count++;
}

/* With the lock. */
static void send_out(struct connection *connection) {
    size_t sent = 0;
    while (sent < connection->out_bytes) {
        ssize_t bytes = send(connection->fd, connection->out + sent, connection->out_bytes - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (bytes < 0 && errno != EAGAIN && errno != EINTR) {
            give_up("a client has left before his answers: %s", strerror(errno));
        }
        if (bytes < 0 && errno == EAGAIN) {
            break;
        }
        sent += bytes > 0 ? (size_t)bytes : 0;
    }
    connection->out_bytes -= sent;
    memmove(connection->out, connection->out + sent, connection->out_bytes);
    if (connection->polled_out != (connection->out_bytes > 0)) {
        poll_for(connection, EPOLL_CTL_MOD, connection->out_bytes > 0);
    }
}

void connection_owes(uint32_t place) {
    pthread_mutex_lock(&table[place].lock);
    table[place].owed++;
    pthread_mutex_unlock(&table[place].lock);
}

void connection_answer(uint32_t place, uint64_t id, enum verdict verdict, bool owed) {
    struct connection *connection = &table[place];
    struct answer answer = {
        .id = id, .result = verdict == ANSWER_DONE ? mix(id) : 0, .verdict = verdict};
    pthread_mutex_lock(&connection->lock);
    if (connection->fd < 0 || (owed && connection->owed == 0)) {
        give_up("an answer that nobody waits for: %llu", (unsigned long long)id);
    }
    if (connection->out_bytes + sizeof answer > sizeof connection->out) {
        give_up("more answers than requests");
    }
    memcpy(connection->out + connection->out_bytes, &answer, sizeof answer);
    connection->out_bytes += sizeof answer;
    connection->owed -= owed;
    send_out(connection);
    pthread_mutex_unlock(&connection->lock);
}

static void end(struct connection *connection) {
    pthread_mutex_lock(&connection->lock);
    if (connection->owed > 0 || connection->out_bytes > 0 || connection->in_bytes > 0) {
        give_up("a client has left, with %u answers to come", (unsigned)connection->owed);
    }
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->lock);
    count--;
}

void connection_serve(uint32_t place, void (*handle)(void *context, uint32_t place, uint64_t id),
                      void *context) {
    struct connection *connection = &table[place];
    pthread_mutex_lock(&connection->lock);
    send_out(connection);
    pthread_mutex_unlock(&connection->lock);
    ssize_t bytes = recv(connection->fd, connection->in + connection->in_bytes,
                         sizeof connection->in - connection->in_bytes, MSG_DONTWAIT);
    if (bytes < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            give_up("a client is lost: %s", strerror(errno));
        }
        return;
    }
    if (bytes == 0) {
        end(connection);
        return;
    }
    connection->in_bytes += (size_t)bytes;
    size_t used = 0;
    for (; connection->in_bytes - used >= sizeof(struct request); used += sizeof(struct request)) {
        struct request request;
        memcpy(&request, connection->in + used, sizeof request);
        handle(context, place, request.id);
    }
    connection->in_bytes -= used;
    memmove(connection->in, connection->in + used, connection->in_bytes);
}
