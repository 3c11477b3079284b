/*
 * Stress: threads kill supervised stages at random while events flow.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    However often sources, relays, sinks and whole supervisors die, the
 *         pipeline goes on: each number is emitted once, and handled once or
 *         discarded and counted; a drain and a stop end it, also under fire.
 * Method  A source, relays and sinks under a supervisor of a drawn strategy; in
 *         some rounds the sinks have a supervisor of their own and know the relays
 *         by name only.  What must outlive a stage, the source's next number and
 *         who has seen which, lies outside.  `killing` waits for all numbers, then
 *         drains; `draining` drains and `stopping` stops while threads go on killing.
 */
#include "stress/nodes.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { KILLERS_MAX = 3, RELAYS_MAX = 2, SINKS_MAX = 3, CHILDREN_MAX = 8, NUMBERS_MAX = 1 << 16 };

enum ending { WAITS, DRAINS, STOPS };

static struct weir__rng rng;

struct trial {
    weir_runtime_options options;
    weir_strategy strategy;
    unsigned relays;
    unsigned sinks;
    unsigned killers;
    bool nested;
    enum stress_pauses pauses;
    enum ending ending;
    size_t max_demand;
    uint64_t total;
    uint64_t kills; /* by each killer */
};

static struct {
    const struct trial *trial;
    weir_runtime *runtime;
    weir_ref supervisor;
    uint64_t next;    /* the source's */
    uint64_t handled; /* atomic */
    uint32_t over;    /* atomic: the killers' work is done */
    uint32_t seen[NUMBERS_MAX];
    weir_supervised sinks[SINKS_MAX];
} scene;

/* ---- stages ------------------------------------------------------------------------------ */

static weir_verdict give(weir_stage *self, uint64_t demand) {
    uint64_t left = scene.trial->total - scene.next;
    for (uint64_t count = demand < left ? demand : left; count > 0; count--) {
        STRESS_OK(weir_emit(self, &scene.next, 1));
        scene.next++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    if (batch.count % 2 == 0) return weir_forward(self);
    STRESS_OK(weir_emit(self, batch.events, batch.count));
    return WEIR_CONTINUE;
}

static weir_verdict mark(weir_stage *self, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        STRESS_CHECK(numbers[i] < scene.trial->total);
        STRESS_CHECK(weir__fetch_add_u32(&scene.seen[numbers[i]], 1) == 0);
    }
    weir__fetch_add_u64(&scene.handled, batch.count);
    /* Now and then it dies of itself. */
    return numbers[0] % 997 == 0 ? weir_stop_with(self, WEIR_REASON_USER) : WEIR_CONTINUE;
}

static void discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self;
    (void)count;
    (void)cause;
}

/* ---- supervisors ------------------------------------------------------------------------- */

static weir_status start_sinks(weir_runtime *runtime, void *argument, weir_ref *out) {
    (void)argument;
    return weir_supervisor_start(runtime,
                                 &(weir_supervisor_options){.name = "sinks",
                                                            .max_restarts = WEIR_INFINITY,
                                                            .retry_ns = 1000000,
                                                            .children = scene.sinks,
                                                            .child_count = scene.trial->sinks},
                                 out);
}

static weir_subscribe_to from(unsigned number, const char *name) {
    weir_subscribe_to wish = {
        .producer = WEIR_SIBLING(number),
        .options = {.max_demand = scene.trial->max_demand,
                    .cancel = stress_chance(&rng, 4) ? WEIR_TRANSIENT : WEIR_TEMPORARY}};
    if (scene.trial->nested || stress_chance(&rng, 2)) wish.name = name;
    return wish;
}

