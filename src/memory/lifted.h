/*
 * Lifted events: one event that left its batch, for as long as somebody works on it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch is gone when its callback returns; an event may have to last longer, by itself.  Its
 * bytes are copied to where whoever works on it wants them, and what it owns
 *
 *   FLAT    is nothing
 *   MOVED   went along: the bytes are the event, and pin no block
 *   HELD    stayed in the block, as others have the event, too, or had: the bytes are a look at it
 *
 * Each is let go once: dropped, or given back to the graph; but one that is `taken` is the
 * program's, which then has the event itself, or, of one that is HELD, perhaps a copy.
 *
 * One owner, a worker; weir__lifted_take is for the thread that works on the event meanwhile, and
 * what brings that back to the owner orders it.
 */
#ifndef WEIR__MEMORY_LIFTED_H
#define WEIR__MEMORY_LIFTED_H

#include "memory/queue.h"

enum weir__lifted_as { WEIR__LIFTED_FLAT, WEIR__LIFTED_MOVED, WEIR__LIFTED_HELD };

struct weir__lifted {
    union {
        const weir_event_type *type; /* MOVED */
        struct weir__block *block;   /* HELD  */
    };
    uint32_t index; /* HELD: in the block */
    uint16_t as;
    bool taken;
};

/* Lifts event number `index` of a slice, which lies at `event`, to `to`. */
struct weir__lifted weir__lift(const struct weir__item *item, uint32_t index, const void *event,
                               void *to, struct weir__pool *here);

/*
 * It is the program's from now on, in `to`; event: as it was lifted.
 * Not WEIR_OK: INVALID, it owns nothing, or was taken, or others have it and there is no copy;
 * NO_MEMORY.  Then nothing changed.  The thread that works on it.
 */
weir_status weir__lifted_take(struct weir__lifted *lifted, const void *event, void *to);

/* Lets it go: what it owns is dropped for that, unless it was taken, or others have it. */
void weir__lifted_drop(struct weir__lifted *lifted, const void *event, weir_discard why,
                       struct weir__pool *here);

#endif
