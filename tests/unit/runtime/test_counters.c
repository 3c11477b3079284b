/*
 * The counters file: what other processes find, and what they do not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: where the option or WEIR_COUNTERS asks for it, the counters are in a file, from opening
 * to closing, with a header that tells whose; it is there while a callback hangs, and after the
 * process was killed, with what was done until then; the next runtime of the same program removes
 * what was left behind, but for the youngest.  Where the option's file can not be had the runtime
 * is not opened; where the environment's can not be, it is, and says so.
 * Method: files are mapped and read as another process does; a child that is killed.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include "os/process.h"
#include "runtime/stale.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[32];
static char path[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weir-counters-XXXXXX");
    unsetenv("WEIR_COUNTERS");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unsetenv("WEIR_COUNTERS");
    return rmdir(folder); /* it is empty */
}

/* ---- reading a file ------------------------------------------------------ */

struct view {
    const char *slots;
    size_t bytes;
    weir_counters_header header;
};

static bool look_at(const char *name, struct view *view) {
    struct stat about;
    int file = open(name, O_RDONLY);
    if (file < 0 || fstat(file, &about) != 0) return false;
    view->bytes = (size_t)about.st_size;
    view->slots = mmap(NULL, view->bytes, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    return view->slots != MAP_FAILED && weir_counters_copy(view->slots, &view->header);
}

/* The first slot of that kind, whose stage has that name (NULL: any). */
static bool find(const struct view *view, weir_counters_kind kind, const char *name, void *out) {
    uint64_t words[WEIR_COUNTERS_MOST / sizeof(uint64_t)];
    for (size_t at = 0; at < view->bytes; at += WEIR_COUNTERS_SLOT) {
        weir_counters_stage stage;
        if (!weir_counters_copy(view->slots + at, words)) continue;
        memcpy(&stage, words, sizeof stage);
        if (stage.slot.kind == (uint32_t)kind && (name == NULL || !strcmp(stage.name, name))) {
            memcpy(out, words, (size_t)weir_counters_slots(kind) * WEIR_COUNTERS_SLOT);
            return true;
        }
    }
    return false;
}

static void look_away(struct view *view) {
    munmap((void *)(uintptr_t)view->slots, view->bytes);
}

static bool is_there(const char *name) {
    return access(name, F_OK) == 0;
}

/* ---- one runtime --------------------------------------------------------- */

static void the_file_tells_whose_it_is(void **state) {
    (void)state;
    struct rig rig;
    struct view view;
    const weir_runtime_options options = {
        .mode = WEIR_STEPPED, .workers = 2, .counters_file = path};
    rig_open(&rig, &options);
    assert_true(look_at(path, &view));
    assert_int_equal(view.header.magic, WEIR_COUNTERS_MAGIC);
    assert_int_equal(view.header.version, WEIR_COUNTERS_VERSION);
    assert_int_equal(view.header.slot_bytes, WEIR_COUNTERS_SLOT);
    assert_int_equal(view.header.slots * WEIR_COUNTERS_SLOT, view.bytes);
    assert_int_equal(view.header.pid, getpid());
    assert_int_equal(view.header.started, weir__process_started());
    assert_int_equal(view.header.workers, 2);
    assert_int_equal(view.header.mode, WEIR_STEPPED);
    assert_string_equal(view.header.program, program_invocation_short_name);
    assert_string_equal(view.header.library, weir_version_text());
    assert_int_equal(view.header.closed, 0);
    rig_close(&rig);
    assert_false(is_there(path));
    weir_counters_header last;
    assert_true(weir_counters_copy(view.slots, &last));
    assert_int_equal(last.closed, 1);
    look_away(&view);
}

static void others_see_what_it_does(void **state) {
    (void)state;
    struct rig rig;
    struct view view;
    struct player p = {.name = "source", .kind = WEIR_PRODUCER, .limit = 1000};
    struct player c = {.name = "sink", .kind = WEIR_CONSUMER};
    const weir_runtime_options options = {.mode = WEIR_STEPPED, .counters_file = path};
    rig_open(&rig, &options);
    PLAYERS_START(&rig, &p, &c);
    const weir_subscribe_options ten = {.max_demand = 10, .min_demand = 4};
    weir_subscription made = player_subscribe(&c, &p, &ten);
    rig_rest(&rig);
    assert_true(look_at(path, &view));
    weir_counters_stage source;
    weir_counters_stage sink;
    weir_counters_subscription between;
    assert_true(find(&view, WEIR_COUNTERS_STAGE, "source", &source));
    assert_true(find(&view, WEIR_COUNTERS_STAGE, "sink", &sink));
    assert_true(find(&view, WEIR_COUNTERS_SUBSCRIPTION, NULL, &between));
    assert_int_equal(source.events_out, 1000);
    assert_int_equal(source.ref, p.ref.bits);
    assert_int_equal(sink.events_in, 1000);
    assert_int_equal(sink.handled, 1000);
    assert_int_equal(sink.bytes_in, 8000);
    assert_int_equal(sink.batches, c.batches);
    assert_int_equal(between.id, made.id);
    assert_int_equal(between.producer, p.ref.bits);
    assert_int_equal(between.consumer, c.ref.bits);
    assert_int_equal(between.max_demand, 10);
    assert_int_equal(between.min_demand, 4);
    assert_int_equal(between.sent, 1000);
    assert_int_equal(between.received, 1000);
    look_away(&view);
    rig_close(&rig);
}

/* ---- by the environment -------------------------------------------------- */

static void own_name(char *name, size_t bytes, unsigned number) {
    snprintf(name, bytes, "/dev/shm/weir-%u-%d-%u", (unsigned)getuid(), (int)getpid(), number);
}

/* The number that this process's next runtime gets. */
static unsigned next_number(void) {
    struct rig rig;
    struct view view;
    const weir_runtime_options options = {.mode = WEIR_STEPPED, .counters_file = path};
    rig_open(&rig, &options);
    assert_true(look_at(path, &view));
    unsigned number = view.header.number;
    look_away(&view);
    rig_close(&rig);
    return number + 1;
}

static void the_environment_asks_for_one(void **state) {
    (void)state;
    struct rig rig;
    char name[64];
    const weir_runtime_options none = {.mode = WEIR_STEPPED, .counters_file = "0"};
    unsigned number = next_number();
    own_name(name, sizeof name, number);
    setenv("WEIR_COUNTERS", "1", 1);
    rig_open(&rig, NULL);
    assert_true(is_there(name));
    rig_close(&rig);
    assert_false(is_there(name));
    rig_open(&rig, &none); /* the option comes first */
    own_name(name, sizeof name, number + 1);
    assert_false(is_there(name));
    rig_close(&rig);
    setenv("WEIR_COUNTERS", "0", 1);
    rig_open(&rig, NULL);
    own_name(name, sizeof name, number + 2);
    assert_false(is_there(name));
    rig_close(&rig);
}

static void without_a_file_it_runs_and_says_so(void **state) {
    (void)state;
    struct rig rig;
    unsigned number = next_number();
    char line[200];
    setenv("WEIR_COUNTERS", "/tmp/no-such-folder/file", 1);
    rig_open(&rig, NULL);
    snprintf(line, sizeof line,
             "warning: counters_file /tmp/no-such-folder/file.%u could not be made: No such file "
             "or directory\n",
             number);
    rig_text_expect(&rig.log, line);
    rig_close(&rig);
}

static void a_file_that_can_not_be_is_refused(void **state) {
    (void)state;
    struct rig rig;
    const weir_runtime_options options = {.mode = WEIR_STEPPED,
                                          .counters_file = "/tmp/no-such-folder/file"};
    memset(&rig, 0, offsetof(struct rig, journal));
    test_memory_open(&rig.memory);
    assert_int_equal(rig_try_open(&rig, &options), WEIR_SYSTEM);
    assert_string_equal(weir_refusal(), "counters_file /tmp/no-such-folder/file could not be made: "
                                        "No such file or directory");
    const weir_runtime_options word = {.mode = WEIR_STEPPED, .counters_file = "yes"};
    assert_int_equal(rig_try_open(&rig, &word), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "counters_file must be \"0\", \"1\" or a name with a slash, got \"yes\"");
}

/* ---- a process that hangs, and is killed --------------------------------- */

static int hangs[2]; /* a pipe: it does, from now on */

static weir_verdict hang(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)batch;
    if (player->handled < 500) return WEIR_CONTINUE;
    if (write(hangs[1], "", 1) != 1) abort();
    for (;;) pause();
}

