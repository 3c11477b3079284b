/*
 * The worker pool's ring: what does it do with more threads than cores?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Question.  CK's ring has two multi-sided ends.  Taking never waits for anybody;
 * putting waits for every putter before.  How much does each cost when threads
 * outnumber cores, and what does a whole pool do then, with tasks of no length and
 * of one microsecond?
 *
 * Prediction.  Many takers cost little: who is preempted holds up nobody.  Many
 * putters convoy: one that loses its core between its two steps stops all others,
 * each spinning through its own time slice; so the rate falls by orders of
 * magnitude and a single put takes milliseconds.  A pool has one putter, so its
 * rate with 32 threads is at least half of that with 2.
 *
 * Question.  What does it cost that a pool emits: one result of 8 bytes for each event, as tasks
 * end or in the order of the events, to a consumer on the same worker, beside a pool whose tasks
 * say nothing?
 *
 * Prediction.  A result is written twice and read once, by the worker that has all the pool's other
 * bookkeeping to do: some 20 ns for a child's some 500; in order, a list more: 5 ns.
 *
 * Each row is run kRepetitions times, all rows in turn, and the median is told:
 * the machine's speed drifts.  Who finds the ring full or empty yields.
 */
#include "race.h"
#include "ring/handout.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

enum { REPETITIONS = 5, ENTRIES = 1024, THREADS_MAX = 64, RUN_NS = 200000000 };

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "task_pool: %s: %s\n", what, weir_refusal());
    exit(EXIT_FAILURE);
}

/* ---- work of a known length ---------------------------------------------- */

static uint64_t rounds_per_us;

/* So many dependent steps; the result is kept so that they are not left out. */
static uint64_t work(uint64_t rounds) {
    uint64_t value = rounds;
    for (uint64_t i = 0; i < rounds; i++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
    }
    return value;
}

static uint64_t kept;

static void calibrate(void) {
    enum { ROUNDS = 20000000 };
    double began = race_clock_ns();
    kept += work(ROUNDS);
    rounds_per_us = (uint64_t)(ROUNDS / (race_clock_ns() - began) * 1e3);
}

/* ---- the ring alone ------------------------------------------------------ */

struct course {
    unsigned putters;
    unsigned takers;
    bool many; /* by CK's multi-producer put; else by the one that may be alone */
};

static struct {
    struct course course;
    struct ck_ring ring;
    struct ck_ring_buffer slots[ENTRIES];
    WEIR__APART uint64_t taken;
    WEIR__APART uint32_t standing;
    uint32_t over;
    uint32_t putting; /* putters that are not through */
    WEIR__APART double longest_ns[THREADS_MAX];
} track;

static void stand_at_line(void) {
    weir__fetch_add_u32(&track.standing, 1);
    uint32_t all = track.course.putters + track.course.takers;
    while (weir__load_relaxed_u32(&track.standing) < all) sched_yield();
}

/* One in 16 puts is timed. */
static void *put_all(void *argument) {
    size_t me = (size_t)(uintptr_t)argument;
    stand_at_line();
    for (uint64_t i = 0; weir__load_relaxed_u32(&track.over) == 0; i++) {
        double began = i % 16 == 0 ? race_clock_ns() : 0;
        bool done = track.course.many ? ck_ring_enqueue_mpmc(&track.ring, track.slots, &track)
                                      : ck_ring_enqueue_spmc(&track.ring, track.slots, &track);
        double took = done && began > 0 ? race_clock_ns() - began : 0;
        if (took > track.longest_ns[me]) track.longest_ns[me] = took;
        if (!done) sched_yield();
    }
    weir__fetch_sub_u32(&track.putting, 1);
    return NULL;
}

static void *take_all(void *argument) {
    void *entry;
    uint64_t mine = 0;
    (void)argument;
    stand_at_line();
    for (;;) {
        bool through = weir__load_relaxed_u32(&track.putting) == 0;
        if (ck_ring_dequeue_mpmc(&track.ring, track.slots, &entry)) {
            mine++;
        } else if (through) {
            weir__fetch_add_u64(&track.taken, mine);
            return NULL;
        } else {
            sched_yield();
        }
    }
}

struct result {
    double per_second;
    double longest_ms; /* of a put */
};

