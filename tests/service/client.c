/*
 * The clients: as many requests as are answered, until the service says that it ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each is a thread that opens one connection after the other. He takes a connection down when
 * all that he sent there is answered; one that goes down without a single answer was never taken
 * up by the service, which had stopped accepting.
 */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    pthread_t thread;
    struct round *round;
    unsigned short port;
    uint64_t random;
    uint64_t next; /* the next request's identity   */
    uint64_t end;  /* of the identities that he has */
    bool over;
    int served; /* below 0: it was said */

    /* of the connection */
    int fd;
    uint64_t first; /* its requests are from here to next */
    uint64_t quota;
    uint64_t answers;
    size_t in_bytes;
    unsigned char in[WINDOW * sizeof(struct answer)];
};

static uint64_t draw(struct client *client, uint64_t below) {
    client->random = mix(client->random);
    return client->random % below;
}

/* False: nobody accepts connections any more. */
static bool dial(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(client->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        give_up("socket: %s", strerror(errno));
    }
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        client->first = client->next;
        client->quota = 1 + draw(client, 400);
        client->answers = 0;
        client->in_bytes = 0;
        return true;
    }
    if (errno != ECONNREFUSED && errno != ECONNRESET) {
        give_up("connect: %s", strerror(errno));
    }
    close(client->fd);
    return false;
}

static uint64_t waiting(const struct client *client) {
    return client->next - client->first - client->answers;
}

static bool may_send(const struct client *client) {
    return !client->over && client->next < client->end &&
           client->next - client->first < client->quota && waiting(client) < WINDOW;
}

/* One request, whole: it is small, and few are on their way. */
static bool send_one(struct client *client) {
    struct request request = {.id = client->next};
    client->round->state[client->next++] = REQUEST_SENT;
    ssize_t bytes = send(client->fd, &request, sizeof request, MSG_NOSIGNAL);
    if (bytes >= 0 && bytes != (ssize_t)sizeof request) {
        give_up("half a request was sent");
    }
    return bytes >= 0;
}

static void say_served(struct client *client) {
    if (client->served >= 0 && write(client->served, "", 1) != 1) {
        give_up("nobody wants to know who is served");
    }
    client->served = -1;
}

static void take(struct client *client, const struct answer *answer) {
    bool mine = answer->id >= client->first && answer->id < client->next;
    if (!mine || client->round->state[answer->id] != REQUEST_SENT) {
        give_up("request %llu was answered twice, or to somebody else",
                (unsigned long long)answer->id);
    }
    if (answer->verdict < ANSWER_DONE || answer->verdict > ANSWER_CLOSING ||
        answer->result != (answer->verdict == ANSWER_DONE ? mix(answer->id) : 0)) {
        give_up("request %llu has a wrong answer", (unsigned long long)answer->id);
    }
    client->round->state[answer->id] = (unsigned char)answer->verdict;
    client->answers++;
    client->over = client->over || answer->verdict == ANSWER_CLOSING;
    if (answer->verdict == ANSWER_DONE) {
        say_served(client);
    }
}

/* False: the connection is down. */
static bool receive(struct client *client) {
    ssize_t bytes = recv(client->fd, client->in + client->in_bytes,
                         sizeof client->in - client->in_bytes, MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (bytes <= 0) {
        return false;
    }
    client->in_bytes += (size_t)bytes;
    size_t used = 0;
    for (; client->in_bytes - used >= sizeof(struct answer); used += sizeof(struct answer)) {
        struct answer answer;
        memcpy(&answer, client->in + used, sizeof answer);
        take(client, &answer);
    }
    client->in_bytes -= used;
    memmove(client->in, client->in + used, client->in_bytes);
    return true;
}

/* The connection is down, and not by his own doing. */
static void lost(struct client *client) {
    if (client->answers > 0) {
        give_up("a connection was taken down with %llu requests unanswered",
                (unsigned long long)waiting(client));
    }
    memset(client->round->state + client->first, REQUEST_UNHEARD, client->next - client->first);
    client->over = true;
}

static void converse(struct client *client) {
    while (waiting(client) > 0 || may_send(client)) {
        bool up = true;
        for (uint64_t burst = 1 + draw(client, WINDOW); up && burst > 0 && may_send(client);
             burst--) {
            up = send_one(client);
        }
        struct pollfd wait = {.fd = client->fd, .events = POLLIN};
        poll(&wait, 1, may_send(client) ? 0 : -1);
        if (!receive(client) || !up) {
            lost(client);
            return;
        }
    }
}

static void *run(void *argument) {
    struct client *client = argument;
    while (!client->over && client->next < client->end && dial(client)) {
        converse(client);
        close(client->fd);
    }
    return NULL;
}

int run_clients(struct round *round, unsigned short port, int served) {
    static struct client clients[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.round = round,
                                     .port = port,
                                     .served = served,
                                     .random = mix(round->seed ^ (i + 1)),
                                     .next = i * REQUESTS_EACH,
                                     .end = (i + 1) * REQUESTS_EACH};
        if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0) {
            give_up("no thread for a client");
        }
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    return 0;
}
