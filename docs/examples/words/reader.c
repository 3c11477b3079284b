/*
 * The reader: a producer that reads text into chunks, as demand comes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Text is read where it will lie: no stage copies it.  A chunk ends between two words; the
 * beginning of a word that its end cuts off is carried over to the next chunk.  A word that is
 * longer than a chunk is carried until it ends, and is a chunk then, as long as that is.
 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum result { DONE, END, FAILED, NO_MEMORY };

struct reader {
    struct input *input;
    bool ended;
    char *carry; /* text that was read but not sent yet: so many bytes of it */
    size_t carried;
    size_t capacity;
};

static bool carry_over(struct reader *reader, const char *text, size_t bytes) {
    if (bytes > reader->capacity) {
        char *larger = realloc(reader->carry, bytes);
        if (larger == NULL) return false;
        reader->carry = larger;
        reader->capacity = bytes;
    }
    if (bytes > 0) memcpy(reader->carry, text, bytes);
    reader->carried = bytes;
    return true;
}

/* What is carried, and behind it what the input has, up to `room` bytes of both. */
static enum result fill(struct reader *reader, char *text, size_t room, size_t *size) {
    *size = reader->carried;
    if (*size > 0) memcpy(text, reader->carry, *size);
    while (*size < room && !reader->ended) {
        ssize_t got = input_read(reader->input, text + *size, room - *size);
        if (got < 0) return FAILED;
        reader->ended = got == 0;
        *size += (size_t)got;
    }
    return *size == 0 ? END : DONE;
}

/* Sends a chunk; or none, if all that was read belongs to one word, which is carried on. */
static enum result read_chunk(weir_stage *self, struct reader *reader, bool *sent) {
    size_t size, room = 2 * reader->carried < CHUNK_BYTES ? CHUNK_BYTES : 2 * reader->carried;
    char *text = weir_reserve_bytes(self, room).events;
    if (text == NULL) return NO_MEMORY;
    enum result result = fill(reader, text, room, &size);
    if (result != DONE) return result;
    size_t bytes = reader->ended ? size : whole_words(text, size);
    if (!carry_over(reader, text + bytes, size - bytes)) return NO_MEMORY;
    *sent = bytes > 0;
    if (bytes == 0) return DONE;
    const struct chunk chunk = {.text = {text, (uint32_t)bytes, 0}};
    return weir_commit_bytes(self, bytes, &chunk, 1) == WEIR_OK ? DONE : NO_MEMORY;
}

static weir_verdict read_chunks(weir_stage *self, uint64_t demand) {
    struct reader *reader = weir_state(self);
    enum result result = DONE;
    while (demand > 0 && result == DONE) {
        bool sent = false;
        result = read_chunk(self, reader, &sent);
        demand -= sent;
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

static void close_reader(weir_stage *self, weir_reason reason) {
    const struct reader *reader = weir_state(self);
    (void)reason;
    free(reader->carry);
}

weir_status reader_start(weir_runtime *runtime, struct input *input, weir_ref *out) {
    static const weir_event_type chunks = {
        .bytes = sizeof(struct chunk), .spans = 1, .payload_limit = WEIR_PAYLOAD_LIMIT_MAX};
    return weir_stage_start(runtime,
                            &(weir_stage_options){
                                .kind = WEIR_PRODUCER,
                                .name = "reader",
                                .state = &(struct reader){.input = input},
                                .state_bytes = sizeof(struct reader),
                                .demand = WEIR_ACCUMULATE, /* until all have subscribed */
                                .on = {.handle_demand = read_chunks,
                                       .handle_cancel = tokenizer_ended,
                                       .terminate = close_reader},
                                .type = &chunks, /* which says how large they are, too */
                            },
                            out);
}
