/*
 * The worker pool as a part: what is refused, and what it does at its edges.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every bad option is named, with what is allowed; without memory nothing
 * is lost uncounted; children are started and ended from tasks and callbacks;
 * the pool finishes when its producers have; the handle outlives the stage.
 * Method: each bad option by itself; allocators that fail the k-th time, for
 * k = 1, 2, ...; stepped, simulated and threaded runtimes.
 */
#include "support/cmocka.h"
#include "support/pool_scene.h"

#include <string.h>

static struct pool_scene s;

enum { HAND = POOL_SCENE_BY_HAND };

static weir_subscribe_options demand(size_t max, size_t min, weir_cancel_mode cancel) {
    return (weir_subscribe_options){.max_demand = max, .min_demand = min, .cancel = cancel};
}

/* ---- refusals ------------------------------------------------------------ */

static weir_task_result nothing(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

static void bad_options_are_refused(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1});
    weir_pool *pool = NULL;
    weir_ref ref = {7};
    const weir_pool_options good = {.event_bytes = 8, .task = nothing};
    assert_int_equal(weir_pool_open(rig.runtime, NULL, &pool, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "options must not be NULL");
    assert_int_equal(weir_pool_open(rig.runtime, &good, NULL, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    const weir_subscribe_to nobody = {.options = {.max_demand = 1}};
    const weir_subscribe_to too_little = {.options = {.max_demand = WEIR_NONE}};
    const struct {
        weir_pool_options options;
        weir_status status;
        const char *sentence;
    } cases[] = {
        {{.task = nothing}, WEIR_INVALID, "event_bytes must be at least 1, got 0"},
        {{.task = nothing, .event_bytes = 65537},
         WEIR_INVALID,
         "event_bytes must be at most 65536, got 65537"},
        {{.event_bytes = 8}, WEIR_INVALID, "task must be set"},
        {{.task = nothing, .event_bytes = 8, .threads = 1025},
         WEIR_INVALID,
         "threads must be at most 1024, got 1025"},
        {{.task = nothing, .event_bytes = 8, .restart = WEIR_CHILD_PERMANENT},
         WEIR_INVALID,
         "restart must be WEIR_CHILD_TEMPORARY or WEIR_CHILD_TRANSIENT, got "
         "WEIR_CHILD_PERMANENT: a child that has done its work would be begun again for ever"},
        {{.task = nothing, .event_bytes = 8, .restart = (weir_child_restart)3},
         WEIR_INVALID,
         "restart must be WEIR_CHILD_TEMPORARY or WEIR_CHILD_TRANSIENT, got 3"},
        {{.task = nothing, .event_bytes = 8, .max_restarts = 10001},
         WEIR_INVALID,
         "max_restarts must be at most 10000, got 10001"},
        {{.task = nothing, .event_bytes = 8, .max_seconds = 1000000001},
         WEIR_INVALID,
         "max_seconds must be at most 1000000000, got 1000000001"},
        {{.task = nothing, .event_bytes = 8, .worker = WEIR_WORKER(1)},
         WEIR_INVALID,
         "stage pool: worker must be below 1, got 1"},
        {{.task = nothing, .event_bytes = 8, .subscribe_count = 2},
         WEIR_INVALID,
         "stage pool: subscribe_to must be set when subscribe_count is 2"},
        {{.task = nothing, .event_bytes = 8, .subscribe_to = &too_little, .subscribe_count = 1},
         WEIR_INVALID,
         "stage pool: max_demand must be at least 1, got WEIR_NONE"},
        {{.task = nothing, .event_bytes = 8, .subscribe_to = &nobody, .subscribe_count = 1},
         WEIR_NO_STAGE,
         "producer 0 names no living stage"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_pool_open(rig.runtime, &cases[i].options, &pool, &ref),
                         cases[i].status);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    assert_null(pool);
    assert_int_equal(ref.bits, 7);
    rig_close(&rig);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    assert_true(pool_scene_world(&s, 0));
    pool_scene_pool(&s, NULL);
    weir_child child = {.bits = 7};
    assert_int_equal(weir_pool_start_child(s.pool, NULL, &child), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "event must not be NULL");
    assert_int_equal(child.bits, 7);
    assert_int_equal(weir_pool_count(s.pool, NULL), WEIR_INVALID);
    size_t running = 7;
    assert_int_equal(weir_pool_close(NULL, &running), WEIR_OK);
    assert_int_equal(running, 0);
    assert_int_equal(weir_pool_close(NULL, NULL), WEIR_OK);
    static const uint64_t strange[] = {0,          UINT64_C(1) << 59, UINT64_C(1) << 58,
                                       UINT32_MAX, UINT64_MAX,        UINT64_C(1) << 32};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        for (uint32_t place = 0; place < 3; place++) {
            weir_child none = {.bits = strange[i], .place = place - 1};
            assert_int_equal(weir_pool_end_child(s.pool, none), WEIR_NO_CHILD);
        }
    }
    assert_string_equal(weir_refusal(), "child 0x100000000 has ended");
    pool_scene_start(&s, HAND);
    child = pool_scene_start(&s, HAND + 1);
    child.bits += UINT64_C(1) << 32; /* which comes to that place later */
    assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_NO_CHILD);
    pool_scene_close(&s);
}

static void casts_are_dropped_with_a_word(void **state) {
    (void)state;
    assert_true(pool_scene_world(&s, 0));
    pool_scene_pool(&s, NULL);
    assert_int_equal(weir_cast(s.rig.runtime, s.stage.ref, "hello", 6), WEIR_OK);
    rig_rest(&s.rig);
    rig_expect_log(&s.rig,
                   "warning: stage pool has no handle_cast: a message of 6 bytes was dropped\n");
    pool_scene_close(&s);
}

static void events_of_another_size_are_refused(void **state) {
    (void)state;
    for (int world = 0; pool_scene_world(&s, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        player_start(&p, &s.rig, &(weir_stage_options){.event_bytes = 16});
        pool_scene_pool(&s, NULL);
        weir_subscribe_options options = demand(10, 5, WEIR_TEMPORARY);
        assert_int_equal(weir_subscribe(s.rig.runtime, s.stage.ref, p.ref, &options, NULL),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), "stage pool takes events of 8 bytes (takes_bytes), "
                                            "those of stage p have 16");
        rig_rest(&s.rig);
        assert_int_equal(p.emitted, 0);
        assert_int_equal(weir_runtime_stages(s.rig.runtime), 2);
        pool_scene_close(&s);
    }
}

static void a_name_may_be_registered(void **state) {
    (void)state;
    assert_true(pool_scene_world(&s, 0));
    pool_scene_pool(&s, &(weir_pool_options){.name = "workers", .registered = true});
    weir_ref found;
    assert_int_equal(weir_whereis(s.rig.runtime, "workers", &found), WEIR_OK);
    assert_int_equal(found.bits, s.stage.ref.bits);
    weir_pool *other;
    assert_int_equal(weir_pool_open(s.rig.runtime,
                                    &(weir_pool_options){.name = "workers",
                                                         .registered = true,
                                                         .event_bytes = 8,
                                                         .task = nothing},
                                    &other, NULL),
                     WEIR_NAME_TAKEN);
    pool_scene_close(&s);
}

/* ---- where calls are allowed --------------------------------------------- */

/* A task that starts another, ends itself, and must not close the pool. */
static weir_task_result meddle(void *context, const void *event, weir_task *self) {
    struct pool_scene *scene = context;
    uint64_t number = *(const uint64_t *)event;
    RIG_CHECK(&scene->rig, weir_pool_close(scene->pool, NULL) == WEIR_WRONG_THREAD);
    if (number > HAND) {
        number--;
        RIG_CHECK(&scene->rig, weir_pool_start_child(scene->pool, &number, NULL) == WEIR_OK);
    }
    RIG_CHECK(&scene->rig, !weir_task_ending(self));
    RIG_CHECK(&scene->rig, weir_pool_end_child(scene->pool, weir_task_child(self)) == WEIR_OK);
    RIG_CHECK(&scene->rig, weir_pool_end_child(scene->pool, weir_task_child(self)) == WEIR_OK);
    RIG_CHECK(&scene->rig, weir_task_ending(self));
    return WEIR_TASK_FAILED;
}

static void note_exit(void *context, weir_child child, const void *event, weir_child_exit how) {
    struct pool_scene *scene = context;
    RIG_CHECK(&scene->rig, how == WEIR_CHILD_ENDED);
    RIG_CHECK(&scene->rig, weir_pool_end_child(scene->pool, child) == WEIR_NO_CHILD);
    (void)event;
    scene->exited++;
}

static void meddling(void) {
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .task = meddle,
                                       .exited = note_exit,
                                       .restart = WEIR_CHILD_TRANSIENT,
                                       .threads = 3,
                                       .context = &s};
    assert_int_equal(weir_pool_open(s.rig.runtime, &options, &s.pool, NULL), WEIR_OK);
    uint64_t number = HAND + 20;
    assert_int_equal(weir_pool_start_child(s.pool, &number, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_settle(s.rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(s.exited, 21);
    pool_scene_close(&s);
}

static void tasks_may_start_and_end_children(void **state) {
    (void)state;
    for (int world = 0; pool_scene_world(&s, world); world++) meddling();
    for (unsigned workers = 1; workers <= 2; workers++) {
        pool_scene_threads(&s, workers);
        meddling();
    }
}

static weir_verdict open_inside(weir_stage *self, struct player *player, uint64_t number) {
    weir_pool *pool = NULL;
    weir_pool_options options = {.event_bytes = 8, .task = nothing};
    weir_runtime *runtime = weir_stage_runtime(self);
    RIG_CHECK(player->rig, weir_pool_close(s.pool, NULL) == WEIR_WRONG_THREAD);
    options.threads = 2;
    RIG_CHECK(player->rig, weir_pool_open(runtime, &options, &pool, NULL) == WEIR_OK);
    RIG_CHECK(player->rig, weir_pool_threads(pool) == 2);
    RIG_CHECK(player->rig, weir_pool_start_child(pool, &number, NULL) == WEIR_OK);
    player->own = pool;
    return WEIR_CONTINUE;
}

static void callbacks_may_open_threads_and_do_not_wait(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = open_inside};
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 1});
    player_cast(&p, 0);
    rig_rest(&s.rig);
    assert_non_null(p.own);
    assert_int_equal(weir_pool_close(p.own, NULL), WEIR_OK);
    pool_scene_close(&s);
}

