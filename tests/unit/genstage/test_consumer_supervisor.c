/*
 * Behaviours of GenStage's ConsumerSupervisor, anew for the worker pool: by hand and on demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a user of ConsumerSupervisor relies on holds here.  Each test is
 * named after a behaviour; those that need tasks that run beside each other are
 * in unit/parts/test_task_pool_threads.c.
 * Method: stepped and simulated runtimes, where a task runs to its end in one
 * turn; the journal, the counts, and at the end the accounts.
 */
#include "support/cmocka.h"
#include "support/pool_scene.h"

static struct pool_scene s;

#define EACH_WORLD(world) for (int world = 0; pool_scene_world(&s, world); world++)

enum { HAND = POOL_SCENE_BY_HAND };

static void pool(weir_child_restart restart, size_t max_restarts) {
    pool_scene_pool(&s, &(weir_pool_options){.restart = restart, .max_restarts = max_restarts});
}

/* ---- started and ended by hand ------------------------------------------- */

static void start_child(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.with_start = true;
        s.starts[HAND + 1] = "i";
        s.starts[HAND + 2] = "e";
        pool(WEIR_CHILD_TEMPORARY, 0);
        weir_child child = pool_scene_start(&s, HAND);
        assert_true(child.bits != 0);
        child = pool_scene_start(&s, HAND + 1);
        assert_int_equal(child.bits, 0);
        uint64_t number = HAND + 2;
        child.bits = 7;
        assert_int_equal(weir_pool_start_child(s.pool, &number, &child), WEIR_START_FAILED);
        assert_string_equal(weir_refusal(), "start has refused the child (2)");
        assert_int_equal(child.bits, 0);
        pool_scene_expect(&s, 1, 0, 0);
        rig_rest(&s.rig);
        pool_scene_expect(&s, 0, 0, 0);
        rig_expect(&s.rig, "run 900\nexit 900 finished\n");
        pool_scene_close(&s);
    }
}

static void temporary_child_is_not_restarted_regardless_of_reason(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.does[HAND + 1] = "f";
        s.does[HAND + 2] = "b";
        pool(WEIR_CHILD_TEMPORARY, 0);
        for (uint64_t i = 0; i < 3; i++) pool_scene_start(&s, HAND + i);
        rig_rest(&s.rig);
        rig_expect(&s.rig, "run 900\nexit 900 finished\nrun 901\nexit 901 failed\n"
                           "run 902\nexit 902 failed\n");
        rig_expect_log(&s.rig, "error: a task of pool pool has returned 77\n");
        pool_scene_close(&s);
    }
}

static void transient_child_is_restarted_unless_normal(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.does[HAND + 1] = "fo";
        s.does[HAND + 2] = "bfo";
        pool(WEIR_CHILD_TRANSIENT, 0);
        for (uint64_t i = 0; i < 2; i++) pool_scene_start(&s, HAND + i);
        rig_rest(&s.rig);
        rig_expect(&s.rig, "run 900\nexit 900 finished\nrun 901\nrun 901\nexit 901 finished\n");
        pool_scene_start(&s, HAND + 2);
        rig_rest(&s.rig);
        rig_expect(&s.rig, "run 902\nrun 902\nrun 902\nexit 902 finished\n");
        pool_scene_close(&s);
        rig_expect_log(&s.rig, "error: a task of pool pool has returned 77\n");
    }
}

static void child_is_restarted_with_different_values(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.with_start = true;
        s.does[HAND] = "f";
        s.starts[HAND] = "si"; /* at the restart: ignore */
        s.does[HAND + 1] = "fo";
        s.starts[HAND + 1] = "seees"; /* three times it cannot begin */
        pool(WEIR_CHILD_TRANSIENT, 100);
        pool_scene_start(&s, HAND);
        rig_rest(&s.rig);
        rig_expect(&s.rig, "run 900\nexit 900 failed\n");
        pool_scene_start(&s, HAND + 1);
        while (s.begins[HAND + 1] < 2) weir_runtime_step(s.rig.runtime, 1);
        pool_scene_expect(&s, 0, 0, 1);
        weir_child_info info;
        assert_int_equal(weir_pool_children(s.pool, &info, 1), 1);
        assert_int_equal(info.state, WEIR_CHILD_RESTARTING);
        assert_int_equal(info.producer.bits, 0);
        rig_rest(&s.rig);
        pool_scene_expect(&s, 0, 0, 0);
        rig_expect(&s.rig, "run 901\nrun 901\nexit 901 finished\n");
        rig_expect_log(&s.rig, "error: pool pool could not begin a child again\n"
                               "error: pool pool could not begin a child again\n"
                               "error: pool pool could not begin a child again\n");
        pool_scene_close(&s);
    }
}

