/*
 * Behaviour: demand through a producer_consumer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a stage in the middle works in batches of its own and asks for what it
 * works off; whether it or its consumer subscribes first makes no difference; it
 * stops when nobody below asks, and can broadcast.
 * Method: counter -> doubler -> consumer, by the batches of each, in every kind of
 * stepped runtime.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* Each number twice. */
static weir_verdict twice(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const uint64_t pair[2] = {numbers[i], numbers[i]};
        RIG_CHECK(player->rig, player_emit_numbers(self, pair, 2) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* Writes down how large its batches are; that pairs stay in order is checked. */
static weir_verdict measure(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == player->next++ / 2);
    }
    rig_text_add(player->own, "%zu ", batch.count);
    return WEIR_CONTINUE;
}

struct shape {
    size_t min; /* of the doubler, with max 100 */
    const char *above;
    const char *below; /* with max 100 and min 50 */
};

static const struct shape shapes[] = {
    {80, "events 0..19\nevents 20..39\nevents 40..59\nevents 60..79\nevents 80..99\n",
     "40 40 20 50 30 20 "},
    {20, "events 0..79\nevents 80..99\n", "50 50 50 50 "},
};

static void one_chain(struct rig *rig, const struct shape *shape, bool upper_first) {
    static struct rig_text below;
    below.used = 0;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = twice};
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .own = &below, .does.events = measure};
    const weir_subscribe_options upper = {.max_demand = 100, .min_demand = shape->min};
    const weir_subscribe_options lower = {.max_demand = 100, .min_demand = 50};
    PLAYERS_START(rig, &p, &t, &c);
    for (int i = 0; i < 2; i++) {
        if (upper_first == (i == 0)) {
            player_subscribe(&t, &p, &upper);
        } else {
            player_subscribe(&c, &t, &lower);
        }
        rig_rest(rig);
        if (i == 0) assert_int_equal(c.handled, 0);
    }
    assert_string_equal(t.journal.text + strlen("subscribe p\nsubscribe c\n"), shape->above);
    assert_int_equal(t.handled, 100);
    rig_text_expect(&below, shape->below);
    rig_close(rig);
}

static void each_stage_works_in_batches_of_its_own(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int upper_first = 0; upper_first < 2; upper_first++) {
            struct rig rig;
            for (int world = 0; rig_open_world(&rig, world); world++) {
                one_chain(&rig, &shapes[i], upper_first);
            }
        }
    }
}

/* Its output comes by a cast to itself, so while it works nothing is used up. */
static void it_stops_asking_when_its_consumer_does(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = deed_emit_later};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = 8});
    weir_ask(rig->runtime, player_subscribe(&c, &t, NULL), 10);
    rig_rest(rig);
    assert_int_equal(c.handled, 10);
    assert_int_equal(t.handled, 10); /* and what it asked for meanwhile waits */
    assert_int_equal(rig_accounts(rig).in_flight, 10);
    assert_int_equal(p.next, 20);
    rig_close(rig);
}

/* ---- broadcast ------------------------------------------------------------- */

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};

static void one_broadcast(struct rig *rig, bool with_silent) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 20};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = twice};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    struct player silent = {.name = "silent", .kind = WEIR_CONSUMER, .manual = true};
    weir_subscription subscription = {0};
    player_start(&p, rig, NULL);
    player_start(&t, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &a, &b, &silent);
    if (with_silent) subscription = player_subscribe(&silent, &t, &ten);
    rig_rest(rig);
    player_subscribe(&a, &t, &ten);
    player_subscribe(&b, &t, &ten);
    rig_rest(rig);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = 5});
    rig_rest(rig);
    if (with_silent) {
        assert_int_equal(a.handled + b.handled, 0);
        weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(rig);
    }
    static const char batches[] = "subscribe t\nevents 0 0 1 1 2 2 3 3 4 4\n"
                                  "events 5 5 6 6 7 7 8 8 9 9\n"
                                  "events 10 10 11 11 12 12 13 13 14 14\n"
                                  "events 15 15 16 16 17 17 18 18 19 19\n";
    player_expect(&a, batches);
    player_expect(&b, batches);
    assert_int_equal(silent.handled, 0);
    rig_close(rig);
}

static void it_may_broadcast_what_it_makes(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) one_broadcast(&rig, false);
}

static void who_never_asks_holds_its_broadcast_up(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) one_broadcast(&rig, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stage_works_in_batches_of_its_own),
        TEST_IN_WORLDS(it_stops_asking_when_its_consumer_does),
        cmocka_unit_test(it_may_broadcast_what_it_makes),
        cmocka_unit_test(who_never_asks_holds_its_broadcast_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
