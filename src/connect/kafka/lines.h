/*
 * Headers as lines of text, from records and to them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_KAFKA_LINES_H
#define WEIR__CONNECT_KAFKA_LINES_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <weir/event.h>

/* "Name: value\r\n" for each, one allocation with their record; that is destroyed by whoever frees
 * this. */
struct weir__kafka_lines {
    rd_kafka_message_t *message;
    uint32_t count;
    char text[];
};

/* topic: unless NULL, lines of where the record is come first.  headers: its headers follow.
 * NULL: there are none, or there is no memory. */
struct weir__kafka_lines *weir__kafka_lines_of(rd_kafka_message_t *message, const char *topic,
                                               bool headers);

/* What a record gets.  NULL: there are none. */
rd_kafka_headers_t *weir__kafka_headers_of(const weir_bytes *lines);

#endif
