/*
 * The poller: a stage that descriptors drive, so that a service needs no loop of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A poller is a stage of the program's whose worker waits for descriptors as well: sockets, pipes,
 * timers, signals.  Those it is given (weir_poller_add), in its callbacks; each has a function
 * that is called, as a callback of the stage, when it can be read or written without waiting.
 *
 * Back-pressure goes on to the sockets: while nothing is asked of the stage (weir_open_demand is
 * 0, it accumulates, or something waits in its buffer) no descriptor is polled for reading, so
 * what peers write waits in the kernel, and then with them.  Reading goes on when somebody asks
 * again.  The stage's buffer holds what one call has read beyond what was asked, and no more is
 * read until that has gone.  (A consumer is asked for nothing: it reads at any time.)
 *
 * A descriptor belongs to the poller from weir_poller_add on: it is closed once, by
 * weir_poller_close or, of all that are left, when the stage ends, for whatever reason; `closed`
 * is told before that. Two stages may have descriptors of one socket (dup), one that reads, say,
 * and one that writes.
 *
 * Whose it is.  Nobody else may close a descriptor that a poller has, and two pollers must not have
 * the same one: each would close it, the second time somebody else's of that number.  A `dup` of it
 * is another.  (One that was closed behind its back is waited for no more, unless a copy of it is
 * open somewhere, and stays in the table: weir_poller_want refuses it, weir_poller_remove and
 * weir_poller_close take it out and close nothing, and the log has an error.)
 *
 * A supervisor's child is a poller by `start` (supervisor.h), which calls weir_poller_start: with
 * `stage` it would be a stage without descriptors.  Each start opens its listeners and what else it
 * has in its init; a listener that is to outlive a restart is the program's, and init adds a dup.
 * Processors and batchers of a pipeline are no pollers.
 *
 * A drain (weir_runtime_drain, weir_finish): no connection is accepted any more, and none is read.
 * As long as a descriptor is waited for to be written to, the stage does not end
 * (WEIR_HOLDUP_WRITES); the drain's timeout says how long that may take.  Then all are closed.
 *
 *   static weir_verdict readable(weir_stage *self, int fd, unsigned ready, void *context) {
 *       ssize_t got = read(fd, bytes, sizeof bytes);
 *       if (got <= 0 && errno != EAGAIN) return weir_poller_close(self, fd), WEIR_CONTINUE;
 *       ... weir_emit(self, ...)
 *   }
 */
#ifndef WEIR_POLLER_H
#define WEIR_POLLER_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a descriptor is waited for; any of these together, or none of them for now.  Its function is
 * told which of them it is.
 *   READ         it can be read, or it has ended or is broken, which read says; while the stage is
 *                asked for events, and does not finish
 *   READ_ALWAYS  the same, at any time: signals, timers, commands; told as READ
 *   WRITE        it can be written to, or is broken, which write says (send with MSG_NOSIGNAL)
 *   ACCEPT       a connection has come; while there are fewer descriptors than `most`, the stage
 *                does not finish, and no weir_poller_accept has found the process without
 *                descriptors a moment ago
 * A descriptor that has ended stays ready to be read: who still writes to it, after half-close,
 * waits for WRITE alone then.  A broken one of which only READ is waited for is noticed when it
 * is asked for events again.
 */
#define WEIR_POLL_READ        1u
#define WEIR_POLL_READ_ALWAYS 2u
#define WEIR_POLL_WRITE       4u
#define WEIR_POLL_ACCEPT      8u

