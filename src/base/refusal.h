/*
 * Refusals: the sentence that goes with a negative status.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each thread has one, which its next refusal replaces.
 */
#ifndef WEIR__BASE_REFUSAL_H
#define WEIR__BASE_REFUSAL_H

#include "base/attributes.h"

#include <stdbool.h>
#include <weir/status.h>

enum { WEIR__REFUSAL_BYTES = 256 };

/*
 * Keeps the sentence for weir_refusal, cut off where it is too long, and
 * returns the status, so that a refusal is one statement:
 *   return weir__refuse(WEIR_INVALID, "max_demand must be at least 1, got %zu", max);
 */
WEIR__PRINTF(2, 3)
weir_status weir__refuse(weir_status status, const char *format, ...);

/* Before user code is called that may say why: what is there then is its sentence. */
void weir__refusal_clear(void);

/* " (SENTENCE)", or nothing, for a log: three arguments of "%s%s%s". */
#define WEIR__REFUSAL_ASIDE \
    *weir_refusal() != '\0' ? " (" : "", weir_refusal(), *weir_refusal() != '\0' ? ")" : ""

/* INVALID: "NAME must not be NULL". */
void weir__refuse_missing(const char *name);

/* FORKED, of something that the parent of this process has (forked.h). */
weir_status weir__refuse_forked(void);

/* The status of this thread's last refusal: where one of several reasons was just refused. */
weir_status weir__refused(void);

/* True, and a refusal, when an argument of that name is missing.  A test and a branch. */
static inline bool weir__missing(const void *pointer, const char *name) {
    if (WEIR__LIKELY(pointer != NULL)) {
        return false;
    }
    weir__refuse_missing(name);
    return true;
}
static inline weir_status weir__check_given(const void *pointer, const char *name) {
    return weir__missing(pointer, name) ? WEIR_INVALID : WEIR_OK;
}

/* Names go to logs, lists and counters, a line each.  Where the first control character is that one
 * has (below 0x20, and 0x7f); -1: nowhere. */
long weir__control_in(const char *text);

/* WEIR_OK, or INVALID: "OF OPTION must have no control characters", and which it has. */
weir_status weir__check_text(const char *of, const char *option, const char *text);

#endif
