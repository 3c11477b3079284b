/*
 * Goal: the library says at run time what the headers said when it was compiled.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: number and text, beside the macros and beside each other.
 */
#include <weir/version.h>

#include "support/cmocka.h"

#include <stdio.h>

static void the_library_has_the_version_of_its_headers(void **state) {
    (void)state;
    char text[32];
    unsigned version = weir_version();
    assert_int_equal(version, WEIR_VERSION);
    assert_string_equal(weir_version_text(), WEIR_VERSION_TEXT);
    snprintf(text, sizeof text, "%u.%u.%u", version / 10000, version / 100 % 100, version % 100);
    assert_string_equal(weir_version_text(), text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_has_the_version_of_its_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