static struct result run_ring(const struct course *course) {
    pthread_t threads[2 * THREADS_MAX];
    unsigned all = course->putters + course->takers;
    struct result result = {0};
    memset(&track, 0, sizeof track);
    track.course = *course;
    track.putting = course->putters;
    ck_ring_init(&track.ring, ENTRIES);
    for (unsigned i = 0; i < all; i++) {
        bool puts = i < course->putters;
        must(pthread_create(&threads[i], NULL, puts ? put_all : take_all, (void *)(uintptr_t)i) ==
                 0,
             "no thread");
    }
    while (weir__load_relaxed_u32(&track.standing) < all) sched_yield();
    double began = race_clock_ns();
    nanosleep(&(struct timespec){.tv_nsec = RUN_NS}, NULL);
    weir__exchange_u32(&track.over, 1);
    for (unsigned i = 0; i < all; i++) pthread_join(threads[i], NULL);
    result.per_second = (double)track.taken / (race_clock_ns() - began) * 1e9;
    for (unsigned i = 0; i < course->putters; i++) {
        double ms = track.longest_ns[i] / 1e6;
        if (ms > result.longest_ms) result.longest_ms = ms;
    }
    return result;
}

/* ---- a whole pool -------------------------------------------------------- */

static struct {
    uint64_t events;
    uint64_t rounds;
    uint64_t exits;   /* the pool's worker's */
    uint64_t results; /* likewise: what the consumer got */
    double ended_ns;
} shift;

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < shift.events; demand--, ++*next) weir_emit(self, next, 1);
    return WEIR_CONTINUE;
}

enum emits { NOTHING, ANY_ORDER, IN_ORDER, EMITS };

static weir_task_result labour(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return work(shift.rounds) == 1 ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static void count_exit(void *context, weir_child child, const void *event, weir_child_exit how) {
    (void)context, (void)child, (void)event, (void)how;
    if (++shift.exits == shift.events) shift.ended_ns = race_clock_ns();
}

static weir_task_result labour_and_tell(void *context, const void *event, weir_task *self) {
    must(weir_task_emit(self, event, 1) == WEIR_OK, "it does not emit");
    return labour(context, event, self);
}

static weir_verdict count_results(weir_stage *self, weir_batch batch) {
    (void)self;
    if ((shift.results += batch.count) == shift.events) shift.ended_ns = race_clock_ns();
    return WEIR_CONTINUE;
}

static void start_counter(weir_runtime *runtime, weir_ref pool) {
    const weir_subscribe_to from = {.producer = pool, .options = {.cancel = WEIR_TEMPORARY}};
    must(weir_stage_start(runtime,
                          &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                .subscribe_to = &from,
                                                .subscribe_count = 1,
                                                .on.handle_events = count_results},
                          NULL) == WEIR_OK,
         "no consumer");
}

static struct result run_pool(size_t threads, uint64_t task_us, uint64_t events, enum emits emits) {
    weir_runtime *runtime;
    weir_ref producer;
    weir_ref stage;
    weir_pool *pool;
    const weir_pool_emits numbers = {.event_bytes = sizeof(uint64_t),
                                     .order = emits == IN_ORDER ? WEIR_POOL_IN_ORDER
                                                                : WEIR_POOL_ANY_ORDER};
    shift.results = 0;
    shift.events = events;
    shift.rounds = task_us * rounds_per_us;
    shift.exits = 0;
    must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .unpinned = true}, &runtime) ==
             WEIR_OK,
         "no runtime");
    must(weir_stage_start(runtime,
                          &(weir_stage_options){.kind = WEIR_PRODUCER,
                                                .event_bytes = sizeof(uint64_t),
                                                .state_bytes = sizeof(uint64_t),
                                                .on.handle_demand = produce},
                          &producer) == WEIR_OK,
         "no producer");
    weir_subscribe_to from = {.producer = producer, .options = {.cancel = WEIR_TEMPORARY}};
    double began = race_clock_ns();
    must(weir_pool_open(runtime,
                        &(weir_pool_options){.threads = threads,
                                             .event_bytes = sizeof(uint64_t),
                                             .task = emits == NOTHING ? labour : labour_and_tell,
                                             .emits = emits == NOTHING ? NULL : &numbers,
                                             .exited = count_exit,
                                             .subscribe_to = &from,
                                             .subscribe_count = 1},
                        &pool, &stage) == WEIR_OK,
         "no pool");
    if (emits != NOTHING) start_counter(runtime, stage);
    must(weir_runtime_settle(runtime, WEIR_FOREVER) == WEIR_OK, "it does not settle");
    must(weir_pool_close(pool, NULL) == WEIR_OK, "it does not close");
    must(weir_runtime_close(runtime, NULL) == WEIR_OK, "it does not close");
    return (struct result){(double)events / (shift.ended_ns - began) * 1e9, 0};
}

