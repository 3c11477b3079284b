/*
 * Lists of lines, and lines taken apart into words.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For a test program: without memory it says so and ends.
 */
#ifndef TESTS_CONFORMANCE_LINES_H
#define TESTS_CONFORMANCE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct lines {
    char **at;
    size_t count;
    size_t capacity;
};

void lines_add(struct lines *lines, const char *text);
void lines_addf(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a line: the words before, then the numbers, separated by spaces. */
void lines_add_numbers(struct lines *lines, const char *before, const uint64_t *numbers,
                       size_t count);
void lines_clear(struct lines *lines);
bool lines_equal(const struct lines *one, const struct lines *other);
void lines_sort(struct lines *lines);

struct words {
    char *text;
    char **at;
    size_t count;
};

struct words words_of(const char *line);
void words_free(struct words *words);

/* True when the line has a word there and it is this one. */
bool words_are(const struct words *words, size_t index, const char *text);

/* The word there as a number; false: none, or not a decimal number of 64 bits. */
bool words_number(const struct words *words, size_t index, uint64_t *out);

/*
 * The file's next line, without its end; the caller frees it.  NULL: no more,
 * or an error (ferror).
 */
char *line_read(FILE *file);

/* malloc and realloc that cannot fail. */
void *must_resize(void *memory, size_t bytes);
char *must_copy(const char *text);

#endif
