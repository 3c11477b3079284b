/*
 * The inlet's shared memory, and what both its sides use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A push copies its events into a chunk, puts it on a stack and, unless the stage
 * looks there anyway, pokes it.  The stage takes the stack whole, reverses it (so
 * the chunks of one thread keep their order) and emits on demand.  Ports are a
 * second way in, for one thread each: see port.h.
 *
 *   field      writers                        readers
 *   waiting    pushers reserve, the worker    all: pushed or being pushed, and
 *              gives back what left           not yet emitted or discarded
 *   pushed     pushers push; who drains it    who drains it
 *              takes it whole
 *   fresh      who opens ports; likewise      likewise
 *   poked      anybody -> TOLD; the worker    pushers
 *              TOLD -> COLD or WAITS
 *   pushing    who may leave something on     the last one of them, when dead
 *              a stack
 *   finished   see weir__inlet_finished       worker, pushers
 *   dead       the worker, at the end         pushers
 *   room       the worker; a futex            blocked pushers
 *   feeders    who pushes for a stage that    who pushes for a stage
 *              is not among them: in front,
 *              or (CAS) in the place of one
 *              that has ended
 *   reason     the worker, before dead (so    who asks, after it
 *              I5 -> I6 publishes it, too)
 *
 * Hot and cold.  As with edges, the stage goes on looking while something keeps
 * coming (`watched` of its ready stage), and in a steady flow nobody is poked.
 * `poked` is a token:
 *   TOLD   it is on its way as mail, or the worker has it: then the stage looks
 *   COLD   the stage looks no more: whatever comes, it is to be poked
 *   WAITS  the same, but it has no demand either, and demand makes it look:
 *          events need not poke it, all else does
 *   looks, then it is TOLD and no mail is on its way
 * Whoever makes it TOLD sends the mail; the worker instead looks on.
 *
 * Ordering.  All of these are moved by locked operations, so each is a full
 * fence, and four Dekker pairs rest on that:
 *   I1 -> I2  push a chunk or a port, read poked / give up poked, look at the stacks
 *             and at finished: nothing stays there unseen.
 *   I3 -> I4  reserve, read finished / finished, read waiting: the stage stops
 *             only when nothing is or will be on its way.
 *   I5 -> I6  push a chunk, leave (pushing), read dead / dead, take the stack:
 *             what is pushed while the stage ends is drained by the worker or by
 *             the last pusher to leave, and counted.
 *   I7 -> I8  waiters up, read waiting / lower waiting, read waiters: no blocked
 *             pusher sleeps beside free room.  The worker reads waiters when a
 *             quarter of the capacity has left, or nothing more does.
 *   I9 -> I10  a feeder, in front or in another's place (CAS, release) -> who looks for it
 *             (acquire): its stage has been named.  The places stay until the inlet is freed, no
 *             more than ever lived at a time; two of a stage, by pushes that meet, do no harm.
 * Progress: pushing is lock-free, but for WEIR_BLOCK without room and for the
 * allocator.  Wrap: waiting and pushing return to 0; room wraps harmlessly.
 */
#ifndef WEIR__PARTS_INLET_H
#define WEIR__PARTS_INLET_H

#include "runtime/runtime.h"

#include <weir/inlet.h>

/*
 * What `finished` says.  An inlet in a ring (stage/ending.c) takes nothing from outside first, and
 * then, tried, nothing from anybody; it may be WITHIN again after that.
 *   any -> FINISHED      weir_inlet_finish, on any thread, or the worker (both exchange); it stays
 *   OPEN -> WITHIN       the worker, by CAS, as it may be FINISHED meanwhile; so are the others:
 *   WITHIN -> TRIED
 *   TRIED -> WITHIN
 */
enum weir__inlet_finished {
    WEIR__INLET_OPEN = 0,
    WEIR__INLET_FINISHED = 1,
    WEIR__INLET_WITHIN = 2,
    WEIR__INLET_TRIED = 3
};

enum weir__inlet_poked { WEIR__INLET_COLD = 0, WEIR__INLET_TOLD = 1, WEIR__INLET_WAITS = 2 };

struct weir__chunk {
    ck_stack_entry_t link;
    struct weir__chunk *next; /* in the worker's queue, oldest first */
    size_t count;
    size_t first; /* events before it have left */
    _Alignas(16) unsigned char events[];
};

/* A place for a stage that pushes in its callbacks, or its tasks: it feeds the inlet. */
struct weir__inlet_feeder {
    uint64_t stage; /* atomic: its reference */
    struct weir__inlet_feeder *next;
};

