/*
 * Rates: what does a token cost, and how exact is real time?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Question.  A token of a weir_rate is a look at some words and one compare-and-swap.  What does
 * it cost alone, and when two threads take at once, beside a bucket under a mutex as one would
 * write it?  And a stage that waits for a rate sleeps by its worker's timer: how many events does
 * it begin in a second, and how late, at a thousand, a hundred thousand and a million a second?
 *
 * Prediction.  Alone both take some tens of nanoseconds, most of it a division and a locked
 * operation; with two threads the mutex is several times as slow.  A stage keeps up with
 * each rate, as a late worker catches up from the burst; it is as late as the kernel's timers are,
 * half a tenth of a millisecond, and no window has more than the burst and what is allowed.
 *
 * Each row is run REPETITIONS times, and the median is told.
 */
#include "race.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { REPETITIONS = 5, TAKES = 2000000, SEEN = 4000000 };

static void must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "rate: %s\n", weir_refusal());
    exit(EXIT_FAILURE);
}

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

/* ---- a bucket by hand ------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    uint64_t allowed, interval_ns, burst;
    uint64_t tokens, since_ns;
} bucket = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t bucket_take(uint64_t most, uint64_t now_ns) {
    pthread_mutex_lock(&bucket.lock);
    uint64_t come = (now_ns - bucket.since_ns) * bucket.allowed / bucket.interval_ns;
    if (come > 0) {
        bucket.tokens = bucket.tokens + come < bucket.burst ? bucket.tokens + come : bucket.burst;
        bucket.since_ns = now_ns;
    }
    uint64_t count = most < bucket.tokens ? most : bucket.tokens;
    bucket.tokens -= count;
    pthread_mutex_unlock(&bucket.lock);
    return count;
}

/* ---- what a take costs -------------------------------------------------------- */

static struct {
    bool by_hand;
    weir_rate *rate;
    uint64_t now_ns;
    pthread_barrier_t line;
} race;

static void *take_all(void *sum) {
    uint64_t now = race.now_ns;
    pthread_barrier_wait(&race.line);
    for (int i = 0; i < TAKES; i++, now += 10) {
        *(uint64_t *)sum +=
            race.by_hand ? bucket_take(1, now) : weir_rate_take(race.rate, 1, now, NULL);
    }
    return NULL;
}

static double cost(bool by_hand, unsigned threads) {
    static const weir_rate_options plenty = {
        .allowed = 1000000000, .interval_ns = 1000000000, .burst = 1000000000};
    uint64_t sums[8][16] = {0};
    pthread_t others[8];
    race.by_hand = by_hand;
    must(weir_rate_open(NULL, &plenty, &race.rate));
    race.now_ns = (uint64_t)race_clock_ns();
    bucket.allowed = bucket.interval_ns = bucket.burst = bucket.tokens = 1000000000;
    bucket.since_ns = race.now_ns;
    pthread_barrier_init(&race.line, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) pthread_create(&others[i], NULL, take_all, sums[i]);
    pthread_barrier_wait(&race.line);
    double began = race_clock_ns();
    for (unsigned i = 0; i < threads; i++) pthread_join(others[i], NULL);
    double passed = race_clock_ns() - began;
    for (unsigned i = 0; i < threads; i++) {
        if (sums[i][0] != TAKES) fprintf(stderr, "rate: some were refused\n");
    }
    weir_rate_close(race.rate);
    return passed / ((double)TAKES * threads);
}

static void tell_costs(void) {
    printf("ns a take, all threads together\n%-24s %10s %10s\n", "", "weir", "mutex");
    for (unsigned threads = 1; threads <= 2; threads++) {
        double weir[REPETITIONS], hand[REPETITIONS];
        for (int i = 0; i < REPETITIONS; i++) {
            weir[i] = cost(false, threads);
            hand[i] = cost(true, threads);
        }
        qsort(weir, REPETITIONS, sizeof *weir, compare);
        qsort(hand, REPETITIONS, sizeof *hand, compare);
        printf("%u thread%-16s %10.1f %10.1f\n", threads, threads > 1 ? "s" : "",
               weir[REPETITIONS / 2], hand[REPETITIONS / 2]);
    }
}

