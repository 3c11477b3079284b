/*
 * The source: a driver that pulls from a consumer of a stream.  See weir/nats.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it runs on the source's thread, but `release`.  There are two connections: what is asked
 * for must leave at once, and what is acknowledged had better leave together.  A message is lent:
 * its token is the client's message, which is freed when nobody looks at it any more.
 *
 * One message that has come may not be taken, since there is no room for it: it is `held`, and those
 * behind it wait in the client's queue, which is bounded by what was asked for.
 */
#include "connect/nats/asks.h"
#include "connect/nats/header.h"
#include "connect/nats/link.h"
#include "connect/nats/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ACK_TEXT = 64, SUBJECT_BYTES = 256, WITH_LINES = 1 };

/* How long it waits for a message at a time: so late it hears that the source ends. */
static const uint64_t slice_ns = 20000000;

struct weir_nats_source {
    weir_source_driver driver;
    struct weir__nats_texts texts;
    weir_nats_source_options options;
    struct weir__nats_stream stream;
    char subject[SUBJECT_BYTES]; /* where requests go */
    /* While it is open. */
    natsConnection *asking;
    natsConnection *telling;
    natsInbox *inbox;
    natsSubscription *incoming;
    struct weir__nats_asks asks;
    natsMsg *held;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int64_t in_ms(uint64_t ns) {
    return (int64_t)((ns + WEIR__NATS_MS - 1) / WEIR__NATS_MS);
}

/* ---- its consumer ------------------------------------------------------------------- */

static natsStatus make_consumer(const weir_nats_source *source, jsCtx *stream,
                                jsConsumerInfo **info, jsErrCode *code) {
    const weir_nats_source_options *options = &source->options;
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = options->consumer;
    config.AckPolicy = js_AckExplicit;
    config.AckWait = (int64_t)options->ack_wait_ns;
    config.MaxDeliver = options->max_deliver == 0 ? -1 : (int64_t)options->max_deliver;
    config.MaxAckPending = (int64_t)options->max_ack_pending;
    config.FilterSubject = options->filter;
    return js_AddConsumer(info, stream, source->stream.name, &config, NULL, code);
}

static weir_pulled check_consumer(const weir_nats_source *source, const jsConsumerConfig *found) {
    const char *name = source->options.consumer;
    if (found->DeliverSubject != NULL && *found->DeliverSubject != '\0') {
        weir_refuse(WEIR_INVALID, "nats: consumer %s pushes; only pull consumers know demand",
                    name);
        return WEIR_BROKEN;
    }
    if (found->AckPolicy != js_AckExplicit) {
        weir_refuse(WEIR_INVALID, "nats: consumer %s must have explicit acks", name);
        return WEIR_BROKEN;
    }
    if (found->AckWait < (int64_t)source->options.ack_wait_ns) {
        weir_refuse(WEIR_INVALID,
                    "nats: ack_wait_ns must be at most what consumer %s has, %" PRId64
                    ", got %" PRIu64,
                    name, found->AckWait, source->options.ack_wait_ns);
        return WEIR_BROKEN;
    }
    return WEIR_PULLED;
}

static weir_pulled have_consumer(weir_nats_source *source, jsCtx *stream) {
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    char tried[SUBJECT_BYTES];
    snprintf(tried, sizeof tried, "consumer %s of stream %s", source->options.consumer,
             source->stream.name);
    natsStatus said = js_GetConsumerInfo(&info, stream, source->stream.name,
                                         source->options.consumer, NULL, &code);
    if (said == NATS_NOT_FOUND && !source->options.bind) {
        said = make_consumer(source, stream, &info, &code);
    }
    weir_pulled pulled =
        said != NATS_OK ? weir__nats_lost(tried, said) : check_consumer(source, info->Config);
    jsConsumerInfo_Destroy(info);
    return pulled;
}

static weir_pulled have_both(weir_nats_source *source) {
    jsCtx *stream = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = in_ms(source->options.server.timeout_ns);
    natsStatus said = natsConnection_JetStream(&stream, source->telling, &options);
    if (said != NATS_OK) {
        return weir__nats_lost("JetStream", said);
    }
    weir_pulled pulled = weir__nats_have_stream(stream, &source->stream);
    if (pulled == WEIR_PULLED) {
        pulled = have_consumer(source, stream);
    }
    jsCtx_Destroy(stream);
    return pulled;
}

/* ---- open and close ------------------------------------------------------------------ */

static natsMsg *next_message(weir_nats_source *source, uint64_t timeout_ns, natsStatus *said) {
    natsMsg *message = source->held;
    source->held = NULL;
    *said = message != NULL
                ? NATS_OK
                : natsSubscription_NextMsg(&message, source->incoming, in_ms(timeout_ns));
    return message;
}

static bool is_status(natsMsg *message) {
    return natsMsg_GetDataLength(message) == 0 && natsMsg_GetReply(message) == NULL;
}

/* A token's lowest bit says whether it is the message, or its header's lines, which name it. */
static natsMsg *message_of(uint64_t token) {
    return (token & WITH_LINES) != 0
               ? ((struct weir__nats_lines *)(uintptr_t)(token - WITH_LINES))->message
               : (natsMsg *)(uintptr_t)token;
}

static natsStatus tell(const weir_nats_source *source, natsMsg *message, const char *what) {
    return natsConnection_Publish(source->telling, natsMsg_GetReply(message), what,
                                  (int)strlen(what));
}

/* What has come and was not taken goes to others at once. */
static void give_back(weir_nats_source *source) {
    natsStatus said;
    natsMsg *message;
    while ((message = next_message(source, 0, &said)) != NULL) {
        if (!is_status(message) && source->telling != NULL) {
            tell(source, message, "-NAK");
        }
        natsMsg_Destroy(message);
    }
    if (source->telling != NULL &&
        natsConnection_Status(source->telling) == NATS_CONN_STATUS_CONNECTED) {
        natsConnection_FlushTimeout(source->telling, in_ms(source->options.server.timeout_ns));
    }
}

static void let_go(void *context) {
    weir_nats_source *source = context;
    if (source->incoming != NULL) {
        natsSubscription_Unsubscribe(source->incoming);
        give_back(source);
        natsSubscription_Destroy(source->incoming);
        source->incoming = NULL;
    }
    natsInbox_Destroy(source->inbox);
    source->inbox = NULL;
    natsConnection_Destroy(source->asking);
    natsConnection_Destroy(source->telling);
    source->asking = source->telling = NULL;
    weir__nats_asks_clear(&source->asks);
}

static weir_pulled listen_for(weir_nats_source *source) {
    char subject[WEIR__NATS_INBOX_BYTES];
    natsStatus said = natsInbox_Create(&source->inbox);
    if (said == NATS_OK) {
        snprintf(subject, sizeof subject, "%s.*", source->inbox);
        said = natsConnection_SubscribeSync(&source->incoming, source->asking, subject);
    }
    if (said == NATS_OK) {
        said = natsSubscription_SetPendingLimits(source->incoming, -1, -1);
    }
    return said == NATS_OK ? WEIR_PULLED : weir__nats_lost("its inbox", said);
}

static weir_pulled open_source(void *context) {
    weir_nats_source *source = context;
    let_go(source);
    weir_pulled pulled = weir__nats_connect(&source->options.server, false, &source->telling);
    if (pulled == WEIR_PULLED) {
        pulled = have_both(source);
    }
    if (pulled == WEIR_PULLED) {
        pulled = weir__nats_connect(&source->options.server, true, &source->asking);
    }
    if (pulled == WEIR_PULLED) {
        pulled = listen_for(source);
    }
    if (pulled != WEIR_PULLED) {
        let_go(source);
    }
    return pulled;
}

/* ---- pulling ------------------------------------------------------------------------ */

static bool connected(const weir_nats_source *source) {
    return natsConnection_Status(source->asking) == NATS_CONN_STATUS_CONNECTED &&
           natsConnection_Status(source->telling) == NATS_CONN_STATUS_CONNECTED;
}

static weir_pulled lost_connection(const weir_nats_source *source) {
    const char *why = "";
    natsConnection *gone = natsConnection_Status(source->asking) == NATS_CONN_STATUS_CONNECTED
                               ? source->telling
                               : source->asking;
    natsConnection_GetLastError(gone, &why);
    weir_refuse(WEIR_SYSTEM, "nats: the connection to %s is lost%s%s", source->options.server.url,
                why != NULL && *why != '\0' ? ": " : "", why != NULL ? why : "");
    return WEIR_LOST;
}

static bool add_message(const weir_nats_source *source, weir_pull *pull, natsMsg *message) {
    struct weir__nats_reply reply = {.delivered = 1};
    const char *subject = natsMsg_GetSubject(message);
    weir__nats_read_reply(natsMsg_GetReply(message), &reply);
    uint64_t before = reply.delivered > 0 ? reply.delivered - 1 : 0;
    weir_incoming incoming = {
        .data = {natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message), 0},
        .key = {subject, (uint32_t)strlen(subject), 0},
        .token = (uintptr_t)message,
        .time = reply.time_ns,
        .deliveries = before < UINT32_MAX ? (uint32_t)before : UINT32_MAX,
        .lent = true};
    struct weir__nats_lines *lines =
        source->options.headers ? weir__nats_header_lines(message) : NULL;
    if (lines != NULL) {
        incoming.headers = (weir_bytes){lines->text, lines->count, 0};
        incoming.token = (uintptr_t)lines | WITH_LINES;
    }
    bool added = weir_pull_add(pull, &incoming);
    if (!added) {
        free(lines);
    }
    return added;
}

