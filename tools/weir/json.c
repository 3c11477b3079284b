/*
 * Writing JSON: see json.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json.h"

#include <inttypes.h>
#include <math.h>

enum { BROKEN_DEPTH = 2 }; /* lines are broken so deep, not deeper: a stage is a line */

static void quoted(FILE *out, const char *text) {
    fputc('"', out);
    for (const char *at = text; *at != 0; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\') {
            fputc('\\', out);
        }
        if (byte < 0x20) {
            fprintf(out, "\\u%04x", byte);
        } else {
            fputc(byte, out);
        }
    }
    fputc('"', out);
}

static void before_item(struct json *json, const char *key) {
    if (json->more) {
        fputc(',', json->out);
    }
    if (json->depth > 0 && json->depth <= BROKEN_DEPTH) {
        fprintf(json->out, "\n%*s", (int)json->depth, "");
    }
    if (key != NULL) {
        quoted(json->out, key);
        fputc(':', json->out);
    }
    json->more = true;
}

static void begin(struct json *json, const char *key, char bracket) {
    before_item(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->more = false;
}

static void end(struct json *json, char bracket) {
    json->depth--;
    if (json->more && json->depth < BROKEN_DEPTH) {
        fprintf(json->out, "\n%*s", (int)json->depth, "");
    }
    fputc(bracket, json->out);
    if (json->depth == 0) {
        fputc('\n', json->out);
        json->more = false;
        return;
    }
    json->more = true;
}

void json_object(struct json *json, const char *key) {
    begin(json, key, '{');
}

void json_object_end(struct json *json) {
    end(json, '}');
}

void json_array(struct json *json, const char *key) {
    begin(json, key, '[');
}

void json_array_end(struct json *json) {
    end(json, ']');
}

void json_text(struct json *json, const char *key, const char *text) {
    if (text == NULL) {
        json_null(json, key);
        return;
    }
    before_item(json, key);
    quoted(json->out, text);
}

void json_whole(struct json *json, const char *key, uint64_t number) {
    before_item(json, key);
    fprintf(json->out, "%" PRIu64, number);
}

void json_number(struct json *json, const char *key, double number) {
    if (!isfinite(number)) {
        json_null(json, key);
        return;
    }
    before_item(json, key);
    fprintf(json->out, "%.6g", number);
}

void json_bool(struct json *json, const char *key, bool yes) {
    before_item(json, key);
    fputs(yes ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key) {
    before_item(json, key);
    fputs("null", json->out);
}

void json_bits(struct json *json, const char *key, uint64_t bits) {
    char text[24];
    snprintf(text, sizeof text, "0x%" PRIx64, bits);
    json_text(json, key, text);
}
