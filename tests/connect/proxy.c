/*
 * A proxy between a client and a server on loopback.  See proxy.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The thread polls its listener, each pair of sockets, and a pipe by which it is told that
 * something was asked of it.  All that is asked stands behind the lock.
 */
#include "connect/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 64, CHUNK = 16384 };

struct pair {
    int client, server; /* -1: there is none */
};

struct proxy {
    pthread_t thread;
    pthread_mutex_t lock;
    unsigned port, target;
    int listener;
    int told[2]; /* a pipe */
    struct pair pairs[PAIRS];
    /* under the lock */
    bool stalls, cut, ends, breaks;
    uint64_t left; /* until it is cut */
    unsigned connections;
    uint64_t sent;
};

static struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* ---- its thread -------------------------------------------------------------------- */

/* Reset, not closed: what is under way is lost. */
static void hang_up(int file) {
    struct linger now = {.l_onoff = 1};
    setsockopt(file, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(file);
}

static void break_pair(struct pair *pair) {
    hang_up(pair->client);
    hang_up(pair->server);
    *pair = (struct pair){-1, -1};
}

static void take_connection(proxy *self, bool cut) {
    int yes = 1;
    struct sockaddr_in address = loopback(self->target);
    struct pair pair = {.client = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC)};
    if (pair.client < 0) {
        return;
    }
    pair.server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pair *place = self->pairs;
    while (place < self->pairs + PAIRS && place->client >= 0) {
        place++;
    }
    if (cut || place == self->pairs + PAIRS ||
        connect(pair.server, (struct sockaddr *)&address, sizeof address) != 0) {
        break_pair(&pair);
        return;
    }
    setsockopt(pair.client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(pair.server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *place = pair;
    pthread_mutex_lock(&self->lock);
    self->connections++;
    pthread_mutex_unlock(&self->lock);
}

/* How much of it may pass. */
static size_t allowed(proxy *self, size_t count, bool to_server) {
    pthread_mutex_lock(&self->lock);
    if (count >= self->left) {
        count = (size_t)self->left;
        self->cut = self->breaks = true;
    }
    self->left -= self->left == UINT64_MAX ? 0 : count;
    self->sent += to_server ? count : 0;
    pthread_mutex_unlock(&self->lock);
    return count;
}

/* false: one of them has hung up. */
static bool hand_on(proxy *self, int from, int to, bool to_server) {
    char bytes[CHUNK];
    ssize_t count = recv(from, bytes, sizeof bytes, 0);
    if (count <= 0) {
        return false;
    }
    size_t most = allowed(self, (size_t)count, to_server);
    for (size_t done = 0; done < most;) {
        ssize_t part = send(to, bytes + done, most - done, MSG_NOSIGNAL);
        if (part <= 0) {
            return false;
        }
        done += (size_t)part;
    }
    return true;
}

static void serve(proxy *self, const struct pollfd *polled, bool cut) {
    char told[64];
    if (polled[0].revents != 0 && read(self->told[0], told, sizeof told) < 0) {
        return;
    }
    for (size_t i = 0; i < PAIRS; i++) {
        struct pair *pair = &self->pairs[i];
        const struct pollfd *sides = &polled[2 + 2 * i];
        if (pair->client < 0 || sides[0].fd != pair->client) {
            continue;
        }
        if ((sides[0].revents != 0 && !hand_on(self, pair->client, pair->server, true)) ||
            (sides[1].revents != 0 && !hand_on(self, pair->server, pair->client, false))) {
            break_pair(pair);
        }
    }
    if (polled[1].revents != 0) {
        take_connection(self, cut);
    }
}

static void *work(void *argument) {
    proxy *self = argument;
    struct pollfd polled[2 + 2 * PAIRS];
    for (;;) {
        pthread_mutex_lock(&self->lock);
        bool stalls = self->stalls, cut = self->cut, ends = self->ends, breaks = self->breaks;
        self->breaks = false;
        pthread_mutex_unlock(&self->lock);
        polled[0] = (struct pollfd){.fd = self->told[0], .events = POLLIN};
        polled[1] = (struct pollfd){.fd = self->listener, .events = POLLIN};
        for (size_t i = 0; i < PAIRS; i++) {
            struct pair *pair = &self->pairs[i];
            if ((breaks || ends) && pair->client >= 0) {
                break_pair(pair);
            }
            polled[2 + 2 * i] = (struct pollfd){.fd = stalls ? -1 : pair->client, .events = POLLIN};
            polled[3 + 2 * i] = (struct pollfd){.fd = stalls ? -1 : pair->server, .events = POLLIN};
        }
        if (ends) {
            return NULL;
        }
        if (poll(polled, 2 + 2 * PAIRS, -1) > 0) {
            serve(self, polled, cut);
        }
    }
}

/* ---- for the test ------------------------------------------------------------------ */

proxy *proxy_start(unsigned port) {
    proxy *self = calloc(1, sizeof *self);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    sigset_t all, before;
    if (self == NULL || pipe2(self->told, O_CLOEXEC) != 0) {
        abort();
    }
    self->target = port;
    self->left = UINT64_MAX;
    for (size_t i = 0; i < PAIRS; i++) {
        self->pairs[i] = (struct pair){-1, -1};
    }
    pthread_mutex_init(&self->lock, NULL);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->listener < 0 || bind(self->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(self->listener, PAIRS) != 0 ||
        getsockname(self->listener, (struct sockaddr *)&address, &size) != 0) {
        abort();
    }
    self->port = ntohs(address.sin_port);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&self->thread, NULL, work, self) != 0) {
        abort();
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return self;
}

unsigned proxy_port(const proxy *self) {
    return self->port;
}

/* Behind the lock, which it gives back. */
static void tell(proxy *self) {
    pthread_mutex_unlock(&self->lock);
    while (write(self->told[1], "", 1) != 1) {}
}

void proxy_stall(proxy *self, bool stalls) {
    pthread_mutex_lock(&self->lock);
    self->stalls = stalls;
    tell(self);
}

void proxy_cut(proxy *self, bool cut) {
    pthread_mutex_lock(&self->lock);
    self->breaks = self->cut = cut;
    self->left = UINT64_MAX;
    tell(self);
}

void proxy_cut_behind(proxy *self, uint64_t bytes) {
    pthread_mutex_lock(&self->lock);
    self->left = bytes;
    tell(self);
}

unsigned proxy_connections(const proxy *self) {
    proxy *locked = (proxy *)self;
    pthread_mutex_lock(&locked->lock);
    unsigned connections = self->connections;
    pthread_mutex_unlock(&locked->lock);
    return connections;
}

uint64_t proxy_sent(const proxy *self) {
    proxy *locked = (proxy *)self;
    pthread_mutex_lock(&locked->lock);
    uint64_t sent = self->sent;
    pthread_mutex_unlock(&locked->lock);
    return sent;
}

void proxy_end(proxy *self) {
    pthread_mutex_lock(&self->lock);
    self->ends = true;
    tell(self);
    pthread_join(self->thread, NULL);
    close(self->listener);
    close(self->told[0]);
    close(self->told[1]);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
