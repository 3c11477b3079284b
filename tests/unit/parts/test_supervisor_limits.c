/*
 * Supervisors: intensity, refused starts, want of memory, bad options.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: so many restarts in so much time and no more; a refused restart counts
 * and is tried again; what cannot be started is refused with its reason, and
 * leaves nothing behind; memory that fails at any point loses no stage and no
 * event.
 * Method: virtual time in simulated runtimes; inits that refuse on cue; an
 * allocator that fails on cue.
 */
#include "support/crew.h"
#include "support/worlds.h"

#include <string.h>

enum { SECOND = 1000000000 };

static struct crew crew;

static const weir_runtime_options simulated = {.mode = WEIR_SIMULATED, .workers = 2, .seed = 7};

static void advance(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(crew.rig.runtime, ns), WEIR_OK);
}

/* ---- intensity --------------------------------------------------------------------------- */

static void one_restart_too_many(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, NULL);
    crew_kill(&crew, "a", WEIR_REASON_USER);
    crew_kill(&crew, "b", WEIR_REASON_USER);
    crew_kill(&crew, "a", WEIR_REASON_USER);
    rig_expect(&crew.rig, "a terminate user\na start\nb terminate user\nb start\n"
                          "a terminate user\na start\n");
    crew.rig.log.used = 0;
    crew_kill(&crew, "a", WEIR_REASON_USER);
    rig_expect(&crew.rig, "a terminate user\nb terminate shutdown\n");
    rig_expect_log(&crew.rig, "warning: supervisor supervisor restarts a, which stopped: user\n"
                              "error: supervisor supervisor gives up: more than 3 restarts in 5 "
                              "s\n");
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

static void time_forgives(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, &(weir_supervisor_options){.max_restarts = 2, .max_seconds = 10});
    for (unsigned i = 0; i < 10; i++) {
        crew_kill(&crew, "a", WEIR_REASON_USER);
        crew_kill(&crew, "b", WEIR_REASON_USER);
        advance((uint64_t)10 * SECOND);
    }
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 3);
    crew_kill(&crew, "a", WEIR_REASON_USER);
    advance((uint64_t)5 * SECOND);
    crew_kill(&crew, "a", WEIR_REASON_USER);
    advance((uint64_t)4 * SECOND);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 3);
    crew_kill(&crew, "a", WEIR_REASON_USER);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

static void none_at_all(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, &(weir_supervisor_options){.max_restarts = WEIR_NONE});
    crew_kill(&crew, "b", WEIR_REASON_NORMAL);
    rig_expect(&crew.rig, "b terminate normal\na terminate shutdown\n");
    rig_close(&crew.rig);
}

static void without_bound(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, &(weir_supervisor_options){.max_restarts = WEIR_INFINITY});
    for (unsigned i = 0; i < 50; i++) crew_kill(&crew, "a", WEIR_REASON_USER);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 3);
    rig_close(&crew.rig);
}

/* ---- restarts that are refused ----------------------------------------------------------- */

static void a_refused_restart_is_tried_again(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, &(weir_supervisor_options){.retry_ns = SECOND});
    crew.refuses[0] = 2;
    crew_kill(&crew, "a", WEIR_REASON_USER);
    rig_expect(&crew.rig, "a terminate user\na refuses\n");
    rig_expect_log(&crew.rig, "warning: supervisor supervisor restarts a, which stopped: user\n"
                              "warning: supervisor supervisor could not start a: init of stage a "
                              "stopped it: user\n");
    advance((uint64_t)SECOND / 2);
    rig_expect(&crew.rig, "");
    advance((uint64_t)SECOND / 2 + 1000000);
    rig_expect(&crew.rig, "a refuses\n");
    advance((uint64_t)SECOND);
    rig_expect(&crew.rig, "a start\n");
    assert_true(crew_lives(&crew, 0));
    rig_close(&crew.rig);
}

static void refused_restarts_count(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, NULL);
    crew.refuses[0] = 100;
    crew_kill(&crew, "a", WEIR_REASON_USER);
    advance((uint64_t)SECOND);
    rig_expect(&crew.rig, "a terminate user\na refuses\na refuses\na refuses\n"
                          "b terminate shutdown\n");
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

/* With one_for_one the others do not wait; in a group the later ones do. */
static void who_waits_for_a_refused_restart(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, NULL);
    crew.refuses[0] = 1;
    crew_kill(&crew, "a", WEIR_REASON_USER);
    crew_kill(&crew, "b", WEIR_REASON_USER);
    rig_expect(&crew.rig, "a terminate user\na refuses\nb terminate user\nb start\n");
    advance((uint64_t)SECOND);
    rig_expect(&crew.rig, "a start\n");
    rig_close(&crew.rig);

    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, &(weir_supervisor_options){.strategy = WEIR_ONE_FOR_ALL});
    crew.refuses[0] = 1;
    crew_kill(&crew, "b", WEIR_REASON_USER);
    rig_expect(&crew.rig, "b terminate user\na terminate shutdown\na refuses\n");
    advance((uint64_t)SECOND);
    rig_expect(&crew.rig, "a start\nb start\n");
    rig_close(&crew.rig);
}

