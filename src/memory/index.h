/*
 * The index: what its owner finds again by number.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A hash table with chains, through nodes that their owners embed: adding cannot
 * fail.  Only the table of buckets is allocated, when there are more nodes than a
 * look through all of them is good for; it grows with them, and if there is no
 * memory for a larger one, finding takes longer.  Nodes stay where they are.
 *
 *   a node is in the chain of its number's bucket; there are `count` of them
 *   bits is 0  =>  there are no buckets: all nodes are in the chain `only`
 *
 * Cost: O(1) on average for numbers that are counted up, in any steps.  One owner,
 * no threads.
 */
#ifndef WEIR__MEMORY_INDEX_H
#define WEIR__MEMORY_INDEX_H

#include "base/attributes.h"

#include <stddef.h>
#include <stdint.h>

struct weir__allocator;

struct weir__index_node {
    uint64_t number;
    struct weir__index_node *next; /* in its bucket */
};

/* All zero but for the allocator is an empty one. */
struct weir__index {
    const struct weir__allocator *allocator;
    union {
        struct weir__index_node **buckets; /* 2^bits */
        struct weir__index_node *only;
    };
    uint32_t count; /* stages, subscriptions and timers are fewer than it counts */
    uint32_t bits;  /* 0: there are no buckets */
};

void weir__index_open(struct weir__index *index, const struct weir__allocator *allocator);

/* Forgets the nodes that are still in it, and frees the table. */
void weir__index_close(struct weir__index *index);

/* The node is in no index.  Others in this one may have that number. */
void weir__index_add(struct weir__index *index, struct weir__index_node *node, uint64_t number);

/* NULL: there is none of that number.  Of several, any; the others follow it. */
struct weir__index_node *weir__index_find(const struct weir__index *index, uint64_t number);

/* The next one of the same number, or NULL. */
struct weir__index_node *weir__index_next(const struct weir__index_node *node);

/* Removes a node, which must be in it. */
void weir__index_remove(struct weir__index *index, struct weir__index_node *node);

/* Removes all nodes, in no order, and gives each to `gone`, which leaves the index alone. */
void weir__index_empty(struct weir__index *index,
                       void (*gone)(void *context, struct weir__index_node *node), void *context);

/* Gives each node to `each`, in no order; it leaves the index alone. */
void weir__index_each(const struct weir__index *index,
                      void (*each)(void *context, struct weir__index_node *node), void *context);

void weir__index_check(const struct weir__index *index);

/* The `type` whose `member` was found; NULL for NULL. */
#define WEIR__INDEX_FIND(index, number, type, member) \
    ((type *)weir__index_owner(weir__index_find(index, number), offsetof(type, member)))

static inline void *weir__index_owner(struct weir__index_node *node, size_t offset) {
    return node == NULL ? NULL : (void *)((unsigned char *)node - offset);
}

#endif
