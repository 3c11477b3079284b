/*
 * The line: who stands where, and what it is kept in.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the order is that of a plain sorted array, whatever moves, and no move walks far.
 * Method: random joins, moves and leaves, in phases in which all have nearly the same
 * number or all a different one, so that the tree is made and given up; after each
 * step the list, its groups and the tree are held against an array.  The depth of the
 * tree bounds the steps of a search, and a walk without a tree passes few groups.
 */
#include "dispatch/line.h"

#include "base/check.h"
#include "base/rng.h"
#include "support/aborts.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 300, SHORT = 16 };

struct model {
    struct weir__line line;
    struct weir__place places[PLACES];
    size_t order[PLACES]; /* indices, as they stand */
    uint64_t numbers[PLACES];
    size_t count;
    uint64_t trees; /* that were made */
    uint64_t given_up;
};

/* ---- the array ------------------------------------------------------------ */

static size_t at_of(const struct model *model, size_t index) {
    size_t at = 0;
    while (at < model->count && model->order[at] != index) at++;
    return at;
}

static void take_out(struct model *model, size_t index) {
    size_t at = at_of(model, index);
    assert_true(at < model->count);
    model->count--;
    memmove(&model->order[at], &model->order[at + 1], (model->count - at) * sizeof model->order[0]);
}

static void put_in(struct model *model, size_t index, uint64_t number) {
    size_t at = 0;
    while (at < model->count && model->numbers[model->order[at]] >= number) at++;
    memmove(&model->order[at + 1], &model->order[at], (model->count - at) * sizeof model->order[0]);
    model->count++;
    model->order[at] = index;
    model->numbers[index] = number;
}

/* ---- what always holds ------------------------------------------------------ */

static void check_list(const struct model *model) {
    const struct weir__place *before = NULL;
    const struct weir__place *place = model->line.first;
    for (size_t at = 0; at < model->count; at++) {
        size_t index = model->order[at];
        assert_ptr_equal(place, &model->places[index]);
        assert_true(place->number == model->numbers[index]);
        assert_ptr_equal(place->before, before);
        before = place;
        place = place->after;
    }
    assert_null(place);
    assert_ptr_equal(model->line.last, before);
    assert_int_equal(model->line.count, model->count);
}

static void check_groups(const struct model *model) {
    for (const struct weir__place *first = model->line.first; first;) {
        const struct weir__place *last = first;
        while (last->after && last->after->number == first->number) last = last->after;
        assert_ptr_equal(first->end, last);
        assert_ptr_equal(last->end, first);
        first = last->after;
    }
}

/* Walks the tree in order beside the list.  Returns its depth. */
static size_t check_tree(const struct weir__place *place, const struct weir__place *parent,
                         const struct weir__place **list) {
    if (place == NULL) return 0;
    assert_ptr_equal(place->parent, parent);
    size_t left = check_tree(place->child[0], place, list);
    assert_ptr_equal(place, *list);
    *list = place->after;
    size_t right = check_tree(place->child[1], place, list);
    return 1 + (left > right ? left : right);
}

static size_t depth(const struct weir__line *line) {
    const struct weir__place *list = line->first;
    size_t steps = check_tree(line->root, NULL, &list);
    if (line->root != NULL) assert_null(list);
    return steps;
}

static void check(const struct model *model) {
    check_list(model);
    check_groups(model);
    (void)depth(&model->line);
    WEIR__VERIFY(weir__line_check(&model->line));
}

/* ---- steps ------------------------------------------------------------------ */

static void move(struct model *model, size_t index, uint64_t number) {
    struct weir__line *line = &model->line;
    struct weir__place *place = &model->places[index];
    bool tree = line->root != NULL;
    bool done = number > place->number ? weir__line_raise(line, place, number)
                                       : weir__line_lower(line, place, number);
    if (!done) weir__line_move(line, place, number);
    model->trees += !tree && line->root != NULL;
    model->given_up += tree && line->root == NULL;
    take_out(model, index);
    put_in(model, index, number);
}

static void step(struct model *model, uint64_t numbers, struct weir__rng *rng) {
    size_t index = (size_t)weir__rng_below(rng, PLACES);
    uint64_t number = weir__rng_below(rng, numbers);
    bool there = at_of(model, index) < model->count;
    if (!there) {
        weir__line_join(&model->line, &model->places[index], number);
        put_in(model, index, number);
    } else if (weir__rng_below(rng, 12) == 0) {
        weir__line_leave(&model->line, &model->places[index]);
        take_out(model, index);
    } else if (number != model->numbers[index]) {
        move(model, index, number);
    }
}

static void agrees_with_a_sorted_array(void **state) {
    (void)state;
    static const uint64_t numbers[] = {1, 2, 5, 40, 1000000, UINT64_MAX};
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct weir__rng rng;
        weir__rng_seed(&rng, seed);
        struct model model;
        memset(&model, 0, sizeof model);
        for (int phase = 0; phase < 12; phase++) {
            uint64_t choice = weir__rng_below(&rng, sizeof numbers / sizeof *numbers);
            for (int i = 0; i < 400; i++) {
                step(&model, numbers[choice], &rng);
                check(&model);
            }
        }
        while (model.count > 0) {
            weir__line_leave(&model.line, &model.places[model.order[model.count / 2]]);
            take_out(&model, model.order[model.count / 2]);
            check(&model);
        }
        assert_null(model.line.first);
        assert_null(model.line.root);
    }
}

