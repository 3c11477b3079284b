/*
 * The sink: batches are published to a stream, and confirmed.  See weir/nats.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch is published message by message, without waiting; then its confirmations are waited for.
 * Errors come on the client's thread, before its message counts as confirmed.  It is found by its
 * address, under the lock, from the newest back: one that was confirmed and freed may have had the
 * same.  What is not confirmed in time is taken back, and the whole batch is written again.
 */
#include "connect/nats/link.h"
#include "connect/nats/subject.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_OF_MESSAGE = 10054 }; /* JSStreamMessageExceedsMaximumErr */

struct weir_nats_sink {
    weir_sink table;
    struct weir__texts texts;
    weir_nats_sink_options options;
    struct weir__nats_addresses addresses;
    struct weir__nats_stream stream;
    natsConnection *connection;
    jsCtx *jetstream;
    pthread_mutex_t lock;
    /* Under the lock: the batch that is being written. */
    weir_message *messages;
    natsMsg **published; /* NULL: never was */
    size_t count;
    size_t room;
    char why[2 * WEIR_NATS_SUBJECT_BYTES]; /* the first that was refused was; empty: none */
};

/* ---- what was refused ---------------------------------------------------------------- */

/* Its fault, or the server's, or nobody's. */
static weir_outcome outcome_of(natsStatus said, jsErrCode code) {
    return said == NATS_MAX_PAYLOAD || (int)code == LIMIT_OF_MESSAGE ? WEIR_MESSAGE_DEAD
                                                                     : WEIR_MESSAGE_RETRY;
}

static void refuse(weir_message *message, natsStatus said, jsErrCode code) {
    message->outcome = (uint8_t)outcome_of(said, code);
    message->reason = code != 0 ? (int32_t)code : (int32_t)said;
}

/* Under the lock. */
static void keep_why(weir_nats_sink *sink, const char *subject, const char *why) {
    if (*sink->why == '\0') {
        snprintf(sink->why, sizeof sink->why, "subject %s: %.128s", subject, why);
    }
}

/* What a server says that has no stream for it. */
static const char *why_not(const jsPubAckErr *error) {
    return error->Err == NATS_NO_RESPONDERS                    ? "no stream takes it"
           : error->ErrText != NULL && *error->ErrText != '\0' ? error->ErrText
                                                               : natsStatus_GetText(error->Err);
}

/* On the client's thread. */
static void hear_error(jsCtx *jetstream, jsPubAckErr *error, void *context) {
    weir_nats_sink *sink = context;
    (void)jetstream;
    pthread_mutex_lock(&sink->lock);
    size_t place = sink->count;
    while (place > 0 && sink->published[place - 1] != error->Msg) {
        place--;
    }
    if (place > 0) {
        refuse(&sink->messages[place - 1], error->Err, error->ErrCode);
        keep_why(sink, natsMsg_GetSubject(error->Msg), why_not(error));
    }
    pthread_mutex_unlock(&sink->lock);
}

/* ---- open and close ------------------------------------------------------------------ */

static void close_sink(void *context) {
    weir_nats_sink *sink = context;
    jsCtx_Destroy(sink->jetstream);
    natsConnection_Destroy(sink->connection);
    sink->jetstream = NULL;
    sink->connection = NULL;
}

static weir_pulled open_sink(void *context) {
    weir_nats_sink *sink = context;
    jsOptions options;
    const struct weir__nats_attempt attempt = {.within_ns = sink->options.server.timeout_ns};
    close_sink(sink);
    weir_pulled pulled = weir__nats_connect(&sink->options.server, &sink->addresses, &attempt,
                                            false, &sink->connection);
    if (pulled != WEIR_PULLED) {
        return pulled;
    }
    jsOptions_Init(&options);
    options.Wait = weir__nats_in_ms(sink->options.server.timeout_ns);
    options.PublishAsync.ErrHandler = hear_error;
    options.PublishAsync.ErrHandlerClosure = sink;
    natsStatus said = natsConnection_JetStream(&sink->jetstream, sink->connection, &options);
    pulled = said != NATS_OK             ? weir__nats_lost("JetStream", said)
             : sink->stream.name == NULL ? WEIR_PULLED
                                         : weir__nats_have_stream(sink->jetstream, &sink->stream);
    if (pulled != WEIR_PULLED) {
        close_sink(sink);
    }
    return pulled;
}

