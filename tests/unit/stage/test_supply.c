/*
 * Supply: demand and events meet; what is left over waits, and nothing is lost.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: handle_demand hears of each ask that the buffer does not serve; a buffer
 * keeps what it should, in order, whoever comes and goes; what a dead consumer
 * had not begun comes back before newer events; infos and the demand mode keep
 * their places.  (What the dispatcher is told: test_supply_dispatcher.c)
 * Method: journals in all kinds of stepped runtimes, against worked examples of
 * GenStage.
 */
#include "support/supply_scene.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options five = {
    .max_demand = 5, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};

/* ---- demand -------------------------------------------------------------- */

static void each_ask_is_heard_once(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &c);
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    for (uint64_t i = 1; i <= 3; i++) {
        weir_ask(rig->runtime, subscription, i);
        rig_rest(rig);
    }
    player_expect(&p, "subscribe c\ndemand 1\ndemand 2\ndemand 3\n");
    weir_ask(rig->runtime, subscription, WEIR_MAX_DEMAND_LIMIT);
    rig_rest(rig);
    player_expect(&p, "demand 1000000000\n");
    rig_close(rig);
}

/* What nobody heard was asked for by who has left: the next one has to ask anew. */
static void what_nobody_heard_answers_who_has_left(void **state) {
    (void)state;
    const weir_dispatcher *dispatchers[] = {weir_demand_dispatcher(), weir_broadcast_dispatcher(),
                                            weir_shared_dispatcher()};
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(
            &p, &rig,
            &(weir_stage_options){.drop_unheard = true, .dispatcher = dispatchers[world % 3]});
        player_start(&c, &rig, NULL);
        weir_cancel(rig.runtime, player_subscribe(&c, &p, &five), WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_expect(&p, "subscribe c\ndemand 5\ncancel c normal\n");
        player_cast(&p, 5);
        rig_rest(&rig);
        player_expect(&p, "cast 5\ndiscarded 5 unheard\n");
        player_subscribe(&c, &p, &five);
        rig_rest(&rig);
        player_expect(&p, "subscribe c\ndemand 5\n");
        rig_close(&rig);
    }
}

/* What it does not emit at once it may emit later: it is not asked for again. */
static void a_producer_may_be_late(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    players_pair(rig, &p, &c, &supply_ten);
    player_expect(&p, "subscribe c\ndemand 10\n");
    player_cast(&p, 4);
    rig_rest(rig);
    player_expect(&p, "cast 4\n");
    player_cast(&p, 3);
    rig_rest(rig);
    player_expect(&p, "cast 3\ndemand 10\n");
    player_expect(&c, "subscribe p\nevents 0..2\nevents 3..6\nevents 7..9\n");
    rig_close(rig);
}

static weir_verdict emit_a_surplus(weir_stage *self, struct player *player, uint64_t demand) {
    (void)player;
    player_emit(self, 2 * demand);
    return WEIR_CONTINUE;
}

/* What it emits too much waits, and is served before it is asked again. */
static void a_surplus_is_served_first(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.demand = emit_a_surplus};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &c);
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    static const uint64_t asks[] = {10, 4, 10};
    for (int i = 0; i < 3; i++) {
        weir_ask(rig->runtime, subscription, asks[i]);
        rig_rest(rig);
    }
    player_expect(&p, "subscribe c\ndemand 10\ndemand 4\n");
    player_expect(&c, "subscribe p\nevents 0..9\nevents 10..13\nevents 14..19\n"
                      "events 20..23\n");
    assert_int_equal(rig_accounts(rig).buffered, 4);
    rig_close(rig);
}

/* ---- the buffer ---------------------------------------------------------- */

struct keeping {
    size_t size;
    weir_keep keep;
    uint64_t casts[3];
    uint64_t discarded;
    const char *events;
};

static void the_buffer_keeps_what_it_should(void **state) {
    (void)state;
    static const struct keeping cases[] = {
        {3, WEIR_KEEP_LAST, {5}, 2, "subscribe p\nevents 2..4\n"},
        {3, WEIR_KEEP_FIRST, {5}, 2, "subscribe p\nevents 0..2\n"},
        {3, WEIR_KEEP_LAST, {2, 2}, 1, "subscribe p\nevents 1..3\n"},
        {3, WEIR_KEEP_FIRST, {2, 2}, 1, "subscribe p\nevents 0..2\n"},
        {3, WEIR_KEEP_LAST, {1, 1, 1}, 0, "subscribe p\nevents 0..2\n"},
        {1, WEIR_KEEP_LAST, {1, 1, 1}, 2, "subscribe p\nevents 2\n"},
        {WEIR_NONE, WEIR_KEEP_LAST, {4}, 4, "subscribe p\n"},
        {WEIR_NONE, WEIR_KEEP_FIRST, {4}, 4, "subscribe p\n"},
        {WEIR_INFINITY,
         WEIR_KEEP_LAST,
         {9000, 9000},
         0,
         "subscribe p\nevents 0..8191\nevents 8192..8999\nevents 9000..17191\n"
         "events 17192..17999\n"},
        {0,
         WEIR_KEEP_LAST,
         {9000, 2000},
         1000,
         "subscribe p\nevents 1000..8191\nevents 8192..10999\n"},
        {0,
         WEIR_KEEP_FIRST,
         {9000, 2000},
         1000,
         "subscribe p\nevents 0..8191\nevents 8192..9999\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            player_start(
                &p, &rig,
                &(weir_stage_options){.buffer_size = cases[i].size, .buffer_keep = cases[i].keep});
            player_start(&c, &rig, NULL);
            for (int k = 0; k < 3 && cases[i].casts[k] > 0; k++) {
                player_cast(&p, cases[i].casts[k]);
                rig_rest(&rig);
            }
            assert_int_equal(p.discarded, cases[i].discarded);
            assert_int_equal(rig_accounts(&rig).discarded, p.discarded);
            assert_int_equal(rig_accounts(&rig).buffered, p.emitted - p.discarded);
            player_subscribe(
                &c, &p, &(weir_subscribe_options){.max_demand = 100000, .min_demand = WEIR_NONE});
            rig_rest(&rig);
            player_expect(&c, cases[i].events);
            rig_close(&rig);
        }
    }
}

