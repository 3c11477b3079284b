/*
 * The table of a window stage's accumulators, against a list.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what was added is found until it is taken out, with what was written to it, however many
 * stand beside each other; there are never more than may be; without memory nothing changes.
 * Method: keys drawn from few, so that they meet; after each step table and list are compared.
 */
#include "base/check.h"
#include "base/rng.h"
#include "parts/window_table.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <string.h>

enum { KEYS = 40, BEGINS = 5, STEPS = 20000, MOST = 90 };

static struct test_memory memory;
static struct weir__window_table table;
static uint64_t expected[KEYS][BEGINS]; /* what its accumulator has; 0: it is not there */

static void open_table(bool by_key) {
    memset(expected, 0, sizeof expected);
    test_memory_open(&memory);
    weir__window_table_open(&table, &memory.allocator, sizeof(uint64_t), MOST, by_key);
}

static void close_table(void) {
    weir__window_table_close(&table);
    test_memory_close(&memory);
}

static uint64_t *value_of(struct weir__windowed *one) {
    return (uint64_t *)(void *)one->accumulator;
}

static void compare(void) {
    size_t count = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        for (uint64_t begin = 0; begin < BEGINS; begin++) {
            struct weir__windowed *one = weir__window_find(&table, key, begin);
            assert_int_equal(one != NULL, expected[key][begin] != 0);
            if (one == NULL) continue;
            assert_int_equal(*value_of(one), expected[key][begin]);
            assert_true(one->key == key && one->begin == begin && one->end == begin + 7);
            count++;
        }
    }
    assert_int_equal(table.count, count);
    WEIR__VERIFY(weir__window_table_check(&table));
}

static void what_was_added_is_found_until_it_is_taken_out(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 11);
    open_table(false);
    for (uint64_t step = 1; step <= STEPS; step++) {
        uint64_t key = weir__rng_below(&rng, KEYS);
        uint64_t begin = weir__rng_below(&rng, BEGINS);
        struct weir__windowed *one = weir__window_find(&table, key, begin);
        if (one != NULL) {
            weir__window_take_out(&table, one);
            expected[key][begin] = 0;
        } else if ((one = weir__window_add(&table, key, begin, begin + 7)) != NULL) {
            assert_true(one->count == 0 && *value_of(one) == 0);
            assert_int_equal(one->state, WEIR__WINDOW_OPEN);
            *value_of(one) = expected[key][begin] = step;
        } else {
            assert_int_equal(table.count, MOST);
        }
        if (step % 16 == 0) compare();
    }
    close_table();
}

/* By the key alone: its windows follow each other. */
static void a_keys_windows_are_found_one_after_the_other(void **state) {
    (void)state;
    open_table(true);
    for (uint64_t i = 0; i < 60; i++) {
        struct weir__windowed *one = weir__window_add(&table, i % 7, i, i + 1);
        assert_non_null(one);
    }
    for (uint64_t key = 0; key < 7; key++) {
        uint64_t begins = 0;
        struct weir__windowed *one = weir__window_first_of(&table, key);
        for (; one != NULL; one = weir__window_next_of(&table, one)) {
            assert_int_equal(one->key, key);
            begins |= UINT64_C(1) << one->begin;
        }
        for (uint64_t i = 0; i < 60; i++) {
            assert_int_equal((begins & UINT64_C(1) << i) != 0, i % 7 == key);
        }
    }
    close_table();
}

static void without_memory_it_stays_as_it_is(void **state) {
    (void)state;
    open_table(false);
    uint64_t key = 0;
    for (; table.count < 48; key++) {
        struct weir__windowed *one =
            weir__window_add(&table, key % KEYS, key / KEYS, key / KEYS + 7);
        assert_non_null(one);
        *value_of(one) = expected[key % KEYS][key / KEYS] = key + 1;
    }
    test_memory_fail(&memory, 1, true);
    assert_null(weir__window_add(&table, key % KEYS, key / KEYS, key / KEYS + 7));
    compare();
    test_memory_fail_never(&memory);
    assert_non_null(weir__window_add(&table, key % KEYS, key / KEYS, key / KEYS + 7));
    close_table();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_taken_out),
        cmocka_unit_test(a_keys_windows_are_found_one_after_the_other),
        cmocka_unit_test(without_memory_it_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