/* ---- writing -------------------------------------------------------------------------- */

static bool is_id(const char *id) {
    return strpbrk(id, "\r\n") == NULL;
}

/* What the header of a message with this id takes: "NATS/1.0\r\nNats-Msg-Id: ID\r\n\r\n". */
static size_t header_bytes(const char *id) {
    return *id == '\0' ? 0 : sizeof "NATS/1.0\r\nNats-Msg-Id: \r\n\r\n" - 1 + strlen(id);
}

static bool name_message(const weir_nats_sink *sink, const weir_message *message,
                         char subject[WEIR_NATS_SUBJECT_BYTES], char id[WEIR_NATS_SUBJECT_BYTES]) {
    const weir_nats_sink_options *options = &sink->options;
    *id = '\0';
    if (options->subject_of == NULL) {
        snprintf(subject, WEIR_NATS_SUBJECT_BYTES, "%s", options->subject);
    } else if (options->subject_of(options->context, message, subject, WEIR_NATS_SUBJECT_BYTES)) {
        return false;
    }
    return weir__nats_is_subject(subject, false) &&
           (options->id_of == NULL ||
            (options->id_of(options->context, message, id, WEIR_NATS_SUBJECT_BYTES) == 0 &&
             is_id(id)));
}

static void note_why(weir_nats_sink *sink, const char *subject, const char *why) {
    pthread_mutex_lock(&sink->lock);
    keep_why(sink, subject, why);
    pthread_mutex_unlock(&sink->lock);
}

static natsStatus publish(weir_nats_sink *sink, size_t number) {
    char subject[WEIR_NATS_SUBJECT_BYTES], id[WEIR_NATS_SUBJECT_BYTES];
    weir_message *message = &sink->messages[number];
    natsMsg *made = NULL;
    jsPubOptions options;
    if (!name_message(sink, message, subject, id)) {
        message->outcome = WEIR_MESSAGE_FAILED;
        note_why(sink, "(none)", "none was made of a message, or no id, that can be sent");
        return NATS_OK;
    }
    const int64_t bytes = (int64_t)message->data.count + (int64_t)header_bytes(id);
    if (bytes > INT_MAX || bytes > natsConnection_GetMaxPayload(sink->connection)) {
        refuse(message, NATS_MAX_PAYLOAD, 0);
        note_why(sink, subject, "a message is larger than the server takes");
        return NATS_OK;
    }
    natsStatus said =
        natsMsg_Create(&made, subject, NULL, message->data.at, (int)message->data.count);
    if (said != NATS_OK) {
        refuse(message, said, 0);
        return said == NATS_NO_MEMORY ? said : NATS_OK;
    }
    jsPubOptions_Init(&options);
    options.MsgId = *id == '\0' ? NULL : id;
    pthread_mutex_lock(&sink->lock);
    sink->published[number] = made;
    pthread_mutex_unlock(&sink->lock);
    said = js_PublishMsgAsync(sink->jetstream, &made, &options);
    natsMsg_Destroy(made); /* none, where it was taken */
    return said;
}

/* What is not confirmed belongs to nobody any more: errors of it are of no batch. */
static void take_back(weir_nats_sink *sink) {
    natsMsgList pending = {0};
    if (js_PublishAsyncGetPendingList(&pending, sink->jetstream) == NATS_OK) {
        natsMsgList_Destroy(&pending);
    }
}

static weir_pulled confirm(weir_nats_sink *sink) {
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = weir__nats_in_ms(sink->options.confirm_ns);
    natsStatus said = natsConnection_FlushTimeout(sink->connection, options.MaxWait);
    if (said == NATS_OK) {
        said = js_PublishAsyncComplete(sink->jetstream, &options);
    }
    if (said == NATS_OK) {
        return WEIR_PULLED;
    }
    take_back(sink);
    return weir__nats_lost("confirmations of what was published", said);
}

static bool make_room(weir_nats_sink *sink, size_t count) {
    if (count > sink->room) {
        natsMsg **larger = realloc(sink->published, count * sizeof(natsMsg *));
        if (larger == NULL) {
            return false;
        }
        sink->published = larger;
        sink->room = count;
    }
    memset(sink->published, 0, count * sizeof(natsMsg *));
    return true;
}

