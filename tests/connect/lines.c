/*
 * Lines of files.  See lines.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/lines.h"

#include "support/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

/* ---- the folder ----------------------------------------------------------------------- */

void lines_begin(struct lines *lines) {
    memset(lines, 0, sizeof *lines);
    snprintf(lines->folder, sizeof lines->folder, "/tmp/weir-lines.XXXXXX");
    assert_non_null(mkdtemp(lines->folder));
    assert_int_equal(chdir(lines->folder), 0);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void lines_end(struct lines *lines) {
    if (chdir("/tmp") == 0) {
        nftw(lines->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

int lines_set_up(void **state) {
    lines_begin(*state);
    return 0;
}

int lines_tear_down(void **state) {
    lines_end(*state);
    return 0;
}

static void put(const char *path, int flags, const void *bytes, size_t count) {
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, count), (ssize_t)count);
    close(file);
}

void lines_write(const char *path, const char *text) {
    put(path, O_TRUNC, text, strlen(text));
}

void lines_append(const char *path, const char *text) {
    put(path, O_APPEND, text, strlen(text));
}

void lines_append_bytes(const char *path, const void *bytes, size_t count) {
    put(path, O_APPEND, bytes, count);
}

char *lines_text(const char *path, size_t *bytes) {
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    assert_int_equal(fstat(file, &about), 0);
    char *text = malloc((size_t)about.st_size + 1);
    ssize_t had = read(file, text, (size_t)about.st_size);
    assert_int_equal(had, about.st_size);
    text[had] = '\0';
    if (bytes != NULL) {
        *bytes = (size_t)had;
    }
    close(file);
    return text;
}

void lines_check(const char *path, const char *text) {
    char *found = lines_text(path, NULL);
    assert_non_null(found);
    assert_string_equal(found, text);
    free(found);
}

/* ---- the pipeline --------------------------------------------------------------------- */

static bool is_line(const weir_message *message, const char *line) {
    return line != NULL && message->data.count == strlen(line) &&
           memcmp(message->data.at, line, message->data.count) == 0;
}

static void note_span(struct lines *lines, weir_bytes span, char behind) {
    assert_true(lines->length + span.count + 2 < sizeof lines->seen);
    if (span.count > 0) {
        memcpy(lines->seen + lines->length, span.at, span.count);
    }
    lines->length += span.count;
    lines->seen[lines->length++] = behind;
    lines->seen[lines->length] = '\0';
}

static weir_outcome see(void *context, weir_work *work, weir_message *message) {
    struct lines *lines = context;
    (void)work;
    if (lines->sees != NULL) {
        lines->sees();
    }
    if (is_line(message, lines->holds)) {
        return WEIR_MESSAGE_NAK;
    }
    if (lines->nak_count > 0 && is_line(message, lines->naks)) {
        lines->nak_count--;
        return WEIR_MESSAGE_NAK;
    }
    if (message->headers.count > 0) {
        note_span(lines, message->headers, ':');
    }
    note_span(lines, message->data, '|');
    snprintf(lines->key, sizeof lines->key, "%.*s", (int)message->key.count, message->key.at);
    return WEIR_MESSAGE_OK;
}

static void keep_lines_log(void *context, weir_log_level level, const char *text) {
    struct lines *lines = context;
    size_t length = strlen(lines->log);
    (void)level;
    snprintf(lines->log + length, sizeof lines->log - length, "%s\n", text);
    if (getenv("WEIR_SHOW_LOG") != NULL) {
        fprintf(stderr, "%s\n", text);
    }
}

void lines_open(struct lines *lines, const weir_file_source_options *options) {
    const weir_runtime_options simulated = {
        .mode = WEIR_SIMULATED, .workers = 1, .log = keep_lines_log, .log_context = lines};
    lines->seen[0] = '\0';
    lines->length = 0;
    lines->log[0] = '\0';
    assert_int_equal(weir_file_source_open(options, &lines->source), WEIR_OK);
    assert_int_equal(weir_runtime_open(&simulated, &lines->runtime), WEIR_OK);
    const weir_pipeline_options pipeline = {.source = weir_file_source_driver(lines->source),
                                            .source_contexts = (void *[]){lines->source},
                                            .source_count = 1,
                                            .context = lines,
                                            .shutdown_ns = 1,
                                            .processors = {.count = 1, .handle_message = see}};
    assert_int_equal(weir_pipeline_open(lines->runtime, &pipeline, &lines->pipeline), WEIR_OK);
}

void lines_run(struct lines *lines) {
    assert_int_equal(weir_runtime_advance(lines->runtime, 3000 * MS), WEIR_OK);
}

void lines_close(struct lines *lines) {
    assert_int_equal(weir_pipeline_close(lines->pipeline, &lines->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(lines->runtime, NULL), WEIR_OK);
    weir_file_source_close(lines->source);
    lines->source = NULL;
}

const char *lines_read(struct lines *lines, const weir_file_source_options *options) {
    lines_open(lines, options);
    lines_run(lines);
    lines_close(lines);
    return lines->seen;
}
