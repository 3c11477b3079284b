/*
 * Blocks, their counts and their way home: the parts off the hot path.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block *memory_block_make(struct pool *pool, uint32_t capacity) {
    size_t bytes = sizeof(struct block) + (size_t)capacity * pool->event_bytes;
    bytes = (bytes + MEMORY_APART - 1) / MEMORY_APART * MEMORY_APART;
    struct block *block = aligned_alloc(MEMORY_APART, bytes);
    if (block == NULL) {
        fputs("transport: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    memset(block, 0, bytes);
    block->event_bytes = pool->event_bytes;
    block->capacity = capacity;
    pool->made++;
    return block;
}

void memory_pool_close(struct pool *pool) {
    pool_close_open(pool);
    for (;;) {
        while (pool->free != NULL) {
            struct block *block = pool->free;
            pool->free = block->next;
            free(block);
            pool->made--;
        }
        if (pool->made == 0) return;
        if (ck_pr_load_ptr(&pool->returned.head) == NULL) break;
        free(pool_get(pool));
        pool->made--;
    }
    fprintf(stderr, "transport: %u blocks never came home\n", pool->made);
    exit(EXIT_FAILURE);
}
