/*
 * Behaviour: producers that hold demand back until they are told to forward.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the mode can be set at the start and at any time, and read of every kind of
 * stage; while demand is held back nothing moves, and afterwards nothing is
 * missing, in order.
 * Method: the mode's every way of being set, in every kind of stepped runtime.
 */
#include "support/player.h"
#include "support/worlds.h"

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};

static weir_demand_mode mode_of(struct player *player) {
    weir_demand_mode mode = (weir_demand_mode)9;
    assert_int_equal(weir_demand_mode_of(player->rig->runtime, player->ref, WEIR_FOREVER, &mode),
                     WEIR_OK);
    return mode;
}

static void the_mode_of_every_kind_can_be_read(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    PLAYERS_START(rig, &q, &t, &c);
    assert_int_equal(mode_of(&p), WEIR_ACCUMULATE);
    assert_int_equal(mode_of(&q), WEIR_FORWARD);
    assert_int_equal(mode_of(&t), WEIR_FORWARD);
    assert_int_equal(mode_of(&c), WEIR_FORWARD);
    player_demand(&p, WEIR_FORWARD);
    player_demand(&q, WEIR_ACCUMULATE);
    assert_int_equal(mode_of(&p), WEIR_FORWARD); /* it hears messages in order */
    assert_int_equal(mode_of(&q), WEIR_ACCUMULATE);
    rig_close(rig);
}

/* Set at the start, or told before anybody has subscribed, or afterwards. */
static void demand_is_held_back_from_whenever_it_is_told(struct rig *rig, int when) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.demand = when == 0 ? WEIR_ACCUMULATE : 0});
    player_start(&c, rig, NULL);
    if (when == 1) player_demand(&p, WEIR_ACCUMULATE);
    player_subscribe(&c, &p, &ten);
    rig_rest(rig);
    if (when == 2) player_demand(&p, WEIR_ACCUMULATE);
    player_cast(&p, 5);
    rig_rest(rig);
    player_expect(&c, "subscribe p\n");
    player_demand(&p, WEIR_ACCUMULATE); /* once more: what is held stays held */
    rig_rest(rig);
    player_expect(&p, when == 2 ? "subscribe c\ndemand 10\ncast 5\n" : "subscribe c\ncast 5\n");
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    player_expect(&p, when == 2 ? "" : "demand 10\n");
    player_expect(&c, "events 0..4\n");
    rig_close(rig);
}

static void to_forward_what_forwards_changes_nothing(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    player_demand(&p, WEIR_FORWARD);
    player_subscribe(&c, &p, &ten);
    rig_rest(rig);
    player_expect(&p, "subscribe c\ndemand 10\ndemand 10\n");
    player_expect(&c, "subscribe p\nevents 0..9\n");
    rig_close(rig);
}

/* A broadcast that is held back: who subscribes meanwhile gets all of it as well. */
static void who_subscribes_meanwhile_misses_nothing(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &a, &b);
    player_demand(&p, WEIR_ACCUMULATE);
    player_cast(&p, 3);
    player_subscribe(&a, &p, &ten);
    rig_rest(rig);
    player_cast(&p, 2);
    player_subscribe(&b, &p, &ten);
    rig_rest(rig);
    assert_int_equal(a.handled + b.handled, 0);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(a.handled, 5);
    assert_int_equal(b.handled, 5);
    assert_int_equal(a.sum, 10);
    assert_int_equal(b.sum, 10);
    uint64_t buffered = 9;
    assert_int_equal(weir_estimate_buffered(rig->runtime, p.ref, WEIR_FOREVER, &buffered), WEIR_OK);
    assert_int_equal(buffered, 0);
    rig_close(rig);
}

/* Two consumers' demands are heard: as two, or, since asks may travel together, as one. */
static void held_demand_is_all_heard(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 4};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    PLAYERS_START(rig, &a, &b);
    weir_ask(rig->runtime, player_subscribe(&a, &p, &ten), 2);
    weir_ask(rig->runtime, player_subscribe(&b, &p, &ten), 2);
    rig_rest(rig);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(p.next, 4);
    assert_int_equal(a.handled, 2);
    assert_int_equal(b.handled, 2);
    rig_close(rig);
}

/* The rest of GenStage's errors: only producers hold demand back. */
static void only_a_producer_holds_demand_back(struct rig *rig) {
    for (int kind = WEIR_PRODUCER_CONSUMER; kind <= WEIR_CONSUMER; kind++) {
        struct player s = {.name = "s", .kind = (weir_kind)kind};
        assert_int_equal(
            player_try_start(&s, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE}),
            WEIR_INVALID);
        rig->players = s.started;
        struct player ok = {.name = "ok", .kind = (weir_kind)kind};
        player_start(&ok, rig, NULL);
        assert_int_equal(weir_demand(rig->runtime, ok.ref, WEIR_ACCUMULATE), WEIR_NOT_A_PRODUCER);
        assert_int_equal(mode_of(&ok), WEIR_FORWARD);
        player_stop(&ok, WEIR_REASON_NORMAL);
        rig_rest(rig);
        rig->players = ok.started;
    }
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(the_mode_of_every_kind_can_be_read),
        TEST_IN_WORLDS_AND_WAYS(demand_is_held_back_from_whenever_it_is_told, 3),
        TEST_IN_WORLDS(to_forward_what_forwards_changes_nothing),
        TEST_IN_WORLDS(who_subscribes_meanwhile_misses_nothing),
        TEST_IN_WORLDS(held_demand_is_all_heard),
        TEST_STEPPED(only_a_producer_holds_demand_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
