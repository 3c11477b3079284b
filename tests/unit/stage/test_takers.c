/*
 * Takers: stages that compete for the events of one producer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who is free takes; each event is handled once, in batches that suit each
 * window; manual takers get no more than they ask for; a taker that stands still
 * leaves all to the others; at the producer's end nothing that was sent is lost while
 * somebody is there to take it.  (test_takers_leave.c: takers that come and leave.)
 * Method: players in all kinds of stepped runtimes; stops after every number of
 * turns.
 */
#include "support/player.h"
#include "support/taker_scene.h"
#include "support/worlds.h"

#include <string.h>

static void each_event_is_handled_once(struct rig *rig) {
    static size_t five = 5, three = 3;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5000};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true, .own = &five};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true, .own = &three};
    a.does.events = taker_scene_check_size;
    b.does.events = taker_scene_check_size;
    player_start(&p, rig, taker_scene_sharing());
    PLAYERS_START(rig, &a, &b);
    taker_scene_subscribe(&a, &p, 10, 5);
    taker_scene_subscribe(&b, &p, 4, 1);
    rig_rest(rig);
    assert_int_equal(a.handled + b.handled, 5000);
    assert_int_equal(a.sum + b.sum, 5000 * 4999 / 2);
    rig_close(rig);
}

static void one_taker_alone_is_served_in_order(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    player_start(&p, rig, taker_scene_sharing());
    player_start(&a, rig, NULL);
    player_cast(&p, 12);
    rig_rest(rig);
    taker_scene_subscribe(&a, &p, 10, 5);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..4\nevents 5..9\nevents 10 11\n");
    player_cast(&p, 7);
    rig_rest(rig);
    player_expect(&a, "events 12..16\nevents 17 18\n");
    rig_close(rig);
}

/* ---- by hand ------------------------------------------------------------- */

static void by_hand_it_gets_what_it_asks_for(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
        struct player b = {.name = "b", .kind = WEIR_CONSUMER, .manual = true};
        player_start(&p, &rig, taker_scene_sharing());
        PLAYERS_START(&rig, &a, &b);
        weir_subscription to_a = taker_scene_subscribe(&a, &p, 10, 5);
        weir_subscription to_b = taker_scene_subscribe(&b, &p, 10, 5);
        rig_rest(&rig);
        player_expect(&a, "subscribe p\n");
        assert_int_equal(weir_ask(rig.runtime, to_a, 3), WEIR_OK);
        rig_rest(&rig);
        player_expect(&a, "events 0\nevents 1\nevents 2\n");
        assert_int_equal(weir_ask(rig.runtime, to_b, 2), WEIR_OK);
        rig_rest(&rig);
        player_expect(&b, "subscribe p\nevents 3\nevents 4\n");
        assert_int_equal(rig_accounts(&rig).in_flight, 0);
        weir_accounts accounts = rig_close(&rig);
        assert_int_equal(accounts.emitted, 5);
    }
}

/* What one asked for another may take, but never more than it asked for itself. */
static void what_waits_is_taken_by_who_asks(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    player_start(&p, rig, taker_scene_sharing());
    PLAYERS_START(rig, &a, &b);
    weir_subscription to_a = taker_scene_subscribe(&a, &p, 10, 5);
    weir_subscription to_b = taker_scene_subscribe(&b, &p, 10, 5);
    weir_ask(rig->runtime, to_a, 5);
    weir_ask(rig->runtime, to_b, 2);
    player_cast(&p, 9);
    rig_rest(rig);
    assert_int_equal(a.handled, 5);
    assert_int_equal(b.handled, 2);
    assert_int_equal(rig_accounts(rig).buffered, 2);
    weir_ask(rig->runtime, to_b, 1);
    rig_rest(rig);
    assert_int_equal(b.handled, 3);
    rig_close(rig);
}

/* ---- standing still ------------------------------------------------------ */

