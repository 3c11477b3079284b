/*
 * The runtime's counters: the sheet, the file that it may be, and the workers' slots.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__RUNTIME_COUNTERS_H
#define WEIR__RUNTIME_COUNTERS_H

#include "runtime/runtime.h"

/* Opens the sheet, and each worker's slot in it.  Errors: NO_MEMORY, SYSTEM (there can be no such
 * file as the options want); one that the environment wants is said in the log only. */
weir_status weir__counters_open(weir_runtime *runtime);

/* Takes a slot for a worker, of that number, and fills it.  False: no memory. */
bool weir__counters_worker(weir_runtime *runtime, struct weir__worker *worker, uint32_t *number);

/* All stages and workers have gone. */
void weir__counters_close(weir_runtime *runtime);

#endif
