/*
 * A connection to a Redis server.  See link.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { READ_BYTES = 65536, SHOWN = 160 };

uint64_t weir__redis_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void weir__redis_disconnect(struct weir__redis_link *link) {
    if (link->context != NULL) {
        redisFree(link->context);
    }
    weir__redis_reply_free(link->reply);
    weir__redis_commands_free(&link->commands);
    *link = (struct weir__redis_link){0};
}

/* ---- what went wrong ------------------------------------------------------------------ */

/* The connection is of no use any more; what it was answered lasts still. */
static void hang_up(struct weir__redis_link *link, const char *why) {
    weir_refuse(WEIR_SYSTEM, "redis: the connection is lost: %s", why);
    if (link->context != NULL) {
        redisFree(link->context);
        link->context = NULL;
    }
}

bool weir__redis_is_error(const struct weir__redis_node *reply) {
    return reply->type == REDIS_REPLY_ERROR;
}

weir_pulled weir__redis_refused(struct weir__redis_server *server, const char *tried,
                                const struct weir__redis_node *error) {
    uint32_t shown = error->count < SHOWN ? error->count : SHOWN;
    weir_refuse(WEIR_SYSTEM, "redis: %s: %.*s", tried, (int)shown, error->text);
    if (weir__redis_says(error, "READONLY") || weir__redis_says(error, "LOADING") ||
        weir__redis_says(error, "MASTERDOWN")) {
        server->next = (server->next + 1) % server->address_count;
    }
    return weir__redis_says(error, "WRONGTYPE") ? WEIR_BROKEN : WEIR_LOST;
}

/* ---- sending --------------------------------------------------------------------------- */

/* false: it did not become so in time. */
static bool wait_for(int file, short events, int wake, uint64_t timeout_ns, bool *ready) {
    struct pollfd polled[2] = {{.fd = file, .events = events}, {.fd = wake, .events = POLLIN}};
    const struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                                     .tv_nsec = (long)(timeout_ns % 1000000000)};
    int count = ppoll(polled, 2, &timeout, NULL);
    *ready = count > 0 && polled[0].revents != 0;
    return count >= 0 || errno == EINTR;
}

bool weir__redis_send(struct weir__redis_link *link) {
    struct weir__redis_commands *commands = &link->commands;
    const uint64_t end = weir__redis_now() + link->timeout_ns;
    if (link->context == NULL) {
        weir_refuse(WEIR_SYSTEM, "redis: the connection is lost");
        return false;
    }
    if (commands->failed) {
        hang_up(link, "no memory for commands");
        return false;
    }
    for (size_t sent = 0; sent < commands->count;) {
        ssize_t part = send(link->context->fd, commands->at + sent, commands->count - sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        uint64_t now = part > 0 ? 0 : weir__redis_now();
        bool ready;
        if (part > 0) {
            sent += (size_t)part;
        } else if (part < 0 && errno != EAGAIN && errno != EINTR) {
            hang_up(link, strerror(errno));
            return false;
        } else if (now >= end || !wait_for(link->context->fd, POLLOUT, -1, end - now, &ready)) {
            hang_up(link, "the server does not take what is sent");
            return false;
        }
    }
    weir__redis_commands_clear(commands);
    return true;
}

/* ---- receiving ------------------------------------------------------------------------- */

/* A reply that is complete, of what was received. */
static weir__redis_heard parse(struct weir__redis_link *link,
                               const struct weir__redis_node **reply) {
    void *parsed = NULL;
    if (redisReaderGetReply(link->context->reader, &parsed) != REDIS_OK) {
        hang_up(link, link->context->reader->errstr);
        return WEIR__REDIS_CLOSED;
    }
    link->read = parsed != NULL;
    *reply = parsed;
    return parsed != NULL ? WEIR__REDIS_REPLY : WEIR__REDIS_NOTHING;
}

/* What has come; NOTHING: it is not ready. */
static weir__redis_heard receive(struct weir__redis_link *link) {
    char bytes[READ_BYTES];
    ssize_t count = recv(link->context->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) {
        if (redisReaderFeed(link->context->reader, bytes, (size_t)count) == REDIS_OK) {
            return WEIR__REDIS_REPLY;
        }
        hang_up(link, link->context->reader->errstr);
        return WEIR__REDIS_CLOSED;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return WEIR__REDIS_NOTHING;
    }
    hang_up(link, count == 0 ? "the server has closed it" : strerror(errno));
    return WEIR__REDIS_CLOSED;
}

static bool have_reply(struct weir__redis_link *link) {
    if (link->reply == NULL) {
        link->reply = calloc(1, sizeof *link->reply);
    } else if (link->read) {
        weir__redis_reply_clear(link->reply);
    }
    link->read = false;
    return link->reply != NULL;
}

weir__redis_heard weir__redis_hear(struct weir__redis_link *link, uint64_t timeout_ns, int wake,
                                   const struct weir__redis_node **reply) {
    const uint64_t end = timeout_ns == 0 ? 0 : weir__redis_now() + timeout_ns;
    bool waited = false;
    if (link->context == NULL) {
        weir_refuse(WEIR_SYSTEM, "redis: the connection is lost");
        return WEIR__REDIS_CLOSED;
    }
    if (!have_reply(link)) {
        hang_up(link, "no memory for a reply");
        return WEIR__REDIS_CLOSED;
    }
    for (;;) {
        weir__redis_heard heard = parse(link, reply);
        if (heard != WEIR__REDIS_NOTHING) {
            return heard;
        }
        heard = receive(link);
        if (heard == WEIR__REDIS_CLOSED) {
            return heard;
        }
        if (heard == WEIR__REDIS_REPLY) {
            continue;
        }
        uint64_t now = end == 0 ? 0 : weir__redis_now();
        bool ready = false;
        if (now >= end || (waited && wake >= 0) ||
            !wait_for(link->context->fd, POLLIN, wake, end - now, &ready)) {
            return WEIR__REDIS_NOTHING;
        }
        waited = !ready;
    }
}

const struct weir__redis_node *weir__redis_answer(struct weir__redis_link *link) {
    const struct weir__redis_node *reply = NULL;
    weir__redis_heard heard = weir__redis_hear(link, link->timeout_ns, -1, &reply);
    if (heard == WEIR__REDIS_NOTHING) {
        hang_up(link, "the server does not answer");
    }
    return heard == WEIR__REDIS_REPLY ? reply : NULL;
}

const struct weir__redis_node *weir__redis_ask(struct weir__redis_link *link, unsigned commands) {
    const struct weir__redis_node *reply = NULL;
    bool sent = weir__redis_send(link);
    for (; sent && commands > 0; commands--) {
        reply = weir__redis_answer(link);
        sent = reply != NULL;
    }
    return sent ? reply : NULL;
}
