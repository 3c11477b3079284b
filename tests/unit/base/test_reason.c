/*
 * Goal: every reason has its word, the program's own "user", others "unknown".
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the public list, then numbers at the borders.
 */
#include <weir/types.h>

#include "support/cmocka.h"

static const char *text_of(int64_t value) {
    return weir_reason_text((weir_reason)value);
}

static void listed_values(void **state) {
    (void)state;
#define EXPECT(name, value, text) assert_string_equal(weir_reason_text(WEIR_REASON_##name), text);
    WEIR_REASON_LIST(EXPECT)
#undef EXPECT
}

static void users_own(void **state) {
    (void)state;
    assert_string_equal(text_of(WEIR_REASON_USER), "user");
    assert_string_equal(text_of(WEIR_REASON_USER + 1), "user");
    assert_string_equal(text_of(WEIR_REASON_MAX), "user");
}

static void others_are_unknown(void **state) {
    (void)state;
    assert_string_equal(text_of(WEIR_REASON_USER / 2), "unknown");
    assert_string_equal(text_of(WEIR_REASON_USER - 1), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_values),
        cmocka_unit_test(users_own),
        cmocka_unit_test(others_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
