/*
 * Supervisors: stages that start other stages, and start them again when they die.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A supervisor is a stage itself: it lives on a worker, and weir_stop, weir_finish
 * and weir_stop_wait work on it: told to stop, it first stops its children, the
 * last one first, each when the one before has gone; told to finish, it has them finish, starts
 * none of them again, and ends after the last.  It knows each child by a
 * number, from 0 in the order of the list, which is never used again.
 *
 * It also keeps its children subscribed.  What a child's subscribe_to lists is
 * not only done when the child starts: whenever the child or the producer that an
 * entry names is started again, so is the subscription.  So give the entries
 * WEIR_TEMPORARY: then a consumer outlives its producer's death, keeps its state,
 * and goes on with the producer that takes its place.  (A WEIR_PERMANENT one stops when its
 * producer fails, finishes when that ends normally, and is started again for either, after
 * retry_ns, as its `restart` says.)
 *
 * What counts.  A supervisor bears so many failures of its own children in so much
 * time (max_restarts, max_seconds) and then gives up.  A failure is
 *   - a child that has stopped by itself, for whatever reason, and is started again;
 *   - a start of a child's that is refused, each time that it is tried again.
 * Not failures of a child's own, and not counted, are
 *   - the end of a child because a PERMANENT or TRANSIENT subscription of its has
 *     ended: its producer has ended, was gone already, or let go of it.  Of a chain
 *     of stages in which one fails, that one counts, once, and nobody behind it.
 *     (A stop that the child's own handle_cancel returns is its own.)
 *   - a start that is refused with NO_STAGE or NO_NAME: it lacks a producer;
 *   - a subscription that is refused: the name is nobody's just now, say because
 *     another supervisor's child has it, or there is no memory for it.
 * All three are tried again after retry_ns, again and again, and never at once.  So a
 * loss costs what it costs at that pace, and is no end: the log has the first of them.
 * A child that stops so takes along whom the strategy says, as any other.
 *
 * A child that is started again begins with its first state; what is to survive
 * it must lie elsewhere (docs/guide has an example).  Events that it held and had
 * begun are discarded and counted; those it had not begun go back to its producer
 * and come again.
 */
#ifndef WEIR_SUPERVISOR_H
#define WEIR_SUPERVISOR_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whom a child's death takes along, to be started again with it. */
typedef enum weir_strategy {
    WEIR_ONE_FOR_ONE = 0,  /* nobody                               */
    WEIR_REST_FOR_ONE = 1, /* the children after it in the list     */
    WEIR_ONE_FOR_ALL = 2   /* all children                         */
} weir_strategy;

/* Which ends of a child make the supervisor start it again. */
typedef enum weir_restart {
    WEIR_RESTART_PERMANENT = 0, /* every one                                          */
    WEIR_RESTART_TRANSIENT = 1, /* those with another reason than NORMAL or SHUTDOWN  */
    WEIR_RESTART_TEMPORARY = 2  /* none; the supervisor then forgets the child         */
} weir_restart;

/*
 * For the producer of an entry of a child's subscribe_to: the child of that number
 * of the same supervisor, whichever stage that is at the time.  A producer by name
 * works likewise, also for children of other supervisors; one by reference is
 * subscribed to as long as it lives, and afterwards the child goes without.
 */
#ifdef __cplusplus
#define WEIR_SIBLING(number) (weir_ref{(uint64_t)(uint32_t)(number) << 22 | 1u})
#else
#define WEIR_SIBLING(number) ((weir_ref){(uint64_t)(uint32_t)(number) << 22 | 1u})
#endif

