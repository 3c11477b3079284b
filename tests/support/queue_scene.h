/*
 * A queue of slices, its memory and the pool's: what the tests of queues share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_QUEUE_SCENE_H
#define TESTS_SUPPORT_QUEUE_SCENE_H

#include "memory/pool.h"
#include "memory/queue.h"
#include "support/memory.h"

struct queue_scene {
    struct test_memory memory;      /* the queue's */
    struct test_memory pool_memory; /* never fails */
    struct weir__pool pool;
    struct weir__queue queue;
};

/* For cmocka's setup, which gets the scene for its state, and teardown: all is free then. */
int queue_scene_open(void **state);
int queue_scene_close(void **state);

/* A slice with the numbers first, first + 1, ... */
struct weir__item queue_scene_slice(struct queue_scene *scene, uint64_t first, uint32_t count);

struct weir__item queue_scene_mark(uint32_t kind);

/* The number at that place of a slice. */
uint64_t queue_scene_number(const struct weir__item *item, uint32_t index);

#endif
