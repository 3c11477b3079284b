/*
 * Asking workers: a function is called with each worker, on its thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is found out about all stages of a runtime is found out so: nobody else touches a
 * worker's stages.  A worker that does not answer within a grace, a tenth of a second, is in a
 * callback.  Without threads the function is called at once.
 */
#ifndef WEIR__RUNTIME_ASKING_H
#define WEIR__RUNTIME_ASKING_H

#include "runtime/runtime.h"

enum { WEIR__ANSWER_BYTES = 256 };

/* Answers with at most WEIR__ANSWER_BYTES, which are zero before. */
typedef void weir__worker_query(struct weir__worker *worker, uint64_t argument, void *answer);

/*
 * WEIR_OK: answer has `bytes` of it.  TIMEOUT: the worker is in a callback; it will call the
 * function later.  Others: it could not be asked.
 */
weir_status weir__ask_worker(weir_runtime *runtime, struct weir__worker *worker,
                             weir__worker_query *function, uint64_t argument, void *answer,
                             size_t bytes);

/*
 * Asks all workers, at the same time: within one grace, and some more when they are many.
 * heard: is told of each, on the caller's thread; answer is NULL unless OK.
 */
void weir__ask_workers(weir_runtime *runtime, weir__worker_query *function, uint64_t argument,
                       size_t bytes,
                       void (*heard)(void *context, struct weir__worker *worker, weir_status status,
                                     const void *answer),
                       void *context);

#endif
