/*
 * The sink: batches are produced, and each message's report awaited.  See weir/kafka.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Records point at the messages' own bytes: write returns when librdkafka has reported of all of
 * them, which it does within message.timeout.ms (confirm_ns), and so needs no copy.  Reports come
 * on the thread that writes.  Should one fail to come, the client is destroyed, which lets go of
 * everything.
 */
#include "connect/kafka/lines.h"
#include "connect/kafka/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_MS = 100 };

static const uint64_t grace_ns =
    UINT64_C(5000000000); /* librdkafka looks for timeouts each second */

struct weir_kafka_sink {
    struct weir__kafka_link link; /* first: the client's opaque */
    weir_sink table;
    struct weir__texts texts;
    weir_kafka_sink_options options; /* defaults filled in */
    rd_kafka_t *client;
    rd_kafka_topic_t *topic; /* NULL: topic_of says */
    /* The batch that is written. */
    size_t out; /* not reported of */
    size_t stored;
    size_t away;             /* failed as nobody was there, or in time */
    rd_kafka_resp_err_t why; /* of those, the last */
};

/* ---- reports ------------------------------------------------------------------------- */

/* It will never be taken as it is. */
static bool is_wrong(rd_kafka_resp_err_t error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return true;
    default:
        return false;
    }
}

/* Brokers are not there: it is no message's affair. */
static bool is_away(rd_kafka_resp_err_t error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return true;
    default:
        return false;
    }
}

static void fail(weir_kafka_sink *sink, weir_message *message, rd_kafka_resp_err_t error) {
    message->outcome = is_wrong(error) ? WEIR_MESSAGE_DEAD : WEIR_MESSAGE_RETRY;
    message->reason = (int32_t)error;
    if (is_away(error)) {
        sink->away++;
        sink->why = error;
    }
}

static void hear_report(rd_kafka_t *client, const rd_kafka_message_t *record, void *opaque) {
    weir_kafka_sink *sink = opaque;
    (void)client;
    sink->out--;
    if (record->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        sink->stored++;
    } else {
        fail(sink, record->_private, record->err);
    }
}

/* ---- open and close ------------------------------------------------------------------ */

static bool set_usual_of_sink(const struct weir__kafka_link *link, rd_kafka_conf_t *conf) {
    const weir_kafka_sink_options *options = &((const weir_kafka_sink *)link)->options;
    return weir__kafka_set(conf, "partitioner", "murmur2_random") &&
           weir__kafka_set(conf, "enable.idempotence", options->plain ? "false" : "true") &&
           weir__kafka_set(conf, "compression.type", "none");
}

static bool set_own_of_sink(const struct weir__kafka_link *link, rd_kafka_conf_t *conf) {
    const weir_kafka_sink_options *options = &((const weir_kafka_sink *)link)->options;
    rd_kafka_conf_set_dr_msg_cb(conf, hear_report);
    return weir__kafka_set(conf, "delivery.report.only.error", "false") &&
           weir__kafka_set_number(conf, "message.timeout.ms",
                                  (uint64_t)weir__kafka_in_ms(options->confirm_ns));
}

static const struct weir__kafka_role sink_role = {
    .type = RD_KAFKA_PRODUCER, .usual = set_usual_of_sink, .own = set_own_of_sink};

static void drop_producer(void *context) {
    weir_kafka_sink *sink = context;
    if (sink->topic != NULL) {
        rd_kafka_topic_destroy(sink->topic);
        sink->topic = NULL;
    }
    if (sink->client != NULL) {
        rd_kafka_destroy(sink->client);
        sink->client = NULL;
    }
}

static weir_pulled make_producer(weir_kafka_sink *sink) {
    weir_pulled pulled =
        weir__kafka_make(&sink->link, &sink->options.server, &sink_role, &sink->client);
    if (pulled == WEIR_PULLED && sink->options.topic != NULL) {
        sink->topic = rd_kafka_topic_new(sink->client, sink->options.topic, NULL);
    }
    if (pulled == WEIR_PULLED) {
        rd_kafka_poll(sink->client, 0); /* tokens that are asked for */
    }
    return pulled;
}

/* It has lost its numbers for good, and takes nothing any more. */
static bool is_spent(weir_kafka_sink *sink) {
    char why[128];
    rd_kafka_resp_err_t error = rd_kafka_fatal_error(sink->client, why, sizeof why);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        weir_refuse(WEIR_SYSTEM, "kafka: another producer is made, since this one has said: %s",
                    why);
    }
    return error != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static weir_pulled open_kafka_sink(void *context) {
    weir_kafka_sink *sink = context;
    if (sink->client != NULL && is_spent(sink)) {
        drop_producer(sink);
    }
    weir_pulled pulled = sink->client != NULL ? WEIR_PULLED : make_producer(sink);
    return pulled != WEIR_PULLED
               ? pulled
               : weir__kafka_check_topic(sink->client, &sink->link, &sink->options.server,
                                         sink->options.topic);
}

/* ---- writing -------------------------------------------------------------------------- */

/* The record has the headers where this returns no error. */
static rd_kafka_resp_err_t produce(weir_kafka_sink *sink, weir_message *message, const char *topic,
                                   rd_kafka_headers_t *headers) {
    rd_kafka_vu_t units[8] = {
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)message->data.at, .size = message->data.count}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)message->key.at, .size = message->key.count}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = message},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0}};
    size_t count = 4;
    if (sink->topic != NULL) {
        units[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sink->topic};
    } else {
        units[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic};
    }
    if (headers != NULL) {
        units[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    }
    rd_kafka_error_t *error = rd_kafka_produceva(sink->client, units, count);
    rd_kafka_resp_err_t said =
        error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return said;
}

