/*
 * Draining: every stage finishes, and what does not is named.
 * SPDX-License-Identifier: Apache-2.0
 *
 * `draining` is set before the workers are told: a stage whose source has finished
 * knows why, though its own worker be told later.  A start that was under way
 * brings its stage after that mail: it is told as it joins.  Who drains then waits, and looks
 * for rings (rings.h) whenever all is at rest.
 *
 * A drain that nobody waits for (weir_runtime_drain_begin) does that on a thread of its own; in a
 * runtime without threads, whoever steps it does so in passing.
 */
#include "runtime/drain.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "os/event.h"
#include "runtime/errand.h"
#include "runtime/hired.h"
#include "runtime/holdup.h"
#include "runtime/rings.h"

#include <string.h>

struct weir__drain {
    weir_runtime *runtime;
    struct weir__drain *before; /* which is over; NULL: it is the first */
    uint64_t deadline;
    void (*done)(void *context, weir_status status, const weir_drain_report *report);
    void *context;
    int event;     /* below 0: none        */
    bool threaded; /* `thread` is to be joined */
    uint32_t over; /* atomic (T17 -> T18): another may be begun      */
    uint32_t told; /* atomic (T17 -> T18): `done` has returned, too  */
    struct weir__hired thread;
};

static void begin_finishing(weir_runtime *runtime) {
    weir__exchange_u32(&runtime->draining, 1); /* ordered by the mail that follows */
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        weir__worker_finish_all(&runtime->workers[i]);
    }
}

/* ---- waiting ------------------------------------------------------------- */

/* In longer and longer naps, as long as it rests. */
static weir_status wait_threads(weir_runtime *runtime, uint64_t deadline) {
    enum { NAP_FIRST_NS = 200000, NAP_MOST_NS = 20000000 };
    uint64_t nap = NAP_FIRST_NS;
    for (;;) {
        uint64_t until = weir__clock_now_ns() + nap;
        if (weir__runtime_await_end(runtime, until < deadline ? until : deadline)) {
            return WEIR_OK;
        }
        if (weir__clock_now_ns() >= deadline) {
            return WEIR_TIMEOUT;
        }
        bool moves = !weir__runtime_at_rest(runtime) || weir__rings_break(runtime);
        nap = moves ? NAP_FIRST_NS : nap < NAP_MOST_NS ? 2 * nap : nap;
    }
}

static weir_status wait_stepping(weir_runtime *runtime, uint64_t deadline) {
    enum { TURNS = 1024 };
    while (weir__load_relaxed_u32(&runtime->alive) > 0) {
        bool rests = weir__runtime_step(runtime, TURNS) < TURNS;
        if (weir_runtime_now(runtime) >= deadline) {
            break;
        }
        if (rests && !weir__rings_break(runtime) &&
            !weir__runtime_go_on(runtime, 1, deadline, NULL)) {
            break;
        }
    }
    return weir__load_relaxed_u32(&runtime->alive) > 0 ? WEIR_TIMEOUT : WEIR_OK;
}

static void fill_report(weir_runtime *runtime, weir_status status, weir_drain_report *report) {
    memset(report, 0, sizeof *report);
    report->stages = weir_runtime_stages(runtime);
    if (status != WEIR_OK) {
        weir__holdup_find(runtime, report);
    }
    weir_runtime_accounts(runtime, &report->accounts);
}

static weir_status wait(weir_runtime *runtime, uint64_t deadline) {
    return runtime->options.mode == WEIR_THREADS ? wait_threads(runtime, deadline)
                                                 : wait_stepping(runtime, deadline);
}

weir_status weir_runtime_drain(weir_runtime *runtime, uint64_t timeout_ns,
                               weir_drain_report *report) {
    weir_status status = weir__stepping_begin_from(runtime, "weir_runtime_drain");
    if (status != WEIR_OK) {
        return status;
    }
    begin_finishing(runtime);
    status = wait(runtime, weir__clock_deadline(weir_runtime_now(runtime), timeout_ns));
    if (report != NULL) {
        fill_report(runtime, status, report);
    }
    weir__stepping_end(runtime);
    return status;
}

weir_status weir_runtime_holdup(weir_runtime *runtime, weir_drain_report *report) {
    if (weir__missing(report, "report")) {
        return WEIR_INVALID;
    }
    weir_status status = weir__stepping_begin_from(runtime, "weir_runtime_holdup");
    if (status == WEIR_OK) {
        fill_report(runtime, WEIR_TIMEOUT, report);
        weir__stepping_end(runtime);
    }
    return status;
}

/* ---- without waiting ----------------------------------------------------- */

static void tell_done(struct weir__drain *drain, weir_status status) {
    weir_drain_report report;
    fill_report(drain->runtime, status, &report);
    weir__store_release_u32(&drain->over, 1); /* T17 -> T18: `done` may begin another */
    if (drain->done != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, drain->runtime, "done");
        drain->done(drain->context, status, &report);
        weir__errand_end(&errand);
    }
    if (drain->event >= 0) {
        weir__event_signal(drain->event);
    }
    weir__store_release_u32(&drain->told, 1); /* T17 -> T18 */
}

