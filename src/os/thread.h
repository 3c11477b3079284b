/*
 * Threads: starting, pinning and joining them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A thread started here has every signal blocked but those of a fault of its own, so that the
 * host's handlers never run on a worker.  It may run where its creator may or, if that one has been
 * pinned here, wherever the process may.  All calls return 0 or an errno value.
 */
#ifndef WEIR__OS_THREAD_H
#define WEIR__OS_THREAD_H

#include <pthread.h>

struct weir__thread {
    pthread_t handle;
    void (*run)(void *argument);
    void *argument;
    char name[16];
};

/* The struct must stay in place until the join.  name: cut off after 15 characters. */
int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument);
void weir__thread_join(struct weir__thread *thread);

/* Pins the calling thread to one core. */
int weir__thread_pin(unsigned core);

/* Lets the calling thread run on any of these cores, and no others. */
int weir__thread_pin_among(const unsigned *cores, unsigned count);

/*
 * The calling thread sleeps much, works little, and is to run soon when it wakes: it asks for short
 * slices, for which it gets its turn earlier (Linux from 6.12 on), for a nice value of -10, where
 * the process may, and for timers that are not put off to save power.  What the system refuses
 * stays as it is, and so does a thread that has another policy (SCHED_RR).
 */
void weir__thread_wake_soon(void);

/* The core that the calling thread is on, a moment ago.  Some nanoseconds: no system call, where
 * the C library can do without. */
unsigned weir__thread_core(void);

/* Lets other threads that are ready for this core run, if there are any. */
void weir__thread_yield(void);

#endif