static void without_threads_tasks_run_on_the_worker(void **state) {
    (void)state;
    pool_scene_threads(&s, 2);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
    player_start(&p, &s.rig, NULL);
    weir_subscribe_to from = {.producer = p.ref, .options = demand(10, 5, WEIR_TRANSIENT)};
    pool_scene_pool(&s, &(weir_pool_options){
                            .threads = WEIR_NONE, .subscribe_to = &from, .subscribe_count = 1});
    assert_int_equal(weir_pool_threads(s.pool), 0);
    rig_rest(&s.rig);
    assert_int_equal(s.exited, 100);
    pool_scene_close(&s);
}

/* ---- the end ------------------------------------------------------------- */

static void a_pool_finishes_when_its_children_have_ended(void **state) {
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        if (threads > 0) {
            pool_scene_threads(&s, 2);
        } else {
            assert_true(pool_scene_world(&s, 3));
        }
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50, .quiet = true};
        player_start(&p, &s.rig, NULL);
        weir_subscribe_to from = {.producer = p.ref, .options = demand(10, 5, WEIR_PERMANENT)};
        pool_scene_pool(
            &s, &(weir_pool_options){.threads = 2, .subscribe_to = &from, .subscribe_count = 1});
        weir_drain_report report;
        assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
        assert_int_equal(s.exited, p.emitted);
        assert_int_equal(weir_runtime_stages(s.rig.runtime), 0);
        assert_int_equal(s.discarded, 0);
        pool_scene_close(&s);
    }
}

