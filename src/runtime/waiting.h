/*
 * Waiting: who may wait for a stage's answer, and how.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A callback that waits keeps its worker from everything else.  So each worker
 * says whom it waits for, and a call that would close a ring of waiting workers
 * is refused:
 *   writer of waits_for   the worker
 *   readers               workers about to wait
 *   U1 -> U2  Dekker: "say whom I wait for; full fence; follow the others": of
 *             the workers of a ring at least one sees the whole of it.  Two that
 *             say so at the same time may both be refused.
 */
#ifndef WEIR__RUNTIME_WAITING_H
#define WEIR__RUNTIME_WAITING_H

#include "runtime/post.h"

#include <weir/call.h>

/* WEIR_OK: this thread may wait for that stage.  End it with weir__waiting_end. */
weir_status weir__waiting_begin(weir_runtime *runtime, weir_ref stage, const char *call);
void weir__waiting_end(weir_runtime *runtime);

/*
 * Sends `head` with its payload to a stage, from a slot of its own, and waits for
 * the answer.  Errors as weir_call.
 */
weir_status weir__wait(weir_runtime *runtime, struct weir__message *head, const void *payload,
                       weir_answer *answer, uint64_t timeout_ns, const char *call);

/* The same for a stage that may have gone, and need not live: its worker answers.  WRONG_THREAD
 * also in a task of the stage's, which ends after its tasks. */
weir_status weir__wait_for_end(weir_runtime *runtime, struct weir__message *head,
                               weir_answer *answer, uint64_t timeout_ns, const char *call);

/* Waits for a function to be run with the stage, by mail or, on its own worker,
 * at once; what it answers goes to `room`. */
weir_status weir__ask_stage(weir_runtime *runtime, weir_ref stage, weir__query *function,
                            uint64_t argument, weir_answer *answer, uint64_t timeout_ns,
                            const char *call);

#endif
