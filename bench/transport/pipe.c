/*
 * The pipe: what happens before and after a run.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *lines(size_t bytes) {
    size_t rounded = (bytes + MEMORY_APART - 1) / MEMORY_APART * MEMORY_APART;
    void *memory = aligned_alloc(MEMORY_APART, rounded);
    if (memory == NULL) {
        fputs("transport: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    memset(memory, 0, rounded);
    return memory;
}

struct race_result pipe_run(struct race_cores cores, const struct setting *setting,
                            const struct shape *shape, void (*send)(void *),
                            uint64_t (*receive)(void *)) {
    size_t window_bytes = (size_t)setting->max * setting->event_bytes;
    struct pipe *pipe = lines(sizeof *pipe);
    pipe->setting = *setting;
    pipe->words = setting->event_bytes / sizeof(uint64_t);
    pipe->fill = work_fill;
    pipe->sum = work_sum;
    pipe->pool.event_bytes = setting->event_bytes;
    pipe->pool.block_bytes = setting->block_bytes;
    pipe->scratch = lines(window_bytes);
    pipe->gathered = lines(window_bytes);
    pipe->edge.slim = lines(sizeof(struct slim) * setting->ring_entries);
    pipe->edge.line = lines(sizeof(struct line) * setting->ring_entries);
    ck_ring_init(&pipe->edge.near.ring, setting->ring_entries);
    pipe->sending.ready = shape->signal != SIGNAL_EACH;
    pipe->receiving.ready = shape->signal != SIGNAL_EACH;
    if (shape->memory == MEMORY_WINDOW) {
        pipe->window = memory_block_make(&pipe->pool, setting->max);
    }

    const struct race race = {send, receive, pipe, work_expected(setting->events * pipe->words)};
    struct race_result result = race_run(&race, cores);

    if (pipe->window != NULL) pool_put(&pipe->pool, pipe->window);
    memory_pool_close(&pipe->pool);
    free(pipe->edge.line);
    free(pipe->edge.slim);
    free(pipe->gathered);
    free(pipe->scratch);
    free(pipe);
    return result;
}
