/*
 * Replies in memory of their own.  See reply.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/reply.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 32768 - 64, ALIGNMENT = 8 };

/* ---- memory ------------------------------------------------------------------------- */

static struct weir__redis_block *add_block(struct weir__redis_reply *reply, size_t least) {
    size_t room = least > BLOCK_BYTES ? least : BLOCK_BYTES;
    struct weir__redis_block *block = malloc(sizeof *block + room);
    if (block != NULL) {
        block->next = reply->blocks;
        block->used = 0;
        block->room = room;
        reply->blocks = block;
    }
    return block;
}

void *weir__redis_reply_room(struct weir__redis_reply *reply, size_t count) {
    struct weir__redis_block *block = reply->blocks;
    count = (count + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (block == NULL || block->room - block->used < count) {
        block = add_block(reply, count);
    }
    if (block == NULL) {
        return NULL;
    }
    void *at = block->bytes + block->used;
    block->used += count;
    return at;
}

static void free_blocks(struct weir__redis_block *block) {
    while (block != NULL) {
        struct weir__redis_block *next = block->next;
        free(block);
        block = next;
    }
}

void weir__redis_reply_clear(struct weir__redis_reply *reply) {
    struct weir__redis_block *kept = reply->blocks;
    if (kept == NULL) {
        return;
    }
    free_blocks(kept->next);
    kept->next = NULL;
    kept->used = 0;
    if (kept->room > BLOCK_BYTES) {
        free(kept);
        reply->blocks = NULL;
    }
}

void weir__redis_reply_free(struct weir__redis_reply *reply) {
    if (reply != NULL) {
        free_blocks(reply->blocks);
        free(reply);
    }
}

/* ---- nodes, for hiredis --------------------------------------------------------------- */

static struct weir__redis_node *add_node(const redisReadTask *task, size_t more) {
    struct weir__redis_reply *const *reply = task->privdata;
    struct weir__redis_node *node = weir__redis_reply_room(*reply, sizeof *node + more);
    if (node == NULL) {
        return NULL;
    }
    *node = (struct weir__redis_node){.type = task->type};
    if (task->parent != NULL) {
        struct weir__redis_node *parent = task->parent->obj;
        parent->items[task->idx] = node;
    }
    return node;
}

static void *create_string(const redisReadTask *task, char *text, size_t count) {
    struct weir__redis_node *node = count > UINT32_MAX ? NULL : add_node(task, count);
    if (node != NULL) {
        node->text = memcpy(node + 1, text, count);
        node->count = (uint32_t)count;
    }
    return node;
}

static void *create_array(const redisReadTask *task, int count) {
    size_t bytes = (size_t)count * sizeof(struct weir__redis_node *);
    struct weir__redis_node *node = add_node(task, bytes);
    if (node != NULL) {
        node->items = memset(node + 1, 0, bytes);
        node->count = (uint32_t)count;
    }
    return node;
}

static void *create_integer(const redisReadTask *task, long long number) {
    struct weir__redis_node *node = add_node(task, 0);
    if (node != NULL) {
        node->number = number;
    }
    return node;
}

/* Its task says what it would have been. */
static void *create_nil(const redisReadTask *task) {
    struct weir__redis_node *node = add_node(task, 0);
    if (node != NULL) {
        node->type = REDIS_REPLY_NIL;
    }
    return node;
}

static void free_object(void *object) {
    (void)object; /* it goes with its reply */
}

redisReplyObjectFunctions weir__redis_reply_functions = {create_string, create_array,
                                                         create_integer, create_nil, free_object};

/* ---- reading ------------------------------------------------------------------------- */

const struct weir__redis_node *weir__redis_item(const struct weir__redis_node *node,
                                                uint32_t place) {
    return node != NULL && node->type == REDIS_REPLY_ARRAY && place < node->count
               ? node->items[place]
               : NULL;
}

bool weir__redis_is_text(const struct weir__redis_node *node) {
    return node != NULL && (node->type == REDIS_REPLY_STRING || node->type == REDIS_REPLY_STATUS);
}

bool weir__redis_says(const struct weir__redis_node *node, const char *text) {
    size_t count = strlen(text);
    return (weir__redis_is_text(node) || (node != NULL && node->type == REDIS_REPLY_ERROR)) &&
           node->count >= count && memcmp(node->text, text, count) == 0;
}

uint64_t weir__redis_number_of(const struct weir__redis_node *node) {
    uint64_t number = 0;
    if (node != NULL && node->type == REDIS_REPLY_INTEGER) {
        return (uint64_t)node->number;
    }
    for (uint32_t i = 0; weir__redis_is_text(node) && i < node->count; i++) {
        if (node->text[i] < '0' || node->text[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(node->text[i] - '0');
    }
    return number;
}
