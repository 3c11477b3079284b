/*
 * Functions on a worker: a stage that does what it is told, and stops.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/on_worker.h"

#include <string.h>

static weir_verdict do_deed(weir_stage *self, const void *message, size_t bytes) {
    on_worker_deed *what;
    (void)bytes;
    memcpy(&what, message, sizeof what);
    what(weir_stage_runtime(self));
    return WEIR_STOP;
}

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

bool on_worker_cast(weir_runtime *runtime, unsigned worker, on_worker_deed *what) {
    weir_ref stage;
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .takes_bytes = 8,
                                        .worker = worker,
                                        .on = {.handle_events = take_none, .handle_cast = do_deed}};
    return weir_stage_start(runtime, &options, &stage) == WEIR_OK &&
           weir_cast(runtime, stage, &what, sizeof what) == WEIR_OK &&
           weir_runtime_settle(runtime, WEIR_FOREVER) == WEIR_OK;
}

bool on_worker_do(const weir_runtime_options *options, on_worker_deed *what) {
    weir_runtime *runtime;
    if (weir_runtime_open(options, &runtime) != WEIR_OK) return false;
    const bool done = on_worker_cast(runtime, 0, what);
    return weir_runtime_close(runtime, NULL) == WEIR_OK && done;
}