static void start(const struct trial *trial) {
    static const char *const names[] = {"relay 0", "relay 1"};
    static weir_stage_options stages[CHILDREN_MAX]; /* copied by the supervisor: all but sinks */
    static weir_subscribe_to upstream[RELAYS_MAX];
    static weir_subscribe_to downstream[SINKS_MAX][RELAYS_MAX];
    weir_supervised children[CHILDREN_MAX] = {0};
    size_t count = 0;
    stages[0] = (weir_stage_options){.kind = WEIR_PRODUCER,
                                     .name = "source",
                                     .registered = true,
                                     .event_bytes = sizeof(uint64_t),
                                     .buffer_size = WEIR_INFINITY,
                                     .on = {.handle_demand = give, .discarded = discarded}};
    children[count++].stage = &stages[0];
    for (unsigned i = 0; i < trial->relays; i++) {
        upstream[i] = from(0, "source");
        stages[count] =
            (weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                 .name = names[i],
                                 .registered = true,
                                 .event_bytes = sizeof(uint64_t),
                                 .subscribe_to = &upstream[i],
                                 .subscribe_count = 1,
                                 .on = {.handle_events = pass_on, .discarded = discarded}};
        children[count].stage = &stages[count];
        count++;
    }
    for (unsigned i = 0; i < trial->sinks; i++) {
        weir_stage_options *sink = &stages[1 + trial->relays + i];
        for (unsigned r = 0; r < trial->relays; r++) downstream[i][r] = from(1 + r, names[r]);
        *sink = (weir_stage_options){.kind = WEIR_CONSUMER,
                                     .subscribe_to = trial->relays > 0 ? downstream[i] : NULL,
                                     .subscribe_count = trial->relays,
                                     .on.handle_events = mark};
        scene.sinks[i] = (weir_supervised){.stage = sink};
        if (!trial->nested) children[count++] = scene.sinks[i];
    }
    if (trial->nested) children[count++] = (weir_supervised){.start = start_sinks, .name = "sinks"};
    STRESS_OK(weir_supervisor_start(scene.runtime,
                                    &(weir_supervisor_options){.strategy = trial->strategy,
                                                               .max_restarts = WEIR_INFINITY,
                                                               .retry_ns = 1000000,
                                                               .children = children,
                                                               .child_count = count},
                                    &scene.supervisor));
}

/* ---- killers ----------------------------------------------------------------------------- */

static bool expected(weir_status status) {
    return status == WEIR_OK || status == WEIR_NO_STAGE || status == WEIR_INVALID ||
           status == WEIR_CLOSED;
}

static void kill_stage(weir_ref stage, struct weir__rng *from_rng) {
    weir_reason reason = weir__rng_below(from_rng, 3) == 0 ? WEIR_REASON_NORMAL : WEIR_REASON_USER;
    weir_status status = stress_chance(from_rng, 3)
                             ? weir_stop_wait(scene.runtime, stage, reason, WEIR_FOREVER)
                             : weir_stop(scene.runtime, stage, reason);
    STRESS_CHECK(status == WEIR_OK || status == WEIR_NO_STAGE);
}

/* Kills a child, or one of its children when it is a supervisor; or ends and starts it. */
static void kill_one(struct weir__rng *from_rng) {
    weir_supervised_info children[CHILDREN_MAX];
    size_t count = 0;
    weir_ref supervisor = scene.supervisor;
    weir_status status = weir_supervisor_children(scene.runtime, supervisor, WEIR_FOREVER, children,
                                                  CHILDREN_MAX, &count);
    STRESS_CHECK(expected(status));
    if (status != WEIR_OK) return;
    weir_supervised_info child = children[weir__rng_below(from_rng, count)];
    if (strcmp(child.name, "sinks") == 0 && child.stage.bits != 0 && !stress_chance(from_rng, 4)) {
        supervisor = child.stage;
        status = weir_supervisor_children(scene.runtime, supervisor, WEIR_FOREVER, children,
                                          CHILDREN_MAX, &count);
        STRESS_CHECK(expected(status));
        if (status != WEIR_OK) return;
        child = children[weir__rng_below(from_rng, count)];
    }
    if (stress_chance(from_rng, 5)) {
        status = weir_supervisor_stop_child(scene.runtime, supervisor, child.number, WEIR_FOREVER);
        STRESS_CHECK(expected(status));
        status = weir_supervisor_restart_child(scene.runtime, supervisor, child.number,
                                               WEIR_FOREVER, NULL);
        STRESS_CHECK(expected(status) || status == WEIR_NO_NAME || status == WEIR_NAME_TAKEN);
        return;
    }
    if (child.stage.bits != 0) kill_stage(child.stage, from_rng);
}

static void *kill_all(void *argument) {
    struct weir__rng *from_rng = argument;
    const struct trial *trial = scene.trial;
    for (uint64_t i = 0;
         trial->ending == WAITS ? i < trial->kills : weir__load_relaxed_u32(&scene.over) == 0;
         i++) {
        kill_one(from_rng);
        stress_pause(from_rng, trial->pauses);
    }
    return NULL;
}

/* ---- trials ------------------------------------------------------------------------------ */

/* A killer may have left a child stopped, whose restart was refused then. */
static void start_what_is_stopped(weir_ref supervisor) {
    weir_supervised_info children[CHILDREN_MAX];
    size_t count = 0;
    if (weir_supervisor_children(scene.runtime, supervisor, WEIR_FOREVER, children, CHILDREN_MAX,
                                 &count) != WEIR_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (children[i].stage.bits == 0) {
            weir_supervisor_restart_child(scene.runtime, supervisor, children[i].number,
                                          WEIR_FOREVER, NULL);
        } else if (strcmp(children[i].name, "sinks") == 0) {
            start_what_is_stopped(children[i].stage);
        }
    }
}

