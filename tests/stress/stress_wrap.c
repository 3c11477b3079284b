/*
 * Stress: rings whose index wraps, and rings that are too small for the demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    The 32-bit index of a ring wraps unnoticed.  Where demand is open for
 *         more slices than the ring holds, the producer's overflow keeps them in
 *         order, moves on when there is room, and goes with the end of a
 *         subscription.
 * Method  Every ring begins just below 2^32.  Sinks ask for far more than their
 *         max_demand, which is what sizes the ring, so that emissions of one
 *         event, or of many blocks, do not fit; some cancel meanwhile and
 *         subscribe anew.  The sink expects consecutive numbers.
 */
#include "stress/nodes.h"

#include "edge/edge.h"

#include <inttypes.h>

static struct weir__rng rng;

struct way {
    unsigned workers;
    weir_idle idle;
    size_t max_demand;
    size_t event_bytes;
    enum stress_emit emit;
    enum stress_pauses fast; /* the source's and relay's */
    enum stress_pauses slow; /* the sink's              */
    bool relay;
    uint64_t ask; /* 0: automatic */
    uint64_t events;
};

static void run_way(const struct way *way) {
    struct stress_source source = {.total = way->events,
                                   .event_bytes = way->event_bytes,
                                   .emit = way->emit,
                                   .pauses = way->fast};
    struct stress_relay relay = {.event_bytes = way->event_bytes,
                                 .how = STRESS_RELAY_ANY,
                                 .pauses = way->fast,
                                 .upstreams = 1};
    struct stress_sink sink = {
        .upstreams = 1, .ask = way->ask, .pauses = way->slow, .hops_most = way->relay ? 1 : 0};
    weir__edge_ring_start = UINT32_MAX - (uint32_t)weir__rng_below(&rng, 600);
    weir_runtime *runtime =
        stress_open(&(weir_runtime_options){.workers = way->workers, .idle = way->idle});
    weir_ref last = stress_source_start(runtime, &source);
    if (way->relay) {
        weir_subscribe_to from = stress_from(last, 1000, 0);
        last = stress_relay_start(runtime, &relay, &from, 1);
    }
    weir_subscribe_to from = stress_from(last, way->max_demand, 0);
    stress_sink_start(runtime, &sink, &from, 1);
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    stress_tally_check(&sink.tally, way->events);
    STRESS_CHECK(accounts.discarded == 0);
    weir__edge_ring_start = 0;
}

static void rounds(const char *name, uint64_t events, const size_t *windows, size_t window_count,
                   uint64_t ask_most) {
    static const size_t sizes[] = {8, 24, 40, 48, 1024};
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct way way = {.workers = (unsigned)stress_between(&rng, 1, 3),
                          .idle = stress_idle(&rng),
                          .max_demand = windows[weir__rng_below(&rng, window_count)],
                          .event_bytes = sizes[weir__rng_below(&rng, 5)],
                          .emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS),
                          .fast = (enum stress_pauses)weir__rng_below(&rng, 2),
                          .slow = (enum stress_pauses)weir__rng_below(&rng, 3),
                          .relay = stress_chance(&rng, 3),
                          .ask = ask_most == 0 ? 0 : stress_between(&rng, 1, ask_most)};
        if (way.idle == WEIR_IDLE_SPIN) way.workers = 2;
        way.events = stress_between(&rng, 1, events / 100 + 2);
        stress_step("%s: workers %u idle %d max %zu bytes %zu emit %d fast %d slow %d relay %d "
                    "ask %" PRIu64 " events %" PRIu64 " start %u",
                    name, way.workers, (int)way.idle, way.max_demand, way.event_bytes,
                    (int)way.emit, (int)way.fast, (int)way.slow, way.relay, way.ask, way.events,
                    weir__edge_ring_start);
        run_way(&way);
        done += way.events;
    }
}

static void wrapping(uint64_t events) {
    static const size_t windows[] = {1, 2, 3, 4, 10, 100};
    rounds("wrapping", events, windows, 6, 0);
}

static void overflowing(uint64_t events) {
    static const size_t windows[] = {1, 2, 3, 5};
    rounds("overflowing", events, windows, 4, 5000);
}

/* 256 entries for 1000 events of one slice each. */
static void singles(uint64_t events) {
    stress_rng(&rng);
    for (unsigned i = 0; i < 4; i++) {
        struct way way = {.workers = 2,
                          .idle = stress_idle(&rng),
                          .max_demand = 1000,
                          .event_bytes = 64,
                          .emit = STRESS_EMIT_SLOWLY,
                          .slow = (enum stress_pauses)(i % 3),
                          .events = events / 4 + 1};
        stress_step("singles: idle %d slow %d events %" PRIu64, (int)way.idle, (int)way.slow,
                    way.events);
        run_way(&way);
    }
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"wrapping", 1, wrapping},
        {"overflowing", 4, overflowing},
        {"singles", 1, singles},
    };
    return stress_main(count, arguments, 300000, scenarios, sizeof scenarios / sizeof *scenarios);
}
