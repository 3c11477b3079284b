/*
 * Goal: a failed check says where and what, and aborts; a held one does nothing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a child process that fails one.  In builds without checks the
 * condition must not even be evaluated.
 */
#include "base/check.h"

#include "support/aborts.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

static void fail_one(void *argument) {
    (void)argument;
    weir__check_failed("pond.c", 7, "depth < limit");
}

static void failing_prints_and_aborts(void **state) {
    (void)state;
    char said[256];
    assert_true(test_aborts(fail_one, NULL, said, sizeof said));
    assert_non_null(strstr(said, "pond.c:7: check failed: depth < limit\n"));
}

static void check_number(void *argument) {
    int *number = argument;
    WEIR__CHECK((*number)++ == 5);
    printf("%d\n", *number);
}

static void checked_where_compiled_in(void **state) {
    (void)state;
    int number = 4;
    char said[256];
    bool aborted = test_aborts(check_number, &number, said, sizeof said);
    assert_int_equal(aborted, WEIR__CHECKED);
    if (aborted) assert_non_null(strstr(said, "check failed: (*number)++ == 5\n"));
}

static void evaluated_once_or_never(void **state) {
    (void)state;
    int number = 5;
    check_number(&number);
    assert_int_equal(number, WEIR__CHECKED ? 6 : 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_prints_and_aborts),
        cmocka_unit_test(checked_where_compiled_in),
        cmocka_unit_test(evaluated_once_or_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
