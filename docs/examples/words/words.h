/*
 * weir-words: what flows between its stages, and how they are started.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     reader ──chunk──► tokenizer 1 .. n ──tally──► merger
 *
 * The reader reads chunks of the files as the tokenizers ask for them; each
 * tokenizer counts the words of its chunks in a table of its own, and says how far
 * it is; when the text has ended, each hands its table to the merger, which adds
 * them up.  No table is ever shared, so no lock is needed; and there are as many
 * tokenizers as workers, because several that take turns on a core would each
 * find the core's caches full of another's table.
 *
 * Memory: at most CHUNKS_AHEAD chunks wait for each tokenizer, however long the
 * text is; what grows is the tables, with the number of different words.
 *
 * Lifetime: a chunk's text is weir's, and goes when the chunk has been counted.
 * Tables belong to main, whoever fills them: it frees them after the runtime has
 * been closed.
 */
#ifndef WORDS_H
#define WORDS_H

#include "input.h"
#include "progress.h"
#include "table.h"

#include <weir/weir.h>

/* What is read at once, unless a word is longer. */
#define CHUNK_BYTES 16384u

/*
 * For each tokenizer: 16 chunks on their way, asked for four at a time, when 12 are left: the
 * reader may live with a tokenizer, and then answers the others between two batches of that one.
 */
#define CHUNKS_AHEAD 16
#define CHUNKS_LEFT  12

/* The reader's event: some whole words, or a long one (of WEIR_PAYLOAD_LIMIT_MAX bytes at most). */
struct chunk {
    weir_bytes text;
};

/* The tokenizers' event: how far they are. */
struct tally {
    uint64_t bytes;      /* of text have been counted */
    struct table *table; /* with the last one: the merger's from now on; else NULL */
};

weir_status reader_start(weir_runtime *runtime, struct input *input, weir_ref *out);

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
