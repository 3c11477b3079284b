/*
 * Marks: which of the numbers below a bound are marked.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A bit for each number, and above them a bit for each word of those that is not 0.  So
 * a walk over what is marked looks at count / 4096 words at most beside what it finds:
 * over the words that have any (next_word), and in each over its bits, the lowest first.
 */
#ifndef WEIR__BASE_MARKS_H
#define WEIR__BASE_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__marks {
    uint64_t *words; /* all zero: nothing is marked */
    uint64_t *above;
    uint32_t size; /* in words */
};

static inline size_t weir__marks_words(uint32_t count) {
    return ((size_t)count + 63) / 64;
}

/* How much memory they need, for `count` (> 0) numbers. */
static inline size_t weir__marks_bytes(uint32_t count) {
    size_t words = weir__marks_words(count);
    return (words + (words + 63) / 64) * sizeof(uint64_t);
}

/* memory: zeroed, and theirs from then on. */
static inline void weir__marks_open(struct weir__marks *marks, void *memory, uint32_t count) {
    marks->words = memory;
    marks->size = (uint32_t)weir__marks_words(count);
    marks->above = marks->words + marks->size;
}

static inline void weir__marks_set(struct weir__marks *marks, uint32_t number) {
    uint32_t word = number / 64;
    marks->words[word] |= (uint64_t)1 << number % 64;
    marks->above[word / 64] |= (uint64_t)1 << word % 64;
}

static inline void weir__marks_clear(struct weir__marks *marks, uint32_t number) {
    uint32_t word = number / 64;
    marks->words[word] &= ~((uint64_t)1 << number % 64);
    if (marks->words[word] == 0) marks->above[word / 64] &= ~((uint64_t)1 << word % 64);
}

static inline void weir__marks_clear_word(struct weir__marks *marks, uint32_t word) {
    marks->words[word] = 0;
    marks->above[word / 64] &= ~((uint64_t)1 << word % 64);
}

/* The first word from there on that is not 0; marks->size: there is none. */
static inline uint32_t weir__marks_next_word(const struct weir__marks *marks, uint32_t from) {
    for (uint32_t word = from; word < marks->size; word = (word / 64 + 1) * 64) {
        uint64_t filled = marks->above[word / 64] >> word % 64;
        if (filled != 0) return word + (uint32_t)__builtin_ctzll(filled);
    }
    return marks->size;
}

#endif
