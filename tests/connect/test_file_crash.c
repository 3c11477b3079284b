/*
 * Goal: from file to file no line is lost, torn, or out of order, whenever the process dies, and
 * whatever becomes of the files' names meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the pipeline runs in a child process that is killed (SIGKILL) at moments drawn by lot,
 * begun again, and so on, while this one writes numbered lines and renames files.  In the end each
 * line of what was stored is one that was written, whole; each of these is there; and those that
 * are there for the first time rise.
 */
#include "connect/lines.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

enum { ROUNDS = 8, EACH = 4000 };

static struct lines lines;
static unsigned long long lot = 20261130;
static pid_t running; /* the child; 0: there is none */

static unsigned draw(unsigned below) {
    lot = lot * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(lot >> 33) % below;
}

static void nap_us(unsigned us) {
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

/* ---- the child --------------------------------------------------------------------------- */

static void no_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    if (getenv("WEIR_SHOW_LOG") != NULL) {
        fprintf(stderr, "%s\n", text);
    }
}

static void run_shipper(const weir_file_source_options *from, const weir_file_sink_options *to) {
    weir_file_source *source;
    weir_file_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_must(weir_file_source_open(from, &source));
    weir_must(weir_file_sink_open(to, &sink));
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = no_log}, &runtime));
    const weir_pipeline_batcher batcher = {.name = "store",
                                           .size = 50,
                                           .timeout_ns = 2 * MS,
                                           .sink = weir_file_sink_table(sink),
                                           .sink_contexts = (void *[]){sink}};
    const weir_pipeline_options options = {.source = weir_file_source_driver(source),
                                           .source_contexts = (void *[]){source},
                                           .source_count = 1,
                                           .max_outstanding = 1000,
                                           .processors = {.count = 1},
                                           .batchers = &batcher,
                                           .batcher_count = 1};
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    while (true) {
        pause();
    }
}

static void start_shipper(const weir_file_source_options *from, const weir_file_sink_options *to) {
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            run_shipper(from, to);
        }
        _exit(1);
    }
    assert_true(child > 0);
    running = child;
}

static void kill_shipper(void) {
    int status;
    assert_int_equal(kill(running, SIGKILL), 0);
    assert_int_equal(waitpid(running, &status, 0), running);
    running = 0;
    assert_true(WIFSIGNALED(status)); /* it had not ended before */
}

/* ---- what is written and stored ------------------------------------------------------------ */

/* Lines of many lengths, which say what they are. */
static size_t make_line(char *text, unsigned number) {
    int length = sprintf(text, "%u ", number);
    unsigned more = number % 97;
    memset(text + length, 'a' + (int)(number % 26), more);
    text[(unsigned)length + more] = '\n';
    return (size_t)length + more + 1;
}

/* In pieces that end anywhere. */
static void write_lines(const char *path, unsigned first, unsigned count) {
    static char text[EACH * 128];
    size_t bytes = 0, written = 0;
    for (unsigned i = first; i < first + count; i++) {
        bytes += make_line(text + bytes, i);
    }
    while (written < bytes) {
        size_t piece = 1 + draw(30000);
        piece = piece < bytes - written ? piece : bytes - written;
        lines_append_bytes(path, text + written, piece);
        written += piece;
        nap_us(draw(300));
    }
}

struct stored {
    const char *path;
    unsigned count; /* of lines that were written */
    bool ordered;
};

/* Reads all that is stored: whether each line is there; a line that is none fails. */
static bool has_all(void *context) {
    const struct stored *stored = context;
    size_t bytes;
    char wanted[128], *text = lines_text(stored->path, &bytes);
    unsigned next = 0; /* the one that is to be new next */
    tally_begin(stored->count);
    for (char *line = text, *end; line != NULL && (end = strchr(line, '\n')) != NULL;
         line = end + 1) {
        unsigned number = (unsigned)strtoul(line, NULL, 10);
        size_t length = make_line(wanted, number);
        assert_true(number < stored->count);
        assert_int_equal((size_t)(end - line) + 1, length);
        assert_memory_equal(line, wanted, length);
        if (stored->ordered && number >= next) {
            assert_int_equal(number, next++);
        }
        tally_note(number);
    }
    free(text);
    return tally_missing() == 0;
}

