/*
 * Back-off: exact delays, exact bounds, and nothing overflows.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the delay is first * factor^(failures - 1), most at most, and jitter takes off the share
 * it says and no more; with whatever it is called it stays within most_ns; and options that make
 * no sense are refused with the option's name, its value and what is allowed.
 * Method: delays worked out by hand; both ends of the random numbers, and many between; extremes
 * of each field with each other.
 */
#include "support/cmocka.h"

#include "base/backoff.h"
#include "base/rng.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>

#define MS UINT64_C(1000000)

/* ---- without jitter -------------------------------------------------------- */

static void no_first_delay_is_no_delay(void **state) {
    (void)state;
    const weir_backoff none = {0};
    for (unsigned failures = 0; failures < 70; failures++) {
        assert_int_equal(weir_backoff_delay(&none, failures, UINT64_MAX), 0);
    }
    const weir_backoff some = {.first_ns = 5};
    assert_int_equal(weir_backoff_delay(&some, 0, 7), 0);
    assert_int_equal(weir_backoff_delay(&some, 1, 7), 5);
}

static void it_doubles_up_to_the_most(void **state) {
    (void)state;
    const weir_backoff backoff = {.first_ns = 100 * MS, .most_ns = 1000 * MS};
    const uint64_t all[] = {100, 200, 400, 800, 1000, 1000, 1000};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(weir_backoff_delay(&backoff, i + 1, UINT64_MAX), all[i] * MS);
    }
    assert_int_equal(weir_backoff_delay(&backoff, UINT_MAX, 0), 1000 * MS);
}

static void any_factor_will_do(void **state) {
    (void)state;
    const weir_backoff tens = {.first_ns = 3, .most_ns = WEIR_BACKOFF_MOST_LIMIT, .factor = 10};
    uint64_t expected = 3;
    for (unsigned failures = 1; failures <= 16; failures++, expected *= 10) {
        assert_int_equal(weir_backoff_delay(&tens, failures, 0), expected);
    }
    const weir_backoff half = {.first_ns = 1000, .factor = 1.5};
    assert_int_equal(weir_backoff_delay(&half, 2, 0), 1500);
    assert_int_equal(weir_backoff_delay(&half, 3, 0), 2250);
    assert_int_equal(weir_backoff_delay(&half, 4, 0), 3375);
    const weir_backoff same = {
        .first_ns = 999999999999999999u, .most_ns = WEIR_BACKOFF_MOST_LIMIT, .factor = 1};
    assert_int_equal(weir_backoff_delay(&same, 1, 0), 999999999999999999u);
    assert_int_equal(weir_backoff_delay(&same, UINT_MAX, 0), 999999999999999999u);
}

static void the_most_is_a_minute_or_the_first(void **state) {
    (void)state;
    const weir_backoff usual = {.first_ns = 1};
    assert_int_equal(weir_backoff_delay(&usual, 36, 0), UINT64_C(1) << 35);
    assert_int_equal(weir_backoff_delay(&usual, 37, 0), WEIR_BACKOFF_MOST_DEFAULT);
    const weir_backoff longer = {.first_ns = 2 * WEIR_BACKOFF_MOST_DEFAULT};
    assert_int_equal(weir_backoff_delay(&longer, 1, 0), 2 * WEIR_BACKOFF_MOST_DEFAULT);
    assert_int_equal(weir_backoff_delay(&longer, 2, 0), 2 * WEIR_BACKOFF_MOST_DEFAULT);
}

/* ---- jitter ---------------------------------------------------------------- */

static void jitter_takes_off_its_share_and_no_more(void **state) {
    (void)state;
    const weir_backoff backoff = {.first_ns = 1000, .jitter = 0.25};
    assert_int_equal(weir_backoff_delay(&backoff, 1, 0), 1000);
    assert_int_equal(weir_backoff_delay(&backoff, 1, UINT64_MAX), 750);
    assert_int_equal(weir_backoff_delay(&backoff, 2, UINT64_MAX), 1500);
    const weir_backoff all = {.first_ns = 1000, .jitter = 1};
    assert_int_equal(weir_backoff_delay(&all, 1, 0), 1000);
    assert_int_equal(weir_backoff_delay(&all, 1, UINT64_MAX), 0);
}

