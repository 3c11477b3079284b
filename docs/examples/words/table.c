/*
 * A table of words and how often each was seen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096u
#define LETTERS_BYTES  (64u * 1024u)

/* A block of letters, filled from the front; a longer word gets its own. */
struct letters {
    struct letters *older;
    size_t used, size;
    char bytes[];
};

void table_close(struct table *table) {
    free(table->entries);
    while (table->letters != NULL) {
        struct letters *older = table->letters->older;
        free(table->letters);
        table->letters = older;
    }
    *table = (struct table){0};
}

/* FNV-1a over the letters in lower case, one step for each. */
#define HASH_BEGIN 14695981039346656037u
static uint64_t hash_step(uint64_t hash, char letter) {
    return (hash ^ (unsigned char)(letter | 0x20)) * 1099511628211u;
}

/* Where the word is, or the free entry where it belongs. */
static struct entry *find(const struct table *table, const char *word, size_t length,
                          uint64_t hash) {
    size_t place = (size_t)(hash ^ hash >> 32);
    for (;; place++) {
        struct entry *entry = &table->entries[place & (table->capacity - 1)];
        if (entry->word == NULL) return entry;
        if (entry->hash != hash || entry->length != length) continue;
        size_t same = 0;
        while (same < length && entry->word[same] == (char)(word[same] | 0x20)) same++;
        if (same == length) return entry;
    }
}

/* Doubles the capacity. */
static bool grow(struct table *table) {
    struct table larger = *table;
    larger.capacity = table->capacity == 0 ? FIRST_CAPACITY : table->capacity * 2;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) return false;
    size_t place = 0;
    const struct entry *entry;
    while ((entry = table_next(table, &place)) != NULL)
        *find(&larger, entry->word, entry->length, entry->hash) = *entry;
    free(table->entries);
    *table = larger;
    return true;
}

/* Copies a word, in lower case, to where it stays. */
static const char *keep(struct table *table, const char *word, size_t length) {
    struct letters *block = table->letters;
    if (block == NULL || block->size - block->used < length) {
        size_t size = length > LETTERS_BYTES ? length : LETTERS_BYTES;
        block = malloc(sizeof *block + size);
        if (block == NULL) return NULL;
        *block = (struct letters){.older = table->letters, .size = size};
        table->letters = block;
    }
    char *copy = block->bytes + block->used;
    for (size_t i = 0; i < length; i++) copy[i] = (char)(word[i] | 0x20);
    block->used += length;
    return copy;
}

/* hash is of the word in lower case. */
static bool add(struct table *table, const char *word, size_t length, uint64_t hash,
                uint64_t count) {
    if (table->used >= table->capacity / 4 * 3 && !grow(table)) return false;
    struct entry *entry = find(table, word, length, hash);
    if (entry->word == NULL) {
        const char *kept = keep(table, word, length);
        if (kept == NULL) return false;
        *entry = (struct entry){.word = kept, .length = length, .hash = hash};
        table->used++;
    }
    entry->count += count;
    return true;
}

/*
 * Words come in the order of their places.  In a table that is smaller they would all go to
 * its first places, of which each is then looked through from one end to the other.
 */
bool table_merge(struct table *table, struct table *other) {
    if (table->used == 0) {
        struct table empty = *table;
        *table = *other;
        *other = empty;
        return true;
    }
    while (table->capacity < other->capacity) {
        if (!grow(table)) return false;
    }
    size_t place = 0;
    const struct entry *entry;
    while ((entry = table_next(other, &place)) != NULL) {
        if (!add(table, entry->word, entry->length, entry->hash, entry->count)) return false;
    }
    return true;
}

bool table_count(struct table *table, const char *text, size_t bytes) {
    size_t at = 0;
    while (at < bytes) {
        if (!is_letter(text[at])) {
            at++;
            continue;
        }
        size_t begin = at;
        uint64_t hash = HASH_BEGIN;
        for (; at < bytes && is_letter(text[at]); at++) hash = hash_step(hash, text[at]);
        if (!add(table, text + begin, at - begin, hash, 1)) return false;
    }
    return true;
}

const struct entry *table_next(const struct table *table, size_t *place) {
    while (*place < table->capacity) {
        const struct entry *entry = &table->entries[(*place)++];
        if (entry->word != NULL) return entry;
    }
    return NULL;
}

static int by_count(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->word, b->word, shorter);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

struct entry *table_sorted(const struct table *table) {
    struct entry *sorted = malloc((table->used + 1) * sizeof *sorted);
    if (sorted == NULL) return NULL;
    size_t place = 0, count = 0;
    const struct entry *entry;
    while ((entry = table_next(table, &place)) != NULL) sorted[count++] = *entry;
    qsort(sorted, count, sizeof *sorted, by_count);
    return sorted;
}
