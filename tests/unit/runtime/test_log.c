/*
 * The log: who gave no function for it reads it on standard error.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every line names its level; long ones are cut off, not broken; the
 * program's own function gets level, text and its context, on the worker.
 * Method: standard error is a pipe for a while; a stage with a long name loses
 * messages, which is worth a warning.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/cmocka.h"
#include "support/deeds.h"

#include <weir/weir.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Opens a runtime in which a stage of that name loses a message of five bytes. */
static void lose_a_message(const weir_runtime_options *options, const char *name) {
    weir_runtime *runtime;
    assert_int_equal(weir_runtime_open(options, &runtime), WEIR_OK);
    const weir_stage_options deaf = {
        .kind = WEIR_CONSUMER, .name = name, .on.handle_events = deed_no_events};
    weir_ref stage;
    assert_int_equal(weir_stage_start(runtime, &deaf, &stage), WEIR_OK);
    assert_int_equal(weir_cast(runtime, stage, "12345", 5), WEIR_OK);
    assert_int_equal(weir_runtime_settle(runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
}

/* What standard error got meanwhile. */
static void read_errors(const weir_runtime_options *options, const char *name, char *text,
                        size_t bytes) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    lose_a_message(options, name);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got;
         used + 1 < bytes && (got = read(ends[0], text + used, bytes - 1 - used)) > 0;) {
        used += (size_t)got;
    }
    text[used] = '\0';
    close(ends[0]);
}

static void goes_to_standard_error(void **state) {
    (void)state;
    char text[2000];
    for (int mode = WEIR_THREADS; mode <= WEIR_STEPPED; mode++) {
        const weir_runtime_options options = {
            .mode = (weir_runtime_mode)mode, .workers = 1, .unpinned = true};
        read_errors(&options, "deaf", text, sizeof text);
        assert_string_equal(text, "weir: warning: stage deaf has no handle_cast: a message of 5 "
                                  "bytes was dropped\n");
    }
}

static void long_lines_are_cut_off(void **state) {
    (void)state;
    char name[1500];
    char text[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const weir_runtime_options options = {.mode = WEIR_STEPPED, .workers = 1};
    read_errors(&options, name, text, sizeof text);
    assert_memory_equal(text, "weir: warning: stage nnnn", 25);
    size_t length = strlen(text);
    assert_in_range(length, 100, 600);
    assert_int_equal(text[length - 1], '\n');
}

struct line {
    unsigned count;
    weir_log_level level;
    char text[200];
};

static void keep(void *context, weir_log_level level, const char *text) {
    struct line *line = context;
    line->count++;
    line->level = level;
    snprintf(line->text, sizeof line->text, "%s", text);
}

static void a_function_of_the_programs_gets_it_instead(void **state) {
    (void)state;
    struct line line = {0, WEIR_LOG_INFO, ""};
    char errors[100];
    const weir_runtime_options options = {
        .mode = WEIR_STEPPED, .workers = 1, .log = keep, .log_context = &line};
    read_errors(&options, "deaf", errors, sizeof errors);
    assert_string_equal(errors, "");
    assert_int_equal(line.count, 1);
    assert_int_equal(line.level, WEIR_LOG_WARNING);
    assert_string_equal(line.text,
                        "stage deaf has no handle_cast: a message of 5 bytes was dropped");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_standard_error),
        cmocka_unit_test(long_lines_are_cut_off),
        cmocka_unit_test(a_function_of_the_programs_gets_it_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
