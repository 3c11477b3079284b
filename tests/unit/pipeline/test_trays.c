/*
 * Trays: places that are given out side by side.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each place is given out once until it is given back; all of them can be; those of a tray
 * come in a row; a steady flow goes round in as many trays as it ever needed.
 * Method: the table beside a plain list of who has what, by lot.
 */
#include "base/rng.h"
#include "pipeline/trays.h"
#include "support/cmocka.h"

enum { PLACES = 64 * 5 + 7 };

static struct weir__tray table[6];

static struct weir__trays open_trays(void) {
    return (struct weir__trays){.all = table, .most = PLACES};
}

static void all_are_given_out_in_a_row(void **state) {
    (void)state;
    struct weir__trays trays = open_trays();
    uint32_t place;
    assert_int_equal(weir__trays_of(PLACES), 6);
    for (uint32_t i = 0; i < PLACES; i++) {
        assert_true(weir__trays_take(&trays, &place));
        assert_int_equal(place, i);
    }
    assert_false(weir__trays_take(&trays, &place));
    weir__trays_give(&trays, 70);
    weir__trays_give(&trays, PLACES - 1);
    assert_true(weir__trays_take(&trays, &place));
    assert_int_equal(place, PLACES - 1); /* the open tray's */
    assert_true(weir__trays_take(&trays, &place));
    assert_int_equal(place, 70);
    assert_false(weir__trays_take(&trays, &place));
}

static void a_flow_goes_round(void **state) {
    (void)state;
    struct weir__trays trays = open_trays();
    uint32_t out[100];
    for (uint32_t i = 0; i < 100; i++) assert_true(weir__trays_take(&trays, &out[i]));
    for (uint32_t i = 0; i < 10000; i++) {
        weir__trays_give(&trays, out[i % 100]);
        assert_true(weir__trays_take(&trays, &out[i % 100]));
    }
    assert_true(trays.begun <= 128);
}

static void by_lot(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct weir__trays trays = open_trays();
        bool has[PLACES] = {false};
        uint32_t count = 0;
        struct weir__rng rng;
        weir__rng_seed(&rng, seed);
        for (int i = 0; i < 5000; i++) {
            uint32_t place = (uint32_t)weir__rng_below(&rng, PLACES);
            if (has[place]) {
                weir__trays_give(&trays, place);
                has[place] = false;
                count--;
            } else if (weir__trays_take(&trays, &place)) {
                assert_false(has[place]);
                has[place] = true;
                count++;
            } else {
                assert_int_equal(count, PLACES);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_given_out_in_a_row),
        cmocka_unit_test(a_flow_goes_round),
        cmocka_unit_test(by_lot),
    };
    return cmocka_run_group_tests_name("trays", tests, NULL, NULL);
}
