/*
 * weir-words: what flows between its stages, and how they are started.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     reader ──chunk──► tokenizer 1 .. n ──tally──► merger
 *
 * The reader reads blocks of the files as the tokenizers ask for them; each
 * tokenizer counts the words of its chunks in a table of its own; when the text
 * has ended, each sends its table to the merger as tallies, and the merger adds
 * them up.  No table is ever shared, so no lock is needed.
 *
 * Memory: at most CHUNKS_AHEAD chunks wait for each tokenizer, however long the
 * text is; what grows is the tables, with the number of different words.
 *
 * Lifetime: pointers in events point into tables.  All tables belong to main,
 * which frees them after the runtime has been closed.
 */
#ifndef WORDS_H
#define WORDS_H

#include "input.h"
#include "progress.h"
#include "table.h"

#include <weir/weir.h>

#define CHUNK_BYTES 16384u
#define TEXT_BYTES  (CHUNK_BYTES - sizeof(char *) - sizeof(size_t))

/* For each tokenizer: 8 chunks on their way, asked for four at a time. */
#define CHUNKS_AHEAD 8
#define CHUNKS_LEFT  4

/* The reader's event: some whole words, or one word that is too long for that. */
struct chunk {
    const char *long_word; /* unless NULL: the word, of `bytes` letters */
    size_t bytes;          /* how much of text is used                  */
    char text[TEXT_BYTES];
};
_Static_assert(sizeof(struct chunk) == CHUNK_BYTES, "a chunk has no padding");

/* The tokenizers' event: a word was counted so often. */
struct tally {
    const char *word; /* NULL: that many bytes of text have been counted */
    size_t length;
    uint64_t count;
};

weir_status reader_start(weir_runtime *runtime, struct input *input, struct table *long_words,
                         weir_ref *out);

weir_status tokenizer_start(weir_runtime *runtime, weir_ref reader, struct table *table,
                            weir_ref *out);

/* Where the merger leaves its results. */
struct merged {
    struct table table;
    struct progress progress;
    weir_reason reason; /* why it stopped: NORMAL when everything was counted */
};

weir_status merger_start(weir_runtime *runtime, const weir_ref *tokenizers, size_t count,
                         struct merged *merged);

#endif
