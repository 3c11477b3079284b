/*
 * Replies: what hiredis' parser makes, in memory of their own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * hiredis would take a block for each string and array.  Here all nodes of a reply, and what its
 * strings say, lie in a few large blocks, which are freed together.  So the entries of a reply can
 * be lent to a pipeline: each holds the reply, and the last one to let go frees it.
 */
#ifndef WEIR__CONNECT_REDIS_REPLY_H
#define WEIR__CONNECT_REDIS_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

struct weir__redis_node {
    int type;       /* REDIS_REPLY_... */
    uint32_t count; /* of bytes; of items */
    union {
        const char *text; /* STRING, STATUS, ERROR; without an end */
        struct weir__redis_node **items;
        long long number;
    };
};

struct weir__redis_block {
    struct weir__redis_block *next;
    size_t used;
    size_t room;
    _Alignas(16) char bytes[];
};

struct weir__redis_reply {
    struct weir__redis_block *blocks; /* the newest first */
    uint64_t holders;                 /* entries that are lent */
};

/* Memory that lasts as long as the reply.  NULL: there is none. */
void *weir__redis_reply_room(struct weir__redis_reply *reply, size_t count);

/* What the last replies said is forgotten; one block is kept. */
void weir__redis_reply_clear(struct weir__redis_reply *reply);
void weir__redis_reply_free(struct weir__redis_reply *reply);

/* For a parser whose privdata is where the reply's address is kept: nodes come into that one. */
extern redisReplyObjectFunctions weir__redis_reply_functions;

/* An item of an array; NULL: it is none, or has not so many. */
const struct weir__redis_node *weir__redis_item(const struct weir__redis_node *node,
                                                uint32_t place);
bool weir__redis_is_text(const struct weir__redis_node *node);
bool weir__redis_says(const struct weir__redis_node *node, const char *text);

/* Of an integer, or of digits; 0: it is neither. */
uint64_t weir__redis_number_of(const struct weir__redis_node *node);

#endif
