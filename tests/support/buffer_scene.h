/*
 * A buffer whose events are numbers, and a journal of what comes out of it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_BUFFER_SCENE_H
#define TESTS_SUPPORT_BUFFER_SCENE_H

#include "memory/pool.h"
#include "stage/buffer.h"
#include "support/memory.h"

enum { BUFFER_JOURNAL = 4096, BUFFER_MARK = 1000000 };

struct buffer_scene {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__buffer buffer;
    struct weir__queue queue;         /* for storing */
    uint64_t journal[BUFFER_JOURNAL]; /* events as they are, marks from BUFFER_MARK up */
    size_t length;
    uint64_t stored;
    uint64_t taken;
    uint64_t dropped;
};

void buffer_scene_open(struct buffer_scene *scene, uint64_t size, weir_keep keep);

/* Every event must have been taken or dropped, or still be held; then all is free. */
void buffer_scene_close(struct buffer_scene *scene);

/* Stores the next `count` numbers; returns how many events were dropped. */
uint64_t buffer_scene_store(struct buffer_scene *scene, size_t count, size_t per_block);

/* Stores a mark; false: nothing was there to wait for. */
bool buffer_scene_mark(struct buffer_scene *scene, uint64_t number);

/* Takes up to `count` events, as a stage does; they go into the journal. */
void buffer_scene_take(struct buffer_scene *scene, uint64_t count);

/* For who stores by himself: the callback that marks go to; its context is the scene. */
void buffer_scene_note_mark(void *context, const struct weir__item *mark);

#endif
