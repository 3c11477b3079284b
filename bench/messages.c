/*
 * Messages of any length: see messages.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "messages.h"

#include <string.h>

enum { LEAST = 20, WORD = sizeof(uint64_t) };

static uint32_t length_of(uint64_t number, enum messages_lengths lengths) {
    const uint64_t spread = lengths == MESSAGES_LINES ? 200 : MESSAGES_MOST - LEAST + 1;
    return LEAST + (uint32_t)((number * 2654435761u >> 7) % spread);
}

void messages_make(struct messages *messages, enum messages_lengths lengths) {
    for (size_t i = 0; i < sizeof messages->source; i++) {
        messages->source[i] = (char)(i * 2654435761u >> 13);
    }
    messages->sums[0] = 0;
    for (uint64_t i = 0; i < MESSAGES_CYCLE; i++) {
        size_t at = i * 40 % (sizeof messages->source - MESSAGES_MOST);
        struct message *message = &messages->cycle[i];
        *message = (struct message){messages->source + at, length_of(i, lengths)};
        messages->sums[i + 1] = messages->sums[i] + messages_add(message->from, message->bytes);
    }
}

static inline uint64_t word_at(const char *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

uint64_t messages_add(const char *from, size_t bytes) {
    uint64_t sum = word_at(from + bytes - WORD);
    size_t at = 0;
    for (; at + WORD <= bytes; at += WORD) sum += word_at(from + at);
    return sum;
}

uint64_t messages_expected(const struct messages *messages, uint64_t count) {
    return count / MESSAGES_CYCLE * messages->sums[MESSAGES_CYCLE] +
           messages->sums[count % MESSAGES_CYCLE];
}
