/*
 * Stages for stress tests: a source that numbers its events, relays, and a sink that checks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The structs belong to the test and stay in place until the runtime is closed;
 * while it runs only the stage's worker touches them.
 */
#ifndef TESTS_STRESS_NODES_H
#define TESTS_STRESS_NODES_H

#include "stress/stress.h"

enum { STRESS_SOURCES = 16, STRESS_LANES = 32 };

/* ---- the source ---------------------------------------------------------- */

enum stress_emit {
    STRESS_EMIT_RESERVE, /* in place, as much at once as fits           */
    STRESS_EMIT_COPY,
    STRESS_EMIT_SINGLES, /* in place, one by one                        */
    STRESS_EMIT_SURPLUS, /* up to three times what is wanted            */
    STRESS_EMIT_SLOWLY,  /* one event for each callback, told by casts   */
    STRESS_EMIT_ANY,     /* one of the above but the last, for each call */
    STRESS_EMITS
};

struct stress_source {
    /* the test's choice */
    uint32_t id; /* below STRESS_SOURCES */
    size_t event_bytes;
    uint64_t total;
    enum stress_emit emit;
    enum stress_pauses pauses;
    bool stays;      /* at its end; else it stops once all is gone        */
    bool everywhere; /* it also emits when subscriptions begin and end   */
    weir_demand_mode demand;
    unsigned worker;
    size_t buffer_size;                /* default: WEIR_INFINITY */
    const weir_dispatcher *dispatcher; /* default: by demand     */
    const void *dispatcher_options;
    /* what came of it */
    uint64_t next;
    uint64_t discarded;
    /* its own */
    uint64_t pending;
    bool told;
    bool ended;
    struct weir__rng rng;
};

weir_ref stress_source_start(weir_runtime *runtime, struct stress_source *source);

/* ---- the relay ----------------------------------------------------------- */

enum stress_relaying {
    STRESS_RELAY_FORWARD,
    STRESS_RELAY_OWN,     /* changes in place, then forwards  */
    STRESS_RELAY_COPY,    /* into room of its own             */
    STRESS_RELAY_SINGLES, /* the same, one by one             */
    STRESS_RELAY_ANY,
    STRESS_RELAYINGS
};

struct stress_relay {
    size_t event_bytes;
    enum stress_relaying how;
    enum stress_pauses pauses;
    unsigned upstreams; /* it ends when so many subscriptions have ended */
    unsigned worker;
    uint64_t discarded;
    unsigned ended;
    struct weir__rng rng;
};

weir_ref stress_relay_start(weir_runtime *runtime, struct stress_relay *relay,
                            const weir_subscribe_to *from, size_t count);

/* ---- the sink ------------------------------------------------------------ */

enum stress_order {
    STRESS_CONSECUTIVE, /* it gets every event of each of its sources, in order */
    STRESS_INCREASING,  /* on each subscription the numbers of a source grow   */
    STRESS_ANY_ORDER
};

struct stress_sink {
    enum stress_order order;
    enum stress_pauses pauses;
    unsigned upstreams;
    unsigned worker;
    uint64_t ask; /* above 0: manual; how many at once, twice to begin with */
    unsigned hops_least;
    unsigned hops_most;
    /* what came of it */
    struct stress_tally tally;
    uint64_t batches;
    /* its own */
    unsigned ended;
    unsigned lanes;
    struct stress_lane {
        uint64_t subscription;
        uint64_t open;
        uint64_t next[STRESS_SOURCES];
    } lane[STRESS_LANES];
    struct weir__rng rng;
};

weir_ref stress_sink_start(weir_runtime *runtime, struct stress_sink *sink,
                           const weir_subscribe_to *from, size_t count);

/* The window that subscriptions of temporary cancel mode get here. */
weir_subscribe_to stress_from(weir_ref producer, size_t max_demand, size_t min_demand);

/* The same with demand up to this (0: some that is drawn), asked for again as is drawn. */
weir_subscribe_to stress_from_drawn(struct weir__rng *rng, size_t max_demand, weir_ref producer);

#endif