static bool name_topic(const weir_kafka_sink *sink, const weir_message *message,
                       char topic[WEIR_KAFKA_TOPIC_BYTES]) {
    const weir_kafka_sink_options *options = &sink->options;
    return options->topic_of == NULL ||
           options->topic_of(options->context, message, topic, WEIR_KAFKA_TOPIC_BYTES) == 0;
}

/* Waits for room where the client has as many as it takes: its reports make some. */
static void write_one(weir_kafka_sink *sink, weir_message *message) {
    char topic[WEIR_KAFKA_TOPIC_BYTES] = "";
    if (!name_topic(sink, message, topic)) {
        message->outcome = WEIR_MESSAGE_FAILED;
        return;
    }
    rd_kafka_headers_t *headers =
        sink->options.headers ? weir__kafka_headers_of(&message->headers) : NULL;
    rd_kafka_resp_err_t said = produce(sink, message, topic, headers);
    while (said == RD_KAFKA_RESP_ERR__QUEUE_FULL && sink->out > 0) {
        rd_kafka_poll(sink->client, SLICE_MS);
        said = produce(sink, message, topic, headers);
    }
    if (said == RD_KAFKA_RESP_ERR_NO_ERROR) {
        sink->out++;
        return;
    }
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers);
    }
    fail(sink, message, said);
}

/* False: they did not all come. */
static bool await_reports(weir_kafka_sink *sink) {
    uint64_t until = weir__kafka_later(weir__kafka_now() + grace_ns, sink->options.confirm_ns);
    while (sink->out > 0 && weir__kafka_now() < until) {
        rd_kafka_flush(sink->client, SLICE_MS);
    }
    if (sink->out > 0) {
        drop_producer(sink);
        return false;
    }
    return true;
}

static weir_pulled produce_batch(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    weir_kafka_sink *sink = context;
    (void)batch;
    if (sink->client == NULL || is_spent(sink)) { /* some of a batch before were stored */
        return WEIR_LOST;
    }
    sink->out = sink->stored = sink->away = 0;
    for (size_t i = 0; i < count; i++) {
        write_one(sink, &messages[i]);
    }
    if (!await_reports(sink)) {
        return weir__kafka_lost(&sink->link, "reports that did not come",
                                RD_KAFKA_RESP_ERR__TIMED_OUT);
    }
    sink->link.trouble = RD_KAFKA_RESP_ERR_NO_ERROR; /* the reports say what matters */
    if (sink->stored > 0) {
        return WEIR_PULLED;
    }
    return sink->away > 0
               ? weir__kafka_lost(&sink->link, "nothing of a batch was stored", sink->why)
           : is_spent(sink) ? WEIR_LOST
                            : WEIR_PULLED;
}

/* ---- options ------------------------------------------------------------------------- */

static weir_status copy_sink_options(weir_kafka_sink *sink, const weir_kafka_sink_options *from) {
    weir_kafka_sink_options *to = &sink->options;
    if (weir__kafka_is_set(from->reserved, sizeof from->reserved / sizeof *from->reserved)) {
        return weir_refuse(WEIR_INVALID, "reserved must be zero");
    }
    if ((from->topic == NULL) == (from->topic_of == NULL)) {
        return weir_refuse(WEIR_INVALID, "one of topic and topic_of must be given");
    }
    weir_status status =
        from->topic == NULL ? WEIR_OK : weir__kafka_check_topic_name("topic", from->topic);
    if (status != WEIR_OK) {
        return status;
    }
    if (from->confirm_ns != 0 && from->confirm_ns < WEIR__KAFKA_MS) {
        return weir_refuse(WEIR_INVALID, "confirm_ns must be at least 1000000, got %" PRIu64,
                           from->confirm_ns);
    }
    *to = *from;
    status = weir__kafka_copy_server(&sink->texts, &from->server, &to->server);
    to->topic = weir__text_keep(&sink->texts, from->topic);
    to->confirm_ns = from->confirm_ns != 0 ? from->confirm_ns : WEIR_KAFKA_CONFIRM_DEFAULT;
    if (status == WEIR_OK && sink->texts.failed) {
        status = weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a sink of kafka");
    }
    return status;
}

weir_status weir_kafka_sink_open(const weir_kafka_sink_options *options, weir_kafka_sink **out) {
    if (options == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL",
                           options == NULL ? "options" : "out");
    }
    weir_kafka_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a sink of kafka");
    }
    weir__kafka_link_init(&sink->link);
    weir_status status = copy_sink_options(sink, options);
    if (status != WEIR_OK) {
        weir_kafka_sink_close(sink);
        return status;
    }
    sink->table = (weir_sink){.name = "kafka",
                              .needs_context = true,
                              .open = open_kafka_sink,
                              .write = produce_batch,
                              .close = drop_producer};
    *out = sink;
    return WEIR_OK;
}

const weir_sink *weir_kafka_sink_table(const weir_kafka_sink *sink) {
    return &sink->table;
}

void weir_kafka_sink_close(weir_kafka_sink *sink) {
    if (sink != NULL) {
        drop_producer(sink);
        weir__texts_free(&sink->texts);
        weir__kafka_link_free(&sink->link);
        free(sink);
    }
}
