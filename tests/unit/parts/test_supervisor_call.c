/*
 * Supervisors: what is asked of them from outside.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: children are listed, found, added, stopped, started again and forgotten by
 * hand, from any thread; what makes no sense is refused in words and changes
 * nothing; a stage that is no supervisor says so; what a call copies is not needed
 * afterwards.
 * Method: stepped and simulated worlds, and threads for who waits for whom.
 */
#include "support/crew.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

static struct crew crew;

static weir_supervised_info info_of(size_t index, size_t count) {
    weir_supervised_info info[8];
    size_t found = 0;
    assert_int_equal(
        weir_supervisor_children(crew.rig.runtime, crew.supervisor, WEIR_FOREVER, info, 8, &found),
        WEIR_OK);
    assert_int_equal(found, count);
    return info[index];
}

static weir_status stop_child(uint32_t number) {
    return weir_supervisor_stop_child(crew.rig.runtime, crew.supervisor, number, WEIR_FOREVER);
}

static weir_status restart_child(uint32_t number, weir_ref *out) {
    return weir_supervisor_restart_child(crew.rig.runtime, crew.supervisor, number, WEIR_FOREVER,
                                         out);
}

static weir_status delete_child(uint32_t number) {
    return weir_supervisor_delete_child(crew.rig.runtime, crew.supervisor, number, WEIR_FOREVER);
}

static void children_are_listed(void) {
    crew_start_two(&crew, NULL);
    crew_kill(&crew, "b", WEIR_REASON_USER);
    weir_supervised_info info = info_of(1, 2);
    assert_int_equal(info.number, 1);
    assert_int_equal(info.restarts, 1);
    assert_int_equal(info.restart, WEIR_RESTART_PERMANENT);
    assert_int_equal(info.stage.bits, crew.players[1].ref.bits);
    assert_string_equal(info.name, "b");
    size_t count;
    assert_int_equal(
        weir_supervisor_children(crew.rig.runtime, crew.supervisor, WEIR_FOREVER, NULL, 0, &count),
        WEIR_OK);
    assert_int_equal(count, 2);
    weir_ref ref;
    assert_int_equal(
        weir_supervisor_child(crew.rig.runtime, crew.supervisor, 0, WEIR_FOREVER, &ref), WEIR_OK);
    assert_int_equal(ref.bits, crew.players[0].ref.bits);
    assert_int_equal(
        weir_supervisor_child(crew.rig.runtime, crew.supervisor, 2, WEIR_FOREVER, &ref),
        WEIR_INVALID);
    assert_string_equal(weir_refusal(), "supervisor supervisor has no child 2");
    rig_close(&crew.rig);
}

static void stopped_started_and_forgotten(void) {
    crew_start_two(&crew, NULL);
    weir_ref ref;
    assert_int_equal(restart_child(0, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "child a runs");
    assert_int_equal(delete_child(0), WEIR_INVALID);
    assert_int_equal(stop_child(0), WEIR_OK);
    rig_expect(&crew.rig, "a terminate shutdown\n");
    assert_int_equal(info_of(0, 2).stage.bits, 0);
    assert_int_equal(stop_child(0), WEIR_OK);
    assert_int_equal(restart_child(0, &ref), WEIR_OK);
    rig_expect(&crew.rig, "a start\n");
    assert_int_equal(ref.bits, crew.players[0].ref.bits);
    assert_int_equal(stop_child(0), WEIR_OK);
    assert_int_equal(delete_child(0), WEIR_OK);
    assert_int_equal(info_of(0, 1).number, 1);
    assert_int_equal(delete_child(0), WEIR_INVALID);
    assert_int_equal(stop_child(0), WEIR_INVALID);
    assert_int_equal(restart_child(0, NULL), WEIR_INVALID);
    rig_expect(&crew.rig, "a terminate shutdown\n");
    rig_close(&crew.rig);
}

static void a_restart_by_hand_may_be_refused(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_start_two(&crew, NULL);
    assert_int_equal(stop_child(1), WEIR_OK);
    crew.refuses[1] = 1;
    assert_int_equal(restart_child(1, NULL), WEIR_INIT_STOPPED);
    assert_string_equal(weir_refusal(), "child b: init of stage b stopped it: user");
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 2);
    assert_int_equal(restart_child(1, NULL), WEIR_OK);
    rig_close(&crew.rig);
}

/* ---- adding ------------------------------------------------------------------------------ */

