/*
 * Stress: settling, stopping, opening and closing, amid traffic.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    weir_runtime_settle returns when, and only when, everything that was
 *         begun before is done.  weir_runtime_stop reaches every stage that was
 *         started before it.  A runtime closes at any moment, its accounts in
 *         order and its memory returned.  Slots of stages are used again.
 * Method  `settle` sends a number to a source that emits as many events, settles,
 *         and finds exactly those handled, many times over, while other threads
 *         settle too.  The others race the calls against each other.
 */
#include "stress/nodes.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <pthread.h>

static struct weir__rng rng;

static weir_runtime_options draw_options(void) {
    weir_runtime_options options = {.workers = (unsigned)stress_between(&rng, 1, 4),
                                    .idle = stress_idle(&rng)};
    if (options.idle == WEIR_IDLE_SPIN) options.workers = 2;
    return options;
}

/* ---- settle -------------------------------------------------------------- */

/* A source that emits as many events as it is told, asked for or not. */
struct told {
    uint64_t next;
};

static weir_verdict told_cast(weir_stage *self, const void *message, size_t bytes) {
    struct told *told = weir_state(self);
    const uint64_t *count = message;
    STRESS_CHECK(bytes == sizeof *count);
    for (uint64_t i = 0; i < *count; i++) {
        uint64_t event = stress_word(0, told->next++);
        STRESS_OK(weir_emit(self, &event, 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict told_demand(weir_stage *self, uint64_t demand) {
    (void)self;
    (void)demand;
    return WEIR_CONTINUE;
}

static weir_ref start_told(weir_runtime *runtime) {
    weir_ref ref;
    STRESS_OK(weir_stage_start(
        runtime,
        &(weir_stage_options){.kind = WEIR_PRODUCER,
                              .name = "told",
                              .event_bytes = sizeof(uint64_t),
                              .state_bytes = sizeof(struct told),
                              .buffer_size = WEIR_INFINITY,
                              .on = {.handle_cast = told_cast, .handle_demand = told_demand}},
        &ref));
    return ref;
}

static struct {
    weir_runtime *runtime;
    uint32_t over; /* atomic */
} settlers;

static void *settle_too(void *unused) {
    while (weir__load_relaxed_u32(&settlers.over) == 0) {
        weir_status status = weir_runtime_settle(settlers.runtime, 100000);
        STRESS_CHECK(status == WEIR_OK || status == WEIR_TIMEOUT);
    }
    return unused;
}

/* Told, settled: exactly what was emitted has been handled, by every stage on the way. */
static uint64_t tell_and_settle(weir_runtime *runtime, weir_ref source, uint64_t stages,
                                uint64_t events) {
    uint64_t sent = 0;
    weir_accounts accounts;
    while (sent < events) {
        uint64_t count = stress_between(&rng, 1, stress_chance(&rng, 4) ? 500 : 3);
        STRESS_OK(weir_cast(runtime, source, &count, sizeof count));
        sent += count;
        STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER));
        STRESS_OK(weir_runtime_accounts(runtime, &accounts));
        if (accounts.handled != sent * stages || accounts.in_flight != 0) {
            stress_fail("settled after %" PRIu64 " events with %" PRIu64 " of %" PRIu64
                        " handled, buffered %" PRIu64 ", in flight %" PRIu64,
                        sent, accounts.handled, sent * stages, accounts.buffered,
                        accounts.in_flight);
        }
    }
    return sent;
}

static void settle_round(uint64_t events) {
    weir_runtime_options options = draw_options();
    unsigned relay_count = (unsigned)weir__rng_below(&rng, 3);
    struct stress_relay relays[2];
    struct stress_sink sink = {.upstreams = 1, .hops_most = 2};
    pthread_t thread;
    bool company = stress_chance(&rng, 2);
    weir_runtime *runtime = stress_open(&options);
    weir_ref source = start_told(runtime);
    weir_ref last = source;
    for (unsigned i = 0; i < relay_count; i++) {
        weir_subscribe_to from = stress_from(last, (size_t)stress_between(&rng, 1, 100), 0);
        relays[i] = (struct stress_relay){
            .event_bytes = sizeof(uint64_t), .how = STRESS_RELAY_ANY, .upstreams = 1};
        last = stress_relay_start(runtime, &relays[i], &from, 1);
    }
    weir_subscribe_to from = stress_from(last, (size_t)stress_between(&rng, 1, 100), 0);
    stress_sink_start(runtime, &sink, &from, 1);
    stress_step("settle: workers %u idle %d relays %u company %d events %" PRIu64, options.workers,
                (int)options.idle, relay_count, company, events);
    settlers.runtime = runtime;
    settlers.over = 0;
    if (company) STRESS_CHECK(pthread_create(&thread, NULL, settle_too, NULL) == 0);
    STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER)); /* all are subscribed */
    uint64_t sent = tell_and_settle(runtime, source, relay_count + 1, events);
    weir__exchange_u32(&settlers.over, 1);
    if (company) pthread_join(thread, NULL);
    weir_accounts accounts = stress_close(runtime);
    STRESS_CHECK(accounts.discarded == 0 && sink.tally.count == sent);
}

