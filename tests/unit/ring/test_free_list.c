/*
 * Free lists: nothing is lost, and nothing is had by two.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what was given is taken, once; a take leaves the rest as it is, however
 * long it is, rather than going through it; threads that take and give at once
 * never have the same entry, and leave all of them behind.
 * Method: by hand on one thread, looking at the links; then with threads, each
 * marking what it has.
 */
#include "ring/free_list.h"

#include "base/atomic.h"
#include "base/attributes.h"
#include "os/thread.h"
#include "support/cmocka.h"

enum { ENTRIES = 8, THREADS = 3, ROUNDS = 100000 };

struct thing {
    uint32_t users;
    ck_stack_entry_t link;
};

static ck_stack_t list;
static struct thing things[ENTRIES];
static uint32_t had_by_two;

static void give_all(void) {
    ck_stack_init(&list);
    for (int i = 0; i < ENTRIES; i++) weir__free_list_give(&list, &things[i].link);
}

static void takes_nothing_when_there_is_nothing(void **state) {
    (void)state;
    ck_stack_init(&list);
    assert_null(weir__free_list_take(&list));
    weir__free_list_give(&list, &things[0].link);
    assert_ptr_equal(weir__free_list_take(&list), &things[0].link);
    assert_null(weir__free_list_take(&list));
}

/* Put back one by one, the rest would lie the other way round. */
static void a_take_leaves_the_rest_as_it_is(void **state) {
    (void)state;
    give_all();
    for (int i = ENTRIES - 1; i >= 0; i--) {
        assert_ptr_equal(weir__free_list_take(&list), &things[i].link);
        assert_ptr_equal(CK_STACK_FIRST(&list), i > 0 ? &things[i - 1].link : NULL);
        for (int rest = i - 1; rest >= 0; rest--) {
            assert_ptr_equal(things[rest].link.next, rest > 0 ? &things[rest - 1].link : NULL);
        }
    }
    assert_null(weir__free_list_take(&list));
}

static void take_and_give(void *argument) {
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        ck_stack_entry_t *had[2] = {weir__free_list_take(&list), weir__free_list_take(&list)};
        for (int k = 0; k < 2; k++) {
            if (had[k] == NULL) continue;
            struct thing *thing = WEIR__CONTAINER_OF(had[k], struct thing, link);
            if (weir__fetch_add_u32(&thing->users, 1) != 0) weir__fetch_add_u32(&had_by_two, 1);
            weir__fetch_sub_u32(&thing->users, 1);
            weir__free_list_give(&list, had[k]);
        }
    }
}

static void threads_take_and_give(void **state) {
    (void)state;
    give_all();
    struct weir__thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(weir__thread_start(&threads[i], "taker", take_and_give, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) weir__thread_join(&threads[i]);
    assert_int_equal(had_by_two, 0);
    for (int i = 0; i < ENTRIES; i++) assert_non_null(weir__free_list_take(&list));
    assert_null(weir__free_list_take(&list));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_nothing_when_there_is_nothing),
        cmocka_unit_test(a_take_leaves_the_rest_as_it_is),
        cmocka_unit_test(threads_take_and_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