struct weir_inlet {
    /* constant */
    weir_runtime *runtime;
    weir_ref stage;
    size_t event_bytes;
    size_t capacity;
    weir_when_full when_full;
    uint32_t polls; /* of a pusher without room, before it sleeps */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;

    WEIR__APART uint64_t waiting;
    uint32_t pushing;
    uint64_t newest_dropped;    /* by pushers, and not yet counted */
    WEIR__APART uint32_t poked; /* every push reads these; they change seldom */
    uint32_t finished;
    uint32_t dead;
    struct weir__inlet_feeder *feeders;
    weir_reason reason;
    uint32_t refs; /* the handle, the stage, each port, a poke in flight */
    struct weir__poke poke;
    WEIR__APART ck_stack_t pushed;
    ck_stack_t fresh; /* ports */
    WEIR__APART uint32_t room;
    uint32_t waiters;

    /* the worker's */
    WEIR__APART struct weir__chunk *first;
    struct weir__chunk *last;
    uint64_t queued;
    weir_port *port; /* of the ports in a circle: the one served last; NULL: there is none */
    uint32_t ports;
    bool port_next;   /* takes its turn before the queue    */
    bool finish_seen; /* finished, as it was looked at last */
    uint64_t unwoken; /* events that left the queue since waiters was read */
    uint64_t left;    /* events that have left, ever        */
    uint64_t left_at_look;
    uint32_t unsettled; /* looks in a row at which something had left, since all was told */
};

static inline size_t weir__inlet_chunk_bytes(const weir_inlet *inlet, size_t count) {
    return sizeof(struct weir__chunk) + count * inlet->event_bytes;
}

static inline void weir__inlet_free_chunk(weir_inlet *inlet, struct weir__chunk *chunk) {
    weir__free(&inlet->runtime->allocator, chunk, weir__inlet_chunk_bytes(inlet, chunk->count));
}

/* The thread that asks is at work for none of the runtime's stages, or nobody may push. */
bool weir__inlet_shuts_out(const weir_inlet *inlet, uint32_t finished);

/* It takes no more from this thread, for one reason or the other. */
static inline bool weir__inlet_gone(const weir_inlet *inlet) {
    uint32_t finished = weir__load_relaxed_u32(&inlet->finished);
    return weir__load_relaxed_u32(&inlet->dead) != 0 ||
           (finished != WEIR__INLET_OPEN && weir__inlet_shuts_out(inlet, finished));
}

static inline bool weir__inlet_has_threads(const weir_inlet *inlet) {
    return inlet->runtime->options.mode == WEIR_THREADS;
}

/* One reference more / less; the last one frees it. */
void weir__inlet_hold(weir_inlet *inlet);
void weir__inlet_release(weir_inlet *inlet);

/* Takes the stack; returns its chunks oldest first. */
struct weir__chunk *weir__inlet_take(weir_inlet *inlet);

/* A reservation is given back: there is room for as many. */
void weir__inlet_made_room(weir_inlet *inlet, uint64_t count);

/* Wakes who waits for room, if anybody does. */
void weir__inlet_wake(weir_inlet *inlet);

/* What pushers dropped and nobody has counted; it is the caller's to count. */
uint64_t weir__inlet_count_dropped(weir_inlet *inlet);

/* ---- inlet_push.c: any thread -------------------------------------------- */

/* Pokes the stage, unless it has been told: something other than events has come. */
void weir__inlet_poke(weir_inlet *inlet);

/* Events have come: after a locked operation, which is the fence before this look. */
void weir__inlet_poke_if_cold(weir_inlet *inlet);

/* Who pushes here for a stage is a feeder from now on.  WEIR_OK; NO_STAGE, NO_MEMORY. */
weir_status weir__inlet_know_feeder(weir_inlet *inlet);

/* Between the two something may be left on a stack, or counted as dropped. */
void weir__inlet_enter(weir_inlet *inlet);
void weir__inlet_leave(weir_inlet *inlet);

/* Events that nobody will emit: counted, and told. */
void weir__inlet_bury(weir_inlet *inlet, uint64_t count);

/* NO_STAGE, and why. */
weir_status weir__inlet_refuse_gone(const weir_inlet *inlet);

/* When a wait for room that begins now is over. */
uint64_t weir__inlet_deadline(const weir_inlet *inlet, uint64_t timeout_ns);

/* Where nobody else runs the workers: goes on a little.  False: to no avail any more. */
bool weir__inlet_step(weir_inlet *inlet, uint64_t deadline);

#endif
