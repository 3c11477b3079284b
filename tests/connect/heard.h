/*
 * What a runtime has logged: the last lines, which any thread may ask for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * With WEIR_SHOW_LOG in the environment all lines are printed, too.
 */
#ifndef TESTS_CONNECT_HEARD_H
#define TESTS_CONNECT_HEARD_H

#include <stdbool.h>
#include <weir/runtime.h>

/* Nothing was, as yet. */
void heard_begin(void);

/* For weir_runtime_options.log. */
void heard_log(void *context, weir_log_level level, const char *text);

/* For tally_until: whether one of the last 32 lines has this text in it. */
bool heard(void *text);

#endif