/* The pc's buffer has no bound unless one is given: a doubler loses nothing. */
static weir_verdict a_hundredfold(weir_stage *self, struct player *player, weir_batch batch) {
    (void)player;
    player_emit(self, 100 * batch.count);
    return WEIR_CONTINUE;
}

static void a_producer_consumer_buffers_without_bound(struct rig *rig, int bounded) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 500, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = a_hundredfold};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    player_start(&p, rig, NULL);
    player_start(&t, rig, &(weir_stage_options){.buffer_size = bounded ? 70 : 0});
    player_start(&c, rig, NULL);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 500, .min_demand = 200});
    weir_ask(rig->runtime, player_subscribe(&c, &t, NULL), 30);
    rig_rest(rig);
    assert_int_equal(t.emitted, 50000);
    assert_int_equal(c.handled, 30);
    assert_int_equal(t.discarded, bounded ? 50000 - 100 : 0);
    rig_close(rig);
}

static void nothing_overtakes_what_is_buffered(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    PLAYERS_START(rig, &p, &c);
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    for (uint64_t i = 1; i < 60; i++) {
        player_cast(&p, 1 + i * 7 % 11);
        weir_ask(rig->runtime, subscription, 1 + i * 5 % 9);
        weir_runtime_step(rig->runtime, i % 5);
    }
    weir_ask(rig->runtime, subscription, 1000);
    rig_rest(rig);
    assert_int_equal(c.handled, p.next);
    assert_int_equal(c.sum, p.next * (p.next - 1) / 2);
    rig_close(rig);
}

/* ---- consumers that leave ------------------------------------------------ */

/* GenStage lets events wait beside demand, and newer ones overtake them (defect C). */
static void what_is_buffered_is_served_to_whoever_asks(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &a, &b);
    player_subscribe(&a, &p, &supply_ten);
    player_subscribe(&b, &p, &five);
    rig_rest(rig);
    player_stop(&a, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_cast(&p, 10); /* b takes five, and asks for five: they are there */
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 0..4\nevents 5..9\n");
    player_cast(&p, 5);
    rig_rest(rig);
    player_expect(&b, "events 10..14\n");
    assert_int_equal(rig_accounts(rig).buffered, 0);
    rig_close(rig);
}

/* What a had not begun comes first, whatever has been buffered since. */
static void what_comes_back_goes_before_newer_events(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .does.events = supply_stop_here};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.buffer_size = 6}); /* it may pass the size */
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &(weir_subscribe_options){.max_demand = 20, .min_demand = 17});
    rig_rest(rig);
    for (int i = 0; i < 3; i++) player_cast(&p, 6);
    player_cast(&p, 7); /* two on their way, five buffered */
    rig_rest(rig);
    assert_int_equal(a.handled, 6);
    assert_int_equal(rig_accounts(rig).buffered, 25 - 6);
    player_subscribe(&b, &p, &(weir_subscribe_options){.max_demand = 100});
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 6..24\n");
    rig_close(rig);
}

/* It goes to those who have demand at once, before what they get next. */
static void what_comes_back_is_served_at_once(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .does.events = supply_stop_here};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &a, &b);
    player_subscribe(&a, &p, &(weir_subscribe_options){.max_demand = 20, .min_demand = 17});
    rig_rest(rig);
    player_subscribe(&b, &p, &supply_ten);
    rig_rest(rig);
    player_cast(&p, 15); /* all to a, who has asked for more than b */
    rig_rest(rig);
    assert_int_equal(a.handled, 6);
    player_cast(&p, 5);
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 6..14\nevents 15\nevents 16..19\n");
    assert_null(strstr(p.journal.text, "discarded"));
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(each_ask_is_heard_once),
        cmocka_unit_test(what_nobody_heard_answers_who_has_left),
        TEST_IN_WORLDS(a_producer_may_be_late),
        TEST_IN_WORLDS(a_surplus_is_served_first),
        cmocka_unit_test(the_buffer_keeps_what_it_should),
        TEST_IN_WORLDS_AND_WAYS(a_producer_consumer_buffers_without_bound, 2),
        TEST_IN_WORLDS(nothing_overtakes_what_is_buffered),
        TEST_IN_WORLDS(what_is_buffered_is_served_to_whoever_asks),
        TEST_IN_WORLDS(what_comes_back_goes_before_newer_events),
        TEST_IN_WORLDS(what_comes_back_is_served_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
