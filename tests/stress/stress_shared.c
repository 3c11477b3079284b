/*
 * Stress: consumers that compete for the events of one producer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Each event is handled by exactly one of the takers, whatever their
 *         windows, the size of the ring and of its entries, and whoever asks by
 *         hand; each taker sees rising numbers.  Takers that cancel or die in the
 *         middle lose nothing: the others get it.  When the producer stops, what
 *         it has sent is still handled.
 * Method  Rounds with 1 to 4 workers, small rings and grains so that the overflow
 *         is in use, pauses in some takers only.  In the churn a thread stops
 *         and cancels takers and starts others, while one taker stays: the tallies
 *         of all of them together are the source's numbers.  In the wreck all are
 *         stopped, and the source too: then only the counts must agree.  At last
 *         streams take part, read by threads that are no workers.
 */
#include "stress/nodes.h"

#include <inttypes.h>
#include <pthread.h>

enum { TAKERS = 12, CHURNED = 48 };

static struct weir__rng rng;

struct round {
    unsigned workers;
    unsigned takers;
    weir_idle idle;
    struct stress_source source;
    weir_shared_dispatcher_options options;
    uint64_t ask;      /* above 0: one taker in three asks by hand, as many at once */
    size_t max_demand; /* 0: draw one for each                                      */
};

static struct stress_sink sinks[TAKERS + CHURNED];

static void draw(struct round *round, uint64_t events) {
    static const size_t sizes[] = {8, 16, 40, 48, 64, 1024};
    static const size_t grains[] = {0, 0, 1, 2, 7, 100};
    *round = (struct round){.workers = (unsigned)stress_between(&rng, 1, 4),
                            .takers = (unsigned)stress_between(&rng, 1, TAKERS),
                            .idle = stress_idle(&rng),
                            .options = {.grain = grains[weir__rng_below(&rng, 6)],
                                        .entries = (size_t)2 << weir__rng_below(&rng, 6)},
                            .ask = stress_chance(&rng, 3) ? stress_between(&rng, 1, 20) : 0};
    uint64_t most = events / 8 + 1 < 20000 ? events / 8 + 1 : 20000;
    round->source =
        (struct stress_source){.id = 0,
                               .event_bytes = sizes[weir__rng_below(&rng, 6)],
                               .total = stress_between(&rng, 1, most),
                               .emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS),
                               .pauses = STRESS_PAUSE_RARELY,
                               .demand = WEIR_ACCUMULATE,
                               .dispatcher = weir_shared_dispatcher()};
}

static weir_ref start_taker(weir_runtime *runtime, const struct round *round, unsigned number,
                            enum stress_order order, weir_ref source) {
    sinks[number] =
        (struct stress_sink){.order = order,
                             .upstreams = 1,
                             .worker = WEIR_WORKER(weir__rng_below(&rng, round->workers)),
                             .ask = number % 3 == 1 ? round->ask : 0,
                             .pauses = (enum stress_pauses)(number % 3)};
    weir_subscribe_to from = stress_from_drawn(&rng, round->max_demand, source);
    return stress_sink_start(runtime, &sinks[number], &from, source.bits != 0 ? 1 : 0);
}

static weir_runtime *open_round(struct round *round, const char *name, weir_ref *source) {
    stress_step("%s: %u takers %u workers idle %d emit %d bytes %zu grain %zu entries %zu ask "
                "%" PRIu64 " events %" PRIu64,
                name, round->takers, round->workers, (int)round->idle, (int)round->source.emit,
                round->source.event_bytes, round->options.grain, round->options.entries, round->ask,
                round->source.total);
    stress_ring_start(&rng);
    round->source.dispatcher_options = &round->options;
    weir_runtime *runtime =
        stress_open(&(weir_runtime_options){.workers = round->workers, .idle = round->idle});
    *source = stress_source_start(runtime, &round->source);
    return runtime;
}

static struct stress_tally found(unsigned count) {
    struct stress_tally tally = {0};
    for (unsigned i = 0; i < count; i++) stress_tally_join(&tally, &sinks[i].tally);
    return tally;
}

static void check_all(const struct round *round, unsigned count, const weir_accounts *accounts) {
    struct stress_tally expected = {0};
    struct stress_tally got = found(count);
    stress_tally_range(&expected, 0, 0, round->source.total);
    stress_tally_compare(&expected, &got);
    STRESS_CHECK(accounts->discarded == 0);
}

/* ---- takers that stay ---------------------------------------------------- */

static void run_steady(struct round *round, const char *name) {
    weir_ref source;
    weir_runtime *runtime = open_round(round, name, &source);
    for (unsigned i = 0; i < round->takers; i++) {
        start_taker(runtime, round, i, STRESS_INCREASING, source);
    }
    STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER)); /* who joins later may upset the order */
    STRESS_OK(weir_demand(runtime, source, WEIR_FORWARD));
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    check_all(round, round->takers, &accounts);
}

static void steady(uint64_t events) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct round round;
        draw(&round, events);
        run_steady(&round, "steady");
        done += round.source.total;
    }
}

static void fast(uint64_t events) {
    stress_rng(&rng);
    struct round round = {.workers = 2,
                          .takers = 3,
                          .max_demand = 1000,
                          .source = {.event_bytes = 8,
                                     .total = events,
                                     .demand = WEIR_ACCUMULATE,
                                     .dispatcher = weir_shared_dispatcher()}};
    run_steady(&round, "fast");
}

/* ---- takers that come and go --------------------------------------------- */

