/*
 * Supply, continued: demand that is held back, and infos behind what waits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: while a producer accumulates, demand, events and infos wait, in order;
 * forwarding plays them again as they came; an info comes out right behind the
 * events that were buffered before it, delivered or discarded.
 * Method: journals in all kinds of stepped runtimes; memory that fails on cue.
 */
#include "support/supply_scene.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options five = {
    .max_demand = 5, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};

/* ---- the demand mode ----------------------------------------------------- */

static void accumulated_demand_is_forwarded_later(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &supply_ten);
    rig_rest(rig);
    player_subscribe(&b, &p, &five);
    rig_rest(rig);
    player_expect(&p, "subscribe a\nsubscribe b\n");
    player_demand(&p, WEIR_ACCUMULATE); /* is so already */
    rig_rest(rig);
    player_expect(&p, "");
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    assert_memory_equal(p.journal.text, "demand ", 7);
    assert_int_equal(a.handled + b.handled, 100);
    rig_close(rig);
}

static void accumulated_events_and_infos_keep_their_order(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&a, rig, NULL);
    player_subscribe(&a, &p, &supply_ten);
    rig_rest(rig);
    player_cast(&p, 4);
    player_info(&p, 1);
    player_cast(&p, 3);
    player_info(&p, 2);
    player_cast(&p, 9);
    rig_rest(rig);
    player_expect(&a, "subscribe p\n");
    player_expect(&p, "subscribe a\ncast 4\ncast 3\ncast 9\n");
    assert_int_equal(rig_accounts(rig).buffered, 16);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(a.handled, 16);
    assert_int_equal(a.sum, 16 * 15 / 2);
    const char *first = strstr(p.journal.text, "info 1\n");
    assert_non_null(first);
    assert_non_null(strstr(first, "info 2\n"));
    rig_close(rig);
}

/* Back and forth: what is buffered stays while demand is held back. */
static void the_mode_may_change_at_any_time(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
    weir_subscription subscription = players_pair(rig, &p, &a, NULL);
    player_cast(&p, 5);
    player_demand(&p, WEIR_ACCUMULATE);
    rig_rest(rig);
    weir_ask(rig->runtime, subscription, 7);
    player_cast(&p, 1);
    rig_rest(rig);
    player_expect(&a, "subscribe p\n");
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(a.handled, 6);
    /* 5 and 1 were served of the 7 that were asked for. */
    assert_non_null(strstr(p.journal.text, "demand "));
    player_cast(&p, 1);
    rig_rest(rig);
    assert_int_equal(a.handled, 7);
    assert_int_equal(a.sum, 21);
    rig_close(rig);
}

/* ---- infos --------------------------------------------------------------- */

static void an_info_waits_for_what_is_buffered(void **state) {
    (void)state;
    static const size_t sizes[] = {4, WEIR_INFINITY};
    for (int i = 0; i < 2; i++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
            player_start(&p, &rig, &(weir_stage_options){.buffer_size = sizes[i]});
            player_start(&a, &rig, NULL);
            weir_subscription subscription = player_subscribe(&a, &p, NULL);
            rig_rest(&rig);
            player_info(&p, 1); /* nothing is buffered */
            rig_rest(&rig);
            player_expect(&p, "subscribe a\ninfo 1\n");
            player_cast(&p, 3);
            player_info(&p, 2);
            player_info(&p, 3);
            player_cast(&p, 1);
            player_info(&p, 4);
            rig_rest(&rig);
            player_expect(&p, "cast 3\ncast 1\n");
            weir_ask(rig.runtime, subscription, 2);
            rig_rest(&rig);
            player_expect(&p, "");
            weir_ask(rig.runtime, subscription, 1);
            rig_rest(&rig);
            player_expect(&p, "info 2\ninfo 3\n");
            weir_ask(rig.runtime, subscription, 5);
            rig_rest(&rig);
            player_expect(&p, "demand 4\ninfo 4\n");
            player_expect(&a, "subscribe p\nevents 0 1\nevents 2\nevents 3\n");
            rig_close(&rig);
        }
    }
}