/* ---- how exact real time is -------------------------------------------------------- */

static struct {
    uint64_t count, batches;
    uint64_t at[SEEN];
} seen;

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    while (demand > 0) {
        weir_room room = weir_reserve(self, demand);
        memset(room.events, 0, room.count * sizeof(uint64_t));
        must(weir_commit(self, room.count));
        demand -= room.count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict note(weir_stage *self, weir_batch batch) {
    uint64_t now = weir_runtime_now(weir_stage_runtime(self));
    seen.batches++;
    for (size_t i = 0; i < batch.count && seen.count < SEEN; i++) seen.at[seen.count++] = now;
    return WEIR_CONTINUE;
}

static uint64_t most_in(uint64_t window_ns) {
    uint64_t most = 0;
    for (uint64_t first = 0, last = 0; last < seen.count; last++) {
        while (seen.at[last] - seen.at[first] >= window_ns) first++;
        most = last - first + 1 > most ? last - first + 1 : most;
    }
    return most;
}

/* How late the events came, but for the burst: event i, from 0, is due i + 1 - burst gaps later. */
static double late_us(uint64_t allowed, uint64_t burst, double part) {
    static double late[SEEN];
    uint64_t count = 0;
    for (uint64_t i = burst; i < seen.count; i++) {
        double due = (double)(i + 1 - burst) * 1e9 / (double)allowed;
        late[count++] = ((double)(seen.at[i] - seen.at[0]) - due) / 1e3;
    }
    qsort(late, count, sizeof *late, compare);
    return count == 0 ? 0 : late[(uint64_t)(part * (double)(count - 1))];
}

static void tell_row(uint64_t allowed, uint64_t burst, unsigned seconds) {
    weir_runtime *runtime;
    weir_ref source;
    memset(&seen, 0, sizeof seen);
    must(weir_runtime_open(&(weir_runtime_options){.workers = 1}, &runtime));
    const weir_rate_options options = {.allowed = allowed, .burst = burst};
    weir_rate *rate;
    must(weir_rate_open(runtime, &options, &rate));
    const weir_stage_options produces = {
        .kind = WEIR_PRODUCER, .event_bytes = sizeof(uint64_t), .on.handle_demand = produce};
    must(weir_stage_start(runtime, &produces, &source));
    const weir_subscribe_to to = {.producer = source, .options = {.rate = rate}};
    const weir_stage_options takes = {
        .kind = WEIR_CONSUMER, .subscribe_to = &to, .subscribe_count = 1, .on.handle_events = note};
    must(weir_stage_start(runtime, &takes, NULL));
    weir_runtime_run(runtime, seconds * UINT64_C(1000000000));
    must(weir_runtime_close(runtime, NULL));
    weir_rate_close(rate);
    double passed = (double)(seen.at[seen.count - 1] - seen.at[0]) / 1e9;
    printf("%10llu %8llu %12.1f %10.1f %10.1f %10.1f %9llu of %llu\n", (unsigned long long)allowed,
           (unsigned long long)burst, (double)(seen.count - burst) / passed,
           (double)seen.count / (double)seen.batches, late_us(allowed, burst, 0.5),
           late_us(allowed, burst, 0.99), (unsigned long long)most_in(10000000),
           (unsigned long long)(allowed / 100 + burst));
}

int main(int argc, char **argv) {
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
    tell_costs();
    printf("\n%10s %8s %12s %10s %10s %10s %s\n", "a second", "burst", "begun/s", "batch",
           "late us", "99 %", "most in 10 ms");
    tell_row(1000, 1, seconds);
    tell_row(1000, 100, seconds);
    tell_row(100000, 1000, seconds);
    tell_row(1000000, 10000, seconds);
    return EXIT_SUCCESS;
}