/* A drain ends the waiting. */
static void a_refused_restart_does_not_hold_up_a_drain(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_start_two(&crew, &(weir_supervisor_options){.retry_ns = (uint64_t)100 * SECOND});
    crew.refuses[0] = 1;
    crew_kill(&crew, "a", WEIR_REASON_USER);
    assert_int_equal(weir_runtime_drain(crew.rig.runtime, SECOND, NULL), WEIR_OK);
    rig_close(&crew.rig);
}

static void a_sibling_that_has_ended_is_no_trouble(void **state) {
    (void)state;
    rig_open(&crew.rig, &simulated);
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 5;
    crew_add(&crew, "sink", WEIR_CONSUMER, "source");
    crew.specs[0].restart = WEIR_RESTART_TRANSIENT;
    crew_start(&crew, NULL);
    rig_rest(&crew.rig);
    crew_kill(&crew, "source", WEIR_REASON_NORMAL);
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    advance((uint64_t)SECOND);
    assert_false(crew_lives(&crew, 0));
    assert_true(crew_lives(&crew, 1));
    rig_close(&crew.rig);
}

/* ---- starts that are refused ------------------------------------------------------------- */

static void a_refused_start_ends_those_before_it(void) {
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew_add(&crew, "b", WEIR_CONSUMER, NULL);
    crew_add(&crew, "c", WEIR_CONSUMER, NULL);
    crew.refuses[2] = 1;
    assert_int_equal(crew_try_start(&crew, NULL), WEIR_INIT_STOPPED);
    assert_string_equal(weir_refusal(),
                        "child 2, c, could not be started: init of stage c stopped it: user");
    assert_int_equal(crew.supervisor.bits, 0);
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "a start\nb start\nc refuses\nb terminate shutdown\n"
                          "a terminate shutdown\n");
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

static void refuses(const weir_supervisor_options *options, weir_status status, const char *why) {
    weir_ref ref = {17};
    assert_int_equal(weir_supervisor_start(crew.rig.runtime, options, &ref), status);
    assert_string_equal(weir_refusal(), why);
    assert_int_equal(ref.bits, 17);
    rig_rest(&crew.rig);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
}

static void refuses_child(const weir_supervised *child, weir_status status, const char *why) {
    refuses(&(weir_supervisor_options){.children = child, .child_count = 1}, status, why);
}

static void bad_options(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    refuses(NULL, WEIR_INVALID, "options must not be NULL");
    refuses(&(weir_supervisor_options){.strategy = (weir_strategy)3}, WEIR_INVALID,
            "strategy must be one of WEIR_ONE_FOR_ONE, WEIR_REST_FOR_ONE, WEIR_ONE_FOR_ALL, "
            "got 3");
    refuses(&(weir_supervisor_options){.max_restarts = 10001}, WEIR_INVALID,
            "max_restarts must be at most 10000 or WEIR_INFINITY, got 10001");
    refuses(&(weir_supervisor_options){.max_seconds = WEIR_NONE}, WEIR_INVALID,
            "max_seconds must be from 1 to 1000000000, got 0");
    refuses(&(weir_supervisor_options){.child_count = 2}, WEIR_INVALID,
            "children must be set when child_count is 2");
    refuses(&(weir_supervisor_options){.worker = WEIR_WORKER(5)}, WEIR_INVALID,
            "stage supervisor: worker must be below 1, got 5");
    refuses(&(weir_supervisor_options){.name = "", .registered = true}, WEIR_INVALID,
            "name must be of 1 to 255 bytes, got 0");
    rig_close(&crew.rig);
}

static weir_status start_nothing(weir_runtime *runtime, void *argument, weir_ref *out) {
    (void)runtime;
    (void)out;
    return argument == NULL ? WEIR_OK : *(const weir_status *)argument;
}