/* PULLED: it was taken, or was no message; IDLE: there is no room. */
static weir_pulled take(weir_nats_source *source, weir_pull *pull, natsMsg *message,
                        uint64_t *added) {
    if (is_status(message)) {
        weir__nats_said said = weir__nats_asks_told(&source->asks, message);
        natsMsg_Destroy(message);
        return said == WEIR__NATS_GOES_ON ? WEIR_PULLED
               : said == WEIR__NATS_AWAY  ? WEIR_LOST
                                          : WEIR_BROKEN;
    }
    if (!add_message(source, pull, message)) {
        source->held = message;
        return WEIR_IDLE;
    }
    weir__nats_asks_had(&source->asks);
    ++*added;
    return WEIR_PULLED;
}

/* Waits for the first in slices, so that it hears when the source ends. */
static natsMsg *first_message(weir_nats_source *source, weir_pull *pull, uint64_t timeout_ns,
                              natsStatus *said) {
    natsMsg *message = next_message(source, 0, said);
    while (message == NULL && *said == NATS_TIMEOUT && timeout_ns > 0 &&
           !weir_pull_stopping(pull)) {
        uint64_t slice = timeout_ns < slice_ns ? timeout_ns : slice_ns;
        message = next_message(source, slice, said);
        timeout_ns -= slice;
    }
    return message;
}

