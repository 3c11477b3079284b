/*
 * Trips one by one: a cache line there and back, or a wake there and back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The ball is one word.  Who waits for it spins, or sleeps on it with a futex at once; who
 * plays it then wakes the other, without asking whether he sleeps.  Before each trip the first
 * pauses until the other does sleep: where lines are fast both could answer for ever before
 * either has come to it, which is no trip by futex.
 */
#include "ceilings.h"

#include "order.h"
#include "work.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { APART = 128, FALLS_ASLEEP_NS = 20000 };

struct ball {
    _Alignas(APART) uint32_t there;
    _Alignas(APART) uint32_t back;
};

struct trips {
    struct ball *ball;
    bool asleep;
    uint64_t trips;
    double *each;
};

static void await(const struct trips *trips, uint32_t *word, uint32_t value) {
    for (;;) {
        uint32_t seen = load_acquire_32(word);
        if (seen == value) return;
        if (trips->asleep) {
            (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        } else {
            ck_pr_stall();
        }
    }
}

static void play(const struct trips *trips, uint32_t *word, uint32_t value) {
    store_release_32(word, value);
    if (trips->asleep) (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void answer(void *argument) {
    const struct trips *trips = argument;
    for (uint64_t trip = 1; trip <= trips->trips; trip++) {
        await(trips, &trips->ball->there, (uint32_t)trip);
        play(trips, &trips->ball->back, (uint32_t)trip);
    }
}

static void pause_for(double ns) {
    for (double until = race_clock_ns() + ns; race_clock_ns() < until;) ck_pr_stall();
}

static uint64_t serve(void *argument) {
    const struct trips *trips = argument;
    uint64_t sum = 0;
    double began = race_clock_ns();
    uint64_t first = race_ticks();
    for (uint64_t trip = 1; trip <= trips->trips; trip++) {
        if (trips->asleep) pause_for(FALLS_ASLEEP_NS);
        uint64_t played = race_ticks();
        play(trips, &trips->ball->there, (uint32_t)trip);
        await(trips, &trips->ball->back, (uint32_t)trip);
        trips->each[trip - 1] = (double)(race_ticks() - played);
        sum += trip;
    }
    double ns_per_tick = (race_clock_ns() - began) / (double)(race_ticks() - first);
    for (uint64_t trip = 0; trip < trips->trips; trip++) trips->each[trip] *= ns_per_tick;
    return sum;
}

struct race_result ceiling_trips(struct race_cores cores, bool asleep, uint64_t count,
                                 double *each) {
    struct ball *ball = aligned_alloc(APART, sizeof *ball);
    if (ball == NULL) return (struct race_result){0, false};
    *ball = (struct ball){0};
    struct trips trips = {ball, asleep, count, each};
    const struct race race = {answer, serve, &trips, work_expected(count)};
    struct race_result result = race_run(&race, cores);
    free(ball);
    return result;
}