typedef struct weir_poller_watch {
    unsigned want; /* as above */
    /*
     * Called, as a callback of the stage (it may emit), each time that the descriptor is ready, and
     * again as long as it is: once for each, in turn, so a busy one keeps no others waiting.
     * What it does should be bounded likewise: one read, say.
     */
    weir_verdict (*ready)(weir_stage *self, int fd, unsigned ready, void *context);
    /* Unless NULL: the descriptor is about to be closed, and is the poller's no more: `context` may
     * be freed.  Once for each that was added and not removed.  It must not emit, add or close. */
    void (*closed)(weir_stage *self, int fd, void *context);
    void *context;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_poller_watch;

#define WEIR_POLLER_MOST_DEFAULT 10000

typedef struct weir_poller_options {
    /* The stage, of any kind; required.  A producer needs no handle_demand, and it is not called.
     * buffer_size: 0 is WEIR_INFINITY here: it never holds more than one call has read. */
    const weir_stage_options *stage;
    size_t most; /* descriptors that it may have, listeners included; default 10000; 1..2^31 - 1 */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_poller_options;

/*
 * Starts a stage that is a poller from its init on, where it may add descriptors already.
 * Errors     as weir_stage_start; INVALID (most); SYSTEM: there are no descriptors for it (it needs
 *            two, and its worker two more with its first poller).  What init had added is closed,
 *            on this thread, when the start fails after it; `closed` is told.
 * Worker     it sleeps in epoll instead of on a futex from then on, and is woken by either side.
 *            Between turns of a busy worker, descriptors are looked at every 20 microseconds or so.
 * Modes      in a stepped or simulated runtime each step looks, and waits for nothing: at rest it
 *            is when no descriptor is ready.  What comes from outside is not of a simulation's
 *            seed.
 * Threads    any, as weir_stage_start.
 */
weir_status weir_poller_start(weir_runtime *runtime, const weir_poller_options *options,
                              weir_ref *out);

/*
 * Gives the poller a descriptor, which is made non-blocking (for all who share it).
 * Returns    WEIR_OK; WEIR_FULL: it has `most` already: the descriptor is the caller's still.
 * Errors     INVALID (it is none, or one that cannot be waited for, as a file, or it has it
 *            already; want, ready), NO_MEMORY, SYSTEM; WRONG_THREAD: not in a callback of the
 *            stage (also one of its descriptors), or the stage is no poller.  The descriptor is
 * the caller's then.
 * Cost       an allocation and one or two system calls.
 */
weir_status weir_poller_add(weir_stage *self, int fd, const weir_poller_watch *watch);

/*
 * A connection of a listener that the poller has: non-blocking, closed on exec; the caller's, who
 * adds it as a rule.
 * Returns    WEIR_OK: *out; WEIR_TIMEOUT: there is none (any more); WEIR_FULL: the process, or the
 *            system, has no descriptor or memory for it (EMFILE, ENFILE, ENOBUFS, ENOMEM).  The
 *            connection waits; so that the listener, which stays ready, does not call for nothing
 *            all the time, none of the poller's listeners is waited for (ACCEPT) for 10 ms, then
 *            20, up to a second, until a connection was accepted; sooner when weir_poller_close
 *            closes one.  The log has a warning of it, at most one in ten seconds.
 *            Who calls accept by himself has such a pause to make himself (weir_poller_want, a
 *            timer).
 * Errors     INVALID: it has no such descriptor, it does not listen, out; SYSTEM; WRONG_THREAD as
 *            above.
 * Cost       a system call.
 */
weir_status weir_poller_accept(weir_stage *self, int listener, int *out);

/*
 * Waits for something else from now on.
 * Errors     INVALID: it has no such descriptor (or that was closed by others), or want; NO_MEMORY,
 *            SYSTEM; WRONG_THREAD as above.
 * Cost       one or two system calls; none when nothing changes.
 */
weir_status weir_poller_want(weir_stage *self, int fd, unsigned want);

/* Tells `closed`, and closes it.  Errors: INVALID, WRONG_THREAD as above. */
weir_status weir_poller_close(weir_stage *self, int fd);

/* The descriptor is the caller's again, and not closed.  Errors: as weir_poller_close. */
weir_status weir_poller_remove(weir_stage *self, int fd);

/* How many descriptors it has.  In its callbacks; 0 elsewhere, and of other stages. */
size_t weir_poller_count(const weir_stage *self);

#ifdef __cplusplus
}
#endif
#endif
