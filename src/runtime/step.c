/*
 * Stepping: the workers of a runtime driven by the caller's thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * STEPPED visits the workers in rotation.  SIMULATED draws the next worker
 * from the seed, a few turns at a time so that long and short bursts both
 * occur, and moves virtual time on: the same seed gives the same run.
 */
#include "base/refusal.h"
#include "os/clock.h"
#include "runtime/errand.h"
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
    worker->host.now_ns = weir_runtime_now(runtime);
    enum weir__step result = weir__worker_step(worker);
    weir__here = NULL;
    if (result != WEIR__STEP_COLD) {
        runtime->virtual_ns += VIRTUAL_TURN_NS;
    }
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
    if (runtime->options.mode == WEIR_THREADS ||
        weir__check_outside(runtime, "weir_runtime_step") != WEIR_OK) {
        weir__refuse(WEIR_WRONG_MODE, "weir_runtime_step is for stepped and simulated runtimes, "
                                      "outside their callbacks");
        return 0;
    }
    return weir__runtime_step(runtime, turns);
}

size_t weir__runtime_step(weir_runtime *runtime, size_t turns) {
    size_t done = 0;
    while (weir__here == NULL && done < turns && step_any(runtime, next_worker(runtime))) {
        done++;
    }
    return done;
}

/* ---- time ---------------------------------------------------------------- */

static uint64_t next_due(const weir_runtime *runtime) {
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        uint64_t own = weir__timers_due(&runtime->workers[i].host.timers);
        due = own < due ? own : due;
    }
    return due;
}

/* Everything is at rest: time passes until the moment. */
static void pass_time(weir_runtime *runtime, uint64_t until_ns) {
    if (runtime->options.mode == WEIR_SIMULATED) {
        runtime->virtual_ns = runtime->virtual_ns < until_ns ? until_ns : runtime->virtual_ns;
        return;
    }
    uint64_t now = weir__clock_now_ns();
    if (now < until_ns) {
        weir__clock_sleep_ns(until_ns - now);
    }
}

bool weir__runtime_go_on(weir_runtime *runtime, size_t turns, uint64_t deadline_ns) {
    if (weir__runtime_step(runtime, turns) == turns) {
        return weir_runtime_now(runtime) < deadline_ns;
    }
    uint64_t due = next_due(runtime);
    if (due == UINT64_MAX || due > deadline_ns) {
        return false;
    }
    pass_time(runtime, due);
    return true;
}

weir_status weir_runtime_advance(weir_runtime *runtime, uint64_t ns) {
    if (runtime->options.mode != WEIR_SIMULATED) {
        return weir__refuse(WEIR_WRONG_MODE,
                            "weir_runtime_advance is for simulated runtimes: only their time can "
                            "be moved");
    }
    weir_status status = weir__check_outside(runtime, "weir_runtime_advance");
    if (status != WEIR_OK) {
        return status;
    }
    /* Time does not wrap: the turns take some of it, too. */
    uint64_t end = UINT64_MAX / 2;
    uint64_t until = weir__clock_deadline(runtime->virtual_ns, ns);
    until = until < end ? until : end;
    weir_runtime_settle(runtime, WEIR_FOREVER);
    while (next_due(runtime) <= until) {
        pass_time(runtime, next_due(runtime));
        weir_runtime_settle(runtime, WEIR_FOREVER);
    }
    pass_time(runtime, until);
    return WEIR_OK;
}
