/*
 * The worker's thread: it runs steps, and what it does when they find nothing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An edge, or a stage, that stays empty for `hot_polls` looks cools; a worker with nothing
 * hot rests.  What is hot is found soonest, and costs its publisher least.  So a worker that
 * may look has both: it polls what is hot, then looks at its bell, then sleeps on that.  With
 * WEIR_IDLE_ADAPT it asks `idling` whether it may, and one that may not polls nothing twice.
 */
#include "base/check.h"
#include "os/clock.h"
#include "os/process.h"
#include "runtime/runtime.h"
#include "runtime/timely.h"
#include "runtime/worker.h"

#include <string.h>

/* A poll costs 40 to 100 ns. */
enum {
    POLLS_LOOKING = 256, /* some 20 microseconds: about what it costs to be woken */
    POLLS_SPINNING = 4096,
    POLLS_CROWDED = 4, /* with a yield after each round of them */
    LOOKS = 4,         /* between two visits that find nothing  */
    EAGER_LOOKS = 32,  /* the same, without pauses, about as long */
    EAGER_ROUNDS = 8,
    FEW = 4,       /* stages, that are looked at between visits */
    DRY_ROUNDS = 4 /* of idle steps in a row, and it has run dry: so it looks at the clock */
};

uint32_t weir__worker_polls(const weir_runtime *runtime) {
    if (runtime->options.mode != WEIR_THREADS) {
        return 0;
    }
    switch (runtime->options.idle) {
    case WEIR_IDLE_SPIN:
        return POLLS_SPINNING;
    case WEIR_IDLE_PARK:
        return 0;
    default:
        return runtime->crowded ? POLLS_CROWDED : POLLS_LOOKING;
    }
}

/* By who opens the runtime, whose core the worker may have been given: there it sleeps at once. */
void weir__worker_idle_open(struct weir__worker *worker) {
    const weir_runtime *runtime = worker->host.runtime;
    const bool sleeps = weir__worker_is_timely(worker);
    uint32_t polls = sleeps ? 0 : weir__worker_polls(runtime);
    worker->host.hot_polls = runtime->crowded ? polls : polls / LOOKS;
    worker->adapts = runtime->options.mode == WEIR_THREADS && !sleeps &&
                     runtime->options.idle == WEIR_IDLE_ADAPT && !runtime->crowded;
    worker->spins = runtime->options.idle == WEIR_IDLE_SPIN && !sleeps;
    worker->yields = runtime->crowded && !sleeps;
    weir__idling_open(&worker->idling);
    bool shares_core = weir__worker_is_pinned(worker) && worker->core == weir__thread_core();
    weir__idling_begins(&worker->idling, shares_core ? 0 : WEIR__IDLE_FIRST_NS);
}

/* ---- looking for work ---------------------------------------------------- */

/* The next time that it runs dry, as far as is known now. */
static void set_polls(struct weir__worker *worker) {
    worker->host.hot_polls = weir__idling_looks(&worker->idling) ? POLLS_LOOKING / LOOKS : 0;
}

/* Nothing for so many steps: it looks on, or has what is hot cool. */
static void look_on(struct weir__worker *worker) {
    struct weir__idling *idling = &worker->idling;
    uint64_t now = weir__clock_now_ns();
    bool looks = weir__idling_is_dry(idling) ? weir__idling_look(idling, now)
                                             : weir__idling_dry(idling, now);
    if (!looks) {
        worker->host.hot_polls = 0;
    }
}

static void found(struct weir__worker *worker) {
    worker->dry_steps = 0;
    if (weir__idling_is_dry(&worker->idling)) {
        weir__idling_found(&worker->idling);
        set_polls(worker);
    }
}

/* ---- resting ------------------------------------------------------------- */

static bool may_rest(struct weir__worker *worker, uint64_t now_ns) {
    return !weir__bell_pending(&worker->bell) &&
           weir__load_relaxed_u32(&worker->host.runtime->quit) == 0 &&
           weir__timers_due(&worker->host.timers) > now_ns &&
           !weir__worker_looks_out(worker, false);
}

static void spin_until_rung(struct weir__worker *worker) {
    bool timed = weir__timers_due(&worker->host.timers) != UINT64_MAX;
    weir__fence_full(); /* Q1 -> Q2 */
    while (may_rest(worker, timed ? weir__clock_now_ns() : 0)) {
        weir__cpu_relax();
    }
}

/* True when there is something before it would sleep. */
static bool looks_at_bell(struct weir__worker *worker) {
    struct weir__idling *idling = &worker->idling;
    uint64_t now = worker->host.now_ns;
    bool looks = weir__idling_is_dry(idling) ? weir__idling_look(idling, now)
                                             : weir__idling_dry(idling, now);
    if (!looks) {
        return false;
    }
    weir__fence_full(); /* Q1 -> Q2 */
    while (may_rest(worker, now)) {
        weir__cpu_relax();
        now = weir__clock_now_ns();
        if (!weir__idling_look(idling, now)) {
            return false;
        }
    }
    return true;
}

