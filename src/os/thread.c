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
#include <stdio.h>
#include <string.h>

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

/* With the process's cores, not its creator's; 0, or an errno value. */
static int create_anywhere(struct weir__thread *thread) {
    union weir__cores mask;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) return error;
    weir__topology_mask(&mask);
    error = pthread_attr_setaffinity_np(&attributes, sizeof mask, &mask.set);
    if (error == 0) error = pthread_create(&thread->handle, &attributes, enter_thread, thread);
    pthread_attr_destroy(&attributes);
    return error;
}

static int create_thread(struct weir__thread *thread) {
    return is_pinned ? create_anywhere(thread)
                     : pthread_create(&thread->handle, NULL, enter_thread, thread);
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
    error = create_thread(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void weir__thread_join(struct weir__thread *thread) {
    pthread_join(thread->handle, NULL);
}

int weir__thread_pin(unsigned core) {
    union weir__cores mask;
    if (core >= WEIR__CORES_MAX) return EINVAL;
    memset(&mask, 0, sizeof mask);
    CPU_SET_S(core, sizeof mask, &mask.set);
    int error = pthread_setaffinity_np(pthread_self(), sizeof mask, &mask.set);
    is_pinned = is_pinned || error == 0;
    return error;
}

unsigned weir__thread_core(void) {
    return (unsigned)sched_getcpu();
}

void weir__thread_yield(void) {
    sched_yield();
}