/* 0..4 off, so each of five delays a fifth of the time. */
static void each_delay_is_as_likely(void **state) {
    (void)state;
    const weir_backoff backoff = {.first_ns = 10, .jitter = 0.4};
    unsigned seen[11] = {0};
    struct weir__rng rng;
    weir__rng_seed(&rng, 14);
    for (int i = 0; i < 100000; i++) {
        uint64_t delay = weir_backoff_delay(&backoff, 1, weir__rng_next(&rng));
        assert_in_range(delay, 6, 10);
        seen[delay]++;
    }
    for (int i = 6; i <= 10; i++) {
        assert_in_range(seen[i], 19000, 21000);
    }
    const uint64_t fifth = UINT64_MAX / 5; /* where 0 off becomes 1 off, exactly */
    assert_int_equal(weir_backoff_delay(&backoff, 1, fifth), 10);
    assert_int_equal(weir_backoff_delay(&backoff, 1, fifth + 1), 9);
}

static void the_same_chance_gives_the_same_delay(void **state) {
    (void)state;
    const weir_backoff backoff = {.first_ns = 12345678, .jitter = 0.5};
    uint64_t delay = weir_backoff_delay(&backoff, 3, UINT64_C(0x0123456789abcdef));
    assert_int_equal(weir_backoff_delay(&backoff, 3, UINT64_C(0x0123456789abcdef)), delay);
}

/* ---- whatever is given ----------------------------------------------------- */

static void nothing_overflows(void **state) {
    (void)state;
    const uint64_t times[] = {0,
                              1,
                              2,
                              (UINT64_C(1) << 53) + 1,
                              UINT64_C(1) << 63,
                              (UINT64_C(1) << 63) + 1025,
                              UINT64_MAX - 1024,
                              UINT64_MAX};
    const double shares[] = {
        0,   -1,       0.5,       1,       1 + DBL_EPSILON, 2,     1e300, DBL_MAX,
        NAN, INFINITY, -INFINITY, DBL_MIN, 1 - DBL_EPSILON, 1e-300};
    const unsigned failures[] = {0, 1, 2, 3, 63, 64, 65, 1024, INT_MAX, UINT_MAX};
    const uint64_t chances[] = {0, 1, UINT64_C(1) << 32, UINT64_MAX - 1, UINT64_MAX};
    enum { TIMES = sizeof times / sizeof *times, SHARES = sizeof shares / sizeof *shares };
    enum { FAILURES = sizeof failures / sizeof *failures };
    enum { CHANCES = sizeof chances / sizeof *chances };
    for (unsigned n = 0; n < TIMES * TIMES * SHARES * SHARES; n++) {
        const weir_backoff backoff = {.first_ns = times[n % TIMES],
                                      .most_ns = times[n / TIMES % TIMES],
                                      .factor = shares[n / TIMES / TIMES % SHARES],
                                      .jitter = shares[n / TIMES / TIMES / SHARES]};
        const uint64_t first = backoff.first_ns;
        const uint64_t usual =
            first > WEIR_BACKOFF_MOST_DEFAULT ? first : WEIR_BACKOFF_MOST_DEFAULT;
        const uint64_t most = backoff.most_ns == 0 ? usual : backoff.most_ns;
        for (unsigned i = 0; i < FAILURES; i++) {
            uint64_t whole = weir_backoff_delay(&backoff, failures[i], 0);
            assert_true(whole <= most);
            for (unsigned j = 1; j < CHANCES; j++) {
                assert_true(weir_backoff_delay(&backoff, failures[i], chances[j]) <= whole);
            }
        }
    }
}

