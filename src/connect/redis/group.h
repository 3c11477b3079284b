/*
 * What is asked of a consumer group: each function writes a command, or asks and has its answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_REDIS_GROUP_H
#define WEIR__CONNECT_REDIS_GROUP_H

#include "connect/redis/entry.h"
#include "connect/redis/link.h"

struct weir__redis_group {
    const char *stream;
    const char *group;
    const char *consumer;
    uint64_t lease_ms;
};

/* XREADGROUP: what is new, or, unless behind is NULL, this consumer's own behind that id. */
void weir__redis_write_read(struct weir__redis_commands *commands,
                            const struct weir__redis_group *group, uint64_t count,
                            uint64_t block_ms, const struct weir__redis_id *behind);

/* XACK and XDEL of so many ids, which follow. */
void weir__redis_write_acks(struct weir__redis_commands *commands,
                            const struct weir__redis_group *group, size_t count);
void weir__redis_write_deletes(struct weir__redis_commands *commands,
                               const struct weir__redis_group *group, size_t count);

/* XCLAIM of so many ids, which follow; and, as they are only kept, or given back, what ends it. */
void weir__redis_write_claim(struct weir__redis_commands *commands,
                             const struct weir__redis_group *group, uint64_t min_idle_ms,
                             size_t count, bool keep);
void weir__redis_write_kept(struct weir__redis_commands *commands, uint64_t idle_ms);

/* XAUTOCLAIM of what nobody has looked at for a lease. */
void weir__redis_write_autoclaim(struct weir__redis_commands *commands,
                                 const struct weir__redis_group *group,
                                 struct weir__redis_id cursor, uint64_t count);

/* Makes stream and group, or, with bind, sees whether they are there. */
weir_pulled weir__redis_have_group(struct weir__redis_server *server, struct weir__redis_link *link,
                                   const struct weir__redis_group *group, bool bind, bool only_new);

/* Of entries that were delivered before: how often. */
weir_pulled weir__redis_count_deliveries(struct weir__redis_server *server,
                                         struct weir__redis_link *link,
                                         const struct weir__redis_group *group,
                                         struct weir__redis_entries *entries);

/* Removes the consumer, unless anything is pending under it, or it may not. */
void weir__redis_leave_group(struct weir__redis_link *link, const struct weir__redis_group *group);

#endif
