/*
 * The rate: tokens by the clock, a bucket of them, and places in line.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: within any interval no more than allowed + burst are used, whoever takes, reserves, comes
 * late or changes the terms; an idle rate is full; nothing of a token is lost or won as terms
 * change; who reserves is told the moment; threads that take at once get each token once.
 * Method: moments by hand; then takers that do as a seed says, each use noted, and a look at all
 * windows; then threads.  (The protocol: tests/model/rate.pml.)
 */
#include "support/cmocka.h"

#include "base/atomic.h"
#include "base/rng.h"
#include "os/clock.h"
#include "os/thread.h"
#include "ring/rate.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

static struct weir_rate *make(uint64_t allowed, uint64_t interval_ns, uint64_t burst,
                              uint64_t now_ns) {
    struct weir__allocator allocator;
    weir__allocator_open(&allocator, NULL);
    const weir_rate_options options = {allowed, interval_ns, burst, {0}};
    struct weir_rate *rate = weir__rate_make(&allocator, &options, now_ns);
    assert_non_null(rate);
    return rate;
}

static uint64_t take(struct weir_rate *rate, uint64_t most, uint64_t now_ns) {
    struct weir__reserved taken;
    return weir__rate_take(rate, most, now_ns, &taken);
}

static uint64_t reserve(struct weir_rate *rate, uint64_t count, uint64_t now_ns,
                        struct weir__reserved *out) {
    assert_true(weir__rate_reserve(rate, count, now_ns, out));
    return weir__rate_due(rate, out);
}

static void change(struct weir_rate *rate, uint64_t allowed, uint64_t interval_ns, uint64_t burst,
                   uint64_t now_ns) {
    const weir_rate_options options = {allowed, interval_ns, burst, {0}};
    weir__rate_change(rate, &options, now_ns);
}

/* ---- moments ---------------------------------------------------------------- */

static void a_token_comes_at_its_moment(void **state) {
    (void)state;
    struct weir_rate *rate = make(3, SECOND, 1, 0);
    assert_int_equal(take(rate, 5, 0), 1);
    assert_int_equal(weir__rate_next(rate, 0), 333333334);
    assert_int_equal(take(rate, 5, 333333333), 0);
    assert_int_equal(take(rate, 5, 333333334), 1);
    assert_int_equal(take(rate, 5, 666666666), 0);
    assert_int_equal(take(rate, 5, 666666667), 1);
    assert_int_equal(take(rate, 5, SECOND - 1), 0);
    assert_int_equal(take(rate, 5, SECOND), 1); /* no rounding adds up */
    weir__rate_release(rate);
}

static void an_idle_rate_is_full_and_no_fuller(void **state) {
    (void)state;
    struct weir_rate *rate = make(10, SECOND, 4, 7 * SECOND);
    assert_int_equal(take(rate, 3, 7 * SECOND), 3);
    assert_int_equal(take(rate, 3, 7 * SECOND), 1);
    assert_int_equal(take(rate, 9, 100 * SECOND), 4);
    assert_int_equal(take(rate, 9, 100 * SECOND + 100 * MS), 1);
    weir__rate_release(rate);
}

/* Of a token that has passed in part nothing is saved up on top of a burst. */
static void nor_is_a_part_of_a_token_saved_up(void **state) {
    (void)state;
    struct weir_rate *rate = make(1, SECOND, 1, 0);
    assert_int_equal(take(rate, 9, 7950 * MS), 1);
    uint64_t due = weir__rate_next(rate, 7950 * MS);
    assert_true(due >= 8950 * MS && due <= 8950 * MS + 1000); /* a millionth of a second */
    assert_int_equal(take(rate, 9, 8000 * MS), 0);
    assert_int_equal(take(rate, 9, due - 1), 0);
    assert_int_equal(take(rate, 9, due), 1);
    assert_int_equal(weir__rate_next(rate, due), due + SECOND);
    weir__rate_release(rate);
    rate = make(100, SECOND, 10, 0);
    assert_int_equal(take(rate, 20, 18000), 10);
    due = weir__rate_next(rate, 18000);
    assert_true(due >= 10 * MS + 18000 && due <= 10 * MS + 18010);
    assert_int_equal(take(rate, 20, due - 20), 0);
    assert_int_equal(take(rate, 20, due), 1);
    weir__rate_release(rate);
}

