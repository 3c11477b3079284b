/*
 * Goal: a folder's names are found by pattern and number, and one hears when they change.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a folder of the test's own.
 */
#include "os/folder.h"

#include "os/event.h"
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR UINT64_C(3600000000000)

static char folder[64];
static const char *const made[] = {"b.log",      "a.log",    ".hidden.log",
                                   "x-0007.txt", "x-12.txt", "x-13.txt.old"};

enum { MADE = sizeof made / sizeof *made };

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void touch(const char *name) {
    FILE *file = fopen(path_of(name), "a");
    assert_non_null(file);
    fclose(file);
}

static void lists_by_pattern(void **state) {
    char **names;
    size_t count;
    (void)state;
    assert_int_equal(weir__folder_list(folder, "*.log", &names, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "a.log");
    assert_string_equal(names[1], "b.log");
    free(names);
    assert_int_equal(weir__folder_list(folder, NULL, &names, &count), 0);
    assert_int_equal(count, MADE);
    free(names);
    assert_int_equal(weir__folder_list(folder, "none", &names, &count), 0);
    assert_int_equal(count, 0);
    free(names);
    assert_int_equal(weir__folder_list("/nowhere", NULL, &names, &count), -ENOENT);
}

static void finds_the_highest_number(void **state) {
    uint64_t highest;
    (void)state;
    assert_int_equal(weir__folder_highest(folder, "x-", ".txt", &highest), 0);
    assert_int_equal(highest, 12);
    assert_int_equal(weir__folder_highest(folder, "y-", ".txt", &highest), 0);
    assert_int_equal(highest, 0);
    assert_int_equal(weir__folder_highest("/nowhere", "", "", &highest), -ENOENT);
}

static void names_times(void **state) {
    char name[32];
    (void)state;
    assert_int_equal(weir__name_at("%Y-%m-%d %H%%", 86400 * UINT64_C(1000000000), name, 32), 14);
    assert_string_equal(name, "1970-01-02 00%");
    assert_int_equal(weir__name_at("%Y-%m-%d", 0, name, 4), 0);
}

/* It returns at once where there is something, or it would be an hour. */
static void watches(void **state) {
    int watch = weir__watch_open(), event = weir__event_open();
    (void)state;
    assert_true(watch >= 0 && event >= 0);
    assert_int_equal(weir__watch_folder(watch, folder), 0);
    assert_int_equal(weir__watch_folder(watch, "/nowhere"), -ENOENT);
    weir__watch_wait(watch, event, 1);
    assert_false(weir__watch_clear(watch));
    FILE *file = fopen(path_of("a.log"), "a");
    fputs("line\n", file);
    fclose(file);
    weir__watch_wait(watch, event, HOUR);
    assert_false(weir__watch_clear(watch)); /* written to: no name has changed */
    assert_int_equal(remove(path_of("a.log")), 0);
    weir__watch_wait(watch, event, HOUR);
    assert_true(weir__watch_clear(watch));
    weir__event_signal(event);
    weir__watch_wait(watch, event, HOUR);
    weir__watch_wait(-1, event, HOUR);
    weir__event_close(event);
    weir__watch_close(watch);
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weir-folder.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < MADE; i++) {
        touch(made[i]);
    }
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    for (size_t i = 0; i < MADE; i++) {
        remove(path_of(made[i]));
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_by_pattern, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(finds_the_highest_number, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(names_times, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(watches, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