/* Adds a sink of the numbers of `source`, from memory that is overwritten at once. */
static weir_status add_sink(const char *source, weir_restart restart, uint32_t *number) {
    char name[16];
    weir_supervised copy = crew.specs[2];
    weir_stage_options stage = crew.stages[2];
    weir_subscribe_to from = {.name = name, .options = {.cancel = WEIR_TEMPORARY}};
    strcpy(name, source);
    stage.subscribe_to = NULL;
    stage.subscribe_count = 0;
    copy.stage = &stage;
    copy.restart = restart;
    copy.subscribe_to = &from;
    copy.subscribe_count = 1;
    weir_status status = weir_supervisor_start_child(crew.rig.runtime, crew.supervisor, &copy,
                                                     WEIR_FOREVER, number, NULL);
    memset(name, 'x', sizeof name);
    memset(&stage, 0xff, sizeof stage);
    memset(&from, 0xff, sizeof from);
    return status;
}

static void start_source(void) {
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 30;
    crew_add(&crew, "other", WEIR_CONSUMER, NULL);
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = WEIR_INFINITY});
    crew_add(&crew, "sink", WEIR_CONSUMER, "source");
    rig_rest(&crew.rig);
}

static void children_are_added(void) {
    uint32_t number = 0;
    start_source();
    assert_int_equal(add_sink("source", WEIR_RESTART_PERMANENT, &number), WEIR_OK);
    assert_int_equal(number, 2);
    rig_rest(&crew.rig);
    assert_int_equal(crew.players[2].handled, 30);
    crew.players[0].limit = 60;
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    crew_kill(&crew, "source", WEIR_REASON_USER);
    assert_int_equal(crew.players[2].handled, 60);
    assert_int_equal(info_of(2, 3).restarts, 1);
    rig_close(&crew.rig);
}

static void a_temporary_child_that_was_added(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    start_source();
    uint32_t number = 0;
    assert_int_equal(add_sink("source", WEIR_RESTART_TEMPORARY, &number), WEIR_OK);
    assert_int_equal(stop_child(number), WEIR_OK);
    info_of(0, 2);
    assert_int_equal(add_sink("source", WEIR_RESTART_TEMPORARY, &number), WEIR_OK);
    assert_int_equal(number, 3);
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    info_of(0, 2);
    rig_close(&crew.rig);
}

static void what_cannot_be_added(void) {
    start_source();
    assert_int_equal(add_sink("nobody", WEIR_RESTART_PERMANENT, NULL), WEIR_NO_NAME);
    assert_string_equal(weir_refusal(), "child sink: no living stage is called nobody");
    rig_rest(&crew.rig);
    info_of(0, 2);
    crew.refuses[2] = 1;
    assert_int_equal(add_sink("source", WEIR_RESTART_PERMANENT, NULL), WEIR_INIT_STOPPED);
    info_of(0, 2);
    assert_int_equal(weir_supervisor_start_child(crew.rig.runtime, crew.supervisor, NULL,
                                                 WEIR_FOREVER, NULL, NULL),
                     WEIR_INVALID);
    assert_int_equal(weir_supervisor_start_child(crew.rig.runtime, crew.supervisor,
                                                 &(weir_supervised){0}, WEIR_FOREVER, NULL, NULL),
                     WEIR_INVALID);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 3);
    rig_close(&crew.rig);
}

static weir_status start_itself(weir_runtime *runtime, void *argument, weir_ref *out) {
    (void)runtime, (void)argument;
    *out = crew.supervisor;
    return WEIR_OK;
}

