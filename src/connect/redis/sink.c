/*
 * The sink: batches are added to streams.  See sink.h and weir/redis.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/sink.h"

#include <inttypes.h>
#include <stdlib.h>

static const uint64_t largest_default = UINT64_C(512) << 20;

/* ---- open and close ------------------------------------------------------------------------ */

static void close_redis_sink(void *context) {
    weir_redis_sink *sink = context;
    weir__redis_disconnect(&sink->link);
}

/* Who may not know takes what is usual. */
static weir_pulled learn_largest(weir_redis_sink *sink) {
    weir__redis_command(&sink->link.commands, 3);
    weir__redis_word(&sink->link.commands, "CONFIG");
    weir__redis_word(&sink->link.commands, "GET");
    weir__redis_word(&sink->link.commands, "proto-max-bulk-len");
    const struct weir__redis_node *reply = weir__redis_ask(&sink->link, 1);
    if (reply == NULL) {
        return WEIR_LOST;
    }
    if (weir__redis_says(reply, "NOAUTH") || weir__redis_says(reply, "LOADING")) {
        return weir__redis_refused(&sink->server, "CONFIG", reply);
    }
    const uint64_t largest = weir__redis_number_of(weir__redis_item(reply, 1));
    sink->largest = largest != 0 ? largest : largest_default;
    return WEIR_PULLED;
}

/* A user who may not say MULTI would store each message of a batch by itself, and once more with
 * each try: an empty transaction shows it before anything is written. */
static weir_pulled try_transaction(weir_redis_sink *sink) {
    weir__redis_command(&sink->link.commands, 1);
    weir__redis_word(&sink->link.commands, "MULTI");
    weir__redis_command(&sink->link.commands, 1);
    weir__redis_word(&sink->link.commands, "EXEC");
    const struct weir__redis_node *reply = weir__redis_ask(&sink->link, 2);
    if (reply == NULL || weir__redis_is_error(reply)) {
        return reply == NULL ? WEIR_LOST
                             : weir__redis_refused(&sink->server, "MULTI and EXEC", reply);
    }
    return WEIR_PULLED;
}

static weir_pulled open_redis_sink(void *context) {
    weir_redis_sink *sink = context;
    weir__redis_disconnect(&sink->link);
    weir_pulled pulled = weir__redis_connect(&sink->server, &sink->link);
    if (pulled == WEIR_PULLED) {
        pulled = learn_largest(sink);
    }
    if (pulled == WEIR_PULLED && sink->options.whole) {
        pulled = try_transaction(sink);
    }
    if (pulled != WEIR_PULLED) {
        weir__redis_disconnect(&sink->link);
    }
    return pulled;
}

/* ---- writing ------------------------------------------------------------------------------- */

static weir_pulled add_batch(void *context, weir_message *messages, size_t count,
                             const weir_batch_info *info) {
    weir_redis_sink *sink = context;
    (void)info;
    return weir__redis_send_batch(sink, messages, count)
               ? weir__redis_hear_batch(sink, messages, count)
               : WEIR_LOST;
}

/* ---- options ------------------------------------------------------------------------------- */

static weir_status check_sink(const weir_redis_sink_options *options) {
    if ((options->stream == NULL) == (options->stream_of == NULL)) {
        return weir_refuse(WEIR_INVALID, "one of stream and stream_of must be given");
    }
    const struct {
        const char *what, *name;
    } names[] = {{"stream", options->stream}, {"field", options->field}, {"key", options->key}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].name != NULL && *names[i].name == '\0') {
            return weir_refuse(WEIR_INVALID, "%s must not be empty", names[i].what);
        }
    }
    if (options->max_length > INT64_MAX) {
        return weir_refuse(WEIR_INVALID, "max_length must be at most %" PRId64 ", got %" PRIu64,
                           INT64_MAX, options->max_length);
    }
    for (size_t i = 0; i < sizeof options->reserved / sizeof *options->reserved; i++) {
        if (options->reserved[i] != 0) {
            return weir_refuse(WEIR_INVALID, "reserved must be zero");
        }
    }
    return WEIR_OK;
}

static weir_status copy_sink(weir_redis_sink *sink, const weir_redis_sink_options *from) {
    weir_redis_sink_options *to = &sink->options;
    struct weir__texts *texts = &sink->texts;
    weir_status status = check_sink(from);
    if (status == WEIR_OK) {
        status = weir__redis_copy_server(texts, &from->server, &sink->server);
    }
    if (status != WEIR_OK) {
        return status;
    }
    *to = *from;
    to->server = sink->server.options;
    to->stream = weir__text_keep(texts, from->stream);
    to->field =
        weir__text_keep(texts, from->field != NULL ? from->field : WEIR_REDIS_FIELD_DEFAULT);
    to->key = weir__text_keep(texts, from->key);
    to->whole = from->whole || from->id_of != NULL;
    return texts->failed
               ? weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a sink of redis")
               : WEIR_OK;
}

weir_status weir_redis_sink_open(const weir_redis_sink_options *options, weir_redis_sink **out) {
    if (options == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL",
                           options == NULL ? "options" : "out");
    }
    weir_redis_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a sink of redis");
    }
    weir_status status = copy_sink(sink, options);
    if (status != WEIR_OK) {
        weir_redis_sink_close(sink);
        return status;
    }
    sink->table = (weir_sink){.name = "redis",
                              .idempotent = options->id_of != NULL,
                              .needs_context = true,
                              .open = open_redis_sink,
                              .write = add_batch,
                              .close = close_redis_sink};
    *out = sink;
    return WEIR_OK;
}

const weir_sink *weir_redis_sink_table(const weir_redis_sink *sink) {
    return &sink->table;
}

void weir_redis_sink_close(weir_redis_sink *sink) {
    if (sink != NULL) {
        weir__redis_disconnect(&sink->link);
        weir__texts_free(&sink->texts);
        free(sink);
    }
}
