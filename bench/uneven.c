/*
 * Uneven work: how long events wait, and all of them take, when some cost much more.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   build/bench/uneven [RUNS [UNIT_MICROSECONDS]]     default 5 runs, 100 us
 *
 * One event in a hundred, drawn once for all runs, costs a hundred units, each
 * of the others one; a cost is a sleep, as of a call to some other service, so
 * that the machine's cores do not matter.  A producer on a worker of its own
 * emits them, two consumers on workers of their own handle them.  They come
 * either one by one, at half the pace that both consumers can bear, and then the
 * question is how long each waits until it is begun; or all at once, and then it
 * is how long it takes until the last has been handled.
 * Dispatchers and windows take turns; the tables have medians over the runs.
 */
#include <weir/weir.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { EVENTS = 2000, TAKERS = 2, SLOW_ONE_IN = 100, SLOW = 100, RUNS_MOST = 99, WAYS_MOST = 5 };

static struct {
    weir_runtime *runtime;
    weir_ref producer;
    uint64_t unit_ns;
    uint64_t period_ns; /* 0: all at once */
    uint64_t begin_ns;
    uint64_t next;           /* to be emitted: the producer's     */
    uint64_t handled;        /* atomic                            */
    uint64_t end_ns;         /* when the last one had been handled */
    double waited_s[EVENTS]; /* from when it was due until it was begun */
} run;

static bool slow[EVENTS];

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void draw_costs(void) {
    uint64_t state = 12345;
    for (int left = EVENTS / SLOW_ONE_IN; left > 0;) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        bool *place = &slow[(state >> 33) % EVENTS];
        left -= !*place;
        *place = true;
    }
}

static weir_verdict not_now(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict emit_some(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    uint64_t end = run.period_ns > 0 ? run.next + 1 : EVENTS;
    while (run.next < end) {
        if (weir_emit(self, &run.next, 1) != WEIR_OK) return WEIR_STOP;
        run.next++;
    }
    return WEIR_CONTINUE;
}

static void sleep_until(uint64_t when_ns) {
    const struct timespec when = {(time_t)(when_ns / 1000000000u), (long)(when_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    const uint64_t *number = batch.events;
    (void)self;
    prctl(PR_SET_TIMERSLACK, 1ul);
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t begun_ns = now_ns();
        uint64_t due_ns = run.begin_ns + number[i] * run.period_ns;
        run.waited_s[number[i]] = (double)(begun_ns - due_ns) / 1e9;
        sleep_until(begun_ns + run.unit_ns * (slow[number[i]] ? SLOW : 1));
        if (__atomic_add_fetch(&run.handled, 1, __ATOMIC_ACQ_REL) == EVENTS) {
            run.end_ns = now_ns();
            weir_stop(run.runtime, run.producer, WEIR_REASON_NORMAL);
        }
    }
    return WEIR_CONTINUE;
}

static void require(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "uneven: %s: %s\n", weir_status_text(status), weir_refusal());
    exit(1);
}

struct way {
    const char *name;
    const weir_dispatcher *dispatcher;
    size_t grain;
    size_t max_demand;
};

static void start(const struct way *way) {
    const weir_shared_dispatcher_options grain = {.grain = way->grain};
    bool shared = way->dispatcher == weir_shared_dispatcher();
    weir_stage_options producer = {.kind = WEIR_PRODUCER,
                                   .event_bytes = sizeof(uint64_t),
                                   .worker = WEIR_WORKER(TAKERS),
                                   .buffer_size = WEIR_INFINITY,
                                   .dispatcher = way->dispatcher,
                                   .dispatcher_options = shared ? &grain : NULL,
                                   .on = {.handle_demand = not_now, .handle_cast = emit_some}};
    require(weir_runtime_open(
        &(weir_runtime_options){.workers = TAKERS + 1, .unpinned = true, .idle = WEIR_IDLE_PARK},
        &run.runtime));
    require(weir_stage_start(run.runtime, &producer, &run.producer));
    weir_subscribe_to from = {.producer = run.producer, .options = {.max_demand = way->max_demand}};
    for (unsigned i = 0; i < TAKERS; i++) {
        weir_stage_options taker = {.kind = WEIR_CONSUMER,
                                    .worker = WEIR_WORKER(i),
                                    .subscribe_to = &from,
                                    .subscribe_count = 1,
                                    .on = {.handle_events = handle}};
        require(weir_stage_start(run.runtime, &taker, NULL));
    }
    require(weir_runtime_settle(run.runtime, WEIR_FOREVER));
}

/* What one run came to, in units of work. */
struct result {
    double finish;
    double wait_mean;
    double wait_99; /* of a hundred events 99 wait no longer */
};

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct result measure(const struct way *way, uint64_t period_ns) {
    double unit_s = (double)run.unit_ns / 1e9;
    run.next = 0;
    run.handled = 0;
    run.period_ns = period_ns;
    start(way);
    run.begin_ns = now_ns();
    for (uint64_t i = 0; i < (period_ns > 0 ? EVENTS : 1); i++) {
        sleep_until(run.begin_ns + i * period_ns);
        require(weir_cast(run.runtime, run.producer, NULL, 0));
    }
    require(weir_runtime_run(run.runtime, WEIR_FOREVER));
    require(weir_runtime_close(run.runtime, NULL));
    struct result result = {.finish = (double)(run.end_ns - run.begin_ns) / 1e9 / unit_s};
    for (int i = 0; i < EVENTS; i++) result.wait_mean += run.waited_s[i] / unit_s / EVENTS;
    qsort(run.waited_s, EVENTS, sizeof(double), by_size);
    result.wait_99 = run.waited_s[EVENTS / 100 * 99] / unit_s;
    return result;
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof(double), by_size);
    return values[count / 2];
}

