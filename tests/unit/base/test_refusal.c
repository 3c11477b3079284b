/*
 * Goal: the sentence of a refusal is kept, whole or cut off, for its thread alone.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: refusals of all lengths around the limit; a second thread.
 */
#include "base/refusal.h"

#include "support/cmocka.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static void empty_at_first(void **state) {
    (void)state;
    assert_string_equal(weir_refusal(), "");
}

static void keeps_the_sentence(void **state) {
    (void)state;
    assert_int_equal(weir__refuse(WEIR_INVALID, "%s must be at least %d, got %d", "depth", 1, 0),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(), "depth must be at least 1, got 0");
    assert_int_equal(weir__refuse(WEIR_CLOSED, "closing"), WEIR_CLOSED);
    assert_string_equal(weir_refusal(), "closing");
}

static void others_may_say_one(void **state) {
    (void)state;
    assert_int_equal(weir_refuse(WEIR_NO_MEMORY, "no memory for %d lines", 3), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for 3 lines");
}

static void may_quote_itself(void **state) {
    (void)state;
    weir__refuse(WEIR_INVALID, "no room");
    weir__refuse(WEIR_INIT_STOPPED, "init refused: %s", weir_refusal());
    assert_string_equal(weir_refusal(), "init refused: no room");
}

static void cuts_off_at_the_limit(void **state) {
    (void)state;
    char text[2 * WEIR__REFUSAL_BYTES];
    for (size_t length = WEIR__REFUSAL_BYTES - 3; length < sizeof text; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        weir__refuse(WEIR_INVALID, "%s", text);
        size_t kept = length < WEIR__REFUSAL_BYTES ? length : WEIR__REFUSAL_BYTES - 1;
        assert_int_equal(strlen(weir_refusal()), kept);
        assert_memory_equal(weir_refusal(), text, kept);
    }
}

static void *refuse_elsewhere(void *result) {
    bool *right = result;
    *right = strcmp(weir_refusal(), "") == 0;
    weir__refuse(WEIR_FULL, "elsewhere");
    *right = *right && strcmp(weir_refusal(), "elsewhere") == 0;
    return NULL;
}

static void each_thread_has_its_own(void **state) {
    (void)state;
    weir__refuse(WEIR_INVALID, "here");
    bool right = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, refuse_elsewhere, &right), 0);
    pthread_join(thread, NULL);
    assert_true(right);
    assert_string_equal(weir_refusal(), "here");
}

static void names_are_of_one_line(void **state) {
    (void)state;
    static const struct {
        const char *name;
        long at;
    } cases[] = {{"", -1},          {"plain", -1},   {"\xc3\xbc \xe2\x82\xac ~", -1},
                 {"two\nlines", 3}, {"\033[31m", 0}, {"at end\x7f", 6},
                 {"tab\tand\n", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir__control_in(cases[i].name), cases[i].at);
        assert_int_equal(weir__check_text("of.", "name", cases[i].name),
                         cases[i].at < 0 ? WEIR_OK : WEIR_INVALID);
    }
    assert_string_equal(weir_refusal(),
                        "of.name must have no control characters, got byte 0x09 at 3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_at_first),          cmocka_unit_test(keeps_the_sentence),
        cmocka_unit_test(others_may_say_one),
        cmocka_unit_test(may_quote_itself),        cmocka_unit_test(cuts_off_at_the_limit),
        cmocka_unit_test(each_thread_has_its_own), cmocka_unit_test(names_are_of_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