/* How a child is started: by `stage`, or by `start`. */
typedef struct weir_supervised {
    /* A stage.  Name, state and subscribe_to are copied; what `argument`, dispatcher_options
     * and `user` of subscriptions point at, outputs, and rates that subscriptions name, must live
     * as long as the supervisor. */
    const weir_stage_options *stage;
    /* Anything else: another supervisor, an inlet.  Runs where the supervisor does (the first
     * time on the thread that starts it); *out receives a stage that was started, and that is
     * neither a child already nor a supervisor that this one is under. */
    weir_status (*start)(weir_runtime *runtime, void *argument, weir_ref *out);
    void *argument;
    const char *name;     /* for messages; copied; default the stage's name              */
    weir_restart restart; /* default WEIR_RESTART_PERMANENT                              */
    const weir_subscribe_to *subscribe_to; /* besides the stage's own; copied            */
    size_t subscribe_count;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_supervised;

#define WEIR_MAX_RESTARTS_DEFAULT 3
#define WEIR_MAX_RESTARTS_LIMIT   10000
#define WEIR_MAX_SECONDS_DEFAULT  5
#define WEIR_MAX_SECONDS_LIMIT    1000000000
#define WEIR_RETRY_NS_DEFAULT     10000000

typedef struct weir_supervisor_options {
    const char *name;        /* default "supervisor"; copied                               */
    bool registered;         /* as in weir_stage_options                                   */
    unsigned worker;         /* likewise                                                   */
    weir_strategy strategy;  /* default WEIR_ONE_FOR_ONE                                   */
    size_t max_restarts;     /* 0 (say WEIR_NONE)..10000, or WEIR_INFINITY; default 3:     */
    size_t max_seconds;      /* 1..10^9; default 5: more failures than that in this time, and */
                             /* the supervisor stops its children and itself with SHUTDOWN */
    uint64_t retry_ns;       /* what was refused, and who has lost a producer, waits so long; */
                             /* default 10 ms.  Neither memory nor a mailbox is needed     */
    bool ends_with_children; /* stop with NORMAL once no child is left that runs or will   */
    const weir_supervised *children; /* copied                                             */
    size_t child_count;
    uintptr_t reserved[8]; /* for later versions (version.h): zero */
} weir_supervisor_options;

/*
 * Starts a supervisor and its children, in order.
 *
 * A start that is refused later, when a child has died, is tried again; with a
 * strategy that restarts several, those after it wait.
 * While the runtime drains or closes, and once the supervisor is told to finish,
 * nothing is started again: what came back from a child that dies then stays with
 * its producer, and a drain needs a deadline to end.
 * Arguments  out may be NULL.
 * Errors     INVALID, NO_MEMORY, CLOSED, NAME_TAKEN; what a child's start or its
 *            subscriptions were refused with: the children that were started are
 *            then stopped, the last one first, without waiting for their ends.
 *            INVALID also for a child's start that returns no stage of this runtime, a
 *            child that there is already, the supervisor itself, one that it is under
 *            (they would wait for each other's ends), or one that another supervisor
 *            has started; such a stage is left alone.
 * Cost       O(log n) of n children for each that is started, ends or is found, and
 *            O(1) for each subscription of its or to it.
 * Threads    any thread, also inside callbacks.
 * Source     Supervisor.start_link.
 */
weir_status weir_supervisor_start(weir_runtime *runtime, const weir_supervisor_options *options,
                                  weir_ref *out);

/* ---- what it knows ------------------------------------------------------- */

typedef struct weir_supervised_info {
    uint32_t number;
    weir_restart restart;
    weir_ref stage;        /* {0}: it does not run                     */
    uint64_t restarts;     /* how often it was started again            */
    char name[48];         /* cut off                                   */
    uintptr_t reserved[4]; /* for later versions (version.h)       */
} weir_supervised_info;

/*
 * Its children in order, at most `room` of them; *count receives how many there are.
 * Returns    WEIR_OK; TIMEOUT, FULL (callers).
 * Arguments  out: room for `room` of them; NULL only with room 0.
 * Errors     INVALID (not a supervisor; count NULL, out NULL, or room for more bytes
 *            than there are), and those of weir_call.
 * Threads    as weir_call.  Source: Supervisor.which_children, count_children.
 */
weir_status weir_supervisor_children(weir_runtime *runtime, weir_ref supervisor,
                                     uint64_t timeout_ns, weir_supervised_info *out, size_t room,
                                     size_t *count);

/*
 * The stage that the child of that number is now.
 * Errors     NO_STAGE (it does not run), INVALID (no such child, out NULL); as above.
 */
weir_status weir_supervisor_child(weir_runtime *runtime, weir_ref supervisor, uint32_t number,
                                  uint64_t timeout_ns, weir_ref *out);

/* ---- children by hand ---------------------------------------------------- */

/*
 * Adds a child behind the others and starts it, on the supervisor's worker.
 * number and out may be NULL.
 * Errors     INVALID, what the start was refused with (the child is then not
 *            added); CLOSED (it is ending); those of weir_call.
 * Threads    as weir_call.  Source: Supervisor.start_child.
 */
weir_status weir_supervisor_start_child(weir_runtime *runtime, weir_ref supervisor,
                                        const weir_supervised *child, uint64_t timeout_ns,
                                        uint32_t *number, weir_ref *out);

/*
 * Stops a child with SHUTDOWN and waits until it has gone.  It is not started again,
 * unless by weir_supervisor_restart_child or with its group (rest_for_one,
 * one_for_all); a temporary one is forgotten.
 * Returns    WEIR_OK, also when it did not run; TIMEOUT, FULL (callers).
 * Errors     INVALID (no such child), WRONG_THREAD (inside a callback: it might be
 *            the child's worker that waits); those of weir_call.
 * Threads    any but the runtime's workers.  Source: Supervisor.terminate_child.
 */
weir_status weir_supervisor_stop_child(weir_runtime *runtime, weir_ref supervisor, uint32_t number,
                                       uint64_t timeout_ns);

/*
 * Starts a child that does not run.  out may be NULL.
 * Errors     INVALID (no such child, it runs, or will be started anyway); what the
 *            start was refused with; CLOSED; those of weir_call.
 * Threads    as weir_call.  Source: Supervisor.restart_child.
 */
weir_status weir_supervisor_restart_child(weir_runtime *runtime, weir_ref supervisor,
                                          uint32_t number, uint64_t timeout_ns, weir_ref *out);

/*
 * Forgets a child that does not run.
 * Errors     INVALID (no such child, or it runs); those of weir_call.
 * Threads    as weir_call.  Source: Supervisor.delete_child.
 */
weir_status weir_supervisor_delete_child(weir_runtime *runtime, weir_ref supervisor,
                                         uint32_t number, uint64_t timeout_ns);

#ifdef __cplusplus
}
#endif
#endif
