/*
 * Pull requests: what a source has asked a consumer's server for, and what is still to come of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Requests are answered in their order, each by up to `batch` messages or by a status that ends it.
 * Messages do not say which request they are of, so they count for the oldest; statuses do, as
 * each request has an inbox of its own, one token below the subscription's.
 *
 * A consumer lets so many requests wait, of all who share it (MaxWaiting).  Who is one too many is
 * told so, and asks again later: pauses are doubled up to a second, until a message comes.
 */
#ifndef WEIR__CONNECT_NATS_ASKS_H
#define WEIR__CONNECT_NATS_ASKS_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

enum { WEIR__NATS_ASKS = 2, WEIR__NATS_INBOX_BYTES = 96 };

struct weir__nats_ask {
    uint64_t number;
    uint64_t left; /* messages that are to come */
    uint64_t until_ns;
};

struct weir__nats_asks {
    struct weir__nats_ask each[WEIR__NATS_ASKS]; /* oldest first */
    unsigned count;
    uint64_t left;       /* of all */
    uint64_t made;       /* ever */
    uint64_t most;       /* that the consumer takes in one request; 0: none is known */
    uint64_t most_bytes; /* likewise */
    unsigned pauses;     /* since a message came */
    uint64_t paused_until_ns;
    bool told_crowded; /* of this connection */
    bool alone;        /* the next asks for one message, of any size */
    bool limited;      /* one that is out has a bound of bytes */
};

/* What a status has said about the connection. */
typedef enum weir__nats_said {
    WEIR__NATS_GOES_ON, /* a request is over, that is all */
    WEIR__NATS_CROWDED, /* too many requests wait: none is made for a while; said once */
    WEIR__NATS_AWAY,    /* the consumer is not there at present */
    WEIR__NATS_NEVER    /* the consumer is none that can be pulled from */
} weir__nats_said;

/* All that was asked for is forgotten: the connection is another. */
void weir__nats_asks_clear(struct weir__nats_asks *asks);

/*
 * Asks for as much as is missing of `events`, if that is enough to be worth a request.
 * bytes: UINT64_MAX: any number.
 */
natsStatus weir__nats_ask(struct weir__nats_asks *asks, natsConnection *connection,
                          const char *subject, const char *inbox, uint64_t events, uint64_t bytes,
                          uint64_t expires_ns, uint64_t now_ns);

/* A message has come. */
void weir__nats_asks_had(struct weir__nats_asks *asks);

/* A status has come, for the request whose inbox is its subject; with a sentence where it does not
 * go on. */
weir__nats_said weir__nats_asks_told(struct weir__nats_asks *asks, natsMsg *status,
                                     uint64_t now_ns);

/* How long nothing will come, since nothing is out, and nothing is asked for either: 0 where that
 * is not so. */
uint64_t weir__nats_asks_pause(const struct weir__nats_asks *asks, uint64_t now_ns);

/* Forgets requests of which the server must have told the end long ago: it did not. */
void weir__nats_asks_expire(struct weir__nats_asks *asks, uint64_t now_ns);

#endif
