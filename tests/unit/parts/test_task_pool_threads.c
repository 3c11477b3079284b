/*
 * Behaviours of GenStage's ConsumerSupervisor whose tasks run beside each other.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: never more children than max_demand; what finishes frees its slot; what
 * runs is asked to stop and waited for, for as long as was agreed; children
 * outlive their producer.  Each test is named after a behaviour.
 * Method: tasks that wait at a gate, on threads of the pool; the tests wait for
 * what must happen, and read at the end what must not have.
 */
#include "support/cmocka.h"
#include "support/pool_scene.h"

#include "parts/task_pool.h"

static struct pool_scene s;

enum { HAND = POOL_SCENE_BY_HAND };

static weir_subscription subscribe(const struct player *producer, size_t max, size_t min) {
    return player_subscribe(
        &s.stage, producer,
        &(weir_subscribe_options){.max_demand = max, .min_demand = min, .cancel = WEIR_TEMPORARY});
}

static void settle(void) {
    assert_int_equal(weir_runtime_settle(s.rig.runtime, WEIR_FOREVER), WEIR_OK);
}

/* ---- max_demand, min_demand ---------------------------------------------- */

static void start_child_limited_by_max_demand(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        pool_scene_threads(&s, workers);
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 20};
        for (int i = 0; i < 20; i++) s.does[i] = "w";
        player_start(&p, &s.rig, NULL);
        pool_scene_pool(&s, &(weir_pool_options){.threads = 8});
        subscribe(&p, 5, WEIR_NONE);
        pool_scene_wait_begun(&s, 5); /* all that were asked for; there are threads for more */
        assert_int_equal(weir_runtime_settle(s.rig.runtime, 1000), WEIR_TIMEOUT);
        pool_scene_expect(&s, 0, 5, 0);
        assert_int_equal(rig_accounts(&s.rig).in_flight, 5);
        pool_scene_open_gate(&s);
        pool_scene_wait_exited(&s, 20);
        settle();
        assert_int_equal(rig_accounts(&s.rig).handled, 20);
        pool_scene_expect(&s, 0, 0, 0);
        pool_scene_close(&s);
    }
}

/* Failures to start free their slots at once. */
static void what_does_not_start_frees_its_slot(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 12};
    s.with_start = true;
    for (int i = 0; i < 10; i++) s.starts[i] = i % 2 == 0 ? "i" : "e";
    for (int i = 10; i < 12; i++) s.does[i] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 4});
    subscribe(&p, 2, WEIR_NONE);
    pool_scene_wait_begun(&s, 2);
    pool_scene_open_gate(&s);
    settle();
    assert_int_equal(s.exited, 2);
    pool_scene_close(&s);
}

/* Completions that the stage sees at once may be asked for at once: only multiples of two. */
static weir_verdict only_even(weir_stage *self, struct player *player, uint64_t demand) {
    RIG_CHECK(player->rig, demand == 3 || (demand > 0 && demand % 2 == 0));
    uint64_t left = player->limit - player->next;
    player_emit(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

static void demand_is_not_asked_before_min_demand_have_finished(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .limit = 6, .quiet = true, .does.demand = only_even};
    for (int i = 1; i < 6; i++) s.does[i] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 6});
    subscribe(&p, 3, 2);
    pool_scene_wait_exited(&s, 1); /* 0 is done; 1 and 2 run */
    pool_scene_wait_begun(&s, 3);
    pool_scene_expect(&s, 0, 2, 0);
    pool_scene_open_gate(&s);
    settle();
    assert_int_equal(s.exited, 6);
    pool_scene_close(&s);
}

static void children_remain_after_producer_down(void **state) {
    (void)state;
    pool_scene_threads(&s, 2);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = 6, .next = 3};
    for (int i = 0; i < 6; i++) s.does[i] = "w";
    PLAYERS_START(&s.rig, &p, &q);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 8});
    subscribe(&p, 3, WEIR_NONE);
    pool_scene_wait_begun(&s, 3);
    player_stop(&p, WEIR_REASON_USER);
    while (weir_runtime_stages(s.rig.runtime) > 2) pool_scene_wait_begun(&s, 3);
    subscribe(&q, 3, WEIR_NONE);
    pool_scene_wait_begun(&s, 6);
    pool_scene_expect(&s, 0, 6, 0);
    pool_scene_open_gate(&s);
    settle();
    assert_int_equal(rig_accounts(&s.rig).handled, 6);
    assert_int_equal(weir_runtime_stages(s.rig.runtime), 2);
    pool_scene_close(&s);
}

/* ---- the end ------------------------------------------------------------- */