/* All numbers are handled or discarded.  The watchdog ends it if that never comes. */
static void wait_for_all(void) {
    weir_accounts accounts;
    for (;;) {
        STRESS_OK(weir_runtime_settle(scene.runtime, WEIR_FOREVER));
        STRESS_OK(weir_runtime_accounts(scene.runtime, &accounts));
        if (weir__load_relaxed_u64(&scene.handled) + accounts.discarded == scene.trial->total) {
            return;
        }
        start_what_is_stopped(scene.supervisor);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static void end(const struct trial *trial, pthread_t *threads) {
    uint64_t while_ns = stress_between(&rng, 100000, 10000000);
    if (trial->ending != WAITS) nanosleep(&(struct timespec){.tv_nsec = (long)while_ns}, NULL);
    if (trial->ending == STOPS) {
        STRESS_OK(weir_runtime_stop(scene.runtime, WEIR_REASON_USER));
        STRESS_OK(weir_runtime_run(scene.runtime, WEIR_FOREVER));
    }
    if (trial->ending == DRAINS) { /* what came back from the dead may find nobody any more */
        weir_status status = weir_runtime_drain(scene.runtime, while_ns, NULL);
        STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT);
    }
    weir__exchange_u32(&scene.over, 1);
    for (unsigned i = 0; i < trial->killers; i++) pthread_join(threads[i], NULL);
    if (trial->ending == WAITS) {
        wait_for_all();
        STRESS_OK(weir_runtime_drain(scene.runtime, WEIR_FOREVER, NULL));
    }
}

static void run_trial(const struct trial *trial) {
    pthread_t threads[KILLERS_MAX];
    struct weir__rng generators[KILLERS_MAX];
    memset(&scene, 0, sizeof scene);
    scene.trial = trial;
    scene.runtime = stress_open(&trial->options);
    start(trial);
    for (unsigned i = 0; i < trial->killers; i++) {
        stress_rng(&generators[i]);
        STRESS_CHECK(pthread_create(&threads[i], NULL, kill_all, &generators[i]) == 0);
    }
    end(trial, threads);
    weir_accounts accounts = stress_close(scene.runtime);
    uint64_t seen = 0;
    for (uint64_t i = 0; i < trial->total; i++) seen += scene.seen[i];
    if (seen != scene.handled || seen + accounts.discarded != scene.next ||
        (trial->ending == WAITS && scene.next != trial->total)) {
        stress_fail("of %" PRIu64 " numbers %" PRIu64 " were emitted, %" PRIu64 " handled, %" PRIu64
                    " discarded",
                    trial->total, scene.next, seen, accounts.discarded);
    }
}

/* ---- scenarios --------------------------------------------------------------------------- */

static void rounds(const char *name, uint64_t events, enum ending ending) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct trial trial = {
            .options = {.workers = (unsigned)stress_between(&rng, 1, 3), .idle = stress_idle(&rng)},
            .strategy = (weir_strategy)weir__rng_below(&rng, 3),
            .relays = (unsigned)stress_between(&rng, 1, RELAYS_MAX),
            .sinks = (unsigned)stress_between(&rng, 1, SINKS_MAX),
            .killers = (unsigned)stress_between(&rng, 1, KILLERS_MAX),
            .nested = stress_chance(&rng, 2),
            .pauses = (enum stress_pauses)weir__rng_below(&rng, 3),
            .ending = ending,
            .max_demand = (size_t)stress_between(&rng, 1, 100),
            .total = stress_between(&rng, 1, NUMBERS_MAX),
            .kills = stress_between(&rng, 1, 200)};
        if (trial.options.idle == WEIR_IDLE_SPIN) trial.options.workers = 1;
        stress_ring_start(&rng);
        stress_step("%s: workers %u idle %d strategy %d relays %u sinks %u killers %u nested %d "
                    "pauses %d max %zu total %" PRIu64 " kills %" PRIu64,
                    name, trial.options.workers, (int)trial.options.idle, (int)trial.strategy,
                    trial.relays, trial.sinks, trial.killers, trial.nested, (int)trial.pauses,
                    trial.max_demand, trial.total, trial.kills);
        run_trial(&trial);
        done += trial.total;
    }
}

static void killing(uint64_t events) {
    rounds("killing", events, WAITS);
}

static void draining(uint64_t events) {
    rounds("draining", events, DRAINS);
}

static void stopping(uint64_t events) {
    rounds("stopping", events, STOPS);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"killing", 2, killing},
        {"draining", 1, draining},
        {"stopping", 1, stopping},
    };
    return stress_main(count, arguments, 1000000, scenarios, sizeof scenarios / sizeof *scenarios);
}
