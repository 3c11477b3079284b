/*
 * Stepping: the workers of a runtime driven by the caller's thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * STEPPED visits the workers in rotation.  SIMULATED draws the next worker
 * from the seed, a few turns at a time so that long and short bursts both
 * occur, and moves virtual time on: the same seed gives the same run.
 */
#include "base/refusal.h"
#include "runtime/runtime.h"

enum { VIRTUAL_TURN_NS = 1000 };

static unsigned next_worker(weir_runtime *runtime) {
    if (runtime->options.mode == WEIR_STEPPED) {
        return runtime->next_step++ % runtime->worker_count;
    }
    /* Half of the time the same worker goes on. */
    if (weir__rng_below(&runtime->rng, 2) == 0) {
        runtime->next_step = (unsigned)weir__rng_below(&runtime->rng, runtime->worker_count);
    }
    return runtime->next_step;
}

static enum weir__step step(weir_runtime *runtime, unsigned index) {
    struct weir__worker *worker = &runtime->workers[index];
    weir__here = &worker->host;
    enum weir__step result = weir__worker_step(worker);
    weir__here = NULL;
    runtime->virtual_ns += VIRTUAL_TURN_NS;
    return result;
}

/* One turn of any worker, beginning with `first`.  False: all are cold. */
static bool step_any(weir_runtime *runtime, unsigned first) {
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        if (step(runtime, (first + i) % runtime->worker_count) != WEIR__STEP_COLD) {
            return true;
        }
    }
    return false;
}

size_t weir_runtime_step(weir_runtime *runtime, size_t turns) {
    if (runtime->options.mode == WEIR_THREADS || weir__here != NULL) {
        weir__refuse(WEIR_WRONG_MODE, "weir_runtime_step is for stepped and simulated runtimes, "
                                      "outside their callbacks");
        return 0;
    }
    size_t done = 0;
    while (done < turns && step_any(runtime, next_worker(runtime))) {
        done++;
    }
    return done;
}
