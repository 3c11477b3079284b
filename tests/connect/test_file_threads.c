/*
 * Goal: a source of files that waits hears of lines and names at once, and of its end.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a pipeline with threads.  It would look for names by itself after an hour only, so
 * whatever comes of a renamed file's successor has been told by the system.
 */
#include "connect/lines.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR UINT64_C(3600000000000)

enum { EACH = 2000, FILES = 5 };

static struct lines lines;

static weir_outcome note_line(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    tally_note(tally_number(message));
    return WEIR_MESSAGE_OK;
}

static void write_numbers(const char *path, unsigned first, unsigned count) {
    char *text = malloc(count * 8), *at = text;
    for (unsigned i = first; i < first + count; i++) {
        at += sprintf(at, "%u\n", i);
    }
    lines_append_bytes(path, text, (size_t)(at - text));
    free(text);
}

static bool has_come(void *number) {
    return tally_of(*(size_t *)number) > 0;
}

static void hears_of_lines_and_names(void **state) {
    const weir_file_source_options options = {.paths = (const char *const[]){"log"},
                                              .path_count = 1,
                                              .checkpoint = "point",
                                              .poll_ns = HOUR,
                                              .linger_ns = HOUR};
    weir_file_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
    char old[32];
    (void)state;
    lines_write("log", "");
    tally_begin(FILES * EACH);
    assert_int_equal(weir_file_source_open(&options, &source), WEIR_OK);
    assert_int_equal(weir_runtime_open(&(weir_runtime_options){.workers = 1}, &runtime), WEIR_OK);
    assert_int_equal(
        weir_pipeline_open(
            runtime,
            &(weir_pipeline_options){.source = weir_file_source_driver(source),
                                     .source_contexts = (void *[]){source},
                                     .source_count = 1,
                                     .max_outstanding = 100,
                                     .processors = {.count = 1, .handle_message = note_line}},
            &pipeline),
        WEIR_OK);
    for (unsigned i = 0; i < FILES; i++) {
        /* It has seen this file: one that comes and goes unseen is known to nobody. */
        size_t marker = FILES * EACH + i;
        write_numbers("log", (unsigned)marker, 1);
        assert_true(tally_until(has_come, &marker, 20));
        write_numbers("log", i * EACH, EACH / 2);
        snprintf(old, sizeof old, "log.%u", i);
        assert_int_equal(rename("log", old), 0);
        write_numbers(old, i * EACH + EACH / 2, EACH / 2);
        lines_write("log", "");
    }
    assert_true(tally_wait(20));
    assert_int_equal(weir_pipeline_close(pipeline, &stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
    weir_file_source_close(source);
    assert_int_equal(stats.acked, FILES * EACH + FILES);
    assert_int_equal(tally_again(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LINES_TEST(hears_of_lines_and_names, &lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