/* In the child: 500 events are handled, and then no more. */
static void run_until_killed(void) {
    static struct rig rig;
    static struct player p = {.name = "source", .kind = WEIR_PRODUCER, .limit = 1000};
    static struct player c = {.name = "sink", .kind = WEIR_CONSUMER, .does.events = hang};
    const weir_runtime_options options = {.workers = 1, .unpinned = true, .counters_file = path};
    const weir_subscribe_options fifty = {.max_demand = 50};
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a check of the parent's fails */
    rig_open(&rig, &options);
    PLAYERS_START(&rig, &p, &c);
    player_subscribe(&c, &p, &fifty);
    for (;;) pause();
}

/* The worker is in a callback of that stage's. */
static bool hangs_in(const struct view *view, const char *name) {
    weir_counters_worker worker;
    weir_counters_stage stage;
    return find(view, WEIR_COUNTERS_WORKER, NULL, &worker) &&
           find(view, WEIR_COUNTERS_STAGE, name, &stage) && worker.stage == stage.ref;
}

static void what_it_did_outlives_it(void **state) {
    (void)state;
    struct view view;
    assert_int_equal(pipe(hangs), 0);
    pid_t child = fork();
    if (child == 0) {
        run_until_killed();
    }
    assert_int_equal(read(hangs[0], &(char){0}, 1), 1);
    assert_int_equal(close(hangs[0]) + close(hangs[1]), 0);
    while (!is_there(path) || !look_at(path, &view) || !hangs_in(&view, "sink")) {
        usleep(1000);
    }
    assert_false(weir__stale_replace(path, program_invocation_short_name)); /* it is held */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    look_away(&view);
    assert_true(look_at(path, &view));
    assert_int_equal(view.header.pid, child);
    assert_int_equal(view.header.closed, 0);
    assert_true(hangs_in(&view, "sink"));
    look_away(&view);
    assert_false(weir__stale_replace(path, "another"));
    const weir_runtime_options options = {.mode = WEIR_STEPPED, .counters_file = path};
    struct rig rig; /* the next one of the same program takes its place */
    rig_open(&rig, &options);
    rig_close(&rig);
    assert_false(is_there(path));
}

