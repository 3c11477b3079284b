/*
 * Goal: a sink of files appends each batch whole, says why it cannot, and leaves no torn line.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: its table is called as a batcher would; limits of the process (RLIMIT_FSIZE) and
 * /dev/full play the full disk.  And pipelines of threads, with all of it.
 */
#include "connect/lines.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

static struct lines lines;
static weir_file_sink *sink;

static void open_sink_at(const weir_file_sink_options *options) {
    assert_int_equal(weir_file_sink_open(options, &sink), WEIR_OK);
}

static weir_pulled open_now(void) {
    return weir_file_sink_table(sink)->open(sink);
}

/* A batch of such words, with blanks between. */
static weir_pulled write_words(const char *words) {
    weir_message messages[64] = {0};
    size_t count = 0;
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        messages[count++].data = (weir_bytes){.at = words, .count = (uint32_t)length};
        words += length + (words[length] == ' ');
    }
    return weir_file_sink_table(sink)->write(sink, messages, count, &(weir_batch_info){0});
}

static void close_sink(void) {
    weir_file_sink_table(sink)->close(sink);
    weir_file_sink_close(sink);
    sink = NULL;
}

/* ---- lines ------------------------------------------------------------------------------ */

static void appends_lines(void **state) {
    weir_file_sink_options options = {.path = "store"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        open_sink_at(&options);
        assert_int_equal(open_now(), WEIR_PULLED);
        assert_int_equal(write_words("one two"), WEIR_PULLED);
        assert_int_equal(write_words("three"), WEIR_PULLED);
        close_sink();
        options.sync = WEIR_FILE_SYNC_NONE;
    }
    lines_check("store", "one\ntwo\nthree\none\ntwo\nthree\n");
    options = (weir_file_sink_options){.path = "other",
                                       .delimiter = "\r\n",
                                       .mode = 0600,
                                       .sync = WEIR_FILE_SYNC_INTERVAL,
                                       .sync_ns = 1};
    struct stat about;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one two"), WEIR_PULLED);
    close_sink();
    lines_check("other", "one\r\ntwo\r\n");
    assert_int_equal(stat("other", &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

/* Larger than what is gathered at a time. */
static void appends_large_ones(void **state) {
    const weir_file_sink_options options = {.path = "store"};
    const uint32_t sizes[] = {3, 3 << 20, 0, 1 << 20, 5};
    weir_message messages[5] = {0};
    char *text = malloc(3 << 20);
    size_t bytes, at = 0;
    (void)state;
    memset(text, 'x', 3 << 20);
    for (int i = 0; i < 5; i++) {
        messages[i].data = (weir_bytes){.at = text, .count = sizes[i]};
    }
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(weir_file_sink_table(sink)->write(sink, messages, 5, &(weir_batch_info){0}),
                     WEIR_PULLED);
    close_sink();
    free(text);
    text = lines_text("store", &bytes);
    for (int i = 0; i < 5; i++) {
        at += sizes[i];
        assert_int_equal(text[at++], '\n');
    }
    assert_int_equal(at, bytes);
    free(text);
}

static void mends_a_torn_line(void **state) {
    weir_file_sink_options options = {.path = "store"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        options.keep_torn = i == 1;
        options.shared = i == 2;
        lines_write("store", i == 3 ? "no line" : "one\ntor");
        open_sink_at(&options);
        assert_int_equal(open_now(), WEIR_PULLED);
        assert_int_equal(write_words("two"), WEIR_PULLED);
        close_sink();
        /* What has no delimiter anywhere may be no file of lines: nothing is cut off. */
        lines_check("store", i == 0 ? "one\ntwo\n" : i == 3 ? "no line\ntwo\n" : "one\ntor\ntwo\n");
    }
}

/* ---- other files ------------------------------------------------------------------------- */

static char finished[256];

static void note_finished(void *context, const char *path) {
    (void)context;
    snprintf(finished + strlen(finished), sizeof finished - strlen(finished), "%s|", path);
}

static bool at_marks(void *context, const char *path, uint64_t bytes, const weir_message *messages,
                     size_t count) {
    (void)context, (void)path;
    return bytes > 0 && count > 0 && messages[0].data.count == 4;
}

static void goes_on_to_other_files(void **state) {
    weir_file_sink_options options = {
        .path = "store-%N.log", .rotate_bytes = 8, .finished = note_finished};
    (void)state;
    finished[0] = '\0';
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one two"), WEIR_PULLED);
    assert_int_equal(write_words("three four"), WEIR_PULLED);
    assert_int_equal(write_words("five"), WEIR_PULLED);
    close_sink();
    lines_check("store-000001.log", "one\ntwo\n");
    lines_check("store-000002.log", "three\nfour\n");
    lines_check("store-000003.log", "five\n");
    assert_string_equal(finished, "store-000001.log|store-000002.log|");

    rename("store-000003.log", "store-000041.log"); /* the highest number is gone on with */
    options.rotate_bytes = 0;
    options.rotate = at_marks;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("six"), WEIR_PULLED);
    assert_int_equal(write_words("mark"), WEIR_PULLED);
    close_sink();
    lines_check("store-000041.log", "five\nsix\n");
    lines_check("store-000042.log", "mark\n");

    options = (weir_file_sink_options){.path = "%N", .rotate_ns = 1};
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one"), WEIR_PULLED);
    assert_int_equal(write_words("two"), WEIR_PULLED);
    close_sink();
    lines_check("000001", "one\n");
    lines_check("000002", "two\n");
}

static void names_files_by_time(void **state) {
    const weir_file_sink_options options = {.path = "%Y-%%N.log"};
    char path[64];
    time_t now = time(NULL);
    struct tm parts;
    (void)state;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one"), WEIR_PULLED);
    close_sink();
    gmtime_r(&now, &parts);
    snprintf(path, sizeof path, "%d-%%N.log", parts.tm_year + 1900);
    lines_check(path, "one\n");

    const weir_file_sink_options hourly = {.path = "%s.log", .finished = note_finished};
    finished[0] = '\0';
    open_sink_at(&hourly);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one"), WEIR_PULLED);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 150000000}, NULL);
    assert_int_equal(write_words("two"), WEIR_PULLED);
    close_sink();
    char first[64];
    assert_int_equal(sscanf(finished, "%63[0-9.log]", first), 1);
    lines_check(first, "one\n");
}

static void makes_again_what_was_renamed(void **state) {
    const weir_file_sink_options options = {.path = "store"};
    (void)state;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one"), WEIR_PULLED);
    rename("store", "store.1");
    nanosleep(&(struct timespec){.tv_nsec = 110000000}, NULL);
    assert_int_equal(write_words("two"), WEIR_PULLED);
    close_sink();
    lines_check("store.1", "one\n");
    lines_check("store", "two\n");
}

/* ---- what fails ---------------------------------------------------------------------------- */

/* The file may have so many bytes. */
static void limit_size(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void cuts_off_half_a_batch(void **state) {
    const weir_file_sink_options options = {.path = "store"};
    (void)state;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one two"), WEIR_PULLED);
    limit_size(14);
    assert_int_equal(write_words("three four five"), WEIR_LOST);
    limit_size(RLIM_INFINITY);
    assert_string_equal(weir_refusal(), "file: cannot write to store: File too large");
    lines_check("store", "one\ntwo\n");
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("three four five"), WEIR_PULLED);
    close_sink();
    lines_check("store", "one\ntwo\nthree\nfour\nfive\n");
}

/* What others have written meanwhile stays. */
static void cuts_off_nothing_of_others(void **state) {
    const weir_file_sink_options options = {.path = "store"};
    (void)state;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("one"), WEIR_PULLED);
    lines_append("store", "other\n");
    limit_size(14);
    assert_int_equal(write_words("three four"), WEIR_LOST);
    limit_size(RLIM_INFINITY);
    lines_check("store", "one\nother\nthre");
    assert_int_equal(open_now(), WEIR_PULLED);
    assert_int_equal(write_words("three four"), WEIR_PULLED);
    close_sink();
    lines_check("store", "one\nother\nthree\nfour\n");
}

static void says_why_it_is_lost(void **state) {
    weir_file_sink_options options = {.path = "nowhere/store"};
    (void)state;
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_LOST);
    assert_string_equal(weir_refusal(),
                        "file: cannot open nowhere/store: No such file or directory");
    mkdir("nowhere", 0755);
    assert_int_equal(open_now(), WEIR_PULLED);
    close_sink();
    options.path = "nowhere";
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_BROKEN);
    assert_string_equal(weir_refusal(), "file: cannot open nowhere: Is a directory");
    close_sink();
    options.path = "/dev/full";
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_BROKEN);
    assert_string_equal(weir_refusal(), "file: /dev/full is no regular file");
    close_sink();
    lines_write("held", "");
    int file = open("held", O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(file, LOCK_EX), 0);
    options.path = "held";
    open_sink_at(&options);
    assert_int_equal(open_now(), WEIR_LOST);
    assert_string_equal(weir_refusal(), "file: held is in use by another sink");
    close(file);
    assert_int_equal(open_now(), WEIR_PULLED);
    close_sink();
}

