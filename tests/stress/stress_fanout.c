/*
 * Stress: one producer to many consumers, many to one, and diamonds.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    A dispatcher shares its events out among its consumers, each event to
 *         one of them, in rising order to each, by demand or by partitions; a
 *         consumer of many producers gets all events of each in order; where ways
 *         part and meet again, nothing is lost or doubled, and each way keeps its
 *         order.
 * Method  Shapes with 1 to 4 workers, more stages than workers and unlike
 *         windows on the edges of one stage.  The sinks' tallies together are
 *         the sources' numbers.
 */
#include "stress/nodes.h"

#include <inttypes.h>

enum { WIDE = STRESS_SOURCES };

static struct weir__rng rng;

struct shape {
    unsigned sources;
    unsigned relays; /* each subscribes to every source; 0: the sinks do so themselves */
    unsigned sinks;  /* each subscribes to every relay                                 */
    unsigned workers;
    weir_idle idle;
    enum stress_emit emit;
    enum stress_relaying how;
    enum stress_pauses pauses;
    size_t event_bytes;
    size_t max_demand; /* 0: draw one for each edge */
    bool dealt;        /* each sink has a partition of every source (no relays) */
    uint64_t events;   /* of each source             */
};

static unsigned draw_worker(const struct shape *shape) {
    return WEIR_WORKER(weir__rng_below(&rng, shape->workers));
}

/* Subscriptions to all of a row of stages, of the subscriber of that number. */
static size_t from_all(const struct shape *shape, const weir_ref *row, unsigned count,
                       unsigned subscriber, weir_subscribe_to *out) {
    for (unsigned i = 0; i < count; i++) {
        out[i] = stress_from_drawn(&rng, shape->max_demand, row[i]);
        if (shape->dealt) out[i].options.partition = WEIR_PARTITION(subscriber);
    }
    return count;
}

static void check(const struct shape *shape, const struct stress_sink *sinks,
                  const weir_accounts *accounts) {
    struct stress_tally expected = {0};
    struct stress_tally found = {0};
    for (unsigned i = 0; i < shape->sources; i++) {
        stress_tally_range(&expected, i, 0, shape->events);
    }
    for (unsigned i = 0; i < shape->sinks; i++) stress_tally_join(&found, &sinks[i].tally);
    stress_tally_compare(&expected, &found);
    STRESS_CHECK(accounts->discarded == 0);
    STRESS_CHECK(accounts->emitted == shape->events * shape->sources * (shape->relays > 0 ? 2 : 1));
}

static enum stress_order order_of(const struct shape *shape) {
    bool alone = shape->relays == 0 && shape->sinks == 1;
    return alone ? STRESS_CONSECUTIVE : STRESS_INCREASING;
}

static void run_shape(const struct shape *shape) {
    static struct stress_source sources[WIDE];
    static struct stress_relay relays[WIDE];
    static struct stress_sink sinks[WIDE];
    weir_ref first[WIDE], middle[WIDE];
    weir_subscribe_to from[WIDE];
    unsigned last = shape->relays > 0 ? shape->relays : shape->sources;
    const weir_partition_dispatcher_options partitions = {.partitions = shape->sinks};
    weir_runtime *runtime =
        stress_open(&(weir_runtime_options){.workers = shape->workers, .idle = shape->idle});
    for (unsigned i = 0; i < shape->sources; i++) {
        sources[i] =
            (struct stress_source){.id = i,
                                   .event_bytes = shape->event_bytes,
                                   .total = shape->events,
                                   .emit = shape->emit,
                                   .pauses = shape->pauses,
                                   .demand = WEIR_ACCUMULATE,
                                   .dispatcher = shape->dealt ? weir_partition_dispatcher() : NULL,
                                   .dispatcher_options = shape->dealt ? &partitions : NULL,
                                   .worker = draw_worker(shape)};
        first[i] = stress_source_start(runtime, &sources[i]);
    }
    for (unsigned i = 0; i < shape->relays; i++) {
        relays[i] = (struct stress_relay){.event_bytes = shape->event_bytes,
                                          .how = shape->how,
                                          .pauses = shape->pauses,
                                          .upstreams = shape->sources,
                                          .worker = draw_worker(shape)};
        size_t count = from_all(shape, first, shape->sources, i, from);
        middle[i] = stress_relay_start(runtime, &relays[i], from, count);
    }
    for (unsigned i = 0; i < shape->sinks; i++) {
        sinks[i] = (struct stress_sink){.order = order_of(shape),
                                        .upstreams = last,
                                        .hops_most = shape->relays > 0 ? 1 : 0,
                                        .pauses = shape->pauses,
                                        .worker = draw_worker(shape)};
        size_t count = from_all(shape, shape->relays > 0 ? middle : first, last, i, from);
        stress_sink_start(runtime, &sinks[i], from, count);
    }
    for (unsigned i = 0; i < shape->sources; i++) {
        STRESS_OK(weir_demand(runtime, first[i], WEIR_FORWARD)); /* all have started */
    }
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    check(shape, sinks, &accounts);
}

