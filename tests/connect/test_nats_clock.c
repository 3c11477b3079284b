/*
 * Goal: a clock of the day that jumps, forward or back, while messages go loses none of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the day's clock, and waits by it, are the test's own in this process: it moves them by an
 * hour while messages go.  A wait that is under way when the clock goes back lasts longer by as
 * much, as with the system's.
 */
#include "connect/nats_trial.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SOME = 3000, STEP_MS = 5, HOUR = 3600 };

/* ---- the clock --------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static time_t ahead_s; /* under the lock */
static unsigned asked; /* likewise: how often the time was asked for */

static void set_clock(time_t seconds) {
    pthread_mutex_lock(&lock);
    ahead_s = seconds;
    pthread_mutex_unlock(&lock);
}

static unsigned times_asked(void) {
    pthread_mutex_lock(&lock);
    unsigned times = asked;
    pthread_mutex_unlock(&lock);
    return times;
}

int clock_gettime(clockid_t id, struct timespec *out) {
    int failed = (int)syscall(SYS_clock_gettime, id, out);
    if (failed == 0 && id == CLOCK_REALTIME) {
        pthread_mutex_lock(&lock);
        out->tv_sec += ahead_s;
        asked++;
        pthread_mutex_unlock(&lock);
    }
    return failed;
}

static bool is_past(const struct timespec *until) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > until->tv_sec ||
           (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* In steps, so that it sees the clock jump. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    int said = ETIMEDOUT;
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    }
    while (said == ETIMEDOUT && !is_past(until)) {
        struct timespec step;
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &step);
        step.tv_nsec += STEP_MS * 1000000L;
        step.tv_sec += step.tv_nsec / 1000000000;
        step.tv_nsec %= 1000000000;
        said = real(condition, mutex, &step);
    }
    return said;
}

/* ---- what is tried ------------------------------------------------------------------------- */

static void jumps_lose_nothing(void **state) {
    static const time_t jumps[] = {HOUR, -HOUR, 0, 24 * HOUR, -24 * HOUR, 0};
    enum { JUMPS = sizeof jumps / sizeof *jumps };
    struct nats_trial trial;
    const weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    nats_make_stream("JOBS");
    tally_begin((size_t)SOME * JUMPS);
    nats_begin(&trial, &options, 500, 0);
    const unsigned before = times_asked();
    for (size_t i = 0; i < JUMPS; i++) {
        nats_publish(i * SOME, SOME / 2, 10);
        set_clock(jumps[i]);
        nats_publish(i * SOME + SOME / 2, SOME / 2, 10);
    }
    assert_true(tally_wait(30));
    assert_true(tally_until(nats_all_acked, NULL, 20));
    assert_true(times_asked() > before); /* else it is another clock that the client goes by */
    nats_end(&trial);
    set_clock(0);
    tally_check();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jumps_lose_nothing),
    };
    return engine_found(ENGINE_NATS)
               ? cmocka_run_group_tests(tests, nats_begin_server, nats_end_server)
               : ENGINE_SKIPPED;
}