static void refuses_bad_sink_options(void **state) {
    const struct {
        weir_file_sink_options options;
        const char *says;
    } rows[] = {
        {{0}, "path must have 1 to 4095 bytes, got NULL"},
        {{.path = ""}, "path must have 1 to 4095 bytes, got none"},
        {{.path = "%N/x"}, "path must have %N once, in its last part, got \"%N/x\""},
        {{.path = "%N-%N"}, "path must have %N once"},
        {{.path = "x", .rotate_bytes = 1}, "path must have %N where files are rotated, got \"x\""},
        {{.path = "x", .sync = (weir_file_sync)3}, "sync must be one of weir_file_sync, got 3"},
        {{.path = "x", .mode = 010000}, "mode must be at most 07777, got 010000"},
        {{.path = "x", .delimiter = "12345678901234567"}, "delimiter must have 1 to 16 bytes"},
        {{.path = "x", .reserved = {1}}, "reserved"},
    };
    weir_file_sink *made = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_file_sink_open(&rows[i].options, &made), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(made);
    }
    assert_int_equal(weir_file_sink_open(NULL, &made), WEIR_INVALID);
    assert_null(weir_file_sink_table(NULL));
    weir_file_sink_close(NULL);
}

/* ---- in a pipeline -------------------------------------------------------------------------- */

