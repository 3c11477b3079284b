/*
 * Behaviour: what users of GenStage stumble over, and what weir does instead.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: none of GenStage's known defects.  Those that have a test elsewhere are in
 * docs/genstage.md; here are the others.
 * Method: the smallest scene in which GenStage goes wrong, in every kind of stepped
 * runtime, with what should be seen instead.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};

/*
 * Defect A.  A producer_consumer whose consumers have gone while it had demand works
 * on for ever there, into a buffer without bound.  Here it ends the message in hand.
 */
static void without_consumers_the_middle_stops_within_what_was_asked(struct rig *rig, int down) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &ten);
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    rig_rest(rig); /* a thousand are wanted of t, and ten of p */
    if (down) {
        player_stop(&c, WEIR_REASON_NORMAL);
    } else {
        weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    }
    rig_rest(rig);
    p.limit = UINT64_MAX; /* now it makes what it is asked for, and at once */
    player_cast(&p, 10);
    rig_rest(rig); /* in GenStage there is no rest from here on */
    assert_true(t.handled <= 10);
    assert_true(p.next <= 20);
    rig_close(rig);
}

/* Defect B.  The same, when a late subscriber of a broadcast has not asked yet. */
static void a_silent_late_comer_does_not_set_the_middle_running(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player silent = {.name = "silent", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, NULL);
    player_start(&t, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &a, &silent);
    player_subscribe(&t, &p, &ten);
    player_subscribe(&a, &t, NULL);
    rig_rest(rig);
    weir_subscription subscription = player_subscribe(&silent, &t, &ten);
    rig_rest(rig);
    p.limit = 100;
    player_cast(&p, 10);
    rig_rest(rig);
    assert_int_equal(a.handled, 0);
    assert_true(t.handled <= 10);
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(a.handled, 100); /* and nothing was lost */
    rig_close(rig);
}

/*
 * Defect C.  After a consumer has died, another's demand is set off against the dead
 * one's while events lie in the buffer; newer ones then overtake them.
 */
static void a_survivor_is_served_in_order_and_at_once(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &a, &b);
    player_subscribe(&a, &p, &ten);
    player_subscribe(&b, &p, &(weir_subscribe_options){.max_demand = 5, .min_demand = WEIR_NONE});
    rig_rest(rig);
    player_stop(&a, WEIR_REASON_USER);
    rig_rest(rig);
    player_cast(&p, 10);
    player_cast(&p, 5);
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 0..4\nevents 5..9\nevents 10..14\n");
    assert_int_equal(rig_accounts(rig).buffered, 0);
    rig_close(rig);
}

/*
 * Defect D.  A broadcast's first consumer has asked, a second comes, the events come,
 * the second asks: both wait beside a full buffer, for ever.
 */
static void a_late_comer_and_full_buffer_do_not_wait_for_each_other(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &ten);
    rig_rest(rig);
    weir_subscription subscription = player_subscribe(&b, &p, &ten);
    rig_rest(rig);
    player_cast(&p, 10);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).buffered, 10);
    weir_ask(rig->runtime, subscription, 14);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..9\n");
    player_expect(&b, "subscribe p\nevents 0..9\n");
    /* And the demand that goes on is heard of: a's next ten, as far as b has four. */
    player_expect(&p, "subscribe a\ndemand 10\nsubscribe b\ncast 10\ndemand 4\n");
    rig_close(rig);
}

/* A buffer of size 0 passes GenStage's check, and then the start crashes. */
static void a_stage_without_a_buffer_starts(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.buffer_size = WEIR_NONE});
    player_start(&c, rig, NULL);
    player_cast(&p, 2); /* nobody wants them: gone, and told */
    rig_rest(rig);
    player_subscribe(&c, &p, &ten);
    rig_rest(rig);
    player_cast(&p, 2);
    rig_rest(rig);
    player_expect(&p, "cast 2\ndiscarded 2 overflow\nsubscribe c\ndemand 10\ncast 2\n");
    player_expect(&c, "subscribe p\nevents 2 3\n");
    rig_close(rig);
}

/* There, what a consumer had been sent and not begun dies with it. */
static void what_a_dead_consumer_had_not_begun_is_another_ones(struct rig *rig, int discard) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .does.events = deed_fail};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.discard_returned = discard});
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = 8});
    rig_rest(rig);
    player_subscribe(&b, &p, &(weir_subscribe_options){.max_demand = 10});
    rig_rest(rig);
    assert_int_equal(a.handled, 2);
    assert_int_equal(b.handled, discard ? 0 : 8); /* GenStage's way is an option */
    rig_close(rig);
}

/* There, bad subscribe options in subscribe_to are logged, and the stage runs without. */
static void bad_options_fail_the_start(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, NULL);
    const weir_subscribe_to to = {.producer = p.ref,
                                  .options = {.max_demand = 10, .min_demand = 10}};
    const weir_stage_options options = {.subscribe_to = &to, .subscribe_count = 1};
    assert_int_equal(player_try_start(&c, rig, &options), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage c: min_demand must be at most 9, got 10");
    rig->players = c.started;
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
    rig_expect_log(rig, "");
    rig_close(rig);
}

/* There, a stopping producer takes its buffer with it; here the pipeline can be emptied. */
static void a_pipeline_can_be_stopped_without_loss(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    p.quiet = t.quiet = c.quiet = true;
    PLAYERS_START(rig, &p, &t, &c);
    player_cast(&p, 5000);
    player_subscribe(&t, &p, NULL);
    player_subscribe(&c, &t, &(weir_subscribe_options){.max_demand = 7});
    while (c.handled < 100) weir_runtime_step(rig->runtime, 1);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(report.stages, 0);
    assert_int_equal(report.accounts.discarded, 0);
    assert_int_equal(c.handled, p.emitted);
    assert_int_equal(c.sum, p.emitted * (p.emitted - 1) / 2);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(without_consumers_the_middle_stops_within_what_was_asked, 2),
        TEST_IN_WORLDS(a_silent_late_comer_does_not_set_the_middle_running),
        TEST_IN_WORLDS(a_survivor_is_served_in_order_and_at_once),
        TEST_IN_WORLDS(a_late_comer_and_full_buffer_do_not_wait_for_each_other),
        TEST_IN_WORLDS(a_stage_without_a_buffer_starts),
        TEST_IN_WORLDS_AND_WAYS(what_a_dead_consumer_had_not_begun_is_another_ones, 2),
        TEST_STEPPED(bad_options_fail_the_start),
        TEST_IN_WORLDS(a_pipeline_can_be_stopped_without_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
