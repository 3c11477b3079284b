/*
 * Stress: threads that read streams.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    A reader gets every event of its producers once, in order, and then the
 *         end; one that waits is woken, in the call and at the descriptor, also
 *         through signals; readers that leave amid batches, and streams that are
 *         stopped, lose nothing that is not told of.
 * Method  `reading` has one reader for each stream, on producers of its own;
 *         `leaving` has readers that share a producer and come and go until all it
 *         has is read or discarded.  Calls and waits are drawn at random.
 */
#include "stress/nodes.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>

enum { READERS_MAX = 4, SOURCES_EACH = 3 };

static struct weir__rng rng;
static weir_runtime *runtime;

static struct {
    weir_runtime_options options;
    size_t event_bytes;
    size_t max_demand;
    unsigned readers;
    enum stress_pauses pauses;
    bool alarms;
    bool stops; /* somebody stops streams */
} trial;

static uint64_t discarded; /* atomic: as told to the streams' callback  */
static uint64_t found;     /* atomic: events that were read              */

struct reader {
    pthread_t thread;
    struct weir__rng rng;
    weir_stream *stream;
    int descriptor; /* -1: none */
    enum stress_order order;
    unsigned sources;
    struct stress_source source[SOURCES_EACH];
    uint64_t next[STRESS_SOURCES];
    struct stress_tally tally;
};

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    weir__fetch_add_u64(&discarded, count);
}

static void open_stream(struct reader *reader, const weir_subscribe_to *list, size_t count) {
    STRESS_OK(weir_stream_open(runtime,
                               &(weir_stream_options){.event_bytes = trial.event_bytes,
                                                      .subscribe_to = count > 0 ? list : NULL,
                                                      .subscribe_count = count,
                                                      .discarded = count_discarded},
                               &reader->stream));
    reader->descriptor = -1;
    if (stress_chance(&reader->rng, 2))
        STRESS_OK(weir_stream_fd(reader->stream, &reader->descriptor));
}

static void check(struct reader *reader, const unsigned char *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t word = stress_event_read(events + i * trial.event_bytes, trial.event_bytes);
        uint32_t source = stress_word_source(word);
        uint64_t number = stress_word_number(word);
        uint64_t *next = &reader->next[source];
        if (reader->order == STRESS_CONSECUTIVE) STRESS_CHECK(number == *next);
        *next = number + 1;
        stress_tally_add(&reader->tally, source, number);
    }
    weir__fetch_add_u64(&found, count);
}

static void wait_at_descriptor(const struct reader *reader, int timeout_ms) {
    struct pollfd wanted = {.fd = reader->descriptor, .events = POLLIN};
    (void)poll(&wanted, 1, timeout_ms); /* a signal may end it */
}

static uint64_t draw_timeout(struct reader *reader) {
    uint64_t choice = weir__rng_below(&reader->rng, 4);
    if (choice == 0) return weir__rng_below(&reader->rng, 100000);
    return choice == 1 || reader->descriptor >= 0 ? 0 : WEIR_FOREVER;
}

/* True until the end. */
static bool read_some(struct reader *reader, bool forever) {
    static _Thread_local unsigned char event[STRESS_EVENT_BYTES_MAX];
    weir_batch batch = {.events = event, .count = 1};
    uint64_t timeout = draw_timeout(reader);
    if (timeout == WEIR_FOREVER && !forever) timeout = 100000;
    bool single = stress_chance(&reader->rng, 2);
    weir_status status;
    if (single)
        status = weir_stream_next(reader->stream, event, timeout);
    else
        batch = weir_stream_batch(reader->stream, (size_t)weir__rng_below(&reader->rng, 20),
                                  timeout, &status);
    if (status == WEIR_TIMEOUT) {
        STRESS_CHECK(timeout != WEIR_FOREVER);
        if (reader->descriptor >= 0) wait_at_descriptor(reader, forever ? -1 : 1);
        return true;
    }
    if (status == WEIR_END) return false;
    STRESS_OK(status);
    check(reader, batch.events, batch.count);
    return true;
}

/* ---- reading ------------------------------------------------------------- */

static void *read_all(void *argument) {
    struct reader *reader = argument;
    weir_subscribe_to list[SOURCES_EACH];
    stress_hear_alarms(true);
    for (unsigned i = 0; i < reader->sources; i++)
        list[i] = stress_from(stress_source_start(runtime, &reader->source[i]),
                              (size_t)stress_between(&reader->rng, 1, trial.max_demand), 0);
    open_stream(reader, list, reader->sources);
    while (read_some(reader, true)) stress_pause(&reader->rng, trial.pauses);
    STRESS_CHECK(weir_stream_reason(reader->stream) == WEIR_REASON_NORMAL);
    weir_stream_close(reader->stream);
    stress_hear_alarms(false);
    return NULL;
}

/* The sources accumulate until the stream is there: it is not to find one gone. */
static void prepare(struct reader *reader, unsigned number, uint64_t events) {
    *reader = (struct reader){.order = STRESS_CONSECUTIVE};
    stress_rng(&reader->rng);
    reader->sources = (unsigned)stress_between(&rng, 1, SOURCES_EACH);
    for (unsigned i = 0; i < reader->sources; i++)
        reader->source[i] =
            (struct stress_source){.id = number * SOURCES_EACH + i,
                                   .event_bytes = trial.event_bytes,
                                   .total = stress_between(&rng, 1, events / reader->sources + 1),
                                   .emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS),
                                   .demand = WEIR_ACCUMULATE};
}

