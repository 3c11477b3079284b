/*
 * A source of NATS: what its files share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it runs on the source's thread, but `release` and `wake`.  There are two connections: what
 * is asked for must leave at once, and what is acknowledged had better leave together.  A message
 * is lent: its token is the client's message, or what names it, which are freed when nobody looks
 * at them any more.
 *
 * One message that has come may not be taken, since there is no room for it: it is `held`, and
 * those behind it wait in the client's queue, which is bounded by what was asked for.
 */
#ifndef WEIR__CONNECT_NATS_SOURCE_H
#define WEIR__CONNECT_NATS_SOURCE_H

#include "connect/nats/asks.h"
#include "connect/nats/link.h"

enum { WEIR__NATS_TEXT_BYTES = 640 }; /* two names, and what is said of them */

struct weir_nats_source {
    weir_source_driver driver;
    struct weir__texts texts;
    weir_nats_source_options options;
    struct weir__nats_addresses addresses;
    struct weir__nats_stream stream;
    struct weir__nats_end end;           /* its source ends: asked for by whoever wakes it */
    char subject[WEIR__NATS_TEXT_BYTES]; /* where requests go */
    /* While it is open. */
    natsConnection *asking;
    natsConnection *telling;
    natsInbox *inbox;
    natsSubscription *incoming;
    struct weir__nats_asks asks;
    natsMsg *held;
    unsigned last_tries; /* of opening it though its source ends */
    uint64_t expires_ns; /* of its requests: what the consumer takes, too */
};

/* ---- consumer.c: what it pulls from ------------------------------------------------ */

/* The stream and the consumer are there, and fit. */
weir_pulled weir__nats_have_consumer(weir_nats_source *source);

/* ---- source_link.c: its connections ------------------------------------------------ */

weir_pulled weir__nats_open_source(void *context);
void weir__nats_wake_source(void *context);
void weir__nats_close_source(void *context);

/* Gives back what has come and was not taken, and disconnects. */
void weir__nats_let_go(weir_nats_source *source);

bool weir__nats_connected(const weir_nats_source *source);

/* LOST, and says which connection is, and why. */
weir_pulled weir__nats_away(const weir_nats_source *source);

/* ---- source_pull.c: what comes ------------------------------------------------------ */

weir_pulled weir__nats_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                            uint64_t timeout_ns);

/* The one that is held, or the next one.  NULL: *said tells why. */
natsMsg *weir__nats_next(weir_nats_source *source, uint64_t timeout_ns, natsStatus *said);

/* It is the server's word about a request, no message. */
bool weir__nats_is_status(natsMsg *message);

/* ---- source_settle.c: what became of it --------------------------------------------- */

weir_pulled weir__nats_settle(void *context, const weir_ack *acks, size_t count);
void weir__nats_extend(void *context, const uint64_t *tokens, size_t count);
void weir__nats_release(void *context, uint64_t token);

/* A token is an address: of the message, or, with the lowest bit set, of its header's lines. */
enum { WEIR__NATS_WITH_LINES = 1 };

natsStatus weir__nats_tell(const weir_nats_source *source, natsMsg *message, const char *what);

#endif
