/*
 * Wiring: rows of stages are started and subscribed, all or none.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a row that is started and chained lets events through from its first stage to its
 * last, with the options given; a row in which something is refused leaves nobody started
 * nor subscribed, whichever it is, nor any memory; weir_must ends the program with its place.
 * Method: rows of five players; each stage, link and allocation fails in turn.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STAGES = 5 };

static struct rig rig;
static struct player row[STAGES];
static weir_ref stages[STAGES];

static const char *const names[STAGES] = {"0", "1", "2", "3", "4"};

/* The options of five players: a producer, three in the middle, a consumer. */
static void make_row(weir_stage_options options[STAGES]) {
    for (int i = 0; i < STAGES; i++) {
        weir_kind kind = i == 0           ? WEIR_PRODUCER
                         : i < STAGES - 1 ? WEIR_PRODUCER_CONSUMER
                                          : WEIR_CONSUMER;
        row[i] = (struct player){.name = names[i], .kind = kind, .limit = 3};
        options[i] = player_options(&row[i], &rig, NULL);
    }
}

static void start_row(void) {
    weir_stage_options options[STAGES];
    make_row(options);
    assert_int_equal(weir_stages_start(rig.runtime, options, STAGES, stages), WEIR_OK);
    for (int i = 0; i < STAGES; i++) row[i].ref = stages[i];
}

static void forget_journal(void) {
    rig.journal.used = 0;
    rig.journal.text[0] = '\0';
}

/* ---- what is there then -------------------------------------------------- */

static void events_pass_through_a_row(void) {
    start_row();
    const weir_subscribe_options options = {.max_demand = 2, .min_demand = 1};
    assert_int_equal(weir_chain(rig.runtime, stages, STAGES, &options), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(row[STAGES - 1].handled, 3);
    assert_int_equal(row[STAGES - 1].batches, 3);
    assert_int_equal(row[STAGES - 1].sum, 0 + 1 + 2);
    for (int i = 0; i < STAGES; i++) {
        weir_subscription from;
        size_t count;
        assert_int_equal(weir_producers(rig.runtime, stages[i], WEIR_FOREVER, &from, 1, &count),
                         WEIR_OK);
        assert_int_equal(count, i == 0 ? 0 : 1);
        if (i > 0) assert_int_equal(from.producer.bits, stages[i - 1].bits);
    }
    rig_close(&rig);
}

static void without_options_the_defaults_count(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    start_row();
    assert_int_equal(weir_chain(rig.runtime, stages, STAGES, NULL), WEIR_OK);
    rig_rest(&rig);
    player_expect(&row[0], "subscribe 1\ndemand 1000\n");
    assert_int_equal(row[STAGES - 1].handled, 3);
    rig_close(&rig);
}

/* With the last one of the row: so that, on one worker, who comes last is there first. */
static void the_last_asks_first(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    start_row();
    rig_rest(&rig);
    forget_journal();
    assert_int_equal(weir_chain(rig.runtime, &stages[2], 3, NULL), WEIR_OK);
    rig_rest(&rig);
    rig_expect(&rig, "4 subscribe 3\n3 subscribe 2\n3 subscribe 4\n2 subscribe 3\n");
    rig_close(&rig);
}

static void short_rows_are_rows(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    start_row();
    assert_int_equal(weir_stages_start(rig.runtime, &(weir_stage_options){0}, 0, NULL), WEIR_OK);
    assert_int_equal(weir_chain(rig.runtime, stages, 0, NULL), WEIR_OK);
    assert_int_equal(weir_chain(rig.runtime, stages, 1, NULL), WEIR_OK);
    assert_int_equal(weir_chain(rig.runtime, stages, 2, NULL), WEIR_OK);
    rig_rest(&rig);
    player_expect(&row[1], "subscribe 0\n");
    player_expect(&row[2], "");
    rig_close(&rig);
}

/* ---- what is refused ----------------------------------------------------- */

static void expect_refusal(const char *begin) {
    assert_memory_equal(weir_refusal(), begin, strlen(begin));
}

static weir_verdict init_stops(weir_stage *self, struct player *player) {
    (void)player;
    return weir_stop_with(self, WEIR_REASON_USER);
}

/* Those before it have been started, and stop. */
static void a_stage_that_is_refused_stops_those_before(void **state) {
    (void)state;
    for (int bad = 0; bad < STAGES; bad++) {
        rig_open(&rig, NULL);
        weir_stage_options options[STAGES];
        char expected[64];
        make_row(options);
        row[bad].does.init = init_stops;
        stages[0].bits = 5;
        assert_int_equal(weir_stages_start(rig.runtime, options, STAGES, stages),
                         WEIR_INIT_STOPPED);
        snprintf(expected, sizeof expected, "stage %d, %d: init of stage %d stopped it: ", bad, bad,
                 bad);
        expect_refusal(expected);
        assert_int_equal(stages[0].bits, 5);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_stages(rig.runtime), 0);
        for (int i = 0; i < STAGES; i++) {
            player_expect(&row[i], i < bad ? "terminate shutdown\n" : "");
        }
        rig_close(&rig);
    }
}

