/*
 * Sources of NATS: their options.  See weir/nats.h and source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/source.h"
#include "connect/nats/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

static weir_status copy_source_options(weir_nats_source *source,
                                       const weir_nats_source_options *from) {
    weir_nats_source_options *to = &source->options;
    if (weir__nats_is_set(from->reserved, sizeof from->reserved / sizeof *from->reserved)) {
        return weir_refuse(WEIR_INVALID, "reserved must be zero");
    }
    weir_status status = check_times(from);
    if (status == WEIR_OK) {
        status = weir__nats_check_name("consumer", from->consumer);
    }
    if (status == WEIR_OK && from->filter != NULL) {
        status = weir__nats_check_subject("filter", from->filter, true);
    }
    if (status == WEIR_OK) {
        status = weir__nats_copy_stream(
            &source->texts, from->stream, from->bind ? NULL : from->subjects,
            from->bind ? 0 : from->subject_count, from->replicas, from->in_memory, &source->stream);
    }
    *to = *from;
    if (status == WEIR_OK) {
        status =
            weir__nats_copy_server(&source->texts, &from->server, &to->server, &source->addresses);
    }
    to->consumer = weir__text_keep(&source->texts, from->consumer);
    to->filter = weir__text_keep(&source->texts, from->filter);
    to->ack_wait_ns = from->ack_wait_ns != 0 ? from->ack_wait_ns : WEIR_NATS_ACK_WAIT_DEFAULT;
    to->expires_ns = from->expires_ns != 0 ? from->expires_ns : WEIR_NATS_EXPIRES_DEFAULT;
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
    pthread_mutex_init(&source->end.lock, NULL);
    weir_status status = copy_source_options(source, options);
    if (status != WEIR_OK) {
        weir_nats_source_close(source);
        return status;
    }
    source->driver = (weir_source_driver){.name = "nats",
                                          .needs_context = true,
                                          .lease_ns = source->options.ack_wait_ns,
                                          .open = weir__nats_open_source,
                                          .pull = weir__nats_pull,
                                          .ack = weir__nats_settle,
                                          .extend = weir__nats_extend,
                                          .release = weir__nats_release,
                                          .wake = weir__nats_wake_source,
                                          .close = weir__nats_close_source};
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
        weir__nats_let_go(source);
        weir__texts_free(&source->texts);
        pthread_mutex_destroy(&source->end.lock);
        free(source);
    }
}
