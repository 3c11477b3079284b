/*
 * Reasons: their words, made from the public list.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <weir/types.h>

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