/* So many per interval, and interval_ns: it is as exact when it has counted for long. */
static void it_keeps_its_pace_for_years(void **state) {
    (void)state;
    static const uint64_t pace[][2] = {{1, SECOND},         {3, SECOND},
                                       {1, 86400 * SECOND}, {999999937, SECOND},
                                       {7, 1000 * SECOND},  {1000003, WEIR_RATE_INTERVAL_LIMIT}};
    for (size_t i = 0; i < sizeof pace / sizeof *pace; i++) {
        const uint64_t gap = pace[i][1] / pace[i][0];
        struct weir_rate *rate = make(pace[i][0], pace[i][1], 1, 5);
        for (uint64_t now = 5; now < INT64_MAX / 4; now = now * 3 + 1) {
            uint64_t due = weir__rate_next(rate, now);
            assert_int_equal(take(rate, 9, due), 1);
            uint64_t next = weir__rate_next(rate, due);
            assert_true(next >= due + gap && next <= due + gap + gap / 1000000 + 3);
            assert_int_equal(take(rate, 9, next - 1), 0);
            now = next;
        }
        weir__rate_release(rate);
    }
}

/* Who books a burst of an idle rate has it now, whatever part of a token has passed. */
static void an_idle_rate_is_booked_at_once(void **state) {
    (void)state;
    struct weir_rate *rate = make(1, SECOND, 2, 0);
    uint64_t due;
    assert_true(weir__rate_book(rate, 2, 7950 * MS, &due));
    assert_int_equal(due, 7950 * MS);
    assert_true(weir__rate_book(rate, 1, 7950 * MS, &due));
    assert_true(due >= 8950 * MS && due <= 8950 * MS + 1000);
    weir__rate_release(rate);
}

static void the_rest_of_a_burst_is_there_at_once(void **state) {
    (void)state;
    for (uint64_t now = 1; now < 1000; now++) {
        struct weir_rate *rate = make(3, SECOND, 3, 0);
        assert_int_equal(take(rate, 2, now), 2);
        assert_int_equal(take(rate, 2, now), 1);
        weir__rate_release(rate);
    }
}

static void who_reserves_has_a_place_in_line(void **state) {
    (void)state;
    struct weir_rate *rate = make(10, SECOND, 2, 0);
    struct weir__reserved a, b;
    assert_int_equal(take(rate, 2, 0), 2);
    assert_int_equal(reserve(rate, 1, 0, &a), 100 * MS);
    assert_int_equal(reserve(rate, 2, 50 * MS, &b), 300 * MS);
    assert_int_equal(take(rate, 9, 100 * MS), 0); /* it is the one's that waits */
    assert_int_equal(weir__rate_use(rate, &a, 9, 100 * MS - 1), 0);
    assert_int_equal(weir__rate_use(rate, &a, 9, 100 * MS), 1);
    assert_int_equal(weir__rate_use(rate, &a, 9, 100 * MS), 0);
    assert_int_equal(weir__rate_use(rate, &b, 1, 300 * MS), 1);
    assert_int_equal(weir__rate_use(rate, &b, 9, 300 * MS), 1);
    assert_int_equal(b.count, 0);
    weir__rate_release(rate);
}

/* Tokens of another time are worth nothing, or they would pile up. */
static void who_comes_late_has_lost_his_place(void **state) {
    (void)state;
    struct weir_rate *rate = make(10, SECOND, 2, 0);
    struct weir__reserved late[5];
    assert_int_equal(take(rate, 2, 0), 2);
    for (int i = 0; i < 5; i++) reserve(rate, 1, 0, &late[i]); /* for 100 to 500 ms */
    uint64_t used = 0;
    for (int i = 0; i < 5; i++) used += weir__rate_use(rate, &late[i], 1, 500 * MS);
    assert_int_equal(used, 2);
    assert_int_equal(late[0].count, 0);
    used = 0;
    for (int i = 0; i < 5; i++) used += weir__rate_use(rate, &late[i], 1, 50 * SECOND);
    assert_int_equal(used + take(rate, 9, 50 * SECOND), 2);
    weir__rate_release(rate);
}

