/*
 * Entries of streams, as replies have them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An entry lies in its reply's memory, and holds it while it is lent.
 */
#ifndef WEIR__CONNECT_REDIS_ENTRY_H
#define WEIR__CONNECT_REDIS_ENTRY_H

#include "connect/redis/reply.h"

#include <weir/redis.h>

struct weir__redis_id {
    uint64_t ms;
    uint64_t number;
};

enum { WEIR__REDIS_ID_BYTES = 48 };

struct weir__redis_entry {
    struct weir__redis_reply *reply;
    const struct weir__redis_node *id;
    const struct weir__redis_node *fields; /* NULL: it was deleted while it was pending */
    weir_bytes headers;
    bool has_headers;    /* they are written */
    uint32_t deliveries; /* before this one  */
};

/* What one reply has, from `next` on; the reply is held until all have been handed on. */
struct weir__redis_entries {
    struct weir__redis_entry *at;
    uint32_t count;
    uint32_t next;
    struct weir__redis_reply *reply;
};

/* Entries of an array; false: there is no memory, or they are none. */
bool weir__redis_read_entries(struct weir__redis_reply *reply, const struct weir__redis_node *array,
                              struct weir__redis_entries *out);

struct weir__redis_id weir__redis_id_of(const struct weir__redis_node *text);
int weir__redis_compare(struct weir__redis_id one, struct weir__redis_id other);
const char *weir__redis_write_id(struct weir__redis_id id, char text[WEIR__REDIS_ID_BYTES]);

/* As options say.  What it points at is the reply's. */
void weir__redis_describe(struct weir__redis_entry *entry, const weir_redis_source_options *options,
                          weir_incoming *out);

#endif