/* An info whose events are discarded comes out with them. */
static void an_info_outlives_what_it_waited_for(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    player_start(&p, rig, &(weir_stage_options){.buffer_size = 3});
    player_cast(&p, 2);
    player_info(&p, 7);
    player_cast(&p, 2);
    rig_rest(rig);
    player_expect(&p, "cast 2\ncast 2\ndiscarded 1 overflow\n");
    player_cast(&p, 1);
    rig_rest(rig);
    player_expect(&p, "cast 1\ndiscarded 1 overflow\ninfo 7\n");
    rig_close(rig);
}

static weir_verdict emit_late_numbers(weir_stage *self, struct player *player, uint64_t demand) {
    const uint64_t numbers[] = {100, 101};
    (void)demand;
    if (player->next == 7 && player_emit_numbers(self, numbers, 2) != WEIR_OK) return WEIR_STOP;
    player->next++; /* once */
    return WEIR_CONTINUE;
}

/* An emission of several blocks is one message still. */
static void an_accumulated_emission_is_one_message(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&a, rig, NULL);
    weir_ask(rig->runtime, player_subscribe(&a, &p, NULL), 50000);
    rig_rest(rig);
    player_cast(&p, 5000);
    player_cast(&p, 7000); /* over two blocks */
    player_cast(&p, 10);
    rig_rest(rig);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..4999\nevents 5000..11999\n"
                      "events 12000..12009\n");
    rig_close(rig);
}

/* Demand that was held brings forth events while others are still held: they come behind. */
static void what_held_demand_brings_overtakes_nothing(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.demand = emit_late_numbers};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&a, rig, NULL);
    weir_subscription subscription = player_subscribe(&a, &p, NULL);
    player_cast(&p, 5);
    rig_rest(rig);
    weir_ask(rig->runtime, subscription, 3);
    rig_rest(rig);
    player_cast(&p, 2);
    rig_rest(rig);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..2\n");
    weir_ask(rig->runtime, subscription, 10);
    rig_rest(rig);
    player_expect(&a, "events 3..6 100 101\n");
    rig_close(rig);
}

/* It would hold on to what nobody may ask for any more. */
static void who_finishes_does_not_accumulate(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &a);
    weir_subscription subscription =
        player_subscribe(&a, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    player_cast(&p, 5);
    rig_rest(rig);
    assert_int_equal(weir_finish(rig->runtime, p.ref), WEIR_OK);
    player_demand(&p, WEIR_ACCUMULATE);
    rig_rest(rig);
    weir_ask(rig->runtime, subscription, 5);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..4\ndown p normal\n");
    rig_close(rig);
}

