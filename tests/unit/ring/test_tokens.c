/*
 * Tokens: places that are given out and claimed once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a token is claimed once, by its own name and no other; places are used again, and their
 * old names mean nothing; without memory or serials nothing has changed.
 * Method: a table alone; threads that hand tokens to each other.
 */
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include "base/check.h"
#include "ring/tokens.h"

#include <pthread.h>
#include <string.h>

static struct test_memory memory;
static struct weir__tokens tokens;

static void open_tokens(void) {
    test_memory_open(&memory);
    memset(&tokens, 0, sizeof tokens);
    weir__tokens_open(&tokens, &memory.allocator);
}

static void close_tokens(void) {
    weir__tokens_close(&tokens);
    test_memory_close(&memory);
}

static const weir_ref stage = {77};

static void each_is_claimed_once(void **state) {
    (void)state;
    open_tokens();
    struct weir__token *place = weir__tokens_take(&tokens);
    weir_token token = weir__token_out(place, stage);
    assert_true(token.bits != 0);
    assert_ptr_equal(weir__tokens_claim(&tokens, token), place);
    assert_int_equal(place->mail.kind, WEIR__MAIL_TOKEN);
    assert_int_equal(place->mail.to.bits, stage.bits);
    assert_null(weir__tokens_claim(&tokens, token));
    weir__tokens_give(&tokens, place);
    assert_ptr_equal(weir__tokens_take(&tokens), place);
    weir_token next = weir__token_out(place, stage);
    assert_null(weir__tokens_claim(&tokens, token)); /* the old name */
    assert_ptr_equal(weir__tokens_claim(&tokens, next), place);
    close_tokens();
}

static void names_that_somebody_made_up(void **state) {
    (void)state;
    open_tokens();
    assert_null(weir__tokens_claim(&tokens, (weir_token){0}));
    assert_null(weir__tokens_claim(&tokens, (weir_token){1, 0}));
    assert_null(weir__tokens_claim(&tokens, (weir_token){UINT64_MAX, UINT32_MAX}));
    struct weir__token *place = weir__tokens_take(&tokens);
    weir_token token = weir__token_out(place, stage);
    for (unsigned bit = 0; bit < 64; bit++) { /* also one that a word has no room for */
        weir_token other = {token.bits ^ UINT64_C(1) << bit, token.place};
        assert_null(weir__tokens_claim(&tokens, other));
    }
    assert_ptr_equal(weir__tokens_claim(&tokens, token), place);
    token = weir__token_out(place, stage);
    token.place++;
    assert_null(weir__tokens_claim(&tokens, token)); /* a place that was never taken */
    token.place += 1000;                             /* nor one of a chunk that was made */
    assert_null(weir__tokens_claim(&tokens, token));
    close_tokens();
}

static void many_are_out(void **state) {
    (void)state;
    enum { MANY = 3000 };
    static weir_token out[MANY];
    open_tokens();
    for (uint32_t i = 0; i < MANY; i++) {
        out[i] = weir__token_out(weir__tokens_take(&tokens), (weir_ref){i + 1});
    }
    uint64_t calls = memory.calls;
    for (uint32_t i = 0; i < MANY; i++) {
        struct weir__token *place = weir__tokens_claim(&tokens, out[i]);
        assert_non_null(place);
        assert_int_equal(place->mail.to.bits, i + 1);
        weir__tokens_give(&tokens, place);
    }
    for (uint32_t i = 0; i < MANY; i++) assert_non_null(weir__tokens_take(&tokens));
    assert_int_equal(memory.calls, calls); /* places are used again */
    close_tokens();
}

static void without_memory_or_serials(void **state) {
    (void)state;
    open_tokens();
    test_memory_fail(&memory, 1, false);
    assert_null(weir__tokens_take(&tokens));
    struct weir__token *place = weir__tokens_take(&tokens);
    assert_non_null(place);
    uint64_t last = weir__token_serials.last;
    weir__token_serials.last = weir__token_serials.used;
    assert_int_equal(weir__token_out(place, stage).bits, 0);
    weir__token_serials.last = last;
    weir__token_serials.used -= 1;
    assert_true(weir__token_out(place, stage).bits != 0);
    close_tokens();
}

/* ---- threads ------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20000, SHARED = 8 };

static struct {
    uint64_t bits;  /* atomic */
    uint32_t place; /* atomic, before bits */
} shared[SHARED];
static uint32_t given, claimed; /* atomic */
/* Atomic: the place's token was claimed.  Takes that meet may each make a place. */
static uint32_t taken_back[THREADS * ROUNDS];

/* One that is claimed again is not given back again: the list of free ones would be a ring. */
static void try_claim(weir_token token) {
    struct weir__token *place = weir__tokens_claim(&tokens, token);
    if (place == NULL) return;
    weir__fetch_add_u32(&claimed, 1);
    if (weir__exchange_u32(&taken_back[place->place], 1) == 0) weir__tokens_give(&tokens, place);
}

/* Each leaves tokens where others find them; of several that claim one, one does. */
static void *hand_on(void *argument) {
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t at = (seed = seed * 1103515245u + 12345u) / 65536 % SHARED;
        uint64_t bits = weir__load_acquire_u64(&shared[at].bits);
        weir_token found = {bits, weir__load_relaxed_u32(&shared[at].place)};
        if (bits != 0) try_claim(found);
        struct weir__token *place = weir__tokens_take(&tokens);
        weir__store_relaxed_u32(&taken_back[place->place], 0);
        weir_token token = weir__token_out(place, stage);
        weir__fetch_add_u32(&given, 1);
        if (i % 2 == 0) {
            weir__store_relaxed_u32(&shared[at].place, token.place);
            weir__store_release_u64(&shared[at].bits, token.bits);
        }
        try_claim(token);
    }
    return NULL;
}

static void threads_claim_each_once(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    open_tokens();
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, hand_on, (void *)(i + 1));
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(given, THREADS * ROUNDS);
    assert_int_equal(claimed, given);
    close_tokens();
}

static void out_to_nobody(void *argument) {
    struct weir__token *token = argument;
    token->mail.to.bits = 0;
    WEIR__VERIFY(weir__tokens_check(&tokens));
}

static void in_another_place(void *argument) {
    struct weir__token *token = argument;
    token->place++;
    WEIR__VERIFY(weir__tokens_check(&tokens));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {out_to_nobody, "(word & 1) == 0 || token->mail.to.bits != 0"},
        {in_another_place, "token->place == place || word == 0"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    open_tokens();
    struct weir__token *place = weir__tokens_take(&tokens);
    assert_true(weir__token_out(place, stage).bits != 0);
    WEIR__VERIFY(weir__tokens_check(&tokens));
    TEST_BREAKAGES(breakages, place);
    close_tokens();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_claimed_once),
        cmocka_unit_test(names_that_somebody_made_up),
        cmocka_unit_test(many_are_out),
        cmocka_unit_test(without_memory_or_serials),
        cmocka_unit_test(threads_claim_each_once),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
