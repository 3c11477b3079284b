/*
 * The source's state, for the files that share it.  See weir/redis.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it is the source's thread's, but `release` behind close, and what is under the lock.
 *
 * Two connections.  On one there is at most one question (XREADGROUP with BLOCK), which stays with
 * the server from pull to pull; `wake` ends a wait for its answer by a descriptor.  On the other
 * one all else is said and answered meanwhile.
 *
 * Invariants
 *   - an entry is in one place: pending at the server alone (naks among them), in `held`, or lent
 *   - `seen` is no lower than any id that has come.  So what is pending under this consumer behind
 *     it is what a lost connection has swallowed, and nothing that is at work
 *   - naks has no id that is at work
 */
#ifndef WEIR__CONNECT_REDIS_SOURCE_H
#define WEIR__CONNECT_REDIS_SOURCE_H

#include "connect/redis/group.h"
#include "connect/redis/naks.h"

#include <pthread.h>

struct weir_redis_source {
    weir_source_driver driver;
    struct weir__texts texts;
    weir_redis_source_options options;
    struct weir__redis_server server;
    struct weir__redis_group group;
    int woken;          /* an event's descriptor */
    bool opened_before; /* in this life */
    struct weir__redis_link asking;
    struct weir__redis_link telling;
    /* The question: */
    bool asked;
    bool asked_behind;
    uint64_t answer_ns; /* when its answer is due at the latest */
    /* What has come: */
    bool behind; /* its own that are pending behind `seen` come first */
    struct weir__redis_id seen;
    struct weir__redis_entries held;
    uint64_t typical; /* bytes of an entry, lately */
    /* Settlements that were sent, and are not answered yet: so many commands, said again when a
     * connection was lost before they were. */
    struct weir__redis_commands unanswered;
    unsigned owed;
    struct weir__redis_naks naks;
    uint64_t claim_ns; /* when to look for what others have left */
    struct weir__redis_id cursor;
    pthread_mutex_t lock;
    /* Under it: */
    bool closed; /* releases come on any thread */
    weir_redis_source_stats stats;
};

/* Ids per command, at most. */
enum { WEIR__REDIS_SOME = 100 };

/* source_options.c */
weir_status weir__redis_copy_source(struct weir_redis_source *source,
                                    const weir_redis_source_options *from);

/* settle.c */
weir_pulled weir__redis_settle(void *context, const weir_ack *acks, size_t count);
weir_pulled weir__redis_settled(struct weir_redis_source *source); /* all is answered */
bool weir__redis_settle_again(struct weir_redis_source *source);   /* what was not */
void weir__redis_extend(void *context, const uint64_t *tokens, size_t count);
void weir__redis_release(void *context, uint64_t token);
void weir__redis_give_back(struct weir_redis_source *source, struct weir__redis_entries *entries);
void weir__redis_let_go(struct weir_redis_source *source, struct weir__redis_reply *reply);
weir_pulled weir__redis_drop(struct weir_redis_source *source,
                             const struct weir__redis_entry *entry, uint64_t *figure);

/* again.c */
weir_pulled weir__redis_take_again(struct weir_redis_source *source, uint64_t now, uint64_t most);
uint64_t weir__redis_again_due(const struct weir_redis_source *source);
weir_pulled weir__redis_hold(struct weir_redis_source *source, struct weir__redis_link *from,
                             const struct weir__redis_node *array, bool before);

void weir__redis_count(struct weir_redis_source *source, uint64_t *figure, uint64_t more);

#endif
