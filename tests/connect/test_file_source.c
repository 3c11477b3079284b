/*
 * Goal: a source of files brings each line once, in order, and a restart goes on where all was
 * acknowledged, whatever became of the files and their names meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines in SIMULATED runtimes, where the driver is called with a timeout of 0; files
 * are written, renamed and cut off between its runs, and while it is at rest.
 */
#include "connect/lines.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lines lines;
static const char *const log_path[] = {"log"};

static weir_file_source_options once(void) {
    return (weir_file_source_options){.paths = log_path, .path_count = 1, .once = true};
}

static weir_file_source_options following(void) {
    return (weir_file_source_options){
        .paths = log_path, .path_count = 1, .checkpoint = "point", .linger_ns = 1};
}

static void check_once(const char *text, const char *seen,
                       const weir_file_source_options *options) {
    lines_write("log", text);
    assert_string_equal(lines_read(&lines, options), seen);
}

/* ---- lines ------------------------------------------------------------------------------ */

static void cuts_lines(void **state) {
    weir_file_source_options options = once();
    (void)state;
    check_once("", "", &options);
    check_once("\n", "|", &options);
    check_once("one\ntwo\n", "one|two|", &options);
    check_once("one\n\n\ntwo", "one|||two|", &options);
    options.skip_empty = true;
    check_once("\none\n\n\ntwo\n\n", "one|two|", &options);
    options.whole_only = true;
    check_once("one\ntwo", "one|", &options);
    options.delimiter = "\r\n";
    check_once("one\r\ntwo\rthree\n\r\n", "one|two\rthree\n|", &options);
    options.delimiter = "--";
    check_once("one----two---three--", "one|two|-three|", &options);
}

static void takes_any_bytes(void **state) {
    weir_file_source_options options = once();
    static const char bytes[] = "a\0b\nc\xff\n";
    (void)state;
    lines_append_bytes("log", bytes, sizeof bytes - 1);
    lines_read(&lines, &options);
    assert_memory_equal(lines.seen, "a\0b|c\xff|", 7);
    options.delimiter = "";
    options.delimiter_bytes = 1;
    assert_string_equal(lines_read(&lines, &options), "a|b\nc\xff\n|");
}

static void treats_long_lines(void **state) {
    weir_file_source_options options = once();
    const char *text = "1234567\n12345678\n123456789\n12345678abcdefghXYZ\n\nend\n";
    (void)state;
    options.max_line = 8;
    check_once(text, "1234567|12345678|part:12345678|9|part:12345678|part:abcdefgh|XYZ||end|",
               &options);
    options.long_lines = WEIR_FILE_CUT;
    check_once(text, "1234567|12345678|cut:12345678|cut:12345678||end|", &options);
    options.long_lines = WEIR_FILE_SKIP;
    check_once(text, "1234567|12345678||end|", &options);
    check_once("123456789", "", &options);
    options.long_lines = WEIR_FILE_CUT;
    check_once("123456789", "cut:12345678|", &options);
}

/* Lines far longer than what is read at a time, and the end of one at every place. */
static void reads_across_buffers(void **state) {
    weir_file_source_options options = once();
    char *text = malloc(20000);
    (void)state;
    options.read_bytes = 4096;
    options.max_line = 5000;
    for (size_t length = 4090; length < 4100; length++) {
        memset(text, 'x', length);
        snprintf(text + length, 16, "\r\nend\r\n");
        options.delimiter = "\r\n";
        lines_write("log", text);
        lines_read(&lines, &options);
        assert_int_equal(lines.length, length + 5);
        assert_string_equal(lines.seen + length, "|end|");
    }
    memset(text, 'y', 15000);
    snprintf(text + 15000, 16, "\r\nend");
    options.long_lines = WEIR_FILE_CUT;
    lines_write("log", text);
    lines_read(&lines, &options);
    assert_int_equal(lines.length, 4 + 5000 + 1 + 4);
    assert_string_equal(lines.seen + 5004, "|end|");
    free(text);
}

