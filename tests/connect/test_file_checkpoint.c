/*
 * Goal: a checkpoint says after any crash how far all is acknowledged, whatever becomes of its
 * file.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: as test_file_source.c.  What a crash would leave is a copy of the checkpoint that was
 * made while its source ran.
 */
#include "connect/lines.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define S UINT64_C(1000000000)

static struct lines lines;
static const char *const log_path[] = {"log"};

static weir_file_source_options following(void) {
    return (weir_file_source_options){
        .paths = log_path, .path_count = 1, .checkpoint = "point", .linger_ns = 1};
}

/* What comes after a crash at this moment. */
static void check_after_crash(const char *comes) {
    struct lines next = {0};
    weir_file_source_options options = following();
    size_t bytes;
    char *text = lines_text("point", &bytes);
    assert_non_null(text);
    remove("copy");
    lines_append_bytes("copy", text, bytes);
    free(text);
    options.checkpoint = "copy";
    assert_string_equal(lines_read(&next, &options), comes);
}

/* ---- what it keeps ------------------------------------------------------------------------- */

/* Some hundred of them: the checkpoint's slots grow. */
static void keeps_many_positions(void **state) {
    weir_file_source_options options = {.folder = "many", .checkpoint = "point", .once = true};
    char path[64];
    (void)state;
    mkdir("many", 0755);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            snprintf(path, sizeof path, "many/%03d", i);
            lines_append(path, round == 0 ? "first line\n" : "more\n");
        }
        lines_read(&lines, &options);
        assert_int_equal(lines.stats.acked, 300);
    }
    options.once = false;
    options.max_files = 299;
    lines_open(&lines, &options);
    lines_run(&lines);
    assert_non_null(strstr(lines.log, "more than 299 files are to be followed (max_files)"));
    lines_close(&lines);
}

/* One slot is on the disk: what is written goes to the other, until that is, too. */
static void leaves_alone_what_is_on_the_disk(void **state) {
    weir_file_source_options options = following();
    char *first, *then;
    (void)state;
    options.checkpoint_sync_ns = 3600 * S;
    lines_write("log", "one\n");
    lines_open(&lines, &options);
    lines_run(&lines); /* and the second slot is there */
    first = lines_text("point", NULL);
    for (int i = 0; i < 3; i++) {
        lines_append("log", "more\n");
        lines_run(&lines);
        then = lines_text("point", NULL);
        assert_memory_not_equal(first, then, 4096);
        assert_memory_equal(first + 4096, then + 4096, 4096);
        free(then);
    }
    free(first);
    check_after_crash("");
    lines_close(&lines);
}

/* ---- what it is ---------------------------------------------------------------------------- */

static void knows_a_checkpoint(void **state) {
    weir_file_source_options options = following();
    char bytes[8192] = {0};
    (void)state;
    lines_write("log", "one\n");
    lines_write("point", "somebody's notes\n");
    assert_string_equal(lines_read(&lines, &options), "");
    assert_non_null(strstr(lines.log, "point is no checkpoint, or was destroyed"));
    lines_check("point", "somebody's notes\n");
    remove("point");
    lines_append_bytes("point", bytes, sizeof bytes);
    lines_read(&lines, &options);
    assert_non_null(strstr(lines.log, "point is no checkpoint"));
    remove("point");
    options.checkpoint = "nowhere/point";
    lines_read(&lines, &options);
    assert_non_null(strstr(lines.log, "cannot open checkpoint nowhere/point: No such file"));
}

/* Whichever slot a crash tears, the other is right: at worst what it knew comes again. */
static void survives_a_torn_slot(void **state) {
    weir_file_source_options options = following();
    (void)state;
    options.checkpoint_sync_ns = 1;
    lines_write("log", "one\n");
    lines_read(&lines, &options);
    lines_append("log", "two\n");
    lines_read(&lines, &options);
    lines_append("log", "three\n");
    for (size_t torn = 0; torn < 2; torn++) {
        size_t bytes;
        char *text = lines_text("point", &bytes);
        assert_int_equal(bytes, 8192);
        memset(text + torn * 4096 + 40, 'x', 8);
        remove("point");
        lines_append_bytes("point", text, bytes);
        free(text);
        lines_read(&lines, &options);
        assert_true(strstr("one|two|three|", lines.seen) != NULL && lines.length > 0);
        assert_string_equal(lines_read(&lines, &options), "");
        lines_append("log", "three\n");
    }
}

static void one_checkpoint_is_one_source_s(void **state) {
    weir_file_source_options options = following();
    struct lines other = {0};
    (void)state;
    lines_write("log", "one\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    lines_open(&other, &options);
    lines_run(&other);
    assert_string_equal(other.seen, "");
    assert_non_null(strstr(other.log, "checkpoint point is in use by another source"));
    lines_close(&lines);
    lines_close(&other);
}

/* ---- its name ------------------------------------------------------------------------------ */

static void takes_its_name_again(void **state) {
    const weir_file_source_options options = following();
    (void)state;
    lines_write("log", "one\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    remove("point");
    lines_append("log", "two\n");
    lines_run(&lines);
    check_after_crash("");
    rename("point", "point.1");
    lines_append("log", "three\n");
    lines_run(&lines);
    check_after_crash("");
    lines_append("log", "four\n");
    check_after_crash("four|");
    lines_run(&lines);
    check_after_crash("");
    remove("point"); /* and nothing comes */
    lines_run(&lines);
    check_after_crash("");
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|two|three|four|");
    assert_string_equal(lines_read(&lines, &options), "");
}

static void remove_point(void) {
    remove("point");
}

/* Only once is read: it looks for no names, and saves all the same. */
static void takes_its_name_again_as_it_saves(void **state) {
    weir_file_source_options options = following();
    (void)state;
    options.once = true;
    lines_write("log", "one\n");
    lines.sees = remove_point;
    lines_open(&lines, &options);
    lines_run(&lines);
    check_after_crash("");
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|");
}

/* What somebody has put there is his: it is said, and nothing is lost meanwhile. */
static void takes_nobody_s_name(void **state) {
    const weir_file_source_options options = following();
    struct lines other = {0};
    (void)state;
    lines_write("log", "one\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    rename("point", "point.1");
    lines_write("point", "somebody's notes\n");
    lines_append("log", "two\n");
    lines_run(&lines);
    assert_non_null(strstr(lines.log, "LOST (file: point is no checkpoint"));
    lines_check("point", "somebody's notes\n");
    remove("point");
    assert_int_equal(weir_runtime_advance(lines.runtime, 20 * S), WEIR_OK);
    check_after_crash("");
    remove("point");
    lines_open(&other, &options);
    lines_run(&other);
    assert_string_equal(other.seen, "one|two|");
    lines_append("log", "three\n");
    lines_run(&lines);
    assert_non_null(strstr(lines.log, "LOST (file: checkpoint point is in use by another source"));
    lines_close(&other);
    assert_int_equal(weir_runtime_advance(lines.runtime, 20 * S), WEIR_OK);
    assert_string_equal(lines.seen, "one|two|three|");
    check_after_crash("");
    lines_close(&lines);
}

#define IN_FOLDER(test) LINES_TEST(test, &lines)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(keeps_many_positions),
        IN_FOLDER(leaves_alone_what_is_on_the_disk),
        IN_FOLDER(knows_a_checkpoint),
        IN_FOLDER(survives_a_torn_slot),
        IN_FOLDER(one_checkpoint_is_one_source_s),
        IN_FOLDER(takes_its_name_again),
        IN_FOLDER(takes_its_name_again_as_it_saves),
        IN_FOLDER(takes_nobody_s_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
