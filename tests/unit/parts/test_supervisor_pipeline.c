/*
 * A supervised pipeline survives the death of each of its stages in turn.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: source -> work -> sink, all under one supervisor; whichever of them is
 * killed, and whenever, everything goes on; each event is handled once, or it was
 * held by the one that died, and is discarded and counted; what came back to a
 * producer is served again; a drain at the end finds nothing left.
 * Method: the source numbers its events outside of its state, so a restarted one
 * goes on; the sink marks each number.  Stepped and simulated runtimes are stopped
 * after every so many turns for a kill; with threads, stages are killed as they run.
 */
#include "support/crew.h"
#include "support/worlds.h"

#include "base/rng.h"

#include <string.h>

enum { EVENTS = 20000, KILLS = 30 };

static struct crew crew;
static unsigned char seen[EVENTS];

static weir_verdict mark(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] < EVENTS);
        seen[numbers[i] % EVENTS]++;
    }
    return WEIR_CONTINUE;
}

static void add_pipeline(bool by_number) {
    memset(seen, 0, sizeof seen);
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = EVENTS;
    crew_add(&crew, "work", WEIR_PRODUCER_CONSUMER, "source");
    crew_add(&crew, "sink", WEIR_CONSUMER, "work")->does.events = mark;
    for (size_t i = 0; i < crew.count; i++) {
        crew.players[i].quiet = true;
        if (by_number && i > 0) {
            crew.from[i].name = NULL;
            crew.from[i].producer = WEIR_SIBLING(i - 1);
        }
    }
}

/* Everything was emitted once, and is at the sink or was discarded. */
static void check_all(uint64_t discarded) {
    uint64_t marked = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        assert_true(seen[i] <= 1);
        marked += seen[i];
    }
    assert_int_equal(crew.players[0].next, EVENTS);
    assert_int_equal(marked + discarded, EVENTS);
    assert_int_equal(marked, crew.players[2].handled);
}

static void drain_and_check(void) {
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(crew.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(report.stages, 0);
    check_all(report.accounts.discarded);
    rig_close(&crew.rig);
}

/* Kills a stage, unless it is dead just now. */
static void kill(size_t player) {
    weir_status status = weir_stop(crew.rig.runtime, crew.players[player].ref, WEIR_REASON_USER);
    assert_true(status == WEIR_OK || status == WEIR_NO_STAGE);
    crew.rig.log.used = 0;
}

static void each_is_killed_in_turn(weir_strategy strategy, bool by_number) {
    for (int world = 0; rig_open_world(&crew.rig, world); world++) {
        add_pipeline(by_number);
        crew_start(&crew,
                   &(weir_supervisor_options){.strategy = strategy, .max_restarts = WEIR_INFINITY});
        size_t turn = 0;
        for (; weir_runtime_step(crew.rig.runtime, 1 + turn % 13) > 0; turn++) {
            if (turn % 3 == 0) kill(turn / 3 % 3);
        }
        assert_true(turn > 50);
        drain_and_check();
    }
}

static void one_for_one(void **state) {
    (void)state;
    each_is_killed_in_turn(WEIR_ONE_FOR_ONE, false);
}

static void siblings_by_number(void **state) {
    (void)state;
    each_is_killed_in_turn(WEIR_ONE_FOR_ONE, true);
}

static void rest_for_one(void **state) {
    (void)state;
    each_is_killed_in_turn(WEIR_REST_FOR_ONE, false);
}

static void one_for_all(void **state) {
    (void)state;
    each_is_killed_in_turn(WEIR_ONE_FOR_ALL, true);
}

/* Consumers that die of their producers' deaths are started again too. */
static void permanent_subscriptions(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&crew.rig, world); world++) {
        add_pipeline(world % 2 == 0);
        for (size_t i = 0; i < crew.count; i++) crew.from[i].options.cancel = WEIR_PERMANENT;
        /* only the kills count, and a microsecond is long enough for the others */
        crew_start(&crew, &(weir_supervisor_options){.max_restarts = KILLS, .retry_ns = 1000});
        for (size_t turn = 0; turn < KILLS; turn++) {
            weir_runtime_step(crew.rig.runtime, 100);
            kill(turn % 3);
        }
        while (crew.players[0].next < EVENTS) weir_runtime_run(crew.rig.runtime, 1000000);
        drain_and_check();
    }
}

/* Nothing is lost that a dying stage had not begun: it is served again. */
static void what_came_back_is_served_again(void) {
    add_pipeline(false);
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = WEIR_INFINITY});
    while (weir_runtime_step(crew.rig.runtime, 60) == 60) {
        kill(2);
    }
    assert_int_equal(rig_accounts(&crew.rig).discarded, 0);
    drain_and_check();
}

/* ---- with threads ------------------------------------------------------------------------ */

static void kill_child(uint32_t number) {
    weir_ref ref;
    weir_status status =
        weir_supervisor_child(crew.rig.runtime, crew.supervisor, number, WEIR_FOREVER, &ref);
    assert_true(status == WEIR_OK || status == WEIR_NO_STAGE);
    if (status == WEIR_OK) {
        status = weir_stop_wait(crew.rig.runtime, ref, WEIR_REASON_USER, WEIR_FOREVER);
        assert_true(status == WEIR_OK || status == WEIR_NO_STAGE);
    }
}

static weir_verdict keep_reference_to_yourself(weir_stage *self, struct player *player) {
    (void)self;
    (void)player;
    return WEIR_CONTINUE;
}

static void threads(void **state) {
    (void)state;
    for (unsigned round = 0; round < 6; round++) {
        rig_open(&crew.rig, &(weir_runtime_options){.workers = 1 + round % 3, .unpinned = true});
        add_pipeline(round % 2 == 0);
        for (size_t i = 0; i < crew.count; i++) {
            crew.players[i].does.init = keep_reference_to_yourself;
        }
        crew_start(&crew, &(weir_supervisor_options){.strategy = (weir_strategy)(round / 2),
                                                     .max_restarts = WEIR_INFINITY});
        for (uint32_t kill = 0; kill < 30; kill++) kill_child(kill % 3);
        assert_int_equal(weir_runtime_settle(crew.rig.runtime, WEIR_FOREVER), WEIR_OK);
        drain_and_check();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_for_one),
        cmocka_unit_test(siblings_by_number),
        cmocka_unit_test(rest_for_one),
        cmocka_unit_test(one_for_all),
        cmocka_unit_test(permanent_subscriptions),
        TEST_IN_WORLDS_OF(&crew.rig, what_came_back_is_served_again),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