static void tells_key_and_offsets(void **state) {
    weir_file_source_options options = once();
    struct stat about;
    char wanted[256];
    (void)state;
    options.offsets = true;
    options.max_line = 4;
    lines_write("log", "one\nlonger\n");
    assert_int_equal(stat("log", &about), 0);
    unsigned long long number = about.st_ino;
    snprintf(wanted, sizeof wanted,
             "at=0 file=%llu:one|at=4 file=%llu part:long|at=8 file=%llu:er|", number, number,
             number);
    assert_string_equal(lines_read(&lines, &options), wanted);
    assert_string_equal(lines.key, "log");
}

/* ---- several files ----------------------------------------------------------------------- */

static void reads_in_order(void **state) {
    const char *const paths[] = {"b", "a"};
    weir_file_source_options options = {.paths = paths, .path_count = 2, .once = true};
    (void)state;
    lines_write("a", "a1\na2\n");
    lines_write("b", "b1\nb2");
    lines_write("c.txt", "c1\n");
    assert_string_equal(lines_read(&lines, &options), "b1|b2|a1|a2|");
    options = (weir_file_source_options){.folder = ".", .pattern = "[a-c]*", .once = true};
    mkdir("ab", 0755);
    assert_string_equal(lines_read(&lines, &options), "a1|a2|b1|b2|c1|");
    options.pattern = "*.txt";
    assert_string_equal(lines_read(&lines, &options), "c1|");
    options.pattern = "*.none";
    assert_string_equal(lines_read(&lines, &options), "");
    options.pattern = NULL;
    options.checkpoint = "./point"; /* which is no file of lines */
    assert_string_equal(lines_read(&lines, &options), "a1|a2|b1|b2|c1|");
    lines_append("a", "a3\n");
    assert_string_equal(lines_read(&lines, &options), "a3|");
}