/* It is refused, and not told to stop either. */
static void the_supervisor_is_no_child_of_its_own(void) {
    crew_start_two(&crew, NULL);
    assert_int_equal(weir_supervisor_start_child(crew.rig.runtime, crew.supervisor,
                                                 &(weir_supervised){.start = start_itself},
                                                 WEIR_FOREVER, NULL, NULL),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "child child: its start has returned the supervisor itself");
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "");
    info_of(1, 2);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 3);
    rig_close(&crew.rig);
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void a_stage_that_is_no_supervisor(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_start_two(&crew, NULL);
    weir_runtime *runtime = crew.rig.runtime;
    weir_ref stage = crew.players[0].ref;
    weir_ref ref;
    size_t count;
    assert_int_equal(weir_supervisor_children(runtime, stage, WEIR_FOREVER, NULL, 0, &count),
                     WEIR_INVALID);
    assert_int_equal(weir_supervisor_child(runtime, stage, 0, WEIR_FOREVER, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage a is no supervisor");
    assert_int_equal(
        weir_supervisor_start_child(runtime, stage, &crew.specs[0], WEIR_FOREVER, NULL, NULL),
        WEIR_INVALID);
    assert_int_equal(weir_supervisor_stop_child(runtime, stage, 0, WEIR_FOREVER), WEIR_INVALID);
    assert_int_equal(weir_supervisor_restart_child(runtime, stage, 0, WEIR_FOREVER, NULL),
                     WEIR_INVALID);
    assert_int_equal(weir_supervisor_delete_child(runtime, stage, 0, WEIR_FOREVER), WEIR_INVALID);
    weir_stop_wait(runtime, crew.supervisor, WEIR_REASON_NORMAL, WEIR_FOREVER);
    assert_int_equal(
        weir_supervisor_children(runtime, crew.supervisor, WEIR_FOREVER, NULL, 0, &count),
        WEIR_NO_STAGE);
    assert_int_equal(weir_supervisor_child(runtime, crew.supervisor, 0, WEIR_FOREVER, &ref),
                     WEIR_NO_STAGE);
    assert_int_equal(weir_supervisor_stop_child(runtime, crew.supervisor, 0, WEIR_FOREVER),
                     WEIR_NO_STAGE);
    rig_close(&crew.rig);
}

static void expect_unlisted(weir_supervised_info *out, size_t room, size_t *count,
                            const char *refusal) {
    assert_int_equal(
        weir_supervisor_children(crew.rig.runtime, crew.supervisor, WEIR_FOREVER, out, room, count),
        WEIR_INVALID);
    assert_string_equal(weir_refusal(), refusal);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_start_two(&crew, NULL);
    weir_supervised_info info;
    size_t count = 7;
    expect_unlisted(&info, 1, NULL, "count must not be NULL");
    expect_unlisted(NULL, 1, &count, "out must not be NULL");
    size_t most = SIZE_MAX / sizeof info;
    char refusal[80];
    snprintf(refusal, sizeof refusal, "room must be at most %zu, got %zu", most, most + 1);
    expect_unlisted(&info, most + 1, &count, refusal);
    assert_int_equal(count, 7);
    assert_int_equal(
        weir_supervisor_child(crew.rig.runtime, crew.supervisor, 0, WEIR_FOREVER, NULL),
        WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    rig_close(&crew.rig);
}

static weir_verdict look_around(weir_stage *self, struct player *player, uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_ref ref;
    (void)number;
    /* On its own worker, what changes nothing is read directly. */
    RIG_CHECK(player->rig,
              weir_supervisor_child(runtime, crew.supervisor, 0, WEIR_FOREVER, &ref) == WEIR_OK);
    RIG_CHECK(player->rig, weir_supervisor_stop_child(runtime, crew.supervisor, 0, WEIR_FOREVER) ==
                               WEIR_WRONG_THREAD);
    RIG_CHECK(player->rig,
              weir_supervisor_start_child(runtime, crew.supervisor, &crew.specs[0], WEIR_FOREVER,
                                          NULL, NULL) == WEIR_WRONG_THREAD);
    return WEIR_CONTINUE;
}

static void inside_callbacks(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL)->does.cast = look_around;
    crew_start(&crew, NULL);
    player_cast(&crew.players[0], 1);
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "a start\na cast 1\n");
    rig_close(&crew.rig);
}

static void memory_fails(void **state) {
    (void)state;
    for (unsigned call = 1;; call++) {
        uint32_t number = 0;
        rig_open(&crew.rig, NULL);
        start_source();
        test_memory_fail(&crew.rig.memory, call, false);
        weir_status status = add_sink("source", WEIR_RESTART_PERMANENT, &number);
        test_memory_fail_never(&crew.rig.memory);
        if (status != WEIR_OK) {
            assert_int_equal(status, WEIR_NO_MEMORY);
            rig_rest(&crew.rig);
            info_of(0, 2);
        }
        rig_close(&crew.rig);
        if (status == WEIR_OK) break;
    }
}

/* ---- with threads ------------------------------------------------------------------------ */

static void with_threads(void **state) {
    (void)state;
    rig_open(&crew.rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    crew_start_two(&crew, &(weir_supervisor_options){.worker = WEIR_WORKER(1)});
    for (unsigned round = 0; round < 20; round++) {
        assert_int_equal(stop_child(round % 2), WEIR_OK);
        assert_int_equal(info_of(round % 2, 2).stage.bits, 0); /* at once */
        assert_int_equal(restart_child(round % 2, NULL), WEIR_OK);
    }
    assert_int_equal(info_of(0, 2).restarts, 10);
    assert_int_equal(
        weir_stop_wait(crew.rig.runtime, crew.supervisor, WEIR_REASON_NORMAL, WEIR_FOREVER),
        WEIR_OK);
    assert_int_equal(weir_runtime_run(crew.rig.runtime, WEIR_FOREVER), WEIR_OK);
    rig_close(&crew.rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&crew.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(children_are_listed),
        IN_WORLDS(stopped_started_and_forgotten),
        cmocka_unit_test(a_restart_by_hand_may_be_refused),
        IN_WORLDS(children_are_added),
        cmocka_unit_test(a_temporary_child_that_was_added),
        IN_WORLDS(what_cannot_be_added),
        IN_WORLDS(the_supervisor_is_no_child_of_its_own),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(a_stage_that_is_no_supervisor),
        cmocka_unit_test(inside_callbacks),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