static weir_verdict says_so(weir_stage *self, struct player *player) {
    (void)self;
    player_say(player, "init");
    return WEIR_CONTINUE;
}

/* All options are looked at before the first stage runs. */
static void a_row_with_bad_options_starts_nobody(void **state) {
    (void)state;
    for (int bad = 0; bad < STAGES; bad++) {
        rig_open(&rig, NULL);
        weir_stage_options options[STAGES];
        char expected[64];
        make_row(options);
        for (int i = 0; i < STAGES; i++) row[i].does.init = says_so;
        options[bad].mailbox_limit = WEIR_INFINITY;
        uint64_t live = rig.memory.live;
        stages[0].bits = 5;
        assert_int_equal(weir_stages_start(rig.runtime, options, STAGES, stages), WEIR_INVALID);
        snprintf(expected, sizeof expected, "stage %d, %d: mailbox_limit must be at most ", bad,
                 bad);
        expect_refusal(expected);
        assert_int_equal(stages[0].bits, 5);
        assert_int_equal(rig.memory.live, live);
        assert_int_equal(weir_runtime_stages(rig.runtime), 0);
        rig_rest(&rig);
        rig_expect(&rig, "");
        rig_close(&rig);
    }
}

/* A source, and a row of three that subscribe to it and to each other, by name. */
static void make_branches(struct player *source, weir_stage_options options[3]) {
    static weir_subscribe_to to[3];
    *source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = 6};
    player_start(source, &rig, &(weir_stage_options){.registered = true});
    for (int i = 0; i < 3; i++) {
        weir_kind kind = i == 0 ? WEIR_PRODUCER_CONSUMER : WEIR_CONSUMER;
        to[i] = (weir_subscribe_to){.name = i == 1 ? "0" : "source"};
        row[i] = (struct player){.name = names[i], .kind = kind, .does.init = says_so};
        options[i] =
            player_options(&row[i], &rig,
                           &(weir_stage_options){
                               .registered = true, .subscribe_to = &to[i], .subscribe_count = 1});
    }
}

static void what_a_row_subscribes_to_comes_behind_its_last(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    struct player source;
    weir_stage_options options[3];
    make_branches(&source, options);
    assert_int_equal(weir_stages_start(rig.runtime, options, 3, stages), WEIR_OK);
    for (int i = 0; i < 3; i++) row[i].ref = stages[i];
    rig_expect(&rig, "0 init\n1 init\n2 init\n");
    rig_rest(&rig);
    assert_int_equal(row[0].handled + row[2].handled, 6);
    assert_int_equal(row[1].handled, row[0].handled);
    rig_close(&rig);
}

/* Those before it had run, and nobody has heard of them. */
static void nobody_subscribes_in_a_row_that_is_refused(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    struct player source;
    weir_stage_options options[3];
    make_branches(&source, options);
    row[2].does.init = init_stops;
    assert_int_equal(weir_stages_start(rig.runtime, options, 3, stages), WEIR_INIT_STOPPED);
    rig_rest(&rig);
    player_expect(&source, "");
    player_expect(&row[0], "init\nterminate shutdown\n");
    player_expect(&row[1], "init\nterminate shutdown\n");
    assert_int_equal(weir_runtime_stages(rig.runtime), 1);
    rig_close(&rig);
}

static void a_link_that_is_refused_leaves_no_other(void **state) {
    (void)state;
    for (int bad = 0; bad < STAGES; bad++) {
        rig_open(&rig, NULL);
        char expected[64];
        start_row();
        player_stop(&row[bad], WEIR_REASON_NORMAL);
        rig_rest(&rig);
        forget_journal();
        uint64_t live = rig.memory.live;
        assert_int_equal(weir_chain(rig.runtime, stages, STAGES, NULL), WEIR_NO_STAGE);
        int first = bad == 0 ? 0 : bad - 1;
        snprintf(expected, sizeof expected, "stages %d and %d: ", first, first + 1);
        expect_refusal(expected);
        assert_int_equal(rig.memory.live, live);
        rig_rest(&rig);
        rig_expect(&rig, "");
        rig_close(&rig);
    }
}

