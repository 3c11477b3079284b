/*
 * Stress: many threads push into an inlet, with each policy.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Accepted events reach the sink once, each thread's in its order; what
 *         the policies drop is counted to the event; blocked pushers wake when
 *         there is room, time out, and learn of the end; finishing sends all
 *         that was accepted; stopping loses nothing that is not told of.
 * Method  Each thread numbers its own events, and pushes them through a port of its own
 *         or without one.  `pushing` lets all finish; `ending`
 *         finishes or stops the inlet, or the whole runtime, under the pushers;
 *         `dying` has consumers come and go behind the inlet.  Signals interrupt
 *         the pushers.
 */
#include "stress/moths.h"

#include "base/atomic.h"
#include "parts/port.h"

#include <inttypes.h>

enum { PUSHERS_MAX = 8, PUSH_MAX = 200 };

static struct weir__rng rng;

/* How an inlet ends. */
enum ending { FINISHES, IS_STOPPED, RUNTIME_STOPS };

struct trial {
    weir_runtime_options options;
    weir_when_full policy;
    size_t capacity;
    size_t event_bytes;
    unsigned pushers;
    size_t push_most;
    enum stress_pauses pauses;
    bool alarms;
    bool early; /* ended while pushers push, as `ending` says */
    enum ending ending;
    uint64_t events; /* of each pusher */
};

struct pusher {
    pthread_t thread;
    struct weir__rng rng;
    const struct trial *trial;
    weir_inlet *inlet;
    weir_port *port; /* NULL: it pushes without */
    uint32_t id;
    uint64_t next;     /* the number of the next event to be pushed */
    uint64_t accepted; /* events: OK or DROPPED                     */
    uint64_t refused;
};

static uint64_t dropped; /* atomic: as told to the callback */

static void count_dropped(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    (void)cause;
    weir__fetch_add_u64(&dropped, count);
}

static uint64_t draw_timeout(struct weir__rng *from) {
    switch (weir__rng_below(from, 4)) {
    case 0:
        return 0;
    case 1:
        return weir__rng_below(from, 100000);
    default:
        return WEIR_FOREVER;
    }
}

/* Pushes one run of events; true until the inlet is gone. */
static bool push_once(struct pusher *pusher) {
    static _Thread_local unsigned char events[PUSH_MAX * 64];
    const struct trial *trial = pusher->trial;
    uint64_t left = trial->events - pusher->next;
    uint64_t most = trial->push_most < left ? trial->push_most : left;
    uint64_t count = stress_between(&pusher->rng, 1, most);
    for (uint64_t i = 0; i < count; i++) {
        stress_event_write(events + i * trial->event_bytes, trial->event_bytes,
                           stress_word(pusher->id, pusher->next + i));
    }
    uint64_t timeout = draw_timeout(&pusher->rng);
    weir_status status = pusher->port != NULL
                             ? weir_port_push(pusher->port, events, count, timeout)
                             : weir_inlet_push(pusher->inlet, events, count, timeout);
    switch (status) {
    case WEIR_DROPPED:
        STRESS_CHECK(trial->policy == WEIR_DROP_NEWEST || trial->policy == WEIR_DROP_OLDEST);
        /* fall through */
    case WEIR_OK:
        pusher->next += count;
        pusher->accepted += count;
        return true;
    case WEIR_FULL:
        STRESS_CHECK(trial->policy == WEIR_REFUSE);
        pusher->refused++;
        return true;
    case WEIR_TIMEOUT:
        STRESS_CHECK(trial->policy == WEIR_BLOCK && timeout != WEIR_FOREVER);
        pusher->refused++;
        return true;
    default:
        STRESS_CHECK(status == WEIR_NO_STAGE);
        return false;
    }
}

/* Some have a port, unless the inlet is such that none can be had, or gone already. */
static void open_port(struct pusher *pusher) {
    pusher->port = NULL;
    if (pusher->trial->policy == WEIR_DROP_OLDEST || stress_chance(&pusher->rng, 3)) return;
    weir_status status = weir_port_open(pusher->inlet, &pusher->port);
    STRESS_CHECK(status == WEIR_OK || (status == WEIR_NO_STAGE && pusher->trial->early));
}

static void *push_all(void *argument) {
    struct pusher *pusher = argument;
    open_port(pusher);
    stress_hear_alarms(true);
    while (pusher->next < pusher->trial->events && push_once(pusher)) {
        stress_pause(&pusher->rng, pusher->trial->pauses);
    }
    stress_hear_alarms(false);
    weir_port_close(pusher->port);
    return NULL;
}