/* ---- what is left behind ------------------------------------------------- */

/* Returns its descriptor. */
static int leave(const char *name, const char *program, uint64_t opened) {
    weir_counters_header header = {.slot = {WEIR_COUNTERS_HEADER, 2},
                                   .magic = WEIR_COUNTERS_MAGIC,
                                   .version = WEIR_COUNTERS_VERSION,
                                   .opened_utc = opened};
    char whole[64];
    snprintf(header.program, sizeof header.program, "%s", program);
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    int file = open(whole, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(file, &header, sizeof header), sizeof header);
    return file;
}

/* Removes it, if it is there. */
static bool was_there(const char *name) {
    char whole[64];
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    return unlink(whole) == 0;
}

static void the_youngest_one_is_kept(void **state) {
    (void)state;
    close(leave("weir-a", "app", 100));
    close(leave("weir-b", "app", 300));
    close(leave("weir-c", "app", 200));
    close(leave("weir-d", "other", 50));
    int held = leave("weir-e", "app", 60);
    assert_int_equal(flock(held, LOCK_EX), 0);
    close(leave("mine-f", "app", 70));
    weir__stale_remove(folder, "weir-", "app");
    assert_false(was_there("weir-a"));
    assert_true(was_there("weir-b"));
    assert_false(was_there("weir-c"));
    assert_true(was_there("weir-d"));
    assert_true(was_there("weir-e"));
    close(held);
    assert_true(was_there("mine-f"));
    weir__stale_remove("/tmp/no-such-folder", "weir-", "app");
}

static void what_is_no_counters_file_is_left_alone(void **state) {
    (void)state;
    char link_path[64];
    char short_path[64];
    close(leave("target", "app", 100));
    close(leave("weir-young", "app", 200));
    snprintf(link_path, sizeof link_path, "%s/weir-link", folder);
    snprintf(short_path, sizeof short_path, "%s/weir-short", folder);
    assert_int_equal(symlink("target", link_path), 0);
    close(open(short_path, O_CREAT | O_WRONLY, 0600));
    weir__stale_remove(folder, "weir-", "app");
    assert_true(was_there("target"));
    assert_true(was_there("weir-young"));
    assert_true(was_there("weir-link"));
    assert_true(was_there("weir-short"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_it_did_outlives_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_file_tells_whose_it_is, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(others_see_what_it_does, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_environment_asks_for_one, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(without_a_file_it_runs_and_says_so, make_folder,
                                        remove_folder),
        cmocka_unit_test(a_file_that_can_not_be_is_refused),
        cmocka_unit_test_setup_teardown(the_youngest_one_is_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_counters_file_is_left_alone, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