static void child_is_restarted_when_trying_again(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.with_start = true;
        s.does[HAND] = "fo";
        s.starts[HAND] = "ses";
        pool(WEIR_CHILD_TRANSIENT, 2);
        pool_scene_start(&s, HAND);
        rig_rest(&s.rig);
        rig_expect(&s.rig, "run 900\nrun 900\nexit 900 finished\n");
        pool_scene_close(&s);
    }
}

static void expect_given_up(const char *log) {
    rig_rest(&s.rig);
    assert_int_equal(weir_runtime_stages(s.rig.runtime), 0);
    rig_expect_log(&s.rig, log);
    uint64_t number = HAND;
    assert_int_equal(weir_pool_start_child(s.pool, &number, NULL), WEIR_NO_STAGE);
    assert_string_equal(weir_refusal(), "the pool has stopped");
}

static void child_triggers_maximum_restarts(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.does[HAND] = "f";
        pool(WEIR_CHILD_TRANSIENT, 1);
        pool_scene_start(&s, HAND);
        expect_given_up("error: pool pool stops: more than 1 restarts in 5 seconds\n");
        rig_expect(&s.rig, "run 900\nrun 900\nexit 900 failed\n");
        pool_scene_close(&s);
    }
}

/* With 0 seconds, only restarts of the same nanosecond are too many. */
static void child_triggers_maximum_seconds(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.does[HAND] = "fffffo";
        pool_scene_pool(&s, &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT,
                                                 .max_restarts = 1,
                                                 .max_seconds = WEIR_NONE});
        pool_scene_start(&s, HAND);
        rig_rest(&s.rig);
        assert_int_equal(weir_runtime_stages(s.rig.runtime), 1);
        assert_int_equal(s.runs[HAND], 6);
        pool_scene_close(&s);
    }
}

static void no_restart_is_one_too_many_already(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.does[HAND] = "f";
        pool(WEIR_CHILD_TRANSIENT, WEIR_NONE);
        pool_scene_start(&s, HAND);
        expect_given_up("error: pool pool stops: more than 0 restarts in 5 seconds\n");
        rig_expect(&s.rig, "run 900\nexit 900 failed\n");
        pool_scene_close(&s);
    }
}

static void child_triggers_maximum_intensity_when_trying_again(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.with_start = true;
        s.does[HAND] = "f";
        s.starts[HAND] = "se";
        pool(WEIR_CHILD_TRANSIENT, 2);
        pool_scene_start(&s, HAND);
        expect_given_up("error: pool pool could not begin a child again\n"
                        "error: pool pool could not begin a child again\n"
                        "error: pool pool stops: more than 2 restarts in 5 seconds\n");
        rig_expect(&s.rig, "run 900\nexit 900 failed\n");
        assert_int_equal(s.begins[HAND], 3);
        pool_scene_close(&s);
    }
}

static void terminates_restarting_child(void **state) {
    (void)state;
    EACH_WORLD(world) {
        s.with_start = true;
        s.does[HAND] = "f";
        s.starts[HAND] = "se";
        pool(WEIR_CHILD_TRANSIENT, 1000);
        weir_child child = pool_scene_start(&s, HAND);
        while (s.begins[HAND] < 3) weir_runtime_step(s.rig.runtime, 1);
        pool_scene_expect(&s, 0, 0, 1);
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_OK);
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_NO_CHILD);
        rig_rest(&s.rig);
        pool_scene_expect(&s, 0, 0, 0);
        rig_expect(&s.rig, "run 900\nexit 900 ended\n");
        pool_scene_close(&s);
    }
}

static void terminates_child_and_then_it_is_not_found(void **state) {
    (void)state;
    EACH_WORLD(world) {
        pool(WEIR_CHILD_TEMPORARY, 0);
        weir_child child = pool_scene_start(&s, HAND);
        weir_child other = pool_scene_start(&s, HAND + 1);
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_OK);
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_NO_CHILD);
        pool_scene_expect(&s, 1, 0, 0);
        rig_rest(&s.rig);
        pool_scene_start(&s, HAND + 2); /* in one of the slots that are free again */
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_NO_CHILD);
        assert_int_equal(weir_pool_end_child(s.pool, other), WEIR_NO_CHILD);
        rig_rest(&s.rig);
        assert_int_equal(weir_pool_children(s.pool, NULL, 0), 0);
        pool_scene_close(&s);
        assert_int_equal(s.runs[HAND], 0);
        assert_int_equal(s.runs[HAND + 1], 1);
        assert_int_equal(s.runs[HAND + 2], 1);
    }
}

