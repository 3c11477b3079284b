/*
 * The inlet's shared memory, and what both its sides use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A push copies its events into a chunk, puts it on a stack and, unless the stage
 * looks there anyway, pokes it.  The stage takes the stack whole, in its order (so the
 * chunks of one thread keep theirs) and emits on demand.  Ports are a second way in, for
 * one thread each: see port.h.  The poke, references, and how who waits for room sleeps:
 * quay.h.
 *
 *   field      writers                        readers
 *   waiting    pushers reserve, the worker    all: the charge (parcel.h) of what is pushed or
 *              gives back what left           being pushed, and not yet emitted or discarded
 *   pushed     pushers push; who drains it    who drains it
 *              takes it whole
 *   fresh      who opens ports; likewise      likewise
 *   marks      who has pushed a mark          the worker: ever
 *   pushing    who may leave something on     the last one of them, when dead
 *              a stack
 *   finished   see weir__inlet_finished       worker, pushers
 *   dead       the worker, at the end         pushers
 *   room       a berth, of blocked pushers
 *   room_lamp  lamp.h: those look that were refused
 *   feeders    who pushes for a stage that    who pushes for a stage
 *              is not among them: in front,
 *              or (CAS) in the place of one
 *              that has ended
 *   reason     the worker, before dead (so    who asks, after it
 *              I5 -> I6 publishes it, too)
 *
 * Events that own something are the inlet's as long as they are in a chunk or a ring: moved
 * into a block as they are emitted, or dropped by whoever takes them off (weir__inlet_drop): the
 * worker, the last pusher of a dead inlet, who lets go of a port last; and without room, as
 * the newest, by who pushes them, which is then only counted (newest_dropped).
 *
 * What their spans point at lies behind them, in the same chunk, until they are emitted.
 *
 * A mark has a chunk of its own, and takes up the room of an event; in a port it has a place of its
 * own (port.h).  It goes as soon as nothing is before it, whether somebody asks or not, so the
 * stage is poked for it where it would not be for events.
 *
 * Watermarks.  Each port is as a producer is: what goes on is the least of what they have said
 * last, and of what was said in the inlet itself, once something was.  One that was opened, and
 * that the worker does not know yet, holds the others back, too.
 *
 * Where there is no demand the stage rests as WAITS (quay.h): demand makes it look, and events
 * need not poke it; all else does.
 *
 * Ordering.  All of these but `reason` are moved by locked operations, so each is a full
 * fence, and four Dekker pairs rest on that; the fifth is release and acquire:
 *   I1 -> I2  the quay's O1 -> O2: push a chunk or a port, read poked / give up poked, look at
 *             the stacks and at finished: nothing stays there unseen.
 *   I3 -> I4  reserve, read finished / finished, read waiting: the stage stops
 *             only when nothing is or will be on its way.
 *   I5 -> I6  push a chunk, leave (pushing), read dead / dead, take the stack:
 *             what is pushed while the stage ends is drained by the worker or by
 *             the last pusher to leave, and counted.
 *   I7 -> I8  the berth's E1 -> E2: lie down, read waiting / lower waiting, wake: no blocked
 *             pusher sleeps beside free room.  The worker wakes when a quarter of the
 *             capacity has left, or nothing more does.
 *   I11 -> I12 a mark was pushed, and is counted in `marks` (a locked operation), read poked / give
 *             up poked, read marks: O1 -> O2 again.  Who reads a count (acquire) finds those.
 *   I9 -> I10  a feeder, in front or in another's place (CAS, release) -> who looks for it
 *             (acquire): its stage has been named.  The places stay until the inlet is freed, no
 *             more than ever lived at a time; two of a stage, by pushes that meet, do no harm.
 * Progress: pushing is lock-free, but for WEIR_BLOCK without room and for the
 * allocator.  Wrap: waiting and pushing return to 0.
 */
#ifndef WEIR__PARTS_INLET_H
#define WEIR__PARTS_INLET_H

#include "parts/lamp.h"
#include "parts/parcel.h"
#include "parts/quay.h"
#include "runtime/errand.h"

