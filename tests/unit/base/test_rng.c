/*
 * Goal: the generators are the published ones, and `below` favours no number.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: known first outputs; counts of many draws against a wide bound (eight
 * standard deviations; the seed is fixed, so it holds always or never).
 */
#include "base/rng.h"

#include "support/cmocka.h"

static void known_outputs(void **state) {
    (void)state;
    uint64_t mixer = 0;
    assert_true(weir__rng_splitmix(&mixer) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(weir__rng_splitmix(&mixer) == UINT64_C(0x6e789e6aa1b965f4));

    struct weir__rng rng = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (int i = 0; i < 4; i++) assert_true(weir__rng_next(&rng) == expected[i]);
}

static void same_seed_same_numbers(void **state) {
    (void)state;
    struct weir__rng one, same, other;
    weir__rng_seed(&one, 42);
    weir__rng_seed(&same, 42);
    weir__rng_seed(&other, 43);
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = weir__rng_next(&one);
        assert_true(weir__rng_next(&same) == drawn);
        assert_true(weir__rng_next(&other) != drawn);
    }
}

static void below_stays_below(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 1);
    assert_true(weir__rng_below(&rng, 0) == 0);
    for (uint64_t bound = 1; bound != 0; bound *= 3) {
        for (int i = 0; i < 100; i++) assert_true(weir__rng_below(&rng, bound) < bound);
        if (bound > UINT64_MAX / 3) break;
    }
    for (int i = 0; i < 100; i++) assert_true(weir__rng_below(&rng, UINT64_MAX) < UINT64_MAX);
}

static void below_is_even(void **state) {
    (void)state;
    enum { BOUND = 7, DRAWS = 700000 };
    struct weir__rng rng;
    weir__rng_seed(&rng, 2);
    int64_t counts[BOUND] = {0};
    for (int i = 0; i < DRAWS; i++) counts[weir__rng_below(&rng, BOUND)]++;
    /* the deviation of a count is the root of n p (1 - p), about 293 */
    for (int i = 0; i < BOUND; i++) assert_in_range(counts[i], 100000 - 2344, 100000 + 2344);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_outputs),
        cmocka_unit_test(same_seed_same_numbers),
        cmocka_unit_test(below_stays_below),
        cmocka_unit_test(below_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
