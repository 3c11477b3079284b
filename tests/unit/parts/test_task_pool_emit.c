/*
 * Pools that emit: what goes downstream, in which order, and how far demand lets them go.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a task that is done has emitted all that it did, side by side, once; one that failed has
 * emitted nothing, and that is counted; in order, results are in the order of the events, however
 * their tasks end; tasks are begun as far as consumers have asked, and no further; the window stays
 * exact; a drain does and sends all; what a pool that stops cannot send is told.
 * Method: a producer, a pool and a consumer in simulated time, where tasks run one by one: a task
 * that fails and is begun again later ends behind those that came after it.
 */
#include "support/cmocka.h"
#include "support/results_scene.h"
#include "support/worlds.h"

#include <string.h>

#define MS UINT64_C(1000000)

static struct results_scene s;

static const weir_runtime_options simulated = {.mode = WEIR_SIMULATED, .workers = 2, .seed = 7};
static const weir_backoff later = {.first_ns = 10 * MS};
static const weir_pool_emits in_order = {.order = WEIR_POOL_IN_ORDER};
static const weir_pool_options again = {
    .restart = WEIR_CHILD_TRANSIENT, .restart_delay = &later, .attempts = 5};

static void advance(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(s.rig.runtime, ns), WEIR_OK);
}

/* ---- what goes on ----------------------------------------------------------- */

static void results_go_on(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++) {
        for (int order = 0; order < 2; order++) {
            results_open(&s, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = workers},
                         100);
            static const char *const words[] = {"0", "1", "2", "5", "c1"};
            for (int i = 0; i < 100; i++) s.does[i] = words[i % 5];
            results_pool(&s, 10, order > 0 ? &in_order : NULL, &again);
            results_consumer(&s, 20);
            advance(1000 * MS);
            assert_int_equal(s.exits, 100);
            assert_int_equal(s.count, 20 * (1 + 2 + 5 + 1));
            results_expect_all(&s, 100, order > 0);
            assert_int_equal(s.told[WEIR_DISCARD_ABANDONED], 20 * 2);
            results_close(&s);
        }
    }
}

static void as_they_end_or_in_order(void **state) {
    (void)state;
    for (int order = 0; order < 2; order++) {
        results_open(&s, &simulated, 5);
        s.does[0] = "b2"; /* done behind all others */
        s.does[3] = "a0"; /* likewise, and has none */
        results_pool(&s, 5, order > 0 ? &in_order : NULL, &again);
        results_consumer(&s, 100);
        rig_rest(&s.rig);
        results_expect(&s, order > 0 ? "" : "1100 2100 4100");
        weir_pool_counts counts;
        assert_int_equal(weir_pool_count(s.pool, &counts), WEIR_OK);
        assert_int_equal(counts.restarting, 2);
        assert_int_equal(counts.waiting, order > 0 ? 3 : 0);
        assert_int_equal(counts.workers, 2 + counts.waiting);
        advance(15 * MS);
        results_expect(&s, order > 0 ? "200 201 1100 2100 4100" : "1100 2100 4100 200 201");
        assert_int_equal(s.told[WEIR_DISCARD_ABANDONED], 1);
        results_close(&s);
    }
}

static void a_child_by_hand_has_its_place(void **state) {
    (void)state;
    results_open(&s, &simulated, 2);
    s.does[0] = "a1";
    results_pool(&s, 5, &in_order, &again);
    results_consumer(&s, 100);
    rig_rest(&s.rig);
    for (uint64_t number = 7; number < 9; number++) {
        assert_int_equal(weir_pool_start_child(s.pool, &number, NULL), WEIR_OK);
    }
    rig_rest(&s.rig);
    results_expect(&s, "");
    advance(15 * MS);
    results_expect(&s, "200 1100 7100 8100");
    s.rig.handled -= 2; /* which are in no account */
    results_close(&s);
}

/* ---- all or nothing --------------------------------------------------------- */

static void who_fails_has_emitted_nothing(void **state) {
    (void)state;
    results_open(&s, &simulated, 4);
    s.does[1] = "d";
    s.does[2] = "jf3";
    results_pool(&s, 2, NULL, &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT, .attempts = 3});
    results_consumer(&s, 100);
    rig_rest(&s.rig);
    results_expect_all(&s, 4, false);
    assert_int_equal(s.count, 1 + 3 + 1);
    assert_int_equal(s.told[WEIR_DISCARD_ABANDONED], 3 * 3 + 9 + 5);
    assert_int_equal(s.ends[1].how, WEIR_CHILD_FAILED);
    assert_int_equal(s.ends[1].attempts, 3);
    assert_int_equal(s.ends[1].emitted, 0);
    assert_int_equal(s.ends[2].how, WEIR_CHILD_FINISHED);
    assert_int_equal(s.ends[2].attempts, 3);
    assert_int_equal(s.ends[2].emitted, 3);
    results_close(&s);
}