#include <weir/inlet.h>

/*
 * What `finished` says.  An inlet in a ring of stages (stage/ending.c) takes nothing from outside
 * first, and then, tried, nothing from anybody; it may be WITHIN again after that.
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

struct weir__chunk {
    ck_stack_entry_t link; /* on the stack; then in the worker's queue, oldest first */
    uint64_t charge;       /* of all that was pushed                                 */
    size_t first;          /* events before it have left                             */
    size_t payload;        /* bytes behind the events                                */
    _Alignas(16) unsigned char events[];
};

/* A chunk's `first`, of a mark, which lies where events do. */
#define WEIR__CHUNK_MARK SIZE_MAX

/* A place for a stage that pushes in its callbacks, or its tasks: it feeds the inlet. */
struct weir__inlet_feeder {
    uint64_t stage; /* atomic: its reference */
    struct weir__inlet_feeder *next;
};

/*
 * Who feeds the inlet by a port, and is asked for what its consumers ask for (a source, of
 * pipeline/).  All on the stage's worker, but for `unpack`.
 */
struct weir__inlet_keeper {
    /* In its port's places are no events, but so many bytes of which it makes one, as they are
     * emitted, or dropped by whoever takes them off. */
    size_t packed_bytes;
    void (*unpack)(const struct weir__inlet_keeper *keeper, const void *packed, size_t count,
                   void *events);
    /* Open demand, or less; what it has pushed before this is taken from its port as far as that
     * went. */
    void (*asked)(struct weir__inlet_keeper *keeper, const weir_inlet *inlet, uint64_t open);
    void (*settled)(struct weir__inlet_keeper *keeper);  /* nothing more leaves for now */
    void (*finishes)(struct weir__inlet_keeper *keeper); /* the stage is to finish      */
    void (*gone)(struct weir__inlet_keeper *keeper);     /* it has stopped: the last call of them */
};

struct weir_inlet {
    /* every push reads these; they change seldom */
    WEIR__APART struct weir__quay quay; /* also referred to by each port */
    uint32_t finished;
    uint32_t dead;
    struct weir__inlet_feeder *feeders;
    uint64_t marks;
    weir_reason reason;
    struct weir__bounds bounds; /* constant, as are the next */
    weir_when_full when_full;
    bool markless;                     /* its dispatcher passes no marks */
    const weir_event_type *type;       /* NULL: its events own nothing */
    struct weir__inlet_keeper *keeper; /* NULL: nobody is       */

    WEIR__APART uint64_t waiting;
    uint32_t pushing;
    uint64_t newest_dropped; /* by pushers, and not yet counted */
    WEIR__APART ck_stack_t pushed;
    ck_stack_t fresh; /* ports */
    WEIR__APART struct weir__berth room;
    struct weir__lamp room_lamp;

    /* the worker's */
    WEIR__APART struct weir__chunk *first;
    struct weir__chunk *last;
    uint64_t queued; /* their charge */
    weir_port *port; /* of the ports in a circle: the one served last; NULL: there is none */
    uint32_t ports;
    bool port_next;   /* takes its turn before the queue    */
    bool finish_seen; /* finished, as it was looked at last */
    uint64_t unwoken; /* charge that left the queue since those who wait for room were woken */
    uint64_t left;    /* events and marks that have left, ever; of ports, events alone */
    uint64_t left_at_look;
    uint64_t left_at_settle; /* both when whoever waits for room was told for certain */
    uint32_t finished_at_settle;
    uint32_t unsettled; /* looks in a row at which something had left, since all was told */
    bool marks_due;     /* marks that nothing is before may have come, or a watermark may rise */
    bool speaks;        /* a watermark was pushed into the inlet itself */
    uint64_t marks_seen;
    uint64_t said;      /* the last of those */
    uint64_t watermark; /* the last one that went on, and whose it was */
    uint32_t source;
};

_Static_assert(offsetof(weir_inlet, quay.poked) / 64 == offsetof(weir_inlet, dead) / 64,
               "what each push reads is in one line");

