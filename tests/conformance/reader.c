/*
 * Reads a corpus: see reader.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conformance/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    const char *path;
    size_t line;
    struct corpus *corpus;
    struct test_case *open; /* the case being read, or NULL */
};

static bool wrong(const struct reading *reading, const char *what) {
    fprintf(stderr, "conformance: %s:%zu: %s\n", reading->path, reading->line, what);
    return false;
}

static bool begin_case(struct reading *reading, const char *name) {
    if (reading->open) return wrong(reading, "a case begins inside another");
    struct corpus *corpus = reading->corpus;
    corpus->cases = must_resize(corpus->cases, (corpus->count + 1) * sizeof *corpus->cases);
    reading->open = &corpus->cases[corpus->count++];
    *reading->open = (struct test_case){.name = must_copy(name)};
    return true;
}

static void add_operation(struct test_case *test, const char *line) {
    test->operations = must_resize(test->operations, (test->count + 1) * sizeof *test->operations);
    test->operations[test->count++] = (struct operation){.line = must_copy(line)};
}

static bool read_line(struct reading *reading, const char *line) {
    if (line[0] == '\0' || line[0] == '#') return true;
    if (strncmp(line, "case ", 5) == 0) return begin_case(reading, line + 5);
    struct test_case *test = reading->open;
    if (!test) return wrong(reading, "a line outside of a case");
    if (strcmp(line, "end") == 0) {
        reading->open = NULL;
    } else if (strncmp(line, "> ", 2) == 0) {
        add_operation(test, line + 2);
    } else if (strncmp(line, "= ", 2) == 0) {
        if (test->count == 0) return wrong(reading, "an effect before any operation");
        lines_add(&test->operations[test->count - 1].effects, line + 2);
    } else {
        if (test->count > 0) return wrong(reading, "a setup line after an operation");
        lines_add(&test->setup, line);
    }
    return true;
}

bool corpus_read(const char *path, struct corpus *corpus) {
    *corpus = (struct corpus){0};
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "conformance: %s: %s\n", path, strerror(errno));
        return false;
    }
    struct reading reading = {.path = path, .corpus = corpus};
    bool good = true;
    for (char *line = NULL; good && (line = line_read(file)) != NULL; free(line)) {
        reading.line++;
        good = read_line(&reading, line);
    }
    if (good && ferror(file)) good = wrong(&reading, strerror(errno));
    if (good && reading.open) good = wrong(&reading, "the last case has no end");
    if (good && corpus->count == 0) good = wrong(&reading, "no case in this file");
    fclose(file);
    if (!good) corpus_free(corpus);
    return good;
}

static void case_free(struct test_case *test) {
    for (size_t i = 0; i < test->count; i++) {
        free(test->operations[i].line);
        lines_clear(&test->operations[i].effects);
    }
    free(test->operations);
    free(test->name);
    lines_clear(&test->setup);
}

void corpus_free(struct corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) case_free(&corpus->cases[i]);
    free(corpus->cases);
    *corpus = (struct corpus){0};
}

const char *case_setup(const struct test_case *test, const char *first_word) {
    size_t length = strlen(first_word);
    for (size_t i = 0; i < test->setup.count; i++) {
        const char *line = test->setup.at[i];
        if (strncmp(line, first_word, length) == 0 && (line[length] == ' ' || !line[length]))
            return line;
    }
    return NULL;
}
