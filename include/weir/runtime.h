/*
 * The runtime: workers, and the life of everything that runs on them.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   weir_runtime *rt;
 *   weir_runtime_open(NULL, &rt);        workers start, and park
 *   weir_stage_start(rt, ...);           stages run as soon as they can
 *   weir_runtime_run(rt, WEIR_FOREVER);  until every stage has stopped
 *   weir_runtime_close(rt, NULL);        threads joined, memory returned
 */
#ifndef WEIR_RUNTIME_H
#define WEIR_RUNTIME_H

#include <weir/observe.h>
#include <weir/status.h>
#include <weir/thread.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Who runs the workers.  THREADS: a thread each, pinned.  STEPPED: the caller,
 * through weir_runtime_step, in rotation.  SIMULATED: likewise, in an order
 * drawn from `seed`, and with virtual time: the same seed runs the same way.
 */
typedef enum weir_runtime_mode {
    WEIR_THREADS = 0,
    WEIR_STEPPED = 1,
    WEIR_SIMULATED = 2
} weir_runtime_mode;

/*
 * What a worker with nothing to do does.  SPIN never sleeps.  PARK sleeps at once.
 * SPIN_THEN_PARK looks for work for some 20 microseconds, then sleeps.  ADAPT looks, and
 * somewhat longer, while work has been coming within about two times what it takes to wake the
 * worker (2 to 40 microseconds), and sleeps at once while it has not, or while looking is of no
 * use, because the thread that brings the work shares the worker's core or somebody else
 * computes there.  When there are more workers than cores, ADAPT and SPIN_THEN_PARK let the
 * others on the worker's core run a few times instead (sched_yield), look again, and then sleep.
 */
typedef enum weir_idle {
    WEIR_IDLE_ADAPT = 0,
    WEIR_IDLE_SPIN = 1,
    WEIR_IDLE_PARK = 2,
    WEIR_IDLE_SPIN_THEN_PARK = 3
} weir_idle;

typedef enum weir_log_level {
    WEIR_LOG_ERROR = 1,
    WEIR_LOG_WARNING = 2,
    WEIR_LOG_INFO = 3
} weir_log_level;

/*
 * alignment is a power of two, at most 4096.  free gets what alloc returned.
 * alloc may return NULL at any time: the call that wanted memory says NO_MEMORY and has
 * changed nothing; a worker that wanted some discards the events in question, counts and
 * tells them, and asks for them again, or else stops the stage with NO_MEMORY.
 */
typedef struct weir_allocator {
    void *(*alloc)(void *context, size_t bytes, size_t alignment);
    void (*free)(void *context, void *memory, size_t bytes);
    void *context;
    uintptr_t reserved[2]; /* for later versions (version.h): zero */
} weir_allocator;

/*
 * What goes with memory that weir takes from the system itself, in regions of 2 MiB at least, and
 * gives back when the runtime is closed: with any of these set, all that the runtime allocates lies
 * there (weir_runtime_allocator says "pages"), but for the file of its counters, and for threads'
 * stacks.  Not beside an allocator of the program's.
 */