static inline size_t weir__inlet_chunk_bytes(const weir_inlet *inlet, size_t count,
                                             size_t payload) {
    return sizeof(struct weir__chunk) + count * inlet->bounds.event_bytes + payload;
}

static inline bool weir__chunk_is_mark(const struct weir__chunk *chunk) {
    return chunk->first == WEIR__CHUNK_MARK;
}

/* How many events were pushed with it. */
static inline size_t weir__inlet_chunk_count(const weir_inlet *inlet,
                                             const struct weir__chunk *chunk) {
    return weir__chunk_is_mark(chunk) ? 0
                                      : (size_t)weir__charge_events(&inlet->bounds, chunk->charge);
}

static inline void weir__inlet_free_chunk(weir_inlet *inlet, struct weir__chunk *chunk) {
    size_t count = weir__inlet_chunk_count(inlet, chunk);
    weir__free(&inlet->quay.runtime->allocator, chunk,
               weir__inlet_chunk_bytes(inlet, count, chunk->payload));
}

/* The thread that asks is at work for none of the runtime's stages, or nobody may push. */
bool weir__inlet_shuts_out(const weir_inlet *inlet, uint32_t finished);

/* It takes no more from this thread, for one reason or the other. */
static inline bool weir__inlet_gone(const weir_inlet *inlet) {
    uint32_t finished = weir__load_relaxed_u32(&inlet->finished);
    return weir__load_relaxed_u32(&inlet->dead) != 0 ||
           (finished != WEIR__INLET_OPEN && weir__inlet_shuts_out(inlet, finished));
}

static inline struct weir__chunk *weir__chunk_of(ck_stack_entry_t *entry) {
    return entry == NULL ? NULL : WEIR__CONTAINER_OF(entry, struct weir__chunk, link);
}

/* The stage's. */
extern const weir_callbacks weir__inlet_callbacks;

/* As weir_inlet_open, for a keeper; all arguments are there. */
weir_status weir__inlet_open(weir_runtime *runtime, const weir_inlet_options *options,
                             struct weir__inlet_keeper *keeper, weir_inlet **out);

/* What that stage's callbacks push keeps nobody waiting: who it is holds tokens for it. */
void weir__inlet_trust(weir_inlet *inlet, weir_ref stage);

/* How many of those events are emitted before it is looked again whether there is room in bytes:
 * all, where nobody bounds those; 0: there is none. */
static inline uint64_t weir__inlet_portion(weir_stage *self, uint64_t events) {
    enum { PORTION = 16 };
    if (WEIR__LIKELY(!self->weighs)) {
        return events;
    }
    return weir_open_demand(self).bytes == 0 ? 0 : events < PORTION ? events : PORTION;
}

/* A reservation is given back: there is room for as much. */
void weir__inlet_made_room(weir_inlet *inlet, uint64_t charge);

/* Whoever waits for room looks again.  Behind a full fence, or a locked operation. */
static inline void weir__inlet_tell_room(weir_inlet *inlet) {
    weir__berth_wake(&inlet->room, UINT32_MAX);
    weir__lamp_tell(&inlet->room_lamp);
}

/* It takes no more from some: whoever waits for room looks again. */
void weir__inlet_shuts(weir_inlet *inlet);

/* What pushers dropped and nobody has counted; it is the caller's to count. */
uint64_t weir__inlet_count_dropped(weir_inlet *inlet);

/* ---- inlet_mark.c: marks, on the worker ------------------------------------ */

/* A watermark that was taken off the stack stands for the one right before it: it is that now. */
bool weir__inlet_joins_mark(weir_inlet *inlet, struct weir__chunk *chunk);

/* Marks at the queue's front go on; self NULL: they end. */
void weir__inlet_pass_marks(weir_inlet *inlet, weir_stage *self);

/* A mark goes on; a watermark if that of all rises, which *said is a part of. */
void weir__inlet_emit_mark(weir_inlet *inlet, weir_stage *self, const weir_mark *mark,
                           uint64_t *said);

/* The watermark goes on if it has risen. */
void weir__inlet_combine(weir_inlet *inlet, weir_stage *self);

/* ---- inlet_mark.c: any thread ---------------------------------------------- */

