/*
 * The worker pool: one task for each event, run by threads of the pool's own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A pool is a consumer like any other (subscribe it, stop it) for work that may
 * block or take long, which callbacks may not.  Each event becomes a *child*: a
 * call of `task`, on one of the pool's threads.  GenStage's ConsumerSupervisor.
 * With `emits` it is a producer_consumer: what its tasks emit goes on downstream.
 *
 * Demand.  On subscribing, a pool asks for max_demand events: so many children
 * at once.  From then on it counts children that have finished for good, of
 * that subscription; when they are min_demand (or 1, where that is 0), it asks
 * for as many again, and counts from 0.  So min_demand is a number of *finished*
 * children, not a number of running ones at which it refills:
 *
 *   max_demand 10, and a producer that always has events
 *   min_demand   asks, after the first 10           running, just before it asks
 *   0 or 1       for 1, each time a child finishes    9
 *   2            for 2, after every 2nd              8
 *   5 (default)  for 5, after every 5th               5
 *   9            for 9, after every 9th               1
 *
 * (GenStage says "the minimum number of running children"; that is so only where
 * min_demand is half of max_demand.)  Never more than max_demand run at once: say it where
 * events have more than 1 KiB, of which fewer than 1,000 come by default (subscription.h).
 *
 * Order.  Tasks are begun in the order of the events; how they end is up to
 * them.  With several threads nothing is promised about what runs beside what.
 *
 * Results.  A task emits none, one or several events (weir_task_emit), which are all seen, by
 * consumers, once it has returned OK; or none of them is: what a task that FAILED had emitted is
 * dropped (WEIR_DISCARD_ABANDONED), and a restart begins with nothing emitted.  They go as tasks
 * end; or, IN_ORDER, in the order of the events: then what a task has emitted waits until all
 * children that came before it have ended, and so has its child not finished for good until then.
 * So no more than max_demand children's results wait, of each subscription; and one child that
 * takes long, or waits for its restart, holds up those behind it.
 *
 * Demand, of a pool that emits.  Three numbers bound how many tasks run:
 *   max_demand   of its subscriptions: so many events it takes, and has children for
 *   threads      so many run at once
 *   what its consumers have asked for, and not got: a child is begun only while fewer than that
 *                are under way, that is begun, and with results that were not sent.  So whoever
 *                asks for n at a time sees n tasks at work for it: let the consumers' max_demand
 *                be as many as the threads, or more.  (Of events with spans the first is asked for
 *                alone, unless their bytes are not bounded: subscription.h.)
 * A task that emits nothing makes room for another at once.  Of one that emits several, what was
 * not asked for goes to the stage's buffer, and while something is there nothing is asked for, so
 * no task is begun (GenStage's producer_consumer: no input while events wait).  Thus a slow
 * consumer slows the pool, whose window then slows its producers.  A child that was begun goes on,
 * and is begun again, whatever is asked for meanwhile.  Where a drain would stall for want of
 * demand, the pool works on without it, as any producer_consumer with a buffer without bound.
 *
 * Restarts.  A child whose task has FAILED is begun again (restart, TRANSIENT) as often as
 * `attempts` and max_restarts allow, at once or after a delay that grows (restart_delay), for
 * which it waits in a timer of the stage's worker, and takes no thread.
 *
 * Accounts.  An event is handled once its child has finished for good; until
 * then it is in flight.  weir_runtime_settle waits for tasks to end, but not for delays, nor for
 * demand.  Results are emitted when they go; those that are dropped count as emitted and discarded.
 *
 * The end.  A pool that finishes does all that is queued, also what waits for a restart: a delay
 * is neither cut short nor given up (a drain's timeout is, and says WEIR_HOLDUP_TASKS); then all
 * results are sent, and it ends.  One that stops sends no more: what a task emits that ends later,
 * or what waits in line, is dropped as WEIR_DISCARD_STOPPED, counted and told (`discarded`).
 *
 * Events that own something (event.h).  A child's event is its pool's, until the child has
 * finished for good and `exited` has returned: start, task and exited borrow it.  Then it is
 * dropped
 *   as WEIR_DISCARD_HANDLED      if its task has returned WEIR_TASK_OK, or `start` IGNORE
 *   as WEIR_DISCARD_ABANDONED    if a task has begun with it, and the last one did not return that,
 *                                whyever; or if `start` said ERROR
 *   as WEIR_DISCARD_STOPPED      if no task has seen it, and it did not go back to its producer
 *   as WEIR_DISCARD_NO_MEMORY    if there was no memory for a child
 * What goes back (WEIR_CHILD_GIVEN_BACK) is not dropped.  A restart goes on with the same
 * event.  An event that others have, too, is dropped behind the last of them, for the worst
 * of all that; the pool needs no copy of it.  Drops are on the worker of the pool's stage, or of
 * whoever is the last.
 *
 * What a task may not do.  The runtime waits for its pools' tasks, so a task must not
 * wait for all of its runtime: weir_runtime_run, settle, drain and close and
 * weir_pool_close are refused there with WEIR_WRONG_THREAD, and in `start` too.  It may
 * wait for stages (weir_call and the like), for another runtime, and for room in an
 * inlet, unless that room is made by its own pool's threads only.
 *
 * In STEPPED and SIMULATED runtimes a pool has no threads: tasks run on the
 * stepping thread, one in each turn of the pool's stage.  A task that runs on a
 * worker is inside a callback: calls that would wait are refused there.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <weir/backoff.h>
#include <weir/iterator.h>
#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A child: a value to copy and keep.  It stays safe to use after the child has
 * ended, and with another pool: calls with it then return WEIR_NO_CHILD.  {0} is no
 * child.
 */
