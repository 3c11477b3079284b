/*
 * Checks the simulator itself: it must show what x86 does, and nothing that it does not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the classic two- and four-thread programs on two words, run for many
 * seeds.  An outcome that x86 allows must be seen, one that it forbids must not;
 * and what the engine is there to find (lost wake-ups, livelocks) it must find.
 * The last part repeats seeds and compares.
 */
#include "base/atomic.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS = 2000 };

static uint32_t x, y;
static uint32_t seen[4];
static unsigned problems;

static void must(bool holds, const char *what) {
    if (holds) return;
    problems++;
    printf("FAILED: %s\n", what);
}

static enum sim_result run_bodies(uint64_t seed, bool timeouts, unsigned count,
                                  void (*const bodies[])(void *)) {
    struct sim_settings settings = {.seed = seed, .steps = 10000, .timeouts = timeouts};
    x = y = 0;
    memset(seen, 0, sizeof seen);
    sim_begin(&settings);
    for (unsigned i = 0; i < count; i++) sim_spawn("litmus", bodies[i], NULL);
    return sim_run();
}

/* How often `outcome` holds at the end of SEEDS schedules, all of which must end. */
static unsigned count_outcomes(unsigned count, void (*const bodies[])(void *),
                               bool (*outcome)(void)) {
    unsigned found = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        must(run_bodies(seed, false, count, bodies) == SIM_DONE, "a litmus program ends");
        found += outcome();
    }
    return found;
}

/* --- store buffering: store mine, load yours ---------------------------------------------- */

static void buffer_x(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 1);
    seen[0] = weir__load_relaxed_u32(&y);
}

static void buffer_y(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&y, 1);
    seen[1] = weir__load_relaxed_u32(&x);
}

static void fence_x(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 1);
    weir__fence_full();
    seen[0] = weir__load_relaxed_u32(&y);
}

static void fence_y(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&y, 1);
    weir__fence_full();
    seen[1] = weir__load_relaxed_u32(&x);
}

static void exchange_y(void *unused) {
    (void)unused;
    weir__exchange_u32(&y, 1);
    seen[1] = weir__load_relaxed_u32(&x);
}

static bool neither_seen(void) {
    return seen[0] == 0 && seen[1] == 0;
}

static bool both_seen(void) {
    return seen[0] == 1 && seen[1] == 1;
}

/* --- message passing: data, then flag ----------------------------------------------------- */

static void send(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 1);
    weir__store_release_u32(&y, 1);
}

static void receive(void *unused) {
    (void)unused;
    seen[0] = weir__load_acquire_u32(&y);
    seen[1] = weir__load_relaxed_u32(&x);
}

static bool flag_without_data(void) {
    return seen[0] == 1 && seen[1] == 0;
}

static bool flag_with_data(void) {
    return seen[0] == 1 && seen[1] == 1;
}

/* --- one order of stores for all who look ------------------------------------------------- */

static void store_x(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 1);
}

static void store_y(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&y, 1);
}

static void look_x_y(void *unused) {
    (void)unused;
    seen[0] = weir__load_relaxed_u32(&x);
    seen[1] = weir__load_relaxed_u32(&y);
}

static void look_y_x(void *unused) {
    (void)unused;
    seen[2] = weir__load_relaxed_u32(&y);
    seen[3] = weir__load_relaxed_u32(&x);
}

static bool orders_differ(void) {
    return seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0;
}

/* --- own stores are seen at once, plainly and atomically; the last of two stores wins ----- */

static void store_and_read(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 1);
    seen[0] = x;
    seen[1] = weir__load_relaxed_u32(&x);
    weir__store_relaxed_u32(&x, 2);
    seen[2] = x;
    y = 7;
    seen[3] = weir__exchange_u32(&x, 3);
}

static bool own_stores_missed(void) {
    return seen[0] != 1 || seen[1] != 1 || seen[2] != 2 || seen[3] != 2 || x != 3;
}

/* Two words, stored in opposite orders: x == 1 and y == 1 at the end would need both to lose. */
static void one_then_two(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 1);
    weir__store_relaxed_u32(&y, 2);
}

static void two_then_one(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&y, 1);
    weir__store_relaxed_u32(&x, 2);
}

static bool both_firsts_win(void) {
    return x == 1 && y == 1;
}

/* Every exchange hands on what the one before it left, with a store of another under way. */
static void swap(void *unused) {
    (void)unused;
    seen[weir__exchange_u32(&x, 1)]++;
}

static void zero(void *unused) {
    (void)unused;
    weir__store_relaxed_u32(&x, 0);
}

static bool swaps_differ(void) {
    return seen[0] + seen[1] != 2 || seen[0] == 0;
}

static void check_memory(void) {
    typedef void (*const body)(void *);
    must(count_outcomes(2, (body[]){buffer_x, buffer_y}, neither_seen) > SEEDS / 100,
         "stores are seen to wait behind loads");
    must(count_outcomes(2, (body[]){buffer_x, buffer_y}, both_seen) > SEEDS / 100,
         "stores are seen in time as well");
    must(count_outcomes(2, (body[]){fence_x, fence_y}, neither_seen) == 0,
         "a fence on both sides keeps stores before loads");
    must(count_outcomes(2, (body[]){fence_x, exchange_y}, neither_seen) == 0,
         "an exchange is a fence");
    must(count_outcomes(2, (body[]){fence_x, buffer_y}, neither_seen) > 0,
         "a fence on one side only is not enough");
    must(count_outcomes(2, (body[]){send, receive}, flag_without_data) == 0,
         "stores go out in order");
    must(count_outcomes(2, (body[]){send, receive}, flag_with_data) > SEEDS / 100,
         "messages arrive");
    must(count_outcomes(4, (body[]){store_x, store_y, look_x_y, look_y_x}, orders_differ) == 0,
         "all see one order of stores");
    must(count_outcomes(1, (body[]){store_and_read}, own_stores_missed) == 0,
         "own stores are seen at once");
    must(count_outcomes(2, (body[]){one_then_two, two_then_one}, both_firsts_win) == 0,
         "stores to two words go out in order");
    must(count_outcomes(3, (body[]){swap, swap, zero}, swaps_differ) == 0,
         "exchanges are exact while a store waits");
}

