/*
 * What became of a source's messages: the server is told.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/header.h"
#include "connect/nats/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACK_TEXT = 64 };

/* A token's lowest bit says whether it is the message, or its header's lines, which name it. */
static natsMsg *message_of(uint64_t token) {
    return (token & WEIR__NATS_WITH_LINES) != 0
               ? ((struct weir__nats_lines *)(uintptr_t)(token - WEIR__NATS_WITH_LINES))->message
               : (natsMsg *)(uintptr_t)token;
}

natsStatus weir__nats_tell(const weir_nats_source *source, natsMsg *message, const char *what) {
    return natsConnection_Publish(source->telling, natsMsg_GetReply(message), what,
                                  (int)strlen(what));
}

static natsStatus settle_one(const weir_nats_source *source, const weir_ack *ack) {
    natsMsg *message = message_of(ack->token);
    char later[ACK_TEXT];
    switch (ack->outcome) {
    case WEIR_MESSAGE_OK:
    case WEIR_MESSAGE_SKIP:
        return weir__nats_tell(source, message, "+ACK");
    case WEIR_MESSAGE_DEAD:
        return weir__nats_tell(source, message, "+TERM");
    default:
        snprintf(later, sizeof later, "-NAK {\"delay\":%" PRIu64 "}", ack->delay_ns);
        return weir__nats_tell(source, message, ack->delay_ns == 0 ? "-NAK" : later);
    }
}

weir_pulled weir__nats_settle(void *context, const weir_ack *acks, size_t count) {
    weir_nats_source *source = context;
    if (!weir__nats_connected(source)) {
        return weir__nats_away(source);
    }
    natsStatus said = NATS_OK;
    for (size_t i = 0; i < count && said == NATS_OK; i++) {
        said = settle_one(source, &acks[i]);
    }
    if (said == NATS_OK) {
        said = natsConnection_FlushTimeout(source->telling,
                                           weir__nats_in_ms(source->options.server.timeout_ns));
    }
    return said == NATS_OK ? WEIR_PULLED : weir__nats_lost("acks", said);
}

void weir__nats_extend(void *context, const uint64_t *tokens, size_t count) {
    const weir_nats_source *source = context;
    for (size_t i = 0; i < count && weir__nats_connected(source); i++) {
        weir__nats_tell(source, message_of(tokens[i]), "+WPI");
    }
}

void weir__nats_release(void *context, uint64_t token) {
    (void)context;
    natsMsg_Destroy(message_of(token));
    if ((token & WEIR__NATS_WITH_LINES) != 0) {
        free((void *)(uintptr_t)(token - WEIR__NATS_WITH_LINES));
    }
}
