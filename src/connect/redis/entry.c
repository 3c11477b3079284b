/*
 * Entries of streams.  See entry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NS_IN_MS = 1000000, LINE_MORE = 4 };

/* ---- ids ------------------------------------------------------------------------------- */

struct weir__redis_id weir__redis_id_of(const struct weir__redis_node *text) {
    struct weir__redis_id id = {0};
    uint64_t *part = &id.ms;
    for (uint32_t i = 0; weir__redis_is_text(text) && i < text->count; i++) {
        if (text->text[i] == '-') {
            part = &id.number;
        } else {
            *part = *part * 10 + (uint64_t)(text->text[i] - '0');
        }
    }
    return id;
}

int weir__redis_compare(struct weir__redis_id one, struct weir__redis_id other) {
    return one.ms != other.ms           ? (one.ms < other.ms ? -1 : 1)
           : one.number != other.number ? (one.number < other.number ? -1 : 1)
                                        : 0;
}

const char *weir__redis_write_id(struct weir__redis_id id, char text[WEIR__REDIS_ID_BYTES]) {
    snprintf(text, WEIR__REDIS_ID_BYTES, "%" PRIu64 "-%" PRIu64, id.ms, id.number);
    return text;
}

/* ---- what a reply has -------------------------------------------------------------------- */

/* [id, [name, value, ...]], or [id, nil]; older servers have a nil for one that is gone. */
static bool read_entry(const struct weir__redis_node *node, struct weir__redis_entry *out) {
    const struct weir__redis_node *id = weir__redis_item(node, 0);
    const struct weir__redis_node *fields = weir__redis_item(node, 1);
    if (!weir__redis_is_text(id)) {
        return false;
    }
    out->id = id;
    out->fields = fields != NULL && fields->type == REDIS_REPLY_ARRAY ? fields : NULL;
    return true;
}

bool weir__redis_read_entries(struct weir__redis_reply *reply, const struct weir__redis_node *array,
                              struct weir__redis_entries *out) {
    *out = (struct weir__redis_entries){.reply = reply};
    if (array == NULL || array->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    if (array->count == 0) {
        return true;
    }
    out->at = weir__redis_reply_room(reply, array->count * sizeof *out->at);
    if (out->at == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < array->count; i++) {
        struct weir__redis_entry *entry = &out->at[out->count];
        *entry = (struct weir__redis_entry){.reply = reply};
        out->count += read_entry(array->items[i], entry);
    }
    return true;
}

/* ---- as messages -------------------------------------------------------------------------- */

static bool is_named(const struct weir__redis_node *field, const char *name, size_t count) {
    return weir__redis_is_text(field) && field->count == count &&
           memcmp(field->text, name, count) == 0;
}

/* The value of a field; NULL: it has none. */
static const struct weir__redis_node *value_of(const struct weir__redis_entry *entry,
                                               const char *name) {
    const size_t count = strlen(name);
    for (uint32_t i = 0; i + 1 < entry->fields->count; i += 2) {
        if (is_named(entry->fields->items[i], name, count)) {
            return entry->fields->items[i + 1];
        }
    }
    return NULL;
}

static weir_bytes span_of(const struct weir__redis_node *text) {
    return weir__redis_is_text(text) ? (weir_bytes){text->text, text->count, 0}
                                     : (weir_bytes){NULL, 0, 0};
}

static bool is_header(const struct weir__redis_entry *entry, uint32_t place,
                      const weir_redis_source_options *options) {
    const struct weir__redis_node *name = entry->fields->items[place];
    const struct weir__redis_node *value = entry->fields->items[place + 1];
    return weir__redis_is_text(name) && weir__redis_is_text(value) &&
           !is_named(name, options->field, strlen(options->field)) &&
           (options->key == NULL || !is_named(name, options->key, strlen(options->key)));
}

static char *append_text(char *at, const char *text, size_t count) {
    memcpy(at, text, count);
    return at + count;
}

/* No memory: it has none. */
static void write_headers(struct weir__redis_entry *entry,
                          const weir_redis_source_options *options) {
    const struct weir__redis_node *fields = entry->fields;
    uint64_t length = 0;
    entry->has_headers = true;
    for (uint32_t i = 0; i + 1 < fields->count; i += 2) {
        if (is_header(entry, i, options)) {
            length += (uint64_t)fields->items[i]->count + fields->items[i + 1]->count + LINE_MORE;
        }
    }
    char *text = length == 0 || length > UINT32_MAX
                     ? NULL
                     : weir__redis_reply_room(entry->reply, (size_t)length);
    char *at = text;
    for (uint32_t i = 0; text != NULL && i + 1 < fields->count; i += 2) {
        if (is_header(entry, i, options)) {
            at = append_text(at, fields->items[i]->text, fields->items[i]->count);
            at = append_text(at, ": ", 2);
            at = append_text(at, fields->items[i + 1]->text, fields->items[i + 1]->count);
            at = append_text(at, "\r\n", 2);
        }
    }
    entry->headers = (weir_bytes){text, text == NULL ? 0 : (uint32_t)length, 0};
}

void weir__redis_describe(struct weir__redis_entry *entry, const weir_redis_source_options *options,
                          weir_incoming *out) {
    const uint64_t ms = weir__redis_id_of(entry->id).ms;
    if (options->headers && !entry->has_headers) {
        write_headers(entry, options);
    }
    *out = (weir_incoming){
        .data = span_of(value_of(entry, options->field)),
        .key = span_of(options->key == NULL ? entry->id : value_of(entry, options->key)),
        .headers = entry->headers,
        .token = (uintptr_t)entry,
        .time = ms > UINT64_MAX / NS_IN_MS ? UINT64_MAX : ms * NS_IN_MS,
        .deliveries = entry->deliveries,
        .lent = true};
}