static void bad_options_are_refused(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    start_row();
    weir_stage_options options[1] = {{.kind = WEIR_CONSUMER}};
    assert_int_equal(weir_stages_start(rig.runtime, options, 1, stages), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "stage 0, consumer: on.handle_events must be set for a consumer");
    assert_int_equal(weir_stages_start(rig.runtime, options, (1 << 20) + 1, stages), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be at most 1048576, got 1048577");
    const weir_subscribe_options wrong = {.max_demand = 5, .min_demand = 5};
    assert_int_equal(weir_chain(rig.runtime, stages, STAGES, &wrong), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stages 0 and 1: min_demand must be at most 4, got 5");
    const weir_ref there_and_back[] = {stages[0], stages[4], stages[1]};
    assert_int_equal(weir_chain(rig.runtime, there_and_back, 3, NULL), WEIR_NOT_A_PRODUCER);
    assert_string_equal(weir_refusal(), "stages 1 and 2: the stage to subscribe to is a consumer");
    rig_rest(&rig);
    rig_close(&rig);
}

static void without_memory_nothing_has_happened(void **state) {
    (void)state;
    bool enough = false;
    for (uint64_t call = 1; !enough; call++) {
        rig_open(&rig, NULL);
        start_row();
        rig_rest(&rig);
        forget_journal();
        uint64_t live = rig.memory.live;
        test_memory_fail(&rig.memory, call, false);
        weir_status status = weir_chain(rig.runtime, stages, STAGES, NULL);
        test_memory_fail_never(&rig.memory);
        enough = status == WEIR_OK;
        if (!enough) {
            assert_int_equal(status, WEIR_NO_MEMORY);
            assert_int_equal(rig.memory.live, live);
            rig_rest(&rig);
            rig_expect(&rig, "");
        }
        rig_close(&rig);
        assert_true(enough || call < 100);
    }
    enough = false;
    for (uint64_t call = 1; !enough; call++) {
        rig_open(&rig, NULL);
        weir_stage_options options[STAGES];
        make_row(options);
        test_memory_fail(&rig.memory, call, false);
        weir_status status = weir_stages_start(rig.runtime, options, STAGES, stages);
        test_memory_fail_never(&rig.memory);
        enough = status == WEIR_OK;
        rig_rest(&rig);
        assert_true(enough || status == WEIR_NO_MEMORY);
        assert_int_equal(weir_runtime_stages(rig.runtime), enough ? STAGES : 0);
        rig_close(&rig);
        assert_true(enough || call < 100);
    }
}

/* ---- or else ------------------------------------------------------------- */

/* What a child process says that must do without a status; its exit code. */
static int say(weir_status status, char *said, size_t bytes) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        if (status < 0) weir_chain(NULL, NULL, 0, NULL);
        weir_must_at(status, "main.c", 12);
        _exit(0);
    }
    close(ends[1]);
    ssize_t count = read(ends[0], said, bytes - 1);
    said[count < 0 ? 0 : count] = '\0';
    close(ends[0]);
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code);
}

static void must_ends_the_program(void **state) {
    (void)state;
    char said[256];
    weir_must(WEIR_OK);
    assert_int_equal(say(WEIR_OK, said, sizeof said), 0);
    assert_string_equal(said, "");
    assert_int_equal(say(WEIR_INVALID, said, sizeof said), EXIT_FAILURE);
    assert_string_equal(said, "main.c:12: WEIR_INVALID: runtime must not be NULL\n");
    assert_int_equal(say(WEIR_TIMEOUT, said, sizeof said), EXIT_FAILURE);
    assert_string_equal(said, "main.c:12: WEIR_TIMEOUT: the time allowed has passed\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_OF(&rig, events_pass_through_a_row),
        cmocka_unit_test(without_options_the_defaults_count),
        cmocka_unit_test(the_last_asks_first),
        cmocka_unit_test(short_rows_are_rows),
        cmocka_unit_test(a_stage_that_is_refused_stops_those_before),
        cmocka_unit_test(a_row_with_bad_options_starts_nobody),
        cmocka_unit_test(what_a_row_subscribes_to_comes_behind_its_last),
        cmocka_unit_test(nobody_subscribes_in_a_row_that_is_refused),
        cmocka_unit_test(a_link_that_is_refused_leaves_no_other),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(without_memory_nothing_has_happened),
        cmocka_unit_test(must_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
