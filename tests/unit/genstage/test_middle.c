/*
 * Behaviour: the stage in the middle, at its two ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a producer_consumer is told of subscriptions as a producer is on its one side
 * and as a consumer is on the other, and can tell which; what ends below it leaves it
 * alone, what ends above it follows the cancel mode.  (Every mode and reason:
 * unit/stage/control_cancel)
 * Method: journals of chains, in every kind of stepped runtime.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options temporary = {.max_demand = 10, .cancel = WEIR_TEMPORARY};

static weir_subscribe_verdict tell_side(weir_stage *self, struct player *player,
                                        const weir_peer *peer) {
    weir_kind kind = player->kind == WEIR_PRODUCER_CONSUMER ? peer->side : player->kind;
    (void)self;
    player_say(player, "side %d", (int)peer->side);
    RIG_CHECK(player->rig, kind == WEIR_PRODUCER || kind == WEIR_CONSUMER);
    return WEIR_AUTOMATIC;
}

static void it_can_tell_its_ends_apart(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.subscribe = tell_side};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.subscribe = tell_side};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.subscribe = tell_side};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &temporary);
    rig_rest(rig);
    player_subscribe(&c, &t, &temporary);
    rig_rest(rig);
    player_expect(&p, "subscribe t\nside 3\ndemand 10\n"); /* WEIR_CONSUMER */
    player_expect(&t, "subscribe p\nside 1\nsubscribe c\nside 3\n");
    player_expect(&c, "subscribe t\nside 1\n"); /* WEIR_PRODUCER */
    rig_close(rig);
}

/* A mode of demand is the consumer's choice: towards its consumers it has none. */
static void manual_is_for_its_upper_end_only(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.subscribe = deed_manual};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    weir_subscription subscription = player_subscribe(&t, &p, &temporary);
    player_subscribe(&c, &t, &temporary);
    rig_rest(rig);
    player_expect(&c, "subscribe t\ncancel t refused\n");
    weir_ask(rig->runtime, subscription, 4);
    rig_rest(rig);
    assert_int_equal(p.next, 4); /* what it asked for waits for a consumer */
    assert_int_equal(t.handled, 0);
    rig_close(rig);
}

static void an_unknown_verdict_stops_it_whichever_end_it_is_for(struct rig *rig, int upper) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.subscribe = deed_no_verdict};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    if (upper) {
        player_subscribe(&t, &p, &temporary);
    } else {
        player_subscribe(&c, &t, &temporary);
    }
    rig_rest(rig);
    player_expect(&t, upper ? "subscribe p\nterminate bad_return_value\n"
                            : "subscribe c\nterminate bad_return_value\n");
    player_expect(&c, upper ? "" : "subscribe t\ndown t bad_return_value\n");
    player_expect(&p, "");
    rig_close(rig);
}

/* A consumer that goes, in whatever way, is told of and survived. */
static void what_ends_below_leaves_it_alone(struct rig *rig, int down) {
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription subscription = players_pair(rig, &t, &c, NULL);
    if (down) {
        player_stop(&c, WEIR_REASON_USER);
    } else {
        weir_cancel(rig->runtime, subscription, WEIR_REASON_USER);
    }
    rig_rest(rig);
    player_expect(&t, down ? "subscribe c\ndown c user\n" : "subscribe c\ncancel c user\n");
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
    rig_close(rig);
}

/* A consumer in the middle of three producers outlives those that it need not follow. */
static void what_ends_above_follows_each_ones_own_mode(struct rig *rig) {
    struct player p[3];
    memset(p, 0, sizeof p);
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    static const char *const names[] = {"permanent", "transient", "temporary"};
    player_start(&t, rig, NULL);
    for (int i = 0; i < 3; i++) {
        p[i].name = names[i];
        p[i].kind = WEIR_PRODUCER;
        player_start(&p[i], rig, NULL);
        player_subscribe(&t, &p[i], &(weir_subscribe_options){.cancel = (weir_cancel_mode)i});
        rig_rest(rig);
    }
    player_expect(&t, "subscribe permanent\nsubscribe transient\nsubscribe temporary\n");
    player_stop(&p[2], WEIR_REASON_USER);
    rig_rest(rig);
    player_stop(&p[1], WEIR_REASON_SHUTDOWN);
    rig_rest(rig);
    player_expect(&t, "down temporary user\ndown transient shutdown\n");
    player_stop(&p[0], WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_expect(&t, "down permanent normal\nterminate normal\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(it_can_tell_its_ends_apart),
        TEST_IN_WORLDS(manual_is_for_its_upper_end_only),
        TEST_IN_WORLDS_AND_WAYS(an_unknown_verdict_stops_it_whichever_end_it_is_for, 2),
        TEST_IN_WORLDS_AND_WAYS(what_ends_below_leaves_it_alone, 2),
        TEST_IN_WORLDS(what_ends_above_follows_each_ones_own_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
