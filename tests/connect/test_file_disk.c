/*
 * Goal: where a disk fails, or is full, nothing that was acknowledged is lost, the reason is said,
 * and it goes on when it can.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: reads, writes at an offset and syncs are this program's own, which fail as told and note
 * in what order they came; and a small file system in memory that is filled up.
 */
#include "connect/lines.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

static struct lines lines;
static const char *const log_path[] = {"log"};

/* ---- a disk that fails -------------------------------------------------------------------- */

enum { READS = 1, WRITES = 2, SYNCS = 4, ANYWHERE = -1 };

static struct {
    int calls;        /* which of them fail; 0: none */
    const char *name; /* the end of the path */
    off_t at;         /* the offset */
    int error;
} fault;

/* Of files of a name that begins with "point": 0 and 1: a slot is written; s: it is synced; r: it
 * is renamed; f: a folder is synced; letters of "point.new" are large. */
static bool noting; /* where no threads are */
static char noted[256];

static void path_of(int file, char path[256]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, 255);
    path[length < 0 ? 0 : length] = '\0';
}

static void note_letter(char what) {
    const size_t length = noting ? strlen(noted) : sizeof noted;
    if (length + 1 < sizeof noted) {
        noted[length] = what;
        noted[length + 1] = '\0';
    }
}

static void note(int file, char what, char of_new) {
    char path[256];
    path_of(file, path);
    const char *name = strrchr(path, '/');
    if (name != NULL && strncmp(name, "/point", 6) == 0) {
        note_letter(strstr(name, ".new") != NULL ? of_new : what);
    }
}

static bool fails(int call, int file, off_t at) {
    char path[256];
    if ((fault.calls & call) == 0 || (fault.at != ANYWHERE && fault.at != at)) {
        return false;
    }
    path_of(file, path);
    const char *name = strrchr(path, '/');
    errno = fault.error;
    return name != NULL && strcmp(name + 1, fault.name) == 0;
}

ssize_t pread(int file, void *to, size_t count, off_t at) {
    return fails(READS, file, at) ? -1 : syscall(SYS_pread64, file, to, count, at);
}

ssize_t pwrite(int file, const void *from, size_t count, off_t at) {
    note(file, at == 0 ? '0' : '1', 'W');
    return fails(WRITES, file, at) ? -1 : syscall(SYS_pwrite64, file, from, count, at);
}

int fdatasync(int file) {
    note(file, 's', 'S');
    return fails(SYNCS, file, ANYWHERE) ? -1 : (int)syscall(SYS_fdatasync, file);
}

int fsync(int file) {
    note_letter('f');
    return fails(SYNCS, file, ANYWHERE) ? -1 : (int)syscall(SYS_fsync, file);
}

int rename(const char *from, const char *to) {
    note_letter('r');
    return (int)syscall(SYS_rename, from, to);
}

static void let_fail(int calls, const char *name, off_t at, int error) {
    fault.calls = calls;
    fault.name = name;
    fault.at = at;
    fault.error = error;
}

static void mend(void) {
    fault.calls = 0;
}

/* The folder that the test is in, by its name alone. */
static const char *here(void) {
    return strrchr(lines.folder, '/') + 1;
}

/* ---- sources ------------------------------------------------------------------------------- */

static weir_file_source_options following(void) {
    return (weir_file_source_options){
        .paths = log_path, .path_count = 1, .checkpoint = "point", .linger_ns = 1};
}

/* It goes on by itself, after its back-off. */
static void run_long(void) {
    assert_int_equal(weir_runtime_advance(lines.runtime, 20 * S), WEIR_OK);
}

static void reads_again_what_could_not_be_read(void **state) {
    const weir_file_source_options options = following();
    (void)state;
    lines_write("log", "one\ntwo\n");
    lines_open(&lines, &options);
    lines_run(&lines);
    lines_append("log", "three\n");
    let_fail(READS, "log", 8, EIO);
    lines_run(&lines);
    assert_non_null(strstr(lines.log, "LOST (file: cannot read log: Input/output error)"));
    assert_string_equal(lines.seen, "one|two|");
    mend();
    run_long();
    lines_close(&lines);
    assert_string_equal(lines.seen, "one|two|three|");
    assert_string_equal(lines_read(&lines, &options), "");
}

