/*
 * Goal: what `weir web` knows of a runtime: time lines of the last looks, which follow their
 * stages, messages that are made once for all, and why it has ended.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: counters by hand in a file, which is written anew between looks.
 */
#include "support/cmocka.h"
#include "support/counters.h"
#include "trouble.h"
#include "watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shares in percent: busy, waiting, starved, blocked, idle. */
#define SHARES(...) ((const unsigned[WEIR_STATES]){__VA_ARGS__})

static struct counters counters;
static struct watches watches;
static char path[] = "/tmp/weir_test_watch_XXXXXX";
static int file;

static void write_file(void) {
    size_t bytes = (size_t)counters.slots * WEIR_COUNTERS_SLOT;
    assert_int_equal(pwrite(file, counters.bytes, bytes, 0), bytes);
}

static void open_file(void) {
    const struct options options = {.target = path, .at_s = -1};
    write_file();
    assert_true(watches_open(&watches, &options));
    assert_int_equal(watches.count, 1);
}

/* The stage has done this for a while since the last look. */
static void does(weir_counters_stage *stage, const unsigned shares[WEIR_STATES]) {
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        stage->times[i] += shares[i] * UINT64_C(1000000);
    }
}

static void look(void) {
    write_file();
    watches_look(&watches);
}

/* The time lines, as they are sent. */
static void expect_lines(const char *wanted) {
    struct message *message = watches_say(&watches, watches.at[0], true);
    const char *found = strstr(message->text, "\"history\":[");
    assert_non_null(found);
    char *lines = strdup(found + strlen("\"history\":"));
    char *to = lines;
    for (const char *at = lines; *at != 0 && *at != '}'; at++) {
        if (*at != ' ') {
            *to++ = *at;
        }
    }
    *to = 0;
    assert_string_equal(lines, wanted);
    free(lines);
    message_drop(message);
}

static bool says(const char *text) {
    struct message *message = watches_say(&watches, watches.at[0], false);
    bool found = strstr(message->text, text) != NULL;
    message_drop(message);
    return found;
}

static int set_up(void **state) {
    (void)state;
    strcpy(path + sizeof path - 7, "XXXXXX");
    file = mkstemp(path);
    counters_begin(&counters);
    counters_worker(&counters, 0);
    return file < 0;
}

static int tear_down(void **state) {
    (void)state;
    watches_close(&watches);
    close(file);
    return unlink(path);
}

/* --- time lines --------------------------------------------------------------------------- */

static void test_the_first_look_is_in_no_line(void **state) {
    (void)state;
    counters_stage(&counters, "a", 0, SHARES(50, 0, 0, 50, 0));
    counters_stage(&counters, "b", 0, SHARES(100, 0, 0, 0, 0));
    open_file();
    expect_lines("[[],[]]");
}

static void test_lines_are_what_was_done_between_looks(void **state) {
    (void)state;
    weir_counters_stage *one = counters_stage(&counters, "a", 0, SHARES(50, 0, 0, 50, 0));
    weir_counters_stage *other = counters_stage(&counters, "b", 0, SHARES(100, 0, 0, 0, 0));
    open_file();
    does(one, SHARES(75, 5, 0, 0, 20));
    does(other, SHARES(0, 0, 99, 1, 0));
    look();
    does(one, SHARES(1, 0, 0, 1, 0));
    does(other, SHARES(0, 0, 0, 7, 0));
    look();
    expect_lines("[[75,5,0,0,20,50,0,0,50,0],[0,0,99,1,0,0,0,0,100,0]]");
}

static void test_lines_follow_their_stages(void **state) {
    (void)state;
    weir_counters_stage *first = counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    weir_counters_stage *second = counters_stage(&counters, "b", 0, SHARES(100, 0, 0, 0, 0));
    open_file();
    does(first, SHARES(100, 0, 0, 0, 0));
    does(second, SHARES(0, 100, 0, 0, 0));
    look();
    memset(first, 0, sizeof *first); /* the first has gone, and another one has come */
    does(second, SHARES(0, 0, 100, 0, 0));
    does(counters_stage(&counters, "c", 0, SHARES(0, 0, 0, 0, 0)), SHARES(0, 0, 0, 100, 0));
    look();
    expect_lines("[[0,100,0,0,0,0,0,100,0,0],[0,0,0,100,0]]");
}

static void test_lines_end_where_they_are_too_old(void **state) {
    (void)state;
    weir_counters_stage *stage = counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    char wanted[HISTORY_LOOKS * 12 + 8] = "[[";
    open_file();
    for (unsigned i = 0; i < 3; i++) {
        does(stage, SHARES(100, 0, 0, 0, 0));
        look();
    }
    for (unsigned i = 0; i < HISTORY_LOOKS; i++) {
        bool first = i == 0;
        does(stage, first ? SHARES(0, 0, 0, 0, 100) : SHARES(0, 100, 0, 0, 0));
        look();
        strcat(wanted, first ? "0,0,0,0,100" : ",0,100,0,0,0");
    }
    strcat(wanted, "]]");
    expect_lines(wanted);
}

/* --- messages ----------------------------------------------------------------------------- */

static void test_a_message_is_made_once_for_each_look(void **state) {
    (void)state;
    counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    open_file();
    struct message *one = watches_say(&watches, watches.at[0], false);
    struct message *other = watches_say(&watches, watches.at[0], false);
    assert_ptr_equal(one, other);
    assert_null(strstr(one->text, "history"));
    look(); /* who holds it has it until the end */
    struct message *next = watches_say(&watches, watches.at[0], false);
    assert_ptr_not_equal(one, next);
    assert_memory_equal(one->text, "data: {", 7);
    assert_int_equal(strlen(one->text), one->length);
    assert_ptr_equal(strchr(one->text, '\n'), one->text + one->length - 2);
    message_drop(one);
    message_drop(other);
    message_drop(next);
}

