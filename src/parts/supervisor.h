/*
 * The supervisor's memory: its children, what they subscribe to, and its phase.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it belongs to the supervisor's worker (before it is known, to the thread
 * that starts it), so nothing is atomic; but for the quay, and `kin`, which the runtime's
 * lock for that guards.
 *
 *   supervisor.c        the stage: its callbacks, and its start
 *   supervisor_list.c   the children: finding them, who is alive, who is wanted
 *   supervisor_work.c   phases, restarts, intensity
 *   supervisor_child.c  one child: its copy, start and stop
 *   supervisor_link.c   the children's subscriptions
 *   supervisor_kin.c    whose child a supervisor is itself
 *   supervisor_call.c   what other threads ask of it
 *
 * A child is DOWN, UP or STOPPING (UP, and told to stop).  While it is DOWN and to
 * be started it is WANTED, or REFUSED: then the retry timer lets it be WANTED
 * again.  Telling a child to stop or to finish cannot fail, and neither can the timer,
 * which is embedded.
 *
 * Phases: RUNNING; GROUP, in which the children from `group_from` on are stopped,
 * the last one first, to be started again when all are down; ENDING, likewise with
 * all of them, after which the supervisor stops.
 *
 * What counts: a child that has stopped by itself, and a start that is refused.  A
 * child that is bereft (it stopped because a subscription of its ended), a start
 * that lacks a producer and a subscription that is refused do not: all three wait
 * for the retry timer, so that they go round no faster than that.
 *
 * A link is an entry of a child's subscribe_to.  It is MADE, with `to` as its
 * producer, by one call of weir_subscribe between the stages that both are at the
 * time; when its producer ends it is DUE, and made again as soon as both live:
 * while it is WAITING for another child, that child's start makes it DUE.
 * Producers that are no children, and were found by name, are watched for that.
 *
 * Cost: what happens to one child takes O(log n), and O(1) for each link of its or
 * with it.
 */
#ifndef WEIR__PARTS_SUPERVISOR_H
#define WEIR__PARTS_SUPERVISOR_H

#include "memory/bunch.h"
#include "parts/intensity.h"
#include "parts/quay.h"

#include <weir/supervisor.h>

enum weir__child_state { WEIR__CHILD_DOWN, WEIR__CHILD_UP, WEIR__CHILD_STOPPING };
enum weir__phase { WEIR__PHASE_RUNNING, WEIR__PHASE_GROUP, WEIR__PHASE_ENDING };

/* Where a child stands in line: in the heap of that number, lowest number first. */
enum weir__child_place {
    WEIR__PLACE_NONE,
    WEIR__PLACE_WANTED,
    WEIR__PLACE_REFUSED,
    WEIR__PLACE_ALIVE, /* not DOWN; the highest number first */
    WEIR__PLACES
};

enum weir__link_state {
    WEIR__LINK_IDLE,    /* its child is not up, or its producer is gone for good  */
    WEIR__LINK_DUE,     /* on the supervisor's list                               */
    WEIR__LINK_WAITING, /* for a child, by number or name: in `waiting`           */
    WEIR__LINK_REFUSED, /* until the retry timer: on the supervisor's other list  */
    WEIR__LINK_MADE     /* in `made`, by its producer's reference                 */
};

struct weir__link {
    weir_ref producer; /* as listed: a stage, or WEIR_SIBLING */
    const char *name;  /* unless NULL: whoever has it         */
    weir_subscribe_options options;
    struct weir__child *child; /* whose it is */
    enum weir__link_state state;
    weir_ref to;             /* what it was made with last           */
    weir_ref watched;        /* found by name, and no child          */
    bool told;               /* that it was refused, since it was made last */
    struct weir__link *next; /* DUE, REFUSED */
    struct weir__link *previous;
    struct weir__bunch_node with; /* WAITING, MADE */
};

struct weir__link_list {
    struct weir__link *first;
    struct weir__link *last;
};

/* Who waits for a child's end (weir_supervisor_stop_child). */
struct weir__waiter {
    struct weir__waiter *next;
    weir_from from;
};

/* With its links, strings and first state behind it, in one allocation. */
struct weir__child {
    struct weir__child *next;
    struct weir__child *previous;
    struct weir__index_node by_number;
    struct weir__index_node by_ref;  /* unless it is DOWN                  */
    struct weir__bunch_node by_name; /* if it may be registered under it   */
    struct weir__timer turn;         /* in the heap of its place           */
    enum weir__child_place place;
    size_t bytes;
    uintptr_t base; /* where it was when its pointers into itself were written */
    uint32_t number;