/* ---- subscribing --------------------------------------------------------- */

static weir_subscription subscribe(const struct player *producer, size_t max, size_t min,
                                   weir_cancel_mode cancel) {
    return player_subscribe(
        &s.stage, producer,
        &(weir_subscribe_options){.max_demand = max, .min_demand = min, .cancel = cancel});
}

static void sync_subscribe_returns_ok_with_reference(void **state) {
    (void)state;
    EACH_WORLD(world) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        player_start(&p, &s.rig, NULL);
        pool(WEIR_CHILD_TEMPORARY, 0);
        weir_subscription subscription = subscribe(&p, 0, 0, WEIR_PERMANENT);
        assert_true(subscription.id != 0);
        rig_rest(&s.rig);
        player_expect(&p, "subscribe pool\ndemand 1000\n");
        pool_scene_close(&s);
    }
}

static void sync_subscribe_returns_errors_on_bad_options(void **state) {
    (void)state;
    EACH_WORLD(world) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        player_start(&p, &s.rig, NULL);
        pool(WEIR_CHILD_TEMPORARY, 0);
        weir_subscribe_options bad = {.max_demand = 5, .min_demand = 5};
        assert_int_equal(weir_subscribe(s.rig.runtime, s.stage.ref, p.ref, &bad, NULL),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), "min_demand must be at most 4, got 5");
        bad = (weir_subscribe_options){.max_demand = WEIR_NONE};
        assert_int_equal(weir_subscribe(s.rig.runtime, s.stage.ref, p.ref, &bad, NULL),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), "max_demand must be at least 1, got WEIR_NONE");
        pool_scene_close(&s);
    }
}

static void exits_when_its_producer_is_dead_and_lives_when_temporary(void **state) {
    (void)state;
    static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TEMPORARY, WEIR_TRANSIENT};
    for (int i = 0; i < 3; i++) {
        EACH_WORLD(world) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            player_start(&p, &s.rig, NULL);
            pool(WEIR_CHILD_TEMPORARY, 0);
            subscribe(&p, 0, 0, modes[i]);
            rig_rest(&s.rig);
            player_stop(&p, WEIR_REASON_NORMAL);
            rig_rest(&s.rig);
            assert_int_equal(weir_runtime_stages(s.rig.runtime),
                             modes[i] == WEIR_PERMANENT ? 0 : 1);
            pool_scene_close(&s);
        }
    }
}

/* ---- events -------------------------------------------------------------- */

static void consuming_start_child(void **state) {
    (void)state;
    EACH_WORLD(world) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5};
        player_start(&p, &s.rig, NULL);
        s.with_start = true;
        s.starts[1] = "i";
        s.starts[2] = "e";
        s.does[3] = "f";
        s.does[4] = "b";
        pool(WEIR_CHILD_TEMPORARY, 0);
        subscribe(&p, 10, 5, WEIR_TEMPORARY);
        rig_rest(&s.rig);
        rig_expect_log(&s.rig, "error: pool pool could not begin a child (2)\n"
                               "error: a task of pool pool has returned 77\n");
        weir_accounts accounts = rig_accounts(&s.rig);
        assert_int_equal(accounts.handled, 5); /* whatever became of them */
        pool_scene_close(&s);
    }
}

static void start_child_with_stream(void **state) {
    (void)state;
    EACH_WORLD(world) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        player_start(&p, &s.rig, NULL);
        pool(WEIR_CHILD_TEMPORARY, 0);
        subscribe(&p, 8, 2, WEIR_TRANSIENT);
        rig_rest(&s.rig);
        player_stop(&p, WEIR_REASON_NORMAL);
        rig_rest(&s.rig);
        for (uint64_t i = 0; i < 100; i++) assert_int_equal(s.runs[i], 1);
        assert_int_equal(weir_runtime_stages(s.rig.runtime), 1);
        pool_scene_close(&s);
    }
}

