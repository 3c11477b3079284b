/*
 * Stress: worker pools, whose threads outnumber the cores.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Every event is done once for good, however often it had to be begun; once
 *         the runtime has settled, no task runs; children started and ended by
 *         hand, from any thread, are told of once each; pools that stop and are
 *         closed amid their work give back what they have not begun; of pools that emit each
 *         result of a task that ended well comes once, in order where that is asked for.
 * Method  `working` has one pool; `hands` has threads that start, list and end
 *         children meanwhile, in its second half while the stage stops; in
 *         `leaving` several threads open and close pools on one source until all
 *         it has is done; in `emitting` a pool emits what it gets.  Threads, ring, demand and
 *         restarts are drawn at random.
 */
#include "stress/nodes.h"

#include "base/atomic.h"
#include "parts/task_pool.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

enum { CREWS_MAX = 4, HANDS_MAX = 4, BY_HAND = STRESS_SOURCES - 1 };

static struct weir__rng rng;
static weir_runtime *runtime;
static weir_ref source_ref;
static uint32_t *runs;      /* atomic: how often each event was begun */
static uint64_t settled_at; /* atomic: above 0: no task may begin     */

static struct {
    weir_runtime_options options;
    size_t event_bytes;
    size_t threads;
    enum stress_pauses pauses;
    weir_child_restart restart;
    uint64_t events;
    unsigned fails; /* one task in so many; 0: none */
    bool emits;
    bool in_order;
} trial;

static uint64_t ended_well; /* atomic: tasks */

/* A pool and what its worker was told. */
struct crew {
    weir_pool *pool;
    weir_ref stage;
    struct stress_tally tally;
    uint64_t discarded;
    uint64_t hand_exits;
};

/* ---- tasks ------------------------------------------------------------------------------- */

static struct weir__rng *own_rng(void) {
    static _Thread_local struct weir__rng own;
    static _Thread_local bool drawn;
    if (!drawn) stress_rng(&own);
    drawn = true;
    return &own;
}

static weir_task_result work(void *context, const void *event, weir_task *self) {
    uint64_t word = stress_event_read(event, trial.event_bytes);
    (void)context;
    STRESS_CHECK(weir__load_relaxed_u64(&settled_at) == 0);
    if (stress_word_source(word) != BY_HAND) {
        weir__fetch_add_u32(&runs[stress_word_number(word)], 1);
    } else if (stress_chance(own_rng(), 8)) {
        while (!weir_task_ending(self) && !stress_chance(own_rng(), 50)) weir__cpu_relax();
    }
    stress_pause(own_rng(), trial.pauses);
    if (trial.emits) STRESS_OK(weir_task_emit(self, event, 1)); /* in vain, if it fails */
    if (trial.fails > 0 && stress_chance(own_rng(), trial.fails)) return WEIR_TASK_FAILED;
    weir__fetch_add_u64(&ended_well, 1);
    return WEIR_TASK_OK;
}

static void exited(void *context, weir_child child, const void *event, weir_child_exit how) {
    struct crew *crew = context;
    uint64_t word = stress_event_read(event, trial.event_bytes);
    uint64_t number = stress_word_number(word);
    STRESS_CHECK(weir_pool_end_child(crew->pool, child) == WEIR_NO_CHILD);
    if (stress_word_source(word) == BY_HAND) {
        crew->hand_exits++;
    } else if (how != WEIR_CHILD_GIVEN_BACK && weir__load_relaxed_u32(&runs[number]) > 0) {
        stress_tally_add(&crew->tally, 0, number);
    }
}

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    struct crew *crew = context;
    (void)cause;
    crew->discarded += count;
}

/* ---- pools ------------------------------------------------------------------------------- */