static void it_never_shrinks_with_failures(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 15);
    for (int i = 0; i < 2000; i++) {
        const weir_backoff backoff = {.first_ns = weir__rng_next(&rng) >> weir__rng_below(&rng, 64),
                                      .most_ns = weir__rng_next(&rng) >> weir__rng_below(&rng, 64),
                                      .factor = 1 + (double)weir__rng_below(&rng, 4000) / 1000};
        uint64_t before = 0;
        for (unsigned failures = 0; failures < 100; failures++) {
            uint64_t delay = weir_backoff_delay(&backoff, failures, 0);
            assert_true(delay >= before);
            before = delay;
        }
    }
}

static void nothing_given_is_refused(void **state) {
    (void)state;
    assert_int_equal(weir_backoff_delay(NULL, 1, 0), 0);
    assert_string_equal(weir_refusal(), "backoff must not be NULL");
}

/* ---- the checker ----------------------------------------------------------- */

static void expect_refused(weir_backoff backoff, const char *sentence) {
    assert_int_equal(weir__backoff_check(&backoff, "restart_delay"), WEIR_INVALID);
    assert_string_equal(weir_refusal(), sentence);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    expect_refused((weir_backoff){.first_ns = WEIR_BACKOFF_MOST_LIMIT + 1},
                   "restart_delay.first_ns must be at most 1000000000000000000, got "
                   "1000000000000000001");
    expect_refused((weir_backoff){.first_ns = 1, .most_ns = UINT64_MAX},
                   "restart_delay.most_ns must be at most 1000000000000000000, got "
                   "18446744073709551615");
    expect_refused((weir_backoff){.first_ns = 10, .most_ns = 9},
                   "restart_delay.most_ns must be at least first_ns, which is 10, got 9");
    expect_refused((weir_backoff){.jitter = 0.5},
                   "restart_delay.first_ns must be set where most_ns, factor or jitter is: "
                   "without it there is no delay");
    expect_refused((weir_backoff){.first_ns = 1, .factor = 0.5},
                   "restart_delay.factor must be at least 1, got 0.5");
    expect_refused((weir_backoff){.first_ns = 1, .factor = 1001},
                   "restart_delay.factor must be at most 1000, got 1001");
    expect_refused((weir_backoff){.first_ns = 1, .factor = INFINITY},
                   "restart_delay.factor must be at most 1000, got inf");
    expect_refused((weir_backoff){.first_ns = 1, .jitter = -0.25},
                   "restart_delay.jitter must be at least 0, got -0.25");
    expect_refused((weir_backoff){.first_ns = 1, .jitter = 1.5},
                   "restart_delay.jitter must be at most 1, got 1.5");
    const weir_backoff not_numbers = {.first_ns = 1, .factor = NAN};
    assert_int_equal(weir__backoff_check(&not_numbers, "retry"), WEIR_INVALID);
    const weir_backoff no_jitter = {.first_ns = 1, .jitter = NAN};
    assert_int_equal(weir__backoff_check(&no_jitter, "retry"), WEIR_INVALID);
    const weir_backoff later = {.reserved = {0, 1}};
    assert_int_equal(weir__backoff_check(&later, "retry"), WEIR_INVALID);
}

static void what_makes_sense_is_taken(void **state) {
    (void)state;
    const weir_backoff all[] = {
        {0},
        {.first_ns = 1},
        {.first_ns = WEIR_BACKOFF_MOST_LIMIT, .most_ns = WEIR_BACKOFF_MOST_LIMIT},
        {.first_ns = 1, .most_ns = 1, .factor = 1, .jitter = 1},
        {.first_ns = 1, .factor = WEIR_BACKOFF_FACTOR_LIMIT},
    };
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(weir__backoff_check(&all[i], "restart_delay"), WEIR_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_first_delay_is_no_delay),
        cmocka_unit_test(it_doubles_up_to_the_most),
        cmocka_unit_test(any_factor_will_do),
        cmocka_unit_test(the_most_is_a_minute_or_the_first),
        cmocka_unit_test(jitter_takes_off_its_share_and_no_more),
        cmocka_unit_test(each_delay_is_as_likely),
        cmocka_unit_test(the_same_chance_gives_the_same_delay),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(it_never_shrinks_with_failures),
        cmocka_unit_test(nothing_given_is_refused),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(what_makes_sense_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