typedef struct weir_memory_options {
    /* It stays in memory, once it was touched (mlock): no event waits for a disk that was
     * swapped to.  Needs CAP_IPC_LOCK, or RLIMIT_MEMLOCK for all of it; where that ends later,
     * there is NO_MEMORY. */
    bool lock;
    /* Huge pages, where the system has them (madvise; transparent_hugepage "madvise" or
     * "always"): fewer misses where much is under way, for a page of 2 MiB where a small one
     * would do.  Where it has none nothing is said. */
    bool huge_pages;
    /* So much is there, and touched, before weir_runtime_open returns, rounded up to 2 MiB: what is
     * taken of it later is no page fault.  0..2^40. */
    size_t ready_bytes;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_memory_options;

#define WEIR_READY_BYTES_MOST      1099511627776

#define WEIR_WORKERS_LIMIT         1024
#define WEIR_MAILBOX_LIMIT_DEFAULT 65536
#define WEIR_CLOSE_NS_DEFAULT      1000000000
#define WEIR_MAILBOX_LIMIT_MAX     2147483647

typedef struct weir_runtime_options {
    weir_runtime_mode mode;   /* default WEIR_THREADS                                 */
    uint64_t seed;            /* SIMULATED: draws the order                           */
    unsigned workers;         /* 1..1024; default: see Cores below                    */
    bool unpinned;            /* do not pin the workers to cores                      */
    weir_idle idle;           /* default WEIR_IDLE_ADAPT                              */
    size_t mailbox_limit;     /* of stages that do not say their own; default 65536   */
    uint64_t close_ns;        /* how long weir_runtime_close waits while nothing ends; default */
                              /* one second; WEIR_FOREVER                                */
    weir_allocator allocator; /* default: jemalloc when the program links it, else C  */
    /* Several threads may be in it at once.  Default stderr. */
    void (*log)(void *context, weir_log_level level, const char *text);
    void *log_context;
    /* Where its counters are for other processes (counters.h): "1" names /dev/shm/weir-USER-PID-N
     * (the process's Nth runtime), what has a slash is the file's name, which there must not be
     * yet, unless this program has left it in a crash; "0" is none.  Default: what WEIR_COUNTERS in
     * the environment says, likewise, but that names with a slash have .N behind them from the 2nd
     * runtime on; where the file can not be had a warning is logged.  Copied; removed at close. */
    const char *counters_file;
    const unsigned *cores; /* numbers of the cores to pin to, in order; default: see Cores */
    size_t core_count;     /* how many of them, 1..1024                                    */
    unsigned spare_cores;  /* how many to leave to the program's own threads; default none */
    /* Where stages live that do not say it: WEIR_ANY_WORKER (the default) or WEIR_SPREAD; see
     * stage.h.  SPREAD is for programs whose stages have much work each. */
    unsigned default_worker;
    const weir_thread_options
        *threads; /* hooks, stacks, names, priorities: thread.h; default none */
    const weir_memory_options *memory; /* locked, ready, huge pages: see above; default none */
    uintptr_t reserved[2];             /* for later versions (version.h): zero */
} weir_runtime_options;

/*
 * Cores.  By default there are as many workers as the process may use cores, less spare_cores,
 * and not more than its CPU quota allows (of its control groups, rounded up), but at least one.
 * What the process may use is the affinity mask of its first thread, whoever opens the runtime;
 * if that one has pinned itself to a single core, the mask that it had as the program started.
 * Each worker is pinned to the core that has the fewest pinned workers of this process, of
 * whatever runtime, and of those to the first: so a second runtime begins where the first has
 * left room.  The last spare_cores of the process get none.  One core is always used: a program
 * that spares cores runs on a machine that has none to spare, too.
 * With `cores` worker 0 is pinned to the first of the list, the next one to the second, and from
 * its start again when it is used up; by default there are as many workers as it has cores,
 * whatever the quota.  The list is copied.
 * Where workers are pinned to all cores and all are busy, a thread of the program's own that wakes
 * waits until the scheduler takes one away: for milliseconds, at worst.  One that must answer soon
 * wants a core: spare_cores = 1.
 */

/*
 * Opens a runtime and starts its workers.  options may be NULL.
 * Where pinning fails, a warning is logged and the worker runs unpinned.
 * Errors     INVALID (also: a core in `cores` that is named twice, or that the process may not
 *            use; cores beside spare_cores or unpinned), NO_MEMORY, SYSTEM (a thread could not be
 *            started, or not with its priority; counters_file not be made; memory not be locked):
 *            nothing is left behind.
 * Threads    any; several runtimes may be open at once.
 */
weir_status weir_runtime_open(const weir_runtime_options *options, weir_runtime **out);

/*
 * Waiting for the whole runtime.  weir_runtime_run, settle, drain and close, and
 * weir_pool_close, would wait for who calls them, or free what he returns to, inside of a
 * function that this runtime calls: a callback, on a worker or, as init, on the thread that
 * starts the stage; a pool's task or `start`; `discarded`; the log.  They are refused there
 * with WEIR_WRONG_THREAD.  A task, which may block, may wait for another runtime.
 */

/*
 * Stepping.  One thread at a time steps a STEPPED or SIMULATED runtime: whoever calls step, run,
 * settle, advance, drain, holdup or close, weir_call and its like, or waits at a part (for room in
 * an inlet, for a stream's events, for a pool to close).  It does so until that call returns, also
 * while it sleeps until a timer.  Meanwhile such calls of other threads are refused with
 * WEIR_WRONG_THREAD ("another thread steps this runtime"), and nothing has changed; all others,
 * as casts and pushes into what has room, go through.  Threads may take turns without more ado:
 * each sees what those before it did.
 */

/*
 * Fork.  A child of fork has its parent's runtimes as a copy that nobody runs.  Every call for one
 * of them, or for a part of one, is refused there with WEIR_FORKED, at once, whatever other
 * threads were amid; functions without a status leave that sentence and return 0, false, NULL or
 * {0}.  So are the functions for a callback's stage, but for weir_state, weir_self,
 * weir_stage_name and weir_stage_runtime.  What closes (runtimes, inlets, ports, streams, pools,
 * sources, pipelines, rates, files) returns OK: it gives back its descriptors, and calls, joins,
 * writes and frees nothing; memory stays a copy until the child ends or execs.  A child may open
 * runtimes of its own, with other parts, also in a callback (first weir_thread_unbind).  A
 * callback must not return in a child: that ends there, with exit status 70 and a line on stderr.
 * Before exec nothing needs to be done.
 *
 * Signal handlers.  A handler may call weir_runtime_stop, which takes no lock and allocates
 * nothing, also while its thread is inside of weir; and weir_process_mask.  Nothing else: set a
 * flag, or write to a descriptor that some thread waits for, which then drains or pushes.
 */

/*
 * Waits until every stage has stopped; in the other two modes, runs the workers
 * on this thread until then: STEPPED sleeps until the next timer when nothing
 * else is left, and wakes for what other threads send meanwhile; SIMULATED moves
 * virtual time, in which the timeout counts.
 * Returns    WEIR_OK, or WEIR_TIMEOUT (also when a stepped runtime is at rest
 *            with stages that will never stop).
 * Errors     WRONG_THREAD (see above, both).
 */
weir_status weir_runtime_run(weir_runtime *runtime, uint64_t timeout_ns);

/*
 * STEPPED and SIMULATED: runs at most `turns` turns on this thread.  In one turn a stage handles
 * what waits for it, within bounds, and what it sends goes on to others of its worker.
 * Returns how many ran: fewer than asked only when everything is at rest, and 0 where it was
 * refused (weir_refusal): another thread steps the runtime, it has threads, or in a callback.
 */
size_t weir_runtime_step(weir_runtime *runtime, size_t turns);

/*
 * Waits until everything is at rest: no message anywhere, no demand that could
 * be served, no callback and no pool's task running, no token out (weir_busy).  In the
 * other two modes, steps until then, and waits for no token: who steps may hold it.
 * What the program's own threads do meanwhile is theirs to stop.
 * Returns    WEIR_OK, or WEIR_TIMEOUT.
 * Errors     WRONG_THREAD (see above).
 */
weir_status weir_runtime_settle(weir_runtime *runtime, uint64_t timeout_ns);

/*
 * SIMULATED: moves virtual time on by `ns`, running what becomes due meanwhile, in
 * order; everything is at rest when it returns.
 * Errors     WRONG_MODE, WRONG_THREAD.
 */
weir_status weir_runtime_advance(weir_runtime *runtime, uint64_t ns);

/* What keeps a stage from finishing; of several, the last one here is told, but for RATE. */
typedef enum weir_holdup {
    WEIR_HOLDUP_NONE = 0,
    WEIR_HOLDUP_PRODUCERS = 1, /* producers or feeders of its that have not ended    */
    WEIR_HOLDUP_STASH = 2,     /* it has a stash (weir_stash), and nothing else      */
    WEIR_HOLDUP_DEMAND = 3,    /* it keeps events that nobody asks it for            */
    WEIR_HOLDUP_TIMERS = 4,    /* timers with a message that are to come             */
    WEIR_HOLDUP_MAIL = 5,      /* casts, infos or calls that are not handled         */
    WEIR_HOLDUP_TOKENS = 6,    /* work outside that is not given back (weir_busy)    */
    WEIR_HOLDUP_TASKS = 7,     /* a pool: tasks of its run                           */
    WEIR_HOLDUP_READER = 8,    /* a stream, or of its own events: they are not read  */
    WEIR_HOLDUP_WORK = 9,      /* it is at work on what it was sent, or about to end */
    WEIR_HOLDUP_CALLBACK = 10, /* one of its callbacks does not return               */
    WEIR_HOLDUP_RATE = 11,     /* it waits for its rate (rate.h); told before TIMERS */
    WEIR_HOLDUP_WRITES = 12    /* a poller: descriptors wait to be written to        */
} weir_holdup;

/* The word for it ("tokens"). */
const char *weir_holdup_text(weir_holdup holdup);

/* What weir_runtime_drain found.  It names the cause and not who suffers from it: a stage that
 * waits for another one is named only when that one holds nothing up itself. */
typedef struct weir_drain_report {
    weir_accounts accounts; /* when it returned                                      */
    size_t stages;          /* still alive: 0 when all is drained                    */
    weir_ref stage;         /* of those, one that holds it up                        */
    char name[64];          /* its name, cut off; "" when all is drained             */
    weir_holdup why;
    weir_ref waits_for;      /* whom it waits for, where that is a stage: the consumer that  */
                             /* does not ask, the producer that does not end; else {0}       */
    char waits_for_name[64]; /* or "partition 1", when nobody has that                   */
    char path[256];        /* how that was found: "all -> zip -> drop": each waits for the next; */
                           /* one that leads round, with WORK: what goes round never leaves      */
    bool stalled;          /* nothing moves any more: without help it will stay like this */
    uintptr_t reserved[8]; /* for later versions (version.h)                     */
} weir_drain_report;

/*
 * Drains the runtime: tells every stage to finish (weir_finish), so producers make no more,
 * inlets take no more once who feeds them is through, everything in flight is handled, what
 * stages keep is emitted (handle_end), and waits until all stages have stopped.  Of a ring
 * of stages that feed each other nobody can be the first to end: they are ended together when
 * no event goes round any more, and shortly before that they take nothing more from threads that
 * are at work in no stage (NO_STAGE).  From then on no stage can be started; what is left is
 * weir_runtime_close.
 * What waits only in the state of a stage without handle_end, or in the program's threads
 * without a token, is not seen.
 * Arguments  report may be NULL.
 * Returns    WEIR_OK when all stages have ended: the accounts then show what became of each
 *            event (where somebody stopped a stage meanwhile, or one failed: `discarded`);
 *            TIMEOUT with what holds it up in the report, also when a stepped runtime is at
 *            rest before, whatever other threads may yet bring.  It may be called again.
 *            To find out takes up to a tenth of a second when a callback does not return;
 *            without a report nothing is asked.
 * Errors     WRONG_THREAD (see above).
 */
weir_status weir_runtime_drain(weir_runtime *runtime, uint64_t timeout_ns,
                               weir_drain_report *report);

/*
 * The same without waiting: begins to drain, and tells when it is over.
 * Arguments  done: unless NULL, called once with what weir_runtime_drain would have returned,
 *            on a thread of its own, or on the one that steps the runtime; it may not
 *            wait for the runtime (WRONG_THREAD).
 *            fd: unless NULL, receives a descriptor that becomes readable when it is over, after
 *            `done`; it is weir's, until weir_runtime_close.  weir_runtime_drain with timeout
 *            0 then has the report.
 * Errors     INVALID (one that was begun is not over; when it is, also in its `done`, the next
 *            may be begun), SYSTEM (no thread, or no descriptor), NO_MEMORY, CLOSED (the runtime
 *            is closing): nothing has begun.
 * Threads    any, also inside callbacks.
 */
weir_status weir_runtime_drain_begin(weir_runtime *runtime, uint64_t timeout_ns,
                                     void (*done)(void *context, weir_status status,
                                                  const weir_drain_report *report),
                                     void *context, int *fd);

/*
 * Who holds events up, whether the runtime drains or not: fills the report as a drain does
 * whose time is over.  After weir_runtime_settle it tells a stall from rest: `stalled` is true
 * when everything is at rest while events wait, with whom they wait, and for whom.
 * Returns    WEIR_OK; in the report `stage` is {0} when nobody holds anything up.
 * Errors     WRONG_THREAD (see above), INVALID.
 */
weir_status weir_runtime_holdup(weir_runtime *runtime, weir_drain_report *report);

/* Tells every stage started before to stop, as weir_stop does.  Does not wait. */
weir_status weir_runtime_stop(weir_runtime *runtime, weir_reason reason);

/*
 * Stops what still runs (reason SHUTDOWN), joins the workers and frees
 * everything, the runtime too.  accounts, unless NULL, receives the final
 * accounts.  No other thread may use the runtime during or after the call.
 * Returns    WEIR_OK; TIMEOUT when for close_ns (an option of the runtime) no stage has ended,
 *            because a callback does not return: the log says whose, and after a second in any
 *            case.  Nothing was freed then, and what callbacks use must not be either; call it
 *            again to wait on.  (Callbacks can ask: weir_ending_here.)
 * Errors     WRONG_THREAD (see above).
 */
weir_status weir_runtime_close(weir_runtime *runtime, weir_accounts *accounts);

/* How many workers there are, but for the timely one (WEIR_TIMELY_WORKER, stage.h); how many stages
 * are alive (an estimate). */
unsigned weir_runtime_workers(const weir_runtime *runtime);
size_t weir_runtime_stages(const weir_runtime *runtime);

/* Where memory comes from: "jemalloc", "libc", "user" or "pages" (weir_memory_options). */
const char *weir_runtime_allocator(const weir_runtime *runtime);

/*
 * Has the runtime's log say a line, cut off behind 511 bytes: for what is built upon weir, a
 * binding say, and for callbacks that have nowhere else to say it.
 * Arguments  level: one of the three; with another nothing is logged (weir_refusal).
 *            format: as printf's.
 * Cost       what the log takes; it may be called on several threads at once.
 * Threads    any, also inside callbacks.
 */
void weir_log(weir_runtime *runtime, weir_log_level level, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Nanoseconds since some fixed moment; in SIMULATED mode, virtual: from 0 to 2^63 - 1, where
 * it stays.  It never goes back.  Threads: any. */
uint64_t weir_runtime_now(const weir_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
