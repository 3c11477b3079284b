/*
 * Goal: a small file is read at once: all of it, or as much as there is room for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: files of the kernel's, whose size is told as 0; a room that is too small, and none.
 */
#include "os/text_file.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void reads_what_the_kernel_writes(void **state) {
    (void)state;
    char text[1024];
    char number[32];
    size_t bytes = weir__text_file_read("/proc/self/stat", text, sizeof text);
    assert_in_range(bytes, 1, sizeof text - 1);
    assert_int_equal(strlen(text), bytes);
    snprintf(number, sizeof number, "%ld (", (long)getpid());
    assert_memory_equal(text, number, strlen(number));
}

static void reads_no_more_than_there_is_room_for(void **state) {
    (void)state;
    char text[4] = "abc";
    assert_int_equal(weir__text_file_read("/proc/self/stat", text, 1), 0);
    assert_memory_equal(text, "\0bc", 4);
    assert_int_equal(weir__text_file_read("/proc/self/status", text, sizeof text), 3);
    assert_string_equal(text, "Nam");
}

static void what_is_not_there_is_empty(void **state) {
    (void)state;
    char text[8] = "before";
    assert_int_equal(weir__text_file_read("/proc/self/nothing", text, sizeof text), 0);
    assert_string_equal(text, "");
    strcpy(text, "before");
    assert_int_equal(weir__text_file_read("/proc/self", text, sizeof text), 0); /* a folder */
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_kernel_writes),
        cmocka_unit_test(reads_no_more_than_there_is_room_for),
        cmocka_unit_test(what_is_not_there_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
