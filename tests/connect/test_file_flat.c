/*
 * Goal: however many files a source has followed, and however long a line is, it has no more memory
 * and no more descriptors than before.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: what is allocated and what is open is compared after a tenth of the rounds and after all
 * of them; of long lines, what the process had at its most.  Each line is looked for where it
 * should come.  WEIR_ROUNDS (default 1500) says how many files; WEIR_SHOW_LOG prints what there is.
 */
#include "connect/lines.h"
#include "support/cmocka.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

enum {
    ROUNDS = 1500,
    SLACK = 16 << 10,
    LONG_MIB = 64,
    SPARSE_MIB = 256,
    PEAK_SLACK_KIB = 16 << 10
};

static struct lines lines;

/* ---- what the process has ------------------------------------------------------------------- */

/* 0 where an allocator of a sanitizer's is in use. */
static size_t allocated_bytes(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static unsigned open_files(void) {
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

/* A figure of /proc/self/status, in KiB. */
static long status_kib(const char *name) {
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kib = atol(line + strlen(name) + 1);
        }
    }
    fclose(file);
    return kib;
}

struct had {
    size_t bytes;
    unsigned files;
    long resident_kib;
};

static struct had look(void) {
    struct had had = {.bytes = allocated_bytes(), .files = open_files()};
    had.resident_kib = status_kib("VmRSS");
    if (getenv("WEIR_SHOW_LOG") != NULL) {
        fprintf(stderr, "allocated %zu, resident %ld KiB, open %u\n", had.bytes, had.resident_kib,
                had.files);
    }
    return had;
}

static void check_no_more_than(const struct had *before) {
    struct had now = look();
    assert_int_equal(now.files, before->files);
    assert_true(now.bytes <= before->bytes + SLACK);
}

static unsigned rounds_wanted(void) {
    const char *wanted = getenv("WEIR_ROUNDS");
    return wanted != NULL ? (unsigned)atoi(wanted) : ROUNDS;
}

/* ---- many files ------------------------------------------------------------------------------ */

/* What has come since the last time. */
static void check_comes(const char *text) {
    assert_int_equal(weir_runtime_advance(lines.runtime, 50 * MS), WEIR_OK);
    assert_string_equal(lines.seen, text);
    lines.length = 0;
    lines.seen[0] = '\0';
}

static void follows_one_that_is_rotated_again_and_again(void **state) {
    const weir_file_source_options options = {.paths = (const char *const[]){"log"},
                                              .path_count = 1,
                                              .checkpoint = "point",
                                              .linger_ns = 1};
    const unsigned rounds = rounds_wanted();
    struct had had = {0};
    char line[32], seen[64];
    (void)state;
    lines_write("log", "");
    lines_open(&lines, &options);
    for (unsigned i = 0; i < rounds; i++) {
        snprintf(line, sizeof line, "%u\n", i);
        snprintf(seen, sizeof seen, "%u|%u late|", i, i);
        lines_append("log", line);
        rename("log", "log.1"); /* the one before is gone */
        snprintf(line, sizeof line, "%u late", i);
        lines_append("log.1", line);
        lines_write("log", "");
        if (i == 0) {
            seen[0] = '\0';
            assert_int_equal(weir_runtime_advance(lines.runtime, 50 * MS), WEIR_OK);
            lines.length = 0;
        } else {
            check_comes(seen);
        }
        if (i == rounds / 10) {
            had = look();
        }
    }
    check_no_more_than(&had);
    lines_close(&lines);
}

static void follows_a_folder_whose_files_come_and_go(void **state) {
    const weir_file_source_options options = {
        .folder = "many", .checkpoint = "point", .linger_ns = 1};
    const unsigned rounds = rounds_wanted();
    struct had had = {0};
    char path[32], line[32], seen[64];
    (void)state;
    mkdir("many", 0755);
    lines_open(&lines, &options);
    for (unsigned i = 0; i < rounds; i++) {
        snprintf(path, sizeof path, "many/%06u", i);
        snprintf(line, sizeof line, "%u\n", i);
        snprintf(seen, sizeof seen, "%u|", i);
        lines_write(path, line);
        check_comes(seen);
        assert_int_equal(remove(path), 0);
        check_comes("");
        if (i == rounds / 10) {
            had = look();
        }
    }
    check_no_more_than(&had);
    lines_close(&lines);
}

/* ---- long lines ------------------------------------------------------------------------------ */

/* The most that it has had since this was called. */
static long forget_peak(void) {
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    ssize_t wrote = file < 0 ? -1 : write(file, "5", 1);
    close(file);
    return wrote == 1 ? status_kib("VmRSS") : -1;
}

static void check_long_lines(size_t mib) {
    weir_file_source_options options = {
        .paths = (const char *const[]){"log"}, .path_count = 1, .once = true, .max_line = 100};
    for (int i = 0; i < 2; i++) {
        options.long_lines = i == 0 ? WEIR_FILE_CUT : WEIR_FILE_SKIP;
        long before = forget_peak();
        lines_read(&lines, &options);
        assert_int_equal(lines.length, i == 0 ? 4 + 4 + 100 + 1 + 4 : 8);
        assert_string_equal(lines.seen + lines.length - 5, "|end|");
        if (getenv("WEIR_SHOW_LOG") != NULL) {
            fprintf(stderr, "a line of %zu MiB: resident %ld KiB, at its most %ld KiB\n", mib,
                    before, status_kib("VmHWM"));
        }
        if (before >= 0) {
            assert_true(status_kib("VmHWM") <= before + PEAK_SLACK_KIB);
        }
    }
}

static void reads_long_lines_little_by_little(void **state) {
    char *text = malloc(1 << 20);
    (void)state;
    memset(text, 'x', 1 << 20);
    lines_write("log", "one\n");
    for (int i = 0; i < LONG_MIB; i++) {
        lines_append_bytes("log", text, 1 << 20);
    }
    lines_append("log", "\nend\n");
    free(text);
    check_long_lines(LONG_MIB);
}

static void reads_holes_little_by_little(void **state) {
    (void)state;
    lines_write("log", "one\n");
    assert_int_equal(truncate("log", (off_t)SPARSE_MIB << 20), 0);
    lines_append("log", "\nend\n");
    check_long_lines(SPARSE_MIB);
}

#define IN_FOLDER(test) LINES_TEST(test, &lines)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(follows_one_that_is_rotated_again_and_again),
        IN_FOLDER(follows_a_folder_whose_files_come_and_go),
        IN_FOLDER(reads_long_lines_little_by_little),
        IN_FOLDER(reads_holes_little_by_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
