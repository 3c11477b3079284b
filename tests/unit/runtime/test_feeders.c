/*
 * Feeders: whom a stage is told of, when, and how often.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a feeder that is named in its own init, or in one that its init begins, is waited for from
 * then on, and no longer when nothing comes of it; one that is named again is known; nobody but
 * its end takes it away.
 * Method: players in every world and on threads, whose inits let the others' mail be handled
 * before they go on; the memory that is live.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

enum { SECOND = 1000000000, AGAIN = 200 };

static struct rig rig;
static struct player target, witness; /* the second on the worker that the feeder comes to */

static unsigned other_worker(void) {
    return weir_runtime_workers(rig.runtime) > 1 ? WEIR_WORKER(1) : WEIR_WORKER(0);
}

static bool open_scene(int world) {
    if (!worlds_open_any(&rig, world)) return false;
    target = (struct player){.name = "target", .kind = WEIR_CONSUMER};
    witness = (struct player){.name = "witness", .kind = WEIR_CONSUMER};
    player_start(&target, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&witness, &rig, &(weir_stage_options){.worker = other_worker()});
    return true;
}

static void start(struct player *player) {
    player_start(player, &rig, &(weir_stage_options){.worker = other_worker()});
}

/* The mail of both workers is handled, and what that has brought about. */
static void let_them_work(void) {
    uint64_t answer;
    for (int i = 0; i < 3; i++) {
        RIG_CHECK(&rig, player_try_call(&target, 1, WEIR_FOREVER, &answer) == WEIR_OK);
        RIG_CHECK(&rig, player_try_call(&witness, 1, WEIR_FOREVER, &answer) == WEIR_OK);
    }
}

static void feeds(weir_ref feeder, weir_ref stage) {
    RIG_CHECK(&rig, weir_feeds(rig.runtime, feeder, stage) == WEIR_OK);
}

static weir_verdict feed_in_init(weir_stage *self, struct player *player) {
    feeds(weir_self(self), target.ref);
    let_them_work();
    return player->own == NULL ? WEIR_CONTINUE : WEIR_STOP;
}

static weir_verdict cast_last_word(weir_stage *self, struct player *player) {
    (void)self, (void)player;
    player_cast(&target, 0);
    return WEIR_CONTINUE;
}

static void drain(void) {
    assert_int_equal(weir_runtime_drain(rig.runtime, 100 * (uint64_t)SECOND, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_stages(rig.runtime), 0);
}

static void expect_calls(struct player *player, const char *rest) {
    for (char *line; (line = strstr(player->journal.text, "call 1\n")) != NULL;) {
        memmove(line, line + 7, strlen(line + 7) + 1);
        player->journal.used -= 7;
    }
    player_expect(player, rest);
}

static void a_feeder_named_in_its_init_is_waited_for(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        struct player feeder = {.name = "feeder",
                                .kind = WEIR_CONSUMER,
                                .does = {.init = feed_in_init, .end = cast_last_word}};
        weir_token token;
        start(&feeder);
        assert_int_equal(weir_busy(rig.runtime, feeder.ref, &token), WEIR_OK);
        assert_int_equal(weir_finish(rig.runtime, target.ref), WEIR_OK);
        uint64_t answer;
        for (int i = 0; i < 3; i++) { /* it has had its turns, and lives */
            assert_int_equal(player_try_call(&target, 1, WEIR_FOREVER, &answer), WEIR_OK);
        }
        assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
        drain();
        expect_calls(&target, "drain\ncast 0\nterminate normal\n");
        rig_close(&rig);
    }
}

/* Nothing comes of the feeder. */
static void an_init_that_fails_feeds_nobody(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        struct player feeder = {
            .name = "feeder", .kind = WEIR_CONSUMER, .does.init = feed_in_init, .own = &rig};
        assert_int_equal(player_try_start(&feeder, &rig, NULL), WEIR_INIT_STOPPED);
        drain();
        rig_close(&rig);
    }
}

static void one_that_stops_before_its_first_turn(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        struct player feeder = {.name = "feeder", .kind = WEIR_CONSUMER, .does.init = feed_in_init};
        start(&feeder);
        player_stop(&feeder, WEIR_REASON_USER);
        drain();
        rig_close(&rig);
    }
}

/* ---- an init within another's -------------------------------------------- */

static struct {
    int way;
    weir_stage *outer;
    weir_ref gone;
} nest;

/* What is asked here for the outer one waits for that one's start. */
static weir_verdict init_inner(weir_stage *self, struct player *player) {
    weir_ref outer = weir_self(nest.outer);
    (void)player;
    if (nest.way == 0) feeds(outer, weir_self(self));
    if (nest.way == 1) feeds(weir_self(self), outer);
    feeds(outer, target.ref);
    RIG_CHECK(&rig, weir_monitor_stage(nest.outer, nest.gone, NULL) == WEIR_OK);
    RIG_CHECK(&rig, weir_cast(rig.runtime, outer, &(uint64_t){0}, sizeof(uint64_t)) == WEIR_OK);
    if (nest.way == 2) RIG_CHECK(&rig, weir_finish(rig.runtime, outer) == WEIR_OK);
    let_them_work();
    return nest.way == 3 ? WEIR_STOP : WEIR_CONTINUE;
}

