/*
 * Goal: the macros mean what they say.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: structs made for it, and the compiler's own word on their layout.
 */
#include "base/attributes.h"

#include "support/cmocka.h"

struct inner {
    int number;
};

struct outer {
    char before;
    struct inner first;
    WEIR__APART struct inner second;
};

static void container_of_any_member(void **state) {
    (void)state;
    struct outer outer;
    assert_ptr_equal(WEIR__CONTAINER_OF(&outer.before, struct outer, before), &outer);
    assert_ptr_equal(WEIR__CONTAINER_OF(&outer.first, struct outer, first), &outer);
    assert_ptr_equal(WEIR__CONTAINER_OF(&outer.second, struct outer, second), &outer);
}

static void apart_is_two_lines(void **state) {
    (void)state;
    assert_int_equal(offsetof(struct outer, second), WEIR__CACHE_LINES);
    assert_int_equal(_Alignof(struct outer), 128);
}

static void likely_keeps_the_truth(void **state) {
    (void)state;
    int seen = 0;
    if (WEIR__LIKELY(seen == 0)) seen++;
    if (WEIR__UNLIKELY(seen == 1)) seen++;
    if (WEIR__LIKELY(0)) seen = 10;
    if (WEIR__UNLIKELY(4)) seen++; /* any number that is not 0 is true */
    assert_int_equal(seen, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(container_of_any_member),
        cmocka_unit_test(apart_is_two_lines),
        cmocka_unit_test(likely_keeps_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
