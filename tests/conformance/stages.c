/*
 * Suite "stages": whole running stages.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Recognises its cases; they are skipped until there is a runtime to run them.
 */
#include "conformance/suite.h"

static bool recognises(const struct test_case *test) {
    return case_setup(test, "stage") != NULL;
}

static const char *skips(const struct test_case *test) {
    (void)test;
    return "there is no runtime yet";
}

const struct suite stages_suite = {"stages", recognises, skips, NULL, NULL, compare_lines};
