/*
 * The stage that has the connections: it emits what they send, and is cast the answers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It is a poller: while the totallers ask for nothing, no socket is read.  Nor is one whose client
 * does not take his answers, or waits for OWED_MOST of them; so what is kept for it is bounded.
 * While records are under way the stage holds a token, and so a drain waits for their answers.
 */
#define _POSIX_C_SOURCE 200809L
#include "service.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MOST = 16384, ANSWER_MOST = 32, FD_MOST = CONNECTIONS + 1000, EMIT_MOST = 64 };

struct connection {
    int fd;
    uint32_t serial;
    uint64_t number; /* records that have come ... */
    size_t owed;     /* ... and are not answered */
    bool ended;      /* there will be no more of them */
    bool skips;      /* what is left of a record that is too long */
    size_t begun;    /* bytes of a record whose end has not come */
    char begin[RECORD_MOST + 1];
    char *out; /* answers that the client has not taken */
    size_t out_bytes, out_room;
};

struct sockets {
    struct connection *by_fd[FD_MOST];
    uint32_t serial;
    size_t owed; /* to all, also to those that have gone; unless 0 there is ... */
    weir_token busy;
    size_t emits; /* messages that go together: */
    weir_message messages[EMIT_MOST];
    char bytes[RECORD_MOST + 1 + READ_MOST];
};

/* ---- records ------------------------------------------------------------------------ */

static weir_status emit(weir_stage *self, struct sockets *sockets) {
    size_t count = sockets->emits;
    sockets->emits = 0;
    return count == 0 ? WEIR_OK : weir_emit(self, sockets->messages, count);
}

/* One that is too long goes on as far as it tells that. */
static weir_status add(weir_stage *self, struct sockets *sockets, struct connection *from,
                       const char *text, size_t bytes) {
    const struct origin origin = {from->fd, from->serial, ++from->number};
    weir_message *record = &sockets->messages[sockets->emits];
    *record = (weir_message){0};
    if (bytes > RECORD_MOST) bytes = RECORD_MOST + 1;
    char *room = weir_message_room(self, record, sizeof origin + bytes);
    if (room == NULL) return WEIR_NO_MEMORY;
    memcpy(room, &origin, sizeof origin);
    memcpy(room + sizeof origin, text, bytes);
    record->headers = (weir_bytes){.at = room, .count = sizeof origin};
    record->data = (weir_bytes){.at = room + sizeof origin, .count = (uint32_t)bytes};
    const char *key_end = memchr(record->data.at, ' ', bytes);
    record->key = record->data;
    if (key_end != NULL) record->key.count = (uint32_t)(key_end - record->data.at);
    from->owed++;
    if (sockets->owed++ == 0)
        weir_must(weir_busy(weir_stage_runtime(self), weir_self(self), &sockets->busy));
    return ++sockets->emits < EMIT_MOST ? WEIR_OK : emit(self, sockets);
}

/* All records that have their end; of the last one, the beginning is kept. */
static weir_status take(weir_stage *self, struct sockets *sockets, struct connection *from,
                        size_t bytes) {
    const char *at = sockets->bytes, *end;
    weir_status status = WEIR_OK;
    for (; status == WEIR_OK && (end = memchr(at, '\n', bytes)) != NULL; at = end + 1) {
        bytes -= (size_t)(end + 1 - at);
        if (!from->skips) status = add(self, sockets, from, at, (size_t)(end - at));
        from->skips = false;
    }
    if (status == WEIR_OK && !from->skips && bytes > RECORD_MOST) {
        status = add(self, sockets, from, at, bytes);
        from->skips = true;
    }
    from->begun = from->skips ? 0 : bytes;
    memcpy(from->begin, at, from->begun);
    return status == WEIR_OK ? emit(self, sockets) : status;
}

/* ---- answers ------------------------------------------------------------------------ */

