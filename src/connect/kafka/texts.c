/*
 * Texts of options, copied and kept together.  See texts.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/kafka/texts.h"

#include <stdlib.h>
#include <string.h>

const char *weir__kafka_text(struct weir__kafka_texts *texts, const char *text) {
    if (text == NULL) {
        return NULL;
    }
    char *copy = texts->count < sizeof texts->kept / sizeof *texts->kept ? strdup(text) : NULL;
    if (copy == NULL) {
        texts->failed = true;
        return NULL;
    }
    texts->kept[texts->count++] = copy;
    return copy;
}

void weir__kafka_texts_free(struct weir__kafka_texts *texts) {
    while (texts->count > 0) {
        free(texts->kept[--texts->count]);
    }
}
