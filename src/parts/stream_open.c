/*
 * Opening a stream.  See stream.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/stream.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "runtime/options.h"
#include "runtime/post.h"

#include <weir/name.h>

static const uint64_t CLOSE_NS = UINT64_C(1000000000);

static bool alive(const weir_runtime *runtime, weir_ref ref) {
    return weir__registry_find(&runtime->registry, ref) != NULL;
}

static weir_status check_stream_options(const weir_stream_options *options,
                                        weir_stream *const *out) {
    if (options == NULL || out == NULL) {
        return weir__refuse(WEIR_INVALID, "%s must not be NULL", out == NULL ? "out" : "options");
    }
    if (WEIR__RESERVED_SET(options, "weir_stream_options")) {
        return WEIR_INVALID;
    }
    if (options->event_bytes < 1 || options->event_bytes > WEIR_EVENT_BYTES_LIMIT) {
        return weir__refuse(WEIR_INVALID, "event_bytes must be from 1 to %d, got %zu",
                            WEIR_EVENT_BYTES_LIMIT, options->event_bytes);
    }
    if ((unsigned)options->demand > WEIR_STREAM_LEAVE) {
        return weir__refuse(WEIR_INVALID,
                            "demand must be one of WEIR_STREAM_FORWARD, WEIR_STREAM_ACCUMULATE, "
                            "WEIR_STREAM_LEAVE, got %d",
                            (int)options->demand);
    }
    if (options->subscribe_count > 0 && options->subscribe_to == NULL) {
        return weir__refuse(WEIR_INVALID, "subscribe_to must be set when subscribe_count is %zu",
                            options->subscribe_count);
    }
    return WEIR_OK;
}

/* ---- the producers' demand mode ------------------------------------------ */

/* Made now, so that it cannot fail when it is due. */
static bool make_modes(weir_stream *stream, weir_stream_demand demand,
                       const weir_subscribe_to *list, size_t count) {
    if (demand == WEIR_STREAM_LEAVE) {
        return true;
    }
    for (size_t i = count; i > 0; i--) {
        weir_ref producer = list[i - 1].producer;
        if (weir__ref_kind(producer) != WEIR_PRODUCER || !alive(stream->quay.runtime, producer)) {
            continue;
        }
        struct weir__message *message;
        struct weir__message head = {.mail = {.to = producer, .kind = WEIR__MAIL_MODE},
                                     .mode = demand == WEIR_STREAM_ACCUMULATE ? WEIR_ACCUMULATE
                                                                              : WEIR_FORWARD};
        if (weir__make_message(stream->quay.runtime, &head, NULL, &message) != WEIR_OK) {
            return false;
        }
        message->mail.next = stream->modes;
        stream->modes = &message->mail;
    }
    return true;
}

void weir__stream_drop_modes(weir_stream *stream) {
    while (stream->modes != NULL) {
        struct weir__message *message = weir__message_of(stream->modes);
        stream->modes = message->mail.next;
        weir__drop_message(stream->quay.runtime, message);
    }
}

/* ---- the stage ----------------------------------------------------------- */

/* One that could never have been is for weir_stage_start to refuse. */
static bool has_ended(const weir_runtime *runtime, weir_ref producer) {
    return weir__ref_kind(producer) != WEIR_CONSUMER && !alive(runtime, producer);
}

/*
 * The producers by reference, without temporary subscriptions to who is not there,
 * which count as ended.
 */
static weir_status resolve(weir_runtime *runtime, const weir_stream_options *options,
                           weir_subscribe_to *list, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < options->subscribe_count; i++) {
        weir_subscribe_to wish = options->subscribe_to[i];
        bool temporary = wish.options.cancel == WEIR_TEMPORARY;
        weir_subscribe_options filled;
        weir_status status = weir__options_subscribe_to(&wish, &filled); /* whoever has ended */
        if (status == WEIR_OK && wish.name != NULL) {
            status = weir_whereis(runtime, wish.name, &wish.producer);
        }
        wish.name = NULL;
        if (status != WEIR_OK && !(temporary && status == WEIR_NO_NAME)) {
            return status;
        }
        if (status == WEIR_OK && !(temporary && has_ended(runtime, wish.producer))) {
            list[(*count)++] = wish;
        }
    }
    return WEIR_OK;
}

