/*
 * Subjects.  See subject.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They are sent as they are, between blanks and line ends of the protocol's own; and what has an
 * empty token in it, or a wildcard where none has a meaning, is never delivered to anybody.
 */
#include "connect/nats/subject.h"

#include <stddef.h>
#include <string.h>

static bool is_token(const char *token, size_t count, bool wild, bool last) {
    if (wild && count == 1 && (*token == '*' || (*token == '>' && last))) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char letter = (unsigned char)token[i];
        if (letter <= ' ' || letter == 0x7f || letter == '*' || letter == '>') {
            return false;
        }
    }
    return count > 0;
}

bool weir__nats_is_subject(const char *subject, bool wild) {
    for (const char *dot = strchr(subject, '.'); dot != NULL; dot = strchr(subject, '.')) {
        if (!is_token(subject, (size_t)(dot - subject), wild, false)) {
            return false;
        }
        subject = dot + 1;
    }
    return is_token(subject, strlen(subject), wild, true);
}

weir_status weir__nats_check_subject(const char *what, const char *subject, bool wild) {
    if (weir__nats_is_subject(subject, wild)) {
        return WEIR_OK;
    }
    return weir_refuse(WEIR_INVALID,
                       "%s must be tokens with dots between them, without blanks and controls, %s, "
                       "got \"%s\"",
                       what, wild ? "* only as a token, > only as the last" : "without * and >",
                       subject);
}