/* A relay that nobody asks takes one entry; the rest is the other's. */
static void who_stands_still_holds_up_nothing(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 200};
    struct player r = {.name = "r", .kind = WEIR_PRODUCER_CONSUMER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&p, rig, taker_scene_sharing());
    PLAYERS_START(rig, &r, &a, &c);
    taker_scene_subscribe(&r, &p, 10, 5);
    rig_rest(rig);
    taker_scene_subscribe(&a, &p, 4, 2);
    rig_rest(rig);
    weir_accounts accounts = rig_accounts(rig);
    assert_in_range(accounts.in_flight, 1, 5); /* in the relay's hands */
    assert_int_equal(a.handled + accounts.in_flight, 200);
    taker_scene_subscribe(&c, &r, 10, 5);
    rig_rest(rig);
    assert_int_equal(a.handled + c.handled, 200);
    rig_close(rig);
}

/* ---- the producer's end -------------------------------------------------- */

/* More than the ring holds was sent when it stops. */
static void what_was_sent_outlives_the_producer(void **state) {
    (void)state;
    const weir_shared_dispatcher_options small = {.entries = 4, .grain = 3};
    const weir_stage_options options = {.dispatcher = weir_shared_dispatcher(),
                                        .dispatcher_options = &small,
                                        .demand = WEIR_ACCUMULATE};
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 90};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
        struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&p, &rig, &options);
        PLAYERS_START(&rig, &a, &b);
        taker_scene_subscribe(&a, &p, 60, 50);
        taker_scene_subscribe(&b, &p, 60, 50);
        rig_rest(&rig);
        player_demand(&p, WEIR_FORWARD);
        player_stop(&p, WEIR_REASON_NORMAL); /* in the same turn as it sends */
        rig_rest(&rig);
        assert_int_equal(a.handled + b.handled, 90);
        assert_int_equal(rig_accounts(&rig).discarded, 0);
        rig_close(&rig);
    }
}

/* All three stop after every number of turns: what is left is discarded and told. */
static void what_nobody_is_left_to_take_is_discarded(void **state) {
    (void)state;
    struct rig rig;
    bool seen = false;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (uint64_t steps = 0; steps < 60; steps++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50000};
            struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
            struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
            player_start(&p, &rig, taker_scene_sharing());
            PLAYERS_START(&rig, &a, &b);
            taker_scene_subscribe(&a, &p, 1000, 500);
            taker_scene_subscribe(&b, &p, 1000, 500);
            seen |= worlds_stop_all(&rig, steps,
                                    "both ends of a subscription had stopped, stage p and ");
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
    assert_true(seen);
}

/* ---- refusals ------------------------------------------------------------ */

static bool any(void *context, const void *event) {
    (void)context;
    (void)event;
    return true;
}

static void a_selector_is_refused(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    player_start(&p, rig, taker_scene_sharing());
    player_start(&a, rig, NULL);
    player_subscribe(&a, &p, &(weir_subscribe_options){.selector = any, .cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_expect(&a, "subscribe p\ncancel p bad_options\n");
    rig_expect_log(rig, "error: stage p refuses a subscription: its dispatcher, shared, "
                        "knows no selector\n");
    rig_close(rig);
}

static void bad_options_fail_the_start(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    const weir_shared_dispatcher_options bad = {.entries = 100};
    const weir_stage_options options = {.dispatcher = weir_shared_dispatcher(),
                                        .dispatcher_options = &bad};
    assert_int_equal(player_try_start(&p, rig, &options), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "stage p: entries must be a power of two from 2 to 65536, got 100");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(each_event_is_handled_once),
        TEST_IN_WORLDS(one_taker_alone_is_served_in_order),
        cmocka_unit_test(by_hand_it_gets_what_it_asks_for),
        TEST_IN_WORLDS(what_waits_is_taken_by_who_asks),
        TEST_IN_WORLDS(who_stands_still_holds_up_nothing),
        cmocka_unit_test(what_was_sent_outlives_the_producer),
        cmocka_unit_test(what_nobody_is_left_to_take_is_discarded),
        TEST_IN_WORLDS(a_selector_is_refused),
        TEST_STEPPED(bad_options_fail_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
