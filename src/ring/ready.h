/*
 * Readiness: how a worker learns which stages have something to do, and wakes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Three levels, each reached only when needed:
 *   weir__ready_edge   one direction of an edge: something was published on it
 *   weir__ready_stage  a stage: one of its edges is ready
 *   weir__bell         a worker: one of its stages is ready, or mail came
 *
 * Hot and cold.  `raised` is 1 while the owner is going to look at the edge
 * (or stage) without being told.  The owner keeps polling what was busy a
 * moment ago (hot) and lets it cool when it stays empty; so in a steady flow
 * the publisher only reads a flag that does not change.
 *
 * Publisher, once per batch:       Owner, cooling (edge, then stage):
 *   write the data                   raised = 0
 *   full fence                 F1    full fence                       F2
 *   if raised: done                  look at the data once more
 *   exchange raised to 1             if there is some: exchange raised to 1;
 *   if it was 0: push on the           if it was 0, stay hot; if it was 1,
 *   owner's stack, and raise           the publisher has pushed it: leave it
 *   the next level likewise            to the stack
 *
 * Parking is the same with `parked` (1 = asleep or about to be): parked = 1;
 * full fence (F3); look at both stacks; futex_wait(parked, 1).  A push on a stack
 * is a full fence (F1 again, base/stack.h); who has pushed looks at parked and, if
 * it is 1, exchanges it to 0, and wakes the worker only when it was 1.
 * A worker that waits for descriptors as well (runtime/lookout.h) does not sleep on that word but
 * where those wake it, too: parked is OUTSIDE then, and who makes that 0 signals an event of the
 * bell's.  A signal before it has fallen asleep stays, as a futex that has changed does.
 *
 * The workers of a stepped runtime are run by one thread, which sleeps for all of
 * them: their bells share the first one's `parked` (`sleeper` points there), and that
 * thread looks at all their stacks, and at the answer it may be waiting for, between
 * the fence and futex_wait.  Whoever answers has a fence of its own (F1).
 *
 *   writers of raised   publishers 0 -> 1, the owner 1 -> 0
 *   writers of stacks   publishers push; the owner takes them whole
 *   writers of parked   the owner 0 -> 1, anybody 1 -> 0
 *   writers of rung_*   who took parked from 1 to 0
 *   writers of event    the owner, once, before parked is OUTSIDE for the first time
 *
 * Ordering
 *   F1 -> F2  Dekker: of "publish; read raised" and "clear raised; read data"
 *             at least one sees the other's write.  Without either: lost work.
 *   F1 -> F3  the same for "push; read parked" and "set parked; read stacks".
 *   S1 -> S2  stack push (release) -> take whole (acquire): publishes the node
 *             and everything written before it.
 *   R1 -> R2  raised = 0 (release) -> exchange to 1 (acquire): the owner is done
 *             with the link before who raises anew pushes it again.
 *   R3 -> R4  parked = OUTSIDE (release) -> exchange to 0 (acquire): who wakes it has the event.
 * Models: tests/model/ready_park.pml.  Progress: publishing is lock-free
 * (a stack push may retry), parking aside.  Nothing here wraps.
 *
 * An edge and both its stages may share a worker; then publishing is a plain
 * write to the owner's own lists (weir__ready_heat, weir__ready_queue).  A stage all of whose
 * edges are such (not `abroad`) is raised by nobody else.  So it does not cool when it has nothing
 * to do: the owner keeps its token, `raised` stays 1, and it is queued without an exchange and
 * left without a fence.  Its first edge abroad comes by mail, ahead of what is raised on that.  A
 * place that was abroad once stays so: who is elsewhere may not know yet that its stage has gone.
 */
#ifndef WEIR__RING_READY_H
#define WEIR__RING_READY_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/stack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weir__direction { WEIR__DEMAND = 0, WEIR__EVENTS = 1 };

struct weir__ready_edge {
    uint32_t raised;
    uint32_t direction;    /* constant                                  */
    ck_stack_entry_t link; /* on the stage's stack                      */
    void *edge;            /* constant: whose direction this is         */
    /* the owner's */
    struct weir__ready_edge *hot_next;
    struct weir__ready_edge *hot_previous;
    uint32_t polls; /* in a row that found nothing */
    bool hot;
    bool polled; /* just now: who takes it off leaves its reference to the poller */
};

struct weir__ready_list {
    struct weir__ready_edge *first;
    uint32_t count;
};

/* A place in a circle: the run list, whose start is in the bell. */
struct weir__run_link {
    struct weir__run_link *next;
    struct weir__run_link *previous;
};

