/*
 * Goal: every status has a name and a sentence of its own; any number is safe.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the public list, then all numbers around it.
 */
#include <weir/status.h>

#include "support/cmocka.h"

#include <string.h>

static void listed_values(void **state) {
    (void)state;
    assert_string_equal(weir_status_text(WEIR_FULL), "no room at present");
    assert_string_equal(weir_status_name(WEIR_FULL), "WEIR_FULL");
#define EXPECT(name, value, text)                             \
    assert_int_equal(WEIR_##name, value);                     \
    assert_string_equal(weir_status_text(WEIR_##name), text); \
    assert_string_equal(weir_status_name(WEIR_##name), "WEIR_" #name);
    WEIR_STATUS_LIST(EXPECT)
#undef EXPECT
}

static void texts_differ(void **state) {
    (void)state;
    static const int values[] = {
#define VALUE(name, value, text) value,
        WEIR_STATUS_LIST(VALUE)
#undef VALUE
    };
    size_t count = sizeof values / sizeof values[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            assert_int_not_equal(values[i], values[j]);
            assert_string_not_equal(weir_status_text((weir_status)values[i]),
                                    weir_status_text((weir_status)values[j]));
        }
    }
}

static void other_values_are_unknown(void **state) {
    (void)state;
    static const int values[] = {INT32_MIN, -1000, -99, 6, 1000, INT32_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_string_equal(weir_status_text((weir_status)values[i]), "unknown status");
        assert_string_equal(weir_status_name((weir_status)values[i]), "unknown status");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_values),
        cmocka_unit_test(texts_differ),
        cmocka_unit_test(other_values_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