/* What a producer saw of the pool's asks, one of which may hold several. */
static uint64_t demanded;
static uint64_t least;

static weir_verdict note_demand(weir_stage *self, struct player *player, uint64_t demand) {
    RIG_CHECK(player->rig, demand >= least && demand % least == 0);
    demanded += demand;
    uint64_t left = player->limit - player->next;
    player_emit(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

/* Asks for `min` after every min-th completion: not when so many are left running. */
static void asks_for_as_many_as_have_finished(void **state) {
    (void)state;
    static const struct {
        size_t min;
        uint64_t least;
        uint64_t in_all; /* for 10 children, after the first ask */
    } rows[] = {{WEIR_NONE, 1, 10}, {1, 1, 10}, {2, 2, 10}, {5, 5, 10}, {3, 3, 9}, {9, 9, 9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        EACH_WORLD(world) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            player_start(&p, &s.rig, NULL);
            pool(WEIR_CHILD_TEMPORARY, 0);
            subscribe(&p, 10, rows[i].min, WEIR_TEMPORARY);
            rig_rest(&s.rig);
            player_expect(&p, "subscribe pool\ndemand 10\n");
            p.does.demand = note_demand;
            p.limit = 10;
            demanded = 0;
            least = rows[i].least;
            player_cast(&p, 10);
            rig_rest(&s.rig);
            assert_int_equal(demanded, rows[i].in_all);
            assert_int_equal(s.exited, 10);
            pool_scene_close(&s);
        }
    }
}

/* On one worker nothing comes between two asks: each is seen by itself. */
static void asks_for_more_events_when_count_reaches_min_demand(void **state) {
    (void)state;
    assert_true(pool_scene_world(&s, 0));
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 6};
    player_start(&p, &s.rig, NULL);
    pool(WEIR_CHILD_TEMPORARY, 0);
    subscribe(&p, 3, 2, WEIR_TEMPORARY);
    rig_rest(&s.rig);
    player_expect(&p, "subscribe pool\ndemand 3\ndemand 2\ndemand 2\ndemand 2\n");
    pool_scene_close(&s);
}

static void restarting_children_counted_in_max_demand(void **state) {
    (void)state;
    EACH_WORLD(world) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5};
        player_start(&p, &s.rig, NULL);
        s.with_start = true;
        s.does[0] = "f";
        s.starts[0] = "se";
        pool(WEIR_CHILD_TRANSIENT, 10000);
        subscribe(&p, 1, WEIR_NONE, WEIR_TEMPORARY);
        while (s.begins[0] < 10) weir_runtime_step(s.rig.runtime, 1);
        player_expect(&p, "subscribe pool\ndemand 1\n"); /* it keeps its slot */
        weir_child_info info;
        assert_int_equal(weir_pool_children(s.pool, &info, 1), 1);
        assert_int_equal(info.state, WEIR_CHILD_RESTARTING);
        assert_int_equal(info.producer.bits, p.ref.bits);
        assert_int_equal(weir_pool_end_child(s.pool, info.child), WEIR_OK);
        rig_rest(&s.rig);
        assert_int_equal(s.exited, 5);
        pool_scene_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_child),
        cmocka_unit_test(temporary_child_is_not_restarted_regardless_of_reason),
        cmocka_unit_test(transient_child_is_restarted_unless_normal),
        cmocka_unit_test(child_is_restarted_with_different_values),
        cmocka_unit_test(child_is_restarted_when_trying_again),
        cmocka_unit_test(child_triggers_maximum_restarts),
        cmocka_unit_test(child_triggers_maximum_seconds),
        cmocka_unit_test(no_restart_is_one_too_many_already),
        cmocka_unit_test(child_triggers_maximum_intensity_when_trying_again),
        cmocka_unit_test(terminates_restarting_child),
        cmocka_unit_test(terminates_child_and_then_it_is_not_found),
        cmocka_unit_test(sync_subscribe_returns_ok_with_reference),
        cmocka_unit_test(sync_subscribe_returns_errors_on_bad_options),
        cmocka_unit_test(exits_when_its_producer_is_dead_and_lives_when_temporary),
        cmocka_unit_test(consuming_start_child),
        cmocka_unit_test(start_child_with_stream),
        cmocka_unit_test(asks_for_as_many_as_have_finished),
        cmocka_unit_test(asks_for_more_events_when_count_reaches_min_demand),
        cmocka_unit_test(restarting_children_counted_in_max_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
