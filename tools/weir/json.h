/*
 * Writing JSON: nothing but its grammar.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned depth;
    bool more; /* something stands before this in the same object or array */
};

/* Begin and end an object or an array; key is NULL in an array, and outermost. */
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

/* Values.  What is no number in JSON (infinite) becomes null.  A text is UTF-8; NULL is null. */
void json_text(struct json *json, const char *key, const char *text);
void json_whole(struct json *json, const char *key, uint64_t number);
void json_number(struct json *json, const char *key, double number);
void json_bool(struct json *json, const char *key, bool yes);
void json_null(struct json *json, const char *key);

/* A number that takes all 64 bits, which a reader may not have: as "0x1f". */
void json_bits(struct json *json, const char *key, uint64_t bits);

#endif
