/*
 * Which server: its addresses and who one is to it, and connecting.  See link.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { HOST_BYTES = 256, PORT = 6379, READER_KEEPS = 1 << 20 };

/* ---- options --------------------------------------------------------------------------- */

struct place {
    char host[HOST_BYTES]; /* or a socket's path, and port is 0 */
    int port;
};

static const char *const what_it_may_be =
    "must be \"host:port\", \"[IPv6 address]:port\" or \"/path\", or several of these with "
    "commas between them";

/* 1 to 65535 in digits alone; 0: it is none. */
static int read_port(const char *text) {
    const size_t digits = strspn(text, "0123456789");
    const long port = digits > 0 && digits <= 5 && text[digits] == '\0' ? atol(text) : 0;
    return port <= 65535 ? (int)port : 0;
}

/* A socket's path, which the system bounds, too. */
static const char *read_path(const char *address, struct place *place) {
    const struct sockaddr_un un;
    if (strlen(address) >= sizeof un.sun_path) {
        return "has a path that is too long for a socket";
    }
    memcpy(place->host, address, strlen(address) + 1);
    place->port = 0;
    return NULL;
}

/* "host:port", "[::1]:port", without a port, or "/path"; else says what is wrong with it. */
static const char *read_address(const char *address, struct place *place) {
    const char *end = address + strcspn(address, ":"), *behind = end;
    place->port = PORT;
    if (*address == '/') {
        return read_path(address, place);
    }
    if (*address == '[') {
        end = strchr(++address, ']');
        behind = end == NULL ? NULL : end + 1;
    } else if (strchr(end, ':') != strrchr(end, ':')) {
        return "must have brackets around an IPv6 address, as in \"[::1]:6379\"";
    }
    if (end == NULL || end == address || (size_t)(end - address) >= HOST_BYTES ||
        (*behind != '\0' && *behind != ':')) {
        return what_it_may_be;
    }
    if (*behind == ':' && (place->port = read_port(behind + 1)) == 0) {
        return "must have a port of 1 to 65535";
    }
    memcpy(place->host, address, (size_t)(end - address));
    place->host[end - address] = '\0';
    return strpbrk(place->host, " \t\r\n") == NULL ? NULL : what_it_may_be;
}

static weir_status copy_addresses(struct weir__texts *texts, const char *list,
                                  struct weir__redis_server *to) {
    struct place place;
    while (*list != '\0') {
        char one[HOST_BYTES];
        size_t count = strcspn(list, ", ");
        snprintf(one, sizeof one, "%.*s", (int)count, list);
        if (count > 0) {
            const char *wrong = count >= sizeof one ? what_it_may_be : read_address(one, &place);
            if (wrong != NULL) {
                return weir_refuse(WEIR_INVALID, "server.address %s, got \"%.100s\"", wrong, one);
            }
            if (to->address_count == WEIR__REDIS_ADDRESSES) {
                return weir_refuse(WEIR_INVALID, "server.address must have at most %d addresses",
                                   WEIR__REDIS_ADDRESSES);
            }
            to->addresses[to->address_count++] = weir__text_keep(texts, one);
        }
        list += count + (list[count] != '\0');
    }
    return to->address_count > 0 ? WEIR_OK
                                 : weir_refuse(WEIR_INVALID, "server.address must not be empty");
}

weir_status weir__redis_copy_server(struct weir__texts *texts, const weir_redis_server *from,
                                    struct weir__redis_server *to) {
    if (from->user != NULL && from->password == NULL) {
        return weir_refuse(WEIR_INVALID, "server.password must be given with server.user");
    }
    for (size_t i = 0; i < sizeof from->reserved / sizeof *from->reserved; i++) {
        if (from->reserved[i] != 0) {
            return weir_refuse(WEIR_INVALID, "server.reserved must be zero");
        }
    }
    if (from->timeout_ns != 0 &&
        (from->timeout_ns < WEIR__REDIS_MS || from->timeout_ns > INT64_MAX / 2)) {
        return weir_refuse(WEIR_INVALID,
                           "server.timeout_ns must be 1000000 to %" PRId64 ", got %" PRIu64,
                           INT64_MAX / 2, from->timeout_ns);
    }
    *to = (struct weir__redis_server){.options = *from};
    weir_redis_server *options = &to->options;
    options->user = weir__text_keep(texts, from->user);
    options->password = weir__text_keep(texts, from->password);
    options->name = weir__text_keep(texts, from->name != NULL ? from->name : "weir");
    options->timeout_ns = from->timeout_ns != 0 ? from->timeout_ns : WEIR_REDIS_TIMEOUT_DEFAULT;
    if (strpbrk(from->name != NULL ? from->name : "", " \t\r\n") != NULL) {
        return weir_refuse(WEIR_INVALID, "server.name must be without blanks, got \"%s\"",
                           from->name);
    }
    return copy_addresses(texts, from->address != NULL ? from->address : WEIR_REDIS_ADDRESS_DEFAULT,
                          to);
}

