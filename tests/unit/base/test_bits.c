/*
 * Goal: rounding to powers of two is right everywhere, at the ends too.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: every small value against a loop; the neighbours of every power.
 */
#include "base/bits.h"

#include "support/cmocka.h"

static unsigned slow_log2_up(uint64_t value) {
    unsigned exponent = 0;
    while (exponent < 64 && ((uint64_t)1 << exponent) < value) exponent++;
    return exponent;
}

static void check_value(uint64_t value) {
    unsigned exponent = slow_log2_up(value);
    uint64_t power = exponent == 64 ? 0 : (uint64_t)1 << exponent;
    assert_int_equal(weir__log2_up_u64(value), exponent);
    assert_int_equal(weir__round_up_power_of_two_u64(value), power);
    assert_int_equal(weir__is_power_of_two_u64(value), value != 0 && power == value);
    if (value <= UINT32_MAX) {
        uint32_t narrow = (uint32_t)value;
        assert_int_equal(weir__round_up_power_of_two_u32(narrow), (uint32_t)power);
        assert_int_equal(weir__is_power_of_two_u32(narrow), value != 0 && power == value);
    }
}

static void small_values(void **state) {
    (void)state;
    for (uint64_t value = 0; value < 5000; value++) check_value(value);
}

static void neighbours_of_powers(void **state) {
    (void)state;
    for (unsigned exponent = 0; exponent < 64; exponent++) {
        uint64_t power = (uint64_t)1 << exponent;
        check_value(power - 1);
        check_value(power);
        check_value(power + 1);
    }
    check_value(UINT64_MAX);
}

static void what_does_not_fit_is_0(void **state) {
    (void)state;
    assert_int_equal(weir__round_up_power_of_two_u32((UINT32_C(1) << 31) + 1), 0);
    assert_int_equal(weir__round_up_power_of_two_u64((UINT64_C(1) << 63) + 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values),
        cmocka_unit_test(neighbours_of_powers),
        cmocka_unit_test(what_does_not_fit_is_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
