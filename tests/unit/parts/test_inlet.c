/*
 * The inlet: what is pushed comes out, in order of each pusher, or is counted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what waits is bounded also where the oldest is dropped; many may push at once; the
 * handle may outlive the stage and the stage the handle; every event pushed is handled, or
 * discarded and told.  (What holds for ports as well: test_push.c)
 * Method: stepped runtimes for what is certain, pushing threads for the rest; rig_close
 * compares the accounts with what was accepted.
 */
#include "support/inlet_scene.h"
#include "support/worlds.h"

#include "base/atomic.h"
#include "os/thread.h"

#include <stdlib.h>
#include <string.h>

static struct inlet_scene f;

/* ---- events come out ----------------------------------------------------- */

static void events_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 40, 41, 5000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        weir_inlet *inlet;
        weir_ref ref;
        const weir_inlet_options options = {.event_bytes = sizes[i], .capacity = 4};
        assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &ref), WEIR_OK);
        unsigned char *events = malloc(4 * sizes[i]);
        assert_non_null(events);
        memset(events, 7, 4 * sizes[i]);
        assert_int_equal(weir_inlet_push(inlet, events, 4, 0), WEIR_OK);
        free(events);
        weir_inlet_close(inlet);
        rig.emitted = 4;
        rig_close(&rig);
        rig_expect_log(&rig, "warning: inlet inlet has discarded 4 events\n");
    }
}

/* ---- without room -------------------------------------------------------- */

static void drop_oldest_keeps_the_newest(void) {
    inlet_scene_open(&f, WEIR_DROP_OLDEST);
    assert_int_equal(inlet_scene_push(&f, 8), WEIR_OK);
    assert_int_equal(inlet_scene_push(&f, 5), WEIR_DROPPED); /* of the oldest, three */
    rig_rest(&f.rig);
    assert_int_equal(weir_inlet_waiting(f.inlet), 10);
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 3);
    assert_int_equal(inlet_scene_push(&f, 10), WEIR_DROPPED);
    rig_rest(&f.rig);
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 13);
    inlet_scene_ask(&f, 20);
    player_expect(&f.c, "events 13..22\n");
    inlet_scene_close(&f);
}

/* Before the worker has dropped the oldest, no more than twice the capacity waits. */
static void drop_oldest_is_bounded_too(void) {
    inlet_scene_open(&f, WEIR_DROP_OLDEST);
    for (int i = 0; i < 100; i++) {
        weir_status status = inlet_scene_push(&f, 1);
        assert_int_equal(status, i < 10 ? WEIR_OK : WEIR_DROPPED);
        assert_true(weir_inlet_waiting(f.inlet) <= 20);
    }
    rig_rest(&f.rig);
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 90);
    inlet_scene_ask(&f, 20);
    player_expect(&f.c, "events 10..19\n");
    inlet_scene_close(&f);
}

/* ---- many at once -------------------------------------------------------- */

enum { PUSHERS = 3 };

struct origins {
    uint64_t next[PUSHERS];
    uint64_t seen[PUSHERS];
};

/* Each pusher's numbers rise; without drops none is missing. */
static weir_verdict sort_out(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    struct origins *origins = player->own;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t from = numbers[i] >> 32;
        uint64_t number = numbers[i] & 0xffffffff;
        RIG_CHECK(player->rig, from < PUSHERS && number >= origins->next[from]);
        origins->next[from] = number + 1;
        origins->seen[from]++;
    }
    return WEIR_CONTINUE;
}

static void push_from_threads(weir_when_full when_full, size_t capacity) {
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    struct origins origins;
    memset(&origins, 0, sizeof origins);
    uint64_t told[8] = {0};
    const weir_inlet_options options = {.event_bytes = 8,
                                        .capacity = capacity,
                                        .when_full = when_full,
                                        .discarded = inlet_scene_count_discards,
                                        .context = told};
    weir_inlet *inlet;
    struct player in = {.name = "in", .rig = &rig};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &in.ref), WEIR_OK);
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .quiet = true,
                       .own = &origins,
                       .does.events = sort_out};
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &in, &(weir_subscribe_options){.max_demand = 50});
    struct inlet_pusher pushers[PUSHERS];
    for (uint64_t i = 0; i < PUSHERS; i++) {
        inlet_pusher_start(&pushers[i],
                           (struct inlet_pusher){.inlet = inlet, .first = i << 32, .most = 3000});
    }
    for (int i = 0; i < PUSHERS; i++) weir__thread_join(&pushers[i].thread);
    weir_inlet_close(inlet); /* what waits goes out first, then the consumer sees it end */
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    uint64_t seen = 0;
    for (int i = 0; i < PUSHERS; i++) {
        assert_true(pushers[i].last == WEIR_OK || pushers[i].last == WEIR_DROPPED);
        rig.emitted += pushers[i].accepted;
        seen += origins.seen[i];
        bool drops = when_full >= WEIR_DROP_NEWEST;
        if (!drops) assert_int_equal(origins.seen[i], pushers[i].accepted);
    }
    assert_int_equal(seen + told[WEIR_DISCARD_OVERFLOW], rig.emitted);
    rig_close(&rig);
}

static void many_threads_push_at_once(void **state) {
    (void)state;
    static const size_t capacities[] = {3, 64, 100000};
    for (int when_full = WEIR_REFUSE; when_full <= WEIR_DROP_OLDEST; when_full++) {
        for (int i = 0; i < 3; i++) push_from_threads((weir_when_full)when_full, capacities[i]);
    }
}

