/*
 * A table of words and how often each was seen.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A word is a run of the letters A-Z and a-z; it is kept in lower case.  Open
 * addressing, at most three quarters full.  The letters lie in blocks that are
 * never moved, so a pointer to a word is good until table_close.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
    const char *word; /* not terminated; NULL in a free entry */
    size_t length;
    uint64_t hash;
    uint64_t count;
};

struct table {
    struct entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
    struct letters *letters; /* the newest block */
};

/* {0} is an empty table. */
void table_close(struct table *table);

/* Counts each word of a text.  False when there is no memory. */
bool table_count(struct table *table, const char *text, size_t bytes);

/*
 * Adds the counts of another table; if this one is empty, the two change places.
 * False when there is no memory.
 */
bool table_merge(struct table *table, struct table *other);

/* The next entry from *place on, which it moves; NULL behind the last. */
const struct entry *table_next(const struct table *table, size_t *place);

/*
 * All entries, most frequent first, equal ones by the alphabet: an array of
 * table->used to be freed.  NULL when there is no memory.
 */
struct entry *table_sorted(const struct table *table);

/* Letters are those of ASCII: every other byte parts words. */
static inline bool is_letter(char byte) {
    return (unsigned char)((byte | 0x20) - 'a') < 26;
}

/* How much of a text is left when a word that may go on behind it is left out. */
static inline size_t whole_words(const char *text, size_t bytes) {
    while (bytes > 0 && is_letter(text[bytes - 1])) bytes--;
    return bytes;
}

#endif
