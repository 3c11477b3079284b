/*
 * The list of deliberate deviations: see deviations.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "conformance/deviations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A heading's last word, without backquotes, becomes the corpus at hand. */
static void read_heading(char *line, char *corpus, size_t bytes) {
    for (char *at = line; *at; at++)
        if (*at == '`') *at = ' ';
    struct words words = words_of(line);
    snprintf(corpus, bytes, "%s", words.count ? words.at[words.count - 1] : "");
    words_free(&words);
}

static void read_row(struct deviations *deviations, const char *line, const char *corpus) {
    const char *name = strchr(line, '`') + 1;
    size_t length = strcspn(name, "`");
    if (name[length] != '`') return;
    char *copy = must_copy(name);
    copy[length] = '\0';
    lines_add(&deviations->corpora, corpus);
    lines_add(&deviations->cases, copy);
    free(copy);
}

bool deviations_read(const char *path, struct deviations *deviations) {
    *deviations = (struct deviations){{0}, {0}};
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "conformance: %s: %s\n", path, strerror(errno));
        return false;
    }
    char corpus[128] = "";
    for (char *line = NULL; (line = line_read(file)) != NULL; free(line)) {
        if (line[0] == '#') read_heading(line, corpus, sizeof corpus);
        if (strncmp(line, "| `", 3) == 0) read_row(deviations, line, corpus);
    }
    fclose(file);
    return true;
}

void deviations_free(struct deviations *deviations) {
    lines_clear(&deviations->corpora);
    lines_clear(&deviations->cases);
}

bool deviations_hold(const struct deviations *deviations, const char *corpus, const char *name) {
    const char *base = base_name(corpus);
    for (size_t i = 0; i < deviations->cases.count; i++)
        if (strcmp(deviations->cases.at[i], name) == 0 &&
            strcmp(deviations->corpora.at[i], base) == 0)
            return true;
    return false;
}
