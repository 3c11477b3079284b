/*
 * The stress tests' common ground: see stress.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/stress.h"

#include "base/atomic.h"
#include "edge/edge.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { STILL_SECONDS = 60 };

static struct {
    const char *program;
    uint64_t seed;
    uint64_t drawn;  /* generators handed out (atomic) */
    uint64_t logged; /* events (atomic) */
    uint32_t excess; /* allowed (atomic) */
    /* the watchdog's; under the lock */
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool ended;
    weir_runtime *runtime;
    uint64_t steps;
    char step[160];
} stress = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

/* ---- failing ------------------------------------------------------------- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The lock may be held by the thread that fails: what is read here may be torn. */
void stress_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: %s: seed %" PRIu64 ": ", stress.program, stress.step, stress.seed);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void stress_ok(weir_status status, const char *file, int line, const char *call) {
    if (status != WEIR_OK) {
        stress_fail("%s:%d: %s returned %s (%s)", file, line, call, weir_status_name(status),
                    weir_refusal());
    }
}

void stress_step(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&stress.lock);
    vsnprintf(stress.step, sizeof stress.step, format, arguments);
    stress.steps++;
    pthread_mutex_unlock(&stress.lock);
    va_end(arguments);
    if (getenv("WEIR_STRESS_TRACE") != NULL) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        printf("%8.3f %s\n", (double)(now.tv_sec % 10000) + (double)now.tv_nsec / 1e9, stress.step);
    }
}

/* ---- chance -------------------------------------------------------------- */

void stress_rng(struct weir__rng *rng) {
    weir__rng_seed(rng, (stress.seed << 32) + weir__fetch_add_u64(&stress.drawn, 1));
}

uint64_t stress_between(struct weir__rng *rng, uint64_t low, uint64_t high) {
    return low + weir__rng_below(rng, high - low + 1);
}

bool stress_chance(struct weir__rng *rng, uint64_t one_in) {
    return weir__rng_below(rng, one_in) == 0;
}

void stress_pause(struct weir__rng *rng, enum stress_pauses pauses) {
    if (pauses == STRESS_PAUSE_NEVER ||
        !stress_chance(rng, pauses == STRESS_PAUSE_RARELY ? 64 : 4)) {
        return;
    }
    uint64_t kind = weir__rng_below(rng, 16);
    if (kind == 0) {
        struct timespec nap = {.tv_nsec = (long)weir__rng_below(rng, 50000)};
        nanosleep(&nap, NULL);
    } else if (kind < 8) {
        sched_yield();
    } else {
        for (uint64_t spins = weir__rng_below(rng, 500); spins > 0; spins--) weir__cpu_relax();
    }
}

weir_idle stress_idle(struct weir__rng *rng) {
    uint64_t drawn = weir__rng_below(rng, 16);
    return drawn == 0 ? WEIR_IDLE_SPIN : drawn < 5 ? WEIR_IDLE_PARK
           : drawn < 8 ? WEIR_IDLE_SPIN_THEN_PARK : WEIR_IDLE_ADAPT;
}

static void ignore(int number) {
    (void)number;
}

void stress_alarms(bool on) {
    struct sigaction action = {.sa_handler = ignore};
    sigemptyset(&action.sa_mask);
    struct itimerval interval = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};
    if (on) sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);
}

void stress_hear_alarms(bool on) {
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &alarms, NULL);
}

struct crowd_member {
    struct weir__rng rng;
    void (*run)(struct weir__rng *rng);
    pthread_t thread;
};

static void *run_member(void *argument) {
    struct crowd_member *member = argument;
    stress_hear_alarms(true);
    member->run(&member->rng);
    return NULL;
}

void stress_crowd(unsigned threads, bool alarms, void (*run)(struct weir__rng *rng)) {
    struct crowd_member members[STRESS_CROWD_MAX];
    stress_alarms(alarms);
    for (unsigned i = 0; i < threads; i++) {
        members[i].run = run;
        stress_rng(&members[i].rng);
        STRESS_CHECK(pthread_create(&members[i].thread, NULL, run_member, &members[i]) == 0);
    }
    for (unsigned i = 0; i < threads; i++) pthread_join(members[i].thread, NULL);
    stress_alarms(false);
}

/* ---- runtimes ------------------------------------------------------------ */

