/*
 * Takers that come and leave.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a taker leaves goes to the others, to the buffer, or to who comes next, and
 * to nobody twice; what waits suits who comes.
 * Method: players in all kinds of stepped runtimes; takers are stopped, cancel, or come, after
 * every number of turns.
 */
#include "support/player.h"
#include "support/taker_scene.h"
#include "support/worlds.h"

#include <string.h>

static void what_the_last_leaves_waits_for_the_next(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&p, rig, taker_scene_sharing());
    PLAYERS_START(rig, &a, &b);
    weir_subscription to_a = taker_scene_subscribe(&a, &p, 10, 5);
    weir_ask(rig->runtime, to_a, 3);
    player_cast(&p, 20);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..2\n");
    weir_cancel(rig->runtime, to_a, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).buffered, 17);
    taker_scene_subscribe(&b, &p, 100, 50);
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 3..19\n");
    rig_close(rig);
}

/* Takers are stopped, or cancel, after every number of turns: another has the rest. */
static void who_leaves_at_any_time_loses_nothing(void **state) {
    (void)state;
    struct rig rig;
    for (int how = 0; how < 2; how++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            for (uint64_t steps = 0; steps < 40; steps++) {
                struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 400};
                struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
                struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
                player_start(&p, &rig, taker_scene_sharing());
                PLAYERS_START(&rig, &a, &b);
                weir_subscription to_a = taker_scene_subscribe(&a, &p, 40, 20);
                taker_scene_subscribe(&b, &p, 6, 2);
                weir_runtime_step(rig.runtime, steps);
                if (how == 0) {
                    player_stop(&a, WEIR_REASON_USER);
                } else {
                    weir_cancel(rig.runtime, to_a, WEIR_REASON_NORMAL);
                }
                rig_rest(&rig);
                assert_int_equal(a.handled + b.handled, 400);
                assert_int_equal(a.sum + b.sum, 400 * 399 / 2);
                assert_int_equal(rig_accounts(&rig).discarded, 0);
                rig_close(&rig);
                assert_true(rig_open_world(&rig, world));
            }
            rig_close(&rig);
        }
    }
}

/* One asks for ten, and another comes that takes no more than two at once. */
static void what_waits_is_cut_anew_for_a_smaller_taker(void **state) {
    (void)state;
    static size_t two = 2;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (uint64_t steps = 0; steps < 30; steps++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 300};
            struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
            struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true, .own = &two};
            b.does.events = taker_scene_check_size;
            player_start(&p, &rig, taker_scene_sharing());
            PLAYERS_START(&rig, &a, &b);
            taker_scene_subscribe(&a, &p, 50, 25);
            weir_runtime_step(rig.runtime, steps);
            taker_scene_subscribe(&b, &p, 2, 0);
            rig_rest(&rig);
            assert_int_equal(a.handled + b.handled, 300);
            assert_string_equal(rig.log.text, ""); /* nothing in excess of any demand */
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
}

/*
 * Two that stand still have asked for all that waits, more than the ring holds; the one who
 * leaves takes nothing from the other, and what it had asked for is buffered.
 */
static void what_a_leaver_asked_for_is_buffered(void **state) {
    (void)state;
    const weir_shared_dispatcher_options small = {.entries = 2};
    const weir_stage_options options = {.dispatcher = weir_shared_dispatcher(),
                                        .dispatcher_options = &small};
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player r = {.name = "r", .kind = WEIR_PRODUCER_CONSUMER};
        struct player s = {.name = "s", .kind = WEIR_PRODUCER_CONSUMER};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&p, &rig, &options);
        PLAYERS_START(&rig, &r, &s, &a);
        taker_scene_subscribe(&r, &p, 11, 10);
        taker_scene_subscribe(&s, &p, 3, 2);
        rig_rest(&rig);
        player_cast(&p, 14);
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).in_flight, 14);
        player_stop(&r, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).in_flight, 3);
        assert_int_equal(rig_accounts(&rig).buffered, 11);
        taker_scene_subscribe(&a, &p, 100, 50);
        rig_rest(&rig);
        assert_int_equal(a.handled, 13);
        rig_close(&rig);
    }
}

/* Uses up what it is asked for. */
static weir_verdict emit_one(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)peer;
    uint64_t number = 0;
    RIG_CHECK(player->rig, weir_emit(self, &number, 1) == WEIR_OK);
    player->rig->emitted++;
    return WEIR_CONTINUE;
}

/*
 * It stands still, and one of its subscriptions, of which more waits, ends; it is over and
 * forgotten when the stage, with a third one's events behind that, is free again.
 */
