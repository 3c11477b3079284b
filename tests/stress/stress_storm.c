/*
 * Stress: consumers that come, cancel and die while a source lives.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Whatever foreign threads and the consumers themselves do, every event
 *         of a source that lives is handled exactly once: what a dead consumer
 *         had not begun comes back and goes to another.
 * Method  One source and one sink that stay; around them a swarm of consumers
 *         (moths.h) and a few threads that start, stop, subscribe, cancel, ask,
 *         cast and inform at random, some under signals; now and then the test's
 *         own thread steps the runtime meanwhile.  At the end the graph
 *         settles, and the numbers handled, summed over all, are those emitted.
 */
#include "stress/moths.h"

#include <inttypes.h>
#include <string.h>

struct storm {
    weir_runtime_mode mode;
    unsigned workers;
    unsigned threads;
    weir_idle idle;
    enum stress_emit emit;
    enum stress_pauses pauses;
    size_t event_bytes;
    bool stops;
    bool everywhere;
    bool alarms;
    uint64_t most_alive;
    uint64_t events;
};

enum { DEEDS_AN_EVENT = 2 };

static struct weir__rng rng;

struct thread {
    pthread_t handle;
    struct stress_swarm *swarm;
    struct weir__rng rng;
    enum stress_pauses pauses;
    uint64_t events;
};

static uint64_t emitted(weir_runtime *runtime) {
    weir_accounts accounts;
    STRESS_OK(weir_runtime_accounts(runtime, &accounts));
    return accounts.emitted;
}

static void *disturb(void *argument) {
    struct thread *thread = argument;
    struct stress_swarm *swarm = thread->swarm;
    stress_hear_alarms(true);
    /* Nor for ever: threads that do nothing else leave a source on few cores little time. */
    for (uint64_t left = DEEDS_AN_EVENT * thread->events;
         left > 0 && emitted(swarm->runtime) < thread->events; left--) {
        stress_swarm_disturb(swarm, &thread->rng);
        stress_pause(&thread->rng, thread->pauses);
    }
    stress_hear_alarms(false);
    return NULL;
}

static void disturb_all(const struct storm *storm, struct stress_swarm *swarm) {
    struct thread threads[8];
    STRESS_CHECK(storm->threads <= 8);
    stress_alarms(storm->alarms);
    for (unsigned i = 0; i < storm->threads; i++) {
        threads[i] =
            (struct thread){.swarm = swarm, .events = storm->events, .pauses = storm->pauses};
        stress_rng(&threads[i].rng);
        STRESS_CHECK(pthread_create(&threads[i].handle, NULL, disturb, &threads[i]) == 0);
    }
    while (storm->mode != WEIR_THREADS && emitted(swarm->runtime) < storm->events) {
        weir_runtime_step(swarm->runtime, 64);
    }
    for (unsigned i = 0; i < storm->threads; i++) pthread_join(threads[i].handle, NULL);
    stress_alarms(false);
}

static void check_rest(weir_runtime *runtime, uint64_t events) {
    weir_accounts accounts;
    STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER));
    STRESS_OK(weir_runtime_accounts(runtime, &accounts));
    if (accounts.emitted != events || accounts.handled != events) {
        stress_fail("at rest, emitted %" PRIu64 " handled %" PRIu64 " buffered %" PRIu64
                    " in flight %" PRIu64 " discarded %" PRIu64 " of %" PRIu64,
                    accounts.emitted, accounts.handled, accounts.buffered, accounts.in_flight,
                    accounts.discarded, events);
    }
}

static void run_storm(const struct storm *storm) {
    struct stress_source source = {.total = storm->events,
                                   .event_bytes = storm->event_bytes,
                                   .emit = storm->emit,
                                   .pauses = storm->pauses,
                                   .everywhere = storm->everywhere,
                                   .stays = true};
    struct stress_sink sink = {.order = STRESS_ANY_ORDER, .upstreams = 1, .pauses = storm->pauses};
    struct stress_swarm swarm = {.event_bytes = storm->event_bytes,
                                 .pauses = storm->pauses,
                                 .most_alive = storm->most_alive,
                                 .stops = storm->stops};
    weir_runtime *runtime = stress_open(&(weir_runtime_options){
        .mode = storm->mode, .workers = storm->workers, .idle = storm->idle});
    stress_allow_excess();
    stress_swarm_open(&swarm);
    swarm.runtime = runtime;
    swarm.source = stress_source_start(runtime, &source);
    weir_subscribe_to from =
        stress_from(swarm.source, (size_t)stress_between(&rng, 1, 500), WEIR_NONE);
    stress_sink_start(runtime, &sink, &from, 1);
    disturb_all(storm, &swarm);
    check_rest(runtime, storm->events);
    weir_accounts accounts = stress_close(runtime);
    stress_swarm_close(&swarm);
    struct stress_tally expected = {0};
    stress_tally_range(&expected, 0, 0, storm->events);
    stress_tally_join(&swarm.tally, &sink.tally);
    stress_tally_compare(&expected, &swarm.tally);
    STRESS_CHECK(accounts.discarded == 0);
}

/* ---- scenarios ----------------------------------------------------------- */

static const size_t sizes[] = {8, 16, 40, 64, 1024};

static void draw_storm(struct storm *storm) {
    bool threads = !stress_chance(&rng, 6);
    *storm = (struct storm){.mode = threads ? WEIR_THREADS
                                            : (weir_runtime_mode)stress_between(&rng, 1, 2),
                            .workers = (unsigned)stress_between(&rng, 1, 4),
                            .threads = (unsigned)stress_between(&rng, 1, 4),
                            .idle = stress_idle(&rng),
                            .emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS),
                            .pauses = (enum stress_pauses)stress_between(&rng, 1, 2),
                            .event_bytes = sizes[weir__rng_below(&rng, 5)],
                            .stops = true,
                            .everywhere = stress_chance(&rng, 3),
                            .alarms = stress_chance(&rng, 2),
                            .most_alive = stress_between(&rng, 1, 30)};
    if (storm->idle == WEIR_IDLE_SPIN) storm->workers = 2;
}

static void rounds(const char *name, uint64_t events, bool stops) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct storm storm;
        draw_storm(&storm);
        stress_ring_start(&rng);
        storm.stops = stops;
        storm.events = stress_between(&rng, 1, events / 16 + 1);
        stress_step(
            "%s: mode %d workers %u threads %u idle %d emit %d pauses %d bytes %zu everywhere %d "
            "alarms %d alive %" PRIu64 " events %" PRIu64,
            name, (int)storm.mode, storm.workers, storm.threads, (int)storm.idle, (int)storm.emit,
            (int)storm.pauses, storm.event_bytes, storm.everywhere, storm.alarms, storm.most_alive,
            storm.events);
        run_storm(&storm);
        done += storm.events;
    }
}

static void dying(uint64_t events) {
    rounds("dying", events, true);
}

static void cancelling(uint64_t events) {
    rounds("cancelling", events, false);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"dying", 1, dying},
        {"cancelling", 1, cancelling},
    };
    return stress_main(count, arguments, 1000000, scenarios, sizeof scenarios / sizeof *scenarios);
}
