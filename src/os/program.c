/*
 * The program: see program.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/program.h"

#include "os/cores.h"
#include "os/lock.h"
#include "os/thread.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { SIGNALS = 64 /* of the kernel's, from 1 on; a C library keeps some for itself */ };

static struct {
    uint32_t lock;
    uint32_t process; /* atomic: its number, as it opened a runtime */
    uint64_t blocked; /* atomic: a bit for each signal              */
    union weir__cores cores;
} noted;

static uint64_t blocked_here(void) {
    sigset_t mask;
    uint64_t blocked = 0;
    if (pthread_sigmask(SIG_BLOCK, NULL, &mask) != 0) {
        return 0;
    }
    for (int number = 1; number <= SIGNALS; number++) {
        blocked |= (uint64_t)(sigismember(&mask, number) == 1) << (number - 1);
    }
    return blocked;
}

void weir__program_note(void) {
    if (weir__thread_is_ours()) {
        return;
    }
    weir__lock(&noted.lock);
    weir__topology_mask(&noted.cores);
    weir__store_relaxed_u64(&noted.blocked, blocked_here());
    weir__store_relaxed_u32(&noted.process, (uint32_t)getpid());
    weir__unlock(&noted.lock);
}

void weir__program_hold(void) {
    weir__lock(&noted.lock);
}

void weir__program_let_go(void) {
    weir__unlock(&noted.lock);
}

void weir__program_signals(void *out) {
    sigset_t *signals = out;
    if (weir__load_relaxed_u32(&noted.process) == 0) {
        pthread_sigmask(SIG_BLOCK, NULL, signals);
        return;
    }
    const uint64_t blocked = weir__load_relaxed_u64(&noted.blocked);
    sigemptyset(signals);
    for (int number = 1; number <= SIGNALS; number++) {
        if ((blocked >> (number - 1) & 1) != 0) {
            sigaddset(signals, number); /* one of the C library's is left out */
        }
    }
}

/* In a child the first thread is the caller, whose core says nothing of the process. */
static int take_cores(void) {
    union weir__cores now;
    const uint32_t process = weir__load_relaxed_u32(&noted.process);
    const bool child = process != 0 && process != (uint32_t)getpid();
    if (!child) {
        weir__topology_mask(&now);
    }
    const union weir__cores *cores = child ? &noted.cores : &now;
    return sched_setaffinity(0, sizeof *cores, &cores->set) == 0 ? 0 : errno;
}

int weir__program_join(void) {
    sigset_t signals;
    weir__program_signals(&signals);
    const int error = take_cores();
    const int other = pthread_sigmask(SIG_SETMASK, &signals, NULL);
    return error != 0 ? error : other;
}
