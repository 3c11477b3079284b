/*
 * Reads a corpus: a file of cases, each a setup and operations with effects.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CONFORMANCE_READER_H
#define TESTS_CONFORMANCE_READER_H

#include "conformance/lines.h"

struct operation {
    char *line;           /* without the leading "> " */
    struct lines effects; /* without the leading "= " */
};

struct test_case {
    char *name;
    struct lines setup;
    struct operation *operations;
    size_t count;
};

struct corpus {
    struct test_case *cases;
    size_t count;
};

/* Reads the file.  false: it could not be, or is no corpus; said on stderr. */
bool corpus_read(const char *path, struct corpus *corpus);
void corpus_free(struct corpus *corpus);

/* The setup line whose first word is this one, or NULL. */
const char *case_setup(const struct test_case *test, const char *first_word);

#endif
