/*
 * Goal: what is in a bunch is found by its number, the oldest first, however many share it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a few nodes by hand; then at random against plain lists.
 */
#include "memory/bunch.h"

#include "base/check.h"
#include "base/rng.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/memory.h"

enum { NODES = 300, NUMBERS = 12 };

struct house {
    struct test_memory memory;
    struct weir__index index;
    struct weir__bunch_node nodes[NODES];
    struct weir__bunch_node *lines[NUMBERS][NODES]; /* as it should be, oldest first */
    size_t counts[NUMBERS];
    size_t line[NODES]; /* the node's, NUMBERS: none */
};

static int open_house(void **state) {
    static struct house house;
    house = (struct house){0};
    for (size_t i = 0; i < NODES; i++) house.line[i] = NUMBERS;
    test_memory_open(&house.memory);
    weir__index_open(&house.index, &house.memory.allocator);
    *state = &house;
    return 0;
}

static int close_house(void **state) {
    struct house *house = *state;
    weir__index_close(&house->index);
    test_memory_close(&house->memory);
    return 0;
}

static void add(struct house *house, size_t i, size_t number) {
    weir__bunch_add(&house->index, &house->nodes[i], number);
    house->lines[number][house->counts[number]++] = &house->nodes[i];
    house->line[i] = number;
}

static void take(struct house *house, size_t i) {
    size_t number = house->line[i];
    struct weir__bunch_node **line = house->lines[number];
    size_t at = 0;
    while (line[at] != &house->nodes[i]) at++;
    house->counts[number]--;
    for (; at < house->counts[number]; at++) line[at] = line[at + 1];
    house->line[i] = NUMBERS;
    weir__bunch_remove(&house->index, &house->nodes[i]);
}

static void check(const struct house *house, size_t number) {
    struct weir__bunch_node *node = weir__bunch_first(&house->index, number);
    assert_ptr_equal(node, house->counts[number] == 0 ? NULL : house->lines[number][0]);
    for (size_t i = 0; i < house->counts[number]; i++, node = node->next) {
        assert_ptr_equal(node, house->lines[number][i]);
        assert_int_equal(node->first, i == 0);
        assert_int_equal(node->index.number, number);
    }
    assert_true(node == NULL || node->first); /* a ring */
    WEIR__VERIFY(weir__bunch_check(&house->index));
}

static void the_oldest_of_a_number_is_first(void **state) {
    struct house *house = *state;
    check(house, 3);
    for (size_t i = 0; i < 4; i++) add(house, i, 3);
    add(house, 4, 5);
    take(house, 1);
    check(house, 3);
    take(house, 0);
    check(house, 3);
    take(house, 3);
    take(house, 2);
    check(house, 3);
    check(house, 5);
    assert_int_equal(house->index.count, 1);
}

static void any_order_at_random(void **state) {
    struct house *house = *state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 11);
    for (size_t step = 0; step < 20000; step++) {
        size_t i = (size_t)weir__rng_below(&rng, NODES);
        if (house->line[i] < NUMBERS) {
            take(house, i);
        } else {
            add(house, i, (size_t)weir__rng_below(&rng, NUMBERS));
        }
        check(house, (size_t)weir__rng_below(&rng, NUMBERS));
    }
}

static void without_memory(void **state) {
    struct house *house = *state;
    test_memory_fail(&house->memory, 1, true);
    for (size_t i = 0; i < NODES; i++) add(house, i, i % NUMBERS);
    for (size_t number = 0; number < NUMBERS; number++) check(house, number);
    for (size_t i = 0; i < NODES; i += 2) take(house, i);
    for (size_t number = 0; number < NUMBERS; number++) check(house, number);
}

static void two_are_first(void *argument) {
    struct house *house = argument;
    house->nodes[1].first = true;
    WEIR__VERIFY(weir__bunch_check(&house->index));
}

static void none_is_first(void *argument) {
    struct house *house = argument;
    house->nodes[0].first = false;
    WEIR__VERIFY(weir__bunch_check(&house->index));
}

static void a_stranger_is_among_them(void *argument) {
    struct house *house = argument;
    house->nodes[2].index.number = 4;
    WEIR__VERIFY(weir__bunch_check(&house->index));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {two_are_first, "!last->first"},
        {none_is_first, "first->first"},
        {a_stranger_is_among_them, "last->index.number == first->index.number"},
    };
    if (!WEIR__CHECKED) skip();
    struct house *house = *state;
    for (size_t i = 0; i < 3; i++) add(house, i, 3);
    add(house, 3, 4);
    WEIR__VERIFY(weir__bunch_check(&house->index));
    TEST_BREAKAGES(breakages, house);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_of_a_number_is_first, open_house, close_house),
        cmocka_unit_test_setup_teardown(any_order_at_random, open_house, close_house),
        cmocka_unit_test_setup_teardown(without_memory, open_house, close_house),
        cmocka_unit_test_setup_teardown(the_checker_says_what_is_broken, open_house, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