static void test_where_there_is_none_that_is_said(void **state) {
    (void)state;
    struct message *message = watches_say(&watches, NULL, true);
    assert_non_null(strstr(message->text, "\"look\":null"));
    message_drop(message);
}

static void test_it_is_found_by_its_number(void **state) {
    (void)state;
    char id[32];
    snprintf(id, sizeof id, "%d.1", (int)getpid());
    open_file();
    assert_ptr_equal(watches_find(&watches, id), watches.at[0]);
    assert_ptr_equal(watches_find(&watches, NULL), watches.at[0]);
    assert_null(watches_find(&watches, "1.1"));
}

/* --- ends --------------------------------------------------------------------------------- */

static void test_one_that_is_closed_stays_as_it_was(void **state) {
    (void)state;
    weir_counters_stage *stage = counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    open_file();
    does(stage, SHARES(0, 100, 0, 0, 0));
    look();
    assert_true(says("\"ended\":null"));
    memset(stage, 0, sizeof *stage);
    counters_header(&counters)->closed = 1;
    look();
    assert_true(says("\"ended\":\"The runtime has been closed.\""));
    assert_true(says("\"name\":\"a\""));
    look();
    expect_lines("[[0,100,0,0,0]]");
}

static void test_the_end_of_a_process_is_another(void **state) {
    (void)state;
    counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    counters_header(&counters)->started++; /* a process that is not this one */
    open_file();
    assert_true(says("\"ended\":\"The process has ended, and has not closed the runtime.\""));
    assert_true(says("\"name\":\"a\""));
}

/* The counters are those of a process of its own; field 22 of its stat, where its name has neither
 * blanks nor parentheses. */
static pid_t begin_process(void) {
    char name[64];
    unsigned long long ticks = 0;
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        pause();
        _exit(0);
    }
    snprintf(name, sizeof name, "/proc/%d/stat", (int)child);
    FILE *stat = fopen(name, "re");
    assert_non_null(stat);
    for (int field = 1; field < 22; field++) {
        assert_int_equal(fscanf(stat, "%*s"), 0);
    }
    assert_int_equal(fscanf(stat, "%llu", &ticks), 1);
    fclose(stat);
    counters_header(&counters)->pid = (uint64_t)child;
    counters_header(&counters)->started = ticks;
    return child;
}

static void end_process(pid_t child) {
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Its last rates stay, and where its workers were is what they say now. */
static void test_one_that_dies_stays_as_it_was(void **state) {
    (void)state;
    weir_counters_worker *worker = (void *)(counters.bytes + sizeof(weir_counters_header));
    weir_counters_stage *stage = counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    pid_t child = begin_process();
    open_file();
    does(stage, SHARES(25, 75, 0, 0, 0));
    look();
    worker->stage = stage->ref;
    end_process(child);
    look();
    assert_true(says("\"life\":\"dead\""));
    assert_true(says("\"kind\":\"death\""));
    assert_true(says("\"text\":\"the program died while worker 0 was in a's callback\""));
    assert_true(says("\"busy\":0.25"));
    look();
    expect_lines("[[25,75,0,0,0]]");
}

/* One that has lived on for a while has rates until then. */
static void test_the_last_stretch_of_one_that_dies(void **state) {
    (void)state;
    weir_counters_worker *worker = (void *)(counters.bytes + sizeof(weir_counters_header));
    weir_counters_stage *stage = counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    pid_t child = begin_process();
    open_file();
    does(stage, SHARES(0, 0, 0, 100, 0));
    worker->seen_ns += 100000000;
    stage->noted_ns = worker->seen_ns;
    end_process(child);
    look();
    assert_true(says("\"seconds\":0.1"));
    assert_true(says("\"text\":\"the program died while no worker was in a callback\""));
    expect_lines("[[0,0,0,100,0]]");
}

static void test_a_file_that_is_cut_off_is_told(void **state) {
    (void)state;
    counters_stage(&counters, "a", 0, SHARES(100, 0, 0, 0, 0));
    open_file();
    assert_int_equal(ftruncate(file, sizeof(weir_counters_header)), 0);
    watches_look(&watches);
    assert_true(says("\"ended\":\"the file was cut off\""));
    assert_true(says("\"name\":\"a\""));
}

static void test_one_that_is_not_there_is_refused(void **state) {
    (void)state;
    struct watches none;
    assert_false(watches_open(&none, &(struct options){.target = "/nowhere", .at_s = -1}));
    assert_string_equal(trouble_text(), "/nowhere: No such file or directory");
    assert_false(watches_open(&none, &(struct options){.replay = path, .at_s = -1}));
    assert_int_equal(none.count, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_look_is_in_no_line),
        TEST(test_lines_are_what_was_done_between_looks),
        TEST(test_lines_follow_their_stages),
        TEST(test_lines_end_where_they_are_too_old),
        TEST(test_a_message_is_made_once_for_each_look),
        TEST(test_where_there_is_none_that_is_said),
        TEST(test_it_is_found_by_its_number),
        TEST(test_one_that_is_closed_stays_as_it_was),
        TEST(test_the_end_of_a_process_is_another),
        TEST(test_one_that_dies_stays_as_it_was),
        TEST(test_the_last_stretch_of_one_that_dies),
        TEST(test_a_file_that_is_cut_off_is_told),
        TEST(test_one_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
