/*
 * `weir stat`: a look as tables.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_STAT_H
#define TOOL_STAT_H

#include "look.h"

#include <stdio.h>

void stat_print(FILE *out, const struct look *look);

#endif
