/*
 * What went wrong: see trouble.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "trouble.h"

#include <stdarg.h>
#include <stdio.h>

static char last[512];

bool trouble(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last, sizeof last, format, arguments);
    va_end(arguments);
    return false;
}

const char *trouble_text(void) {
    return last;
}