/* The stage is subscribed once the handle is where exited looks for it. */
static void open_crew(struct crew *crew, struct weir__rng *from) {
    const weir_pool_emits emits = {.event_bytes = trial.event_bytes,
                                   .order =
                                       trial.in_order ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER};
    const weir_pool_options options = {.event_bytes = trial.event_bytes,
                                       .emits = trial.emits ? &emits : NULL,
                                       .threads = trial.threads,
                                       .task = work,
                                       .exited = exited,
                                       .discarded = count_discarded,
                                       .context = crew,
                                       .restart = trial.restart,
                                       .max_restarts = WEIR_POOL_MAX_RESTARTS_LIMIT,
                                       .max_seconds = WEIR_NONE,
                                       .shutdown_ns = WEIR_FOREVER};
    *crew = (struct crew){0};
    STRESS_OK(weir_pool_open(runtime, &options, &crew->pool, &crew->stage));
    size_t max = (size_t)stress_between(from, 1, 300);
    size_t min = (size_t)weir__rng_below(from, max);
    weir_subscribe_to to = stress_from(source_ref, max, min == 0 ? WEIR_NONE : min);
    STRESS_OK(weir_subscribe(runtime, crew->stage, source_ref, &to.options, NULL));
}

static void draw_trial(uint64_t events) {
    static const size_t sizes[] = {8, 16, 40, 64};
    trial.options = (weir_runtime_options){.workers = (unsigned)stress_between(&rng, 1, 3),
                                           .idle = stress_idle(&rng)};
    if (trial.options.idle == WEIR_IDLE_SPIN) trial.options.workers = 1;
    trial.event_bytes = sizes[weir__rng_below(&rng, 4)];
    trial.threads = (size_t)stress_between(&rng, 1, 12);
    trial.pauses = (enum stress_pauses)weir__rng_below(&rng, 3);
    trial.restart = stress_chance(&rng, 2) ? WEIR_CHILD_TRANSIENT : WEIR_CHILD_TEMPORARY;
    trial.fails = stress_chance(&rng, 2) ? 20 : 0;
    trial.emits = false;
    trial.in_order = stress_chance(&rng, 2);
    trial.events = stress_between(&rng, 1, events / 10 + 1);
    weir__task_ring_entries = 2u << weir__rng_below(&rng, 10);
    weir__task_ring_start = UINT32_MAX - (uint32_t)weir__rng_below(&rng, 3000);
    stress_ring_start(&rng);
    weir__exchange_u64(&settled_at, 0);
    weir__exchange_u64(&ended_well, 0);
    runs = calloc(trial.events, sizeof *runs);
    STRESS_CHECK(runs != NULL);
    stress_step("workers %u idle %d bytes %zu threads %zu ring %u pauses %d restart %d fails %u "
                "events %" PRIu64,
                trial.options.workers, (int)trial.options.idle, trial.event_bytes, trial.threads,
                weir__task_ring_entries, (int)trial.pauses, (int)trial.restart, trial.fails,
                trial.events);
}

static void start_source(struct stress_source *source) {
    *source = (struct stress_source){.event_bytes = trial.event_bytes,
                                     .total = trial.events,
                                     .emit = STRESS_EMIT_ANY,
                                     .stays = true};
    source_ref = stress_source_start(runtime, source);
}

static void settle(void) {
    STRESS_OK(weir_runtime_settle(runtime, WEIR_FOREVER));
}

/* All numbers, or as many as were not discarded. */
static void check(const struct stress_tally *found, uint64_t discarded) {
    weir_accounts accounts = stress_close(runtime);
    struct stress_tally expected = {0};
    stress_tally_range(&expected, 0, 0, trial.events);
    if (accounts.handled != found->count || accounts.discarded != discarded ||
        accounts.emitted != accounts.handled + accounts.discarded) {
        stress_fail("emitted %" PRIu64 " handled %" PRIu64 " of %" PRIu64 " discarded %" PRIu64
                    " told %" PRIu64,
                    accounts.emitted, found->count, accounts.handled, accounts.discarded,
                    discarded);
    }
    if (discarded == 0) stress_tally_compare(&expected, found);
    free(runs);
}

/* ---- working ----------------------------------------------------------------------------- */

