/*
 * Threads: POSIX threads with signals kept away from them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A new thread inherits its creator's signal mask.  So the creator blocks
 * first and restores its own mask afterwards: blocking in the new thread would
 * leave a moment in which a handler of the host's could run there.
 *
 * The signals of a fault (SIGSEGV and its like) stay as they are: they are
 * always delivered to the thread that caused them, and blocking them would only
 * hide a crash from the host's crash handler.
 *
 * It would inherit its creator's cores, too; that is right for who was given his by the program,
 * and wrong for one that was pinned here, a worker: what a worker starts may run wherever the
 * process may.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/thread.h"

#include "os/cores.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *enter_thread(void *argument) {
    struct weir__thread *thread = argument;
    pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->argument);
    return NULL;
}

static void fill_mask(sigset_t *mask) {
    sigfillset(mask);
    sigdelset(mask, SIGSEGV);
    sigdelset(mask, SIGBUS);
    sigdelset(mask, SIGFPE);
    sigdelset(mask, SIGILL);
    sigdelset(mask, SIGTRAP);
    sigdelset(mask, SIGABRT);
}

/* It has been pinned here: whom it starts is not to share its core. */
static _Thread_local bool is_pinned;

static int create_thread(struct weir__thread *thread) {
    return pthread_create(&thread->handle, NULL, enter_thread, thread);
}

/* With the process's cores, which the creator has meanwhile.  (Not by an attribute: musl has none
 * for that.) */
static int create_anywhere(struct weir__thread *thread) {
    union weir__cores own, all;
    memset(&own, 0, sizeof own);
    const bool known = sched_getaffinity(0, sizeof own, &own.set) == 0;
    weir__topology_mask(&all);
    if (known) sched_setaffinity(0, sizeof all, &all.set);
    int error = create_thread(thread);
    if (known) sched_setaffinity(0, sizeof own, &own.set);
    return error;
}

int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument) {
    thread->run = run;
    thread->argument = argument;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    sigset_t blocked, before;
    fill_mask(&blocked);
    int error = pthread_sigmask(SIG_BLOCK, &blocked, &before);
    if (error != 0) return error;
    error = is_pinned ? create_anywhere(thread) : create_thread(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void weir__thread_join(struct weir__thread *thread) {
    pthread_join(thread->handle, NULL);
}

int weir__thread_pin(unsigned core) {
    return weir__thread_pin_among(&core, 1);
}

int weir__thread_pin_among(const unsigned *cores, unsigned count) {
    union weir__cores mask;
    memset(&mask, 0, sizeof mask);
    for (unsigned i = 0; i < count; i++) {
        if (cores[i] >= WEIR__CORES_MAX) return EINVAL;
        CPU_SET_S(cores[i], sizeof mask, &mask.set);
    }
    int error = pthread_setaffinity_np(pthread_self(), sizeof mask, &mask.set);
    is_pinned = is_pinned || error == 0;
    return error;
}

/* As the kernel knows it (struct sched_attr), up to what is set here. */
struct attributes {
    uint32_t bytes;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime; /* of a thread without priority: its slice, in ns */
    uint64_t deadline;
    uint64_t period;
};

void weir__thread_wake_soon(void) {
    enum { SLICE_NS = 100000 /* the shortest that there is */, NICE = -10, NOT_ITS_CHILDREN = 1 };
    struct attributes attributes = {.bytes = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0 &&
        attributes.policy == SCHED_OTHER) {
        const int32_t nice = attributes.nice;
        attributes.bytes = sizeof attributes;
        attributes.flags |= NOT_ITS_CHILDREN;
        attributes.runtime = SLICE_NS;
        attributes.nice = nice < NICE ? nice : NICE;
        if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) {
            attributes.nice = nice; /* for which a right is needed */
            syscall(SYS_sched_setattr, 0, &attributes, 0);
        }
    }
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

unsigned weir__thread_core(void) {
    return (unsigned)sched_getcpu();
}

void weir__thread_yield(void) {
    sched_yield();
}