static void log_line(void *context, weir_log_level level, const char *text) {
    (void)context;
    uint64_t count;
    bool excess = strstr(text, "in excess of its demand") != NULL;
    if (level == WEIR_LOG_ERROR && (!excess || weir__load_relaxed_u32(&stress.excess) == 0)) {
        stress_fail("the runtime logs: %s", text);
    }
    if (sscanf(text, "%" SCNu64 " events were discarded: both ends", &count) == 1) {
        weir__fetch_add_u64(&stress.logged, count);
    }
}

static void watch(weir_runtime *runtime) {
    pthread_mutex_lock(&stress.lock);
    stress.runtime = runtime;
    stress.steps++;
    pthread_mutex_unlock(&stress.lock);
}

weir_runtime *stress_open(const weir_runtime_options *options) {
    weir_runtime_options filled = options != NULL ? *options : (weir_runtime_options){0};
    if (filled.log == NULL) filled.log = log_line;
    filled.default_worker = WEIR_SPREAD;
    weir_runtime *runtime = NULL;
    weir__exchange_u64(&stress.logged, 0);
    weir__exchange_u32(&stress.excess, 0);
    STRESS_OK(weir_runtime_open(&filled, &runtime));
    watch(runtime);
    return runtime;
}

void stress_allow_excess(void) {
    weir__exchange_u32(&stress.excess, 1);
}

void stress_ring_start(struct weir__rng *rng) {
    uint32_t before = (uint32_t)stress_between(rng, 0, 700);
    weir__edge_ring_start = stress_chance(rng, 2) ? 0 : UINT32_MAX - before;
}

weir_accounts stress_close(weir_runtime *runtime) {
    weir_accounts accounts;
    watch(NULL);
    STRESS_OK(weir_runtime_close(runtime, &accounts));
    const char *wrong = weir_accounts_check(&accounts);
    if (wrong != NULL) stress_fail("after close: %s", wrong);
    if (accounts.buffered != 0 || accounts.in_flight != 0 || accounts.blocks_live != 0 ||
        accounts.emitted - accounts.multicast + accounts.copies !=
            accounts.handled + accounts.discarded) {
        stress_fail("after close: emitted %" PRIu64 " handled %" PRIu64 " discarded %" PRIu64
                    " buffered %" PRIu64 " in flight %" PRIu64 " blocks %" PRIu64,
                    accounts.emitted, accounts.handled, accounts.discarded, accounts.buffered,
                    accounts.in_flight, accounts.blocks_live);
    }
    return accounts;
}

uint64_t stress_logged_discards(void) {
    return weir__load_relaxed_u64(&stress.logged);
}

/* ---- events -------------------------------------------------------------- */

static uint64_t derived(uint64_t word) {
    return weir__rng_splitmix(&word);
}

void stress_event_write(void *event, size_t bytes, uint64_t word) {
    unsigned char *to = event;
    if (bytes < sizeof word) {
        to[0] = (unsigned char)word;
        return;
    }
    memcpy(to, &word, sizeof word);
    if (bytes >= 2 * sizeof word) {
        uint64_t last = derived(word);
        memcpy(to + bytes - sizeof last, &last, sizeof last);
    }
}

uint64_t stress_event_read(const void *event, size_t bytes) {
    const unsigned char *from = event;
    uint64_t word = 0;
    if (bytes < sizeof word) return from[0];
    memcpy(&word, from, sizeof word);
    if (bytes >= 2 * sizeof word) {
        uint64_t last;
        memcpy(&last, from + bytes - sizeof last, sizeof last);
        if (last != derived(word)) {
            stress_fail("an event of %zu bytes is torn: %#" PRIx64 " ends with %#" PRIx64, bytes,
                        word, last);
        }
    }
    return word;
}

void stress_event_hop(void *event, size_t bytes) {
    if (bytes >= sizeof(uint64_t)) {
        uint64_t word = stress_event_read(event, bytes);
        uint64_t hops = UINT64_C(0xff) << 40;
        stress_event_write(event, bytes, (word & ~hops) | ((word + STRESS_NUMBER_LIMIT) & hops));
    }
}

void stress_tally_range(struct stress_tally *tally, uint32_t source, uint64_t first,
                        uint64_t count) {
    for (uint64_t i = 0; i < count; i++) stress_tally_add(tally, source, first + i);
}

void stress_tally_join(struct stress_tally *tally, const struct stress_tally *more) {
    tally->count += more->count;
    tally->sum += more->sum;
    tally->hash += more->hash;
}