struct weir__ready_stage {
    ck_stack_t edges; /* raised by other workers */
    uint32_t raised;
    bool abroad; /* the owner's: another worker knows an edge of it, or did, and so this line; */
                 /* else it cools for nobody                                                   */
    ck_stack_entry_t link;   /* on the bell's stack */
    struct weir__bell *bell; /* constant: its worker's */
    /* the owner's: in the line beside that of the others, who look there when it is cold only */
    _Alignas(64) struct weir__ready_list hot[2]; /* by direction */
    struct weir__run_link run;
    uint32_t polls;
    bool merges;      /* its stage has several producers, and is not put ahead  */
    bool owned;       /* the owner is who raised is 1 for: it runs or is queued */
    bool queued;      /* in the bell's run list                                 */
    bool watched;     /* its stage looks outside the runtime by itself           */
    uint64_t came_ns; /* the bell's, when it was taken from the stack last */
};

_Static_assert(sizeof(struct weir__ready_stage) <= 128, "two lines");

enum { WEIR__PARKED = 1, WEIR__PARKED_OUTSIDE = 2 };

struct weir__bell {
    ck_stack_t stages;  /* raised by other workers                            */
    ck_stack_t mail;    /* ring/mail.h: pushed by anybody                     */
    uint32_t parked;    /* in their line: who pushes on a cold worker's stack has it then */
    uint32_t *sleeper;  /* constant: the word of who sleeps for it; as a rule `parked`    */
    uint64_t rung_ns;   /* atomic: when it was woken last, by the clock, and from which  */
    uint32_t rung_core; /* atomic: core; hints: who wakes it writes them as it does      */
    uint32_t event;     /* atomic: the descriptor (os/event.h) of who sleeps outside     */
    /* the owner's */
    /* The run list, in the order of running: those that were put ahead of the others, the
     * last one first, and then, from `fair` on, who waits longest (fair is &run: nobody). */
    _Alignas(128) struct weir__run_link run;
    struct weir__run_link *fair;
    uint32_t run_count;
    uint32_t streak;                   /* visits since who waits longest had its turn */
    struct weir__ready_stage *next_up; /* in the list, and goes first; or NULL   */
    uint64_t wakes;                    /* times it was woken from sleep */
    /* Unless NULL: sleeps outside, until that moment, until the event was signalled, or for no
     * reason. */
    void (*sleep)(struct weir__bell *bell, uint64_t deadline_ns);
    uint64_t came_ns; /* what is on `stages` was raised about then: stage/meter.h */
};

void weir__bell_open(struct weir__bell *bell);
void weir__ready_stage_open(struct weir__ready_stage *stage, struct weir__bell *bell);
void weir__ready_edge_open(struct weir__ready_edge *edge, enum weir__direction direction,
                           void *owner);

/*
 * Publisher on another worker, after weir__fence_full (F1): true when the edge
 * has to be pushed, by weir__ready_push, once a reference is taken for it.
 */
static inline bool weir__ready_raise(struct weir__ready_edge *edge) {
    return weir__load_relaxed_u32(&edge->raised) == 0 &&
           weir__exchange_u32(&edge->raised, 1) == 0; /* R1 -> R2 */
}

void weir__ready_push(struct weir__ready_edge *edge, struct weir__ready_stage *stage);

/* Wakes the bell's worker if it sleeps.  After a push on one of its stacks. */
void weir__bell_ring(struct weir__bell *bell);

/* ---- the owner's side ---------------------------------------------------- */

/* Takes what other workers raised into the run list. */
void weir__bell_take_raised(struct weir__bell *bell);

static inline void weir__bell_collect(struct weir__bell *bell) {
    if (weir__load_relaxed_ptr(&bell->stages.head) != NULL) {
        weir__bell_take_raised(bell);
    }
}

/* Ahead of who waits, but no more than so many in a row: one that is put ahead again and
 * again, by itself perhaps, is not to be all that runs. */
enum { WEIR__RUN_STREAK = 32 };

static inline void weir__run_insert(struct weir__bell *bell, struct weir__ready_stage *stage,
                                    bool first) {
    struct weir__run_link *before = first ? bell->run.next : &bell->run;
    stage->queued = true;
    if (!first && bell->fair == &bell->run) {
        bell->fair = &stage->run;
    }
    bell->run_count++;
    stage->run.next = before;
    stage->run.previous = before->previous;
    before->previous->next = &stage->run;
    before->previous = &stage->run;
}

/* Not `fair`, or that has moved on. */
static inline void weir__run_remove(struct weir__bell *bell, struct weir__ready_stage *stage) {
    stage->queued = false;
    bell->run_count--;
    stage->run.previous->next = stage->run.next;
    stage->run.next->previous = stage->run.previous;
}

/* weir__ready_queue for a stage that the owner does not hold. */
void weir__ready_queue_anew(struct weir__ready_stage *stage, bool first);

/*
 * Puts a stage into the run list, unless it is there or a publisher is just
 * bringing it: `raised` is a token, and who sets it brings the stage.
 * first: ahead of the others.
 */
