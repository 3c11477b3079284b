/*
 * Goal: files are opened, written, cut off, held and named as asked, and what fails says why.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: files in a folder of the test's own.
 */
#include "os/file.h"

#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96], other[96];

static void writes_reads_and_cuts(void **state) {
    struct weir__file_about about;
    char text[16] = {0};
    size_t written;
    bool made;
    (void)state;
    int file = weir__file_open_write(path, true, 0600, &made);
    assert_true(file >= 0 && made);
    assert_int_equal(weir__file_append(file, "hello", 5, &written), 0);
    assert_int_equal(written, 5);
    assert_int_equal(weir__file_append(file, " there", 6, &written), 0);
    assert_int_equal(weir__file_read(file, text, sizeof text, 6), 5);
    assert_string_equal(text, "there");
    assert_int_equal(weir__file_read(file, text, 3, 0), 3);
    assert_int_equal(weir__file_read(file, text, 3, 11), 0);
    assert_int_equal(weir__file_cut(file, 4), 0);
    assert_int_equal(weir__file_about(file, &about), 0);
    assert_true(about.size == 4 && about.regular);
    assert_int_equal(weir__file_sync(file), 0);
    assert_int_equal(weir__path_sync_folder(path), 0);
    weir__file_close(file);
    file = weir__file_open_write(path, false, 0600, &made);
    assert_true(file >= 0 && !made);
    assert_int_equal(weir__file_write(file, "J", 1, 0), 0);
    weir__file_close(file);
    file = weir__file_open(path);
    memset(text, 0, sizeof text);
    assert_int_equal(weir__file_read(file, text, sizeof text, 0), 4);
    assert_string_equal(text, "Jell");
    weir__file_close(file);
}

static void holds_and_renames(void **state) {
    struct weir__file_about one, two;
    (void)state;
    int file = weir__file_make(path, 0600);
    assert_int_equal(weir__file_hold(file), 0);
    int again = weir__file_open(path);
    assert_true(weir__error_is_held(weir__file_hold(again)));
    weir__file_close(again);
    assert_int_equal(weir__file_about(file, &one), 0);
    assert_int_equal(weir__path_rename(path, other), 0);
    assert_true(weir__error_is_missing(weir__path_about(path, &two)));
    assert_int_equal(weir__path_about(other, &two), 0);
    assert_true(one.number == two.number && one.device == two.device);
    weir__file_close(file);
}

static void says_what_fails(void **state) {
    char text[128];
    size_t written;
    (void)state;
    assert_true(weir__error_is_missing(weir__file_open("/nowhere/at/all")));
    assert_true(weir__error_is_folder(weir__file_open_write(folder, true, 0600, NULL)));
    assert_int_equal(weir__path_rename("/nowhere/at/all", path), -ENOENT);
    assert_int_equal(weir__path_sync_folder("/nowhere/at/all"), -ENOENT);
    assert_string_equal(weir__file_error(-ENOENT, text, sizeof text), "No such file or directory");
    int file = weir__file_make(path, 0600);
    weir__file_close(file);
    file = weir__file_open(path);
    assert_int_equal(weir__file_append(file, "x", 1, &written), -EBADF);
    assert_int_equal(written, 0);
    weir__file_close(file);
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weir-file.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/one", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    remove(path);
    remove(other);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_reads_and_cuts, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(holds_and_renames, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(says_what_fails, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
