/*
 * What was given back, and when it is to be taken again: a heap, the earliest first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It is bounded: Redis knows of those that find no room here, and their lease ends.
 */
#ifndef WEIR__CONNECT_REDIS_NAKS_H
#define WEIR__CONNECT_REDIS_NAKS_H

#include "connect/redis/entry.h"

struct weir__redis_nak {
    struct weir__redis_id id;
    uint64_t due_ns;
};

struct weir__redis_naks {
    struct weir__redis_nak *at;
    size_t count;
    size_t room;
};

/* Unless there is no room, or no memory. */
void weir__redis_naks_add(struct weir__redis_naks *naks, struct weir__redis_id id, uint64_t due_ns);

/* When the first is due; UINT64_MAX: there is none. */
uint64_t weir__redis_naks_due(const struct weir__redis_naks *naks);
struct weir__redis_nak weir__redis_naks_take(struct weir__redis_naks *naks);
void weir__redis_naks_free(struct weir__redis_naks *naks);

#endif
