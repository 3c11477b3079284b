/*
 * Stepping: the workers of a runtime driven by the caller's thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * STEPPED visits the workers in rotation.  SIMULATED draws the next worker
 * from the seed, a few turns at a time so that long and short bursts both
 * occur, and moves virtual time on: the same seed gives the same run.
 *
 * One thread at a time steps a runtime (T23 -> T24, runtime.h), from where a call begins to until
 * it returns, also while it sleeps.  Others are refused.
 */
#include "base/check.h"
#include "base/refusal.h"
#include "os/clock.h"
#include "runtime/drain.h"
#include "runtime/errand.h"
#include "runtime/runtime.h"

/* ---- who steps ------------------------------------------------------------- */

weir_status weir__stepping_begin(weir_runtime *runtime) {
    if (runtime->options.mode == WEIR_THREADS) {
        return WEIR_OK;
    }
    uint64_t self = (uintptr_t)&weir__here;
    uint64_t nobody = 0;
    if (weir__load_relaxed_u64(&runtime->stepper) != self &&
        !weir__cas_u64(&runtime->stepper, &nobody, self)) { /* T23 -> T24 */
        return weir__refuse(WEIR_WRONG_THREAD, "another thread steps this runtime");
    }
    runtime->steps_within++;
    return WEIR_OK;
}

weir_status weir__stepping_begin_from(weir_runtime *runtime, const char *call) {
    weir_status status = weir__check_outside(runtime, call);
    return status != WEIR_OK ? status : weir__stepping_begin(runtime);
}

void weir__stepping_end(weir_runtime *runtime) {
    if (runtime->options.mode != WEIR_THREADS && --runtime->steps_within == 0) {
        weir__store_release_u64(&runtime->stepper, 0); /* T23 -> T24 */
    }
}

/* ---- time ---------------------------------------------------------------- */

enum { VIRTUAL_TURN_NS = 1000 };

/* Virtual time ends there, after 292 years, and stays: it never wraps. */
static const uint64_t virtual_end_ns = UINT64_MAX / 2;

/* All that moves virtual time does so here.  It does not go back. */
static void move_time(weir_runtime *runtime, uint64_t until_ns) {
    uint64_t until = until_ns < virtual_end_ns ? until_ns : virtual_end_ns;
    if (runtime->virtual_ns < until) {
        weir__store_relaxed_u64(&runtime->virtual_ns, until);
    }
}

/* A callback of its takes virtual time still. */
static bool is_amid_callback(const struct weir__worker *worker) {
    return worker->amid_until > worker->host.runtime->virtual_ns;
}

void weir__runtime_takes(weir_stage *self, uint64_t ns) {
    struct weir__worker *worker = WEIR__CONTAINER_OF(self->host, struct weir__worker, host);
    worker->amid_until = weir__clock_deadline(self->host->runtime->virtual_ns, ns);
}

/* The next timer's moment; UINT64_MAX: there is none that time will come to. */
static uint64_t next_due(const weir_runtime *runtime) {
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        const struct weir__worker *worker = &runtime->workers[i];
        uint64_t own =
            is_amid_callback(worker) ? worker->amid_until : weir__timers_due(&worker->host.timers);
        due = own < due ? own : due;
    }
    bool never = runtime->options.mode == WEIR_SIMULATED && due > virtual_end_ns;
    return never ? UINT64_MAX : due;
}

/* ---- turns --------------------------------------------------------------- */

static unsigned next_worker(weir_runtime *runtime) {
    if (runtime->options.mode == WEIR_STEPPED) {
        return runtime->next_step++ % weir__runtime_all(runtime);
    }
    /* Half of the time the same worker goes on. */
    if (weir__rng_below(&runtime->rng, 2) == 0) {
        runtime->next_step = (unsigned)weir__rng_below(&runtime->rng, weir__runtime_all(runtime));
    }
    return runtime->next_step;
}

static enum weir__step step(weir_runtime *runtime, unsigned index) {
    struct weir__worker *worker = &runtime->workers[index];
    if (is_amid_callback(worker)) {
        weir__meter_note(&worker->host, UINT32_MAX); /* whoever looks sees what it has done */
        return WEIR__STEP_COLD;
    }
    weir__here = &worker->host;
    if (runtime->options.mode == WEIR_SIMULATED || worker->host.now_ns == 0) {
        weir__worker_look(worker);
    }
    enum weir__step result = weir__worker_step(worker);
    weir__runtime_forked(runtime, "callback"); /* one that told nobody */
    weir__here = NULL;
    if (result != WEIR__STEP_COLD) {
        move_time(runtime, runtime->virtual_ns + VIRTUAL_TURN_NS);
    }
    return result;
}

