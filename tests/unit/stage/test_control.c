/*
 * Control: subscribing and messages, in GenStage's order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: both ends see a subscription begin, once each, in the order told in
 * GenStage, and know each other and the options; either may refuse; messages of
 * one sender keep their order and come whole.  (Cancelling: test_control_cancel.c)
 * Method: journals of players, in every kind of runtime that is stepped.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* ---- subscribing --------------------------------------------------------- */

static void both_ends_see_it_begin(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    players_pair(rig, &p, &c, &(weir_subscribe_options){.max_demand = 10});
    rig_expect(rig, "c subscribe p\np subscribe c\np demand 10\n");
    rig_close(rig);
}

static weir_subscribe_verdict look_at_peer(weir_stage *self, struct player *player,
                                           const weir_peer *peer) {
    struct rig *rig = player->rig;
    bool producing = player->kind == WEIR_PRODUCER;
    const weir_subscription *subscription = player->own;
    weir_ref producer = producing ? weir_self(self) : peer->stage;
    weir_ref consumer = producing ? peer->stage : weir_self(self);
    RIG_CHECK(rig, peer->side == (producing ? WEIR_CONSUMER : WEIR_PRODUCER));
    RIG_CHECK(rig, peer->subscription.producer.bits == producer.bits);
    RIG_CHECK(rig, peer->subscription.consumer.bits == consumer.bits);
    RIG_CHECK(rig, peer->subscription.id == subscription->id);
    RIG_CHECK(rig, peer->options->max_demand == 7);
    RIG_CHECK(rig, peer->options->min_demand == 3); /* the default is filled in */
    RIG_CHECK(rig, peer->options->cancel == WEIR_TEMPORARY);
    RIG_CHECK(rig, peer->options->user == player->own);
    return WEIR_AUTOMATIC;
}

static void both_ends_know_each_other_and_the_options(struct rig *rig) {
    weir_subscription subscription;
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .own = &subscription, .does.subscribe = look_at_peer};
    struct player c = p;
    c.name = "c";
    c.kind = WEIR_CONSUMER;
    PLAYERS_START(rig, &p, &c);
    const weir_subscribe_options options = {
        .max_demand = 7, .cancel = WEIR_TEMPORARY, .user = &subscription};
    subscription = player_subscribe(&c, &p, &options);
    assert_int_equal(subscription.consumer.bits, c.ref.bits);
    assert_int_equal(subscription.producer.bits, p.ref.bits);
    rig_rest(rig);
    rig_expect(rig, "c subscribe p\np subscribe c\np demand 7\n");
    rig_close(rig);
}

static void subscribe_to_is_in_order(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = 10};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &q);
    const weir_subscribe_to to[] = {{.producer = p.ref, .options.max_demand = 10},
                                    {.producer = q.ref, .options.max_demand = 4},
                                    {.producer = p.ref, .options.max_demand = 2}};
    player_start(&c, rig, &(weir_stage_options){.subscribe_to = to, .subscribe_count = 3});
    rig_rest(rig);
    assert_memory_equal(c.journal.text, "subscribe p\nsubscribe q\nsubscribe p\n", 36);
    assert_int_equal(c.handled, 20);
    rig_close(rig);
}

