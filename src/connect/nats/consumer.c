/*
 * The consumer that a source pulls from: it is made, or found to fit.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/source.h"

#include <inttypes.h>
#include <stdio.h>

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
        const int64_t most = info->Config->MaxRequestExpires;
        const uint64_t wanted = source->options.expires_ns;
        source->expires_ns = most > 0 && (uint64_t)most < wanted ? (uint64_t)most : wanted;
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