static void terminates_child_that_runs(void **state) {
    (void)state;
    static const char *const does[] = {"e", "g"};
    for (int i = 0; i < 2; i++) {
        pool_scene_threads(&s, 1);
        s.does[HAND] = does[i];
        pool_scene_pool(&s, &(weir_pool_options){.threads = 1, .restart = WEIR_CHILD_TRANSIENT});
        weir_child child = pool_scene_start(&s, HAND);
        pool_scene_wait_begun(&s, 1);
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_OK);
        settle();
        assert_int_equal(weir_pool_end_child(s.pool, child), WEIR_NO_CHILD);
        rig_expect(&s.rig, "run 900\nexit 900 ended\n"); /* and not begun again */
        pool_scene_close(&s);
    }
}

static void terminates_child_that_has_not_begun(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    s.does[0] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 1});
    subscribe(&p, 2, WEIR_NONE);
    pool_scene_wait_begun(&s, 1);
    weir_child_info list[2];
    assert_int_equal(weir_pool_children(s.pool, list, 2), 2);
    weir_child_info *queued = list[0].state == WEIR_CHILD_QUEUED ? &list[0] : &list[1];
    assert_int_equal(queued->state, WEIR_CHILD_QUEUED);
    assert_int_equal(queued->producer.bits, p.ref.bits);
    assert_int_equal(weir_pool_end_child(s.pool, queued->child), WEIR_OK);
    pool_scene_wait_exited(&s, 1); /* its slot is free, though the thread is busy */
    while (weir_pool_children(s.pool, list, 2) < 2) continue;
    pool_scene_open_gate(&s);
    settle();
    assert_int_equal(s.runs[1], 0);
    assert_int_equal(s.runs[2], 1);
    assert_int_equal(s.discarded, 1);
    assert_int_equal(pool_scene_close(&s).discarded, 1);
}

/* GenStage's brutal_kill: threads cannot be killed, so they are not waited for. */
static void shutdown_does_not_wait_when_so_asked(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    s.does[HAND] = "w";
    pool_scene_pool(&s, &(weir_pool_options){.threads = 2, .shutdown_ns = 1});
    pool_scene_start(&s, HAND);
    pool_scene_wait_begun(&s, 1);
    size_t running = 0;
    weir_status status;
    do { /* the stage may need longer to stop than that */
        status = weir_pool_close(s.pool, &running);
        assert_int_equal(status, WEIR_TIMEOUT);
    } while (weir_runtime_stages(s.rig.runtime) > 0);
    assert_int_equal(running, 1);
    weir_child_info info;
    assert_int_equal(weir_pool_children(s.pool, &info, 1), 1);
    pool_scene_open_gate(&s);
    pool_scene_wait_exited(&s, 1);
    while ((status = weir_pool_close(s.pool, &running)) == WEIR_TIMEOUT) continue;
    assert_int_equal(status, WEIR_OK);
    s.pool = NULL;
    rig_expect(&s.rig, "run 900\nexit 900 ended\n");
    pool_scene_close(&s);
}

/* Whoever polls weir_task_ending ends in time; how it ended is kept. */
static void shutdown_asks_and_waits(void **state) {
    (void)state;
    static const uint64_t shutdowns[] = {0, WEIR_FOREVER};
    for (int i = 0; i < 2; i++) {
        pool_scene_threads(&s, 1);
        s.does[HAND] = "e";
        s.does[HAND + 1] = "g";
        pool_scene_pool(&s, &(weir_pool_options){.threads = 2,
                                                 .restart = WEIR_CHILD_TRANSIENT,
                                                 .shutdown_ns = shutdowns[i]});
        pool_scene_start(&s, HAND);
        pool_scene_start(&s, HAND + 1);
        pool_scene_wait_begun(&s, 2);
        pool_scene_close(&s);
        assert_int_equal(s.exited, 2);
    }
}

/* The stage's own end: its running children end, and are counted, all the same. */
static void running_children_outlive_the_stage(void **state) {
    (void)state;
    pool_scene_threads(&s, 2);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 6};
    for (int i = 0; i < 6; i++) s.does[i] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 2});
    subscribe(&p, 6, WEIR_NONE);
    pool_scene_wait_begun(&s, 2);
    player_stop(&s.stage, WEIR_REASON_USER);
    pool_scene_wait_exited(&s, 4); /* those that were queued go back */
    pool_scene_open_gate(&s);
    settle();
    weir_accounts accounts = rig_accounts(&s.rig);
    assert_int_equal(accounts.handled, 2);
    assert_int_equal(accounts.buffered, 4);
    assert_int_equal(s.exited, 6);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &s.rig, NULL);
    player_subscribe(&c, &p, NULL);
    settle();
    player_expect(&c, "subscribe p\nevents 2..5\n"); /* in order */
    pool_scene_close(&s);
}

