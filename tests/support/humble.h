/*
 * A process without rights: what the system refuses, where tests run as root, too.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_HUMBLE_H
#define TESTS_SUPPORT_HUMBLE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a sanitizer takes memory, and has page faults, of its own. */
bool test_is_sanitized(void);

/*
 * Runs code that returns 0 when all is well in a process of its own, which has no rights, no
 * real-time priority, a nice value from 0 on, and may lock so many bytes, if the test itself may.
 * Returns what the code has returned, 0..99; 101: it ended otherwise.  For a process with one
 * thread.  Skips the test where that one may not give up its rights, and under a sanitizer, which
 * needs memory of its own.
 */
int test_humbly(int (*code)(void), size_t may_lock);

#endif
