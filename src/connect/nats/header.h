/*
 * A message's header as lines of text.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_NATS_HEADER_H
#define WEIR__CONNECT_NATS_HEADER_H

#include <nats/nats.h>
#include <stdint.h>

/* "Name: value\r\n" for each value, one allocation with its message; that is freed by whoever frees
 * this. */
struct weir__nats_lines {
    natsMsg *message;
    uint32_t count;
    char text[];
};

/* NULL: it has no header, or there is no memory. */
struct weir__nats_lines *weir__nats_header_lines(natsMsg *message);

#endif
