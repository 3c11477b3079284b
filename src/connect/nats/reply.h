/*
 * What the reply subject of a delivered message says of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   $JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER-SEQUENCE.NANOSECONDS.PENDING
 *   $JS.ACK.DOMAIN.ACCOUNT.STREAM.CONSUMER.DELIVERED. ... .PENDING[.RANDOM]
 */
#ifndef WEIR__CONNECT_NATS_REPLY_H
#define WEIR__CONNECT_NATS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

struct weir__nats_reply {
    uint64_t delivered; /* this time included */
    uint64_t sequence;  /* in its stream      */
    uint64_t time_ns;
};

/* false: it is no such subject. */
bool weir__nats_read_reply(const char *subject, struct weir__nats_reply *out);

#endif
