/*
 * The supervisor's memory: its children, what they subscribe to, and its phase.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it belongs to the supervisor's worker (before it is known, to the thread
 * that starts it), so nothing is atomic.
 *
 *   supervisor.c        the stage: its callbacks, and its start
 *   supervisor_work.c   phases, restarts, intensity
 *   supervisor_child.c  one child: its copy, start, stop and subscriptions
 *   supervisor_call.c   what other threads ask of it
 *
 * A child is DOWN, UP or STOPPING (UP, and told to stop).  It is `wanted` while it
 * is DOWN and to be started.  What telling a child to stop or to finish takes is
 * allocated before it starts, so neither can fail.
 *
 * Phases: RUNNING; GROUP, in which the children from `group_from` on are stopped,
 * the last one first, to be started again when all are down; ENDING, likewise with
 * all of them, after which the supervisor stops.
 *
 * A link is an entry of a child's subscribe_to.  It is made, with `to` as its
 * producer, by one call of weir_subscribe between the stages that both are at the
 * time; when one of them ends it is unmade, and made again as soon as both live.
 * Producers that are no children, and were found by name, are watched for that.
 *
 * What was refused is `failed` until the retry timer, or when there is no memory
 * for one a poke, lets it be tried again.
 */
#ifndef WEIR__PARTS_SUPERVISOR_H
#define WEIR__PARTS_SUPERVISOR_H

#include "runtime/runtime.h"

#include <weir/supervisor.h>

enum weir__child_state { WEIR__CHILD_DOWN, WEIR__CHILD_UP, WEIR__CHILD_STOPPING };
enum weir__phase { WEIR__PHASE_RUNNING, WEIR__PHASE_GROUP, WEIR__PHASE_ENDING };

struct weir__link {
    weir_ref producer; /* as listed: a stage, or WEIR_SIBLING */
    const char *name;  /* unless NULL: whoever has it         */
    weir_subscribe_options options;
    weir_ref to;      /* what it was made with; {0}: not made */
    weir_ref watched; /* found by name, and no child          */
    bool failed;
};

/* Who waits for a child's end (weir_supervisor_stop_child). */
struct weir__waiter {
    struct weir__waiter *next;
    weir_from from;
};

/* With its links, strings and first state behind it, in one allocation. */
struct weir__child {
    struct weir__child *next;
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
    bool wanted;
    bool failed;
    bool forget; /* when it is down */
    struct weir__waiter *waiters;
};

struct weir__supervisor {
    weir_runtime *runtime;
    weir_stage *self;
    weir_strategy strategy;
    size_t max_restarts;
    uint64_t period_ns;
    uint64_t retry_ns;
    bool ends_with_children;

    struct weir__child *first;
    uint32_t numbers; /* given out */

    enum weir__phase phase;
    uint32_t group_from;
    weir_reason end_reason;
    bool timer; /* armed: what failed is tried again then */
    bool poked;
    struct weir__poke poke;

    uint64_t *restarts; /* when the last max_restarts were: a ring */
    size_t next_restart;
};

/* A reference that WEIR_SIBLING has made, and the child's number in it. */
static inline bool weir__is_sibling(weir_ref ref) {
    return ref.bits >> 32 == UINT32_MAX && weir__ref_kind(ref) == 0;
}
static inline uint32_t weir__sibling_number(weir_ref ref) {
    return (uint32_t)ref.bits;
}

/* ---- supervisor.c -------------------------------------------------------- */

/* The supervisor's memory; NULL: the stage is none. */
struct weir__supervisor *weir__supervisor_of(weir_stage *stage);

/* ---- supervisor_work.c --------------------------------------------------- */

struct weir__child *weir__supervisor_find(const struct weir__supervisor *supervisor,
                                          uint32_t number);

/* Puts a child behind the others, with the next number / takes it out and frees it. */
void weir__supervisor_add(struct weir__supervisor *supervisor, struct weir__child *child);
void weir__supervisor_forget(struct weir__supervisor *supervisor, struct weir__child *child);

/* The last child, of that number or a higher one, that is not down. */
struct weir__child *weir__supervisor_last_alive(const struct weir__supervisor *supervisor,
                                                uint32_t from);

/* Goes on with the phase; what it returns is for its callback to return. */
weir_verdict weir__supervisor_pursue(struct weir__supervisor *supervisor);

/* A child has gone, for that reason. */
void weir__supervisor_down(struct weir__supervisor *supervisor, struct weir__child *child,
                           weir_reason reason);

/* Its end begins / nothing is started again / what was refused may be tried again. */
void weir__supervisor_give_up(struct weir__supervisor *supervisor, weir_reason reason);
void weir__supervisor_want_nothing(struct weir__supervisor *supervisor);
void weir__supervisor_forget_failures(struct weir__supervisor *supervisor);

/* Makes what links of a child's can be made.  The status that the first was refused with. */
weir_status weir__supervisor_link(struct weir__supervisor *supervisor, struct weir__child *child);

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

/* Makes one of its links, if both stages live.  WEIR_OK also when one does not (yet). */
weir_status weir__child_link(struct weir__supervisor *supervisor, struct weir__child *child,
                             struct weir__link *link);

#endif
