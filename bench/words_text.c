/*
 * A text of words as languages have them: see words_text.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A word is a beginning of the letters n to z, drawn, and its rank in the letters a to m, by
 * which it differs from all others.  Ranks are drawn by Walker's alias method: one of as many
 * equal urns, each of which holds two ranks.
 */
#include "words_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS = 100000, LONGEST = 16, DIGITS = 13 };

struct word {
    char letters[LONGEST];
    unsigned length;
    uint64_t count;
};

struct urn {
    double share; /* of draws from it that are its own rank's */
    unsigned other;
};

struct words_text {
    uint64_t random;
    uint64_t count;
    uint64_t bytes;
    struct word words[RANKS];
    struct urn urns[RANKS];
};

static uint64_t draw(struct words_text *text) {
    text->random ^= text->random << 13;
    text->random ^= text->random >> 7;
    text->random ^= text->random << 17;
    return text->random * 2685821657736338717u;
}

static unsigned draw_below(struct words_text *text, unsigned limit) {
    return (unsigned)((draw(text) >> 32) * limit >> 32);
}

static void make_word(struct words_text *text, unsigned rank) {
    struct word *word = &text->words[rank];
    unsigned beginning = draw_below(text, rank < 200 ? 2 : 8);
    while (word->length < beginning) {
        word->letters[word->length++] = (char)('n' + draw_below(text, DIGITS));
    }
    for (unsigned left = rank + 1; left > 0; left = (left - 1) / DIGITS) {
        word->letters[word->length++] = (char)('a' + (left - 1) % DIGITS);
    }
}

/* Ranks that have less than an urn is large are filled up from the first, which have more. */
static void fill_urns(struct words_text *text) {
    static double mass[RANKS]; /* in urns */
    static unsigned poor[RANKS];
    double sum = 0;
    unsigned rich = 0, riches, left = 0;
    for (unsigned rank = 0; rank < RANKS; rank++) sum += 1.0 / (rank + 1);
    for (unsigned rank = 0; rank < RANKS; rank++) {
        mass[rank] = RANKS / (sum * (rank + 1));
        text->urns[rank] = (struct urn){1, rank};
        if (mass[rank] < 1) poor[left++] = rank;
    }
    riches = RANKS - left;
    while (left > 0 && rich < riches) {
        unsigned to = poor[--left];
        text->urns[to] = (struct urn){mass[to], rich};
        mass[rich] -= 1 - mass[to];
        if (mass[rich] < 1) poor[left++] = rich++;
    }
}

static struct word *draw_word(struct words_text *text) {
    uint64_t drawn = draw(text);
    unsigned rank = (unsigned)((drawn >> 32) * RANKS >> 32);
    const struct urn *urn = &text->urns[rank];
    bool own = (double)(uint32_t)drawn < urn->share * 4294967296.0;
    return &text->words[own ? rank : urn->other];
}

/* Writes a word and what follows it; returns how many bytes that is. */
static size_t put_word(struct words_text *text, char *to) {
    static const char *const between[8] = {" ", " ", " ", " ", " ", " ", ", ", "\n"};
    struct word *word = draw_word(text);
    uint64_t mood = draw(text) >> 32;
    const char *gap = between[mood % 8];
    size_t gap_bytes = strlen(gap);
    memcpy(to, word->letters, word->length);
    if (mood / 8 % 8 == 0) to[0] = (char)(to[0] - 'a' + 'A');
    memcpy(to + word->length, gap, gap_bytes);
    word->count++;
    text->count++;
    return word->length + gap_bytes;
}

struct words_text *words_text_write(FILE *to, uint64_t bytes) {
    struct words_text *text = calloc(1, sizeof *text);
    if (text == NULL) return NULL;
    text->random = 20261130;
    for (unsigned rank = 0; rank < RANKS; rank++) make_word(text, rank);
    fill_urns(text);
    static char page[1 << 16];
    while (text->bytes < bytes) {
        size_t filled = 0;
        while (filled < sizeof page - LONGEST - 2) filled += put_word(text, page + filled);
        text->bytes += filled;
        if (fwrite(page, 1, filled, to) != filled) break;
    }
    if (text->bytes >= bytes && fflush(to) == 0) return text;
    free(text);
    return NULL;
}

uint64_t words_text_count(const struct words_text *text) {
    return text->count;
}

uint64_t words_text_bytes(const struct words_text *text) {
    return text->bytes;
}

static int compare_words(const void *left, const void *right) {
    const struct word *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return strncmp(a->letters, b->letters, LONGEST); /* shorter ones end with zeros */
}

void words_text_tell(const struct words_text *text, FILE *to) {
    struct word *sorted = malloc(sizeof text->words);
    if (sorted == NULL) abort();
    memcpy(sorted, text->words, sizeof text->words);
    qsort(sorted, RANKS, sizeof *sorted, compare_words);
    for (unsigned i = 0; i < RANKS && sorted[i].count > 0; i++) {
        fprintf(to, "%7" PRIu64 " %.*s\n", sorted[i].count, (int)sorted[i].length,
                sorted[i].letters);
    }
    free(sorted);
}

void words_text_free(struct words_text *text) {
    free(text);
}
