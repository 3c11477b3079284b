/*
 * Messages of any length from one weir stage to another, run once and timed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The clock starts when the producer is first asked, and stops when the consumer has stopped,
 * which it does behind its last message; the sum and the accounts are checked.
 */
#ifndef BENCH_PAYLOAD_GRAPH_H
#define BENCH_PAYLOAD_GRAPH_H

#include "messages.h"
#include "parts.h"
#include "race.h"

#ifdef __cplusplus
extern "C" {
#endif

enum payload_manner {
    PAYLOAD_EMIT,   /* weir_emit of one message after the other                         */
    PAYLOAD_MANY,   /* the same, of many messages at once                               */
    PAYLOAD_BYTES,  /* written where they will lie, many messages in each reservation   */
    PAYLOAD_SLICES, /* chunks of 16 KiB, which a stage between cuts into messages       */
    PAYLOAD_MALLOC, /* events that own a malloc each, which the type's drop frees       */
    PAYLOAD_MANNERS
};

struct payload_graph {
    const struct messages *messages;
    enum payload_manner manner;
    unsigned workers;                /* 1, or 2: the consumer on the second */
    size_t max_demand;               /* in messages; 0: the default         */
    const weir_allocator *allocator; /* NULL: the default                   */
    const struct part_watch *watch;  /* of the producer, may be NULL        */
};

struct race_result payload_graph_run(struct payload_graph graph, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
