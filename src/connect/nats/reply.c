/*
 * What the reply subject of a delivered message says of it.  See reply.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/reply.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_FORM = 9, LONG_FORM = 11 };

static const char prefix[] = "$JS.ACK.";

static unsigned count_tokens(const char *subject) {
    unsigned count = 1;
    for (; *subject != '\0'; subject++) {
        count += *subject == '.';
    }
    return count;
}

static const char *skip_tokens(const char *subject, unsigned count) {
    for (; count > 0 && subject != NULL; count--) {
        subject = strchr(subject, '.');
        subject = subject == NULL ? NULL : subject + 1;
    }
    return subject;
}

/* The number at *at, behind which a dot follows; *at is moved past that. */
static bool read_number(const char **at, uint64_t *out) {
    char *end;
    if (**at < '0' || **at > '9') {
        return false;
    }
    *out = strtoull(*at, &end, 10);
    if (*end != '.') {
        return false;
    }
    *at = end + 1;
    return true;
}

bool weir__nats_read_reply(const char *subject, struct weir__nats_reply *out) {
    if (subject == NULL || strncmp(subject, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    unsigned tokens = count_tokens(subject);
    const char *at = tokens == SHORT_FORM  ? skip_tokens(subject, 4)
                     : tokens >= LONG_FORM ? skip_tokens(subject, 6)
                                           : NULL;
    uint64_t consumer_sequence;
    return at != NULL && read_number(&at, &out->delivered) && read_number(&at, &out->sequence) &&
           read_number(&at, &consumer_sequence) && read_number(&at, &out->time_ns);
}