/* ---- scenarios ----------------------------------------------------------- */

static void draw_shape(struct shape *shape, uint64_t events) {
    static const size_t sizes[] = {8, 16, 40, 48, 64, 1024};
    shape->workers = (unsigned)stress_between(&rng, 1, 4);
    shape->idle = stress_idle(&rng);
    shape->emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS);
    shape->how = (enum stress_relaying)weir__rng_below(&rng, STRESS_RELAYINGS);
    shape->pauses = (enum stress_pauses)weir__rng_below(&rng, 3);
    shape->event_bytes = sizes[weir__rng_below(&rng, 6)];
    if (shape->idle == WEIR_IDLE_SPIN) shape->workers = 2;
    bool narrow = shape->emit == STRESS_EMIT_SLOWLY || shape->pauses == STRESS_PAUSE_OFTEN;
    uint64_t most = events / (narrow ? 256 : 16) / shape->sources + 1;
    shape->events = stress_between(&rng, 1, most);
}

static void run_named(const char *name, const struct shape *shape) {
    stress_step("%s: %u x %u x %u workers %u idle %d emit %d how %d pauses %d bytes %zu max %zu "
                "events %" PRIu64,
                name, shape->sources, shape->relays, shape->sinks, shape->workers, (int)shape->idle,
                (int)shape->emit, (int)shape->how, (int)shape->pauses, shape->event_bytes,
                shape->max_demand, shape->events);
    run_shape(shape);
}

static unsigned wide(void) {
    return (unsigned)stress_between(&rng, 4, WIDE);
}

static void rounds(const char *name, uint64_t events, bool many_sources, bool relays,
                   bool many_sinks, bool dealt) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct shape shape = {.sources = many_sources ? wide() : 1,
                              .relays = relays ? wide() : 0,
                              .sinks = many_sinks ? wide() : 1,
                              .dealt = dealt};
        draw_shape(&shape, events);
        stress_ring_start(&rng);
        run_named(name, &shape);
        done += shape.events * shape.sources;
    }
}

static void fan_out(uint64_t events) {
    rounds("fan_out", events, false, false, true, false);
}

static void fan_in(uint64_t events) {
    rounds("fan_in", events, true, false, false, false);
}

static void diamond(uint64_t events) {
    rounds("diamond", events, false, true, false, false);
}

static void lattice(uint64_t events) {
    rounds("lattice", events, true, true, true, false);
}

static void partitions(uint64_t events) {
    rounds("partitions", events / 2, false, false, true, true);
    rounds("partitions", events / 2, true, false, true, true);
}

/* Nothing is drawn: what the machine bears. */
static void run_fast(const char *name, struct shape shape) {
    stress_rng(&rng);
    shape.workers = 2;
    shape.event_bytes = 8;
    shape.max_demand = 1000;
    run_named(name, &shape);
}

static void fan_out_fast(uint64_t events) {
    run_fast("fan_out_fast", (struct shape){.sources = 1, .sinks = 4, .events = events});
}

static void partitions_fast(uint64_t events) {
    run_fast("partitions_fast",
             (struct shape){.sources = 1, .sinks = 4, .dealt = true, .events = events});
}

static void fan_in_fast(uint64_t events) {
    run_fast("fan_in_fast", (struct shape){.sources = 4, .sinks = 1, .events = events / 4 + 1});
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"fan_out", 2, fan_out},
        {"fan_in", 2, fan_in},
        {"diamond", 2, diamond},
        {"lattice", 1, lattice},
        {"partitions", 2, partitions},
        {"fan_out_fast", 5, fan_out_fast},
        {"partitions_fast", 5, partitions_fast},
        {"fan_in_fast", 5, fan_in_fast},
    };
    return stress_main(count, arguments, 1000000, scenarios, sizeof scenarios / sizeof *scenarios);
}
