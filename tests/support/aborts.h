/*
 * Code that must abort, or runs short of memory: in a child process, by how that ends.
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

/*
 * Runs code that returns 0 when all is well in a process of its own, with so little room for
 * memory; asserts that it was.  Skips the test where sanitizers need more than that, and where an
 * emulator does not hold a process to it.  It does not return 3.
 */
void test_with_little_memory(int (*code)(void), size_t bytes);

#endif
