/*
 * Errands: what a thread that is no worker does for a runtime.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A pool's task, its `start` where a child is started by hand, a log, the init of a
 * stage: functions of the program's that the runtime calls, on a thread of its own
 * or of the program's.  A call that waits for the whole runtime would wait for them,
 * or free what they return to; so it is refused there, as it is in callbacks.
 *
 * A thread's own errands are on a list through their callers' frames: one may drive
 * another runtime, whose functions may be errands in turn.
 */
#ifndef WEIR__RUNTIME_ERRAND_H
#define WEIR__RUNTIME_ERRAND_H

#include <weir/runtime.h>

struct weir__errand {
    const weir_runtime *runtime;
    const char *what; /* for the refusal: "task" */
    weir_ref stage;   /* on whose behalf; {0}: nobody's */
    const struct weir__errand *outer;
};

/* This thread's, the innermost one; NULL: none. */
extern _Thread_local const struct weir__errand *weir__errands;

/* Around the call of such a function. */
void weir__errand_begin(struct weir__errand *errand, const weir_runtime *runtime, const char *what);
void weir__errand_end(const struct weir__errand *errand);

/* The stage of that runtime on whose behalf this thread runs a function of the program's: in
 * a callback, or a pool's task; {0}: none. */
weir_ref weir__errand_stage(const weir_runtime *runtime);

/* WEIR_OK, INVALID (runtime is NULL), or WRONG_THREAD: `call` would wait for who calls it. */
weir_status weir__check_outside(const weir_runtime *runtime, const char *call);

#endif