static void run_working(void) {
    struct stress_source source;
    struct crew crew;
    runtime = stress_open(&trial.options);
    start_source(&source);
    open_crew(&crew, &rng);
    do { /* the source may emit again when it is told that more is wanted */
        settle();
    } while (weir_pool_children(crew.pool, NULL, 0) > 0);
    STRESS_CHECK(crew.tally.count == trial.events);
    weir__exchange_u64(&settled_at, 1);
    STRESS_OK(weir_pool_close(crew.pool, NULL));
    check(&crew.tally, 0);
}

/* ---- emitting ---------------------------------------------------------------------------- */

static void check_results(const struct stress_sink *sink, const struct crew *crew) {
    weir_accounts accounts = stress_close(runtime);
    struct stress_tally expected = {0};
    stress_tally_range(&expected, 0, 0, trial.events);
    STRESS_CHECK(sink->tally.count == weir__load_relaxed_u64(&ended_well));
    STRESS_CHECK(accounts.handled == crew->tally.count + sink->tally.count);
    STRESS_CHECK(accounts.discarded == crew->discarded);
    if (trial.restart == WEIR_CHILD_TRANSIENT) stress_tally_compare(&expected, &sink->tally);
    free(runs);
}

static void run_emitting(void) {
    struct stress_source source;
    struct crew crew;
    trial.emits = true;
    const bool all = trial.restart == WEIR_CHILD_TRANSIENT || trial.fails == 0;
    struct stress_sink sink = {.order = !trial.in_order ? STRESS_ANY_ORDER
                                        : all           ? STRESS_CONSECUTIVE
                                                        : STRESS_INCREASING,
                               .pauses = trial.pauses,
                               .upstreams = 1};
    runtime = stress_open(&trial.options);
    start_source(&source);
    open_crew(&crew, &rng);
    const size_t max = (size_t)stress_between(&rng, 1, 300);
    const weir_subscribe_to to = stress_from(crew.stage, max, max / 2 == 0 ? WEIR_NONE : max / 2);
    stress_sink_start(runtime, &sink, &to, 1);
    do {
        settle();
    } while (weir_pool_children(crew.pool, NULL, 0) > 0);
    STRESS_CHECK(crew.tally.count == trial.events);
    STRESS_OK(weir_pool_close(crew.pool, NULL));
    check_results(&sink, &crew);
}

/* ---- hands ------------------------------------------------------------------------------- */

struct hand {
    pthread_t thread;
    struct weir__rng rng;
    weir_pool *pool;
    uint64_t count;
    uint64_t started;
};

static void *meddle(void *argument) {
    struct hand *hand = argument;
    for (uint64_t i = 0; i < hand->count; i++) {
        unsigned char event[64];
        weir_child child = {0};
        stress_event_write(event, trial.event_bytes, stress_word(BY_HAND, i));
        weir_status status = weir_pool_start_child(hand->pool, event, &child);
        if (status == WEIR_NO_STAGE) break;
        STRESS_OK(status);
        hand->started++;
        if (stress_chance(&hand->rng, 3)) weir_pool_end_child(hand->pool, child);
        weir_child_info list[8];
        size_t count = weir_pool_children(hand->pool, list, 8);
        if (count > 0 && stress_chance(&hand->rng, 4)) {
            size_t which = (size_t)weir__rng_below(&hand->rng, count < 8 ? count : 8);
            weir_pool_end_child(hand->pool, list[which].child);
        }
        weir_pool_counts counts;
        STRESS_OK(weir_pool_count(hand->pool, &counts));
        stress_pause(&hand->rng, trial.pauses);
    }
    return NULL;
}