/* Ends one of the takers, either way, and starts another; number 0 stays. */
static void churn_once(weir_runtime *runtime, const struct round *round, weir_ref source,
                       weir_ref *takers, weir_subscription *subscriptions, unsigned number) {
    unsigned place = (unsigned)stress_between(&rng, 1, TAKERS - 1);
    if (takers[place].bits != 0 && stress_chance(&rng, 2)) {
        weir_cancel(runtime, subscriptions[place], WEIR_REASON_NORMAL);
    } else if (takers[place].bits != 0) {
        weir_stop(runtime, takers[place], WEIR_REASON_USER);
    }
    takers[place] = start_taker(runtime, round, number, STRESS_ANY_ORDER, (weir_ref){0});
    weir_subscribe_options options = stress_from_drawn(&rng, round->max_demand, source).options;
    if (weir_subscribe(runtime, takers[place], source, &options, &subscriptions[place]) !=
        WEIR_OK) {
        weir_stop(runtime, takers[place], WEIR_REASON_NORMAL);
        takers[place].bits = 0;
    }
    stress_pause(&rng, STRESS_PAUSE_OFTEN);
}

static weir_accounts run_churn(struct round *round, bool wreck) {
    weir_ref source;
    weir_ref takers[TAKERS] = {{0}};
    weir_subscription subscriptions[TAKERS];
    weir_runtime *runtime = open_round(round, wreck ? "wreck" : "churn", &source);
    takers[0] = start_taker(runtime, round, 0, STRESS_ANY_ORDER, source);
    STRESS_OK(weir_demand(runtime, source, WEIR_FORWARD));
    for (unsigned i = 1; i < CHURNED; i++) {
        churn_once(runtime, round, source, takers, subscriptions, i);
    }
    for (unsigned i = 0; wreck && i < TAKERS; i++) {
        if (i == TAKERS / 2) weir_stop(runtime, source, WEIR_REASON_USER);
        if (takers[i].bits != 0) weir_stop(runtime, takers[i], WEIR_REASON_USER);
    }
    if (!wreck) {
        STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER)); /* all is handled by then */
        weir_stop(runtime, source, WEIR_REASON_NORMAL);
    }
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    return stress_close(runtime);
}

static void churn(uint64_t events) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct round round;
        draw(&round, events);
        round.source.stays = true; /* else it may stop with what was given back to it */
        weir_accounts accounts = run_churn(&round, false);
        check_all(&round, CHURNED, &accounts);
        done += round.source.total + 200;
    }
}

static void wreck(uint64_t events) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct round round;
        draw(&round, events);
        weir_accounts accounts = run_churn(&round, true);
        STRESS_CHECK(found(CHURNED).count == accounts.handled);
        STRESS_CHECK(accounts.discarded == round.source.discarded + stress_logged_discards());
        done += round.source.total + 200;
    }
}

/* ---- takers that lend what they took to threads outside ------------------- */

struct reader {
    weir_stream *stream;
    size_t event_bytes;
    struct weir__rng rng;
    struct stress_tally tally;
};

static void *run_reader(void *argument) {
    struct reader *reader = argument;
    unsigned char event[STRESS_EVENT_BYTES_MAX];
    weir_status status;
    while ((status = weir_stream_next(reader->stream, event, WEIR_FOREVER)) == WEIR_OK) {
        uint64_t word = stress_event_read(event, reader->event_bytes);
        stress_tally_add(&reader->tally, stress_word_source(word), stress_word_number(word));
        stress_pause(&reader->rng, STRESS_PAUSE_RARELY);
    }
    STRESS_CHECK(status == WEIR_CLOSED || status == WEIR_END);
    return NULL;
}

static void run_readers(struct round *round) {
    enum { READERS = 3 };
    static struct reader readers[READERS];
    pthread_t threads[READERS];
    weir_ref source;
    weir_runtime *runtime = open_round(round, "readers", &source);
    start_taker(runtime, round, 0, STRESS_ANY_ORDER, source);
    int started = 0; /* the first one makes the source forward, and it may soon be done */
    for (int i = 0; i < READERS; i++) {
        weir_subscribe_to from = stress_from_drawn(&rng, round->max_demand, source);
        weir_stream_options options = {
            .event_bytes = round->source.event_bytes, .subscribe_to = &from, .subscribe_count = 1};
        readers[i] = (struct reader){.event_bytes = round->source.event_bytes};
        stress_rng(&readers[i].rng);
        if (weir_stream_open(runtime, &options, &readers[i].stream) == WEIR_NO_STAGE) break;
        started++;
        STRESS_CHECK(pthread_create(&threads[i], NULL, run_reader, &readers[i]) == 0);
    }
    struct stress_tally got = {0};
    for (int i = 0; i < started; i++) {
        STRESS_CHECK(pthread_join(threads[i], NULL) == 0);
        weir_stream_close(readers[i].stream);
        stress_tally_join(&got, &readers[i].tally);
    }
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    struct stress_tally expected = {0};
    stress_tally_range(&expected, 0, 0, round->source.total);
    stress_tally_join(&got, &sinks[0].tally);
    stress_tally_compare(&expected, &got);
    STRESS_CHECK(accounts.discarded == 0);
}

static void reading(uint64_t events) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        struct round round;
        draw(&round, events);
        run_readers(&round);
        done += round.source.total;
    }
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"steady", 3, steady}, {"churn", 2, churn},     {"wreck", 2, wreck},
        {"fast", 4, fast},     {"readers", 1, reading},
    };
    return stress_main(count, arguments, 600000, scenarios, sizeof scenarios / sizeof *scenarios);
}