static weir_pulled pull_messages(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                 uint64_t timeout_ns) {
    weir_nats_source *source = context;
    uint64_t now = now_ns(), added = 0;
    weir__nats_asks_expire(&source->asks, now);
    if (!connected(source)) {
        return lost_connection(source);
    }
    natsStatus said = weir__nats_ask(&source->asks, source->asking, source->subject, source->inbox,
                                     events, bytes, source->options.expires_ns, now);
    if (said != NATS_OK) {
        return weir__nats_lost("a pull request", said);
    }
    weir_pulled pulled = WEIR_PULLED;
    natsMsg *message = first_message(source, pull, timeout_ns, &said);
    while (message != NULL && pulled == WEIR_PULLED) {
        pulled = take(source, pull, message, &added);
        message = pulled == WEIR_PULLED && added < events ? next_message(source, 0, &said) : NULL;
    }
    if (said != NATS_OK && said != NATS_TIMEOUT) {
        return connected(source) ? weir__nats_lost("a pull", said) : lost_connection(source);
    }
    return pulled == WEIR_PULLED && added == 0 ? WEIR_IDLE
           : pulled == WEIR_IDLE && added > 0  ? WEIR_PULLED
                                               : pulled;
}

/* ---- settling ----------------------------------------------------------------------- */

static natsStatus settle_one(const weir_nats_source *source, const weir_ack *ack) {
    natsMsg *message = message_of(ack->token);
    char later[ACK_TEXT];
    switch (ack->outcome) {
    case WEIR_MESSAGE_OK:
    case WEIR_MESSAGE_SKIP:
        return tell(source, message, "+ACK");
    case WEIR_MESSAGE_DEAD:
        return tell(source, message, "+TERM");
    default:
        snprintf(later, sizeof later, "-NAK {\"delay\":%" PRIu64 "}", ack->delay_ns);
        return tell(source, message, ack->delay_ns == 0 ? "-NAK" : later);
    }
}

static weir_pulled settle(void *context, const weir_ack *acks, size_t count) {
    weir_nats_source *source = context;
    if (!connected(source)) {
        return lost_connection(source);
    }
    natsStatus said = NATS_OK;
    for (size_t i = 0; i < count && said == NATS_OK; i++) {
        said = settle_one(source, &acks[i]);
    }
    if (said == NATS_OK) {
        said =
            natsConnection_FlushTimeout(source->telling, in_ms(source->options.server.timeout_ns));
    }
    return said == NATS_OK ? WEIR_PULLED : weir__nats_lost("acks", said);
}