/* Starts the pushers, ends the inlet early if so wished, and joins them. */
static void run_pushers(const struct trial *trial, weir_runtime *runtime, weir_inlet *inlet,
                        weir_ref stage, struct pusher *pushers) {
    stress_alarms(trial->alarms);
    for (unsigned i = 0; i < trial->pushers; i++) {
        pushers[i] = (struct pusher){.trial = trial, .inlet = inlet, .id = i};
        stress_rng(&pushers[i].rng);
        STRESS_CHECK(pthread_create(&pushers[i].thread, NULL, push_all, &pushers[i]) == 0);
    }
    if (trial->early) {
        weir_status status = weir_runtime_run(runtime, weir__rng_below(&rng, 2000000));
        STRESS_CHECK(status == WEIR_TIMEOUT);
        if (trial->ending == FINISHES) STRESS_OK(weir_inlet_finish(inlet));
        if (trial->ending == IS_STOPPED) STRESS_OK(weir_stop(runtime, stage, WEIR_REASON_USER));
        if (trial->ending == RUNTIME_STOPS) STRESS_OK(weir_runtime_stop(runtime, WEIR_REASON_USER));
    }
    for (unsigned i = 0; i < trial->pushers; i++) pthread_join(pushers[i].thread, NULL);
    stress_alarms(false);
}

static weir_inlet *open_inlet(const struct trial *trial, weir_runtime *runtime, weir_ref *stage) {
    weir_inlet *inlet;
    weir__exchange_u64(&dropped, 0);
    weir__port_start = UINT64_MAX - weir__rng_below(&rng, 1000);
    STRESS_OK(weir_inlet_open(runtime,
                              &(weir_inlet_options){.event_bytes = trial->event_bytes,
                                                    .capacity = trial->capacity,
                                                    .when_full = trial->policy,
                                                    .discarded = count_dropped},
                              &inlet, stage));
    return inlet;
}

static bool drops(const struct trial *trial) {
    return trial->policy == WEIR_DROP_NEWEST || trial->policy == WEIR_DROP_OLDEST;
}

/* What was accepted, or may have been, for the sinks' tally. */
static void check(const struct trial *trial, const struct pusher *pushers,
                  const struct stress_tally *found, const weir_accounts *accounts) {
    struct stress_tally expected = {0};
    uint64_t accepted = 0;
    bool all = !drops(trial) && (!trial->early || trial->ending == FINISHES);
    for (unsigned i = 0; i < trial->pushers; i++) {
        accepted += pushers[i].accepted;
        if (all) stress_tally_range(&expected, i, 0, pushers[i].next);
    }
    if (accounts->emitted != accepted || accounts->handled != found->count ||
        accounts->discarded != weir__load_relaxed_u64(&dropped) + stress_logged_discards()) {
        stress_fail("pushed %" PRIu64 " emitted %" PRIu64 " handled %" PRIu64 " of %" PRIu64
                    " discarded %" PRIu64 " told %" PRIu64 " logged %" PRIu64,
                    accepted, accounts->emitted, found->count, accounts->handled,
                    accounts->discarded, weir__load_relaxed_u64(&dropped),
                    stress_logged_discards());
    }
    if (all) stress_tally_compare(&expected, found);
}

static void run_trial(const struct trial *trial) {
    struct pusher pushers[PUSHERS_MAX];
    weir_ref stage;
    struct stress_sink sink = {.upstreams = 1,
                               .order = drops(trial) ? STRESS_INCREASING : STRESS_CONSECUTIVE,
                               .pauses = trial->pauses};
    weir_runtime *runtime = stress_open(&trial->options);
    weir_inlet *inlet = open_inlet(trial, runtime, &stage);
    weir_subscribe_to from = stress_from(stage, (size_t)stress_between(&rng, 1, 300), 0);
    stress_sink_start(runtime, &sink, &from, 1);
    run_pushers(trial, runtime, inlet, stage, pushers);
    if (!trial->early && stress_chance(&rng, 2)) STRESS_OK(weir_inlet_finish(inlet));
    weir_inlet_close(inlet);
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    check(trial, pushers, &sink.tally, &accounts);
}

/* ---- consumers that die ------------------------------------------------------------------ */

static struct {
    struct stress_swarm *swarm;
    uint32_t over; /* atomic */
} storm;