/* And says what was wrong with the one before, if it was written all the same. */
static void set_batch(weir_nats_sink *sink, weir_message *messages, size_t count,
                      weir_pulled pulled) {
    pthread_mutex_lock(&sink->lock);
    sink->messages = messages;
    sink->count = count;
    if (pulled == WEIR_PULLED && *sink->why != '\0') {
        weir_refuse(WEIR_INVALID, "nats: %s", sink->why);
    }
    *sink->why = '\0';
    pthread_mutex_unlock(&sink->lock);
}

static weir_pulled write_batch(void *context, weir_message *messages, size_t count,
                               const weir_batch_info *batch) {
    weir_nats_sink *sink = context;
    natsStatus said = NATS_OK;
    (void)batch;
    if (!make_room(sink, count)) {
        weir_refuse(WEIR_NO_MEMORY, "nats: no memory for a batch of %zu", count);
        return WEIR_LOST;
    }
    set_batch(sink, messages, count, WEIR_LOST);
    for (size_t i = 0; i < count && said == NATS_OK; i++) {
        said = publish(sink, i);
    }
    weir_pulled pulled = WEIR_PULLED;
    if (said == NATS_OK) {
        pulled = confirm(sink);
    } else {
        take_back(sink);
        pulled = weir__nats_lost("publishing", said);
    }
    set_batch(sink, NULL, 0, pulled);
    return pulled;
}

/* ---- options ------------------------------------------------------------------------ */

static weir_status copy_sink_options(weir_nats_sink *sink, const weir_nats_sink_options *from) {
    weir_nats_sink_options *to = &sink->options;
    if (weir__nats_is_set(from->reserved, sizeof from->reserved / sizeof *from->reserved)) {
        return weir_refuse(WEIR_INVALID, "reserved must be zero");
    }
    if ((from->subject == NULL) == (from->subject_of == NULL)) {
        return weir_refuse(WEIR_INVALID, "one of subject and subject_of must be given");
    }
    if (from->subject != NULL && strlen(from->subject) >= WEIR_NATS_SUBJECT_BYTES) {
        return weir_refuse(WEIR_INVALID, "subject must have at most %d characters, got %zu",
                           WEIR_NATS_SUBJECT_BYTES - 1, strlen(from->subject));
    }
    if (from->subject != NULL && weir__nats_check_subject("subject", from->subject, false) != 0) {
        return WEIR_INVALID;
    }
    if (from->confirm_ns != 0 && from->confirm_ns < WEIR__NATS_MS) {
        return weir_refuse(WEIR_INVALID, "confirm_ns must be at least 1000000, got %" PRIu64,
                           from->confirm_ns);
    }
    *to = *from;
    weir_status status =
        weir__nats_copy_server(&sink->texts, &from->server, &to->server, &sink->addresses);
    if (status == WEIR_OK && (from->stream != NULL || from->subject_count > 0)) {
        status =
            weir__nats_copy_stream(&sink->texts, from->stream, from->subjects, from->subject_count,
                                   from->replicas, from->in_memory, &sink->stream);
    }
    to->subject = weir__text_keep(&sink->texts, from->subject);
    to->confirm_ns = from->confirm_ns != 0 ? from->confirm_ns : WEIR_NATS_CONFIRM_DEFAULT;
    if (status == WEIR_OK && sink->texts.failed) {
        status = weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a sink of nats");
    }
    return status;
}

weir_status weir_nats_sink_open(const weir_nats_sink_options *options, weir_nats_sink **out) {
    if (options == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL",
                           options == NULL ? "options" : "out");
    }
    weir_nats_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a sink of nats");
    }
    pthread_mutex_init(&sink->lock, NULL);
    weir_status status = copy_sink_options(sink, options);
    if (status != WEIR_OK) {
        weir_nats_sink_close(sink);
        return status;
    }
    sink->table = (weir_sink){.name = "nats",
                              .idempotent = options->id_of != NULL,
                              .needs_context = true,
                              .open = open_sink,
                              .write = write_batch,
                              .close = close_sink};
    *out = sink;
    return WEIR_OK;
}

const weir_sink *weir_nats_sink_table(const weir_nats_sink *sink) {
    return &sink->table;
}

void weir_nats_sink_close(weir_nats_sink *sink) {
    if (sink != NULL) {
        close_sink(sink);
        weir__texts_free(&sink->texts);
        pthread_mutex_destroy(&sink->lock);
        free(sink->published);
        free(sink);
    }
}