/* ---- the end ------------------------------------------------------------- */

static void an_empty_inlet_finishes_at_once(void) {
    inlet_scene_open(&f, WEIR_REFUSE);
    weir_inlet_finish(f.inlet);
    rig_rest(&f.rig);
    player_expect(&f.c, "down in normal\n");
    inlet_scene_close(&f);
}

/* The handle given back: the stage goes on with what waits. */
static void the_stage_outlives_the_handle(void) {
    inlet_scene_open(&f, WEIR_REFUSE);
    assert_int_equal(inlet_scene_push(&f, 7), WEIR_OK);
    weir_inlet_close(f.inlet);
    rig_rest(&f.rig);
    inlet_scene_ask(&f, 100);
    player_expect(&f.c, "events 0..6\ndown in normal\n");
    rig_close(&f.rig);
}

/* By the other policies: test_push.c. */
static void the_handle_outlives_a_stage_that_drops_the_oldest(void) {
    inlet_scene_open(&f, WEIR_DROP_OLDEST);
    assert_int_equal(inlet_scene_push(&f, 7), WEIR_OK);
    player_stop(&f.in, WEIR_REASON_USER);
    rig_rest(&f.rig);
    player_expect(&f.c, "down in user\n");
    assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 7);
    assert_int_equal(inlet_scene_push(&f, 1), WEIR_NO_STAGE);
    assert_int_equal(inlet_scene_push(&f, 9), WEIR_NO_STAGE);
    assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
    rig_rest(&f.rig);
    inlet_scene_close(&f);
}

/* Pushed when the stage has been told to stop and has not yet: told and counted. */
static void what_is_pushed_at_the_last_moment_is_counted(void **state) {
    (void)state;
    for (uint64_t steps = 0; steps < 4; steps++) {
        for (int world = 0; rig_open_world(&f.rig, world); world++) {
            inlet_scene_open(&f, WEIR_DROP_NEWEST);
            assert_int_equal(inlet_scene_push(&f, 3), WEIR_OK);
            player_stop(&f.in, WEIR_REASON_USER);
            weir_runtime_step(f.rig.runtime, steps);
            for (int i = 0; i < 5; i++) inlet_scene_push(&f, 4);
            rig_rest(&f.rig);
            const uint64_t *told = f.told;
            assert_int_equal(told[WEIR_DISCARD_STOPPED] + told[WEIR_DISCARD_OVERFLOW],
                             f.in.emitted);
            inlet_scene_close(&f);
        }
    }
}

/* Threads push while the stage is stopped: nothing is lost sight of. */
static void stopping_amid_pushes_counts_everything(void **state) {
    (void)state;
    for (int round = 0; round < 30; round++) {
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1});
        inlet_scene_open(&f, round % 2 ? WEIR_DROP_OLDEST : WEIR_BLOCK);
        struct inlet_pusher pushers[PUSHERS];
        for (uint64_t i = 0; i < PUSHERS; i++) {
            inlet_pusher_start(
                &pushers[i],
                (struct inlet_pusher){.inlet = f.inlet, .first = i << 32, .most = UINT64_MAX});
        }
        weir_ask(f.rig.runtime, f.subscription, 100);
        while (weir_inlet_waiting(f.inlet) == 0) weir__cpu_relax();
        player_stop(&f.in, WEIR_REASON_NORMAL);
        uint64_t accepted = 0;
        for (int i = 0; i < PUSHERS; i++) {
            weir__thread_join(&pushers[i].thread);
            assert_int_equal(pushers[i].last, WEIR_NO_STAGE);
            accepted += pushers[i].accepted;
        }
        rig_rest(&f.rig);
        f.rig.emitted += accepted;
        uint64_t told = f.told[WEIR_DISCARD_STOPPED] + f.told[WEIR_DISCARD_OVERFLOW];
        assert_int_equal(f.c.handled + told, accepted);
        inlet_scene_close(&f);
    }
}

/* ---- refusals ------------------------------------------------------------ */

/* It is poked, not cast. */
static void a_cast_to_it_is_logged(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    inlet_scene_open(&f, WEIR_DROP_OLDEST);
    assert_int_equal(weir_cast(f.rig.runtime, f.in.ref, "hello", 5), WEIR_OK);
    assert_int_equal(weir_cast(f.rig.runtime, f.in.ref, NULL, 0), WEIR_OK);
    rig_rest(&f.rig);
    rig_expect_log(&f.rig,
                   "warning: stage in has no handle_cast: a message of 5 bytes was dropped\n"
                   "warning: stage in has no handle_cast: a message of 0 bytes was dropped\n");
    inlet_scene_close(&f);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_any_size),
        IN_WORLDS(drop_oldest_keeps_the_newest),
        IN_WORLDS(drop_oldest_is_bounded_too),
        cmocka_unit_test(many_threads_push_at_once),
        IN_WORLDS(an_empty_inlet_finishes_at_once),
        IN_WORLDS(the_stage_outlives_the_handle),
        IN_WORLDS(the_handle_outlives_a_stage_that_drops_the_oldest),
        cmocka_unit_test(what_is_pushed_at_the_last_moment_is_counted),
        cmocka_unit_test(stopping_amid_pushes_counts_everything),
        cmocka_unit_test(a_cast_to_it_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