/* A permanent subscription's end stops the pool; what has not begun is counted. */
static void queued_events_go_back_or_are_discarded(void **state) {
    (void)state;
    for (int world = 0; pool_scene_world(&s, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 20};
        struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = 40, .next = 20};
        PLAYERS_START(&s.rig, &p, &q);
        pool_scene_pool(&s, NULL);
        weir_subscribe_options options = demand(20, 10, WEIR_PERMANENT);
        player_subscribe(&s.stage, &p, &options);
        options.cancel = WEIR_TEMPORARY;
        player_subscribe(&s.stage, &q, &options);
        while (weir_pool_children(s.pool, NULL, 0) + s.exited < 40) {
            assert_int_equal(weir_runtime_step(s.rig.runtime, 1), 1);
        }
        player_stop(&p, WEIR_REASON_USER);
        rig_rest(&s.rig);
        assert_int_equal(weir_runtime_stages(s.rig.runtime), 1);
        weir_accounts accounts = rig_accounts(&s.rig);
        assert_int_equal(accounts.handled + accounts.buffered + accounts.discarded, 40);
        assert_int_equal(accounts.discarded, s.discarded); /* p's */
        pool_scene_close(&s);
    }
}

static void children_started_too_late_are_told_of(void **state) {
    (void)state;
    assert_true(pool_scene_world(&s, 0));
    pool_scene_pool(&s, NULL);
    player_stop(&s.stage, WEIR_REASON_USER);
    pool_scene_start(&s, HAND);
    pool_scene_start(&s, HAND + 1);
    rig_rest(&s.rig);
    rig_expect(&s.rig, "exit 901 discarded\nexit 900 discarded\n");
    uint64_t number = HAND;
    assert_int_equal(weir_pool_start_child(s.pool, &number, NULL), WEIR_NO_STAGE);
    pool_scene_close(&s);
}

