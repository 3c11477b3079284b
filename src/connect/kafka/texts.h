/*
 * Texts of options, copied and kept together.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_KAFKA_TEXTS_H
#define WEIR__CONNECT_KAFKA_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct weir__kafka_texts {
    char *kept[96];
    size_t count;
    bool failed; /* there was no memory, or no room, for one */
};

/* A copy; NULL for NULL, and where it failed. */
const char *weir__kafka_text(struct weir__kafka_texts *texts, const char *text);

void weir__kafka_texts_free(struct weir__kafka_texts *texts);

#endif
