/*
 * Threads: how those that weir starts are, and who is to know of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * weir starts threads where a runtime has WEIR_THREADS: its workers, the timely one, those of
 * pools, one for each source whose driver may block, and one for a drain that nobody waits for.
 * Functions of the program's run on all of them.
 *
 * Signals.  Each has all signals blocked, so that handlers of the program's do not run there, but
 * for those that are the thread's own, which stay as who starts it has them: of a fault (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT), of a system call that a filter traps (SIGSYS), and of
 * a profiler (SIGPROF).  System calls in callbacks may thus end early (EINTR) while a profiler
 * runs, as anywhere.
 *
 * Cores.  A worker is pinned to one core, unless the runtime is `unpinned`.  The others may run
 * wherever the process may.
 *
 * What callbacks make.  A thread or a process that a callback makes inherits the worker's blocked
 * signals and its core, as POSIX and Linux have it, and knows nothing of SIGTERM.  A thread calls
 * weir_thread_unbind first.  So does a child between fork and exec.  posix_spawn sets signals
 * by its attributes (weir_process_mask), but no cores: from a task of a pool, whose thread is
 * pinned to none, it needs no more than that.
 */
#ifndef WEIR_THREAD_H
#define WEIR_THREAD_H

#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_thread_kind {
    WEIR_THREAD_WORKER = 0, /* a worker, by its number: callbacks of stages     */
    WEIR_THREAD_TIMELY = 1, /* the timely worker (WEIR_TIMELY_WORKER), likewise */
    WEIR_THREAD_POOL = 2,   /* of a pool, by its number there: tasks            */
    WEIR_THREAD_SOURCE = 3, /* of a source: its driver                          */
    WEIR_THREAD_DRAIN = 4   /* `done` of weir_runtime_drain_begin               */
} weir_thread_kind;

/* One of weir's threads, as its hooks are told. */
typedef struct weir_thread {
    const char *name; /* as the system shows it, until the hook returns */
    weir_thread_kind kind;
    unsigned number;
    uintptr_t reserved[2]; /* for later versions (version.h) */
} weir_thread;

#define WEIR_THREAD_NAME_MOST  10
#define WEIR_STACK_BYTES_LEAST 65536
#define WEIR_STACK_BYTES_MOST  1073741824
#define WEIR_REALTIME_MOST     99

/* The option `threads` of weir_runtime_options.  Copied.  What a runtime without threads is given
 * is checked, and has no effect. */
typedef struct weir_thread_options {
    /*
     * Unless NULL, called on each of weir's threads: before the first function of the program's
     * that runs there, pinned and with its priority; and behind the last one.  To attach a virtual
     * machine and to detach it, to name, to count, to set what is not set here.  Each on_start that
     * was called is followed by an on_stop, before weir_runtime_close, weir_pool_close or
     * weir_source_close returns.  A stage's init runs on the thread that starts the stage, which
     * may be none of these.  They may not wait for the runtime (WRONG_THREAD), and hold up what
     * runs on their thread, and weir_runtime_settle; several run at once.
     */
    void (*on_start)(void *context, const weir_thread *thread);
    void (*on_stop)(void *context, const weir_thread *thread);
    void *context;
    /*
     * What their names begin with, 1..10 characters; default "weir".  Of "ingest" they are ingest/0
     * and so on, ingest/timely, ingest-pool/0, ingest-source, ingest/drain.  The system shows 15
     * characters: where a name is longer its beginning is cut off short, and the number stays.
     */
    const char *name;
    /* The stacks' size, 64 KiB..1 GiB, of all of them; default: the C library's (glibc: as
     * ulimit -s says, mostly 8 MiB; musl: 128 KiB).  weir itself needs less than 64 KiB; callbacks,
     * tasks and drivers may need more.  What is not touched takes no memory, unless the program has
     * said mlockall(MCL_FUTURE): then say here what it needs. */
    size_t stack_bytes;
    /* The nice value of all of them, -20 (gets the most) to 19; default: that of who opens the
     * runtime, pool or source.  Below the caller's own it needs a right: CAP_SYS_NICE or
     * RLIMIT_NICE. */
    int nice;
    /* 1..99: workers, and the timely one, run with this real-time priority (SCHED_RR), before all
     * that has none; needs a right: CAP_SYS_NICE or RLIMIT_RTPRIO.  What they start does not
     * inherit it, other threads of weir's do not have it.  Default: as who opens the runtime.
     * A worker that spins, or callbacks without an end, then take all of a core. */
    int realtime;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_thread_options;

/*
 * The calling thread is to be as the program's own, and not as the worker's which has made it:
 * signals as weir_process_mask has them, and all cores of the process.  For threads that a callback
 * makes, first of all; and for a child, between fork and exec.
 * Errors     WRONG_THREAD: it is one of weir's own, which stay as they are; SYSTEM: the cores
 *            could not be set.
 * Threads    any, and children of the process.  Async-signal-safe, unless it is refused.
 */
weir_status weir_thread_unbind(void);

/*
 * The signals which the program has blocked: those that the last thread of its own to open a
 * runtime had then; before there was one, the calling thread's.  For posix_spawnattr_setsigmask
 * in a callback.  A thread that a callback has made calls weir_thread_unbind before it opens a
 * runtime: else a worker's signals are taken for the program's.
 * Arguments  signals: a sigset_t.  (Its name is not here, so that <signal.h> is the program's to
 *            include.)
 * Errors     INVALID.
 * Threads    any, and children of the process.  Async-signal-safe.
 */
weir_status weir_process_mask(void *signals);

#ifdef __cplusplus
}
#endif
#endif
