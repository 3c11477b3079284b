/*
 * A message's header as lines of text.  See header.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/header.h"

#include <stdlib.h>
#include <string.h>

/* One line, if there is room behind `at`; returns how long it is. */
static size_t put_line(char *at, const char *name, const char *value) {
    size_t name_count = strlen(name), value_count = strlen(value);
    if (at != NULL) {
        memcpy(at, name, name_count);
        memcpy(at + name_count, ": ", 2);
        memcpy(at + name_count + 2, value, value_count);
        memcpy(at + name_count + 2 + value_count, "\r\n", 2);
    }
    return name_count + value_count + 4;
}

/* All lines, to `text`, or, where that is NULL, only their length. */
static size_t put_lines(natsMsg *message, const char **names, int count, char *text) {
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        const char **values = NULL;
        int value_count = 0;
        if (natsMsgHeader_Values(message, names[i], &values, &value_count) != NATS_OK) {
            continue;
        }
        for (int j = 0; j < value_count; j++) {
            length += put_line(text == NULL ? NULL : text + length, names[i], values[j]);
        }
        free((void *)values);
    }
    return length;
}

struct weir__nats_lines *weir__nats_header_lines(natsMsg *message) {
    const char **names = NULL;
    int count = 0;
    struct weir__nats_lines *lines = NULL;
    if (natsMsgHeader_Keys(message, &names, &count) != NATS_OK || count == 0) {
        return NULL;
    }
    size_t length = put_lines(message, names, count, NULL);
    if (length <= UINT32_MAX) {
        lines = malloc(sizeof *lines + length);
    }
    if (lines != NULL) {
        lines->message = message;
        lines->count = (uint32_t)put_lines(message, names, count, lines->text);
    }
    free((void *)names);
    return lines;
}
