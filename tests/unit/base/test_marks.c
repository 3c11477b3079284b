/*
 * Goal: what was marked is found in order, and nothing else is.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: random sets and clears against an array of bool, below bounds around every
 * size of word and of word of words.
 */
#include "base/marks.h"

#include "base/rng.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 9000 };

static void check(const struct weir__marks *marks, uint32_t count, const bool *plain) {
    uint32_t expected = 0;
    for (uint32_t word = weir__marks_next_word(marks, 0); word < marks->size;
         word = weir__marks_next_word(marks, word + 1)) {
        assert_true(marks->words[word] != 0);
        for (uint64_t left = marks->words[word]; left != 0; left &= left - 1) {
            uint32_t found = word * 64 + (uint32_t)__builtin_ctzll(left);
            while (expected < count && !plain[expected]) expected++;
            assert_int_equal(found, expected++);
        }
    }
    while (expected < count && !plain[expected]) expected++;
    assert_int_equal(expected, count);
    assert_int_equal(weir__marks_next_word(marks, marks->size), marks->size);
}

static void agree_with_an_array(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 63, 64, 65, 4095, 4096, 4097, MOST};
    static bool plain[MOST];
    struct weir__rng rng;
    weir__rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint32_t count = counts[i];
        void *memory = calloc(1, weir__marks_bytes(count));
        assert_non_null(memory);
        struct weir__marks marks;
        weir__marks_open(&marks, memory, count);
        memset(plain, 0, sizeof plain);
        check(&marks, count, plain);
        for (int step = 0; step < 300; step++) {
            uint32_t number = (uint32_t)weir__rng_below(&rng, count);
            plain[number] = weir__rng_below(&rng, 2) == 0;
            (plain[number] ? weir__marks_set : weir__marks_clear)(&marks, number);
            if (step % 10 == 0) check(&marks, count, plain);
        }
        for (uint32_t number = 0; number < count; number++) {
            weir__marks_clear(&marks, number);
            plain[number] = false;
        }
        check(&marks, count, plain);
        weir__marks_set(&marks, count - 1);
        plain[count - 1] = true;
        check(&marks, count, plain);
        weir__marks_clear_word(&marks, (count - 1) / 64);
        plain[count - 1] = false;
        check(&marks, count, plain);
        free(memory);
    }
}

/* A walk over few of many looks at few words: of the others, nothing is left above. */
static void nothing_is_left_above(void **state) {
    (void)state;
    void *memory = calloc(1, weir__marks_bytes(MOST));
    assert_non_null(memory);
    struct weir__marks marks;
    weir__marks_open(&marks, memory, MOST);
    for (uint32_t i = 0; i < MOST; i++) weir__marks_set(&marks, i);
    for (uint32_t i = 0; i < MOST; i++) weir__marks_clear(&marks, i);
    for (size_t i = 0; i < weir__marks_bytes(MOST) / sizeof(uint64_t); i++) {
        assert_true(marks.words[i] == 0);
    }
    free(memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree_with_an_array),
        cmocka_unit_test(nothing_is_left_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
