/*
 * Draining: a drain that nobody waits for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * runtime->drain is the last that was begun; one is begun when those before it are over
 * (T13 -> T14, T17 -> T18), by one thread at a time (T19 -> T20), and all are freed as the
 * runtime closes.  Its thread has the rest of it to itself; without threads, whoever steps the
 * runtime.
 */
#ifndef WEIR__RUNTIME_DRAIN_H
#define WEIR__RUNTIME_DRAIN_H

#include "runtime/runtime.h"

/* Without threads, after some steps: looks whether it is over.  rests: nothing was left to do;
 * true: there may be, now. */
bool weir__drain_step(weir_runtime *runtime, bool rests);

/* The runtime closes, and all stages have ended: whether every `done` has returned, which may
 * have asked for something.  Then there is no other to begin. */
bool weir__drain_told(weir_runtime *runtime);

/* In a child of fork: closes the descriptor of the last drain. */
void weir__drain_leave(weir_runtime *runtime);
void weir__drain_close(weir_runtime *runtime);

#endif
