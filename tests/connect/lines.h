/*
 * Lines of files, for tests: a folder of its own, what is written there, and what a pipeline of a
 * source of files has handled.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   struct lines lines;
 *   lines_begin(&lines);                             in a folder of its own
 *   lines_append("log", "one\ntwo\n");
 *   lines_open(&lines, &options);                    a pipeline in a SIMULATED runtime
 *   lines_run(&lines);                               until it is at rest
 *   assert_string_equal(lines.seen, "one|two|");
 *   lines_close(&lines);
 *   lines_end(&lines);                               and its folder is gone
 */
#ifndef TESTS_CONNECT_LINES_H
#define TESTS_CONNECT_LINES_H

#include <weir/weir.h>

enum { LINES_SEEN = 1 << 16 };

struct lines {
    char folder[64];
    weir_file_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats; /* of the last pipeline that was closed */
    /* What has come, each with "|" behind it; with headers as "header:line". */
    char seen[LINES_SEEN];
    size_t length;
    const char *naks; /* a line that is given back, nak_count times */
    unsigned nak_count;
    const char *holds;  /* a line that is given back always */
    void (*sees)(void); /* unless NULL: is called with each line */
    char key[256];      /* of the last one */
    char log[16384];    /* what was logged */
};

void lines_begin(struct lines *lines);
void lines_end(struct lines *lines);

/* The same for one test, which has these lines. */
#define LINES_TEST(test, lines) \
    cmocka_unit_test_prestate_setup_teardown(test, lines_set_up, lines_tear_down, lines)
int lines_set_up(void **state);
int lines_tear_down(void **state);

void lines_open(struct lines *lines, const weir_file_source_options *options);
void lines_run(struct lines *lines);
void lines_close(struct lines *lines);

/* The three above: what it sees from now on. */
const char *lines_read(struct lines *lines, const weir_file_source_options *options);

/* Of files. */
void lines_write(const char *path, const char *text); /* all of it */
void lines_append(const char *path, const char *text);
void lines_append_bytes(const char *path, const void *bytes, size_t count);
char *lines_text(const char *path, size_t *bytes); /* free() it; NULL: there is none */
void lines_check(const char *path, const char *text);

#endif
