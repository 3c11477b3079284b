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

/* Breaks something and has it checked (WEIR__VERIFY); the checker is to name that equation. */
struct test_breakage {
    void (*code)(void *argument);
    const char *equation;
};

/* Asserts of each that it does, in a process of its own.  For builds that check (WEIR__CHECKED). */
void test_breakages(const struct test_breakage *breakages, size_t count, void *argument);

#define TEST_BREAKAGES(breakages, argument) \
    test_breakages(breakages, sizeof(breakages) / sizeof *(breakages), argument)

#endif
