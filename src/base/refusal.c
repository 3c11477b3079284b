/*
 * Refusals: one sentence for each thread, in memory of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"

#include "base/forked.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char sentence[WEIR__REFUSAL_BYTES];
static _Thread_local weir_status refused_as;

uint32_t weir__forks;

weir_status weir__refuse(weir_status status, const char *format, ...) {
    /* Written aside first: an argument may be the last refusal itself. */
    char fresh[WEIR__REFUSAL_BYTES];
    va_list arguments;
    if (format == NULL) {
        return weir__refuse(WEIR_INVALID, "format must not be NULL");
    }
    va_start(arguments, format);
    vsnprintf(fresh, sizeof fresh, format, arguments);
    va_end(arguments);
    snprintf(sentence, sizeof sentence, "%s", fresh);
    refused_as = status;
    return status;
}

/* The same, under the name that is public. */
weir_status weir_refuse(weir_status status, const char *format, ...)
    __attribute__((alias("weir__refuse")));

WEIR__NOINLINE void weir__refuse_missing(const char *name) {
    weir__refuse(WEIR_INVALID, "%s must not be NULL", name);
}

WEIR__NOINLINE weir_status weir__refuse_forked(void) {
    return weir__refuse(WEIR_FORKED,
                        "this process is a fork's child, and the runtime its parent's: "
                        "open one here");
}

weir_status weir__refused(void) {
    return refused_as;
}

long weir__control_in(const char *text) {
    for (long at = 0; text[at] != '\0'; at++) {
        const unsigned char byte = (unsigned char)text[at];
        if (byte < 0x20 || byte == 0x7f) {
            return at;
        }
    }
    return -1;
}

weir_status weir__check_text(const char *of, const char *option, const char *text) {
    const long at = weir__control_in(text);
    return at < 0 ? WEIR_OK
                  : weir__refuse(WEIR_INVALID,
                                 "%s%s must have no control characters, got byte 0x%02x at %ld", of,
                                 option, (unsigned)(unsigned char)text[at], at);
}

void weir__refusal_clear(void) {
    *sentence = '\0';
}

const char *weir_refusal(void) {
    return sentence;
}