static void terms_change_and_nothing_is_lost_or_won(void **state) {
    (void)state;
    struct weir_rate *rate = make(1, SECOND, 1, 0);
    assert_int_equal(take(rate, 1, 0), 1);
    change(rate, 10, SECOND, 1, SECOND / 2); /* half of a token has passed: half is to come */
    assert_int_equal(take(rate, 1, SECOND / 2 + 50 * MS - 1), 0);
    assert_int_equal(take(rate, 1, SECOND / 2 + 50 * MS), 1);
    change(rate, 1, 3600 * SECOND, 1, SECOND / 2 + 50 * MS);
    assert_int_equal(take(rate, 1, 3600 * SECOND), 0);
    change(rate, 1000, SECOND, 5, 3600 * SECOND); /* what was used of the burst is */
    assert_int_equal(take(rate, 9, 3600 * SECOND), 4);
    weir_rate_options now;
    weir__rate_look(rate, &now);
    assert_int_equal(now.allowed, 1000);
    assert_int_equal(now.interval_ns, SECOND);
    assert_int_equal(now.burst, 5);
    weir__rate_release(rate);
}

/* Who sets the same again and again stops no clock. */
static void a_clock_goes_on_over_many_changes(void **state) {
    (void)state;
    struct weir_rate *rate = make(1, SECOND, 1, 0);
    assert_int_equal(take(rate, 1, 0), 1);
    for (uint64_t now = 0; now < SECOND; now += MS) change(rate, 1, SECOND, 1, now);
    assert_int_equal(take(rate, 1, SECOND - 1), 0);
    assert_int_equal(take(rate, 1, SECOND), 1);
    weir__rate_release(rate);
}

static void who_waits_keeps_his_place_over_changes(void **state) {
    (void)state;
    struct weir_rate *rate = make(1, 60 * SECOND, 1, 0);
    struct weir__reserved a, b, old;
    assert_int_equal(take(rate, 1, 0), 1);
    assert_int_equal(reserve(rate, 1, 0, &a), 60 * SECOND);
    assert_int_equal(reserve(rate, 1, 0, &b), 120 * SECOND);
    old = b;
    change(rate, 1000, SECOND, 1, 30 * SECOND);
    uint64_t due = weir__rate_due(rate, &a);
    assert_true(due > 30 * SECOND && due <= 30 * SECOND + MS);
    assert_int_equal(weir__rate_due(rate, &b), due + MS);
    change(rate, 1000, SECOND, 1, 30 * SECOND + 1);
    assert_int_equal(weir__rate_use(rate, &a, 1, due), 1);
    assert_int_equal(take(rate, 1, due), 0);
    assert_int_equal(weir__rate_use(rate, &b, 1, due), 0);
    assert_int_equal(weir__rate_use(rate, &b, 1, due + MS), 1);
    for (int i = 0; i < 20; i++) change(rate, 1000, SECOND, 1, due + MS);
    assert_int_equal(weir__rate_use(rate, &old, 1, due + 2 * MS), 0); /* forgotten */
    assert_int_equal(old.count, 0);
    weir__rate_release(rate);
}

static void a_clock_that_has_counted_far_is_set_back(void **state) {
    (void)state;
    uint64_t far = UINT64_C(1) << 61;
    struct weir_rate *rate = make(1, 1, 5, 0);
    struct weir__reserved one;
    assert_int_equal(take(rate, 9, 0), 5);
    assert_int_equal(take(rate, 9, far), 5);
    assert_int_equal(take(rate, 9, far), 0);
    assert_int_equal(reserve(rate, 1, far, &one), far + 1);
    assert_int_equal(take(rate, 9, far + 3), 2);
    weir__rate_release(rate);
}

static void beyond_the_end_of_time_is_never(void **state) {
    (void)state;
    struct weir_rate *rate = make(1, WEIR_RATE_INTERVAL_LIMIT, 1, 0);
    struct weir__reserved one;
    for (int i = 0; i < 300; i++) reserve(rate, 1, 0, &one);
    assert_true(weir__rate_due(rate, &one) == WEIR__RATE_NEVER);
    change(rate, WEIR_RATE_ALLOWED_LIMIT, SECOND, 1, SECOND); /* the base is before time now */
    assert_int_equal(weir__rate_due(rate, &one), SECOND + 299);
    weir__rate_release(rate);
}

