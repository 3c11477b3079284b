/*
 * What is done with a record: it is read, and counted with those of its key.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All records of a key go to one totaller, so each has a table of its own, and there is no lock.
 */
#include "service.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 16, KEYS_MOST = SLOTS / 4 * 3, PREFIX_MOST = 48 };

struct total {
    char key[KEY_MOST]; /* zeros behind it; a slot without a key is free */
    uint64_t count;
    int64_t sum;
};

struct totals {
    struct {
        size_t keys;
        struct total slots[SLOTS];
    } of[TOTALLERS];
};

struct totals *make_totals(void) {
    return calloc(1, sizeof(struct totals));
}

static uint32_t hash(const weir_bytes *key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key->count; i++)
        hash = (hash ^ (unsigned char)key->at[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash >> 32);
}

uint32_t totaller_of(void *context, const weir_message *record) {
    (void)context;
    return hash(&record->key) % TOTALLERS;
}

/* NULL: there are as many keys as it takes. */
static struct total *find_total(struct totals *totals, const weir_bytes *key) {
    char padded[KEY_MOST] = {0};
    uint32_t at = hash(key);
    struct total *slots = totals->of[at % TOTALLERS].slots;
    size_t *keys = &totals->of[at % TOTALLERS].keys;
    memcpy(padded, key->at, key->count);
    for (at /= TOTALLERS;; at++) {
        struct total *total = &slots[at % SLOTS];
        if (memcmp(total->key, padded, KEY_MOST) == 0) return total;
        if (total->key[0] != 0) continue;
        if (*keys == KEYS_MOST) return NULL;
        memcpy(total->key, padded, KEY_MOST);
        ++*keys;
        return total;
    }
}

/* "KEY VALUE" or "KEY VALUE ANYTHING"; false: it is malformed. */
static bool parse(const weir_message *record, int64_t *value) {
    const weir_bytes *data = &record->data, *key = &record->key;
    if (data->count < RECORD_LEAST || data->count > RECORD_MOST) return false;
    if (key->count == 0 || key->count > KEY_MOST || key->count == data->count) return false;
    for (size_t i = 0; i < key->count; i++)
        if (!isgraph((unsigned char)key->at[i])) return false;
    const char *at = key->at + key->count + 1, *end = data->at + data->count;
    bool minus = at < end && *at == '-';
    const char *digits = at += minus;
    for (*value = 0; at < end && *at >= '0' && *at <= '9' && at - digits < 18; at++)
        *value = *value * 10 + (*at - '0');
    if (minus) *value = -*value;
    return at > digits && (at == end || *at == ' ');
}

/* Its new text is its old one behind the totals; where it comes from goes along. */
weir_outcome add_record(void *context, weir_work *work, weir_message *record) {
    const weir_bytes was = record->data, from = record->headers;
    char prefix[PREFIX_MOST];
    int64_t value;
    struct total *total = parse(record, &value) ? find_total(context, &record->key) : NULL;
    if (total == NULL) return WEIR_MESSAGE_DEAD;
    int64_t sum = (int64_t)((uint64_t)total->sum + (uint64_t)value); /* it may go round */
    size_t begin =
        (size_t)snprintf(prefix, sizeof prefix, "%" PRIu64 " %" PRId64 " ", total->count + 1, sum);
    char *room = weir_work_room(work, from.count + begin + was.count);
    if (room == NULL) return WEIR_MESSAGE_FAILED;
    memcpy(room, from.at, from.count);
    memcpy(room + from.count, prefix, begin);
    memcpy(room + from.count + begin, was.at, was.count);
    record->headers.at = room;
    record->data.at = room + from.count;
    record->data.count = (uint32_t)(begin + was.count);
    record->key = (weir_bytes){.at = record->data.at + begin, .count = record->key.count};
    total->count++;
    total->sum = sum;
    return WEIR_MESSAGE_OK;
}
