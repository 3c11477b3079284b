/*
 * Goal: every reason has its word, the program's own "user", others "unknown"; in sentences the
 * program's own can be told apart.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the public list, then numbers at the borders.
 */
#include "base/reason.h"

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

static void in_sentences_the_users_own_have_numbers(void **state) {
    (void)state;
#define EXPECT(name, value, word) \
    assert_string_equal(weir__reason_words(WEIR_REASON_##name).text, word);
    WEIR_REASON_LIST(EXPECT)
#undef EXPECT
    assert_string_equal(weir__reason_words((weir_reason)(WEIR_REASON_USER + 1)).text, "user + 1");
    assert_string_equal(weir__reason_words(WEIR_REASON_MAX).text, "user + 2147483391");
    assert_string_equal(weir__reason_words((weir_reason)(WEIR_REASON_USER - 1)).text, "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_values),
        cmocka_unit_test(users_own),
        cmocka_unit_test(others_are_unknown),
        cmocka_unit_test(in_sentences_the_users_own_have_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