static void failing_is_not_logged_as_a_loss(void **state) {
    (void)state;
    results_open(&s, &simulated, 0);
    results_pool(&s, 2, NULL, &(weir_pool_options){.threads = 1});
    rig_rest(&s.rig);
    rig_expect_log(&s.rig, "");
    results_close(&s);
}

/* ---- demand ------------------------------------------------------------------- */

static void tasks_begin_as_far_as_consumers_have_asked(void **state) {
    (void)state;
    results_open(&s, &simulated, 100);
    s.does[3] = s.does[4] = "0";
    results_pool(&s, 10, NULL, NULL);
    rig_rest(&s.rig);
    assert_int_equal(s.begun, 0); /* nobody is there */
    results_consumer(&s, 0);
    rig_rest(&s.rig);
    assert_int_equal(s.begun, 0); /* nobody has asked */
    results_ask(&s, 1);
    assert_int_equal(s.begun, 1);
    results_ask(&s, 2);
    assert_int_equal(s.begun, 3);
    results_ask(&s, 1); /* 3 and 4 emit nothing */
    assert_int_equal(s.begun, 6);
    results_expect(&s, "100 1100 2100 5100");
    assert_int_equal(s.p.emitted, 16); /* the window is full again */
    assert_int_equal(rig_accounts(&s.rig).in_flight, 10);
    results_close(&s);
}

static void none_begins_while_the_buffer_has_something(void **state) {
    (void)state;
    results_open(&s, &simulated, 100);
    s.does[0] = "5";
    results_pool(&s, 10, NULL, NULL);
    results_consumer(&s, 0);
    rig_rest(&s.rig);
    results_ask(&s, 2);
    assert_int_equal(s.begun, 1);
    assert_int_equal(rig_accounts(&s.rig).buffered, 3);
    results_ask(&s, 3);
    assert_int_equal(s.begun, 1);
    results_ask(&s, 1);
    assert_int_equal(s.begun, 2);
    results_expect(&s, "100 101 102 103 104 1100");
    results_close(&s);
}

/* One that is begun again had its demand, though others wait for theirs before it. */
static void restarts_need_no_demand_anew(void **state) {
    (void)state;
    for (int order = 0; order < 2; order++) {
        results_open(&s, &simulated, 100);
        s.does[0] = "aa1";
        results_pool(&s, 10, order > 0 ? &in_order : NULL, &again);
        results_consumer(&s, 0);
        rig_rest(&s.rig);
        results_ask(&s, 2);
        assert_int_equal(s.begun, 2);
        advance(100 * MS);
        results_expect(&s, order > 0 ? "300 1100" : "1100 300");
        assert_int_equal(s.begun, 2 + 2);
        results_close(&s);
    }
}

static void who_leaves_is_worked_for_no_more(void **state) {
    (void)state;
    results_open(&s, &simulated, 100);
    s.does[0] = "a1";
    results_pool(&s, 10, NULL, &again);
    results_consumer(&s, 0);
    rig_rest(&s.rig);
    results_ask(&s, 1);
    assert_int_equal(weir_cancel(s.rig.runtime, s.takes, WEIR_REASON_NORMAL), WEIR_OK);
    advance(100 * MS);
    assert_int_equal(s.begun, 2); /* both of the first one: its result waits for who comes */
    assert_int_equal(rig_accounts(&s.rig).buffered, 1);
    results_close(&s);
    assert_int_equal(s.told[WEIR_DISCARD_STOPPED], 1); /* the rest has gone back */
}

/* ---- the end -------------------------------------------------------------------- */

static void a_drain_does_and_sends_all(void **state) {
    (void)state;
    for (int order = 0; order < 2; order++) {
        for (uint64_t seed = 1; seed < 20; seed++) {
            results_open(
                &s, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 3, .seed = seed},
                200);
            static const char *const words[] = {"c2", "1", "0", "aa4", "w"};
            for (int i = 0; i < 200; i++) s.does[i] = words[(uint64_t)i * seed % 5];
            results_open_gate(&s);
            results_pool(&s, 20, order > 0 ? &in_order : NULL, &again);
            results_consumer(&s, 8);
            weir_runtime_step(s.rig.runtime, (size_t)seed * 4);
            assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
            assert_int_equal(s.exits, s.p.emitted);
            results_expect_all(&s, s.p.emitted, order > 0);
            assert_int_equal(s.told[WEIR_DISCARD_STOPPED], 0);
            results_close(&s);
        }
    }
}

