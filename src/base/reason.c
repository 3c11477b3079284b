/*
 * Reasons: their words, made from the public list.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/reason.h"

#include <stdio.h>

const char *weir_reason_text(weir_reason reason) {
    int value = (int)reason;
    switch (value) {
#define CASE(name, number, text) \
    case number:                 \
        return text;
        WEIR_REASON_LIST(CASE)
#undef CASE
    /* Every reason from USER up is the program's own. */
    default:
        return value > WEIR_REASON_USER ? "user" : "unknown";
    }
}

struct weir__reason_words weir__reason_words(weir_reason reason) {
    struct weir__reason_words words;
    int own = (int)reason - WEIR_REASON_USER;
    if (own > 0) {
        snprintf(words.text, sizeof words.text, "%s + %d", weir_reason_text(reason), own);
    } else {
        snprintf(words.text, sizeof words.text, "%s", weir_reason_text(reason));
    }
    return words;
}