static weir_status start_stream(weir_stream *stream, const weir_stream_options *options,
                                const weir_subscribe_to *list, size_t count) {
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER,
        .name = options->name != NULL ? options->name : "stream",
        .takes_bytes = options->event_bytes,
        .state_bytes = sizeof stream,
        .state = &stream,
        .argument = stream,
        .worker = options->worker,
        .subscribe_to = count > 0 ? list : NULL,
        .subscribe_count = count,
        .on = weir__stream_callbacks,
    };
    if (!make_modes(stream, options->demand, list, count)) {
        weir__stream_drop_modes(stream);
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a stream's messages");
    }
    stream->subscribed = options->subscribe_count > 0;
    weir_status status = weir_stage_start(stream->quay.runtime, &stage, &stream->quay.stage);
    if (status != WEIR_OK) {
        weir__stream_drop_modes(stream);
    }
    return status;
}

/* A producer may go between the look and the start: then once more, with fewer. */
static weir_status start_with_list(weir_stream *stream, const weir_stream_options *options) {
    const struct weir__allocator *allocator = &stream->quay.runtime->allocator;
    size_t bytes = options->subscribe_count * sizeof *options->subscribe_to;
    weir_subscribe_to *list = bytes == 0 ? NULL : weir__alloc(allocator, bytes, 16);
    if (bytes > 0 && list == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for %zu subscriptions",
                            options->subscribe_count);
    }
    size_t count;
    size_t before;
    weir_status status = resolve(stream->quay.runtime, options, list, &count);
    while (status == WEIR_OK) {
        before = count;
        status = start_stream(stream, options, list, count);
        if (status != WEIR_NO_STAGE ||
            resolve(stream->quay.runtime, options, list, &count) != WEIR_OK || count == before) {
            break;
        }
        status = WEIR_OK;
    }
    weir__free(allocator, list, bytes);
    return status;
}

weir_status weir_stream_open(weir_runtime *runtime, const weir_stream_options *options,
                             weir_stream **out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_stream_options(options, out);
    if (status != WEIR_OK) {
        return status;
    }
    weir_stream *stream = weir__alloc_zeroed(&runtime->allocator, sizeof *stream, 128);
    if (stream == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a stream");
    }
    weir__quay_open(&stream->quay, &weir__stream_kind, runtime, options->discarded,
                    options->context);
    stream->event_bytes = options->event_bytes;
    stream->marks = options->marks;
    stream->close_ns = options->close_ns != 0 ? options->close_ns : CLOSE_NS;
    weir__ring_open(&stream->ring, stream->entries, WEIR__STREAM_ENTRIES, weir__edge_ring_start,
                    NULL);
    status = start_with_list(stream, options);
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, stream, sizeof *stream);
        return status;
    }
    weir__quay_poke(&stream->quay); /* behind the subscriptions: the demand mode; perhaps the end */
    *out = stream;
    return WEIR_OK;
}

weir_status weir_stream_subscribe(weir_stream *stream, weir_ref producer,
                                  const weir_subscribe_options *options, weir_subscription *out) {
    if (weir__stream_unfit(stream)) {
        return weir__refused();
    }
    weir__fetch_add_u32(&stream->requested, 1);
    weir_status status =
        weir__subscribe_counted(stream->quay.runtime, stream->quay.stage, producer, options, out);
    if (status != WEIR_OK) {
        weir__fetch_sub_u32(&stream->requested, 1);
        weir__quay_poke(&stream->quay); /* it may have been the last that was waited for */
    }
    return status;
}

weir_ref weir_stream_stage(const weir_stream *stream) {
    if (weir__stream_unfit(stream)) {
        return (weir_ref){0};
    }
    return stream->quay.stage;
}
