/*
 * Copies of texts, that a struct of options points at, kept together.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Inline, for each connector is a library of its own.
 */
#ifndef WEIR__CONNECT_TEXTS_H
#define WEIR__CONNECT_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct weir__texts {
    char **kept;
    size_t count;
    bool failed; /* there was no memory for one */
};

/* A copy of `count` characters; NULL where it failed. */
static inline const char *weir__text_keep_some(struct weir__texts *texts, const char *text,
                                               size_t count) {
    char *copy = malloc(count + 1);
    char **kept = copy == NULL ? NULL : realloc(texts->kept, (texts->count + 1) * sizeof *kept);
    if (kept == NULL) {
        texts->failed = true;
        free(copy);
        return NULL;
    }
    texts->kept = kept;
    texts->kept[texts->count++] = copy;
    copy[count] = '\0';
    return memcpy(copy, text, count);
}

/* A copy; NULL for NULL, and where it failed. */
static inline const char *weir__text_keep(struct weir__texts *texts, const char *text) {
    return text == NULL ? NULL : weir__text_keep_some(texts, text, strlen(text));
}

static inline void weir__texts_free(struct weir__texts *texts) {
    while (texts->count > 0) {
        free(texts->kept[--texts->count]);
    }
    free(texts->kept);
    *texts = (struct weir__texts){0};
}

#endif