/* The first bytes of a line that is cut are read again at its end: all of them, or none. */
static void reads_again_the_head_of_a_long_line(void **state) {
    weir_file_source_options options = following();
    (void)state;
    options.max_line = 8;
    options.long_lines = WEIR_FILE_CUT;
    for (int i = 0; i < 4; i++) {
        options.once = i >= 2; /* where it has no end, too */
        remove("point");
        lines_write("log", i < 2 ? "one\n123456789\ntwo\n" : "one\n123456789");
        let_fail(READS, "log", 4, EIO);
        lines_open(&lines, &options);
        lines_run(&lines);
        assert_non_null(strstr(lines.log, "LOST (file: cannot read log: Input/output error)"));
        assert_string_equal(lines.seen, "one|");
        mend();
        run_long();
        lines_close(&lines);
        assert_string_equal(lines.seen, i < 2 ? "one|cut:12345678|two|" : "one|cut:12345678|");
    }
}

/* What the checkpoint cannot be told stays open, and is told when it can. */
static void outlives_a_checkpoint_that_fails(void **state) {
    const int calls[] = {WRITES, SYNCS};
    const char *const says[] = {"cannot write checkpoint point: Input/output error",
                                "cannot sync checkpoint point: Input/output error"};
    weir_file_source_options options = following();
    (void)state;
    options.checkpoint_sync_ns = 1;
    for (int i = 0; i < 2; i++) {
        remove("point");
        lines_write("log", "one\n");
        lines_open(&lines, &options);
        lines_run(&lines);
        let_fail(calls[i], "point", ANYWHERE, EIO);
        lines_append("log", "two\nthree\n");
        lines_run(&lines);
        assert_non_null(strstr(lines.log, says[i]));
        mend();
        lines_append("log", "four\n");
        run_long();
        lines_close(&lines);
        assert_string_equal(lines.seen, "one|two|three|four|");
        assert_string_equal(lines_read(&lines, &options), "");
    }
}

/* A slot is written to while the other is on the disk: between two there is a sync. */
static void makes_sure_of_a_slot_before_the_other(void **state) {
    weir_file_source_options options = following();
    size_t changes = 0;
    (void)state;
    noting = true;
    noted[0] = '\0';
    options.checkpoint_sync_ns = 1500 * MS;
    lines_write("log", "one\n");
    lines_open(&lines, &options);
    for (int i = 0; i < 20; i++) {
        lines_append("log", "more\n");
        assert_int_equal(weir_runtime_advance(lines.runtime, 200 * MS), WEIR_OK);
    }
    lines_close(&lines);
    noting = false;
    assert_int_equal(strncmp(noted, "WSrf", 4), 0); /* before it has its name it is there */
    const char *at = strpbrk(noted, "01");
    assert_non_null(at);
    for (const char *next; (next = strpbrk(at + 1, "01")) != NULL; at = next) {
        if (*next != *at) {
            changes++;
            assert_true(at[1] == 's');
        }
    }
    assert_true(changes > 0);
}

/* ---- sinks --------------------------------------------------------------------------------- */

static weir_file_sink *sink;

static void open_sink_at(const weir_file_sink_options *options) {
    assert_int_equal(weir_file_sink_open(options, &sink), WEIR_OK);
    assert_int_equal(weir_file_sink_table(sink)->open(sink), WEIR_PULLED);
}

static weir_pulled write_word(const char *word) {
    weir_message message = {.data = {.at = word, .count = (uint32_t)strlen(word)}};
    return weir_file_sink_table(sink)->write(sink, &message, 1, &(weir_batch_info){0});
}

/* What it has said LOST of is opened again, and written again. */
static void write_again(const char *word) {
    assert_int_equal(weir_file_sink_table(sink)->open(sink), WEIR_PULLED);
    assert_int_equal(write_word(word), WEIR_PULLED);
}

static void close_sink(void) {
    weir_file_sink_close(sink);
    sink = NULL;
}

/* The system may deem stored what a failed sync has not: all of the batch is written again. */
static void writes_again_what_could_not_be_synced(void **state) {
    const weir_file_sink_options options = {.path = "store"};
    (void)state;
    open_sink_at(&options);
    assert_int_equal(write_word("one"), WEIR_PULLED);
    let_fail(SYNCS, "store", ANYWHERE, EIO);
    assert_int_equal(write_word("two"), WEIR_LOST);
    assert_string_equal(weir_refusal(), "file: cannot sync store: Input/output error");
    lines_check("store", "one\n");
    mend();
    write_again("two");
    close_sink();
    lines_check("store", "one\ntwo\n");
}

