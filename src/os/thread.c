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
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/thread.h"

#include "os/cores.h"

#include <errno.h>
#include <signal.h>
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

int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument) {
    thread->run = run;
    thread->argument = argument;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    sigset_t blocked, before;
    fill_mask(&blocked);
    int error = pthread_sigmask(SIG_BLOCK, &blocked, &before);
    if (error != 0) return error;
    error = pthread_create(&thread->handle, NULL, enter_thread, thread);
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
    return pthread_setaffinity_np(pthread_self(), sizeof mask, &mask.set);
}

unsigned weir__thread_core(void) {
    return (unsigned)sched_getcpu();
}

void weir__thread_yield(void) {
    sched_yield();
}