static void run_hands(void) {
    struct stress_source source;
    struct crew crew;
    struct hand hands[HANDS_MAX];
    unsigned count = (unsigned)stress_between(&rng, 1, HANDS_MAX);
    uint64_t started = 0;
    runtime = stress_open(&trial.options);
    start_source(&source);
    open_crew(&crew, &rng);
    for (unsigned i = 0; i < count; i++) {
        hands[i] = (struct hand){.pool = crew.pool, .count = stress_between(&rng, 1, 500)};
        stress_rng(&hands[i].rng);
        STRESS_CHECK(pthread_create(&hands[i].thread, NULL, meddle, &hands[i]) == 0);
    }
    if (stress_chance(&rng, 2)) {
        stress_pause(&rng, STRESS_PAUSE_OFTEN);
        STRESS_OK(weir_stop(runtime, crew.stage, WEIR_REASON_USER));
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(hands[i].thread, NULL);
        started += hands[i].started;
    }
    settle();
    STRESS_CHECK(crew.hand_exits == started);
    STRESS_OK(weir_pool_close(crew.pool, NULL));
    STRESS_OK(weir_stop(runtime, source_ref, WEIR_REASON_NORMAL));
    STRESS_OK(weir_runtime_run(runtime, WEIR_FOREVER)); /* what went back is discarded there */
    weir_accounts accounts = stress_close(runtime);
    STRESS_CHECK(accounts.handled == crew.tally.count);
    STRESS_CHECK(accounts.discarded == crew.discarded + source.discarded);
    free(runs);
}

/* ---- leaving ----------------------------------------------------------------------------- */

static uint64_t done; /* atomic: events */

struct foreman {
    pthread_t thread;
    struct weir__rng rng;
    struct stress_tally tally;
};

static void *open_and_close(void *argument) {
    struct foreman *foreman = argument;
    while (weir__load_relaxed_u64(&done) < trial.events) {
        struct crew crew;
        open_crew(&crew, &foreman->rng);
        for (uint64_t looks = stress_between(&foreman->rng, 0, 40); looks > 0; looks--) {
            weir_pool_counts counts;
            stress_pause(&foreman->rng, STRESS_PAUSE_OFTEN);
            STRESS_OK(weir_pool_count(crew.pool, &counts));
        }
        STRESS_OK(weir_pool_close(crew.pool, NULL));
        STRESS_CHECK(crew.discarded == 0);
        weir__fetch_add_u64(&done, crew.tally.count);
        stress_tally_join(&foreman->tally, &crew.tally);
    }
    return NULL;
}

static void run_leaving(void) {
    struct stress_source source;
    struct foreman foremen[CREWS_MAX];
    struct stress_tally tally = {0};
    unsigned count = (unsigned)stress_between(&rng, 1, CREWS_MAX);
    trial.threads = trial.threads > 4 ? 4 : trial.threads;
    trial.restart = WEIR_CHILD_TEMPORARY;
    runtime = stress_open(&trial.options);
    start_source(&source);
    weir__exchange_u64(&done, 0);
    for (unsigned i = 0; i < count; i++) {
        foremen[i] = (struct foreman){0};
        stress_rng(&foremen[i].rng);
        STRESS_CHECK(pthread_create(&foremen[i].thread, NULL, open_and_close, &foremen[i]) == 0);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(foremen[i].thread, NULL);
        stress_tally_join(&tally, &foremen[i].tally);
    }
    check(&tally, 0);
}

/* ---- scenarios --------------------------------------------------------------------------- */

static void rounds(uint64_t events, void (*run)(void)) {
    stress_rng(&rng);
    for (uint64_t left = events; left > 0;) {
        draw_trial(events);
        run();
        left -= trial.events < left ? trial.events : left;
    }
}

static void working(uint64_t events) {
    rounds(events, run_working);
}

static void emitting(uint64_t events) {
    rounds(events / 4, run_emitting);
}

static void hands(uint64_t events) {
    rounds(events / 4, run_hands);
}

static void leaving(uint64_t events) {
    rounds(events / 10, run_leaving);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {
        {"working", 4, working},
        {"emitting", 1, emitting},
        {"hands", 1, hands},
        {"leaving", 1, leaving},
    };
    return stress_main(count, arguments, 100000, scenarios, sizeof scenarios / sizeof *scenarios);
}
