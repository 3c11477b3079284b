/*
 * Serials: each goes to one, and when there are no more nobody gets any.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: numbers begin at 1, are never drawn twice, alone or several at a time, by
 * however many threads; at the end draws get 0 and go on doing so.
 * Method: a source of few numbers; threads that draw from one source at once.
 */
#include "base/serial.h"

#include "os/thread.h"
#include "support/cmocka.h"

#include <stdbool.h>

static void each_is_drawn_once(void **state) {
    (void)state;
    struct weir__serials serials = {.last = 10};
    assert_int_equal(weir__serials_draw(&serials, 1), 1);
    assert_int_equal(weir__serials_draw(&serials, 4), 2);
    assert_int_equal(weir__serials_draw(&serials, 1), 6);
    assert_int_equal(weir__serials_draw(&serials, 4), 7); /* the last ones */
    for (int i = 0; i < 3; i++) assert_int_equal(weir__serials_draw(&serials, 1), 0);
}

/* What is left of them is lost: there are as good as infinitely many. */
static void several_in_a_row_or_none(void **state) {
    (void)state;
    struct weir__serials serials = {.last = 10};
    assert_int_equal(weir__serials_draw(&serials, 8), 1);
    assert_int_equal(weir__serials_draw(&serials, 3), 0);
    assert_int_equal(weir__serials_draw(&serials, 1), 0);
    serials = (struct weir__serials){.last = UINT64_MAX, .used = UINT64_MAX - 2};
    assert_int_equal(weir__serials_draw(&serials, 1), UINT64_MAX - 1);
    assert_int_equal(weir__serials_draw(&serials, 1), UINT64_MAX);
}

static void a_stock_draws_some_at_a_time(void **state) {
    (void)state;
    struct weir__serials serials = {.last = 9};
    struct weir__serial_stock one = {0};
    struct weir__serial_stock other = {0};
    for (uint64_t i = 0; i < 2; i++) {
        for (uint64_t k = 1; k <= 2; k++) {
            assert_int_equal(weir__serial_next(&one, &serials, 2), 4 * i + k);
            assert_int_equal(weir__serial_next(&other, &serials, 2), 4 * i + 2 + k);
        }
    }
    for (int i = 0; i < 3; i++) assert_int_equal(weir__serial_next(&one, &serials, 2), 0);
}

enum { THREADS = 3, EACH = 5000 };

static struct weir__serials many = {.last = THREADS * EACH};
static uint32_t drawn[THREADS * EACH + 1]; /* by number (atomic): how often */

static void draw(void *argument) {
    struct weir__serial_stock stock = {0};
    (void)argument;
    for (int i = 0; i < EACH; i++) {
        weir__fetch_add_u32(&drawn[weir__serial_next(&stock, &many, i % 7 == 0 ? 1 : 5)], 1);
    }
}

static void threads_draw_different_ones(void **state) {
    (void)state;
    struct weir__thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(weir__thread_start(&threads[i], "draws", draw, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) weir__thread_join(&threads[i]);
    for (int i = 1; i <= THREADS * EACH; i++) assert_true(drawn[i] <= 1);
    assert_true(drawn[0] < 5 * THREADS); /* what was left in stocks, somebody else missed */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_drawn_once),
        cmocka_unit_test(several_in_a_row_or_none),
        cmocka_unit_test(a_stock_draws_some_at_a_time),
        cmocka_unit_test(threads_draw_different_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
