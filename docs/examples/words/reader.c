/*
 * The reader: a producer that reads text into chunks, as demand comes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A chunk ends between two words.  The beginning of a word that the chunk's end
 * cuts off is carried over to the next chunk.  A word that is longer than a
 * chunk is gathered, kept once in a table, and sent by its address.
 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum result { DONE, END, FAILED, NO_MEMORY };

struct reader {
    struct input *input;
    struct table *long_words;
    bool ended;
    size_t carried; /* bytes of carry: text that was read but not sent yet */
    char carry[TEXT_BYTES];
};

static void carry_over(struct reader *reader, const char *text, size_t bytes) {
    memcpy(reader->carry, text, bytes);
    reader->carried = bytes;
}

/* How much of the text is left when a word that may go on is left out. */
static size_t whole_words(const char *text, size_t bytes) {
    while (bytes > 0 && is_letter(text[bytes - 1])) bytes--;
    return bytes;
}

static size_t leading_letters(const char *text, size_t bytes) {
    size_t count = 0;
    while (count < bytes && is_letter(text[count])) count++;
    return count;
}

/* Gathers the rest of the word that begins with what is carried, all letters. */
static enum result gather(struct reader *reader, char **word, size_t *length) {
    size_t size = reader->carried, capacity = 0;
    for (;;) {
        if (capacity - size < TEXT_BYTES || capacity == 0) {
            capacity = capacity == 0 ? 4 * TEXT_BYTES : 2 * capacity;
            char *larger = realloc(*word, capacity);
            if (larger == NULL) return NO_MEMORY;
            if (*word == NULL) memcpy(larger, reader->carry, size);
            *word = larger;
        }
        ssize_t got = input_read(reader->input, *word + size, TEXT_BYTES);
        if (got < 0) return FAILED;
        size_t letters = leading_letters(*word + size, (size_t)got);
        *length = size + letters;
        if (got == 0 || letters < (size_t)got) {
            reader->ended = got == 0;
            carry_over(reader, *word + *length, (size_t)got - letters);
            return DONE;
        }
        size = *length;
    }
}

static enum result read_long_word(struct reader *reader, struct chunk *chunk) {
    char *word = NULL;
    enum result result = gather(reader, &word, &chunk->bytes);
    if (result == DONE) {
        uint64_t hash = word_hash(word, chunk->bytes);
        const struct entry *kept = table_add(reader->long_words, word, chunk->bytes, hash, 1);
        if (kept == NULL)
            result = NO_MEMORY;
        else
            chunk->long_word = kept->word;
    }
    free(word);
    return result;
}

static enum result read_chunk(struct reader *reader, struct chunk *chunk) {
    size_t size = reader->carried;
    memcpy(chunk->text, reader->carry, size);
    while (size < TEXT_BYTES && !reader->ended) {
        ssize_t got = input_read(reader->input, chunk->text + size, TEXT_BYTES - size);
        if (got < 0) return FAILED;
        reader->ended = got == 0;
        size += (size_t)got;
    }
    if (size == 0) return END;
    chunk->long_word = NULL;
    chunk->bytes = reader->ended ? size : whole_words(chunk->text, size);
    carry_over(reader, chunk->text + chunk->bytes, size - chunk->bytes);
    return chunk->bytes > 0 ? DONE : read_long_word(reader, chunk);
}

static weir_verdict read_chunks(weir_stage *self, uint64_t demand) {
    struct reader *reader = weir_state(self);
    enum result result = DONE;
    while (demand > 0 && result == DONE) {
        size_t filled = 0;
        weir_room room = weir_reserve(self, demand);
        struct chunk *chunk = room.events;
        if (chunk == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        while (filled < room.count && (result = read_chunk(reader, &chunk[filled])) == DONE)
            filled++;
        weir_commit(self, filled);
        demand -= filled;
    }
    if (result == DONE) return WEIR_CONTINUE;
    if (result == END) return WEIR_FINISH;
    return weir_stop_with(self, result == NO_MEMORY ? WEIR_REASON_NO_MEMORY : WEIR_REASON_USER);
}

/* A tokenizer ends before the reader only when something is wrong. */
static weir_verdict tokenizer_ended(weir_stage *self, const weir_peer *peer,
                                    weir_cancel_cause cause, weir_reason reason) {
    (void)peer, (void)cause;
    return weir_stop_with(self, reason);
}

static weir_verdict prepare(weir_stage *self, void *argument) {
    struct reader *reader = weir_state(self);
    const struct reader *given = argument;
    reader->input = given->input;
    reader->long_words = given->long_words;
    return WEIR_CONTINUE;
}

weir_status reader_start(weir_runtime *runtime, struct input *input, struct table *long_words,
                         weir_ref *out) {
    return weir_stage_start(
        runtime,
        &(weir_stage_options){
            .kind = WEIR_PRODUCER,
            .name = "reader",
            .event_bytes = sizeof(struct chunk),
            .state_bytes = sizeof(struct reader),
            .argument = &(struct reader){.input = input, .long_words = long_words},
            .demand = WEIR_ACCUMULATE, /* until all have subscribed */
            .on = {.init = prepare, .handle_demand = read_chunks, .handle_cancel = tokenizer_ended},
        },
        out);
}
