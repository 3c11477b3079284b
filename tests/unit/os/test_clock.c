/*
 * Goal: the clock never goes back, sleeps are long enough, deadlines do not wrap.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: lower bounds only, so that a slow machine changes nothing.
 */
#include "os/clock.h"

#include "support/cmocka.h"

static void never_goes_back(void **state) {
    (void)state;
    uint64_t last = weir__clock_now_ns();
    assert_true(last > 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = weir__clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void sleeps_as_long_as_asked(void **state) {
    (void)state;
    static const uint64_t lengths[] = {0, 1, 1000000, 3000001};
    for (int i = 0; i < 4; i++) {
        uint64_t before = weir__clock_now_ns();
        weir__clock_sleep_ns(lengths[i]);
        assert_true(weir__clock_now_ns() - before >= lengths[i]);
    }
}

static void deadlines_saturate(void **state) {
    (void)state;
    assert_true(weir__clock_deadline(10, 5) == 15);
    assert_true(weir__clock_deadline(10, 0) == 10);
    assert_true(weir__clock_deadline(10, UINT64_MAX - 11) == UINT64_MAX - 1);
    assert_true(weir__clock_deadline(10, UINT64_MAX - 10) == UINT64_MAX);
    assert_true(weir__clock_deadline(10, UINT64_MAX) == UINT64_MAX);
    assert_true(weir__clock_deadline(UINT64_MAX, 1) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(sleeps_as_long_as_asked),
        cmocka_unit_test(deadlines_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
