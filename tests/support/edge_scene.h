/*
 * An edge with both its ends in hand, and numbers as events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Ring indices begin just below their wrap; memory is counted, and refused on cue.
 */
#ifndef TESTS_SUPPORT_EDGE_SCENE_H
#define TESTS_SUPPORT_EDGE_SCENE_H

#include "edge/edge.h"
#include "memory/pool.h"
#include "support/memory.h"

struct edge_scene {
    struct test_memory memory;
    struct weir__bell bell[2]; /* of the producer's worker, of the consumer's */
    struct weir__ready_stage stage[2];
    struct weir__pool pool[2];
    struct weir__edge *edge;
    struct weir__queue emission;
    uint64_t next;  /* number to be sent    */
    uint64_t taken; /* number expected next */
};

void edge_scene_open(struct edge_scene *f, size_t max_demand);

/* Whatever its ends are in, they are over; then both let go of it. */
void edge_scene_release(struct weir__edge *edge);

/* Both sides let go; everything must be free then. */
void edge_scene_close(struct edge_scene *f);

/* Sends the next `count` numbers as one message, in slices of `per_slice` (0: in one). */
uint64_t edge_scene_send(struct edge_scene *f, uint64_t count, size_t per_slice);

/* Sends one-event slices, each a message, until `count` are on their way. */
void edge_scene_send_singly(struct edge_scene *f, uint64_t count);

/* The entry that is taken next. */
const struct weir__entry *edge_scene_next(const struct edge_scene *f);

/* Takes one entry, whose numbers must be the next ones; its count, 0 when there is none. */
uint32_t edge_scene_take(struct edge_scene *f);
void edge_scene_take_all(struct edge_scene *f);

/* As for a dead consumer: what comes back are `count` numbers from `first` on. */
void edge_scene_recover(struct edge_scene *f, uint64_t first, uint64_t count, uint64_t lost);

#endif
