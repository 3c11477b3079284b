/*
 * What went wrong, in a sentence: set where it is found, printed where the command ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_TROUBLE_H
#define TOOL_TROUBLE_H

#include <stdbool.h>

/* Notes the sentence, in the place of the one before.  Returns false. */
bool trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last one; "" before the first. */
const char *trouble_text(void);

#endif