static void *disturb(void *argument) {
    struct weir__rng *from = argument;
    while (weir__load_relaxed_u32(&storm.over) == 0) {
        stress_swarm_disturb(storm.swarm, from);
        stress_pause(from, STRESS_PAUSE_OFTEN);
    }
    return NULL;
}

/* Everything is pushed; settled, it is handled: what dead consumers had came back. */
static void run_dying(const struct trial *trial) {
    struct pusher pushers[PUSHERS_MAX];
    struct weir__rng generator;
    pthread_t thread;
    struct stress_sink sink = {.upstreams = 1, .order = STRESS_ANY_ORDER, .pauses = trial->pauses};
    struct stress_swarm swarm = {
        .event_bytes = trial->event_bytes, .pauses = trial->pauses, .most_alive = 8, .stops = true};
    weir_runtime *runtime = stress_open(&trial->options);
    stress_allow_excess();
    stress_swarm_open(&swarm);
    weir_inlet *inlet = open_inlet(trial, runtime, &swarm.source);
    swarm.runtime = runtime;
    weir_subscribe_to from = stress_from(swarm.source, (size_t)stress_between(&rng, 1, 300), 0);
    stress_sink_start(runtime, &sink, &from, 1);
    storm.swarm = &swarm;
    weir__exchange_u32(&storm.over, 0);
    stress_rng(&generator);
    STRESS_CHECK(pthread_create(&thread, NULL, disturb, &generator) == 0);
    run_pushers(trial, runtime, inlet, swarm.source, pushers);
    weir__exchange_u32(&storm.over, 1);
    pthread_join(thread, NULL);
    STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER));
    STRESS_CHECK(weir_inlet_waiting(inlet) == 0);
    weir_inlet_close(inlet);
    weir_accounts accounts = stress_close(runtime);
    stress_swarm_close(&swarm);
    stress_tally_join(&swarm.tally, &sink.tally);
    check(trial, pushers, &swarm.tally, &accounts);
}

/* ---- scenarios --------------------------------------------------------------------------- */

static void draw_trial(struct trial *trial, uint64_t events) {
    static const size_t capacities[] = {1, 2, 10, 200, 1000, 100000};
    static const size_t sizes[] = {8, 16, 40, 64};
    *trial = (struct trial){
        .options = {.workers = (unsigned)stress_between(&rng, 1, 3), .idle = stress_idle(&rng)},
        .policy = (weir_when_full)weir__rng_below(&rng, 4),
        .capacity = capacities[weir__rng_below(&rng, 6)],
        .event_bytes = sizes[weir__rng_below(&rng, 4)],
        .pushers = (unsigned)stress_between(&rng, 1, PUSHERS_MAX),
        .pauses = (enum stress_pauses)weir__rng_below(&rng, 3),
        .alarms = stress_chance(&rng, 2),
        .ending = (enum ending)weir__rng_below(&rng, 3)};
    if (trial->options.idle == WEIR_IDLE_SPIN) trial->options.workers = 1;
    trial->push_most =
        (size_t)stress_between(&rng, 1, trial->capacity < PUSH_MAX ? trial->capacity : PUSH_MAX);
    bool narrow = trial->capacity <= 10 && !drops(trial);
    trial->events = stress_between(&rng, 1, events / trial->pushers / (narrow ? 200 : 20) + 1);
}

static void rounds(const char *name, uint64_t events, bool early,
                   void (*run)(const struct trial *trial), bool lossless) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct trial trial;
        draw_trial(&trial, events);
        stress_ring_start(&rng);
        trial.early = early;
        if (lossless) trial.policy = (weir_when_full)weir__rng_below(&rng, 2);
        stress_step(
            "%s: workers %u idle %d policy %d capacity %zu bytes %zu pushers %u at most %zu "
            "pauses %d alarms %d ending %d events %" PRIu64,
            name, trial.options.workers, (int)trial.options.idle, (int)trial.policy, trial.capacity,
            trial.event_bytes, trial.pushers, trial.push_most, (int)trial.pauses, trial.alarms,
            (int)trial.ending, trial.events);
        run(&trial);
        done += trial.events * trial.pushers;
    }
}

static void pushing(uint64_t events) {
    rounds("pushing", events, false, run_trial, false);
}

static void ending(uint64_t events) {
    rounds("ending", events, true, run_trial, false);
}

static void dying(uint64_t events) {
    rounds("dying", events, false, run_dying, true);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"pushing", 2, pushing},
        {"ending", 1, ending},
        {"dying", 1, dying},
    };
    return stress_main(count, arguments, 500000, scenarios, sizeof scenarios / sizeof *scenarios);
}