    /* what was asked for */
    bool has_stage;
    weir_stage_options stage; /* without subscribe_to */
    weir_status (*start)(weir_runtime *runtime, void *argument, weir_ref *out);
    void *argument;
    char *name;
    weir_restart restart;
    struct weir__link *links;
    size_t link_count;

    /* its life */
    enum weir__child_state state;
    weir_ref ref;
    uint64_t restarts;
    bool told;   /* that its start lacks a producer, since it was up last */
    bool forget; /* when it is down */
    struct weir__waiter *waiters;
};

/* A supervisor in its runtime's index of them; under the runtime's lock for that. */
struct weir__kin {
    struct weir__index_node node; /* by its reference */
    weir_ref parent;              /* whose child it is, or was; {0}: nobody's */
    bool joined;
};

struct weir__supervisor {
    weir_runtime *runtime;
    weir_stage *self;
    weir_strategy strategy;
    uint64_t retry_ns;
    bool ends_with_children;

    struct weir__child *first;
    struct weir__child *last;
    uint32_t numbers; /* given out */
    struct weir__index by_number;
    struct weir__index by_ref;
    struct weir__index by_name;               /* bunches */
    struct weir__timers places[WEIR__PLACES]; /* heaps of children, by number */

    struct weir__link_list due;
    struct weir__link_list refused;
    struct weir__index made;    /* bunches */
    struct weir__index waiting; /* bunches */

    enum weir__phase phase;
    uint32_t group_from;
    bool group_counts; /* somebody in it has failed; else they wait for the retry timer */
    weir_reason end_reason;
    struct weir__timer retry; /* what was refused is tried again then */
    bool retrying;            /* it is armed                          */
    struct weir__quay quay;

    struct weir__intensity intensity; /* of restarts */
    struct weir__kin kin;
};

/* A reference that WEIR_SIBLING has made, and the child's number in it. */
static inline bool weir__is_sibling(weir_ref ref) {
    return weir__ref_kind(ref) == 0 && weir__ref_index(ref) == 1;
}
static inline uint32_t weir__sibling_number(weir_ref ref) {
    return (uint32_t)(ref.bits >> 22);
}

/* ---- supervisor.c -------------------------------------------------------- */

/* The supervisor's memory; NULL: the stage is none. */
struct weir__supervisor *weir__supervisor_of(weir_stage *stage);

/* ---- supervisor_list.c --------------------------------------------------- */

void weir__supervisor_open_lists(struct weir__supervisor *supervisor);
void weir__supervisor_close_lists(struct weir__supervisor *supervisor);

/* In checked builds. */
void weir__supervisor_check_lists(const struct weir__supervisor *supervisor);

/* The child of that number / that is that stage now.  NULL: none. */
struct weir__child *weir__supervisor_find(const struct weir__supervisor *supervisor,
                                          uint32_t number);
struct weir__child *weir__supervisor_find_stage(const struct weir__supervisor *supervisor,
                                                weir_ref stage);

/* What a child may be registered as; NULL: nothing / the child of that name.  NULL: none. */
const char *weir__child_registers(const struct weir__child *child);
struct weir__child *weir__supervisor_find_name(const struct weir__supervisor *supervisor,
                                               const char *name);

/* Puts a child behind the others, with the next number / takes it out and frees it. */
void weir__supervisor_add(struct weir__supervisor *supervisor, struct weir__child *child);
void weir__supervisor_forget(struct weir__supervisor *supervisor, struct weir__child *child);

/* Moves a child to another place in line / who is first in one; NULL: nobody. */
void weir__child_place(struct weir__supervisor *supervisor, struct weir__child *child,
                       enum weir__child_place place);
struct weir__child *weir__supervisor_next(const struct weir__supervisor *supervisor,
                                          enum weir__child_place place);

/* The last child, of that number or a higher one, that is not down. */
struct weir__child *weir__supervisor_last_alive(const struct weir__supervisor *supervisor,
                                                uint32_t from);

/* It is to be started. */
static inline bool weir__child_wanted(const struct weir__child *child) {
    return child->place == WEIR__PLACE_WANTED || child->place == WEIR__PLACE_REFUSED;
}