/* Delays are waited for: an hour of virtual time. */
static void a_drain_waits_for_restarts(void **state) {
    (void)state;
    const weir_backoff hour = {.first_ns = 3600000 * MS};
    results_open(&s, &simulated, 1);
    s.does[0] = "aa1";
    results_pool(&s, 4, NULL,
                 &(weir_pool_options){
                     .restart = WEIR_CHILD_TRANSIENT, .restart_delay = &hour, .attempts = 3});
    results_consumer(&s, 8);
    rig_rest(&s.rig);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(s.rig.runtime, 1800000 * MS, &report), WEIR_TIMEOUT);
    assert_int_equal(report.why, WEIR_HOLDUP_TASKS);
    assert_int_equal(s.begun, 1);
    assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    results_expect(&s, "300");
    results_close(&s);
}

/*
 * Nobody asks: what is queued is done all the same, and waits in the buffer; whether it was queued
 * with the stage, or with the pool, because somebody has asked once.
 */
static void a_drain_works_on_without_demand(void **state) {
    (void)state;
    for (uint64_t asked = 0; asked < 2; asked++) {
        results_open(&s, &simulated, 6);
        results_pool(&s, 10, NULL, NULL);
        results_consumer(&s, 0);
        rig_rest(&s.rig);
        if (asked > 0) results_ask(&s, asked);
        assert_int_equal(s.begun, asked);
        assert_int_equal(weir_pool_children(s.pool, NULL, 0), asked > 0 ? 5 : 0);
        weir_drain_report report;
        assert_int_equal(weir_runtime_drain(s.rig.runtime, 1000 * MS, &report), WEIR_TIMEOUT);
        assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
        assert_int_equal(s.begun, 6);
        assert_int_equal(s.exits, 6);
        results_ask(&s, 6);
        assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
        assert_int_equal(s.count, 6);
        results_close(&s);
    }
}

static void what_waits_when_it_stops_is_told(void **state) {
    (void)state;
    results_open(&s, &simulated, 6);
    s.does[0] = "a1";
    s.does[2] = "3";
    results_pool(&s, 4, &in_order, &again);
    results_consumer(&s, 100);
    rig_rest(&s.rig);
    assert_int_equal(s.begun, 4);
    player_stop(&s.stage, WEIR_REASON_USER);
    rig_rest(&s.rig);
    assert_int_equal(s.exits, 4);
    assert_int_equal(s.ends[0].how, WEIR_CHILD_DISCARDED);
    assert_int_equal(s.ends[0].attempts, 1);
    assert_int_equal(s.ends[2].how, WEIR_CHILD_FINISHED);
    assert_int_equal(s.ends[2].emitted, 0);
    assert_int_equal(s.told[WEIR_DISCARD_STOPPED], 1 + 3 + 1);
    results_expect(&s, "");
    results_close(&s);
}

/* ---- ending by hand ---------------------------------------------------------------- */

static void a_child_that_is_ended_holds_nobody_up(void **state) {
    (void)state;
    results_open(&s, &simulated, 4);
    s.does[0] = "a1";
    results_pool(&s, 4, &in_order, &again);
    results_consumer(&s, 100);
    rig_rest(&s.rig);
    results_expect(&s, "");
    assert_int_equal(weir_pool_end_child(s.pool, s.children[2]), WEIR_NO_CHILD); /* it waits */
    assert_int_equal(weir_pool_end_child(s.pool, s.children[0]), WEIR_OK);
    rig_rest(&s.rig);
    results_expect(&s, "1100 2100 3100");
    assert_int_equal(s.ends[0].how, WEIR_CHILD_ENDED);
    assert_int_equal(s.ends[2].how, WEIR_CHILD_FINISHED);
    advance(100 * MS);
    assert_int_equal(s.begun, 4); /* its timer is gone */
    results_close(&s);
}

/* ---- memory ---------------------------------------------------------------------- */

static void without_memory_results_are_told(void **state) {
    (void)state;
    for (uint64_t call = 1; call < 60; call++) {
        results_open(&s, &simulated, 12);
        for (int i = 0; i < 12; i++) s.does[i] = i % 3 == 0 ? "9" : "1";
        results_pool(&s, 4, call % 2 == 0 ? &in_order : NULL, NULL);
        results_consumer(&s, 100);
        test_memory_fail(&s.rig.memory, call, false);
        assert_int_equal(weir_runtime_settle(s.rig.runtime, WEIR_FOREVER), WEIR_OK);
        test_memory_fail_never(&s.rig.memory);
        rig_rest(&s.rig);
        assert_int_equal(weir_pool_close(s.pool, NULL), WEIR_OK);
        weir_accounts accounts = rig_accounts(&s.rig);
        assert_null(weir_accounts_check(&accounts));
        assert_int_equal(accounts.emitted, s.p.emitted + s.accepted);
        s.pool = NULL;
        s.rig.handled = accounts.handled - s.c.handled;
        results_close(&s);
    }
}