/* Twice the same producer: two subscriptions, each with demand and end of its own. */
static void a_stage_may_subscribe_twice(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    const weir_subscribe_options options = {.max_demand = 10, .cancel = WEIR_TEMPORARY};
    weir_subscription first = player_subscribe(&c, &p, &options);
    weir_subscription second = player_subscribe(&c, &p, &options);
    assert_int_not_equal(first.id, second.id);
    rig_rest(rig);
    player_expect(&p, "subscribe c\ndemand 10\nsubscribe c\ndemand 10\n");
    player_cast(&p, 20);
    rig_rest(rig);
    assert_int_equal(c.handled, 20);
    weir_cancel(rig->runtime, first, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_cast(&p, 20);
    rig_rest(rig);
    assert_int_equal(c.handled, 40);
    rig_close(rig);
}

/* ---- refusing ------------------------------------------------------------ */

/* The producer never hears of it. */
static void the_consumer_may_refuse(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.subscribe = deed_refuse};
    weir_subscription subscription = players_pair(rig, &p, &c, NULL);
    rig_expect(rig, "c subscribe p\n");
    /* To cancel or ask what has ended is no error, from outside. */
    assert_int_equal(weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
    assert_int_equal(weir_ask(rig->runtime, subscription, 5), WEIR_OK);
    rig_rest(rig);
    rig_expect(rig, "");
    rig_close(rig);
}

/* Manual is for consumers: a producer that says so refuses. */
static void the_producer_may_refuse(struct rig *rig, int how) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    p.does.subscribe = how == 0 ? deed_refuse : deed_manual;
    players_pair(rig, &p, &c, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    player_expect(&p, "subscribe c\ncancel c refused\n");
    player_expect(&c, "subscribe p\ncancel p refused\n");
    assert_int_equal(p.next, 0);    /* what was asked is not heard */
    player_subscribe(&c, &p, NULL); /* permanent */
    rig_rest(rig);
    player_expect(&c, "subscribe p\ncancel p refused\nterminate refused\n");
    rig_close(rig);
}

static void an_unknown_verdict_is_a_bad_return(void **state) {
    (void)state;
    for (int end = WEIR_PRODUCER; end <= WEIR_CONSUMER; end += 2) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            (end == WEIR_PRODUCER ? &p : &c)->does.subscribe = deed_no_verdict;
            players_pair(&rig, &p, &c, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
            if (end == WEIR_PRODUCER) {
                player_expect(&p, "subscribe c\nterminate bad_return_value\n");
                player_expect(&c, "subscribe p\ndown p bad_return_value\n");
            } else {
                player_expect(&p, "");
                player_expect(&c, "subscribe p\nterminate bad_return_value\n");
            }
            rig_expect_log(&rig, end == WEIR_PRODUCER
                                     ? "error: stage p stops: handle_subscribe has returned 9\n"
                                     : "error: stage c stops: handle_subscribe has returned 9\n");
            rig_close(&rig);
        }
    }
}

static weir_verdict take_all(weir_stage *self, weir_batch batch) {
    uint64_t *count = *(uint64_t **)weir_state(self);
    *count += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict give_all(weir_stage *self, uint64_t demand) {
    const unsigned char zeros[1000] = {0};
    bool given = weir_emit(self, zeros, demand < 1000 ? (size_t)demand : 1000) == WEIR_OK;
    return given ? WEIR_STOP : WEIR_CONTINUE;
}

static void no_callback_is_needed_but_the_main_one(struct rig *rig) {
    uint64_t count = 0;
    uint64_t *its_count = &count;
    weir_ref p;
    const weir_stage_options producer = {
        .kind = WEIR_PRODUCER, .event_bytes = 1, .on.handle_demand = give_all};
    assert_int_equal(weir_stage_start(rig->runtime, &producer, &p), WEIR_OK);
    const weir_subscribe_to to = {.producer = p};
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .state_bytes = sizeof its_count,
                                         .state = &its_count,
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .on.handle_events = take_all};
    assert_int_equal(weir_stage_start(rig->runtime, &consumer, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(count, 1000);
    rig->emitted = rig->handled = 1000;
    rig_close(rig);
}

/* ---- asking inside handle_subscribe -------------------------------------- */

static weir_subscribe_verdict ask_at_once(weir_stage *self, struct player *player,
                                          const weir_peer *peer) {
    weir_runtime *runtime = weir_stage_runtime(self);
    RIG_CHECK(player->rig, weir_ask(runtime, peer->subscription, 3) == WEIR_OK);
    RIG_CHECK(player->rig, weir_ask(runtime, peer->subscription, 0) == WEIR_OK);
    return player->manual ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

/* GenStage's rate limiter asks first where it subscribes. */
static void a_manual_consumer_may_ask_where_it_subscribes(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .manual = true, .does.subscribe = ask_at_once};
    players_pair(rig, &p, &c, NULL);
    player_expect(&p, "subscribe c\ndemand 3\n");
    player_expect(&c, "subscribe p\nevents 0..2\n");
    rig_close(rig);
}

/* ---- messages ------------------------------------------------------------ */

/* Casts in the order of casts, infos in that of infos: each is checked as it comes. */
static weir_verdict count_casts(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    uint64_t *next = player->own;
    RIG_CHECK(player->rig, number == next[0]++);
    return WEIR_CONTINUE;
}

static weir_verdict count_infos(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    uint64_t *next = player->own;
    RIG_CHECK(player->rig, number == next[1]++);
    return WEIR_CONTINUE;
}

static void messages_of_one_sender_keep_their_order(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            uint64_t next[2] = {0, 0};
            struct player s = {.name = "s",
                               .kind = (weir_kind)kind,
                               .own = next,
                               .does = {.cast = count_casts, .info = count_infos}};
            player_start(&s, &rig, NULL);
            for (uint64_t i = 0; i < 1000; i++) {
                player_cast(&s, i);
                if (i % 3 == 0) player_info(&s, i / 3);
                if (i % 50 == 0) weir_runtime_step(rig.runtime, 1);
            }
            rig_rest(&rig);
            assert_int_equal(next[0], 1000);
            assert_int_equal(next[1], 334);
            rig_close(&rig);
        }
    }
}

