/*
 * What comes to a source: it asks, waits, and hands on.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/header.h"
#include "connect/nats/reply.h"
#include "connect/nats/source.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long it waits for a message at a time: so late it hears that the source ends. */
static const uint64_t slice_ns = 20000000;

/* How long a pull goes on behind its first message, and waits for the next one. */
static const uint64_t lot_ns = 5000000, moment_ns = 1000000;

/* Where messages flow, whoever waits is woken for each: so long it sleeps instead, and then finds
 * several.  They flow where so many have come in one pull. */
enum { FLOWS = 64, GATHER_NS = 200000 };

natsMsg *weir__nats_next(weir_nats_source *source, uint64_t timeout_ns, natsStatus *said) {
    natsMsg *message = source->held;
    source->held = NULL;
    *said = message != NULL ? NATS_OK
                            : natsSubscription_NextMsg(&message, source->incoming,
                                                       weir__nats_in_ms(timeout_ns));
    return message;
}

bool weir__nats_is_status(natsMsg *message) {
    return natsMsg_GetDataLength(message) == 0 && natsMsg_GetReply(message) == NULL;
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
        incoming.token = (uintptr_t)lines | WEIR__NATS_WITH_LINES;
    }
    bool added = weir_pull_add(pull, &incoming);
    if (!added) {
        free(lines);
    }
    return added;
}

/* The server's word about a request: PULLED, where it only ends that. */
static weir_pulled hear(weir_nats_source *source, weir_pull *pull, natsMsg *status) {
    switch (weir__nats_asks_told(&source->asks, status, weir__nats_now())) {
    case WEIR__NATS_CROWDED:
        weir_pull_log(pull, WEIR_LOG_WARNING,
                      "nats: as many requests wait as consumer %s of stream %s takes (MaxWaiting): "
                      "it asks less often",
                      source->options.consumer, source->stream.name);
        return WEIR_PULLED;
    case WEIR__NATS_AWAY:
        return WEIR_LOST;
    case WEIR__NATS_NEVER:
        return WEIR_BROKEN;
    default:
        return WEIR_PULLED;
    }
}

/* PULLED: it was taken, or was no message; IDLE: there is no room. */
static weir_pulled take(weir_nats_source *source, weir_pull *pull, natsMsg *message,
                        uint64_t *added) {
    if (weir__nats_is_status(message)) {
        weir_pulled pulled = hear(source, pull, message);
        natsMsg_Destroy(message);
        return pulled;
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
    natsMsg *message = weir__nats_next(source, 0, said);
    while (message == NULL && *said == NATS_TIMEOUT && timeout_ns > 0 &&
           !weir_pull_stopping(pull)) {
        uint64_t slice = timeout_ns < slice_ns ? timeout_ns : slice_ns;
        message = weir__nats_next(source, slice, said);
        timeout_ns -= slice;
    }
    return message;
}

/* The next one.  Where there is none yet, what has come is sent on, and it waits for a moment: the
 * more come in one pull, the more acks go in one lot. */
static natsMsg *next_of_lot(weir_nats_source *source, weir_pull *pull, uint64_t end_ns,
                            uint64_t added, natsStatus *said) {
    natsMsg *message = weir__nats_next(source, 0, said);
    if (message != NULL || *said != NATS_TIMEOUT || source->asks.left == 0 ||
        weir__nats_now() >= end_ns) {
        return message;
    }
    weir_pull_flush(pull);
    if (added >= FLOWS) {
        nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
        message = weir__nats_next(source, 0, said);
        if (message != NULL || *said != NATS_TIMEOUT) {
            return message;
        }
    }
    return weir_pull_stopping(pull) ? NULL : weir__nats_next(source, moment_ns, said);
}

weir_pulled weir__nats_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                            uint64_t timeout_ns) {
    weir_nats_source *source = context;
    uint64_t now = weir__nats_now(), added = 0;
    weir__nats_asks_expire(&source->asks, now);
    if (!weir__nats_connected(source)) {
        return weir__nats_away(source);
    }
    natsStatus said = weir__nats_ask(&source->asks, source->asking, source->subject, source->inbox,
                                     events, bytes, source->expires_ns, now);
    if (said != NATS_OK) {
        return weir__nats_lost("a pull request", said);
    }
    const uint64_t pause_ns = weir__nats_asks_pause(&source->asks, now);
    timeout_ns = pause_ns > 0 && pause_ns < timeout_ns ? pause_ns : timeout_ns;
    weir_pulled pulled = WEIR_PULLED;
    natsMsg *message = first_message(source, pull, timeout_ns, &said);
    const uint64_t end_ns = timeout_ns == 0 ? 0 : weir__nats_now() + lot_ns;
    while (message != NULL && pulled == WEIR_PULLED) {
        pulled = take(source, pull, message, &added);
        message = pulled == WEIR_PULLED && added < events
                      ? next_of_lot(source, pull, end_ns, added, &said)
                      : NULL;
    }
    if (said != NATS_OK && said != NATS_TIMEOUT) {
        return weir__nats_connected(source) ? weir__nats_lost("a pull", said)
                                            : weir__nats_away(source);
    }
    return pulled == WEIR_PULLED && added == 0 ? WEIR_IDLE
           : pulled == WEIR_IDLE && added > 0  ? WEIR_PULLED
                                               : pulled;
}