static void extend(void *context, const uint64_t *tokens, size_t count) {
    const weir_nats_source *source = context;
    for (size_t i = 0; i < count && connected(source); i++) {
        tell(source, message_of(tokens[i]), "+WPI");
    }
}

static void release(void *context, uint64_t token) {
    (void)context;
    natsMsg_Destroy(message_of(token));
    if ((token & WITH_LINES) != 0) {
        free((void *)(uintptr_t)(token - WITH_LINES));
    }
}

/* ---- options ------------------------------------------------------------------------ */

static weir_status check_times(const weir_nats_source_options *options) {
    if (options->ack_wait_ns != 0 && options->ack_wait_ns < 10 * (uint64_t)WEIR__NATS_MS) {
        return weir_refuse(WEIR_INVALID, "ack_wait_ns must be at least 10000000, got %" PRIu64,
                           options->ack_wait_ns);
    }
    if (options->ack_wait_ns > INT64_MAX || options->expires_ns > INT64_MAX) {
        return weir_refuse(WEIR_INVALID, "%s must be at most %" PRId64,
                           options->ack_wait_ns > INT64_MAX ? "ack_wait_ns" : "expires_ns",
                           INT64_MAX);
    }
    if (options->expires_ns != 0 && options->expires_ns < 100 * (uint64_t)WEIR__NATS_MS) {
        return weir_refuse(WEIR_INVALID, "expires_ns must be at least 100000000, got %" PRIu64,
                           options->expires_ns);
    }
    if (options->max_deliver > INT32_MAX || options->max_ack_pending > INT32_MAX) {
        return weir_refuse(WEIR_INVALID, "%s must be at most %d",
                           options->max_deliver > INT32_MAX ? "max_deliver" : "max_ack_pending",
                           INT32_MAX);
    }
    return WEIR_OK;
}

static weir_status copy_options(weir_nats_source *source, const weir_nats_source_options *from) {
    weir_nats_source_options *to = &source->options;
    weir_status status = check_times(from);
    if (status == WEIR_OK) {
        status = weir__nats_check_name("consumer", from->consumer);
    }
    if (status == WEIR_OK) {
        status = weir__nats_copy_stream(
            &source->texts, from->stream, from->bind ? NULL : from->subjects,
            from->bind ? 0 : from->subject_count, from->replicas, from->in_memory, &source->stream);
    }
    *to = *from;
    if (status == WEIR_OK) {
        status = weir__nats_copy_server(&source->texts, &from->server, &to->server);
    }
    to->consumer = weir__nats_text(&source->texts, from->consumer);
    to->filter = weir__nats_text(&source->texts, from->filter);
    to->ack_wait_ns = from->ack_wait_ns != 0 ? from->ack_wait_ns : WEIR_NATS_ACK_WAIT_DEFAULT;
    to->expires_ns = from->expires_ns != 0 ? from->expires_ns : WEIR_NATS_EXPIRES_DEFAULT;
    to->max_ack_pending = from->max_ack_pending != 0 ? from->max_ack_pending : 65536;
    if (status == WEIR_OK && source->texts.failed) {
        status = weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a source of nats");
    }
    return status;
}

weir_status weir_nats_source_open(const weir_nats_source_options *options, weir_nats_source **out) {
    if (options == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL",
                           options == NULL ? "options" : "out");
    }
    weir_nats_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a source of nats");
    }
    weir_status status = copy_options(source, options);
    if (status != WEIR_OK) {
        weir_nats_source_close(source);
        return status;
    }
    source->driver = (weir_source_driver){.name = "nats",
                                          .lease_ns = source->options.ack_wait_ns,
                                          .open = open_source,
                                          .pull = pull_messages,
                                          .ack = settle,
                                          .extend = extend,
                                          .release = release,
                                          .close = let_go};
    snprintf(source->subject, sizeof source->subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
             source->stream.name, source->options.consumer);
    *out = source;
    return WEIR_OK;
}

const weir_source_driver *weir_nats_source_driver(const weir_nats_source *source) {
    return &source->driver;
}

void weir_nats_source_close(weir_nats_source *source) {
    if (source != NULL) {
        let_go(source);
        weir__nats_texts_free(&source->texts);
        free(source);
    }
}
