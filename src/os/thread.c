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
 * hide a crash from the host's crash handler.  So is SIGSYS, by which a filter of system calls
 * (seccomp) has a handler stand in for one: where it is blocked the process is killed.  SIGPROF
 * goes to the thread that runs as a profiler's clock ticks: where it is blocked the profile
 * shows nothing of what callbacks do.
 *
 * It would inherit its creator's cores, too; that is right for who was given his by the program,
 * and wrong for one that was pinned here, a worker: what a worker starts may run wherever the
 * process may.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/thread.h"

#include "base/atomic.h"
#include "os/cores.h"
#include "os/futex.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The process in which this thread was started here; 0: it was not. */
static _Thread_local pid_t ours;

bool weir__thread_is_ours(void) {
    return ours != 0 && ours == getpid();
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

enum { NOT_ITS_CHILDREN = 1 /* a flag: what it starts has none of this */ };

/* Of the calling thread.  (musl's sched_setscheduler only says that it cannot.) */
static int set_attributes(struct attributes *attributes) {
    attributes->bytes = sizeof *attributes;
    return syscall(SYS_sched_setattr, 0, attributes, 0) == 0 ? 0 : errno;
}

static int take_traits(const struct weir__thread_traits *traits) {
    if (traits->realtime != 0) {
        struct attributes attributes = {
            .policy = SCHED_RR, .flags = NOT_ITS_CHILDREN, .priority = (uint32_t)traits->realtime};
        return set_attributes(&attributes);
    }
    struct attributes attributes = {.policy = SCHED_OTHER, .nice = traits->nice};
    return traits->nice == 0 ? 0 : set_attributes(&attributes);
}

/* Whether who starts it waits until it has what was asked for. */
static bool is_awaited(const struct weir__thread *thread) {
    return thread->traits.nice != 0 || thread->traits.realtime != 0;
}

/* False: it has not got its traits, and ends. */
static bool settle_traits(struct weir__thread *thread) {
    const int error = take_traits(&thread->traits);
    thread->refused = error;
    weir__store_release_u32(&thread->settled, 1); /* TH1 -> TH2 */
    weir__futex_wake(&thread->settled, 1);
    return error == 0;
}

static void *enter_thread(void *argument) {
    struct weir__thread *thread = argument;
    ours = getpid();
    pthread_setname_np(pthread_self(), thread->name);
    if (!is_awaited(thread) || settle_traits(thread)) {
        thread->run(thread->argument);
    }
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
    sigdelset(mask, SIGSYS);
    sigdelset(mask, SIGPROF);
}

static int create_thread(struct weir__thread *thread) {
    const size_t stack_bytes = thread->traits.stack_bytes;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) return error;
    if (stack_bytes != 0) error = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (error == 0) error = pthread_create(&thread->handle, &attributes, enter_thread, thread);
    pthread_attr_destroy(&attributes);
    return error;
}

/* It has been pinned here: whom it starts is not to share its core. */
static _Thread_local bool is_pinned;

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

/* 0, or an errno value: then the thread has ended. */
static int await_traits(struct weir__thread *thread) {
    while (weir__load_acquire_u32(&thread->settled) == 0) { /* TH1 -> TH2 */
        weir__futex_wait(&thread->settled, 0, UINT64_MAX);
    }
    if (thread->refused != 0) weir__thread_join(thread);
    return thread->refused;
}

int weir__thread_start_as(struct weir__thread *thread, const struct weir__thread_traits *traits,
                          const char *name, void (*run)(void *argument), void *argument) {
    *thread = (struct weir__thread){.run = run, .argument = argument, .traits = *traits};
    snprintf(thread->name, sizeof thread->name, "%s", name);
    sigset_t blocked, before;
    fill_mask(&blocked);
    int error = pthread_sigmask(SIG_BLOCK, &blocked, &before);
    if (error != 0) return error;
    error = is_pinned ? create_anywhere(thread) : create_thread(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 && is_awaited(thread) ? await_traits(thread) : error;
}

int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument) {
    static const struct weir__thread_traits usual = {.nice = 0};
    return weir__thread_start_as(thread, &usual, name, run, argument);
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

void weir__thread_wake_soon(bool renices) {
    enum { SLICE_NS = 100000 /* the shortest that there is */, NICE = -10 };
    struct attributes attributes = {.bytes = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0 &&
        attributes.policy == SCHED_OTHER) {
        const int32_t nice = attributes.nice;
        attributes.flags |= NOT_ITS_CHILDREN;
        attributes.runtime = SLICE_NS;
        attributes.nice = !renices || nice < NICE ? nice : NICE;
        if (set_attributes(&attributes) != 0) {
            attributes.nice = nice; /* for which a right is needed */
            set_attributes(&attributes);
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
