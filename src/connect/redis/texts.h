/*
 * Texts of options, copied and kept together.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_REDIS_TEXTS_H
#define WEIR__CONNECT_REDIS_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct weir__redis_texts {
    char *kept[48];
    size_t count;
    bool failed; /* there was no memory, or no room, for one */
};

/* A copy; NULL for NULL, and where it failed. */
const char *weir__redis_text(struct weir__redis_texts *texts, const char *text);

void weir__redis_texts_free(struct weir__redis_texts *texts);

#endif