/* ---- all windows -------------------------------------------------------------- */

enum { TAKERS = 4, USES = 40000 };

static struct {
    uint64_t at[USES];
    size_t count;
    size_t sum; /* over all plays */
} used;

static void note(uint64_t count, uint64_t now_ns) {
    for (; count > 0 && used.count < USES; count--) used.at[used.count++] = now_ns;
}

/* From each use on, within the interval that begins there. */
static void expect_windows(uint64_t interval_ns, uint64_t most) {
    size_t first = 0;
    for (size_t last = 0; last < used.count; last++) {
        while (used.at[last] - used.at[first] >= interval_ns) first++;
        assert_true(last - first + 1 <= most);
    }
}

struct taker {
    struct weir__reserved reserved;
    uint64_t busy_until;
};

/* In any time no more than come in it, and a burst: to the nanosecond, or, with a burst of more
 * than one, to a millionth of a token. */
static void expect_no_more_than_come(uint64_t allowed, uint64_t interval_ns, uint64_t burst) {
    int64_t most = INT64_MIN;
    for (size_t i = 0; i < used.count; i++) {
        int64_t ahead = (int64_t)((used.at[i] - used.at[0]) * allowed) - (int64_t)(i * interval_ns);
        most = ahead > most ? ahead : most;
        uint64_t slack = burst > 1 ? interval_ns / 1000000 + 2 * allowed : allowed;
        assert_true(ahead + (int64_t)((burst - 1) * interval_ns + slack) >= most);
    }
}

/* As a stage does: what it has reserved, what there is, or a place in line. */
static void do_as_a_stage(struct weir_rate *rate, struct taker *taker, uint64_t most,
                          uint64_t now_ns) {
    uint64_t count = weir__rate_use(rate, &taker->reserved, most, now_ns);
    if (taker->reserved.count == 0) count += take(rate, most - count, now_ns);
    note(count, now_ns);
    if (count == 0 && taker->reserved.count == 0) reserve(rate, most, now_ns, &taker->reserved);
}

static void play_windows(uint64_t seed, bool changes) {
    struct weir__rng rng;
    struct taker takers[TAKERS] = {0};
    weir__rng_seed(&rng, seed);
    uint64_t allowed = 1 + weir__rng_below(&rng, 200);
    uint64_t burst = 1 + weir__rng_below(&rng, 50);
    uint64_t now = weir__rng_below(&rng, SECOND);
    struct weir_rate *rate = make(allowed, SECOND, burst, now);
    uint64_t most = allowed, burst_most = burst;
    used.count = 0;
    for (int i = 0; i < 4000; i++) {
        struct taker *taker = &takers[weir__rng_below(&rng, TAKERS)];
        now += weir__rng_below(&rng, 2 * SECOND / (allowed * TAKERS));
        if (weir__rng_below(&rng, 50) == 0) taker->busy_until = now + 2 * SECOND;
        if (changes && weir__rng_below(&rng, 300) == 0) {
            allowed = 1 + weir__rng_below(&rng, 200);
            burst = 1 + weir__rng_below(&rng, 50);
            most = allowed > most ? allowed : most;
            burst_most = burst > burst_most ? burst : burst_most;
            change(rate, allowed, SECOND, burst, now);
        }
        if (now < taker->busy_until) continue;
        do_as_a_stage(rate, taker, 1 + weir__rng_below(&rng, burst < 7 ? burst : 7), now);
    }
    expect_windows(SECOND, most + burst_most);
    if (!changes && burst > 1) expect_no_more_than_come(allowed, SECOND, burst);
    used.sum += used.count;
    weir__rate_release(rate);
}

static void no_window_has_more_than_allowed_and_burst(void **state) {
    (void)state;
    used.sum = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) play_windows(seed, false);
    assert_true(used.sum > 50000);
}