static void check_stored(const char *path, unsigned count, bool ordered) {
    struct stored stored = {.path = path, .count = count, .ordered = ordered};
    for (int tries = 0; tries < 200 && !has_all(&stored); tries++) {
        nap_us(100000);
    }
    tally_check();
}

/* ---- scenes -------------------------------------------------------------------------------- */

static void one_file_is_shipped(void **state) {
    const weir_file_source_options from = {
        .paths = (const char *const[]){"log"}, .path_count = 1, .checkpoint = "point"};
    const weir_file_sink_options to = {.path = "store"};
    (void)state;
    lines_write("log", "");
    start_shipper(&from, &to);
    for (unsigned round = 0; round < ROUNDS; round++) {
        write_lines("log", round * EACH, EACH);
        nap_us(draw(30000));
        kill_shipper();
        start_shipper(&from, &to);
        nap_us(draw(20000));
    }
    check_stored("store", ROUNDS * EACH, true);
    kill_shipper();
}

static bool something_is_stored(void *context) {
    char *text = lines_text("store", NULL);
    bool found = text != NULL && strstr(text, context) != NULL;
    free(text);
    return found;
}

/* The name is given to a new file now while the shipper runs, now while it does not. */
static void renamed_files_are_shipped(void **state) {
    const weir_file_source_options from = {.paths = (const char *const[]){"log"},
                                           .path_count = 1,
                                           .checkpoint = "point",
                                           .linger_ns = 50 * MS};
    const weir_file_sink_options to = {.path = "store"};
    char old[32], first[32];
    (void)state;
    lines_write("log", "");
    start_shipper(&from, &to);
    for (unsigned round = 0; round < ROUNDS; round++) {
        write_lines("log", round * EACH, EACH / 2);
        sprintf(first, "\n%u ", round * EACH + 1); /* so the shipper has seen this file */
        assert_true(tally_until(something_is_stored, first, 20));
        sprintf(old, "log.%u", round);
        if (round % 2 == 0) {
            kill_shipper();
        }
        assert_int_equal(rename("log", old), 0);
        write_lines(old, round * EACH + EACH / 2, EACH / 2);
        lines_write("log", "");
        if (round % 2 == 0) {
            start_shipper(&from, &to);
        }
        nap_us(draw(20000));
    }
    check_stored("store", ROUNDS * EACH, false);
    kill_shipper();
}

/* A folder whose names say the order; the store goes on to another file now and then. */
static void a_folder_is_shipped(void **state) {
    const weir_file_source_options from = {
        .folder = ".", .pattern = "log.*", .checkpoint = "point"};
    const weir_file_sink_options to = {.path = "store-%N", .rotate_bytes = 200000};
    char path[32], *all = NULL;
    size_t bytes = 0, more;
    (void)state;
    start_shipper(&from, &to);
    for (unsigned round = 0; round < ROUNDS; round++) {
        sprintf(path, "log.%u", round);
        write_lines(path, round * EACH, EACH);
        nap_us(draw(10000));
        kill_shipper();
        start_shipper(&from, &to);
    }
    for (int tries = 0; tries < 100; tries++) {
        nap_us(100000);
        remove("store");
        for (unsigned i = 1; i < 1000; i++) {
            sprintf(path, "store-%06u", i);
            all = lines_text(path, &more);
            if (all == NULL) {
                break;
            }
            lines_append_bytes("store", all, more);
            bytes += more;
            free(all);
        }
        if (has_all(&(struct stored){.path = "store", .count = ROUNDS * EACH})) {
            break;
        }
    }
    kill_shipper();
    tally_check();
    assert_true(bytes > 0);
}

static int begin_crash_test(void **state) {
    (void)state;
    lines_begin(&lines);
    return 0;
}

static int end_crash_test(void **state) {
    (void)state;
    if (running != 0) { /* the test has failed */
        kill_shipper();
    }
    lines_end(&lines);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin_crash_test, end_crash_test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_file_is_shipped),
        IN_FOLDER(renamed_files_are_shipped),
        IN_FOLDER(a_folder_is_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