/* Other threads' messages come to workers that were found cold, too. */
static bool any_waiting(const weir_runtime *runtime) {
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        if (weir__bell_pending(&runtime->workers[i].bell) &&
            !is_amid_callback(&runtime->workers[i])) {
            return true;
        }
    }
    return false;
}

/* One turn of any worker, beginning with `first`.  False: all are cold. */
static bool step_any(weir_runtime *runtime, unsigned first) {
    do {
        for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
            if (step(runtime, (first + i) % weir__runtime_all(runtime)) != WEIR__STEP_COLD) {
                return true;
            }
        }
    } while (any_waiting(runtime));
    WEIR__VERIFY(weir__runtime_check(runtime));
    return false;
}

size_t weir_runtime_step(weir_runtime *runtime, size_t turns) {
    if (weir__unfit(runtime)) {
        return 0;
    }
    if (runtime->options.mode == WEIR_THREADS ||
        weir__check_outside(runtime, "weir_runtime_step") != WEIR_OK) {
        weir__refuse(WEIR_WRONG_MODE, "weir_runtime_step is for stepped and simulated runtimes, "
                                      "outside their callbacks");
        return 0;
    }
    if (weir__stepping_begin(runtime) != WEIR_OK) {
        return 0;
    }
    size_t done = weir__runtime_step(runtime, turns);
    weir__stepping_end(runtime);
    return done;
}

size_t weir__runtime_step(weir_runtime *runtime, size_t turns) {
    size_t done = 0;
    do {
        while (weir__here == NULL && done < turns && step_any(runtime, next_worker(runtime))) {
            done++;
        }
    } while (weir__here == NULL && weir__drain_step(runtime, done < turns) && done < turns);
    return done;
}

/* ---- waiting ------------------------------------------------------------- */

/*
 * Everything is at rest: until the moment, or until another thread sends something or
 * gives the answer.
 */
static void sleep_stepping(weir_runtime *runtime, uint64_t until_ns,
                           const struct weir__caller *call) {
    struct weir__bell *bell = &runtime->workers[0].bell; /* all workers': weir__bell_share */
    weir__bell_doze(bell);
    if (any_waiting(runtime) || (call != NULL && weir__caller_answered(call))) {
        weir__bell_rise(bell);
        return;
    }
    weir__bell_sleep(bell, until_ns);
}

bool weir__runtime_go_on(weir_runtime *runtime, size_t turns, uint64_t deadline_ns,
                         const struct weir__caller *call) {
    if (weir__runtime_step(runtime, turns) == turns) {
        return weir_runtime_now(runtime) < deadline_ns;
    }
    if (call != NULL && weir__caller_answered(call)) {
        return true;
    }
    uint64_t due = next_due(runtime);
    if (due == UINT64_MAX || due > deadline_ns) {
        return false;
    }
    if (runtime->options.mode == WEIR_SIMULATED) {
        move_time(runtime, due);
    } else {
        sleep_stepping(runtime, due, call);
    }
    return true;
}

weir_status weir_runtime_advance(weir_runtime *runtime, uint64_t ns) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (runtime->options.mode != WEIR_SIMULATED) {
        return weir__refuse(WEIR_WRONG_MODE,
                            "weir_runtime_advance is for simulated runtimes: only their time can "
                            "be moved");
    }
    weir_status status = weir__stepping_begin_from(runtime, "weir_runtime_advance");
    if (status != WEIR_OK) {
        return status;
    }
    uint64_t until = weir__clock_deadline(runtime->virtual_ns, ns);
    weir_runtime_settle(runtime, WEIR_FOREVER);
    for (uint64_t due = next_due(runtime); due != UINT64_MAX && due <= until;
         due = next_due(runtime)) {
        move_time(runtime, due);
        weir_runtime_settle(runtime, WEIR_FOREVER);
    }
    move_time(runtime, until);
    weir__stepping_end(runtime);
    return WEIR_OK;
}
