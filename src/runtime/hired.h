/*
 * Hired: threads of a runtime's, as the program wants them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All threads that run functions of the program's are hired here: workers, and those of pools,
 * sources and drains.  Each is named, has the traits that the option `threads` says, and calls
 * the program's hooks as it begins and ends.  Who hires it joins it, before the runtime goes.
 */
#ifndef WEIR__RUNTIME_HIRED_H
#define WEIR__RUNTIME_HIRED_H

#include "os/thread.h"

#include <weir/runtime.h>

/* What a runtime keeps of the option. */
struct weir__hiring {
    weir_thread_options options; /* zeros: there is none */
    char name[WEIR_THREAD_NAME_MOST + 1];
};

struct weir__hired {
    struct weir__thread thread;
    const weir_runtime *runtime;
    weir_thread_kind kind;
    unsigned number;
    void (*begin)(void *argument);
    void (*run)(void *argument);
    void *argument;
};

/* The option's values; NULL: none.  WEIR_OK, or INVALID: which of them. */
weir_status weir__hiring_check(const weir_thread_options *options);
void weir__hiring_open(struct weir__hiring *hiring, const weir_thread_options *options);

/* What a thread is for. */
struct weir__job {
    weir_thread_kind kind;
    unsigned number;
    void (*begin)(void *argument); /* before the hook, or NULL */
    void (*run)(void *argument);
    void *argument;
};

/*
 * `hired` stays in place until it is joined.  who: for the refusal, "worker 0 of 2".
 * Errors   SYSTEM: it was not started, and need not be joined.
 */
weir_status weir__hire(const weir_runtime *runtime, struct weir__hired *hired, const char *who,
                       const struct weir__job *job);
void weir__hired_join(struct weir__hired *hired);

#endif