/* ---- refusals ----------------------------------------------------------------------- */

static weir_task_result nothing(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

static void note_exit(void *context, weir_child child, const void *event, weir_child_exit how) {
    (void)context, (void)child, (void)event, (void)how;
}

static void note_end(void *context, const weir_child_end *end) {
    (void)context, (void)end;
}

static void bad_options_are_refused(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    const weir_event_type no_drop = {.bytes = 8};
    const weir_backoff shrinks = {.first_ns = 1, .factor = 0.25};
    const struct {
        weir_pool_emits emits;
        weir_pool_options options;
        const char *sentence;
    } cases[] = {
        {{0}, {0}, "emits.event_bytes must be at least 1, got 0"},
        {{.event_bytes = 65537}, {0}, "emits.event_bytes must be at most 65536, got 65537"},
        {{.event_bytes = 8, .order = (weir_pool_order)2},
         {0},
         "emits.order must be WEIR_POOL_ANY_ORDER or WEIR_POOL_IN_ORDER, got 2"},
        {{.type = &no_drop}, {0}, "type->drop must be set"},
        {{.event_bytes = 8, .buffer_keep = (weir_keep)9},
         {0},
         "stage pool: buffer_keep must be one of WEIR_KEEP_LAST, WEIR_KEEP_FIRST, got 9"},
        {{.event_bytes = 8},
         {.restart_delay = &later},
         "restart_delay must not be set where restart is WEIR_CHILD_TEMPORARY: no child is begun "
         "again"},
        {{.event_bytes = 8},
         {.attempts = 2},
         "attempts must not be set where restart is WEIR_CHILD_TEMPORARY: no child is begun again"},
        {{.event_bytes = 8},
         {.restart = WEIR_CHILD_TRANSIENT, .restart_delay = &shrinks},
         "restart_delay.factor must be at least 1, got 0.25"},
        {{.event_bytes = 8},
         {.restart = WEIR_CHILD_TRANSIENT, .attempts = 1000000001},
         "attempts must be at most 1000000000, got 1000000001"},
        {{.event_bytes = 8},
         {.exited = note_exit, .ended = note_end},
         "exited or ended must be set, not both"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_pool *pool = NULL;
        weir_pool_options options = cases[i].options;
        options.event_bytes = 8;
        options.task = nothing;
        options.emits = &cases[i].emits;
        assert_int_equal(weir_pool_open(rig.runtime, &options, &pool, NULL), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
        assert_null(pool);
    }
    rig_close(&rig);
}

static weir_status refused;
static char why[200];

static weir_task_result try_to_emit(void *context, const void *event, weir_task *self) {
    (void)context;
    refused = weir_task_emit(self, event, 1);
    strncpy(why, weir_refusal(), sizeof why - 1);
    return WEIR_TASK_OK;
}

static void who_emits_nothing_is_told(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    weir_pool *pool = NULL;
    assert_int_equal(weir_pool_open(rig.runtime,
                                    &(weir_pool_options){.event_bytes = 8, .task = try_to_emit},
                                    &pool, NULL),
                     WEIR_OK);
    assert_int_equal(weir_pool_start_child(pool, &(uint64_t){1}, NULL), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(refused, WEIR_INVALID);
    assert_string_equal(why, "a task of pool pool cannot emit 1 events: its pool has no `emits`");
    assert_int_equal(weir_task_emit(NULL, NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_task_attempt(NULL), 0);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_go_on),
        cmocka_unit_test(as_they_end_or_in_order),
        cmocka_unit_test(a_child_by_hand_has_its_place),
        cmocka_unit_test(who_fails_has_emitted_nothing),
        cmocka_unit_test(failing_is_not_logged_as_a_loss),
        cmocka_unit_test(tasks_begin_as_far_as_consumers_have_asked),
        cmocka_unit_test(none_begins_while_the_buffer_has_something),
        cmocka_unit_test(restarts_need_no_demand_anew),
        cmocka_unit_test(who_leaves_is_worked_for_no_more),
        cmocka_unit_test(a_drain_does_and_sends_all),
        cmocka_unit_test(a_drain_waits_for_restarts),
        cmocka_unit_test(a_drain_works_on_without_demand),
        cmocka_unit_test(what_waits_when_it_stops_is_told),
        cmocka_unit_test(a_child_that_is_ended_holds_nobody_up),
        cmocka_unit_test(without_memory_results_are_told),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(who_emits_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