typedef struct weir_child {
    uint64_t bits;  /* which: no other child of any pool has, or will have, the same */
    uint32_t place; /* where it is kept                                              */
} weir_child;

/* What a task may ask about itself while it runs. */
typedef struct weir_task weir_task;

/* How a task went.  Any value but these counts as FAILED, and is logged. */
typedef enum weir_task_result { WEIR_TASK_OK = 0, WEIR_TASK_FAILED = 1 } weir_task_result;

/* What `start` returns: run it; leave it out; it could not be begun (logged). */
typedef enum weir_start_verdict {
    WEIR_CHILD_START = 0,
    WEIR_CHILD_IGNORE = 1,
    WEIR_CHILD_ERROR = 2
} weir_start_verdict;

/*
 * Whether a child whose task has FAILED is begun again: never; or yes, in the
 * same slot, without new demand.  PERMANENT is refused: a task that has done its
 * work would be begun again for ever.
 */
typedef enum weir_child_restart {
    WEIR_CHILD_TEMPORARY = 0,
    WEIR_CHILD_TRANSIENT = 1,
    WEIR_CHILD_PERMANENT = 2
} weir_child_restart;

/* How a child came to its end. */
typedef enum weir_child_exit {
    WEIR_CHILD_FINISHED = 1,   /* its task returned OK                                 */
    WEIR_CHILD_FAILED = 2,     /* its task FAILED, and is not begun again              */
    WEIR_CHILD_ENDED = 3,      /* asked to, by weir_pool_end_child or the pool's end,  */
                               /* whatever its task has returned                       */
    WEIR_CHILD_GIVEN_BACK = 4, /* the pool stopped: its event went back to the producer */
    WEIR_CHILD_DISCARDED = 5   /* the pool stopped, and nobody could take the event    */
} weir_child_exit;

#define WEIR_POOL_THREADS_LIMIT        1024
#define WEIR_POOL_MAX_RESTARTS_DEFAULT 3
#define WEIR_POOL_MAX_RESTARTS_LIMIT   10000
#define WEIR_POOL_MAX_SECONDS_DEFAULT  5
#define WEIR_POOL_MAX_SECONDS_LIMIT    1000000000
#define WEIR_POOL_SHUTDOWN_DEFAULT     UINT64_C(5000000000)
#define WEIR_POOL_ATTEMPTS_LIMIT       1000000000

/* In which order results go: as their tasks end; or by the order of the events whose they are, a
 * child by hand being where the stage heard of it. */
typedef enum weir_pool_order { WEIR_POOL_ANY_ORDER = 0, WEIR_POOL_IN_ORDER = 1 } weir_pool_order;