/* ---- rows ---------------------------------------------------------------- */

static int by_rate(const void *a, const void *b) {
    double one = ((const struct result *)a)->per_second;
    double other = ((const struct result *)b)->per_second;
    return one < other ? -1 : one > other;
}

static struct result median(struct result *results) {
    double longest = 0;
    for (int i = 0; i < REPETITIONS; i++) {
        if (results[i].longest_ms > longest) longest = results[i].longest_ms;
    }
    qsort(results, REPETITIONS, sizeof *results, by_rate);
    return (struct result){results[REPETITIONS / 2].per_second, longest};
}

static void rings(void) {
    static const struct course courses[] = {
        {1, 1, false}, {1, 2, false}, {1, 8, false}, {1, 32, false}, {1, 1, true},
        {2, 1, true},  {8, 1, true},  {32, 1, true}, {8, 8, true},
    };
    enum { ROWS = sizeof courses / sizeof *courses };
    static struct result results[ROWS][REPETITIONS];
    for (int i = 0; i < REPETITIONS; i++) {
        for (int row = 0; row < ROWS; row++) results[row][i] = run_ring(&courses[row]);
    }
    printf("the ring alone, %d entries\n%14s %8s %14s %10s %16s\n", ENTRIES, "putters", "takers",
           "million/s", "of 1 to 1", "longest put, ms");
    double first = median(results[0]).per_second;
    for (int row = 0; row < ROWS; row++) {
        struct result result = median(results[row]);
        printf("%5s %8u %8u %14.2f %10.2f %16.2f\n", courses[row].many ? "many" : "one",
               courses[row].putters, courses[row].takers, result.per_second / 1e6,
               result.per_second / first, result.longest_ms);
    }
}

static void pools(void) {
    static const size_t threads[] = {1, 2, 8, 32, 64};
    enum { ROWS = sizeof threads / sizeof *threads };
    static struct result results[2][ROWS][REPETITIONS];
    for (int i = 0; i < REPETITIONS; i++) {
        for (int row = 0; row < ROWS; row++) {
            for (unsigned us = 0; us < 2; us++)
                results[us][row][i] = run_pool(threads[row], us, 200000, NOTHING);
        }
    }
    printf("\na pool, max_demand 1000: million children/s (times that of 2 threads)\n"
           "%8s %16s %16s\n",
           "threads", "0 us", "1 us");
    double two[] = {median(results[0][1]).per_second, median(results[1][1]).per_second};
    for (int row = 0; row < ROWS; row++) {
        printf("%8zu", threads[row]);
        for (int us = 0; us < 2; us++) {
            double rate = median(results[us][row]).per_second;
            printf(" %9.2f (%.2f)", rate / 1e6, rate / two[us]);
        }
        printf("\n");
    }
}

static void results_of_pools(void) {
    static const size_t threads[] = {1, 2, 8};
    static const char *const names[] = {"nothing", "any order", "in order"};
    enum { ROWS = sizeof threads / sizeof *threads };
    static struct result results[EMITS][ROWS][REPETITIONS];
    for (int i = 0; i < REPETITIONS; i++) {
        for (int row = 0; row < ROWS; row++) {
            for (int emits = 0; emits < EMITS; emits++) {
                results[emits][row][i] = run_pool(threads[row], 0, 200000, (enum emits)emits);
            }
        }
    }
    printf("\na pool whose tasks emit one result each, max_demand 1000: ns an event\n%8s",
           "threads");
    for (int emits = 0; emits < EMITS; emits++) printf(" %12s", names[emits]);
    printf("\n");
    for (int row = 0; row < ROWS; row++) {
        printf("%8zu", threads[row]);
        for (int emits = 0; emits < EMITS; emits++) {
            printf(" %12.0f", 1e9 / median(results[emits][row]).per_second);
        }
        printf("\n");
    }
}

/* With an argument, only what it begins with: r(ings), p(ools), e(mits). */
int main(int count, char **arguments) {
    const char only = count > 1 ? arguments[1][0] : 0;
    calibrate();
    if (only == 0 || only == 'r') rings();
    if (only == 0 || only == 'p') pools();
    if (only == 0 || only == 'e') results_of_pools();
    return kept == 1;
}