static void a_subscription_that_was_held_back_may_end(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER};
    struct player r = {.name = "r", .kind = WEIR_PRODUCER_CONSUMER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    r.does.cancel = emit_one;
    player_start(&p, rig, taker_scene_sharing());
    player_start(&q, rig, taker_scene_sharing());
    PLAYERS_START(rig, &t, &r, &a);
    taker_scene_subscribe(&r, &p, 11, 10);
    weir_subscription to_q = taker_scene_subscribe(&r, &q, 11, 10);
    taker_scene_subscribe(&r, &t, 10, 5);
    weir_subscription to_r = taker_scene_subscribe(&a, &r, 10, 5);
    rig_rest(rig);
    player_cast(&p, 2);
    rig_rest(rig);
    player_cast(&q, 2); /* r has taken one of p's, and does not come to these */
    rig_rest(rig);
    weir_cancel(rig->runtime, to_q, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_cast(&t, 1);
    rig_rest(rig);
    for (uint64_t asked = 1; asked <= 4; asked++) {
        weir_ask(rig->runtime, to_r, 1);
        rig_rest(rig);
        assert_int_equal(a.handled, asked);
        if (asked == 2) player_stop(&q, WEIR_REASON_NORMAL);
        rig_rest(rig);
    }
    rig_close(rig);
}

/*
 * More than the ring holds waits when takers leave, one after the other, at every moment:
 * what they leave is the last one's, and nobody has to be asked twice.
 */
static void the_last_one_gets_what_the_others_leave(void **state) {
    (void)state;
    enum { TAKERS = 6, EVENTS = 150 };
    static const char *const names[TAKERS] = {"a", "b", "c", "d", "e", "f"};
    const weir_shared_dispatcher_options small = {.entries = 4, .grain = 2};
    const weir_stage_options options = {.dispatcher = weir_shared_dispatcher(),
                                        .dispatcher_options = &small};
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (uint64_t steps = 0; steps < 40; steps++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = EVENTS};
            struct player takers[TAKERS];
            uint64_t handled = 0;
            player_start(&p, &rig, &options);
            for (size_t i = 0; i < TAKERS; i++) {
                takers[i] = (struct player){.name = names[i], .kind = WEIR_CONSUMER, .quiet = true};
                player_start(&takers[i], &rig, NULL);
                taker_scene_subscribe(&takers[i], &p, 10, 5);
            }
            weir_runtime_step(rig.runtime, steps);
            for (size_t i = 0; i + 1 < TAKERS; i++) {
                player_stop(&takers[i], WEIR_REASON_USER);
                weir_runtime_step(rig.runtime, steps % 3);
            }
            rig_rest(&rig);
            for (size_t i = 0; i < TAKERS; i++) handled += takers[i].handled;
            assert_int_equal(handled, EVENTS);
            assert_int_equal(rig_accounts(&rig).buffered, 0);
            assert_string_equal(rig.log.text, "");
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
}

/* The producer ends with its last taker: what that has not taken the producer tells of itself. */
static void what_nobody_is_left_to_take_is_told(void **state) {
    (void)state;
    static struct rig rig;
    weir_stage_options options = *taker_scene_sharing();
    options.on_cancel = WEIR_ON_CANCEL_STOP;
    uint64_t told = 0;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (uint64_t steps = 0; steps < 12; steps++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 400, .quiet = true};
            struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
            player_start(&p, &rig, &options);
            player_start(&a, &rig, NULL);
            taker_scene_subscribe(&a, &p, 40, 20);
            weir_runtime_step(rig.runtime, steps);
            player_stop(&a, WEIR_REASON_USER);
            rig_rest(&rig);
            assert_int_equal(p.discarded, rig_accounts(&rig).discarded);
            told += p.discarded;
            rig_expect_log(&rig, "");
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
    assert_true(told > 0);
}

/* Both are told to stop, after every number of turns, one or the other first. */
static void what_is_left_when_both_stop_is_counted(void **state) {
    (void)state;
    static struct rig rig;
    for (int first = 0; first < 2; first++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            for (uint64_t steps = 0; steps < 12; steps++) {
                struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 400, .quiet = true};
                struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
                player_start(&p, &rig, taker_scene_sharing());
                player_start(&a, &rig, NULL);
                taker_scene_subscribe(&a, &p, 40, 20);
                weir_runtime_step(rig.runtime, steps);
                player_stop(first == 0 ? &a : &p, WEIR_REASON_USER);
                player_stop(first == 0 ? &p : &a, WEIR_REASON_USER);
                rig_rest(&rig);
                bool logged = strstr(rig.log.text, "both ends of a subscription") != NULL;
                assert_true(logged || p.discarded == rig_accounts(&rig).discarded);
                rig.log = (struct rig_text){.used = 0};
                rig_close(&rig);
                assert_true(rig_open_world(&rig, world));
            }
            rig_close(&rig);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_the_last_leaves_waits_for_the_next),
        cmocka_unit_test(who_leaves_at_any_time_loses_nothing),
        cmocka_unit_test(what_waits_is_cut_anew_for_a_smaller_taker),
        cmocka_unit_test(what_a_leaver_asked_for_is_buffered),
        TEST_IN_WORLDS(a_subscription_that_was_held_back_may_end),
        cmocka_unit_test(the_last_one_gets_what_the_others_leave),
        cmocka_unit_test(what_nobody_is_left_to_take_is_told),
        cmocka_unit_test(what_is_left_when_both_stop_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
