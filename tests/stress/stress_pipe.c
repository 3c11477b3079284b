/*
 * Stress: pipes of two and three stages, in every manner of sending.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Events cross from stage to stage in order, each once, whatever the
 *         event's size, the demand window, the manner of emission, the idle
 *         policy and the number of workers, also with more workers than cores.
 * Method  `mixed` draws a pipe at random for each round; the others hold one
 *         thing fast.  The sink expects consecutive numbers.
 */
#include "stress/nodes.h"

#include <sched.h>
#include <stdio.h>

struct pipe {
    unsigned relays;
    unsigned workers;
    size_t event_bytes;
    size_t max_demand;
    size_t min_demand; /* 0: draw one */
    weir_idle idle;
    enum stress_emit emit;
    enum stress_relaying how;
    enum stress_pauses pauses;
    uint64_t ask; /* above 0: the sink is manual */
    uint64_t events;
};

enum { RELAYS_MAX = 2 };

static struct weir__rng rng;
static const unsigned *kept_to; /* the only core of all workers; NULL: any */

static size_t draw_min(size_t max_demand) {
    switch (weir__rng_below(&rng, 4)) {
    case 0:
        return 0;
    case 1:
        return WEIR_NONE;
    case 2:
        return max_demand > 1 ? max_demand - 1 : WEIR_NONE;
    default: {
        size_t drawn = (size_t)weir__rng_below(&rng, max_demand);
        return drawn == 0 ? WEIR_NONE : drawn;
    }
    }
}

static weir_subscribe_to from(const struct pipe *pipe, weir_ref producer) {
    return stress_from(producer, pipe->max_demand,
                       pipe->min_demand != 0 ? pipe->min_demand : draw_min(pipe->max_demand));
}

static void run_pipe(const struct pipe *pipe) {
    struct stress_source source = {.total = pipe->events,
                                   .event_bytes = pipe->event_bytes,
                                   .emit = pipe->emit,
                                   .pauses = pipe->pauses};
    struct stress_relay relay[RELAYS_MAX];
    struct stress_sink sink = {
        .upstreams = 1,
        .ask = pipe->ask,
        .pauses = pipe->pauses,
        .hops_most = pipe->relays,
        .hops_least =
            pipe->how == STRESS_RELAY_FORWARD || pipe->how == STRESS_RELAY_ANY ? 0 : pipe->relays};
    weir_runtime *runtime = stress_open(&(weir_runtime_options){.workers = pipe->workers,
                                                                .idle = pipe->idle,
                                                                .cores = kept_to,
                                                                .core_count = kept_to != NULL});
    weir_ref last = stress_source_start(runtime, &source);
    for (unsigned i = 0; i < pipe->relays; i++) {
        weir_subscribe_to upstream = from(pipe, last);
        relay[i] = (struct stress_relay){.event_bytes = pipe->event_bytes,
                                         .how = pipe->how,
                                         .pauses = pipe->pauses,
                                         .upstreams = 1};
        last = stress_relay_start(runtime, &relay[i], &upstream, 1);
    }
    weir_subscribe_to upstream = from(pipe, last);
    stress_sink_start(runtime, &sink, &upstream, 1);
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    stress_tally_check(&sink.tally, pipe->events);
    STRESS_CHECK(accounts.discarded == 0);
    STRESS_CHECK(accounts.emitted == pipe->events * (pipe->relays + 1));
}

/* ---- at random ----------------------------------------------------------- */

static const size_t sizes[] = {1, 8, 40, 64, 1024, 7, 24, 41};
static const size_t windows[] = {1, 2, 3, 10, 255, 256, 1000, 10000};

#define DRAW(list) ((list)[weir__rng_below(&rng, sizeof(list) / sizeof *(list))])

/* A round has fewer events where each costs a way there and back between the threads. */
static uint64_t round_events(uint64_t events, const struct pipe *pipe) {
    bool narrow = pipe->max_demand <= 3 || pipe->emit == STRESS_EMIT_SLOWLY ||
                  pipe->pauses == STRESS_PAUSE_OFTEN;
    uint64_t most = events / (narrow ? 1024 : pipe->max_demand <= 10 ? 128 : 32) + 1;
    return stress_between(&rng, 1, most);
}

