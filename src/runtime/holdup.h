/*
 * Hold-ups: which stage keeps the others from coming to their end, and why.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__RUNTIME_HOLDUP_H
#define WEIR__RUNTIME_HOLDUP_H

#include "runtime/runtime.h"

/* Fills stage, name, why, waits_for and its name, and stalled; nothing when there is none. */
void weir__holdup_find(weir_runtime *runtime, weir_drain_report *report);

/* The stage in whose callback the worker has been for a while.  False: in none. */
bool weir__holdup_stuck(weir_runtime *runtime, weir_drain_report *report);

#endif