/* Whether it may be pushed: WEIR_OK; INVALID, NO_STAGE, NO_MEMORY. */
weir_status weir__inlet_may_mark(weir_inlet *inlet, const weir_mark *mark);

/* One is where the worker looks. */
void weir__inlet_marked(weir_inlet *inlet);

/* ---- inlet_push.c: any thread -------------------------------------------- */

/* There is room for so much beside what waits. */
bool weir__inlet_fits(const weir_inlet *inlet, uint64_t charge);

/* One attempt, in `times` the capacity, *beyond: more than once that; it drops nothing.  FULL:
 * there is no room, and nothing has changed.  Between enter and leave. */
weir_status weir__inlet_try(weir_inlet *inlet, const struct weir__parcel *parcel, uint64_t times,
                            bool *beyond);

/* ---- inlet_some.c: any thread ---------------------------------------------- */

/* Somebody was refused so much: the lamp says when there is room for it. */
void weir__inlet_refused(weir_inlet *inlet, uint64_t charge);

/* INVALID: nobody waits for room there, as events are dropped when there is none; who: for that. */
weir_status weir__inlet_may_wait(const weir_inlet *inlet, const char *who);

/* Turns at a time of who waits for room and steps (quay.h). */
enum { WEIR__INLET_TURNS = 16 };

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__inlet_unfit(const weir_inlet *inlet) {
    return weir__missing(inlet, "inlet") ||
           (weir__is_child() && weir__forked(inlet->quay.runtime->forks));
}

/* Events have come: after a locked operation, which is the fence before this look. */
void weir__inlet_poke_if_cold(weir_inlet *inlet);

/* On whose behalf this thread pushes, where it is on an errand: that of a stage that starts here,
 * or of a pool whose task it runs. */
weir_ref weir__inlet_pusher_on_errand(const weir_runtime *runtime);

/* The same in every case: also in a callback; {0}: on nobody's. */
static inline weir_ref weir__inlet_pusher(const weir_inlet *inlet) {
    const weir_runtime *runtime = inlet->quay.runtime;
    if (WEIR__UNLIKELY(weir__errands != NULL)) { /* an init is one, too */
        return weir__inlet_pusher_on_errand(runtime);
    }
    const struct weir__host *here = weir__here;
    bool runs = here != NULL && here->running != NULL && here->runtime == runtime;
    return runs ? here->running->ref : (weir_ref){0};
}

/* Who pushes here for a stage is a feeder from now on.  WEIR_OK; NO_STAGE, NO_MEMORY. */
weir_status weir__inlet_know_feeder(weir_inlet *inlet);

/* The same, and what weir__parcel_weigh says of these, which are the parcel then. */
static inline weir_status weir__inlet_may_push(weir_inlet *inlet, const void *events, size_t count,
                                               struct weir__parcel *parcel) {
    weir_status status = weir__parcel_weigh(&inlet->bounds, events, count, parcel);
    return status == WEIR_OK ? weir__inlet_know_feeder(inlet) : status;
}

/* Between the two something may be left on a stack, or counted as dropped. */
void weir__inlet_enter(weir_inlet *inlet);
void weir__inlet_leave(weir_inlet *inlet);

/* What these own, which lie side by side and are nobody else's, is dropped.  Any thread. */
void weir__inlet_drop(const weir_inlet *inlet, const void *events, uint64_t count,
                      weir_discard why);

/* There is no room for these: they are dropped now, and counted by the stage.  WEIR_DROPPED. */
weir_status weir__inlet_drop_newest(weir_inlet *inlet, const struct weir__parcel *parcel);

/* A parcel of no events is a mark, which `events` points at. */
weir_status weir__inlet_push_parcel(weir_inlet *inlet, const struct weir__parcel *parcel,
                                    uint64_t timeout_ns);

/* Events that nobody will emit, and that were dropped: counted, and told of. */
void weir__inlet_bury(weir_inlet *inlet, uint64_t dropped, uint64_t left);

/* NO_STAGE, and why. */
weir_status weir__inlet_refuse_gone(const weir_inlet *inlet);

#endif