static void what_no_producer_can_take_back_is_discarded(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 6};
    for (int i = 0; i < 6; i++) s.does[i] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 1});
    subscribe(&p, 6, WEIR_NONE);
    pool_scene_wait_begun(&s, 1);
    player_stop(&p, WEIR_REASON_NORMAL);
    while (weir_runtime_stages(s.rig.runtime) > 1) pool_scene_wait_begun(&s, 1);
    pool_scene_start(&s, HAND);
    weir_child_info list[8];
    while (weir_pool_children(s.pool, list, 8) < 7) continue;
    player_stop(&s.stage, WEIR_REASON_SHUTDOWN);
    pool_scene_wait_exited(&s, 6);
    pool_scene_open_gate(&s);
    settle();
    assert_int_equal(s.discarded, 5);
    assert_int_equal(pool_scene_close(&s).discarded, 5);
}

/* ---- many ---------------------------------------------------------------- */

/* A deadline passes while a task runs: draining names the pool. */
static void draining_names_the_pool_that_holds_it_up(void **state) {
    (void)state;
    pool_scene_threads(&s, 1);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1};
    s.does[0] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 1});
    subscribe(&p, 5, 2);
    pool_scene_wait_begun(&s, 1);
    weir_drain_report report;
    do { /* until the producer has stopped */
        assert_int_equal(weir_runtime_drain(s.rig.runtime, 1000000, &report), WEIR_TIMEOUT);
    } while (report.stages > 1);
    assert_int_equal(weir_runtime_drain(s.rig.runtime, 1000000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.stage.bits, s.stage.ref.bits);
    assert_string_equal(report.name, "pool");
    pool_scene_open_gate(&s);
    assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(s.exited, 1);
    pool_scene_close(&s);
}

static void threads_may_outnumber_cores(void **state) {
    (void)state;
    pool_scene_threads(&s, 2);
    s.quiet = true;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 900, .quiet = true};
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 64});
    assert_int_equal(weir_pool_threads(s.pool), 64);
    subscribe(&p, 100, 10);
    pool_scene_wait_exited(&s, 900);
    settle();
    for (int i = 0; i < 900; i++) assert_int_equal(s.runs[i], 1);
    pool_scene_close(&s);
}

/* More children than the ring holds wait behind it, and each is begun. */
static void more_children_than_the_ring_has_entries(void **state) {
    (void)state;
    uint32_t usual = weir__task_ring_entries;
    weir__task_ring_entries = 4;
    weir__task_ring_start = UINT32_MAX - 100; /* its indices wrap meanwhile */
    pool_scene_threads(&s, 1);
    s.quiet = true;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 500, .quiet = true};
    for (int i = 0; i < 500; i++) s.does[i] = "w";
    player_start(&p, &s.rig, NULL);
    pool_scene_pool(&s, &(weir_pool_options){.threads = 2});
    subscribe(&p, 500, 100);
    pool_scene_wait_begun(&s, 2);
    pool_scene_expect(&s, 498, 2, 0);
    pool_scene_open_gate(&s);
    settle();
    for (int i = 0; i < 500; i++) assert_int_equal(s.runs[i], 1);
    pool_scene_close(&s);
    weir__task_ring_entries = usual;
    weir__task_ring_start = 0;
}

/* The runtime is closed before its pool. */
static void a_close_names_the_pool_whose_tasks_it_waits_for(void **state) {
    (void)state;
    pool_scene_of(&s, &(weir_runtime_options){.workers = 1, .close_ns = 1000000});
    s.does[HAND] = "w";
    pool_scene_pool(&s, &(weir_pool_options){.name = "resizer", .threads = 1});
    pool_scene_start(&s, HAND);
    pool_scene_wait_begun(&s, 1);
    assert_int_equal(weir_runtime_close(s.rig.runtime, NULL), WEIR_TIMEOUT);
    rig_expect_log(&s.rig,
                   "warning: weir_runtime_close waits for tasks of pool resizer (1) to return\n"
                   "warning: weir_runtime_close waits for 0 stages, and for tasks\n");
    pool_scene_open_gate(&s);
    pool_scene_wait_exited(&s, 1);
    pool_scene_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_child_limited_by_max_demand),
        cmocka_unit_test(what_does_not_start_frees_its_slot),
        cmocka_unit_test(demand_is_not_asked_before_min_demand_have_finished),
        cmocka_unit_test(children_remain_after_producer_down),
        cmocka_unit_test(terminates_child_that_runs),
        cmocka_unit_test(terminates_child_that_has_not_begun),
        cmocka_unit_test(shutdown_does_not_wait_when_so_asked),
        cmocka_unit_test(shutdown_asks_and_waits),
        cmocka_unit_test(running_children_outlive_the_stage),
        cmocka_unit_test(what_no_producer_can_take_back_is_discarded),
        cmocka_unit_test(draining_names_the_pool_that_holds_it_up),
        cmocka_unit_test(a_close_names_the_pool_whose_tasks_it_waits_for),
        cmocka_unit_test(threads_may_outnumber_cores),
        cmocka_unit_test(more_children_than_the_ring_has_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
