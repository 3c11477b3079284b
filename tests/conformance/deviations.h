/*
 * The list of deliberate deviations: which cases of which corpus may differ.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It is read from the page that explains them, so that page and tests cannot
 * disagree.  What counts there: a heading that ends with the name of a corpus,
 * "## stages.txt", and under it table rows that begin with a case's name in
 * backquotes, "| `case_name` | ...".
 */
#ifndef TESTS_CONFORMANCE_DEVIATIONS_H
#define TESTS_CONFORMANCE_DEVIATIONS_H

#include "conformance/lines.h"

struct deviations {
    struct lines corpora; /* the corpus of the case of the same index */
    struct lines cases;
};

/* false: the file could not be read; said on stderr. */
bool deviations_read(const char *path, struct deviations *deviations);
void deviations_free(struct deviations *deviations);

/* corpus: a path; its last part is what counts. */
bool deviations_hold(const struct deviations *deviations, const char *corpus, const char *name);

#endif