/* ---- supervisor_work.c --------------------------------------------------- */

/* Goes on with the phase; what it returns is for its callback to return. */
weir_verdict weir__supervisor_pursue(struct weir__supervisor *supervisor);

/* A child has gone, for that reason; bereft: because a subscription of its ended. */
void weir__supervisor_down(struct weir__supervisor *supervisor, struct weir__child *child,
                           weir_reason reason, bool bereft);

/* Its end begins / nothing is started again. */
void weir__supervisor_give_up(struct weir__supervisor *supervisor, weir_reason reason);
void weir__supervisor_want_nothing(struct weir__supervisor *supervisor);

/* Something has changed outside of its callbacks: it looks at it in one. */
void weir__supervisor_poke(struct weir__supervisor *supervisor);

/* WEIR_OK, or CLOSED: nothing is to be started any more. */
weir_status weir__supervisor_check_open(const struct weir__supervisor *supervisor);

/* ---- supervisor_call.c --------------------------------------------------- */

/* Answers who waited for a child's end. */
void weir__supervisor_tell_down(struct weir__supervisor *supervisor, weir_from from);

/* ---- supervisor_child.c -------------------------------------------------- */

/* A copy of a child that is in order; `siblings` are numbered below that. */
weir_status weir__child_copy(weir_runtime *runtime, const weir_supervised *given, size_t siblings,
                             struct weir__child **out);

/* A copy of a copy, made from its bytes, wherever they lie. */
struct weir__child *weir__child_clone(const struct weir__allocator *allocator, const void *bytes);

void weir__child_free(const struct weir__allocator *allocator, struct weir__child *child);

/* Starts it, and watches it.  It is UP then, or nothing has changed. */
weir_status weir__child_start(struct weir__supervisor *supervisor, struct weir__child *child);

/* Tells it to stop (STOPPING) / to finish. */
void weir__child_stop(struct weir__supervisor *supervisor, struct weir__child *child);
void weir__child_finish(struct weir__supervisor *supervisor, struct weir__child *child);

/* It has gone. */
void weir__child_down(struct weir__supervisor *supervisor, struct weir__child *child);

/* Lets `from` wait for its end.  false: no memory. */
bool weir__child_wait(struct weir__supervisor *supervisor, struct weir__child *child,
                      weir_from from);

/* Why a start or a subscription was refused, in words. */
const char *weir__child_refusal(const struct weir__child *child, weir_status status);

/* ---- supervisor_link.c --------------------------------------------------- */

/* A child has started: its links are due, and those that waited for it / has ended, or is to
 * be forgotten: its links are idle. */
void weir__links_up(struct weir__supervisor *supervisor, struct weir__child *child);
void weir__links_down(struct weir__supervisor *supervisor, struct weir__child *child);

/* Near whom a child is to start, its first producer, if that lives; {0}: nobody. */
weir_ref weir__links_producer(struct weir__supervisor *supervisor, const struct weir__child *child);

/* A stage has ended: links with it are due. */
void weir__links_lost(struct weir__supervisor *supervisor, weir_ref producer);

/* Those that were refused are due. */
void weir__links_retry(struct weir__supervisor *supervisor);

/* Makes those that are due; what is refused is logged, and waits. */
void weir__links_make(struct weir__supervisor *supervisor);

/* For children's first start: up to the first that is refused, which is *refused then.
 * of: only that child's; NULL: all. */
weir_status weir__links_make_first(struct weir__supervisor *supervisor,
                                   const struct weir__child *of, struct weir__link **refused);

/* ---- supervisor_kin.c ---------------------------------------------------- */

/* A supervisor begins and ends. */
void weir__kin_join(struct weir__supervisor *supervisor);
void weir__kin_leave(struct weir__supervisor *supervisor);

/* A child's `start` that runs on this thread: around it. */
struct weir__launch {
    const struct weir__supervisor *supervisor;
    const struct weir__launch *outer;
};
void weir__launch_begin(struct weir__launch *launch, const struct weir__supervisor *supervisor);
void weir__launch_end(const struct weir__launch *launch);

/*
 * The stage becomes the supervisor's child.  INVALID: it is the supervisor itself, one that
 * it is under, or another supervisor's child: they would wait for each other's ends.
 */
weir_status weir__kin_adopt(struct weir__supervisor *supervisor, weir_ref stage);

#endif
