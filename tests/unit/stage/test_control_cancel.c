/*
 * Control: cancelling, and whoever is gone, in GenStage's order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: both ends see a subscription end, once each; the cancel mode decides who
 * lives; whoever is gone is seen as gone; mail that comes too late does no harm;
 * what has ended is refused.
 * Method: journals of players, in every kind of runtime that is stepped, with
 * workers stepped by hand where mail has to cross on its way.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

/* ---- cancelling ---------------------------------------------------------- */

static const weir_reason reasons[] = {
    WEIR_REASON_NORMAL,  WEIR_REASON_SHUTDOWN,  WEIR_REASON_NOPROC, WEIR_REASON_ALREADY_SUBSCRIBED,
    WEIR_REASON_REFUSED, WEIR_REASON_NO_MEMORY, WEIR_REASON_USER};

static bool should_stop(weir_cancel_mode mode, weir_reason reason) {
    if (reason == WEIR_REASON_ALREADY_SUBSCRIBED) return false;
    if (mode == WEIR_TRANSIENT) {
        return reason != WEIR_REASON_NORMAL && reason != WEIR_REASON_SHUTDOWN;
    }
    return mode == WEIR_PERMANENT;
}

static void one_end_of(struct rig *rig, weir_kind kind, weir_cancel_mode mode, weir_reason reason,
                       bool down) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = kind};
    PLAYERS_START(rig, &p, &c);
    const weir_subscribe_options options = {.max_demand = 5, .cancel = mode};
    weir_subscription subscription = player_subscribe(&c, &p, &options);
    rig_rest(rig);
    player_expect(&c, "subscribe p\n");
    if (down) {
        player_stop(&p, reason);
    } else {
        assert_int_equal(weir_cancel(rig->runtime, subscription, reason), WEIR_OK);
    }
    rig_rest(rig);
    const char *word = weir_reason_text(reason);
    char expected[100];
    int length = snprintf(expected, sizeof expected, "%s p %s\n", down ? "down" : "cancel", word);
    if (should_stop(mode, reason)) {
        snprintf(expected + length, sizeof expected - (size_t)length, "terminate %s\n", word);
    }
    player_expect(&c, expected);
    if (!down) {
        snprintf(expected, sizeof expected, "subscribe c\ndemand 5\ncancel c %s\n", word);
        player_expect(&p, expected);
    }
    rig_close(rig);
}

static void the_cancel_mode_decides_who_lives(void **state) {
    (void)state;
    for (int mode = WEIR_PERMANENT; mode <= WEIR_TEMPORARY; mode++) {
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
            for (int down = 0; down < 2; down++) {
                struct rig rig;
                for (int world = 0; rig_open_world(&rig, world); world++) {
                    weir_kind kind = world % 2 ? WEIR_CONSUMER : WEIR_PRODUCER_CONSUMER;
                    one_end_of(&rig, kind, (weir_cancel_mode)mode, reasons[i], down);
                }
            }
        }
    }
}

static weir_verdict stop_instead(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)player;
    (void)peer;
    return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
}

static void handle_cancel_has_the_first_word(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cancel = stop_instead};
    weir_subscription subscription = players_pair(rig, &p, &c, NULL);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_USER);
    rig_rest(rig);
    player_expect(&c, "subscribe p\ncancel p user\nterminate bad_return_value\n");
    rig_close(rig);
}

/* Events sent before the producer saw the cancel are handled; then comes the end. */
static void a_cancel_lets_events_on_their_way_arrive(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription subscription = players_pair(
        rig, &p, &c,
        &(weir_subscribe_options){.max_demand = 100, .min_demand = 90, .cancel = WEIR_TEMPORARY});
    player_cast(&p, 35);
    while (p.next == 0) weir_runtime_step(rig->runtime, 1);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..9\nevents 10..19\nevents 20..29\n"
                      "events 30..34\ncancel p normal\n");
    player_cast(&p, 5); /* for nobody */
    rig_rest(rig);
    player_expect(&c, "");
    assert_int_equal(rig_accounts(rig).buffered, 5);
    rig_close(rig);
}

