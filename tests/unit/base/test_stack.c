/*
 * Tests of stacks: what is pushed is taken once, the last one first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * That a push is a full fence is for the models, and for the analysis builds.
 */
#include "base/stack.h"

#include "support/cmocka.h"

static void take_gives_the_last_pushed_first(void **state) {
    (void)state;
    ck_stack_t stack;
    ck_stack_entry_t entries[3];
    ck_stack_init(&stack);
    for (int i = 0; i < 3; i++) weir__stack_push(&stack, &entries[i]);
    ck_stack_entry_t *entry = weir__stack_take(&stack);
    for (int i = 2; i >= 0; i--) {
        assert_ptr_equal(entry, &entries[i]);
        entry = entry->next;
    }
    assert_null(entry);
}

static void an_empty_stack_gives_nothing(void **state) {
    (void)state;
    ck_stack_t stack;
    ck_stack_entry_t entry;
    ck_stack_init(&stack);
    assert_null(weir__stack_take(&stack));
    weir__stack_push(&stack, &entry);
    assert_ptr_equal(weir__stack_take(&stack), &entry);
    assert_null(weir__stack_take(&stack));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_gives_the_last_pushed_first),
        cmocka_unit_test(an_empty_stack_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