static void makes_sure_of_its_name(void **state) {
    const weir_file_sink_options options = {.path = "store"};
    (void)state;
    open_sink_at(&options);
    let_fail(SYNCS, here(), ANYWHERE, EIO);
    assert_int_equal(write_word("one"), WEIR_LOST);
    assert_string_equal(weir_refusal(), "file: cannot sync store: Input/output error");
    assert_int_equal(write_word("one"), WEIR_LOST); /* its name is as unsure as before */
    mend();
    assert_int_equal(write_word("one"), WEIR_PULLED);
    close_sink();
    lines_check("store", "one\n");
}

static void finishes_no_file_that_is_not_on_the_disk(void **state) {
    const weir_file_sink_options options = {.path = "store-%N",
                                            .rotate_bytes = 4,
                                            .sync = WEIR_FILE_SYNC_INTERVAL,
                                            .sync_ns = 3600 * S};
    (void)state;
    open_sink_at(&options);
    assert_int_equal(write_word("one"), WEIR_PULLED);
    let_fail(SYNCS, "store-000001", ANYWHERE, EIO);
    assert_int_equal(write_word("two"), WEIR_LOST);
    assert_string_equal(weir_refusal(), "file: cannot sync store-000001: Input/output error");
    mend();
    write_again("two");
    close_sink();
    lines_check("store-000001", "one\n");
    lines_check("store-000002", "two\n");
}

/* ---- a disk that is full --------------------------------------------------------------------- */

enum { LINES = 20000, DISK_BYTES = 192 << 10 };

static char full_log[8192];

static void keep_full_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    size_t length = strlen(full_log);
    snprintf(full_log + length, sizeof full_log - length, "%s\n", text);
}

static bool has_been_lost(void *pipeline) {
    weir_pipeline_stats stats;
    return weir_pipeline_read_stats(pipeline, &stats) == WEIR_OK && stats.reopened >= 3;
}

static bool is_all_done(void *pipeline) {
    weir_pipeline_stats stats;
    return weir_pipeline_read_stats(pipeline, &stats) == WEIR_OK && stats.acked >= LINES;
}

/* Of this process alone, and gone with it; false: that is not permitted. */
static bool mount_small_disk(const char *folder) {
    char size[32];
    snprintf(size, sizeof size, "size=%d", DISK_BYTES);
    return mkdir(folder, 0755) == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, size) == 0;
}

static void fill_disk(const char *path, size_t leave) {
    char *text = calloc(1, DISK_BYTES);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, DISK_BYTES - leave), (ssize_t)(DISK_BYTES - leave));
    close(file);
    free(text);
}

static char *write_log(void) {
    char *text = malloc((size_t)LINES * 8), *at = text;
    for (int i = 0; i < LINES; i++) {
        at += snprintf(at, 8, "%d\n", i);
    }
    lines_write("log", text);
    return text;
}

/* The disk has store and checkpoint, and no room; then all is there, once, in order. */
static void outlives_a_full_disk(void **state) {
    weir_file_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    const weir_file_source_options from = {
        .paths = log_path, .path_count = 1, .checkpoint = "disk/point"};
    (void)state;
    if (!mount_small_disk("disk")) {
        print_message("skipped: no file system may be mounted\n");
        skip();
    }
    full_log[0] = '\0';
    fill_disk("disk/ballast", 64 << 10);
    char *text = write_log();
    assert_int_equal(weir_file_source_open(&from, &source), WEIR_OK);
    assert_int_equal(weir_file_sink_open(&(weir_file_sink_options){.path = "disk/store"}, &sink),
                     WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = keep_full_log}, &runtime),
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
    assert_int_equal(remove("disk/ballast"), 0);
    assert_true(tally_until(is_all_done, pipeline, 20));
    assert_int_equal(weir_pipeline_close(pipeline, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
    weir_file_source_close(source);
    assert_non_null(strstr(full_log, "cannot write to disk/store: No space left on device"));
    lines_check("disk/store", text);
    free(text);
    assert_string_equal(lines_read(&lines, &from), "");
    umount("disk");
}

static int begin_disk_test(void **state) {
    (void)state;
    lines_begin(&lines);
    return 0;
}

static int end_disk_test(void **state) {
    (void)state;
    mend();
    weir_file_sink_close(sink);
    sink = NULL;
    lines_end(&lines);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin_disk_test, end_disk_test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reads_again_what_could_not_be_read),
        IN_FOLDER(reads_again_the_head_of_a_long_line),
        IN_FOLDER(outlives_a_checkpoint_that_fails),
        IN_FOLDER(makes_sure_of_a_slot_before_the_other),
        IN_FOLDER(writes_again_what_could_not_be_synced),
        IN_FOLDER(makes_sure_of_its_name),
        IN_FOLDER(finishes_no_file_that_is_not_on_the_disk),
        IN_FOLDER(outlives_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