static void equals_stand_in_the_order_they_came(void **state) {
    (void)state;
    struct model model;
    memset(&model, 0, sizeof model);
    for (size_t i = 0; i < PLACES; i++) {
        weir__line_join(&model.line, &model.places[i], i % 3);
        put_in(&model, i, i % 3);
    }
    check(&model);
    assert_null(model.line.root); /* three groups: no walk is long */
    for (size_t i = 0; i < PLACES; i++) move(&model, i, 3);
    check(&model);
    for (size_t i = 0; i < PLACES; i++) assert_int_equal(model.order[i], i);
    assert_null(model.line.root);
}

/* ---- how far it walks -------------------------------------------------------- */

enum { MANY = 20000 };

static void fill(struct weir__line *line, struct weir__place *places) {
    for (size_t i = 0; i < MANY; i++) {
        uint64_t number = i * 7919 % MANY; /* each another one */
        weir__line_join(line, &places[i], number);
    }
}

/* A search takes as many steps as the tree is deep: some multiple of log n. */
static void many_numbers_are_found_by_a_shallow_tree(void **state) {
    (void)state;
    struct weir__line line = {0};
    struct weir__place *places = calloc(MANY, sizeof *places);
    assert_non_null(places);
    fill(&line, places);
    assert_non_null(line.root);
    assert_in_range(depth(&line), 15, 75); /* log2 n is 14.3 */
    for (size_t i = 0; i < MANY; i++) weir__line_move(&line, &places[i], (i * 31) % MANY * 2 + 1);
    assert_in_range(depth(&line), 15, 75);
    const struct weir__place *place = line.first;
    for (; place->after; place = place->after) assert_true(place->number >= place->after->number);
    free(places);
}

/* Whose place is far from both ends is not walked to: the move makes the tree. */
static void a_long_walk_is_not_walked(void **state) {
    (void)state;
    for (size_t groups = 2; groups < 4 * SHORT; groups++) {
        struct model model;
        memset(&model, 0, sizeof model);
        for (size_t i = 0; i <= groups; i++) { /* at the front, so each is near */
            weir__line_join(&model.line, &model.places[i], i * 2);
            put_in(&model, i, i * 2);
        }
        assert_null(model.line.root);
        move(&model, 0, groups / 2 * 2 + 1); /* half of the others are before it */
        check(&model);
        assert_int_equal(model.line.root != NULL, groups / 2 >= SHORT);
    }
}

/* Nothing is kept for walks that have not been long for a while. */
static void the_tree_is_given_up(void **state) {
    (void)state;
    struct model model;
    memset(&model, 0, sizeof model);
    for (size_t i = 0; i < PLACES; i++) {
        weir__line_join(&model.line, &model.places[i], i * 7 % PLACES);
        put_in(&model, i, i * 7 % PLACES);
    }
    assert_non_null(model.line.root);
    for (uint64_t turn = 0; turn < 4; turn++) {
        for (size_t i = 0; i < PLACES; i++) move(&model, model.order[PLACES - 1], PLACES + turn);
        check(&model);
    }
    assert_null(model.line.root);
    assert_int_equal(model.given_up, 1);
    assert_int_equal(model.trees, 0); /* it was made as they joined */
}

/* ---- what the checker says of a line that is broken -------------------------- */

static void disorder(void *argument) {
    struct model *model = argument;
    model->line.first->number = 0;
    WEIR__VERIFY(weir__line_check(&model->line));
}

static void misplace_the_end(void *argument) {
    struct model *model = argument;
    struct weir__place *last = model->line.last;
    last->end = last->before;
    WEIR__VERIFY(weir__line_check(&model->line));
}

static void lose_one(void *argument) {
    struct model *model = argument;
    model->line.count++;
    WEIR__VERIFY(weir__line_check(&model->line));
}

static void swap_children(void *argument) {
    struct model *model = argument;
    struct weir__place *root = model->line.root;
    struct weir__place *child = root->child[0];
    root->child[0] = root->child[1];
    root->child[1] = child;
    WEIR__VERIFY(weir__line_check(&model->line));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {disorder, "after == NULL || place->number >= after->number"},
        {misplace_the_end, "!ends || (group->end == place && place->end == group)"},
        {lose_one, "found == line->count"},
        {swap_children, "line->root == NULL || leftmost(line->root) == line->first"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct model model;
    memset(&model, 0, sizeof model);
    for (size_t i = 0; i < 61; i++) weir__line_join(&model.line, &model.places[i], i * 7 % 61);
    for (size_t i = 61; i < 63; i++) weir__line_join(&model.line, &model.places[i], 0);
    assert_non_null(model.line.root);
    WEIR__VERIFY(weir__line_check(&model.line));
    TEST_BREAKAGES(breakages, &model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(equals_stand_in_the_order_they_came),
        cmocka_unit_test(many_numbers_are_found_by_a_shallow_tree),
        cmocka_unit_test(a_long_walk_is_not_walked),
        cmocka_unit_test(the_tree_is_given_up),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
