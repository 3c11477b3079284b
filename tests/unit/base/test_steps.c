/*
 * Goal: steps follow each other without a gap, each place is in one of them, and what a table has
 * beyond its places is a few of them, or a quarter.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: all places of a table, one after the other; the ends of a large one.
 */
#include "base/steps.h"

#include "support/cmocka.h"

static void each_place_is_in_one_step(void **state) {
    (void)state;
    for (unsigned first = 0; first <= 5; first++) {
        unsigned step = 0;
        assert_int_equal(weir__step_first(0, first), 0);
        for (uint64_t place = 0; place < 100000; place++) {
            if (place == weir__step_first(step + 1, first)) step++;
            assert_int_equal(weir__step_of(place, first), step);
            assert_in_range(place, weir__step_first(step, first),
                            weir__step_first(step + 1, first) - 1);
        }
    }
}

static void little_is_made_in_vain(void **state) {
    (void)state;
    for (uint64_t places = 1; places < 100000; places++) {
        uint64_t made = weir__step_first(weir__step_of(places - 1, 3) + 1, 3);
        assert_in_range(made, places, places + (places < 32 ? 7 : places / 4));
    }
}

static void a_table_ends_with_a_step(void **state) {
    (void)state;
    for (unsigned first = 0; first <= 5; first++) {
        for (unsigned places = first + 2; places < 60; places++) {
            unsigned steps = WEIR__STEPS(first, places);
            assert_true(weir__step_first(steps, first) == UINT64_C(1) << places);
            assert_int_equal(weir__step_of((UINT64_C(1) << places) - 1, first), steps - 1);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_is_in_one_step),
        cmocka_unit_test(little_is_made_in_vain),
        cmocka_unit_test(a_table_ends_with_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