static void follows_a_folder(void **state) {
    weir_file_source_options options = {
        .folder = ".", .pattern = "*.log", .checkpoint = "point", .linger_ns = 1};
    (void)state;
    lines_write("2.log", "two\n");
    lines_write("1.log", "one\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    assert_string_equal(lines.seen, "one|two|");
    lines_write("0.log", "zero\n");
    lines_append("1.log", "more\nhalf");
    lines_run(&lines);
    assert_string_equal(lines.seen, "one|two|zero|more|");
    rename("1.log", "1.log.old"); /* it is read to its end, and that is a line */
    lines_run(&lines);
    lines_append("2.log", "last\n");
    remove("0.log");
    lines_run(&lines);
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|two|zero|more|half|last|");
    assert_string_equal(lines_read(&lines, &options), "");
}

/* ---- restarts ----------------------------------------------------------------------------- */

static void goes_on_where_it_was(void **state) {
    weir_file_source_options options = following();
    (void)state;
    lines_write("log", "one\ntwo\nhal");
    assert_string_equal(lines_read(&lines, &options), "one|two|");
    lines_append("log", "f\nthree\n");
    assert_string_equal(lines_read(&lines, &options), "half|three|");
    assert_string_equal(lines_read(&lines, &options), "");
    options.checkpoint = NULL;
    assert_string_equal(lines_read(&lines, &options), "one|two|half|three|");
}

static void stays_below_what_is_not_acknowledged(void **state) {
    weir_file_source_options options = following();
    (void)state;
    lines_write("log", "one\ntwo\nthree\n");
    lines.holds = "two";
    assert_string_equal(lines_read(&lines, &options), "one|three|");
    lines.holds = NULL;
    lines.naks = "two";
    lines.nak_count = 2;
    assert_string_equal(lines_read(&lines, &options), "three|two|");
    assert_string_equal(lines_read(&lines, &options), "");
}

static void begins_at_the_end(void **state) {
    weir_file_source_options options = following();
    (void)state;
    options.from_end = true;
    lines_write("log", "old\nhal");
    lines_open(&lines, &options);
    lines_run(&lines);
    assert_string_equal(lines.seen, "");
    lines_append("log", "f\n");
    lines_run(&lines);
    assert_string_equal(lines.seen, "half|");
    lines_close(&lines);
    remove("point");
    assert_string_equal(lines_read(&lines, &options), "");
    lines_append("log", "later\n"); /* what comes while nobody runs is no old one */
    assert_string_equal(lines_read(&lines, &options), "later|");
}

/* ---- rotation ------------------------------------------------------------------------------ */

static void follows_a_rename(void **state) {
    weir_file_source_options options = following();
    (void)state;
    options.linger_ns = UINT64_C(3600000000000);
    lines_write("log", "one\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    lines_append("log", "two\n");
    rename("log", "log.1");
    lines_append("log.1", "three\n"); /* a writer that has not heard of it */
    lines_run(&lines);
    lines_write("log", "four\n");
    lines_run(&lines);
    lines_append("log.1", "five\n");
    lines_append("log", "six\n");
    lines_run(&lines);
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|two|three|four|five|six|");
    assert_string_equal(lines_read(&lines, &options), "");
    rename("log.1", "log.2");
    rename("log", "log.1"); /* while nobody looks, and with more in it */
    lines_append("log.1", "seven\n");
    lines_write("log", "eight\n");
    assert_string_equal(lines_read(&lines, &options), "eight|seven|");
    assert_string_equal(lines_read(&lines, &options), "");
}

static void begins_anew_where_it_was_emptied(void **state) {
    weir_file_source_options options = following();
    (void)state;
    lines_write("log", "one\ntwo\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    lines_write("log", "1\n"); /* shorter */
    lines_run(&lines);
    lines_append("log", "2\n");
    lines_run(&lines);
    lines_write("log", "another beginning\n"); /* longer, between two looks */
    lines_run(&lines);
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|two|1|2|another beginning|");
    lines_write("log", "a third one, and long\n"); /* while nobody looks */
    assert_string_equal(lines_read(&lines, &options), "a third one, and long|");
    lines_write("log", "");
    assert_string_equal(lines_read(&lines, &options), "");
    lines_append("log", "x\n");
    assert_string_equal(lines_read(&lines, &options), "x|");
}

/* The old messages are no ones that the new file's position waits for, or passes. */
static void keeps_apart_what_was_emptied(void **state) {
    weir_file_source_options options = following();
    (void)state;
    lines_write("log", "hold\nafter\n");
    lines.holds = "hold";
    lines_open(&lines, &options);
    lines_run(&lines);
    lines_write("log", "new\n");
    lines_run(&lines);
    lines.holds = NULL;
    lines_run(&lines);
    lines_close(&lines);
    assert_string_equal(lines.seen, "after|new|hold|");
    assert_string_equal(lines_read(&lines, &options), "");
    assert_int_equal(lines.stats.lost_acks, 0);
}

/* Each of them waits for what was in it, beside the others. */
static void is_emptied_again_and_again(void **state) {
    weir_file_source_options options = following();
    char text[32];
    (void)state;
    lines.holds = "hold";
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "%d\nhold\n%s", i, i % 2 == 0 ? "more\n" : "");
        lines_write("log", text);
        if (i == 0) {
            lines_open(&lines, &options);
        }
        lines_run(&lines);
    }
    lines.holds = NULL;
    lines_run(&lines);
    lines_close(&lines);
    assert_int_equal(lines.stats.acked, 30 + 30 + 15);
    assert_string_equal(lines_read(&lines, &options), "");
}

/* ---- what is wrong -------------------------------------------------------------------------- */

static void says_what_is_missing(void **state) {
    weir_file_source_options options = following();
    (void)state;
    lines_open(&lines, &options);
    lines_run(&lines);
    assert_non_null(strstr(lines.log, "there is no file yet: log: No such file or directory"));
    lines_write("log", "one\n");
    assert_int_equal(weir_runtime_advance(lines.runtime, UINT64_C(20000000000)), WEIR_OK);
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|");
    remove("log");
    options.once = true;
    lines_read(&lines, &options);
    assert_non_null(strstr(lines.log, "is broken (file: cannot open log: No such file"));
    mkdir("log", 0755);
    lines_read(&lines, &options);
    assert_non_null(strstr(lines.log, "is broken (file: log is no regular file"));
    options = (weir_file_source_options){.folder = "nowhere"};
    lines_read(&lines, &options);
    assert_non_null(strstr(lines.log, "LOST (file: cannot read folder nowhere: No such file"));
}

static void refuses_bad_file_options(void **state) {
    const struct {
        weir_file_source_options options;
        const char *says;
    } rows[] = {
        {{0}, "one of paths and folder must be given"},
        {{.paths = log_path, .path_count = 1, .folder = "."}, "one of paths and folder"},
        {{.path_count = 1}, "paths must not be NULL with a path_count of 1"},
        {{.paths = (const char *const[]){""}, .path_count = 1}, "paths[0] must have 1 to 4095"},
        {{.paths = log_path, .path_count = 1, .pattern = "*"}, "pattern needs a folder"},
        {{.paths = log_path, .path_count = 1, .checkpoint = "log"},
         "checkpoint must not be one of paths, got \"log\""},
        {{.folder = ""}, "folder must have 1 to 4095 bytes, got 0"},
        {{.folder = ".", .pattern = ""}, "pattern must be one that names of files can match"},
        {{.folder = ".", .pattern = "."}, "pattern must be one that names of files can match"},
        {{.folder = ".", .pattern = ".."}, "pattern must be one that names of files can match"},
        {{.folder = ".", .pattern = "logs/*"}, "no \\ at its end), got \"logs/*\""},
        {{.folder = ".", .pattern = "a\\\\\\"}, "no \\ at its end), got \"a\\\\\\\""},
        {{.folder = ".", .max_line = (size_t)1 << 30}, "max_line must be 1 to 536870912"},
        {{.folder = ".", .read_bytes = 1}, "read_bytes must be 4096 to 1073741824, got 1"},
        {{.folder = ".", .long_lines = (weir_file_long)3}, "long_lines must be one of"},
        {{.folder = ".", .once = true, .from_end = true}, "from_end and once exclude"},
        {{.folder = ".", .checkpoint = ""}, "checkpoint must have 1 to 4095 bytes"},
        {{.folder = ".", .delimiter = ""}, "delimiter must have 1 to 16 bytes, got 0"},
        {{.folder = ".", .delimiter_bytes = 2}, "delimiter must have 1 to 16 bytes, got 2 at NULL"},
        {{.folder = ".", .reserved = {1}}, "reserved"},
    };
    weir_file_source *source = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_file_source_open(&rows[i].options, &source), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(source);
    }
    assert_int_equal(weir_file_source_open(NULL, &source), WEIR_INVALID);
    assert_null(weir_file_source_driver(NULL));
    weir_file_source_close(NULL);
}

#define IN_FOLDER(test) LINES_TEST(test, &lines)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(cuts_lines),
        IN_FOLDER(takes_any_bytes),
        IN_FOLDER(treats_long_lines),
        IN_FOLDER(reads_across_buffers),
        IN_FOLDER(tells_key_and_offsets),
        IN_FOLDER(reads_in_order),
        IN_FOLDER(follows_a_folder),
        IN_FOLDER(goes_on_where_it_was),
        IN_FOLDER(stays_below_what_is_not_acknowledged),
        IN_FOLDER(begins_at_the_end),
        IN_FOLDER(follows_a_rename),
        IN_FOLDER(begins_anew_where_it_was_emptied),
        IN_FOLDER(keeps_apart_what_was_emptied),
        IN_FOLDER(is_emptied_again_and_again),
        IN_FOLDER(says_what_is_missing),
        IN_FOLDER(refuses_bad_file_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
