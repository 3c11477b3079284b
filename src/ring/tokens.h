/*
 * Tokens: work for a stage that is under way elsewhere.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A token names a place in a table that only grows, and the serial that the place has
 * meanwhile.  Whoever gives it out takes a place; whoever gives it back claims it once, and
 * sends its mail to the stage's worker, who counts it off and gives the place back.
 *
 *   word = serial << 1 | out;    the serial (base/serial.h) is the token's alone
 *
 *   FREE         in the free list, or in the hands of who takes or returns the place
 *   OUT          word is odd: from giving out until somebody claims it
 *   RETURNING    its mail is on its way
 *
 *   writers of word    who takes the place -> OUT; who claims (CAS) OUT -> even
 *   writers of mail    who takes the place (to); who has claimed it, then the worker
 *
 * Ordering
 *   B1 -> B2  OUT (release) -> claimed (acquire): whose token it is.
 *   C1 -> C2  of ring/chunks.h: the place is zeroed.
 *   Z1 -> Z2  of ring/free_list.h: the place is used no more.
 * Progress: lock-free but for memory.  Wrap: none: a name that was given back, or never given out,
 * is not OUT and changes nothing; one that is no serial is refused before it is made a word.
 */
#ifndef WEIR__RING_TOKENS_H
#define WEIR__RING_TOKENS_H

#include "base/serial.h"
#include "ring/chunks.h"
#include "ring/mail.h"

struct weir__token {
    struct weir__mail mail; /* kind TOKEN */
    uint64_t word;          /* atomic */
    uint32_t place;
    ck_stack_entry_t free_link;
};

struct weir__tokens {
    struct weir__chunks places;
    WEIR__APART ck_stack_t free;
};

void weir__tokens_open(struct weir__tokens *tokens, const struct weir__allocator *allocator);
void weir__tokens_close(struct weir__tokens *tokens);

/* The process's serials of tokens.  For tests: they may be set near to their end. */
extern struct weir__serials weir__token_serials;

/* A place, in the caller's hands.  NULL: no memory, or too many are out. */
struct weir__token *weir__tokens_take(struct weir__tokens *tokens);

/* Gives the place out, for that stage.  {0}: there are no more serials, and nothing has
 * changed. */
weir_token weir__token_out(struct weir__token *token, weir_ref stage);

/* The place, whose mail the caller is to send; NULL: the token is not out. */
struct weir__token *weir__tokens_claim(const struct weir__tokens *tokens, weir_token token);

/* At a quiet point.  Returns how many are out, as far as it looks. */
uint32_t weir__tokens_check(const struct weir__tokens *tokens);

/* The place is nobody's: its mail has come, or it was not given out. */
void weir__tokens_give(struct weir__tokens *tokens, struct weir__token *token);

static inline struct weir__token *weir__token_of(struct weir__mail *mail) {
    return (struct weir__token *)(void *)mail; /* mail is the first member */
}

#endif
