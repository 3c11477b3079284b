/*
 * Forked runtimes: see forked.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/forked.h"

#include "os/fork.h"
#include "os/lock.h"
#include "os/program.h"
#include "runtime/drain.h"
#include "runtime/errand.h"
#include "runtime/pins.h"
#include "runtime/rates.h"

#include <string.h>

static struct {
    uint32_t lock;
    weir_runtime *first;
} opened;

/* ---- the list ---------------------------------------------------------------- */

void weir__forked_open(weir_runtime *runtime) {
    runtime->forks = weir__forks;
    weir__lock(&opened.lock);
    runtime->next_open = opened.first;
    if (opened.first != NULL) {
        opened.first->previous_open = runtime;
    }
    opened.first = runtime;
    weir__unlock(&opened.lock);
}

void weir__forked_close(weir_runtime *runtime) {
    weir__lock(&opened.lock);
    *(runtime->previous_open != NULL ? &runtime->previous_open->next_open : &opened.first) =
        runtime->next_open;
    if (runtime->next_open != NULL) {
        runtime->next_open->previous_open = runtime->previous_open;
    }
    weir__unlock(&opened.lock);
}

/* ---- around a fork ----------------------------------------------------------- */

static void before_fork(void) {
    weir__lock(&opened.lock);
    weir__program_hold();
}

static void after_fork(void) {
    weir__program_let_go();
    weir__unlock(&opened.lock);
}

/* A daemon's that opens its runtimes later is a process like any other. */
static void in_child(void) {
    after_fork();
    if (opened.first == NULL) {
        return;
    }
    weir__forks++;
    weir__here = NULL;
    weir__errands = NULL;
    weir__starting = NULL;
    weir__pins_forget();
    weir__rates_forget();
    for (weir_runtime *runtime = opened.first; runtime != NULL; runtime = runtime->next_open) {
        weir__sheet_part(&runtime->sheet);
        weir__store_relaxed_u32(&runtime->quit, 1); /* a worker's copy, whose callback returns */
    }
}

WEIR__AT_START static void heed_forks(void) {
    weir__fork_around(before_fork, after_fork, in_child);
}

/* ---- in the child -------------------------------------------------------------- */

void weir__host_forked(const struct weir__host *host, const char *what) {
    if (host->forks != weir__forks) {
        weir__fork_returned(what);
    }
}

weir_status weir__forked_leave(weir_runtime *runtime, weir_accounts *accounts) {
    if (runtime == NULL) {
        return WEIR_INVALID;
    }
    weir__drain_leave(runtime);
    if (accounts != NULL) {
        memset(accounts, 0, sizeof *accounts);
    }
    return WEIR_OK;
}
