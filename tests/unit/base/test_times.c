/*
 * Times: classes that cover all of them, and shares out of the classes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each time is in the one class that begins at or below it and ends above it, and no
 * class but the first and the last is wider than a quarter of where it begins; the share of so
 * many times is the time below which they are, known to the class.
 * Method: each class's borders; times whose order is known, one by one and many at once.
 */
#include "support/cmocka.h"

#include "base/times.h"

#include <string.h>

static void classes_meet_at_their_borders(void **state) {
    (void)state;
    assert_int_equal(weir_times_begin(0), 0);
    assert_int_equal(weir_times_class(0), 0);
    for (unsigned i = 1; i < WEIR_TIMES_CLASSES; i++) {
        uint64_t begin = weir_times_begin(i);
        assert_int_equal(weir_times_class(begin), i);
        assert_int_equal(weir_times_class(begin - 1), i - 1);
    }
    assert_int_equal(weir_times_begin(WEIR_TIMES_CLASSES), UINT64_MAX);
    assert_int_equal(weir_times_class(UINT64_MAX), WEIR_TIMES_CLASSES - 1);
}

static void classes_are_a_quarter_wide(void **state) {
    (void)state;
    assert_int_equal(weir_times_begin(1), 80);
    assert_int_equal(weir_times_begin(4), 128);
    for (unsigned i = 1; i + 1 < WEIR_TIMES_CLASSES; i++) {
        uint64_t begin = weir_times_begin(i);
        uint64_t wide = weir_times_begin(i + 1) - begin;
        assert_true(wide <= begin / 4 && wide > begin / 8);
    }
}

static void what_is_added_is_counted(void **state) {
    (void)state;
    weir_counters_times times;
    memset(&times, 0, sizeof times);
    const uint64_t all[] = {0, 79, 80, 1000, 1000, 1000000000};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) weir__times_add(&times, all[i]);
    assert_int_equal(times.count, 6);
    assert_int_equal(times.most, 1000000000);
    assert_int_equal(times.sum, 1000002159);
    assert_int_equal(times.classes[0], 2);
    assert_int_equal(times.classes[1], 1);
    assert_int_equal(times.classes[weir_times_class(1000)], 2);
    assert_int_equal(times.classes[weir_times_class(1000000000)], 1);
}

/* 1,000 times, each by itself: a share is off by its class at most. */
static void a_share_is_where_it_should_be(void **state) {
    (void)state;
    weir_counters_times times;
    memset(&times, 0, sizeof times);
    for (uint64_t i = 1; i <= 1000; i++) weir__times_add(&times, i * 1000);
    const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++) {
        double right = shares[i] * 1e6;
        double found = (double)weir_times_share(&times, shares[i]);
        assert_true(found >= right * 0.8 && found <= right * 1.25);
    }
    assert_int_equal(weir_times_share(&times, 1), 1000000);
    assert_int_equal(weir_times_share(&times, 7), 1000000);
    assert_true(weir_times_share(&times, -1) <= 1000);
}

static void none_is_no_time(void **state) {
    (void)state;
    weir_counters_times times;
    memset(&times, 0, sizeof times);
    assert_int_equal(weir_times_share(&times, 0.5), 0);
    assert_int_equal(weir_times_share(&times, 1), 0);
    weir__times_add(&times, 100);
    assert_int_equal(weir_times_share(&times, 1), 100); /* the longest, not the class's end */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_meet_at_their_borders),
        cmocka_unit_test(classes_are_a_quarter_wide),
        cmocka_unit_test(what_is_added_is_counted),
        cmocka_unit_test(a_share_is_where_it_should_be),
        cmocka_unit_test(none_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