static char sink_log[4096];

static void keep_sink_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    size_t length = strlen(sink_log);
    snprintf(sink_log + length, sizeof sink_log - length, "%s\n", text);
}

static bool has_been_lost(void *pipeline) {
    weir_pipeline_stats stats;
    return weir_pipeline_read_stats(pipeline, &stats) == WEIR_OK && stats.reopened >= 3;
}

static bool is_all_done(void *pipeline) {
    weir_pipeline_stats stats;
    return weir_pipeline_read_stats(pipeline, &stats) == WEIR_OK && stats.acked >= 20000;
}

/* The disk is full for a while: then all is there, once, in order. */
static void outlives_a_full_disk(void **state) {
    weir_file_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    char *text = malloc(20000 * 8), *at = text;
    (void)state;
    sink_log[0] = '\0';
    for (int i = 0; i < 20000; i++) {
        at += snprintf(at, 8, "%d\n", i);
    }
    lines_write("log", text);
    limit_size(50000);
    const weir_file_source_options from = {
        .paths = (const char *const[]){"log"}, .path_count = 1, .checkpoint = "point"};
    const weir_file_sink_options to = {.path = "store", .sync = WEIR_FILE_SYNC_NONE};
    assert_int_equal(weir_file_source_open(&from, &source), WEIR_OK);
    open_sink_at(&to);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = keep_sink_log}, &runtime),
        WEIR_OK);
    const weir_pipeline_batcher batcher = {.name = "store",
                                           .size = 300,
                                           .timeout_ns = 5 * MS,
                                           .sink = weir_file_sink_table(sink),
                                           .sink_contexts = (void *[]){sink},
                                           .retry = {.delay = {.first_ns = 5 * MS}}};
    assert_int_equal(
        weir_pipeline_open(runtime,
                           &(weir_pipeline_options){.source = weir_file_source_driver(source),
                                                    .source_contexts = (void *[]){source},
                                                    .source_count = 1,
                                                    .processors = {.count = 1},
                                                    .batchers = &batcher,
                                                    .batcher_count = 1},
                           &pipeline),
        WEIR_OK);
    assert_true(tally_until(has_been_lost, pipeline, 20));
    limit_size(RLIM_INFINITY);
    assert_true(tally_until(is_all_done, pipeline, 20));
    assert_int_equal(weir_pipeline_close(pipeline, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
    weir_file_source_close(source);
    weir_file_sink_close(sink);
    sink = NULL;
    assert_non_null(strstr(sink_log, "cannot write to store: File too large"));
    lines_check("store", text);
    free(text);
}

static int begin_sink_test(void **state) {
    (void)state;
    lines_begin(&lines);
    return 0;
}

static int end_sink_test(void **state) {
    (void)state;
    limit_size(RLIM_INFINITY);
    weir_file_sink_close(sink);
    sink = NULL;
    lines_end(&lines);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin_sink_test, end_sink_test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(appends_lines),         IN_FOLDER(appends_large_ones),
        IN_FOLDER(mends_a_torn_line),     IN_FOLDER(goes_on_to_other_files),
        IN_FOLDER(names_files_by_time),   IN_FOLDER(makes_again_what_was_renamed),
        IN_FOLDER(cuts_off_half_a_batch), IN_FOLDER(cuts_off_nothing_of_others),
        IN_FOLDER(says_why_it_is_lost),   IN_FOLDER(refuses_bad_sink_options),
        IN_FOLDER(outlives_a_full_disk),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