static inline void weir__ready_queue(struct weir__ready_stage *stage, bool first) {
    if (stage->queued) {
        return;
    }
    if (!stage->owned) {
        weir__ready_queue_anew(stage, first);
        return;
    }
    weir__run_insert(stage->bell, stage, first);
}

/*
 * The same, and it runs next, even when it waits in the list already.  Unless `anyhow`,
 * whoever was said to before goes first.
 */
static inline void weir__ready_run_next(struct weir__ready_stage *stage, bool anyhow) {
    struct weir__bell *bell = stage->bell;
    weir__ready_queue(stage, true);
    if (stage->queued && (anyhow || bell->next_up == NULL)) {
        bell->next_up = stage;
    }
}

/* Takes the next stage out of the run list; NULL: there is none. */
static inline struct weir__ready_stage *weir__bell_next(struct weir__bell *bell) {
    if (bell->run.next == &bell->run) {
        return NULL;
    }
    struct weir__run_link *next = bell->next_up != NULL ? &bell->next_up->run : bell->run.next;
    bell->next_up = NULL;
    if (next != bell->fair && ++bell->streak > WEIR__RUN_STREAK && bell->fair != &bell->run) {
        next = bell->fair;
    }
    if (next == bell->fair) {
        bell->streak = 0;
        bell->fair = next->next;
    }
    struct weir__ready_stage *stage = WEIR__CONTAINER_OF(next, struct weir__ready_stage, run);
    weir__run_remove(bell, stage);
    return stage;
}

/* Before it is used by anybody: who runs the first one's worker runs this one's, too. */
void weir__bell_share(struct weir__bell *bell, struct weir__bell *first);

/* The owner sleeps by `sleep` from now on, which `event` wakes. */
void weir__bell_sleeps_outside(struct weir__bell *bell, int event,
                               void (*sleep)(struct weir__bell *bell, uint64_t deadline_ns));

/*
 * Sleeps until rung or until deadline_ns, unless something is there already.
 * Returns true when it was woken (rather than timed out or not asleep at all).
 */
bool weir__bell_park(struct weir__bell *bell, uint64_t deadline_ns);

/*
 * The same in steps, for who looks at more than one bell: from doze on whoever pushes
 * wakes the sleeper; then look; then rise, or sleep.
 */
void weir__bell_doze(struct weir__bell *bell);
void weir__bell_rise(struct weir__bell *bell);
bool weir__bell_sleep(struct weir__bell *bell, uint64_t deadline_ns);

/* True when a stack holds something (a hint for others, exact for the owner). */
bool weir__bell_pending(const struct weir__bell *bell);

/*
 * Takes the edges that other workers raised.  For each, `take` is called, and
 * puts it on a hot list (weir__ready_heat) or lets go of it.
 */
void weir__ready_take_raised(struct weir__ready_stage *stage,
                             void (*take)(void *context, struct weir__ready_edge *edge),
                             void *context);

static inline bool weir__ready_raised(const struct weir__ready_stage *stage) {
    return weir__load_relaxed_ptr(&stage->edges.head) != NULL;
}

static inline void weir__ready_collect(struct weir__ready_stage *stage,
                                       void (*take)(void *context, struct weir__ready_edge *edge),
                                       void *context) {
    if (weir__ready_raised(stage)) {
        weir__ready_take_raised(stage, take, context);
    }
}

/* Puts an edge on its stage's hot list / takes it off. */
void weir__ready_heat(struct weir__ready_stage *stage, struct weir__ready_edge *edge);
void weir__ready_unheat(struct weir__ready_stage *stage, struct weir__ready_edge *edge);

/*
 * Cooling an edge, in two steps: lower it (raised = 0, F2), look at its data,
 * and if there is some take it back: true when the caller has it still, false
 * when a publisher has pushed it meanwhile.
 */
static inline void weir__ready_lower(uint32_t *raised) {
    weir__store_release_u32(raised, 0); /* R1 -> R2 */
    weir__fence_full();                 /* F1 -> F2 */
}

static inline bool weir__ready_retake(uint32_t *raised) {
    return weir__exchange_u32(raised, 1) == 0;
}

/* The owner hears of an edge to another worker's stage, before that raises it for the first time
 * or with it: the mail of that comes first. */
static inline void weir__ready_goes_abroad(struct weir__ready_stage *stage) {
    stage->abroad = true;
}

/*
 * Cools the stage that has just run (it is not in the run list), which has no
 * hot edge and nothing else to do.  False when there is something after all:
 * it is to be queued again.
 */
bool weir__ready_cool_stage_abroad(struct weir__ready_stage *stage);

static inline bool weir__ready_cool_stage(struct weir__ready_stage *stage) {
    return !stage->abroad || weir__ready_cool_stage_abroad(stage); /* else the token is kept */
}

#endif