static void cancelling_twice_is_cancelling_once(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription subscription =
        players_pair(rig, &p, &c, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    weir_cancel(rig->runtime, subscription, WEIR_REASON_USER);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_expect(&p, "subscribe c\ndemand 1000\ncancel c user\n");
    player_expect(&c, "subscribe p\ncancel p user\n");
    rig_close(rig);
}

/* Everything at every moment: who is told what may differ, but all adds up. */
static void cancels_and_ends_cross_at_every_step(void **state) {
    (void)state;
    for (uint64_t steps = 0; steps < 40; steps++) {
        for (int what = 0; what < 5; what++) {
            struct rig rig;
            for (int world = 0; rig_open_world(&rig, world); world++) {
                struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1000};
                struct player c = {.name = "c", .kind = WEIR_CONSUMER};
                PLAYERS_START(&rig, &p, &c);
                weir_subscription subscription = player_subscribe(
                    &c, &p, &(weir_subscribe_options){.max_demand = 20, .cancel = WEIR_TEMPORARY});
                weir_runtime_step(rig.runtime, steps);
                if (what != 1) weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
                if (what == 1 || what == 2) player_stop(&p, WEIR_REASON_NORMAL);
                if (what == 3) player_stop(&c, WEIR_REASON_NORMAL);
                if (what == 4) weir_runtime_stop(rig.runtime, WEIR_REASON_NORMAL);
                rig_rest(&rig);
                if (what < 3) {
                    /* One end, and nothing after it; the producer may never have known. */
                    const char *end = strstr(c.journal.text, " p no");
                    assert_non_null(end);
                    assert_true(strcmp(end, " p normal\n") == 0 || strcmp(end, " p noproc\n") == 0);
                    assert_int_equal(c.handled, p.emitted - rig_accounts(&rig).buffered -
                                                    rig_accounts(&rig).discarded);
                }
                rig_close(&rig);
            }
        }
    }
}

static weir_subscribe_verdict cancel_at_once(weir_stage *self, struct player *player,
                                             const weir_peer *peer) {
    struct rig *rig = player->rig;
    weir_runtime *runtime = weir_stage_runtime(self);
    RIG_CHECK(rig, weir_cancel(runtime, peer->subscription, WEIR_REASON_USER) == WEIR_OK);
    RIG_CHECK(rig, weir_cancel(runtime, peer->subscription, WEIR_REASON_NORMAL) == WEIR_OK);
    return WEIR_AUTOMATIC;
}

static void a_consumer_may_cancel_where_it_subscribes(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.subscribe = cancel_at_once};
    players_pair(rig, &p, &c, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    assert_non_null(strstr(p.journal.text, "cancel c user\n"));
    assert_non_null(strstr(c.journal.text, "cancel p user\n"));
    assert_null(strstr(c.journal.text, "normal"));
    rig_close(rig);
}

/* ---- who is gone --------------------------------------------------------- */

/* The producer goes between the call and its hearing of the subscription. */
static void a_producer_that_has_gone_is_noproc(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c, &d);
    rig_rest(rig);
    player_stop(&p, WEIR_REASON_NORMAL);
    player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TRANSIENT});
    player_subscribe(&d, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_expect(&p, "terminate normal\n");
    player_expect(&c, "subscribe p\ndown p noproc\nterminate noproc\n");
    player_expect(&d, "subscribe p\ndown p noproc\n");
    rig_close(rig);
}

/* The request finds nobody: the producer never hears of it. */
static void a_consumer_that_has_gone_is_not_heard_of(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    rig_rest(rig);
    player_stop(&c, WEIR_REASON_NORMAL);
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    rig_expect(rig, "c terminate normal\n");
    rig_close(rig);
}