static void settle(uint64_t events) {
    stress_rng(&rng);
    for (int i = 0; i < 8; i++) settle_round(events / 8 + 1);
}

/* ---- stop ---------------------------------------------------------------- */

static struct {
    weir_runtime *runtime;
    uint64_t turns; /* of each thread */
    enum stress_pauses pauses;
} stops;

static weir_verdict lone_events(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static weir_ref start_lone(weir_runtime *runtime) {
    weir_ref ref = {0};
    STRESS_OK(weir_stage_start(
        runtime, &(weir_stage_options){.kind = WEIR_CONSUMER, .on = {.handle_events = lone_events}},
        &ref));
    return ref;
}

static void *start_and_stop(void *argument) {
    struct weir__rng *from = argument;
    for (uint64_t i = 0; i < stops.turns; i++) {
        weir_ref ref = start_lone(stops.runtime);
        stress_pause(from, stops.pauses);
        if (stress_chance(from, 3)) {
            weir_status status = weir_stop(stops.runtime, ref, WEIR_REASON_NORMAL);
            STRESS_CHECK(status == WEIR_OK || status == WEIR_NO_STAGE || status == WEIR_FULL);
        } else {
            STRESS_OK(weir_runtime_stop(stops.runtime, WEIR_REASON_USER));
        }
    }
    return NULL;
}

/* After the last stop no stage is left, also none that was started amid another's stop. */
static void stop(uint64_t events) {
    enum { THREADS = 3 };
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        pthread_t threads[THREADS];
        struct weir__rng generators[THREADS];
        weir_runtime_options options = draw_options();
        stops.turns = stress_between(&rng, 1, 50);
        stops.pauses = (enum stress_pauses)weir__rng_below(&rng, 3);
        stress_step("stop: workers %u idle %d turns %" PRIu64 " pauses %d", options.workers,
                    (int)options.idle, stops.turns, (int)stops.pauses);
        stops.runtime = stress_open(&options);
        for (int i = 0; i < THREADS; i++) {
            stress_rng(&generators[i]);
            STRESS_CHECK(pthread_create(&threads[i], NULL, start_and_stop, &generators[i]) == 0);
        }
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        STRESS_OK(weir_runtime_stop(stops.runtime, WEIR_REASON_SHUTDOWN));
        STRESS_OK(weir_runtime_run(stops.runtime, WEIR_FOREVER));
        STRESS_CHECK(weir_runtime_stages(stops.runtime) == 0);
        stress_close(stops.runtime);
        done += stops.turns * THREADS;
    }
}

/* ---- reuse: many stages in few slots ------------------------------------- */

