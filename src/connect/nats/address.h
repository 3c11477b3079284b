/*
 * Where servers are: the addresses in a url, in an order of this client's own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The order is drawn once, so that many clients of one cluster are spread over its servers, also
 * those of a server that has died over the others.
 */
#ifndef WEIR__CONNECT_NATS_ADDRESS_H
#define WEIR__CONNECT_NATS_ADDRESS_H

#include "connect/texts.h"

#include <weir/status.h>

enum { WEIR__NATS_SERVERS = 16 };

struct weir__nats_addresses {
    const char *each[WEIR__NATS_SERVERS];
    unsigned count;
    unsigned at; /* which is tried first: where it was last */
};

/* One address, or several with commas between them.  INVALID. */
weir_status weir__nats_copy_addresses(struct weir__texts *texts, const char *url,
                                      struct weir__nats_addresses *to);

/* The one that it is at, for the log: without user and password. */
const char *weir__nats_address_shown(const struct weir__nats_addresses *addresses);

/* The next one is its turn. */
static inline void weir__nats_address_next(struct weir__nats_addresses *addresses) {
    addresses->at = (addresses->at + 1) % addresses->count;
}

#endif