/* Whatever cannot be held is discarded at once; demand that cannot be held is the end. */
static void what_cannot_be_held_is_counted(void **state) {
    (void)state;
    bool reached = true;
    for (uint64_t fail_at = 1; reached; fail_at++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER, .manual = true};
        player_start(&p, &rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
        player_start(&a, &rig, NULL);
        weir_subscription subscription =
            player_subscribe(&a, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        player_cast(&p, 20000);
        player_info(&p, 1);
        player_cast(&p, 7);
        weir_ask(rig.runtime, subscription, 30000);
        player_info(&p, 2);
        test_memory_fail(&rig.memory, fail_at, true);
        rig_rest(&rig);
        uint64_t fail_at_call = rig.memory.fail_at;
        test_memory_fail_never(&rig.memory);
        weir_status forwarded = weir_demand(rig.runtime, p.ref, WEIR_FORWARD);
        assert_true(forwarded == WEIR_OK || forwarded == WEIR_NO_STAGE);
        rig.memory.fail_at = fail_at_call;
        rig_rest(&rig);
        reached = rig.memory.calls >= fail_at_call;
        test_memory_fail_never(&rig.memory);
        weir_accounts accounts = rig_accounts(&rig);
        assert_null(weir_accounts_check(&accounts));
        if (!reached) assert_int_equal(a.handled, 20007);
        rig_close(&rig);
    }
}

/* Rests, while one request for memory fails.  False: there were not as many. */
static bool rest_without(struct rig *rig, uint64_t fail_at) {
    test_memory_fail(&rig->memory, fail_at, false);
    rig_rest(rig);
    bool reached = rig->memory.calls >= rig->memory.fail_at;
    test_memory_fail_never(&rig->memory);
    return reached;
}

static bool lose_some(uint64_t fail_at, bool as_they_are_held) {
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
    players_pair(&rig, &p, &a, &(weir_subscribe_options){.max_demand = 3});
    player_demand(&p, WEIR_ACCUMULATE);
    rig_rest(&rig);
    player_cast(&p, 3);
    bool reached = rest_without(&rig, as_they_are_held ? fail_at : UINT64_MAX / 2);
    bool emitted = rig_accounts(&rig).emitted > 0; /* else it is the producer's own loss */
    p.limit = 20;
    player_demand(&p, WEIR_FORWARD);
    if (as_they_are_held)
        rig_rest(&rig);
    else
        reached = rest_without(&rig, fail_at);
    if (emitted) assert_int_equal(p.next, 20);
    rig_close(&rig);
    return reached;
}

/* Events that no memory allows to hold, or to let go, have answered nothing. */
static void what_is_lost_is_demanded_anew(void **state) {
    (void)state;
    for (int phase = 0; phase < 2; phase++) {
        uint64_t fail_at = 1;
        while (lose_some(fail_at, phase == 0)) fail_at++;
        assert_true(fail_at > 1);
    }
}

enum { MANY = 9000, ALL = 40000 }; /* more than a block has room for: they are two items */

/* Emits many, however few it is asked for. */
static weir_verdict emit_many(weir_stage *self, struct player *player, uint64_t demand) {
    uint64_t left = player->limit - player->next;
    (void)demand;
    player_emit(self, left < MANY ? left : MANY);
    return WEIR_CONTINUE;
}

/*
 * What a broadcast was asked for is wanted no more, since somebody has come who has asked for
 * nothing; then the answer cannot be held.  It was one all the same, or nobody ever asks again.
 */
static bool lose_what_nobody_wants(int infos, uint64_t fail_at) {
    struct rig rig;
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .limit = ALL, .quiet = true, .does.demand = emit_many};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
    struct player late = {.name = "late", .kind = WEIR_CONSUMER, .quiet = true, .manual = true};
    rig_open(&rig, NULL);
    player_start(&p, &rig,
                 &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                       .demand = WEIR_ACCUMULATE});
    PLAYERS_START(&rig, &a, &late);
    player_subscribe(&a, &p, &(weir_subscribe_options){.max_demand = 3});
    rig_rest(&rig);
    weir_subscription subscription = player_subscribe(&late, &p, NULL);
    rig_rest(&rig);
    /* Held behind the demand: what that brings comes behind them, and is held as well. */
    player_cast(&p, 1);
    for (int i = 0; i < infos; i++) player_info(&p, 1);
    rig_rest(&rig);
    player_demand(&p, WEIR_FORWARD);
    bool reached = rest_without(&rig, fail_at);
    bool emitted = p.emitted > 1; /* else it is the producer's own loss */
    for (uint64_t asked = 0; asked < ALL; asked += 1000) {
        weir_ask(rig.runtime, subscription, 1000);
        rig_rest(&rig);
    }
    if (emitted) assert_int_equal(p.next, ALL);
    rig_close(&rig);
    return reached;
}

static void what_is_lost_unwanted_has_answered(void **state) {
    (void)state;
    for (int infos = 0; infos < 10; infos++) { /* so that what holds them is full, once */
        uint64_t fail_at = 1;
        while (lose_what_nobody_wants(infos, fail_at)) fail_at++;
        assert_true(fail_at > 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(accumulated_demand_is_forwarded_later),
        TEST_IN_WORLDS(accumulated_events_and_infos_keep_their_order),
        TEST_IN_WORLDS(the_mode_may_change_at_any_time),
        cmocka_unit_test(an_info_waits_for_what_is_buffered),
        TEST_STEPPED(an_info_outlives_what_it_waited_for),
        TEST_IN_WORLDS(an_accumulated_emission_is_one_message),
        TEST_IN_WORLDS(what_held_demand_brings_overtakes_nothing),
        TEST_IN_WORLDS(who_finishes_does_not_accumulate),
        cmocka_unit_test(what_cannot_be_held_is_counted),
        cmocka_unit_test(what_is_lost_is_demanded_anew),
        cmocka_unit_test(what_is_lost_unwanted_has_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