static bool write_answers(struct connection *to) {
    ssize_t sent = send(to->fd, to->out, to->out_bytes, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    to->out_bytes -= (size_t)sent;
    memmove(to->out, to->out + sent, to->out_bytes);
    return true;
}

/* Writes what can be, and says what is to come next; `well`: it is not broken. */
static void go_on(weir_stage *self, struct connection *with, bool well) {
    if (well && with->out_bytes > 0) well = write_answers(with);
    if (!well || (with->ended && with->owed == 0 && with->out_bytes == 0)) {
        weir_must(weir_poller_close(self, with->fd));
    } else {
        bool reads = !with->ended && with->owed < OWED_MOST && with->out_bytes == 0;
        unsigned want = (reads ? WEIR_POLL_READ : 0) | (with->out_bytes > 0 ? WEIR_POLL_WRITE : 0);
        weir_must(weir_poller_want(self, with->fd, want));
    }
}

/* The connection, unless it has gone meanwhile. */
static struct connection *find(struct sockets *sockets, const struct answer *answer) {
    struct connection *found = sockets->by_fd[answer->to.fd];
    return found != NULL && found->serial == answer->to.serial ? found : NULL;
}

static weir_status append(struct connection *to, const struct answer *answer) {
    if (to->out_bytes + ANSWER_MOST > to->out_room) {
        size_t room = 2 * to->out_room + 8 * ANSWER_MOST;
        char *out = realloc(to->out, room);
        if (out == NULL) return WEIR_NO_MEMORY;
        to->out = out, to->out_room = room;
    }
    to->out_bytes +=
        (size_t)snprintf(to->out + to->out_bytes, ANSWER_MOST, "%llu %s\n",
                         (unsigned long long)answer->to.number, answer->dead ? "dead" : "ok");
    to->owed--;
    return WEIR_OK;
}

/* A batch is stored: all of a connection's answers in it are written at once. */
static weir_verdict answer_batch(weir_stage *self, const void *message, size_t bytes) {
    struct sockets *sockets = weir_state(self);
    const struct answer *answers = message;
    size_t count = bytes / sizeof *answers;
    struct connection *to;
    for (size_t i = 0; i < count; i++)
        if ((to = find(sockets, &answers[i])) != NULL && append(to, &answers[i]) != WEIR_OK)
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        if ((to = find(sockets, &answers[i])) != NULL) go_on(self, to, true);
    sockets->owed -= count;
    if (sockets->owed == 0) weir_must(weir_done(weir_stage_runtime(self), sockets->busy));
    return WEIR_CONTINUE;
}

/* ---- connections -------------------------------------------------------------------- */

static weir_verdict ready(weir_stage *self, int fd, unsigned ready, void *context) {
    struct sockets *sockets = weir_state(self);
    struct connection *connection = context;
    bool well = true;
    if ((ready & WEIR_POLL_READ) != 0) {
        memcpy(sockets->bytes, connection->begin, connection->begun);
        ssize_t got = recv(fd, sockets->bytes + connection->begun, READ_MOST, 0);
        well = got >= 0 || errno == EAGAIN || errno == EINTR;
        connection->ended = got == 0;
        if (got > 0 && take(self, sockets, connection, connection->begun + (size_t)got) != WEIR_OK)
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    go_on(self, connection, well);
    return WEIR_CONTINUE;
}

static void closed(weir_stage *self, int fd, void *context) {
    struct connection *connection = context;
    ((struct sockets *)weir_state(self))->by_fd[fd] = NULL;
    free(connection->out);
    free(connection);
}

static weir_verdict accept_one(weir_stage *self, int listener, unsigned ready_for, void *context) {
    struct sockets *sockets = weir_state(self);
    int fd;
    (void)ready_for, (void)context;
    if (weir_poller_accept(self, listener, &fd) != WEIR_OK) return WEIR_CONTINUE;
    struct connection *connection = fd < FD_MOST ? calloc(1, sizeof *connection) : NULL;
    const weir_poller_watch watch = {
        .want = WEIR_POLL_READ, .ready = ready, .closed = closed, .context = connection};
    if (connection == NULL || weir_poller_add(self, fd, &watch) != WEIR_OK) {
        free(connection);
        close(fd);
        return WEIR_CONTINUE;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* answers are small */
    connection->fd = fd;
    connection->serial = sockets->serial++;
    sockets->by_fd[fd] = connection;
    return WEIR_CONTINUE;
}

static weir_verdict begin(weir_stage *self, void *argument) {
    const weir_poller_watch watch = {.want = WEIR_POLL_ACCEPT, .ready = accept_one};
    weir_must(weir_poller_add(self, *(const int *)argument, &watch));
    return WEIR_CONTINUE;
}

static uint32_t for_totaller(void *context, const void *record) {
    return totaller_of(context, record);
}

weir_ref open_sockets(weir_runtime *runtime, int listener) {
    const weir_partition_dispatcher_options by_key = {.partitions = TOTALLERS,
                                                      .hash = for_totaller};
    const weir_stage_options stage = {.kind = WEIR_PRODUCER,
                                      .name = "sockets",
                                      .state_bytes = sizeof(struct sockets),
                                      .argument = &listener,
                                      .dispatcher = weir_partition_dispatcher(),
                                      .dispatcher_options = &by_key,
                                      .on = {.init = begin, .handle_cast = answer_batch},
                                      .type = weir_message_type()};
    /* There are descriptors for more: accept must not find that there are none. */
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    const size_t most =
        limit.rlim_cur < FD_MOST ? limit.rlim_cur - limit.rlim_cur / 8 : CONNECTIONS;
    const weir_poller_options options = {.stage = &stage, .most = most};
    weir_ref sockets;
    weir_must(weir_poller_start(runtime, &options, &sockets));
    return sockets;
}
