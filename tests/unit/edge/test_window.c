/*
 * The demand window: batches and asks, row by row and against its equations.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a consumer's arithmetic of max_demand and min_demand is GenStage's.
 * Method: rows worked out by hand; then many windows fed with random messages,
 * where after each batch the demand must add up and stay within its bounds.
 */
#include "edge/window.h"

#include "base/rng.h"
#include "support/aborts.h"
#include "support/cmocka.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void opening_asks_for_max(void **state) {
    (void)state;
    struct weir__window window;
    weir__window_open(&window, 1000, 500);
    assert_int_equal(window.max, 1000);
    assert_int_equal(window.min, 500);
    assert_int_equal(window.outstanding, 1000);
}

struct row {
    uint64_t max;
    uint64_t min;
    uint64_t before; /* outstanding when the message arrives */
    uint64_t message;
    uint64_t batches[6]; /* sizes, to the first 0      */
    uint64_t asks[6];    /* after each of them         */
    uint64_t excess;
    uint64_t after;
};

static const struct row rows[] = {
    {1000, 500, 1000, 1000, {500, 500}, {500, 500}, 0, 1000},
    {1000, 500, 1000, 700, {500, 200}, {500, 0}, 0, 800},
    {1000, 750, 900, 100, {100}, {0}, 0, 800},
    {1000, 750, 800, 100, {100}, {300}, 0, 1000},
    {100, 80, 100, 100, {20, 20, 20, 20, 20}, {20, 20, 20, 20, 20}, 0, 100},
    {10, 0, 10, 10, {10}, {10}, 0, 10},
    {10, 5, 10, 7, {5, 2}, {5, 0}, 0, 8},
    {10, 7, 8, 3, {3}, {5}, 0, 10},
    {1, 0, 1, 1, {1}, {1}, 0, 1},
    {10, 5, 10, 0, {0}, {0}, 0, 10},
    {10, 5, 10, 4, {4}, {0}, 0, 6},  /* one above min: not yet */
    {10, 5, 10, 5, {5}, {5}, 0, 10}, /* min itself asks        */
    {10, 5, 6, 8, {5, 3}, {9, 0}, 2, 9},
    {10, 5, 10, 30, {5, 5, 5, 5, 5, 5}, {5, 5, 0, 0, 0, 0}, 20, 10},
    {1000000000, 999999999, 1000000000, 2, {1, 1}, {1, 1}, 0, 1000000000},
};

static void messages_are_cut_as_worked_out(void **state) {
    (void)state;
    for (size_t r = 0; r < LENGTH(rows); r++) {
        const struct row *row = &rows[r];
        struct weir__window window;
        weir__window_open(&window, row->max, row->min);
        window.outstanding = row->before;
        weir__window_message(&window);
        uint64_t excess = 0;
        uint64_t left = row->message;
        size_t batches = 0;
        for (; left > 0; batches++) {
            assert_true(batches < LENGTH(row->batches));
            uint64_t batch = weir__window_batch(&window, left);
            assert_int_equal(batch, row->batches[batches]);
            assert_int_equal(weir__window_take(&window, batch, &excess), row->asks[batches]);
            left -= batch;
        }
        assert_true(batches == LENGTH(row->batches) || row->batches[batches] == 0);
        assert_int_equal(excess, row->excess);
        assert_int_equal(window.outstanding, row->after);
    }
}

static void what_is_asked_meanwhile_excuses_no_surplus(void **state) {
    (void)state;
    struct weir__window window;
    weir__window_open(&window, 4, 2);
    uint64_t excess = 7; /* added to, not set */
    weir__window_message(&window);
    assert_int_equal(weir__window_take(&window, 2, &excess), 2);
    assert_int_equal(weir__window_take(&window, 2, &excess), 2);
    assert_int_equal(excess, 7);
    assert_int_equal(weir__window_take(&window, 2, &excess), 0);
    assert_int_equal(excess, 9);
    weir__window_message(&window); /* the next message has the new demand */
    assert_int_equal(weir__window_take(&window, 2, &excess), 2);
    assert_int_equal(excess, 9);
}

static void demand_adds_up_whatever_arrives(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 1);
    for (int round = 0; round < 2000; round++) {
        struct weir__window window;
        uint64_t max = 1 + weir__rng_below(&rng, 50);
        uint64_t min = weir__rng_below(&rng, max);
        weir__window_open(&window, max, min);
        uint64_t asked = max;
        uint64_t received = 0;
        uint64_t excess = 0;
        for (int message = 0; message < 20; message++) {
            uint64_t left = weir__rng_below(&rng, 2 * max + 1);
            weir__window_message(&window);
            while (left > 0) {
                uint64_t batch = weir__window_batch(&window, left);
                assert_in_range(batch, 1, max - min);
                asked += weir__window_take(&window, batch, &excess);
                received += batch;
                left -= batch;
                assert_in_range(window.outstanding, min + 1, max);
                assert_true(window.covered <= window.outstanding);
                assert_int_equal(asked, received - excess + window.outstanding);
            }
        }
    }
}

static void a_producer_within_the_demand_never_exceeds_it(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 2);
    for (int round = 0; round < 2000; round++) {
        struct weir__window window;
        uint64_t max = 1 + weir__rng_below(&rng, 30);
        weir__window_open(&window, max, weir__rng_below(&rng, max));
        uint64_t open = max; /* as the producer sees it */
        uint64_t excess = 0;
        for (int message = 0; message < 20; message++) {
            uint64_t left = 1 + weir__rng_below(&rng, open);
            open -= left;
            weir__window_message(&window);
            while (left > 0) {
                uint64_t batch = weir__window_batch(&window, left);
                open += weir__window_take(&window, batch, &excess);
                left -= batch;
            }
            assert_int_equal(open, window.outstanding);
        }
        assert_int_equal(excess, 0);
    }
}

static void ask_too_much(void *argument) {
    struct weir__window *window = argument;
    window->outstanding = window->max + 1;
    WEIR__VERIFY(weir__window_check(window));
}

static void ask_too_late(void *argument) {
    struct weir__window *window = argument;
    window->outstanding = window->min;
    weir__window_message(window); /* who looks first */
}

static void cover_too_much(void *argument) {
    struct weir__window *window = argument;
    uint64_t excess = 0;
    window->covered = window->outstanding + 1;
    weir__window_take(window, 1, &excess);
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {ask_too_much, "window->outstanding <= window->max"},
        {ask_too_late, "window->min < window->outstanding"},
        {cover_too_much, "window->covered <= window->outstanding"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    struct weir__window window;
    weir__window_open(&window, 10, 5);
    TEST_BREAKAGES(breakages, &window);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_asks_for_max),
        cmocka_unit_test(messages_are_cut_as_worked_out),
        cmocka_unit_test(what_is_asked_meanwhile_excuses_no_surplus),
        cmocka_unit_test(demand_adds_up_whatever_arrives),
        cmocka_unit_test(a_producer_within_the_demand_never_exceeds_it),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