/* ---- connecting ------------------------------------------------------------------------ */

/* NULL: it cannot be had, with a sentence. */
static redisContext *dial(const struct weir__redis_server *server, const char *address) {
    struct place place;
    const uint64_t ns = server->options.timeout_ns;
    const struct timeval timeout = {.tv_sec = (time_t)(ns / 1000000000),
                                    .tv_usec = (suseconds_t)(ns % 1000000000 / 1000)};
    read_address(address, &place); /* it was checked */
    redisContext *context = place.port == 0
                                ? redisConnectUnixWithTimeout(place.host, timeout)
                                : redisConnectWithTimeout(place.host, place.port, timeout);
    if (context == NULL || context->err != 0) {
        weir_refuse(WEIR_SYSTEM, "redis: cannot connect to %s: %s", address,
                    context == NULL ? "no memory" : context->errstr);
        if (context != NULL) {
            redisFree(context);
        }
        return NULL;
    }
    return context;
}

static bool may_not(const struct weir__redis_node *reply) {
    return weir__redis_says(reply, "NOPERM") || weir__redis_says(reply, "ERR");
}

/* Who it is; what it would like to be called may be refused. */
static weir_pulled introduce(struct weir__redis_server *which, struct weir__redis_link *link) {
    const weir_redis_server *server = &which->options;
    struct weir__redis_commands *commands = &link->commands;
    const struct weir__redis_node *reply;
    if (server->password != NULL) {
        weir__redis_command(commands, server->user != NULL ? 3 : 2);
        weir__redis_word(commands, "AUTH");
        if (server->user != NULL) {
            weir__redis_word(commands, server->user);
        }
        weir__redis_word(commands, server->password);
        reply = weir__redis_ask(link, 1);
        if (reply == NULL || weir__redis_is_error(reply)) {
            return reply == NULL ? WEIR_LOST : weir__redis_refused(which, "AUTH", reply);
        }
    }
    weir__redis_command(commands, 2);
    weir__redis_word(commands, "SELECT");
    weir__redis_number(commands, server->database);
    reply = weir__redis_ask(link, 1);
    if (reply == NULL ||
        (weir__redis_is_error(reply) && (server->database != 0 || !may_not(reply)))) {
        return reply == NULL ? WEIR_LOST : weir__redis_refused(which, "SELECT", reply);
    }
    weir__redis_command(commands, 3);
    weir__redis_word(commands, "CLIENT");
    weir__redis_word(commands, "SETNAME");
    weir__redis_word(commands, server->name);
    weir__redis_command(commands, 2);
    weir__redis_word(commands, "CLIENT");
    weir__redis_word(commands, "ID");
    reply = weir__redis_ask(link, 2);
    link->id = weir__redis_number_of(reply);
    return reply == NULL ? WEIR_LOST
           : weir__redis_is_error(reply) && !may_not(reply)
               ? weir__redis_refused(which, "CLIENT", reply)
               : WEIR_PULLED;
}

static weir_pulled connect_one(struct weir__redis_server *server, const char *address,
                               struct weir__redis_link *link) {
    const weir_redis_server *options = &server->options;
    *link = (struct weir__redis_link){.context = dial(server, address),
                                      .timeout_ns = options->timeout_ns};
    if (link->context == NULL) {
        return WEIR_LOST;
    }
    link->context->reader->fn = &weir__redis_reply_functions;
    link->context->reader->privdata = &link->reply;
    link->context->reader->maxbuf = READER_KEEPS;
    if (options->configure != NULL && options->configure(options->context, link->context) != 0) {
        weir__redis_disconnect(link);
        weir_refuse(WEIR_INVALID, "redis: server.configure has refused");
        return WEIR_BROKEN;
    }
    weir_pulled pulled = introduce(server, link);
    if (pulled != WEIR_PULLED) {
        weir__redis_disconnect(link);
    }
    return pulled;
}

weir_pulled weir__redis_connect(struct weir__redis_server *server, struct weir__redis_link *link) {
    weir_pulled pulled = WEIR_LOST;
    for (unsigned i = 0; i < server->address_count && pulled == WEIR_LOST; i++) {
        pulled = connect_one(server, server->addresses[server->next], link);
        if (pulled == WEIR_LOST) {
            server->next = (server->next + 1) % server->address_count;
        }
    }
    return pulled;
}