static void reuse(uint64_t events) {
    enum { ALIVE = 2000 };
    static weir_ref alive[ALIVE];
    stress_rng(&rng);
    weir_runtime *runtime = stress_open(&(weir_runtime_options){.workers = 2});
    for (int i = 0; i < ALIVE; i++) alive[i] = start_lone(runtime);
    for (uint64_t i = 0; i < events; i++) {
        size_t which = (size_t)weir__rng_below(&rng, ALIVE);
        weir_ref old = alive[which];
        weir_status status;
        do {
            status = weir_stop(runtime, old, WEIR_REASON_NORMAL);
        } while (status == WEIR_FULL);
        STRESS_OK(status);
        alive[which] = start_lone(runtime);
        if (i % 64 == 0) {
            STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER));
            STRESS_CHECK(weir_cast(runtime, old, "", 1) == WEIR_NO_STAGE);
            STRESS_CHECK(weir_runtime_stages(runtime) == ALIVE);
        }
    }
    stress_close(runtime);
}

/* ---- closing ------------------------------------------------------------- */

struct life {
    struct weir__rng rng;
    uint64_t rounds;
};

static void say_nothing(void *context, weir_log_level level, const char *text) {
    (void)context;
    if (level == WEIR_LOG_ERROR) stress_fail("the runtime logs: %s", text);
}

/* A pipe in full flow is closed at some moment; nothing is checked but the accounts. */
static void close_once(struct weir__rng *from) {
    weir_runtime_options options = {.workers = (unsigned)stress_between(from, 1, 3),
                                    .idle = stress_chance(from, 2) ? WEIR_IDLE_PARK
                                                                   : WEIR_IDLE_ADAPT,
                                    .log = say_nothing,
                                    .default_worker = WEIR_SPREAD};
    struct stress_source source = {
        .event_bytes = 64, .total = UINT32_MAX, .emit = STRESS_EMIT_SURPLUS};
    struct stress_relay relay = {.event_bytes = 64, .how = STRESS_RELAY_ANY, .upstreams = 1};
    struct stress_sink sink = {.upstreams = 1, .hops_most = 1};
    weir_runtime *runtime;
    weir_accounts accounts;
    STRESS_OK(weir_runtime_open(&options, &runtime));
    weir_subscribe_to from_source = stress_from(stress_source_start(runtime, &source),
                                                (size_t)stress_between(from, 1, 1000), 0);
    weir_subscribe_to from_relay = stress_from(stress_relay_start(runtime, &relay, &from_source, 1),
                                               (size_t)stress_between(from, 1, 1000), 0);
    stress_sink_start(runtime, &sink, &from_relay, 1);
    if (stress_chance(from, 2)) {
        weir_status status = weir_runtime_run(runtime, weir__rng_below(from, 3000000));
        STRESS_CHECK(status == WEIR_TIMEOUT);
    }
    if (stress_chance(from, 2)) STRESS_OK(weir_runtime_stop(runtime, WEIR_REASON_USER));
    STRESS_OK(weir_runtime_close(runtime, &accounts));
    STRESS_CHECK(accounts.emitted == accounts.handled + accounts.discarded);
    STRESS_CHECK(accounts.buffered == 0 && accounts.in_flight == 0 && accounts.blocks_live == 0);
}

static void *close_often(void *argument) {
    struct life *life = argument;
    for (uint64_t i = 0; i < life->rounds; i++) close_once(&life->rng);
    return NULL;
}

/* Several runtimes at once. */
static void closing(uint64_t events) {
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    struct life lives[THREADS];
    for (int i = 0; i < THREADS; i++) {
        lives[i].rounds = events / 1000 + 1;
        stress_rng(&lives[i].rng);
        STRESS_CHECK(pthread_create(&threads[i], NULL, close_often, &lives[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"settle", 4, settle},
        {"stop", 1, stop},
        {"reuse", 1, reuse},
        {"closing", 4, closing},
    };
    return stress_main(count, arguments, 100000, scenarios, sizeof scenarios / sizeof *scenarios);
}
