/*
 * Code that must abort: runs it in a child process and looks at how that ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_ABORTS_H
#define TESTS_SUPPORT_ABORTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True when `code` aborts.  What it said on stderr, cut off where it is too long,
 * is in `said` (unless NULL).  For a process with one thread.
 */
bool test_aborts(void (*code)(void *argument), void *argument, char *said, size_t bytes);

#endif
