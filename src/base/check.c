/*
 * Checks: how a failed one ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void weir__check_failed(const char *file, int line, const char *expression) {
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
    abort();
}