struct letter {
    unsigned char bytes[333];
};

struct mailbox {
    size_t read;
    size_t wrong;
};

static weir_verdict read_letter(weir_stage *self, const void *message, size_t bytes) {
    struct mailbox *mailbox = *(struct mailbox **)weir_state(self);
    const unsigned char *byte = message;
    mailbox->wrong += (uintptr_t)message % 16 != 0;
    for (size_t i = 0; i < bytes; i++) mailbox->wrong += byte[i] != (unsigned char)(bytes + i);
    return ++mailbox->read == 333 ? WEIR_STOP : WEIR_CONTINUE;
}

static void a_message_is_copied_whole(struct rig *rig) {
    struct mailbox mailbox = {0, 0};
    struct mailbox *its_mailbox = &mailbox;
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .state_bytes = sizeof its_mailbox,
                                        .state = &its_mailbox,
                                        .on = {.handle_events = deed_no_events,
                                               .handle_cast = read_letter,
                                               .handle_info = read_letter}};
    weir_ref stage;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &stage), WEIR_OK);
    for (size_t bytes = 0; bytes < 333; bytes++) {
        struct letter letter;
        for (size_t i = 0; i < bytes; i++) letter.bytes[i] = (unsigned char)(bytes + i);
        weir_status status = bytes % 2 ? weir_cast(rig->runtime, stage, &letter, bytes)
                                       : weir_info(rig->runtime, stage, &letter, bytes);
        memset(&letter, 0, sizeof letter);
        assert_int_equal(status, WEIR_OK);
    }
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(mailbox.wrong, 0);
    rig_close(rig);
}

static void a_message_that_nobody_takes_is_logged(struct rig *rig) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .name = "deaf", .on = {.handle_events = deed_no_events}};
    weir_ref stage;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &stage), WEIR_OK);
    assert_int_equal(weir_cast(rig->runtime, stage, "hello", 5), WEIR_OK);
    assert_int_equal(weir_info(rig->runtime, stage, NULL, 0), WEIR_OK);
    rig_rest(rig);
    rig_expect_log(rig,
                   "warning: stage deaf has no handle_cast: a message of 5 bytes was dropped\n"
                   "warning: stage deaf has no handle_info: a message of 0 bytes was dropped\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(both_ends_see_it_begin),
        TEST_IN_WORLDS(both_ends_know_each_other_and_the_options),
        TEST_IN_WORLDS(subscribe_to_is_in_order),
        TEST_IN_WORLDS(a_stage_may_subscribe_twice),
        TEST_IN_WORLDS(the_consumer_may_refuse),
        TEST_IN_WORLDS_AND_WAYS(the_producer_may_refuse, 2),
        cmocka_unit_test(an_unknown_verdict_is_a_bad_return),
        TEST_IN_WORLDS(no_callback_is_needed_but_the_main_one),
        TEST_IN_WORLDS(a_manual_consumer_may_ask_where_it_subscribes),
        cmocka_unit_test(messages_of_one_sender_keep_their_order),
        TEST_STEPPED(a_message_is_copied_whole),
        TEST_STEPPED(a_message_that_nobody_takes_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
