/*
 * Goal: what is in an index is found by its number, and nothing else is, with memory
 * and without.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: numbers counted up by many steps, and at random against a plain array; then
 * with an allocator that fails.  What it costs is counted in steps along chains.
 */
#include "memory/index.h"

#include "base/check.h"
#include "base/rng.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/memory.h"

enum { NODES = 5000 };

struct thing {
    int before; /* so that a node is not where its thing begins */
    struct weir__index_node node;
    bool in;
};

struct house {
    struct test_memory memory;
    struct weir__index index;
    struct thing things[NODES];
    size_t gone;
};

static int open_house(void **state) {
    static struct house house;
    house = (struct house){0};
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

static struct thing *find(const struct house *house, uint64_t number) {
    return WEIR__INDEX_FIND(&house->index, number, struct thing, node);
}

static void add(struct house *house, size_t i, uint64_t number) {
    weir__index_add(&house->index, &house->things[i].node, number);
    house->things[i].in = true;
}

static void take(struct house *house, size_t i) {
    weir__index_remove(&house->index, &house->things[i].node);
    house->things[i].in = false;
}

/* The longest chain: what the slowest find goes through. */
static size_t longest(const struct house *house) {
    size_t most = 0;
    for (size_t i = 0; i < NODES; i++) {
        size_t steps = 0;
        const struct weir__index_node *node = &house->things[i].node;
        for (; house->things[i].in && node != NULL; node = node->next) steps++;
        most = steps > most ? steps : most;
    }
    return most;
}

static void a_few_need_no_memory(void **state) {
    struct house *house = *state;
    assert_null(find(house, 0));
    for (size_t i = 0; i < 8; i++) add(house, i, i);
    for (size_t i = 0; i < 8; i++) assert_ptr_equal(find(house, i), &house->things[i]);
    assert_null(find(house, 8));
    for (size_t i = 0; i < 8; i++) take(house, i);
    assert_null(find(house, 3));
    assert_int_equal(house->memory.calls, 0);
}

static void counted_up_by_any_step(void **state) {
    struct house *house = *state;
    static const uint64_t steps[] = {
        1, 2, 3, 7, 16, 64, 100, 1000, 1 << 20, (uint64_t)1 << 32, (uint64_t)1 << 44};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        for (size_t i = 0; i < NODES; i++) add(house, i, i * steps[s] + s);
        assert_int_equal(house->index.count, NODES);
        for (size_t i = 0; i < NODES; i++) {
            assert_ptr_equal(find(house, i * steps[s] + s), &house->things[i]);
        }
        assert_null(find(house, (uint64_t)NODES * steps[s] + s));
        assert_in_range(longest(house), 1, 12);
        for (size_t i = 0; i < NODES; i++) take(house, i);
        assert_int_equal(house->index.count, 0);
    }
}

static void tables_are_few_and_go_when_empty(void **state) {
    struct house *house = *state;
    for (size_t i = 0; i < NODES; i++) add(house, i, i);
    assert_in_range(house->memory.calls, 1, 8);
    assert_int_equal(house->memory.live, 1);
    for (size_t i = 0; i < NODES; i++) take(house, i);
    assert_int_equal(house->memory.live, 0);
    for (size_t i = 0; i < 20; i++) add(house, i, i); /* a small one is kept */
    for (size_t i = 0; i < 20; i++) take(house, i);
    assert_int_equal(house->memory.live, 1);
}

static void any_order_at_random(void **state) {
    struct house *house = *state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 7);
    uint64_t numbers[NODES] = {0};
    for (size_t step = 0; step < 100000; step++) {
        size_t i = (size_t)weir__rng_below(&rng, NODES);
        if (house->things[i].in) {
            assert_ptr_equal(find(house, numbers[i]), &house->things[i]);
            take(house, i);
            assert_null(find(house, numbers[i]));
        } else {
            numbers[i] = weir__rng_next(&rng) / NODES * NODES + i; /* no two are the same */
            add(house, i, numbers[i]);
        }
    }
    for (size_t i = 0; i < NODES; i++) {
        assert_ptr_equal(find(house, numbers[i]), house->things[i].in ? &house->things[i] : NULL);
    }
}

