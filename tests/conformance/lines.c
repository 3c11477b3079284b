/*
 * Lists of lines, and lines taken apart into words: see lines.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conformance/lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_resize(void *memory, size_t bytes) {
    void *larger = realloc(memory, bytes ? bytes : 1);
    if (!larger) {
        fprintf(stderr, "conformance: no memory\n");
        exit(2);
    }
    return larger;
}

char *must_copy(const char *text) {
    size_t bytes = strlen(text) + 1;
    return memcpy(must_resize(NULL, bytes), text, bytes);
}

/* The list takes over `text`. */
static void adopt(struct lines *lines, char *text) {
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? 2 * lines->capacity : 8;
        lines->at = must_resize(lines->at, lines->capacity * sizeof *lines->at);
    }
    lines->at[lines->count++] = text;
}

void lines_add(struct lines *lines, const char *text) {
    adopt(lines, must_copy(text));
}

void lines_addf(struct lines *lines, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    lines_add(lines, text);
}

void lines_add_numbers(struct lines *lines, const char *before, const uint64_t *numbers,
                       size_t count) {
    size_t used = strlen(before);
    size_t bytes = used + count * 21 + 1; /* a space and 20 digits each */
    char *text = must_resize(NULL, bytes);
    memcpy(text, before, used + 1);
    for (size_t i = 0; i < count; i++) {
        int written = snprintf(text + used, bytes - used, " %llu", (unsigned long long)numbers[i]);
        used += (size_t)written;
    }
    adopt(lines, text);
}

void lines_clear(struct lines *lines) {
    for (size_t i = 0; i < lines->count; i++) free(lines->at[i]);
    free(lines->at);
    *lines = (struct lines){0};
}

bool lines_equal(const struct lines *one, const struct lines *other) {
    if (one->count != other->count) return false;
    for (size_t i = 0; i < one->count; i++)
        if (strcmp(one->at[i], other->at[i]) != 0) return false;
    return true;
}

static int by_text(const void *one, const void *other) {
    char *const *a = one;
    char *const *b = other;
    return strcmp(*a, *b);
}

void lines_sort(struct lines *lines) {
    if (lines->count > 1) qsort(lines->at, lines->count, sizeof *lines->at, by_text);
}

struct words words_of(const char *line) {
    struct words words = {.text = must_copy(line)};
    size_t capacity = 0;
    for (char *at = words.text + strspn(words.text, " "); *at; at += strspn(at, " ")) {
        if (words.count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            words.at = must_resize(words.at, capacity * sizeof *words.at);
        }
        words.at[words.count++] = at;
        at += strcspn(at, " ");
        if (*at) *at++ = '\0';
    }
    return words;
}

void words_free(struct words *words) {
    free(words->text);
    free(words->at);
    *words = (struct words){0};
}

bool words_are(const struct words *words, size_t index, const char *text) {
    return index < words->count && strcmp(words->at[index], text) == 0;
}

bool words_number(const struct words *words, size_t index, uint64_t *out) {
    if (index >= words->count) return false;
    const char *word = words->at[index];
    if (word[0] < '0' || word[0] > '9') return false;
    char *end = NULL;
    errno = 0;
    *out = strtoull(word, &end, 10);
    return errno == 0 && *end == '\0';
}

char *line_read(FILE *file) {
    size_t used = 0;
    size_t capacity = 256;
    char *line = must_resize(NULL, capacity);
    while (fgets(line + used, (int)(capacity - used), file)) {
        used += strlen(line + used);
        if (used > 0 && line[used - 1] == '\n') break;
        if (capacity - used < 128) {
            capacity *= 2;
            line = must_resize(line, capacity);
        }
    }
    if (used == 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}