static void table(const struct way *ways, size_t count, uint64_t period_ns, int runs) {
    static double finish[WAYS_MOST][RUNS_MOST], mean[WAYS_MOST][RUNS_MOST],
        most[WAYS_MOST][RUNS_MOST];
    for (int i = 0; i < runs; i++) {
        for (size_t w = 0; w < count; w++) {
            struct result result = measure(&ways[w], period_ns);
            finish[w][i] = result.finish;
            mean[w][i] = result.wait_mean;
            most[w][i] = result.wait_99;
        }
    }
    printf("%d events, %s; in units of work\n", EVENTS, period_ns > 0 ? "paced" : "all at once");
    printf("  %-10s %9s %9s %10s %9s\n", "", "max", "finish", "mean wait", "99 % wait");
    for (size_t w = 0; w < count; w++) {
        printf("  %-10s %9zu %9.0f %10.2f %9.1f\n", ways[w].name, ways[w].max_demand,
               median(finish[w], runs), median(mean[w], runs), median(most[w], runs));
    }
}

int main(int count, char **arguments) {
    int runs = count > 1 ? atoi(arguments[1]) : 5;
    run.unit_ns = 1000 * (uint64_t)(count > 2 ? atoi(arguments[2]) : 100);
    if (runs < 1 || runs > RUNS_MOST || run.unit_ns == 0) {
        fprintf(stderr, "usage: uneven [RUNS (1..%d) [UNIT_MICROSECONDS]]\n", RUNS_MOST);
        return 2;
    }
    const struct way ways[WAYS_MOST] = {{"demand", weir_demand_dispatcher(), 0, 10},
                                        {"shared", weir_shared_dispatcher(), 0, 10},
                                        {"shared, 1", weir_shared_dispatcher(), 1, 10},
                                        {"demand", weir_demand_dispatcher(), 0, 1000},
                                        {"shared, 1", weir_shared_dispatcher(), 1, 1000}};
    draw_costs();
    table(ways, WAYS_MOST, 2 * run.unit_ns, runs); /* an event costs two on average */
    table(ways, WAYS_MOST, 0, runs);
    return 0;
}
