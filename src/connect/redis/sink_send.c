/*
 * The sink's commands: a batch is written, and sent as it grows.  See sink.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/sink.h"

#include <string.h>

/* So much is gathered before it is sent. */
enum { SEND_BYTES = 1 << 18 };

/* ---- sending ------------------------------------------------------------------------------- */

void weir__redis_refuse(weir_message *message, weir_outcome outcome, weir_redis_reason reason) {
    message->outcome = (uint8_t)outcome;
    message->reason = (int32_t)reason;
}

bool weir__redis_is_out(const weir_message *message) {
    return message->outcome != WEIR_MESSAGE_OK;
}

bool weir__redis_name_message(const weir_redis_sink *sink, const weir_message *message,
                              struct weir__redis_names *names) {
    const weir_redis_sink_options *options = &sink->options;
    names->stream = options->stream != NULL ? options->stream : names->stream_bytes;
    names->id = options->id_of == NULL ? "*" : names->id_bytes;
    return (options->stream_of == NULL ||
            options->stream_of(options->context, message, names->stream_bytes,
                               WEIR_REDIS_NAME_BYTES) == 0) &&
           (options->id_of == NULL ||
            options->id_of(options->context, message, names->id_bytes, WEIR_REDIS_NAME_BYTES) == 0);
}

/* The next of "name: value\r\n"; false: there is none. */
static bool next_line(const char **at, const char *end, weir_bytes *name, weir_bytes *value) {
    while (*at < end) {
        const char *line = *at;
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        const char *colon = memmem(line, (size_t)((stop != NULL ? stop : end) - line), ": ", 2);
        *at = stop != NULL ? stop + 2 : end;
        if (colon != NULL) {
            const char *last = stop != NULL ? stop : end;
            *name = (weir_bytes){line, (uint32_t)(colon - line), 0};
            *value = (weir_bytes){colon + 2, (uint32_t)(last - colon - 2), 0};
            return true;
        }
    }
    return false;
}

static size_t count_lines(weir_bytes headers) {
    const char *at = headers.at;
    weir_bytes name, value;
    size_t count = 0;
    while (next_line(&at, headers.at + headers.count, &name, &value)) {
        count++;
    }
    return count;
}

static void write_fields(weir_redis_sink *sink, const weir_message *message, bool has_key,
                         bool has_lines) {
    struct weir__redis_commands *commands = &sink->link.commands;
    weir_bytes name, value;
    weir__redis_word(commands, sink->options.field);
    weir__redis_bytes(commands, message->data.at, message->data.count);
    if (has_key) {
        weir__redis_word(commands, sink->options.key);
        weir__redis_bytes(commands, message->key.at, message->key.count);
    }
    for (const char *at = message->headers.at;
         has_lines &&
         next_line(&at, message->headers.at + message->headers.count, &name, &value);) {
        weir__redis_bytes(commands, name.at, name.count);
        weir__redis_bytes(commands, value.at, value.count);
    }
}

static void write_added(weir_redis_sink *sink, const weir_message *message,
                        const struct weir__redis_names *names) {
    const weir_redis_sink_options *options = &sink->options;
    struct weir__redis_commands *commands = &sink->link.commands;
    const bool has_key = options->key != NULL && message->key.count > 0;
    const size_t lines =
        options->headers && message->headers.count > 0 ? count_lines(message->headers) : 0;
    const size_t more = (has_key ? 2U : 0U) + (options->max_length != 0 ? 3U : 0U);
    weir__redis_command(commands, 5 + 2 * lines + more);
    weir__redis_word(commands, "XADD");
    weir__redis_word(commands, names->stream);
    if (options->max_length != 0) {
        weir__redis_word(commands, "MAXLEN");
        weir__redis_word(commands, "~");
        weir__redis_number(commands, options->max_length);
    }
    weir__redis_word(commands, names->id);
    write_fields(sink, message, has_key, lines > 0);
}

static bool send_one(weir_redis_sink *sink, weir_message *message) {
    struct weir__redis_names names;
    message->outcome = WEIR_MESSAGE_OK;
    if (message->data.count > sink->largest || message->key.count > sink->largest ||
        message->headers.count > sink->largest) {
        weir__redis_refuse(message, WEIR_MESSAGE_DEAD, WEIR_REDIS_TOO_LARGE);
    } else if (!weir__redis_name_message(sink, message, &names)) {
        weir__redis_refuse(message, WEIR_MESSAGE_FAILED, WEIR_REDIS_NO_NAME);
    } else {
        write_added(sink, message, &names);
    }
    return sink->link.commands.count < SEND_BYTES || weir__redis_send(&sink->link);
}

static void write_bare(weir_redis_sink *sink, const char *word) {
    weir__redis_command(&sink->link.commands, 1);
    weir__redis_word(&sink->link.commands, word);
}

bool weir__redis_send_batch(weir_redis_sink *sink, weir_message *messages, size_t count) {
    if (sink->options.whole) {
        write_bare(sink, "MULTI");
    }
    for (size_t i = 0; i < count; i++) {
        if (!send_one(sink, &messages[i])) {
            return false;
        }
    }
    if (sink->options.whole) {
        write_bare(sink, "EXEC");
    }
    if (sink->options.replicas > 0) {
        weir__redis_command(&sink->link.commands, 3);
        weir__redis_word(&sink->link.commands, "WAIT");
        weir__redis_number(&sink->link.commands, sink->options.replicas);
        weir__redis_number(&sink->link.commands,
                           sink->options.server.timeout_ns / 2 / WEIR__REDIS_MS + 1);
    }
    return weir__redis_send(&sink->link);
}
