/*
 * Reasons, in sentences: the program's own with their numbers.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__BASE_REASON_H
#define WEIR__BASE_REASON_H

#include <weir/types.h>

struct weir__reason_words {
    char text[32];
};

/* As weir_reason_text; of one of the program's own beyond the first, "user + 7". */
struct weir__reason_words weir__reason_words(weir_reason reason);

#endif