static void excess_is_logged_and_started_all_the_same(void **state) {
    (void)state;
    assert_true(pool_scene_world(&s, 0));
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 12};
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, NULL);
    weir_subscribe_options options = demand(5, 4, WEIR_TEMPORARY);
    weir_subscription subscription = player_subscribe(&s.stage, &p, &options);
    assert_int_equal(weir_ask(s.rig.runtime, subscription, 3), WEIR_OK);
    rig_rest(&s.rig);
    assert_int_equal(s.exited, 12);
    pool_scene_close(&s);
    rig_expect_log(&s.rig, "error: pool pool has received 3 events in excess of its max_demand\n"
                           "error: pool pool has received 2 events in excess of its max_demand\n");
}

/* ---- no memory ----------------------------------------------------------- */

/* The k-th allocation from here on fails, until none does. */
static void without_memory_it_does_not_open(void **state) {
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        if (threads > 0) {
            pool_scene_threads(&s, 1);
        } else {
            assert_true(pool_scene_world(&s, 0));
        }
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        player_start(&p, &s.rig, NULL);
        rig_rest(&s.rig);
        weir_subscribe_to from = {.producer = p.ref, .options.cancel = WEIR_TEMPORARY};
        weir_status status = WEIR_NO_MEMORY;
        for (uint64_t at = 1; status != WEIR_OK; at++) {
            uint64_t live = s.rig.memory.live;
            test_memory_fail(&s.rig.memory, at, false);
            status = pool_scene_try_pool(
                &s,
                &(weir_pool_options){.threads = 2, .subscribe_to = &from, .subscribe_count = 1});
            rig_rest(&s.rig);
            test_memory_fail_never(&s.rig.memory);
            assert_true(status == WEIR_OK ||
                        (status == WEIR_NO_MEMORY && s.rig.memory.live == live));
        }
        pool_scene_close(&s);
    }
}

static void without_memory_events_are_counted(void **state) {
    (void)state;
    for (uint64_t at = 1; at < 40; at++) {
        assert_true(pool_scene_world(&s, 1));
        s.quiet = true;
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 200, .quiet = true};
        player_start(&p, &s.rig, NULL);
        pool_scene_pool(&s, NULL);
        weir_subscribe_options options = demand(100, 10, WEIR_TEMPORARY);
        player_subscribe(&s.stage, &p, &options);
        test_memory_fail(&s.rig.memory, at, at % 2 == 0);
        rig_rest(&s.rig);
        uint64_t number = HAND;
        weir_status status = weir_pool_start_child(s.pool, &number, NULL);
        assert_true(status == WEIR_OK || status == WEIR_NO_MEMORY);
        rig_rest(&s.rig);
        test_memory_fail_never(&s.rig.memory);
        player_stop(&s.stage, WEIR_REASON_USER);
        rig_rest(&s.rig);
        pool_scene_close(&s); /* the accounts add up */
    }
}

static void events_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 40, 41, 5000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_true(pool_scene_world(&s, 0));
        const weir_pool_options options = {.event_bytes = sizes[i], .task = nothing};
        static unsigned char event[65536];
        assert_int_equal(weir_pool_open(s.rig.runtime, &options, &s.pool, NULL), WEIR_OK);
        for (int k = 0; k < 20; k++) {
            assert_int_equal(weir_pool_start_child(s.pool, event, NULL), WEIR_OK);
        }
        rig_rest(&s.rig);
        pool_scene_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(casts_are_dropped_with_a_word),
        cmocka_unit_test(events_of_another_size_are_refused),
        cmocka_unit_test(a_name_may_be_registered),
        cmocka_unit_test(tasks_may_start_and_end_children),
        cmocka_unit_test(callbacks_may_open_threads_and_do_not_wait),
        cmocka_unit_test(without_threads_tasks_run_on_the_worker),
        cmocka_unit_test(a_pool_finishes_when_its_children_have_ended),
        cmocka_unit_test(queued_events_go_back_or_are_discarded),
        cmocka_unit_test(children_started_too_late_are_told_of),
        cmocka_unit_test(excess_is_logged_and_started_all_the_same),
        cmocka_unit_test(without_memory_it_does_not_open),
        cmocka_unit_test(without_memory_events_are_counted),
        cmocka_unit_test(events_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