static void play_takes(uint64_t seed) {
    struct weir__rng rng;
    weir__rng_seed(&rng, seed);
    uint64_t allowed = 1 + weir__rng_below(&rng, 200);
    uint64_t burst = 1 + weir__rng_below(&rng, 3);
    uint64_t now = weir__rng_below(&rng, SECOND);
    struct weir_rate *rate = make(allowed, SECOND, burst, now);
    used.count = 0;
    for (int i = 0; i < 2000; i++) {
        now += weir__rng_below(&rng, 3 * SECOND / allowed);
        uint64_t due = weir__rate_next(rate, now);
        if (weir__rng_below(&rng, 3) == 0) now = due;
        uint64_t count = take(rate, 1 + weir__rng_below(&rng, 5), now);
        assert_true(due <= now ? count > 0 : count == 0 || due - now < SECOND / allowed / 1000000);
        note(count, now);
    }
    expect_no_more_than_come(allowed, SECOND, burst);
    used.sum += used.count;
    weir__rate_release(rate);
}

static void none_has_more_than_come_in_it_and_burst(void **state) {
    (void)state;
    used.sum = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) play_takes(seed);
    assert_true(used.sum > 50000);
}

static void nor_over_changes(void **state) {
    (void)state;
    used.sum = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) play_windows(seed, true);
    assert_true(used.sum > 50000);
}

/* ---- threads -------------------------------------------------------------------- */

enum { THREADS = 3, TAKES = 20000, ALLOWED = 1000000, BURST = 64 };

static struct {
    struct weir_rate *rate;
    uint64_t taken; /* atomic */
    uint32_t over;  /* atomic */
} crowd;

static void take_much(void *unused) {
    (void)unused;
    struct weir__reserved reserved = {0};
    for (int i = 0; i < TAKES; i++) {
        uint64_t now = weir__clock_now_ns();
        uint64_t count = weir__rate_use(crowd.rate, &reserved, 8, now);
        if (reserved.count == 0) count += take(crowd.rate, 8, now);
        if (count == 0 && reserved.count == 0) reserve(crowd.rate, 1, now, &reserved);
        weir__fetch_add_u64(&crowd.taken, count);
    }
}

static void change_much(void *unused) {
    (void)unused;
    while (weir__load_relaxed_u32(&crowd.over) == 0) {
        change(crowd.rate, ALLOWED, SECOND, BURST, weir__clock_now_ns());
        change(crowd.rate, ALLOWED / 1000, MS, BURST, weir__clock_now_ns());
    }
}

static void threads_take_no_more_than_there_is(void **state) {
    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        struct weir__thread threads[THREADS], changer;
        memset(&crowd, 0, sizeof crowd);
        uint64_t began = weir__clock_now_ns();
        crowd.rate = make(ALLOWED, SECOND, BURST, began);
        if (changes) weir__thread_start(&changer, "changer", change_much, NULL);
        for (int i = 0; i < THREADS; i++) weir__thread_start(&threads[i], "taker", take_much, NULL);
        for (int i = 0; i < THREADS; i++) weir__thread_join(&threads[i]);
        weir__store_relaxed_u32(&crowd.over, 1);
        if (changes) weir__thread_join(&changer);
        uint64_t passed = weir__clock_now_ns() - began;
        assert_true(crowd.taken <= passed / (SECOND / ALLOWED) + BURST);
        assert_true(crowd.taken > 0);
        weir__rate_release(crowd.rate);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_comes_at_its_moment),
        cmocka_unit_test(an_idle_rate_is_full_and_no_fuller),
        cmocka_unit_test(nor_is_a_part_of_a_token_saved_up),
        cmocka_unit_test(the_rest_of_a_burst_is_there_at_once),
        cmocka_unit_test(it_keeps_its_pace_for_years),
        cmocka_unit_test(an_idle_rate_is_booked_at_once),
        cmocka_unit_test(who_reserves_has_a_place_in_line),
        cmocka_unit_test(who_comes_late_has_lost_his_place),
        cmocka_unit_test(terms_change_and_nothing_is_lost_or_won),
        cmocka_unit_test(a_clock_goes_on_over_many_changes),
        cmocka_unit_test(who_waits_keeps_his_place_over_changes),
        cmocka_unit_test(a_clock_that_has_counted_far_is_set_back),
        cmocka_unit_test(beyond_the_end_of_time_is_never),
        cmocka_unit_test(no_window_has_more_than_allowed_and_burst),
        cmocka_unit_test(none_has_more_than_come_in_it_and_burst),
        cmocka_unit_test(nor_over_changes),
        cmocka_unit_test(threads_take_no_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
