/*
 * The inlet's shared memory, and what both its sides use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A push copies its events into a chunk, puts it on a stack and, unless that
 * is already under way, pokes the stage, which takes the stack whole, reverses
 * it (so the chunks of one thread keep their order) and emits on demand.
 *
 *   field      writers                        readers
 *   waiting    pushers reserve, the worker    all: pushed or being pushed, and
 *              gives back what left           not yet emitted or discarded
 *   pushed     pushers push; who drains it    who drains it
 *              takes it whole
 *   poked      pushers 0 -> 1, worker 1 -> 0  pushers
 *   pushing    pushers in weir_inlet_push     the last one of them, when dead
 *   finished   weir_inlet_finish              worker, pushers
 *   dead       the worker, at the end         pushers
 *   room       the worker; a futex            blocked pushers
 *
 * Ordering.  All of these are moved by locked operations, so each is a full
 * fence, and four Dekker pairs rest on that:
 *   I1 -> I2  push a chunk, read poked / clear poked, take the stack: no chunk
 *             stays on the stack unseen.
 *   I3 -> I4  reserve, read finished / finished, read waiting: the stage stops
 *             only when nothing is or will be on its way.
 *   I5 -> I6  push a chunk, leave (pushing), read dead / dead, take the stack:
 *             what is pushed while the stage ends is drained by the worker or by
 *             the last pusher to leave, and counted.
 *   I7 -> I8  waiters up, read waiting / lower waiting, read waiters: no blocked
 *             pusher sleeps beside free room.
 * Progress: pushing is lock-free, but for WEIR_BLOCK without room and for the
 * allocator.  Wrap: waiting and pushing return to 0; room wraps harmlessly.
 */
#ifndef WEIR__PARTS_INLET_H
#define WEIR__PARTS_INLET_H

#include "runtime/runtime.h"

#include <weir/inlet.h>

struct weir__chunk {
    ck_stack_entry_t link;
    struct weir__chunk *next; /* in the worker's queue, oldest first */
    size_t count;
    size_t first; /* events before it have left */
    _Alignas(16) unsigned char events[];
};

struct weir_inlet {
    /* constant */
    weir_runtime *runtime;
    weir_ref stage;
    size_t event_bytes;
    size_t capacity;
    weir_when_full when_full;
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;

    WEIR__APART uint64_t waiting;
    uint32_t pushing;
    uint32_t finished;
    uint32_t dead;
    uint64_t newest_dropped; /* by pushers, and not yet counted */
    WEIR__APART ck_stack_t pushed;
    uint32_t poked;
    struct weir__poke poke;
    WEIR__APART uint32_t room;
    uint32_t waiters;
    uint32_t refs; /* the handle, the stage, a poke in flight */

    /* the worker's */
    WEIR__APART struct weir__chunk *first;
    struct weir__chunk *last;
    uint64_t queued;
};

static inline size_t weir__inlet_chunk_bytes(const weir_inlet *inlet, size_t count) {
    return sizeof(struct weir__chunk) + count * inlet->event_bytes;
}

static inline void weir__inlet_free_chunk(weir_inlet *inlet, struct weir__chunk *chunk) {
    weir__free(&inlet->runtime->allocator, chunk, weir__inlet_chunk_bytes(inlet, chunk->count));
}

/* One reference less; the last one frees it. */
void weir__inlet_release(weir_inlet *inlet);

/* Takes the stack; returns its chunks oldest first. */
struct weir__chunk *weir__inlet_take(weir_inlet *inlet);

/* `count` events have left the inlet: there is room for as many. */
void weir__inlet_made_room(weir_inlet *inlet, uint64_t count);

/* What pushers dropped and nobody has counted; it is the caller's to count. */
uint64_t weir__inlet_count_dropped(weir_inlet *inlet);

#endif
