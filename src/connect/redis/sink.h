/*
 * The sink's state, and what its files have for each other.  See weir/redis.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch is added by commands that are sent together.  They are answered in order, so an answer
 * finds its message by counting; messages that were not sent have their outcome already, and are
 * passed over.
 */
#ifndef WEIR__CONNECT_REDIS_SINK_H
#define WEIR__CONNECT_REDIS_SINK_H

#include "connect/redis/link.h"

struct weir_redis_sink {
    weir_sink table;
    struct weir__texts texts;
    weir_redis_sink_options options;
    struct weir__redis_server server;
    struct weir__redis_link link;
    uint64_t largest; /* bytes of a string that the server takes */
};

/* The stream and the id of a message, as options say. */
struct weir__redis_names {
    const char *stream;
    const char *id;
    char stream_bytes[WEIR_REDIS_NAME_BYTES];
    char id_bytes[WEIR_REDIS_NAME_BYTES];
};

/* false: it has none. */
bool weir__redis_name_message(const weir_redis_sink *sink, const weir_message *message,
                              struct weir__redis_names *names);

void weir__redis_refuse(weir_message *message, weir_outcome outcome, weir_redis_reason reason);

/* It was not sent, or is refused. */
bool weir__redis_is_out(const weir_message *message);

/* sink_send.c: false: the connection is lost. */
bool weir__redis_send_batch(weir_redis_sink *sink, weir_message *messages, size_t count);

/* sink_hear.c: each message's outcome, or LOST. */
weir_pulled weir__redis_hear_batch(weir_redis_sink *sink, weir_message *messages, size_t count);

#endif
