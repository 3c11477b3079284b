/*
 * A text of words as languages have them: a few often, most seldom.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Of so many different words the one of rank r stands r times as seldom as the first (Zipf),
 * drawn from a fixed seed: the same text everywhere.  Frequent words are short, some begin with
 * a capital, and what is between them is a space, a comma, or a new line.
 */
#ifndef BENCH_WORDS_TEXT_H
#define BENCH_WORDS_TEXT_H

#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct words_text;

/* Writes about so many bytes to the file.  NULL when they cannot be written. */
struct words_text *words_text_write(FILE *to, uint64_t bytes);

/* How many words it has, and how many bytes they are with what is between them. */
uint64_t words_text_count(const struct words_text *text);
uint64_t words_text_bytes(const struct words_text *text);

/*
 * What `weir-words --all` says of it: each word with its count, most frequent first and equal
 * ones by the alphabet.
 */
void words_text_tell(const struct words_text *text, FILE *to);

void words_text_free(struct words_text *text);

#ifdef __cplusplus
}
#endif

#endif
