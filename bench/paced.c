/*
 * Paced: see paced.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Timers of this kind of machine wake 15 to 60 us late.  So a pacer with a core of its own
 * sleeps until somewhat before an event is due, and looks at the clock from there on.
 */
#include "paced.h"

#include "order.h"
#include "race.h"

#include <errno.h>
#include <linux/futex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WAKES_LATE_NS = 150000, PATIENCE_S = 60 };

/* ---- when events are due --------------------------------------------------- */

/* splitmix64 */
static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* The same in every run of every row. */
static const float *gaps_of_mean_one(void) {
    static float gaps[PACED_GAPS];
    if (gaps[0] > 0) return gaps;
    uint64_t state = 1;
    double sum = 0;
    for (size_t i = 0; i < PACED_GAPS; i++) {
        gaps[i] = (float)-log(((double)(draw(&state) >> 11) + 0.5) / 9007199254740992.0);
        sum += gaps[i];
    }
    for (size_t i = 0; i < PACED_GAPS; i++) gaps[i] = (float)(gaps[i] * PACED_GAPS / sum);
    return gaps;
}

static uint64_t next_due(struct paced_times *times) {
    times->due += times->gaps[times->count++ % PACED_GAPS] * times->mean_ns + 1;
    return (uint64_t)times->due;
}

/* ---- the pacer ------------------------------------------------------------- */

static double cpu_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void sleep_until(double at_ns) {
    struct timespec at = {(time_t)(at_ns / 1e9), (long)fmod(at_ns, 1e9)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void wait_until(double at_ns, bool sleepy) {
    double margin = sleepy ? 0 : WAKES_LATE_NS;
    for (double now; (now = race_clock_ns()) < at_ns;) {
        if (at_ns - now > margin) {
            sleep_until(at_ns - margin);
        } else {
            ck_pr_stall();
        }
    }
}

static void wait_for_all(struct paced *paced) {
    struct timespec patience = {.tv_sec = PATIENCE_S};
    while (load_acquire_32(&paced->done) == 0) {
        if (syscall(SYS_futex, &paced->done, FUTEX_WAIT_PRIVATE, 0, &patience, NULL, 0) == -1 &&
            errno == ETIMEDOUT) {
            fputs("paced: events are lost\n", stderr);
            exit(EXIT_FAILURE);
        }
    }
}

void paced_run(struct paced *paced, void (*send)(void *context, uint64_t event), void *context) {
    double all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), own = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    paced->began_ns = race_clock_ns();
    for (uint64_t i = 0; i < paced->events; i++) {
        uint64_t due = next_due(&paced->times);
        wait_until(paced->began_ns + (double)due, paced->sleepy);
        send(context, due);
    }
    wait_for_all(paced);
    own = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - own;
    paced->cpu_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - all - own;
}

/* ---- the sink -------------------------------------------------------------- */

void paced_arrived(struct paced *paced, uint64_t event) {
    if (paced->arrived == paced->events || event != next_due(&paced->expected)) {
        paced->wrong = true;
        return;
    }
    double late = race_clock_ns() - paced->began_ns - (double)event;
    paced->late[paced->arrived++] = late < UINT32_MAX ? (uint32_t)late : UINT32_MAX;
    if (paced->arrived == paced->events) {
        store_release_32(&paced->done, 1);
        syscall(SYS_futex, &paced->done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

/* ---- a run ----------------------------------------------------------------- */

void paced_open(struct paced *paced, uint64_t events, double rate, bool sleepy) {
    struct paced_times times = {.gaps = gaps_of_mean_one(), .mean_ns = 1e9 / rate - 1};
    *paced = (struct paced){.events = events, .sleepy = sleepy, .times = times, .expected = times};
    paced->late = malloc(events * sizeof *paced->late);
    if (paced->late == NULL) abort();
    memset(paced->late, 1, events * sizeof *paced->late); /* no page is new to the sink */
}

static int by_size(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

struct paced_result paced_close(struct paced *paced) {
    uint64_t last = paced->events - 1;
    double ns = (double)(uint64_t)paced->times.due + paced->late[last];
    struct paced_result result = {.nanoseconds = ns,
                                  .cpu_percent = paced->cpu_ns / ns * 100,
                                  .correct = !paced->wrong && paced->arrived == paced->events};
    qsort(paced->late, paced->events, sizeof *paced->late, by_size);
    result.p50 = paced->late[(uint64_t)((double)last * 0.5)];
    result.p99 = paced->late[(uint64_t)((double)last * 0.99)];
    result.p999 = paced->late[(uint64_t)((double)last * 0.999)];
    result.most = paced->late[last];
    free(paced->late);
    return result;
}