/* What a pool emits, and how: all but `order` as in weir_stage_options. */
typedef struct weir_pool_emits {
    size_t event_bytes;          /* 1..65536, required; with a type, 0 or the type's         */
    const weir_event_type *type; /* of events that own something, or have spans: kept        */
    weir_pool_order order;       /* default WEIR_POOL_ANY_ORDER                              */
    weir_keep buffer_keep;       /* of results that nobody has asked for yet ...             */
    size_t buffer_size;          /* ... default WEIR_INFINITY: with a bound, what is beyond  */
    size_t buffer_bytes;         /* is discarded, as OVERFLOW                                */
    const weir_dispatcher *dispatcher; /* default weir_demand_dispatcher()                   */
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_pool_emits;

/* How a child has ended, for `ended`. */
typedef struct weir_child_end {
    weir_child child;
    const void *event; /* as for `exited`                                              */
    weir_child_exit how;
    uint64_t attempts; /* how often it was tried to begin its task; 0: no task has seen the event */
    uint64_t emitted;  /* results that went on: 0 unless its task returned OK          */
    uintptr_t reserved[4]; /* for later versions (version.h) */
} weir_child_end;

typedef struct weir_pool_options {
    const char *name;   /* default "pool"                                               */
    bool registered;    /* `name` is its stage's alone, as in weir_stage_options                  */
    size_t event_bytes; /* required, 1..65536: of every producer it subscribes to       */
    size_t threads;     /* 1..1024; default: as workers in weir_runtime_options, without */
                        /* spare_cores; WEIR_NONE: tasks run on the worker of the pool's */
                        /* stage, one a turn                                             */
    unsigned worker;    /* of the pool's stage, as in weir_stage_options                */

    /* Required.  One event's work, on one of the pool's threads; may block.  `event` lies where
     * the child keeps it, the same at each restart, aligned to 16.  What it owns is only lent to
     * the task (weir_task_take). */
    weir_task_result (*task)(void *context, const void *event, weir_task *self);

    /* Unless NULL: called before a child begins, and before each restart, on the stage's
     * worker; for weir_pool_start_child, on the calling thread. */
    weir_start_verdict (*start)(void *context, const void *event);

    /* Unless NULL: called once for each child, at its end, on the stage's worker, with the
     * event, which is gone when it returns (dropped, where it owns something).  Of one that its
     * task took what it owns is the program's: these are only the bytes. */
    void (*exited)(void *context, weir_child child, const void *event, weir_child_exit how);

    /* Unless NULL: events that no task has seen, and results that go nowhere, with the count and
     * why; else logged, but for ABANDONED.  On the stage's worker; of events whose producer had
     * gone as well, in weir_pool_close. */
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context; /* handed to all of them */

    weir_child_restart restart; /* default WEIR_CHILD_TEMPORARY                         */
    size_t max_restarts;        /* 0 (say WEIR_NONE)..10000, or WEIR_INFINITY: of all children;  */
                                /* default 3, and WEIR_INFINITY where `attempts` is set         */
    size_t max_seconds;         /* 0 (say WEIR_NONE)..10^9; default 5: more restarts than that   */
                                /* within as many seconds of weir_runtime_now stop the pool     */
    uint64_t shutdown_ns;       /* how long weir_pool_close waits for running tasks; default   */
                                /* 5 seconds; 1: hardly at all; WEIR_FOREVER                  */
    const weir_subscribe_to *subscribe_to; /* producers to subscribe to, in order        */
    size_t subscribe_count;

    /* Unless NULL: what its tasks emit; it is a producer_consumer then.  Copied. */
    const weir_pool_emits *emits;

    /* For WEIR_CHILD_TRANSIENT.  Unless NULL: how long a child waits before it is begun again,
     * by how often it was tried (backoff.h); default: not at all.  Copied.  And how often a child
     * is tried in all, 1..10^9: then it has FAILED for good; default: as often as max_restarts
     * allows.  A `start` that says ERROR to a restart counts as a try. */
    const weir_backoff *restart_delay;
    size_t attempts;

    /* Instead of `exited`, and like it, but told more. */
    void (*ended)(void *context, const weir_child_end *end);

    /* Unless NULL: a child that is to be begun again takes a token of it (rate.h), the next that
     * there is, and waits until its time has come, behind its delay and without a thread.  Who
     * waits hears of other terms (weir_rate_set) at once.  For tasks whose first attempts take
     * theirs by a subscription (weir_subscribe_options.rate).  Of this runtime, as that; it may be
     * closed meanwhile, and the pool goes on at its rate. */
    struct weir_rate *restart_rate;
    uintptr_t reserved[3]; /* for later versions (version.h): zero */
} weir_pool_options;

typedef struct weir_pool weir_pool;

/*
 * Starts a pool: its threads, then its stage.  out and stage receive its handle
 * and its reference, for subscribing; stage may be NULL.  More than max_restarts
 * restarts within max_seconds stop the stage with SHUTDOWN.  A pool that finishes, because it
 * is told to (weir_finish, weir_runtime_drain) or because its producers have ended, ends once
 * all its children have: what is queued is done.
 * Errors     INVALID (which option: weir_refusal()), NO_MEMORY, SYSTEM (a thread
 *            could not be started), and those of weir_stage_start for subscribe_to.
 *            Nothing is left behind.
 * Threads    any, also inside callbacks: threads that a worker starts have the cores of the
 *            process, not the worker's own.  It takes some tens of microseconds for each.
 * Lifetime   of the handle: until weir_pool_close; it outlives its stage.
 * Source     ConsumerSupervisor.start_link.
 */
weir_status weir_pool_open(weir_runtime *runtime, const weir_pool_options *options, weir_pool **out,
                           weir_ref *stage);

/*
 * Starts an iterator (iterator.h) whose `next` may block: it runs on a thread of a pool of its own,
 * and its worker is free for other stages meanwhile.  All else is as weir_iterator_start says:
 * demand, the verdicts, what they do to its stage, and who owns what it has made; but
 *   - `next` is called for some 16 KiB of events at a time, or, with spans, for 16 events; what it
 *     made is copied once more on its way;
 *   - `mark` is asked on that thread, too, behind `next`;
 *   - `close` is called as the handle is closed: by then no `next` runs;
 *   - the stage must be closed by its handle, weir_pool_close, which waits for a `next` that is
 *     under way; that one should look at weir_ending_here now and then, and return.
 * In STEPPED and SIMULATED runtimes `next` runs on the stepping thread.
 * Arguments  as weir_pool_open.
 * Errors     as weir_pool_open; `close` is then not called.  Its handle starts no children by hand.
 * Source     GenStage.from_enumerable.
 */
weir_status weir_pool_iterate(weir_runtime *runtime, const weir_iterator_options *options,
                              weir_pool **out, weir_ref *stage);

/*
 * Starts a child by hand, from a copy of the event's bytes.  It belongs to no
 * subscription: it is not counted against any demand, nor in the accounts.  A
 * child that the stage no longer gets to is told of as WEIR_CHILD_DISCARDED.
 * What its event owns stays the program's, whatever the pool's other events are: nothing is
 * dropped, and `exited` is where to give it back.
 * Arguments  out: receives the child, {0} where `start` said IGNORE; may be NULL.
 * Errors     START_FAILED (`start` said so), NO_STAGE once the stage has stopped,
 *            NO_MEMORY, INVALID (event NULL).
 * Threads    any, also callbacks and tasks; lock-free but for memory.
 * Source     ConsumerSupervisor.start_child.
 */
weir_status weir_pool_start_child(weir_pool *pool, const void *event, weir_child *out);

/*
 * Ends a child by hand.  One that has not begun (or waits to be begun again) is
 * taken out, and its slot is free; its event, when no task has seen it, is
 * discarded and counted.  A thread cannot be killed: one that runs is asked to
 * stop, and ends when its task returns; it is not begun again then.
 * Returns    WEIR_OK; it is not waited for.
 * What a task has emitted that returns OK all the same goes on.
 * Errors     NO_CHILD: it has ended already (also one whose results wait), or never was.
 * Threads    any, also callbacks and tasks; lock-free.
 * Source     ConsumerSupervisor.terminate_child.
 */
weir_status weir_pool_end_child(weir_pool *pool, weir_child child);

typedef enum weir_child_state {
    WEIR_CHILD_QUEUED = 1,  /* not begun                           */
    WEIR_CHILD_RUNNING = 2, /* its task runs                       */
    WEIR_CHILD_RESTARTING =
        3,                 /* it waits for its restart, which `start` has failed or delay holds */
    WEIR_CHILD_WAITING = 4 /* its task was done; its results wait for those before them */
} weir_child_state;

typedef struct weir_child_info {
    weir_child child;
    weir_child_state state;
    bool ending;           /* it runs, and was asked to stop         */
    weir_ref producer;     /* where its event came from; {0}: by hand */
    uintptr_t reserved[4]; /* for later versions (version.h)     */
} weir_child_info;

/*
 * Lists the children, in no order: at most `room` of them go to `list` (NULL: they are
 * only counted).
 * Returns    how many there are.  Each was as it is told at some moment of the
 *            call; what others do meanwhile may or may not be seen.
 * Threads    any; wait-free.
 * Source     ConsumerSupervisor.which_children.
 */
size_t weir_pool_children(const weir_pool *pool, weir_child_info *list, size_t room);

typedef struct weir_pool_counts {
    size_t specs;   /* kinds of children: 1               */
    size_t workers; /* children, in whatever state         */
    size_t active;  /* of these: queued or running         */
    size_t queued;
    size_t running;
    size_t restarting;
    size_t waiting;        /* done, with results that wait in order */
    uintptr_t reserved[3]; /* for later versions (version.h) */
} weir_pool_counts;

/* Counts them.  As above.  Source: ConsumerSupervisor.count_children. */
weir_status weir_pool_count(const weir_pool *pool, weir_pool_counts *out);

/* How many threads it has; 0: tasks run on the stage's worker. */
size_t weir_pool_threads(const weir_pool *pool);

/*
 * Gives the pool back: stops its stage (SHUTDOWN), unless that has stopped, and
 * waits for the tasks that run, at most shutdown_ns.
 *
 * A stage that stops, for whatever reason, begins no more tasks.  Events of
 * children that have not begun go back to their producer's dispatcher, where
 * that still lives, or are discarded and counted.  Running tasks are asked to
 * stop (weir_task_ending), and are counted as handled when they end.
 *
 * Returns    WEIR_OK: all is over, threads are joined, the handle is freed; what goes back
 *            has gone back, so who subscribes next comes behind it.
 *            WEIR_TIMEOUT: tasks run still, or the stage's worker was busy all the
 *            time.  Nothing was freed; what tasks use must not be freed either.
 *            Call again to go on waiting.
 * Arguments  pool: NULL: there is nothing to close, WEIR_OK.
 *            running: receives how many tasks are with the threads still; may be
 *            NULL.
 * Errors     WRONG_THREAD inside a callback or a task of the same runtime, and, of a stepped one,
 *            while another thread steps it.
 * Threads    one; nobody else may use the handle during or after the call.  Call
 *            it before weir_runtime_close, which waits for all tasks to end.
 */
weir_status weir_pool_close(weir_pool *pool, size_t *running);

/* ---- inside a task -------------------------------------------------------- */

/* True once the task was asked to stop, by weir_pool_end_child or because the pool stops.  Of a
 * pool that finishes tasks are not: they are to do their work.  (weir_ending_here is true.) */
bool weir_task_ending(const weir_task *self);

/*
 * Takes the event that the task was given: what it owns is the program's from now on, in
 * `event`, and weir does not drop it.  One that others have, too, is copied by its type's
 * `copy`.  The child is not begun again then, whatever its task returns.
 * Errors     INVALID: it owns nothing (as those of children by hand), or was taken, or others
 *            have it and its type has no `copy`; NO_MEMORY when `copy` could not.  Then the
 *            event is its pool's, as it was.
 * Threads    the task's.
 */
weir_status weir_task_take(weir_task *self, void *event);

/*
 * Emits events of the pool's `emits`: copies of them and, of a type with spans, of what those point
 * at.  They go once the task has returned OK (see above), those of one call side by side.
 * Arguments  count: 0 is none, and OK.
 * Errors     INVALID: the pool emits nothing; events is NULL; one has more than its type's
 *            payload_limit.  NO_MEMORY.  Then none of them was taken.
 * Ownership  weir's after WEIR_OK, whatever the task returns: if they do not go they are dropped,
 *            as ABANDONED, STOPPED or NO_MEMORY.  Else the task's.
 * Threads    the task's, and while it runs.  Cost: a copy, and another as they go; of up to some 4
 *            KiB a task no allocation, once its slot has had as many.
 */
weir_status weir_task_emit(weir_task *self, const void *events, size_t count);

/* Which attempt it is: 1 for the first, 2 once it was begun again, and so on. */
unsigned weir_task_attempt(const weir_task *self);

/* The child that it is, for weir_pool_end_child. */
weir_child weir_task_child(const weir_task *self);

#ifdef __cplusplus
}
#endif
#endif