static void run_readers(struct reader *readers, void *(*run)(void *argument)) {
    stress_alarms(trial.alarms);
    for (unsigned i = 0; i < trial.readers; i++)
        STRESS_CHECK(pthread_create(&readers[i].thread, NULL, run, &readers[i]) == 0);
    for (unsigned i = 0; i < trial.readers; i++) pthread_join(readers[i].thread, NULL);
    stress_alarms(false);
}

static uint64_t run_reading(uint64_t events) {
    static struct reader readers[READERS_MAX];
    uint64_t total = 0;
    runtime = stress_open(&trial.options);
    for (unsigned i = 0; i < trial.readers; i++) prepare(&readers[i], i, events / trial.readers);
    run_readers(readers, read_all);
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts = stress_close(runtime);
    for (unsigned i = 0; i < trial.readers; i++) {
        struct stress_tally expected = {0};
        for (unsigned k = 0; k < readers[i].sources; k++) {
            const struct stress_source *source = &readers[i].source[k];
            STRESS_CHECK(source->next == source->total && source->discarded == 0);
            stress_tally_range(&expected, source->id, 0, source->total);
            total += source->total;
        }
        stress_tally_compare(&expected, &readers[i].tally);
    }
    STRESS_CHECK(accounts.handled == total && accounts.discarded == 0);
    return total;
}

/* ---- leaving ------------------------------------------------------------- */

static struct stress_source shared;
static weir_ref shared_ref;

static bool all_is_told(void) {
    return weir__load_relaxed_u64(&found) + weir__load_relaxed_u64(&discarded) == shared.total;
}

static void *read_and_leave(void *argument) {
    struct reader *reader = argument;
    stress_hear_alarms(true);
    while (!all_is_told()) {
        weir_subscribe_to from =
            stress_from(shared_ref, (size_t)stress_between(&reader->rng, 1, trial.max_demand), 0);
        open_stream(reader, &from, 1);
        uint64_t left = stress_between(&reader->rng, 0, 4 * trial.max_demand);
        for (; left > 0 && !all_is_told() && read_some(reader, false); left--) {
            stress_pause(&reader->rng, trial.pauses);
            if (trial.stops && stress_chance(&reader->rng, 200)) {
                weir_status status =
                    weir_stop(runtime, weir_stream_stage(reader->stream), WEIR_REASON_USER);
                STRESS_CHECK(status == WEIR_OK || status == WEIR_NO_STAGE);
            }
        }
        weir_stream_close(reader->stream);
    }
    stress_hear_alarms(false);
    return NULL;
}

static uint64_t run_leaving(uint64_t events) {
    static struct reader readers[READERS_MAX];
    weir__exchange_u64(&discarded, 0);
    weir__exchange_u64(&found, 0);
    runtime = stress_open(&trial.options);
    shared = (struct stress_source){.event_bytes = trial.event_bytes,
                                    .total = stress_between(&rng, 1, events),
                                    .emit = (enum stress_emit)weir__rng_below(&rng, STRESS_EMITS),
                                    .stays = true};
    shared_ref = stress_source_start(runtime, &shared);
    for (unsigned i = 0; i < trial.readers; i++) {
        readers[i] = (struct reader){.order = STRESS_ANY_ORDER};
        stress_rng(&readers[i].rng);
    }
    run_readers(readers, read_and_leave);
    STRESS_OK(weir_runtime_stop(runtime, WEIR_REASON_NORMAL));
    weir_accounts accounts = stress_close(runtime);
    struct stress_tally expected = {0};
    struct stress_tally tally = {0};
    for (unsigned i = 0; i < trial.readers; i++) stress_tally_join(&tally, &readers[i].tally);
    stress_tally_range(&expected, 0, 0, shared.total);
    if (weir__load_relaxed_u64(&discarded) == 0) stress_tally_compare(&expected, &tally);
    STRESS_CHECK(accounts.handled == tally.count && accounts.emitted == shared.total);
    STRESS_CHECK(accounts.discarded == weir__load_relaxed_u64(&discarded));
    return shared.total;
}

/* ---- scenarios --------------------------------------------------------------------------- */

static void draw_trial(void) {
    static const size_t sizes[] = {8, 16, 40, 64, 1000};
    static const size_t demands[] = {1, 3, 20, 300, 5000};
    trial.options = (weir_runtime_options){.workers = (unsigned)stress_between(&rng, 1, 3),
                                           .idle = stress_idle(&rng)};
    if (trial.options.idle == WEIR_IDLE_SPIN) trial.options.workers = 1;
    trial.event_bytes = sizes[weir__rng_below(&rng, 5)];
    trial.max_demand = demands[weir__rng_below(&rng, 5)];
    trial.readers = (unsigned)stress_between(&rng, 1, READERS_MAX);
    trial.pauses = (enum stress_pauses)weir__rng_below(&rng, 3);
    trial.alarms = stress_chance(&rng, 2);
    trial.stops = stress_chance(&rng, 2);
}

static void rounds(const char *name, uint64_t events, uint64_t (*run)(uint64_t events)) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        draw_trial();
        stress_ring_start(&rng);
        uint64_t most = events / (trial.max_demand <= 3 ? 200 : 20) + 1;
        stress_step("%s: workers %u idle %d bytes %zu demand %zu readers %u pauses %d alarms %d "
                    "stops %d events %" PRIu64,
                    name, trial.options.workers, (int)trial.options.idle, trial.event_bytes,
                    trial.max_demand, trial.readers, (int)trial.pauses, trial.alarms, trial.stops,
                    most);
        done += run(most);
    }
}

static void reading(uint64_t events) {
    rounds("reading", events, run_reading);
}

static void leaving(uint64_t events) {
    rounds("leaving", events, run_leaving);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"reading", 2, reading},
        {"leaving", 1, leaving},
    };
    return stress_main(count, arguments, 300000, scenarios, sizeof scenarios / sizeof *scenarios);
}