static weir_verdict init_outer(weir_stage *self, struct player *player) {
    nest.outer = self;
    weir_status status = player_try_start(player->own, &rig, NULL);
    RIG_CHECK(&rig, status == (nest.way == 3 ? WEIR_INIT_STOPPED : WEIR_OK));
    let_them_work();
    return WEIR_CONTINUE;
}

static void what_an_inner_init_asks_for_an_outer_stage(void **state) {
    (void)state;
    for (nest.way = 0; nest.way < 4; nest.way++) {
        for (int world = 0; open_scene(world); world++) {
            struct player gone = {.name = "gone", .kind = WEIR_CONSUMER};
            struct player inner = {.name = "inner", .kind = WEIR_CONSUMER, .does.init = init_inner};
            struct player outer = {.name = "outer",
                                   .kind = WEIR_CONSUMER,
                                   .own = &inner,
                                   .does = {.init = init_outer, .end = cast_last_word}};
            player_start(&gone, &rig, NULL);
            nest.gone = gone.ref;
            player_stop(&gone, WEIR_REASON_USER);
            rig_rest(&rig);
            start(&outer);
            rig_rest(&rig);
            drain();
            assert_non_null(strstr(outer.journal.text, "cast 0\n"));
            bool told = strstr(outer.journal.text, "gone gone noproc\n") != NULL;
            assert_true(told || nest.way == 2); /* which may have ended before */
            assert_non_null(strstr(target.journal.text, "cast 0\n"));
            rig_close(&rig);
        }
    }
}

/* ---- known --------------------------------------------------------------- */

static void one_that_is_named_again_is_known(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        weir_runtime_settle(rig.runtime, WEIR_FOREVER);
        feeds(witness.ref, target.ref);
        weir_runtime_settle(rig.runtime, WEIR_FOREVER);
        uint64_t live = rig.memory.live;
        for (int i = 0; i < AGAIN; i++) feeds(witness.ref, target.ref);
        weir_runtime_settle(rig.runtime, WEIR_FOREVER);
        assert_int_equal(rig.memory.live, live);
        weir_token token;
        assert_int_equal(weir_busy(rig.runtime, witness.ref, &token), WEIR_OK);
        assert_int_equal(weir_runtime_drain(rig.runtime, 1000, NULL), WEIR_TIMEOUT);
        player_cast(&target, 0); /* it waits still */
        assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
        drain();
        rig_close(&rig);
    }
}

static weir_verdict guess_ids(weir_stage *self, struct player *player, uint64_t number) {
    (void)player, (void)number;
    for (uint64_t id = 0; id <= 10; id++) {
        weir_monitor guess = {.stage = weir_self(self), .id = id};
        RIG_CHECK(&rig, weir_demonitor(self, guess) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void nobody_demonitors_it(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        target.does.cast = guess_ids;
        feeds(witness.ref, target.ref);
        rig_rest(&rig);
        player_cast(&target, 0);
        rig_rest(&rig);
        drain();
        rig_close(&rig);
    }
}

static weir_verdict watch_and_forget(weir_stage *self, struct player *player) {
    weir_monitor made;
    (void)player;
    RIG_CHECK(&rig, weir_monitor_stage(self, witness.ref, &made) == WEIR_OK);
    RIG_CHECK(&rig, weir_demonitor(self, made) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Its init has lost interest before it could watch: nothing lies at the watched for ever. */
static void a_watch_that_is_taken_back_in_init(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        static struct player watcher[20];
        uint64_t live = 0;
        for (int i = 0; i < 20; i++) {
            watcher[i] = (struct player){
                .name = "watcher", .kind = WEIR_CONSUMER, .does.init = watch_and_forget};
            player_start(&watcher[i], &rig, NULL);
            rig_rest(&rig);
            player_stop(&watcher[i], WEIR_REASON_USER);
            rig_rest(&rig);
            if (i == 9) live = rig.memory.live;
        }
        assert_int_equal(rig.memory.live, live);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feeder_named_in_its_init_is_waited_for),
        cmocka_unit_test(an_init_that_fails_feeds_nobody),
        cmocka_unit_test(one_that_stops_before_its_first_turn),
        cmocka_unit_test(what_an_inner_init_asks_for_an_outer_stage),
        cmocka_unit_test(one_that_is_named_again_is_known),
        cmocka_unit_test(nobody_demonitors_it),
        cmocka_unit_test(a_watch_that_is_taken_back_in_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