/* --- waiting ------------------------------------------------------------------------------ */

static void wait_for_y(void *unused) {
    (void)unused;
    while (weir__load_acquire_u32(&y) == 0) weir__futex_wait(&y, 0, UINT64_MAX);
}

static void wake_y(void *unused) {
    (void)unused;
    weir__store_release_u32(&y, 1);
    weir__futex_wake(&y, 1);
}

/* The wake comes before what it tells of. */
static void wake_y_early(void *unused) {
    (void)unused;
    weir__futex_wake(&y, 1);
    weir__store_release_u32(&y, 1);
}

static void spin_for_y(void *unused) {
    (void)unused;
    while (weir__load_acquire_u32(&y) == 0) weir__cpu_relax();
}

static void set_y(void *unused) {
    (void)unused;
    weir__store_release_u32(&y, 1);
}

static void spin_for_nothing(void *unused) {
    (void)unused;
    while (weir__load_acquire_u32(&x) == 0) weir__cpu_relax();
}

static void wait_with_deadline(void *unused) {
    (void)unused;
    uint64_t deadline = weir__clock_now_ns() + UINT64_C(3600000000000);
    while (weir__clock_now_ns() < deadline) weir__futex_wait(&y, 0, deadline);
    weir__clock_sleep_ns(UINT64_C(3600000000000));
    seen[0] = weir__clock_now_ns() >= deadline + UINT64_C(3600000000000);
}

static bool hour_not_waited(void) {
    return seen[0] != 1;
}

static bool any(void) {
    return true;
}

static unsigned count_results(bool timeouts, unsigned count, void (*const bodies[])(void *),
                              enum sim_result wanted) {
    unsigned found = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        found += run_bodies(seed, timeouts, count, bodies) == wanted;
    return found;
}

static void check_waiting(void) {
    typedef void (*const body)(void *);
    must(count_outcomes(2, (body[]){wait_for_y, wake_y}, any) == SEEDS, "a wake-up arrives");
    must(count_results(false, 2, (body[]){wait_for_y, wake_y_early}, SIM_LOST_WAKE) > SEEDS / 100,
         "a lost wake-up is found");
    must(count_outcomes(2, (body[]){spin_for_y, set_y}, any) == SEEDS, "a spinning loop ends");
    must(count_results(false, 2, (body[]){spin_for_nothing, set_y}, SIM_LIVELOCK) == SEEDS,
         "a livelock is found");
    must(count_results(true, 1, (body[]){wait_with_deadline}, SIM_DONE) == SEEDS,
         "virtual hours pass at once");
    must(!hour_not_waited(), "and they pass");
}

/* --- threads ------------------------------------------------------------------------------ */

static _Thread_local uint32_t mine = 5;

static void count_mine(void *place) {
    for (int i = 0; i < 10; i++) {
        mine++;
        weir__fetch_add_u32(&y, 1);
    }
    weir__store_relaxed_u32(place, mine);
}

/* Starts and joins more threads than there are places, three at a time. */
static void start_threads(void *unused) {
    (void)unused;
    for (int round = 0; round < SIM_FIBERS; round++) {
        struct weir__thread threads[3];
        uint32_t results[3] = {0};
        for (int i = 0; i < 3; i++)
            seen[0] += weir__thread_start(&threads[i], "counting", count_mine, &results[i]) != 0;
        for (int i = 0; i < 3; i++) {
            weir__thread_join(&threads[i]);
            seen[1] += weir__load_relaxed_u32(&results[i]) == 15;
        }
    }
    seen[2] = mine;
}

static bool threads_worked(void) {
    return seen[0] == 0 && seen[1] == 3 * SIM_FIBERS && seen[2] == 5 && y == 30 * SIM_FIBERS;
}

static void check_threads(void) {
    typedef void (*const body)(void *);
    must(count_outcomes(1, (body[]){start_threads}, threads_worked) == SEEDS,
         "threads start, have variables of their own, and are joined");
}

/* --- the same seed, the same schedule ----------------------------------------------------- */

static void check_replay(void) {
    typedef void (*const body)(void *);
    static const body bodies[] = {fence_x, exchange_y, wait_for_y, wake_y, look_x_y, spin_for_y};
    uint64_t before = 0;
    unsigned same_as_before = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_bodies(seed, true, 6, bodies);
        uint64_t first = sim_fingerprint();
        run_bodies(seed, true, 6, bodies);
        must(sim_fingerprint() == first, "a seed runs the same way twice");
        same_as_before += first == before;
        before = first;
    }
    must(same_as_before < SEEDS / 10, "another seed runs another way");
}

int main(void) {
    check_memory();
    check_waiting();
    check_threads();
    check_replay();
    printf("litmus: %u problems\n", problems);
    return problems == 0 ? 0 : 1;
}