static void without_memory_it_goes_on(void **state) {
    struct house *house = *state;
    for (size_t i = 0; i < 100; i++) add(house, i, i);
    test_memory_fail(&house->memory, 1, true);
    for (size_t i = 100; i < NODES; i++) add(house, i, i);
    for (size_t i = 0; i < NODES; i++) assert_ptr_equal(find(house, i), &house->things[i]);
    test_memory_fail_never(&house->memory);
    take(house, 0);
    add(house, 0, 0); /* grows at last */
    for (size_t i = 0; i < NODES; i++) assert_ptr_equal(find(house, i), &house->things[i]);
    for (size_t i = 0; i < NODES; i++) take(house, i);
}

static void without_any_memory_at_all(void **state) {
    struct house *house = *state;
    test_memory_fail(&house->memory, 1, true);
    for (size_t i = 0; i < 1000; i++) add(house, i, i);
    for (size_t i = 0; i < 1000; i++) assert_ptr_equal(find(house, i), &house->things[i]);
    for (size_t i = 0; i < 1000; i++) take(house, i);
    assert_int_equal(house->memory.live, 0);
}

static void several_of_one_number(void **state) {
    struct house *house = *state;
    for (size_t i = 0; i < NODES; i++) add(house, i, i % 1000);
    for (size_t number = 0; number < 1000; number++) {
        size_t found = 0;
        struct weir__index_node *node = weir__index_find(&house->index, number);
        for (; node != NULL; node = weir__index_next(node)) {
            assert_int_equal(node->number, number);
            found++;
        }
        assert_int_equal(found, NODES / 1000);
    }
    for (size_t i = 0; i < NODES; i++) take(house, i);
    assert_null(find(house, 7));
}

static void count_gone(void *context, struct weir__index_node *node) {
    struct house *house = context;
    struct thing *thing = weir__index_owner(node, offsetof(struct thing, node));
    assert_true(thing->in);
    thing->in = false;
    house->gone++;
}

static void emptied_at_once(void **state) {
    struct house *house = *state;
    static const size_t counts[] = {0, 1, 8, 9, 100, NODES};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (size_t i = 0; i < counts[c]; i++) add(house, i, i * 3);
        house->gone = 0;
        weir__index_empty(&house->index, count_gone, house);
        assert_int_equal(house->gone, counts[c]);
        assert_int_equal(house->index.count, 0);
        assert_null(find(house, 0));
    }
    assert_int_equal(house->memory.live, 0); /* the last one was large */
}

static void miscount_nodes(void *index) {
    ((struct weir__index *)index)->count++;
    WEIR__VERIFY(weir__index_check(index));
}

static void change_a_number(void *index) {
    struct weir__index_node *node = weir__index_find(index, 7);
    node->number += 1 << 20;
    WEIR__VERIFY(weir__index_check(index));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {miscount_nodes, "found == index->count"},
        {change_a_number, "chain_of(index, node->number) == chain"},
    };
    if (!WEIR__CHECKED) skip();
    struct house *house = *state;
    for (size_t i = 0; i < 20; i++) add(house, i, i);
    WEIR__VERIFY(weir__index_check(&house->index));
    TEST_BREAKAGES(breakages, &house->index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_few_need_no_memory, open_house, close_house),
        cmocka_unit_test_setup_teardown(counted_up_by_any_step, open_house, close_house),
        cmocka_unit_test_setup_teardown(tables_are_few_and_go_when_empty, open_house, close_house),
        cmocka_unit_test_setup_teardown(any_order_at_random, open_house, close_house),
        cmocka_unit_test_setup_teardown(without_memory_it_goes_on, open_house, close_house),
        cmocka_unit_test_setup_teardown(without_any_memory_at_all, open_house, close_house),
        cmocka_unit_test_setup_teardown(several_of_one_number, open_house, close_house),
        cmocka_unit_test_setup_teardown(emptied_at_once, open_house, close_house),
        cmocka_unit_test_setup_teardown(the_checker_says_what_is_broken, open_house, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