void stress_tally_compare(const struct stress_tally *expected, const struct stress_tally *found) {
    if (memcmp(expected, found, sizeof *expected) != 0) {
        stress_fail("not each event exactly once: %" PRIu64 " events with sum %" PRIu64
                    " were handled, expected %" PRIu64 " with sum %" PRIu64 "%s",
                    found->count, found->sum, expected->count, expected->sum,
                    found->sum == expected->sum ? " (other events)" : "");
    }
}

void stress_tally_check(const struct stress_tally *found, uint64_t count) {
    struct stress_tally expected = {0};
    stress_tally_range(&expected, 0, 0, count);
    stress_tally_compare(&expected, found);
}

/* ---- the watchdog and main ----------------------------------------------- */

/* Something that changes while anything moves. */
static uint64_t progress(weir_accounts *accounts) {
    *accounts = (weir_accounts){0};
    if (stress.runtime != NULL) weir_runtime_accounts(stress.runtime, accounts);
    return accounts->handled * 3 + accounts->turns * 7 + accounts->emitted * 31 +
           accounts->discarded * 61 + stress.steps * 1000003;
}

static _Noreturn void tell_stall(const weir_accounts *accounts) {
    weir_drain_report report = {.stages = 0};
    if (stress.runtime != NULL) weir_runtime_holdup(stress.runtime, &report);
    stress_fail("nothing has moved for %d s: emitted %" PRIu64 " handled %" PRIu64
                " buffered %" PRIu64 " in flight %" PRIu64 " discarded %" PRIu64 " turns %" PRIu64
                "; %zu stages, held up by %s (%s), which waits for %s; %s",
                STILL_SECONDS, accounts->emitted, accounts->handled, accounts->buffered,
                accounts->in_flight, accounts->discarded, accounts->turns, report.stages,
                report.name, weir_holdup_text(report.why), report.waits_for_name, report.path);
}

static void *watchdog(void *unused) {
    uint64_t before = 0;
    weir_accounts accounts;
    int still = 0;
    pthread_mutex_lock(&stress.lock);
    while (!stress.ended) {
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_sec++;
        pthread_cond_timedwait(&stress.over, &stress.lock, &next);
        uint64_t now = progress(&accounts);
        still = now != before ? 0 : still + 1;
        before = now;
        if (still >= STILL_SECONDS && !stress.ended) tell_stall(&accounts);
    }
    pthread_mutex_unlock(&stress.lock);
    return unused;
}

weir_subscribe_options stress_demand(struct weir__rng *rng, const size_t *maxima, size_t count) {
    size_t max_demand = maxima[weir__rng_below(rng, count)];
    size_t min_demand = (size_t)weir__rng_below(rng, max_demand);
    return (weir_subscribe_options){.max_demand = max_demand,
                                    .min_demand = min_demand == 0 ? WEIR_NONE : min_demand};
}

static uint64_t environment(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static bool named(const char *name, int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], name) == 0) return true;
    }
    return count <= 1;
}

static void run(const struct stress_scenario *scenario, uint64_t events) {
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    stress_step("%s", scenario->name);
    scenario->run(events);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds =
        (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9;
    printf("%s: %-20s %12" PRIu64 " events %8.2f s\n", stress.program, scenario->name, events,
           seconds);
    fflush(stdout);
}

int stress_main(int count, char **arguments, uint64_t usual,
                const struct stress_scenario *scenarios, size_t scenario_count) {
    pthread_t dog;
    uint64_t weights = 0;
    uint64_t events = environment("WEIR_STRESS_EVENTS", usual);
    stress.program = base_name(arguments[0]);
    stress.seed = environment("WEIR_STRESS_SEED", 1);
    for (size_t i = 0; i < scenario_count; i++) {
        if (named(scenarios[i].name, count, arguments)) weights += scenarios[i].weight;
    }
    if (weights == 0) {
        fprintf(stderr, "%s: no such scenario\n", stress.program);
        return 2;
    }
    stress_hear_alarms(false);
    if (pthread_create(&dog, NULL, watchdog, NULL) != 0) stress_fail("no watchdog");
    printf("%s: seed %" PRIu64 "\n", stress.program, stress.seed);
    for (size_t i = 0; i < scenario_count; i++) {
        if (named(scenarios[i].name, count, arguments)) {
            run(&scenarios[i], events * scenarios[i].weight / weights + 1);
        }
    }
    pthread_mutex_lock(&stress.lock);
    stress.ended = true;
    pthread_cond_signal(&stress.over);
    pthread_mutex_unlock(&stress.lock);
    pthread_join(dog, NULL);
    return 0;
}
