/*
 * What the suites share: see suite.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conformance/suite.h"

#include <stdarg.h>
#include <stdio.h>

void seen_trouble(struct seen *seen, const char *format, ...) {
    if (seen->trouble[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen->trouble, sizeof seen->trouble, format, arguments);
    va_end(arguments);
}

const char *compare_lines(const struct test_case *test, const struct settings *settings,
                          const struct lines *expected, const struct lines *seen) {
    (void)test;
    (void)settings;
    return lines_equal(expected, seen) ? NULL : "effects";
}