static void bad_children(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    const weir_stage_options *stage = &crew.stages[0];
    weir_stage_options kindless = *stage;
    kindless.kind = 0;
    weir_subscribe_to from = {.producer = WEIR_SIBLING(1)};
    refuses_child(&(weir_supervised){0}, WEIR_INVALID,
                  "child 0: a child must have either stage or start, not neither");
    refuses_child(&(weir_supervised){.stage = stage, .start = start_nothing}, WEIR_INVALID,
                  "child 0: a child must have either stage or start, not both");
    refuses_child(&(weir_supervised){.stage = stage, .restart = (weir_restart)3}, WEIR_INVALID,
                  "child 0: restart must be one of WEIR_RESTART_PERMANENT, "
                  "WEIR_RESTART_TRANSIENT, WEIR_RESTART_TEMPORARY, got 3");
    refuses_child(&(weir_supervised){.stage = stage, .name = "a\nb"}, WEIR_INVALID,
                  "child 0: name must have no control characters, got byte 0x0a at 1");
    refuses_child(&(weir_supervised){.stage = &kindless}, WEIR_INVALID,
                  "child 0: kind must be one of WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, "
                  "WEIR_CONSUMER, got 0");
    refuses_child(&(weir_supervised){.stage = stage, .subscribe_count = 1}, WEIR_INVALID,
                  "child 0: subscribe_to must be set when subscribe_count is 1");
    refuses_child(&(weir_supervised){.stage = stage, .subscribe_count = 1, .subscribe_to = &from},
                  WEIR_INVALID, "child 0: WEIR_SIBLING(1): there are 1 children");
    from.producer = (weir_ref){0};
    refuses_child(&(weir_supervised){.stage = stage, .subscribe_count = 1, .subscribe_to = &from},
                  WEIR_NO_STAGE, "child 0: producer 0 names no living stage");
    from.name = "nobody";
    refuses_child(&(weir_supervised){.stage = stage, .subscribe_count = 1, .subscribe_to = &from},
                  WEIR_NO_NAME,
                  "child 0, a, could not subscribe: no living stage is called nobody");
    refuses_child(&(weir_supervised){.start = start_nothing}, WEIR_INVALID,
                  "child 0, child, could not be started: its start has returned no stage of this "
                  "runtime");
    refuses_child(&(weir_supervised){.start = start_nothing, .argument = &(weir_status){WEIR_FULL}},
                  WEIR_FULL, "child 0, child, could not be started: no room at present");
    rig_close(&crew.rig);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void add_pipeline(void) {
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 40;
    crew_add(&crew, "work", WEIR_PRODUCER_CONSUMER, "source");
    crew_add(&crew, "sink", WEIR_CONSUMER, "work");
    for (size_t i = 0; i < crew.count; i++) crew.players[i].quiet = true;
}

/* Whichever allocation of a start fails: nothing is left, and the next start does. */
static void memory_fails_at_the_start(void **state) {
    (void)state;
    unsigned call = 1;
    bool started = false;
    for (; !started; call++) {
        rig_open(&crew.rig, &simulated);
        add_pipeline();
        test_memory_fail(&crew.rig.memory, call, false);
        weir_status status = crew_try_start(&crew, NULL);
        test_memory_fail_never(&crew.rig.memory);
        started = status == WEIR_OK;
        if (!started) {
            assert_int_equal(status, WEIR_NO_MEMORY);
            rig_rest(&crew.rig);
            assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
            crew_start(&crew, NULL);
        }
        rig_rest(&crew.rig);
        weir_accounts accounts = rig_close(&crew.rig);
        assert_int_equal(crew.players[2].handled + accounts.discarded, 40);
        assert_true(!started || accounts.discarded == 0);
    }
    assert_true(call > 20);
}

/* Whichever allocation of a restart fails, it is made good; or the supervisor gives up. */
static void memory_fails_at_a_restart(void **state) {
    (void)state;
    for (unsigned killed = 0; killed < 3; killed++) {
        for (unsigned call = 1; call < 40; call++) {
            bool for_good = call % 3 == 0;
            rig_open(&crew.rig, &simulated);
            add_pipeline();
            crew_start(&crew, &(weir_supervisor_options){.max_restarts = 20});
            weir_runtime_step(crew.rig.runtime, 30);
            player_stop(&crew.players[killed], WEIR_REASON_USER);
            test_memory_fail(&crew.rig.memory, call, for_good);
            weir_runtime_step(crew.rig.runtime, 20);
            if (for_good) rig_rest(&crew.rig);
            test_memory_fail_never(&crew.rig.memory);
            advance((uint64_t)SECOND);
            if (!for_good) assert_int_equal(weir_runtime_stages(crew.rig.runtime), 4);
            weir_accounts accounts = rig_close(&crew.rig);
            assert_int_equal(accounts.emitted, accounts.handled + accounts.discarded);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_restart_too_many),
        cmocka_unit_test(time_forgives),
        cmocka_unit_test(none_at_all),
        cmocka_unit_test(without_bound),
        cmocka_unit_test(a_refused_restart_is_tried_again),
        cmocka_unit_test(refused_restarts_count),
        cmocka_unit_test(who_waits_for_a_refused_restart),
        cmocka_unit_test(a_refused_restart_does_not_hold_up_a_drain),
        cmocka_unit_test(a_sibling_that_has_ended_is_no_trouble),
        TEST_IN_WORLDS_OF(&crew.rig, a_refused_start_ends_those_before_it),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(bad_children),
        cmocka_unit_test(memory_fails_at_the_start),
        cmocka_unit_test(memory_fails_at_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
