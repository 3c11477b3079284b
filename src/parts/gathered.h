/*
 * Gathered: a batch that is an event, and one that is being filled.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The events of a batch lie in a block of their own, as any: they have words (memory/owned.h), so
 * each is dropped once, by its type, whoever lets the batch go, and single ones may be taken out.
 * What their spans point at was copied to blocks of payload, one behind the other: the last one is
 * the lender of the block of events, and each that of the one before it.  So a batch is one
 * reference to one block, and all of it goes home when that does; nothing is allocated for it but
 * blocks, which their worker uses again.
 *
 *   reserved[0] of a weir_gathered  is the block, held once; 0: it is empty
 *   reserved[1]                     is a pipeline's: how often its sink was lost over it
 *   a batch is copied (its type's `copy`)  =>  its block is held once more, and each event
 *
 * A batch that is being filled (struct weir__gathering) is one worker's: it fills the block, of
 * which no slice is alive, and which may become a larger one.
 *
 *   count <= block->capacity, unless there is no block; then count is 0
 *   a block's words beyond `count` are those of a fresh one
 *
 * Writers of a batch: whoever fills it; then nobody, but for what its events' words allow.
 */
#ifndef WEIR__PARTS_GATHERED_H
#define WEIR__PARTS_GATHERED_H

#include "memory/index.h"
#include "memory/pool.h"
#include "memory/queue.h"

#include <weir/batcher.h>

struct weir__gathering {
    struct weir__index_node node;  /* by key, of its batcher             */
    struct weir__gathering *older; /* in the order in which they began  */
    struct weir__gathering *newer; /* likewise; of spare ones, the next */
    struct weir__block *block;     /* with its events; NULL: none yet    */
    struct weir__block *payload;   /* being filled, or NULL             */
    uint32_t count;
    uint64_t bytes; /* that they weigh, as far as somebody counts them    */
    uint64_t sum;   /* the program's, of `full`                           */
    uint64_t began_ns;
    uint64_t serial; /* of its batcher's, in the order in which they began */
};

/* What is put in: events of a batch at hand. */
struct weir__gathering_input {
    struct weir__item *item;
    const unsigned char *events; /* where they are */
    const weir_event_type *type; /* theirs; NULL: they own nothing */
    uint32_t event_bytes;
    struct weir__pool *pool;
};

/* Room for one event more; if there is no block yet, for `expected`.  false: no memory. */
bool weir__gathering_grow(struct weir__gathering *gathering,
                          const struct weir__gathering_input *input, uint32_t expected);

/* How many events have room. */
static inline uint32_t weir__gathering_room(const struct weir__gathering *gathering) {
    return gathering->block == NULL ? 0 : gathering->block->capacity - gathering->count;
}

/*
 * Puts events first..first+count-1 of the input in, for which there is room; of events with spans
 * one at a time.
 * INVALID: others have them, and their type cannot copy them; NO_MEMORY.  Then none was put in.
 */
weir_status weir__gathering_put(struct weir__gathering *gathering,
                                const struct weir__gathering_input *input, uint32_t first,
                                uint32_t count);

/* It is full: *out has its events from now on, and their block. */
void weir__gathering_close(struct weir__gathering *gathering, struct weir__pool *pool,
                           weir_gathered *out);

/* It never was: its events are dropped for that. */
void weir__gathering_abandon(struct weir__gathering *gathering, struct weir__pool *pool,
                             weir_discard why);

#endif
