/*
 * The index: see index.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory/index.h"

#include "base/check.h"
#include "memory/allocator.h"

/*
 * A chain of a few is found through sooner than a bucket that is not in the cache.
 * Many stages have a timer or two: those need no table.
 */
enum { CHAIN = 8, BITS_FIRST = 4, BITS_MORE = 2, BITS_KEPT = 10, BITS_LAST = 30 };

static size_t index_table_bytes(unsigned bits) {
    return sizeof(struct weir__index_node *) << bits;
}

void weir__index_open(struct weir__index *index, const struct weir__allocator *allocator) {
    *index = (struct weir__index){.allocator = allocator};
}

static void free_table(struct weir__index *index) {
    if (index->bits > 0) {
        weir__free(index->allocator, index->buckets, index_table_bytes(index->bits));
        index->only = NULL;
        index->bits = 0;
    }
}

void weir__index_close(struct weir__index *index) {
    free_table(index);
    weir__index_open(index, index->allocator);
}

/* Numbers that are counted up, by whatever step, are spread evenly by this factor
 * (2^64 over the golden ratio), in the upper bits. */
static struct weir__index_node **bucket(struct weir__index_node **buckets, unsigned bits,
                                        uint64_t number) {
    return &buckets[(number * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - bits)];
}

static struct weir__index_node **chain_of(const struct weir__index *index, uint64_t number) {
    return index->bits == 0 ? (struct weir__index_node **)&index->only
                            : bucket(index->buckets, index->bits, number);
}

static void push_on_chain(struct weir__index_node **chain, struct weir__index_node *node) {
    node->next = *chain;
    *chain = node;
}

static struct weir__index_node *pop(struct weir__index_node **chain) {
    struct weir__index_node *node = *chain;
    *chain = node->next;
    return node;
}

static size_t chains_of(const struct weir__index *index) {
    return (size_t)1 << index->bits;
}

static struct weir__index_node **chain_at(const struct weir__index *index, size_t number) {
    return index->bits == 0 ? (struct weir__index_node **)&index->only : &index->buckets[number];
}

/* Without memory all stays as it is. */
static void grow_table(struct weir__index *index, unsigned bits) {
    struct weir__index_node **buckets =
        weir__alloc_zeroed(index->allocator, index_table_bytes(bits), 64);
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < chains_of(index); i++) {
        struct weir__index_node **chain = chain_at(index, i);
        while (*chain != NULL) {
            struct weir__index_node *node = pop(chain);
            push_on_chain(bucket(buckets, bits, node->number), node);
        }
    }
    free_table(index);
    index->buckets = buckets;
    index->bits = bits;
}

void weir__index_add(struct weir__index *index, struct weir__index_node *node, uint64_t number) {
    if (index->bits == 0 && index->count >= CHAIN) {
        grow_table(index, BITS_FIRST);
    } else if (index->bits > 0 && index->count >> index->bits > 0 && index->bits < BITS_LAST) {
        grow_table(index, index->bits + BITS_MORE);
    }
    node->number = number;
    push_on_chain(chain_of(index, number), node);
    index->count++;
}

struct weir__index_node *weir__index_find(const struct weir__index *index, uint64_t number) {
    struct weir__index_node *node = *chain_of(index, number);
    while (node != NULL && node->number != number) {
        node = node->next;
    }
    return node;
}

struct weir__index_node *weir__index_next(const struct weir__index_node *node) {
    struct weir__index_node *next = node->next;
    while (next != NULL && next->number != node->number) {
        next = next->next;
    }
    return next;
}

/* A large table is not kept for nothing. */
static void removed(struct weir__index *index) {
    if (index->count == 0 && index->bits > BITS_KEPT) {
        free_table(index);
    }
}

void weir__index_remove(struct weir__index *index, struct weir__index_node *node) {
    struct weir__index_node **at = chain_of(index, node->number);
    while (*at != node) {
        WEIR__CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    index->count--;
    removed(index);
}

void weir__index_empty(struct weir__index *index,
                       void (*gone)(void *context, struct weir__index_node *node), void *context) {
    for (size_t i = 0; i < chains_of(index); i++) {
        struct weir__index_node **chain = chain_at(index, i);
        while (*chain != NULL) {
            gone(context, pop(chain));
        }
    }
    index->count = 0;
    removed(index);
}

void weir__index_each(const struct weir__index *index,
                      void (*each)(void *context, struct weir__index_node *node), void *context) {
    for (size_t i = 0; i < chains_of(index); i++) {
        struct weir__index_node *node = *chain_at(index, i);
        for (; node != NULL; node = node->next) {
            each(context, node);
        }
    }
}

#if WEIR__CHECKED
void weir__index_check(const struct weir__index *index) {
    if (index->count > WEIR__CHECK_MOST || index->bits > BITS_KEPT) {
        return;
    }
    size_t found = 0;
    for (size_t i = 0; i < chains_of(index); i++) {
        struct weir__index_node *const *chain = chain_at(index, i);
        for (const struct weir__index_node *node = *chain; node != NULL; node = node->next) {
            WEIR__CHECK(chain_of(index, node->number) == chain);
            WEIR__CHECK(++found <= index->count);
        }
    }
    WEIR__CHECK(found == index->count);
}
#endif
