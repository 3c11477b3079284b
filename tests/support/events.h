/*
 * Numbers as events: fills and empties queues of slices for tests.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events are uint64_t.  How they are cut into blocks is the caller's choice,
 * since nothing that is tested may depend on it.
 */
#ifndef TESTS_SUPPORT_EVENTS_H
#define TESTS_SUPPORT_EVENTS_H

#include "memory/pool.h"
#include "memory/queue.h"

/* A block with `count` (> 0) numbers, in one slice.  Ends the program without memory. */
struct weir__item events_item(struct weir__pool *pool, const uint64_t *numbers, uint32_t count);

/* Appends numbers, `per_block` of them in each block (0: all in one). */
void events_push(struct weir__queue *queue, struct weir__pool *pool, const uint64_t *numbers,
                 size_t count, size_t per_block);

/* The same for first, first + 1, ... */
void events_push_range(struct weir__queue *queue, struct weir__pool *pool, uint64_t first,
                       size_t count, size_t per_block);

#endif