static void rest_adapting(struct weir__worker *worker) {
    struct weir__bell *bell = &worker->bell;
    struct weir__idling *idling = &worker->idling;
    if (looks_at_bell(worker)) {
        return; /* which is found in the next step */
    }
    bool rung = weir__bell_park(bell, weir__timers_due(&worker->host.timers));
    bool neighbour = rung && weir__load_relaxed_u32(&bell->rung_core) == weir__thread_core();
    weir__idling_woken(idling, weir__clock_now_ns(),
                       rung ? weir__load_relaxed_u64(&bell->rung_ns) : 0, neighbour);
    set_polls(worker);
}

/* Until the bell rings, or a timer is due. */
static void rest(struct weir__worker *worker) {
    WEIR__VERIFY(weir__worker_check(worker));
    weir__worker_look(worker);
    weir__meter_rests(&worker->host, true);
    weir__store_release_u64(&worker->epoch, worker->epoch + 1); /* Q1 -> Q2 */
    if (worker->spins) {
        spin_until_rung(worker);
    } else if (worker->adapts) {
        rest_adapting(worker);
    } else {
        weir__bell_park(&worker->bell, weir__timers_due(&worker->host.timers));
    }
    weir__store_relaxed_u64(&worker->epoch, worker->epoch + 1); /* Q3 -> Q4 */
    weir__worker_look(worker);
    weir__meter_rests(&worker->host, false);
}

/* Crowded, with nothing to do: true when the others on its core were let run. */
static bool yield(struct weir__worker *worker) {
    if (!worker->yields || !weir__yielding_try(&worker->yielding)) {
        return false;
    }
    uint64_t before = weir__clock_now_ns();
    weir__thread_yield();
    weir__yielding_back(&worker->yielding, weir__clock_now_ns() - before);
    return true;
}

/* ---- the thread ---------------------------------------------------------- */

static void busy(struct weir__worker *worker) {
    worker->idle_turns = 0;
    worker->rounds = 0;
    weir__yielding_busy(&worker->yielding);
    if (worker->adapts) {
        found(worker);
    }
}

/* Few stages are hot, and none has anything to do. */
static bool is_quiet(const struct weir__worker *worker) {
    const struct weir__bell *bell = &worker->bell;
    if (bell->run_count > FEW || weir__bell_pending(bell)) {
        return false;
    }
    const struct weir__run_link *link = bell->run.next;
    for (; link != &bell->run; link = link->next) {
        const struct weir__ready_stage *ready =
            WEIR__CONTAINER_OF(link, struct weir__ready_stage, run);
        weir_stage *stage = WEIR__CONTAINER_OF(ready, struct weir__slot, ready)->stage;
        if (stage == NULL || !weir__stage_is_quiet(stage)) {
            return false;
        }
    }
    return true;
}

/*
 * A visit takes several times as long as a look at what it would look at.  What is awaited mostly
 * comes soon, or late: at first nobody pauses between looks, which takes longer than those.
 */
static void look_a_while(struct weir__worker *worker) {
    bool soon = worker->rounds < EAGER_ROUNDS;
    worker->rounds += soon;
    for (int i = 0; i < (soon ? EAGER_LOOKS : LOOKS) && is_quiet(worker); i++) {
        if (!soon) {
            weir__cpu_relax();
        }
    }
    weir__cpu_relax();
}

static void idle(struct weir__worker *worker) {
    if (++worker->idle_turns >= worker->bell.run_count) {
        worker->idle_turns = 0;
        if (!yield(worker)) {
            look_a_while(worker);
        }
    }
    uint32_t round = worker->bell.run_count < FEW ? worker->bell.run_count : FEW;
    if (worker->adapts && ++worker->dry_steps >= DRY_ROUNDS * round) {
        look_on(worker);
    }
}

static void pin(struct weir__worker *worker) {
    weir_runtime *runtime = worker->host.runtime;
    if (weir__worker_is_timely(worker)) {
        weir__timely_begin(worker);
        return;
    }
    if (runtime->options.unpinned) {
        return;
    }
    int error = weir__thread_pin(worker->core);
    if (error != 0) {
        weir__host_log(&worker->host, WEIR_LOG_WARNING,
                       "worker %u cannot be pinned to core %u (%s) and runs unpinned",
                       (unsigned)worker->index, worker->core, strerror(error));
    }
}

void weir__worker_run(void *argument) {
    struct weir__worker *worker = argument;
    weir_runtime *runtime = worker->host.runtime;
    weir__here = &worker->host;
    weir__sheet_put(&worker->host.seen->thread, weir__process_thread());
    pin(worker);
    weir__store_relaxed_u64(&worker->epoch, 2); /* Q3 -> Q4 */
    weir__worker_look(worker);
    while (weir__load_relaxed_u32(&runtime->quit) == 0) {
        switch (weir__worker_step(worker)) {
        case WEIR__STEP_BUSY:
            busy(worker);
            break;
        case WEIR__STEP_IDLE:
            idle(worker);
            break;
        case WEIR__STEP_COLD:
            if (!yield(worker)) {
                rest(worker);
            }
            break;
        }
    }
    weir__store_release_u64(&worker->epoch, worker->epoch | 1); /* Q1 -> Q2 */
    weir__here = NULL;
}
