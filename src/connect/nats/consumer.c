/*
 * The consumer that a source pulls from: it is made, or found to fit.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WEIR__NATS_ACK_PENDING = 65536 };

static natsStatus make_consumer(const weir_nats_source *source, jsCtx *stream,
                                jsConsumerInfo **info, jsErrCode *code) {
    const weir_nats_source_options *options = &source->options;
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = options->consumer;
    config.AckPolicy = js_AckExplicit;
    config.AckWait = (int64_t)options->ack_wait_ns;
    config.MaxDeliver = options->max_deliver == 0 ? -1 : (int64_t)options->max_deliver;
    config.MaxAckPending =
        options->max_ack_pending == 0 ? WEIR__NATS_ACK_PENDING : (int64_t)options->max_ack_pending;
    config.FilterSubject = options->filter;
    return js_AddConsumer(info, stream, source->stream.name, &config, NULL, code);
}

static weir_pulled check_kind(const char *name, const jsConsumerConfig *found) {
    if (found->DeliverSubject != NULL && *found->DeliverSubject != '\0') {
        weir_refuse(WEIR_INVALID, "nats: consumer %s pushes; only pull consumers know demand",
                    name);
        return WEIR_BROKEN;
    }
    if (found->AckPolicy != js_AckExplicit) {
        weir_refuse(WEIR_INVALID, "nats: consumer %s must have explicit acks", name);
        return WEIR_BROKEN;
    }
    return WEIR_PULLED;
}

/* What is to be bound says what it has; else no filter means all messages. */
static weir_pulled check_filter(const weir_nats_source_options *options, const char *found) {
    const char *wanted = options->filter != NULL ? options->filter : "";
    found = found != NULL ? found : "";
    if ((options->bind && options->filter == NULL) || strcmp(wanted, found) == 0) {
        return WEIR_PULLED;
    }
    weir_refuse(WEIR_INVALID, "nats: filter must be what consumer %s has, \"%.64s\", got \"%.64s\"",
                options->consumer, found, wanted);
    return WEIR_BROKEN;
}

/* Of those that are given (as they were: not by default). */
static weir_pulled check_number(const weir_nats_source_options *options, const char *what,
                                uint64_t wanted, int64_t found) {
    if (wanted == 0 || (int64_t)wanted == found) {
        return WEIR_PULLED;
    }
    weir_refuse(WEIR_INVALID,
                "nats: %s must be what consumer %s has, %" PRId64 ", or not be given; got %" PRIu64,
                what, options->consumer, found, wanted);
    return WEIR_BROKEN;
}

static weir_pulled check_ack_wait(const weir_nats_source_options *options, int64_t found) {
    if (found >= (int64_t)options->ack_wait_ns) {
        return WEIR_PULLED;
    }
    weir_refuse(WEIR_INVALID,
                "nats: ack_wait_ns must be at most what consumer %s has, %" PRId64 ", got %" PRIu64,
                options->consumer, found, options->ack_wait_ns);
    return WEIR_BROKEN;
}

/* One that others have made, or this source when it had other options. */
static weir_pulled check_consumer(const weir_nats_source *source, const jsConsumerConfig *found) {
    const weir_nats_source_options *options = &source->options;
    weir_pulled pulled = check_kind(options->consumer, found);
    if (pulled == WEIR_PULLED) {
        pulled = check_filter(options, found->FilterSubject);
    }
    if (pulled == WEIR_PULLED) {
        pulled = check_ack_wait(options, found->AckWait);
    }
    if (pulled == WEIR_PULLED) {
        pulled = check_number(options, "max_deliver", options->max_deliver, found->MaxDeliver);
    }
    if (pulled == WEIR_PULLED) {
        pulled = check_number(options, "max_ack_pending", options->max_ack_pending,
                              found->MaxAckPending);
    }
    return pulled;
}

/* What it takes in one request. */
static void note_limits(weir_nats_source *source, const jsConsumerConfig *found) {
    const int64_t most = found->MaxRequestExpires;
    const uint64_t wanted = source->options.expires_ns;
    source->expires_ns = most > 0 && (uint64_t)most < wanted ? (uint64_t)most : wanted;
    source->asks.most = found->MaxRequestBatch > 0 ? (uint64_t)found->MaxRequestBatch : 0;
    source->asks.most_bytes =
        found->MaxRequestMaxBytes > 0 ? (uint64_t)found->MaxRequestMaxBytes : 0;
}

static weir_pulled have_consumer(weir_nats_source *source, jsCtx *stream) {
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    char tried[WEIR__NATS_TEXT_BYTES];
    snprintf(tried, sizeof tried, "consumer %s of stream %s", source->options.consumer,
             source->stream.name);
    natsStatus said = js_GetConsumerInfo(&info, stream, source->stream.name,
                                         source->options.consumer, NULL, &code);
    if (said == NATS_NOT_FOUND && !source->options.bind) {
        said = make_consumer(source, stream, &info, &code);
    }
    weir_pulled pulled =
        said != NATS_OK ? weir__nats_lost(tried, said) : check_consumer(source, info->Config);
    if (pulled == WEIR_PULLED) {
        note_limits(source, info->Config);
    }
    jsConsumerInfo_Destroy(info);
    return pulled;
}

weir_pulled weir__nats_have_consumer(weir_nats_source *source) {
    jsCtx *stream = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = weir__nats_in_ms(source->options.server.timeout_ns);
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
