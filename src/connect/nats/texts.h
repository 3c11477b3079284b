/*
 * Texts of options, copied and kept together.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_NATS_TEXTS_H
#define WEIR__CONNECT_NATS_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct weir__nats_texts {
    char *kept[48];
    size_t count;
    bool failed; /* there was no memory, or no room, for one */
};

/* A copy; NULL for NULL, and where it failed. */
const char *weir__nats_text(struct weir__nats_texts *texts, const char *text);

void weir__nats_texts_free(struct weir__nats_texts *texts);

#endif