static void wait_and_tell(void *argument) {
    struct weir__drain *drain = argument;
    while (weir__load_acquire_u32(&drain->runtime->drain_begins) != 0) { /* T19 -> T20 */
        weir__thread_yield();                                            /* it is begun first */
    }
    tell_done(drain, wait_threads(drain->runtime, drain->deadline));
}

bool weir__drain_step(weir_runtime *runtime, bool rests) {
    struct weir__drain *drain = weir__load_acquire_ptr(&runtime->drain); /* T13 -> T14 */
    if (drain == NULL || drain->threaded || weir__load_relaxed_u32(&drain->over) != 0) {
        return false;
    }
    if (weir__load_relaxed_u32(&runtime->alive) == 0) {
        tell_done(drain, WEIR_OK);
    } else if (weir_runtime_now(runtime) >= drain->deadline) {
        tell_done(drain, WEIR_TIMEOUT);
    } else {
        return rests && weir__rings_break(runtime);
    }
    return true;
}

/* ---- the end of the runtime ------------------------------------------------ */

bool weir__drain_told(weir_runtime *runtime) {
    weir__drain_step(runtime, false);
    const struct weir__drain *drain = weir__load_acquire_ptr(&runtime->drain); /* T13 -> T14 */
    while (drain != NULL && weir__load_acquire_u32(&drain->told) != 0) {       /* T17 -> T18 */
        drain = drain->before;
    }
    return drain == NULL;
}

void weir__drain_close(weir_runtime *runtime) {
    for (struct weir__drain *before, *drain = runtime->drain; drain != NULL; drain = before) {
        before = drain->before;
        if (drain->threaded) {
            weir__hired_join(&drain->thread);
        }
        if (drain->event >= 0) {
            weir__event_close(drain->event);
        }
        weir__free(&runtime->allocator, drain, sizeof *drain);
    }
}

/* Those before it may be half linked. */
void weir__drain_leave(weir_runtime *runtime) {
    struct weir__drain *drain = weir__load_acquire_ptr(&runtime->drain); /* T13 -> T14 */
    if (drain != NULL && drain->event >= 0) {
        weir__event_close(drain->event);
        drain->event = -1;
    }
}

/* ---- beginning ------------------------------------------------------------- */

/* Nothing has begun unless WEIR_OK. */
static weir_status launch_waiter(struct weir__drain *drain) {
    const struct weir__job job = {
        .kind = WEIR_THREAD_DRAIN, .run = wait_and_tell, .argument = drain};
    return !drain->threaded
               ? WEIR_OK
               : weir__hire(drain->runtime, &drain->thread, "the thread of the drain", &job);
}

/* Nobody else begins one meanwhile. */
static weir_status begin_with(weir_runtime *runtime, struct weir__drain *drain) {
    drain->before = weir__load_acquire_ptr(&runtime->drain); /* T13 -> T14 */
    if (weir__load_acquire_u32(&runtime->closing) != 0) {    /* T7 -> T8 */
        return weir__refuse(WEIR_CLOSED, "the runtime is closing");
    }
    if (drain->before != NULL &&
        weir__load_acquire_u32(&drain->before->over) == 0) { /* T17 -> T18 */
        return weir__refuse(WEIR_INVALID, "a drain of the runtime has begun and is not over");
    }
    weir_status status = launch_waiter(drain);
    if (status == WEIR_OK) {
        weir__store_release_ptr(&runtime->drain, drain); /* T13 -> T14 */
        begin_finishing(runtime);
    }
    return status;
}

static weir_status begin_alone(weir_runtime *runtime, struct weir__drain *drain) {
    uint32_t none = 0;
    if (!weir__cas_u32(&runtime->drain_begins, &none, 1)) { /* T19 -> T20 */
        return weir__refuse(WEIR_INVALID, "another thread is about to begin a drain");
    }
    weir_status status = begin_with(runtime, drain);
    weir__store_release_u32(&runtime->drain_begins, 0); /* T19 -> T20 */
    return status;
}

/* The caller has its descriptor before `done` may look at it; -1: it is not to be used. */
static weir_status begin_told(weir_runtime *runtime, struct weir__drain *drain, int *fd) {
    drain->event = fd != NULL ? weir__event_open() : -1;
    if (fd != NULL && drain->event < 0) {
        return weir__refuse(WEIR_SYSTEM, "no descriptor: %s", strerror(-drain->event));
    }
    if (fd != NULL) {
        *fd = drain->event;
    }
    weir_status status = begin_alone(runtime, drain);
    if (status != WEIR_OK && fd != NULL) {
        *fd = -1;
        weir__event_close(drain->event);
    }
    return status;
}

weir_status weir_runtime_drain_begin(weir_runtime *runtime, uint64_t timeout_ns,
                                     void (*done)(void *context, weir_status status,
                                                  const weir_drain_report *report),
                                     void *context, int *fd) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    struct weir__drain *drain = weir__alloc_zeroed(&runtime->allocator, sizeof *drain, 16);
    if (drain == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory to drain with");
    }
    drain->runtime = runtime;
    drain->deadline = weir__clock_deadline(weir_runtime_now(runtime), timeout_ns);
    drain->done = done;
    drain->context = context;
    drain->threaded = runtime->options.mode == WEIR_THREADS;
    weir_status status = begin_told(runtime, drain, fd);
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, drain, sizeof *drain);
    }
    return status;
}