static void step(const char *name, const struct pipe *pipe) {
    stress_step("%s: relays %u workers %u bytes %zu max %zu min %zu idle %d emit %d how %d "
                "pauses %d ask %llu events %llu",
                name, pipe->relays, pipe->workers, pipe->event_bytes, pipe->max_demand,
                pipe->min_demand, (int)pipe->idle, (int)pipe->emit, (int)pipe->how,
                (int)pipe->pauses, (unsigned long long)pipe->ask, (unsigned long long)pipe->events);
}

static void draw_pipe(struct pipe *pipe) {
    *pipe = (struct pipe){.relays = (unsigned)weir__rng_below(&rng, RELAYS_MAX + 1),
                          .workers = (unsigned)stress_between(&rng, 1, 4),
                          .event_bytes = DRAW(sizes),
                          .max_demand = DRAW(windows),
                          .idle = stress_idle(&rng),
                          .emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS),
                          .how = (enum stress_relaying)weir__rng_below(&rng, STRESS_RELAYINGS),
                          .pauses = (enum stress_pauses)weir__rng_below(&rng, 3)};
    if (pipe->idle == WEIR_IDLE_SPIN) pipe->workers = 2;
    if (stress_chance(&rng, 5)) pipe->ask = stress_between(&rng, 1, 3000);
}

static void mixed_rounds(const char *name, uint64_t events) {
    for (uint64_t done = 0; done < events;) {
        struct pipe pipe;
        draw_pipe(&pipe);
        pipe.events = round_events(events, &pipe);
        stress_ring_start(&rng);
        step(name, &pipe);
        run_pipe(&pipe);
        done += pipe.events;
    }
}

static void mixed(uint64_t events) {
    stress_rng(&rng);
    mixed_rounds("mixed", events);
}

/* All threads on one core: a publisher is interrupted anywhere, and for long. */
static void one_core(uint64_t events) {
    cpu_set_t before, one;
    stress_rng(&rng);
    STRESS_CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    unsigned core = 0;
    while (!CPU_ISSET(core, &before)) core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    STRESS_CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    kept_to = &core;
    mixed_rounds("one_core", events);
    kept_to = NULL;
    STRESS_CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
}

/* ---- one thing held fast ------------------------------------------------- */

static void run_named(const char *name, struct pipe pipe) {
    stress_rng(&rng);
    step(name, &pipe);
    run_pipe(&pipe);
}

static void two_stages(uint64_t events) {
    run_named("two_stages", (struct pipe){.workers = 2,
                                          .event_bytes = 8,
                                          .max_demand = 1000,
                                          .min_demand = 500,
                                          .events = events});
}

static void three_stages(uint64_t events) {
    run_named("three_stages", (struct pipe){.relays = 1,
                                            .workers = 3,
                                            .event_bytes = 64,
                                            .max_demand = 1000,
                                            .min_demand = 500,
                                            .how = STRESS_RELAY_OWN,
                                            .events = events});
}

static void one_by_one(uint64_t events) {
    run_named("one_by_one", (struct pipe){.workers = 2,
                                          .event_bytes = 8,
                                          .max_demand = 1,
                                          .min_demand = WEIR_NONE,
                                          .events = events});
}

static void one_by_one_parked(uint64_t events) {
    run_named("one_by_one_parked", (struct pipe){.workers = 2,
                                                 .event_bytes = 8,
                                                 .max_demand = 1,
                                                 .min_demand = WEIR_NONE,
                                                 .idle = WEIR_IDLE_PARK,
                                                 .events = events});
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"mixed", 400, mixed},
        {"one_core", 100, one_core},
        {"two_stages", 1000, two_stages},
        {"three_stages", 400, three_stages},
        {"one_by_one", 20, one_by_one},
        {"one_by_one_parked", 5, one_by_one_parked},
    };
    return stress_main(count, arguments, 1000000, scenarios, sizeof scenarios / sizeof *scenarios);
}
