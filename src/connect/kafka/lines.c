/*
 * Headers as lines of text, from records and to them.  See lines.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/kafka/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORIGIN_BYTES = 384 };

static char *put_bytes(char *at, const void *bytes, size_t count) {
    if (count > 0) {
        memcpy(at, bytes, count);
    }
    return at + count;
}

static size_t write_origin(const rd_kafka_message_t *message, const char *topic,
                           char text[ORIGIN_BYTES]) {
    int count =
        snprintf(text, ORIGIN_BYTES,
                 "kafka-topic: %s\r\nkafka-partition: %" PRId32 "\r\nkafka-offset: %" PRId64 "\r\n",
                 topic, message->partition, message->offset);
    return count > 0 && count < ORIGIN_BYTES ? (size_t)count : 0;
}

/* All of a record's, to `at`, or, where that is NULL, only how long they are. */
static size_t put_headers(const rd_kafka_headers_t *headers, char *at) {
    const char *name;
    const void *value;
    size_t count, length = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        size_t name_count = strlen(name);
        count = value == NULL ? 0 : count;
        length += name_count + count + 4;
        if (at != NULL) {
            at = put_bytes(put_bytes(at, name, name_count), ": ", 2);
            at = put_bytes(put_bytes(at, value, count), "\r\n", 2);
        }
    }
    return length;
}

struct weir__kafka_lines *weir__kafka_lines_of(rd_kafka_message_t *message, const char *topic,
                                               bool headers) {
    char origin[ORIGIN_BYTES];
    rd_kafka_headers_t *found = NULL;
    size_t origin_count = topic == NULL ? 0 : write_origin(message, topic, origin);
    bool any = headers && rd_kafka_message_headers(message, &found) == RD_KAFKA_RESP_ERR_NO_ERROR;
    size_t count = origin_count + (any ? put_headers(found, NULL) : 0);
    struct weir__kafka_lines *lines =
        count == 0 || count > UINT32_MAX ? NULL : malloc(sizeof *lines + count);
    if (lines != NULL) {
        lines->message = message;
        lines->count = (uint32_t)count;
        char *behind = put_bytes(lines->text, origin, origin_count);
        if (any) {
            put_headers(found, behind);
        }
    }
    return lines;
}

/* Behind the line's end, which is \r\n, \n, or where they end. */
static const char *end_of_line(const char *at, const char *end, const char **behind) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *behind = newline == NULL ? end : newline + 1;
    const char *stop = newline == NULL ? end : newline;
    return stop > at && stop[-1] == '\r' ? stop - 1 : stop;
}

rd_kafka_headers_t *weir__kafka_headers_of(const weir_bytes *lines) {
    const char *at = lines->at, *end = at == NULL ? NULL : at + lines->count;
    rd_kafka_headers_t *headers = NULL;
    while (at < end) {
        const char *behind, *stop = end_of_line(at, end, &behind);
        const char *colon = memchr(at, ':', (size_t)(stop - at));
        if (colon != NULL && colon > at) {
            const char *value = colon + 1 < stop && colon[1] == ' ' ? colon + 2 : colon + 1;
            headers = headers == NULL ? rd_kafka_headers_new(8) : headers;
            rd_kafka_header_add(headers, at, colon - at, value, stop - value);
        }
        at = behind;
    }
    return headers;
}