/* Its messages are dropped, its edges told, without a callback or a leak. */
static void mail_to_a_stage_that_has_gone_does_no_harm(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription subscription = players_pair(rig, &p, &c, NULL);
    player_stop(&p, WEIR_REASON_NORMAL);
    player_stop(&c, WEIR_REASON_USER);
    for (uint64_t i = 0; i < 5; i++) {
        player_cast(&p, i);
        player_info(&p, i);
        player_cast(&c, i);
        player_info(&c, i);
        player_demand(&p, WEIR_FORWARD);
        player_stop(&p, WEIR_REASON_USER);
        weir_ask(rig->runtime, subscription, 1);
        weir_cancel(rig->runtime, subscription, WEIR_REASON_USER);
    }
    player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    assert_null(strstr(rig->journal.text, "cast"));
    assert_null(strstr(rig->journal.text, "info"));
    assert_int_equal(weir_runtime_stages(rig->runtime), 0);
    rig_close(rig);
}

/* ---- from another stage -------------------------------------------------- */

struct order {
    weir_subscription subscription;
    weir_status asked;
    weir_status cancelled;
};

static weir_verdict meddle(weir_stage *self, struct player *player, uint64_t number) {
    struct order *order = player->own;
    weir_runtime *runtime = weir_stage_runtime(self);
    if (number == 1) order->asked = weir_ask(runtime, order->subscription, 5);
    if (number == 2) {
        order->cancelled = weir_cancel(runtime, order->subscription, WEIR_REASON_NORMAL);
    }
    return WEIR_CONTINUE;
}

static void another_stage_may_ask_and_cancel(struct rig *rig) {
    struct order order = {.asked = WEIR_INVALID, .cancelled = WEIR_INVALID};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    struct player m = {.name = "m", .kind = WEIR_CONSUMER, .own = &order, .does.cast = meddle};
    PLAYERS_START(rig, &p, &c, &m);
    order.subscription =
        player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_cast(&m, 1);
    rig_rest(rig);
    player_cast(&m, 2);
    rig_rest(rig);
    assert_int_equal(order.asked, WEIR_OK);
    assert_int_equal(order.cancelled, WEIR_OK);
    player_expect(&c, "subscribe p\nevents 0..4\ncancel p normal\n");
    rig_close(rig);
}

/* In its own callbacks a consumer learns at once that a subscription has ended. */
static weir_verdict try_after_the_end(weir_stage *self, struct player *player,
                                      const weir_peer *peer) {
    weir_runtime *runtime = weir_stage_runtime(self);
    if (player->kind == WEIR_CONSUMER) {
        struct rig *rig = player->rig;
        weir_subscription ended = peer->subscription;
        RIG_CHECK(rig, weir_ask(runtime, ended, 1) == WEIR_NO_SUBSCRIPTION);
        RIG_CHECK(rig, strcmp(weir_refusal(), "the subscription has ended") == 0);
        RIG_CHECK(rig, weir_cancel(runtime, ended, WEIR_REASON_USER) == WEIR_NO_SUBSCRIPTION);
    }
    return WEIR_CONTINUE;
}

static void what_has_ended_is_refused_inside(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cancel = try_after_the_end};
    weir_subscription subscription = players_pair(rig, &p, &c, NULL);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_expect(&c, "subscribe p\ncancel p normal\nterminate normal\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(a_consumer_may_cancel_where_it_subscribes),
        cmocka_unit_test(the_cancel_mode_decides_who_lives),
        TEST_IN_WORLDS(handle_cancel_has_the_first_word),
        TEST_IN_WORLDS(a_cancel_lets_events_on_their_way_arrive),
        TEST_IN_WORLDS(cancelling_twice_is_cancelling_once),
        cmocka_unit_test(cancels_and_ends_cross_at_every_step),
        TEST_IN_WORLDS(a_producer_that_has_gone_is_noproc),
        TEST_IN_WORLDS(a_consumer_that_has_gone_is_not_heard_of),
        TEST_IN_WORLDS(mail_to_a_stage_that_has_gone_does_no_harm),
        TEST_IN_WORLDS(another_stage_may_ask_and_cancel),
        TEST_IN_WORLDS(what_has_ended_is_refused_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
