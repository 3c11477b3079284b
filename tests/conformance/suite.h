/*
 * A suite: how one kind of case is recognised, run and compared.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A suite runs a case in several variants (blocks cut differently, one worker
 * or several, other seeds), all of which must agree with what was recorded.
 */
#ifndef TESTS_CONFORMANCE_SUITE_H
#define TESTS_CONFORMANCE_SUITE_H

#include "conformance/reader.h"

/* What the command line asks for. */
struct settings {
    unsigned threads; /* stages: real workers; 0: stepped and simulated only */
    unsigned seeds;   /* stages: simulated runs                              */
    uint64_t seed;    /* stages: the first simulated run's                   */
    bool unmerged;    /* stages: compare at the `unmerged` level             */
    const char *only; /* the one case to run, or NULL: all                   */
    bool trace;       /* print every case as seen, in the corpus format      */
};

struct seen {
    struct lines *effects; /* one list for each operation          */
    char trouble[512];     /* "" or what went wrong otherwise      */
    char variant[64];      /* which run this was                   */
};

struct suite {
    const char *name;
    bool (*recognises)(const struct test_case *test);

    /* NULL where all can be run; it returns NULL, or why a case cannot be run yet ("the
     * broadcast dispatcher is not built"). */
    const char *(*skips)(const struct test_case *test);

    size_t (*variants)(const struct test_case *test, const struct settings *settings);
    void (*run)(const struct test_case *test, const struct settings *settings, size_t variant,
                struct seen *seen);

    /* NULL: the operation's effects agree; else what differs. */
    const char *(*compare)(const struct test_case *test, const struct settings *settings,
                           const struct lines *expected, const struct lines *seen);
};

extern const struct suite batches_suite;
extern const struct suite buffer_suite;
extern const struct suite dispatchers_suite;
extern const struct suite stages_suite;

/* Notes what went wrong, unless something did before. */
void seen_trouble(struct seen *seen, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For suites that are compared line by line. */
const char *compare_lines(const struct test_case *test, const struct settings *settings,
                          const struct lines *expected, const struct lines *seen);

#endif
