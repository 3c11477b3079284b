/*
 * Tokens: see tokens.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/tokens.h"

#include "base/check.h"
#include "ring/free_list.h"

/* What is above has bits that a word has no room for. */
#define SERIAL_MOST ((UINT64_C(1) << 60) - 1)

struct weir__serials weir__token_serials = {.last = SERIAL_MOST};

void weir__tokens_open(struct weir__tokens *tokens, const struct weir__allocator *allocator) {
    weir__chunks_open(&tokens->places, allocator, sizeof(struct weir__token));
    ck_stack_init(&tokens->free);
}

void weir__tokens_close(struct weir__tokens *tokens) {
    weir__chunks_close(&tokens->places);
}

struct weir__token *weir__tokens_take(struct weir__tokens *tokens) {
    ck_stack_entry_t *entry = weir__free_list_take(&tokens->free); /* Z1 -> Z2 */
    if (entry != NULL) {
        return WEIR__CONTAINER_OF(entry, struct weir__token, free_link);
    }
    uint32_t place;
    struct weir__token *token = weir__chunks_take(&tokens->places, &place);
    if (token != NULL) {
        token->place = place;
    }
    return token;
}

weir_token weir__token_out(struct weir__token *token, weir_ref stage) {
    uint64_t serial = weir__serials_draw(&weir__token_serials, 1);
    if (serial == 0) {
        return (weir_token){0};
    }
    token->mail.kind = WEIR__MAIL_TOKEN;
    token->mail.to = stage;
    weir__store_release_u64(&token->word, serial << 1 | 1); /* B1 -> B2 */
    return (weir_token){.bits = serial, .place = token->place};
}

struct weir__token *weir__tokens_claim(const struct weir__tokens *tokens, weir_token token) {
    struct weir__token *place =
        weir__chunks_at(&tokens->places, token.place, sizeof(struct weir__token));
    if (place == NULL || token.bits == 0 || token.bits > SERIAL_MOST) {
        return NULL;
    }
    uint64_t expected = token.bits << 1 | 1;
    return weir__cas_u64(&place->word, &expected, token.bits << 1) ? place : NULL; /* B1 -> B2 */
}

void weir__tokens_give(struct weir__tokens *tokens, struct weir__token *token) {
    weir__free_list_give(&tokens->free, &token->free_link); /* Z1 -> Z2 */
}

#if WEIR__CHECKED
uint32_t weir__tokens_check(const struct weir__tokens *tokens) {
    uint32_t used = weir__chunks_used(&tokens->places); /* C5 -> C6: their chunks are there */
    uint32_t out = 0;
    for (uint32_t place = 0; place < used && place < WEIR__CHECK_MOST; place++) {
        const struct weir__token *token = weir__chunks_at(&tokens->places, place, sizeof *token);
        WEIR__CHECK(token != NULL);
        uint64_t word = weir__load_relaxed_u64(&token->word);
        WEIR__CHECK(token->place == place || word == 0); /* a taker that is slow */
        WEIR__CHECK(word == 0 || word >> 1 != 0);
        WEIR__CHECK((word & 1) == 0 || token->mail.to.bits != 0);
        out += word & 1;
    }
    return out;
}
#endif
