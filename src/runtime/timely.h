/*
 * The timely worker: one more than a runtime's workers, for stages whose time is to be kept.
 * SPDX-License-Identifier: Apache-2.0
 *
 * No stage is placed on it but one that says so (WEIR_TIMELY_WORKER), so no callback there takes
 * long.  It opens with the first such stage, and stays until the runtime is closed.  It is the last
 * of `workers`; it sleeps as soon as it has nothing to do, and is pinned to no core: it runs on any
 * that the process may use, or, where the program has named cores, on any of the workers'.
 *
 * Shared: `timely` (runtime.h), 0 until it is open.  Writer: who opens it, under timely_lock.
 * Readers: any thread that does something with all workers; whoever does that while it opens has
 * done it before it was there, or finds it:
 *   T25 -> T26  timely (full) comes before its first stage reads `stops`, `draining` and a rate's
 *               terms; who changes these does so before it counts the workers (full): one of the
 *               two sees the other.  Who finds it sees it opened.
 * Progress: who opens it waits for others who do; reading is wait-free.  Wrap: nothing.
 */
#ifndef WEIR__RUNTIME_TIMELY_H
#define WEIR__RUNTIME_TIMELY_H

#include "runtime/runtime.h"

/*
 * Has the timely worker open.  WEIR_OK, also where it is open; NO_MEMORY; SYSTEM: its thread could
 * not be started.  Nothing is left behind then.
 */
weir_status weir__timely_open(weir_runtime *runtime);

/* The calling thread is the timely worker's: it may run where that may, and soon when it wakes. */
void weir__timely_begin(struct weir__worker *worker);

#endif
