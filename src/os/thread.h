/*
 * Threads: starting, pinning and joining them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread started here has every signal blocked, so that the host's handlers do not run on a
 * worker, but for those that are its own: of a fault, of a system call that a filter traps
 * (SIGSYS), and of a profiler's clock (SIGPROF).  It may run where its creator may or, if that one
 * has been pinned here, wherever the process may.  All calls return 0 or an errno value.
 *
 * Shared: `settled`, of a thread for which a nice value or a priority is asked.  Writer: the new
 * thread, once.  Reader: who starts it, and waits for it.
 *   TH1 -> TH2  settled (release) -> (acquire): `refused` and the errno value are out before.
 * Progress: who starts waits for a few system calls of the new thread.  Wrap: nothing.
 */
#ifndef WEIR__OS_THREAD_H
#define WEIR__OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a thread is to be; zeros: as its creator is. */
struct weir__thread_traits {
    size_t stack_bytes; /* 0: the C library's default                                        */
    int nice;           /* -20..19; 0: its creator's                                         */
    int realtime;       /* 1..99: SCHED_RR with that priority, of which its children get nothing */
};

struct weir__thread {
    pthread_t handle;
    void (*run)(void *argument);
    void *argument;
    char name[16];
    struct weir__thread_traits traits;
    int refused;      /* of the traits: an errno value */
    uint32_t settled; /* atomic: 1: it has what was asked for, or not */
};

/* The struct must stay in place until the join.  name: cut off after 15 characters. */
int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument);

/* Likewise, but with these traits, or not at all.  What the system refuses a nice value or a
 * priority with is in `refused`, too. */
int weir__thread_start_as(struct weir__thread *thread, const struct weir__thread_traits *traits,
                          const char *name, void (*run)(void *argument), void *argument);
void weir__thread_join(struct weir__thread *thread);

/* Pins the calling thread to one core. */
int weir__thread_pin(unsigned core);

/* Lets the calling thread run on any of these cores, and no others. */
int weir__thread_pin_among(const unsigned *cores, unsigned count);

/* Whether the calling thread was started here; not in a child that it has forked. */
bool weir__thread_is_ours(void);

/*
 * The calling thread sleeps much, works little, and is to run soon when it wakes: it asks for short
 * slices, for which it gets its turn earlier (Linux from 6.12 on), for a nice value of -10, where
 * the process may and `renices`, and for timers that are not put off to save power.  What the
 * system refuses stays as it is, and so does a thread that has another policy (SCHED_RR).
 */
void weir__thread_wake_soon(bool renices);

/* The core that the calling thread is on, a moment ago.  Some nanoseconds: no system call, where
 * the C library can do without. */
unsigned weir__thread_core(void);

/* Lets other threads that are ready for this core run, if there are any. */
void weir__thread_yield(void);

#endif
