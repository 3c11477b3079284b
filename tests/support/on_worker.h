/*
 * Functions on a worker: as a callback, whatever they look at.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_ON_WORKER_H
#define TESTS_SUPPORT_ON_WORKER_H

#include <weir/weir.h>

typedef void on_worker_deed(weir_runtime *runtime);

/* On a worker of that runtime, as `worker` of a stage's options has it; false: it could not be. */
bool on_worker_cast(weir_runtime *runtime, unsigned worker, on_worker_deed *what);

/* On one of a runtime with these options, which is opened and closed; false: there was none. */
bool on_worker_do(const weir_runtime_options *options, on_worker_deed *what);

#endif
