/*
 * Control: subscribing, cancelling and messages, in GenStage's order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: both ends see a subscription begin and end, once each, in the order
 * told in GenStage; the cancel mode decides who lives; whoever is gone is seen
 * as gone; messages of one sender keep their order; mail that comes too late
 * does no harm.
 * Method: journals of players, in every kind of runtime that is stepped, with
 * workers stepped by hand where mail has to cross on its way.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <stdio.h>
#include <string.h>

/* ---- subscribing --------------------------------------------------------- */

static void both_ends_see_it_begin(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 10});
        rig_rest(&rig);
        rig_expect(&rig, "c subscribe p\np subscribe c\np demand 10\n");
        rig_close(&rig);
    }
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

static void both_ends_know_each_other_and_the_options(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        weir_subscription subscription;
        struct player p = {.name = "p",
                           .kind = WEIR_PRODUCER,
                           .own = &subscription,
                           .does.subscribe = look_at_peer};
        struct player c = p;
        c.name = "c";
        c.kind = WEIR_CONSUMER;
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        const weir_subscribe_options options = {
            .max_demand = 7, .cancel = WEIR_TEMPORARY, .user = &subscription};
        subscription = player_subscribe(&c, &p, &options);
        assert_int_equal(subscription.consumer.bits, c.ref.bits);
        assert_int_equal(subscription.producer.bits, p.ref.bits);
        rig_rest(&rig);
        rig_expect(&rig, "c subscribe p\np subscribe c\np demand 7\n");
        rig_close(&rig);
    }
}

static void subscribe_to_is_in_order(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
        struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = 10};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&q, &rig, NULL);
        const weir_subscribe_to to[] = {
            {p.ref, {.max_demand = 10}}, {q.ref, {.max_demand = 4}}, {p.ref, {.max_demand = 2}}};
        player_start(&c, &rig, &(weir_stage_options){.subscribe_to = to, .subscribe_count = 3});
        rig_rest(&rig);
        assert_memory_equal(c.journal.text, "subscribe p\nsubscribe q\nsubscribe p\n", 36);
        assert_int_equal(c.handled, 20);
        rig_close(&rig);
    }
}

/* Twice the same producer: two subscriptions, each with demand and end of its own. */
static void a_stage_may_subscribe_twice(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        const weir_subscribe_options options = {.max_demand = 10, .cancel = WEIR_TEMPORARY};
        weir_subscription first = player_subscribe(&c, &p, &options);
        weir_subscription second = player_subscribe(&c, &p, &options);
        assert_int_not_equal(first.id, second.id);
        rig_rest(&rig);
        player_expect(&p, "subscribe c\ndemand 10\nsubscribe c\ndemand 10\n");
        player_cast(&p, 20);
        rig_rest(&rig);
        assert_int_equal(c.handled, 20);
        weir_cancel(rig.runtime, first, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_cast(&p, 20);
        rig_rest(&rig);
        assert_int_equal(c.handled, 40);
        rig_close(&rig);
    }
}

/* ---- refusing ------------------------------------------------------------ */

static weir_subscribe_verdict refuse(weir_stage *self, struct player *player,
                                     const weir_peer *peer) {
    (void)self;
    (void)player;
    (void)peer;
    return WEIR_SUBSCRIBE_REFUSE;
}

static weir_subscribe_verdict manual(weir_stage *self, struct player *player,
                                     const weir_peer *peer) {
    (void)self;
    (void)player;
    (void)peer;
    return WEIR_MANUAL;
}

/* The producer never hears of it. */
static void the_consumer_may_refuse(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.subscribe = refuse};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        weir_subscription subscription = player_subscribe(&c, &p, NULL);
        rig_rest(&rig);
        rig_expect(&rig, "c subscribe p\n");
        /* To cancel or ask what has ended is no error, from outside. */
        assert_int_equal(weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
        assert_int_equal(weir_ask(rig.runtime, subscription, 5), WEIR_OK);
        rig_rest(&rig);
        rig_expect(&rig, "");
        rig_close(&rig);
    }
}

/* Manual is for consumers: a producer that says so refuses. */
static void the_producer_may_refuse(void **state) {
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            p.does.subscribe = how == 0 ? refuse : manual;
            player_start(&p, &rig, NULL);
            player_start(&c, &rig, NULL);
            player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
            rig_rest(&rig);
            player_expect(&p, "subscribe c\ncancel c refused\n");
            player_expect(&c, "subscribe p\ncancel p refused\n");
            assert_int_equal(p.next, 0);    /* what was asked is not heard */
            player_subscribe(&c, &p, NULL); /* permanent */
            rig_rest(&rig);
            player_expect(&c, "subscribe p\ncancel p refused\nterminate refused\n");
            rig_close(&rig);
        }
    }
}

/* ---- asking and cancelling inside handle_subscribe ----------------------- */

static weir_subscribe_verdict ask_at_once(weir_stage *self, struct player *player,
                                          const weir_peer *peer) {
    weir_runtime *runtime = weir_stage_runtime(self);
    RIG_CHECK(player->rig, weir_ask(runtime, peer->subscription, 3) == WEIR_OK);
    RIG_CHECK(player->rig, weir_ask(runtime, peer->subscription, 0) == WEIR_OK);
    return player->manual ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

/* GenStage's rate limiter asks first where it subscribes. */
static void a_manual_consumer_may_ask_where_it_subscribes(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player c = {
            .name = "c", .kind = WEIR_CONSUMER, .manual = true, .does.subscribe = ask_at_once};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, NULL);
        rig_rest(&rig);
        player_expect(&p, "subscribe c\ndemand 3\n");
        player_expect(&c, "subscribe p\nevents 0..2\n");
        rig_close(&rig);
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

static void a_consumer_may_cancel_where_it_subscribes(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.subscribe = cancel_at_once};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        assert_non_null(strstr(p.journal.text, "cancel c user\n"));
        assert_non_null(strstr(c.journal.text, "cancel p user\n"));
        assert_null(strstr(c.journal.text, "normal"));
        rig_close(&rig);
    }
}

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
    player_start(&p, rig, NULL);
    player_start(&c, rig, NULL);
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

static void handle_cancel_has_the_first_word(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cancel = stop_instead};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        weir_subscription subscription = player_subscribe(&c, &p, NULL);
        rig_rest(&rig);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_USER);
        rig_rest(&rig);
        player_expect(&c, "subscribe p\ncancel p user\nterminate bad_return_value\n");
        rig_close(&rig);
    }
}

/* Events sent before the producer saw the cancel are handled; then comes the end. */
static void a_cancel_lets_events_on_their_way_arrive(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        weir_subscription subscription =
            player_subscribe(&c, &p,
                             &(weir_subscribe_options){
                                 .max_demand = 100, .min_demand = 90, .cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        player_cast(&p, 35);
        while (p.next == 0) weir_runtime_step(rig.runtime, 1);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_expect(&c, "subscribe p\nevents 0..9\nevents 10..19\nevents 20..29\n"
                          "events 30..34\ncancel p normal\n");
        player_cast(&p, 5); /* for nobody */
        rig_rest(&rig);
        player_expect(&c, "");
        assert_int_equal(rig_accounts(&rig).buffered, 5);
        rig_close(&rig);
    }
}

static void cancelling_twice_is_cancelling_once(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        weir_subscription subscription =
            player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_USER);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_expect(&p, "subscribe c\ndemand 1000\ncancel c user\n");
        player_expect(&c, "subscribe p\ncancel p user\n");
        rig_close(&rig);
    }
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
                player_start(&p, &rig, NULL);
                player_start(&c, &rig, NULL);
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

/* ---- who is gone --------------------------------------------------------- */

/* The producer goes between the call and its hearing of the subscription. */
static void a_producer_that_has_gone_is_noproc(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        struct player d = {.name = "d", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_start(&d, &rig, NULL);
        rig_rest(&rig);
        player_stop(&p, WEIR_REASON_NORMAL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TRANSIENT});
        player_subscribe(&d, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        player_expect(&p, "terminate normal\n");
        player_expect(&c, "subscribe p\ndown p noproc\nterminate noproc\n");
        player_expect(&d, "subscribe p\ndown p noproc\n");
        rig_close(&rig);
    }
}

/* The request finds nobody: the producer never hears of it. */
static void a_consumer_that_has_gone_is_not_heard_of(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        rig_rest(&rig);
        player_stop(&c, WEIR_REASON_NORMAL);
        weir_subscription subscription = player_subscribe(&c, &p, NULL);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        rig_expect(&rig, "c terminate normal\n");
        rig_close(&rig);
    }
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

static weir_verdict no_events(weir_stage *self, weir_batch *batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static void a_message_is_copied_whole(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    struct mailbox mailbox = {0, 0};
    struct mailbox *its_mailbox = &mailbox;
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .state_bytes = sizeof its_mailbox,
        .state = &its_mailbox,
        .on = {.handle_events = no_events, .handle_cast = read_letter, .handle_info = read_letter}};
    weir_ref stage;
    assert_int_equal(weir_stage_start(rig.runtime, &options, &stage), WEIR_OK);
    for (size_t bytes = 0; bytes < 333; bytes++) {
        struct letter letter;
        for (size_t i = 0; i < bytes; i++) letter.bytes[i] = (unsigned char)(bytes + i);
        weir_status status = bytes % 2 ? weir_cast(rig.runtime, stage, &letter, bytes)
                                       : weir_info(rig.runtime, stage, &letter, bytes);
        memset(&letter, 0, sizeof letter);
        assert_int_equal(status, WEIR_OK);
    }
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(mailbox.wrong, 0);
    rig_close(&rig);
}

static void a_message_that_nobody_takes_is_logged(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .name = "deaf", .on = {.handle_events = no_events}};
    weir_ref stage;
    assert_int_equal(weir_stage_start(rig.runtime, &options, &stage), WEIR_OK);
    assert_int_equal(weir_cast(rig.runtime, stage, "hello", 5), WEIR_OK);
    assert_int_equal(weir_info(rig.runtime, stage, NULL, 0), WEIR_OK);
    rig_rest(&rig);
    rig_expect_log(&rig,
                   "warning: stage deaf has no handle_cast: a message of 5 bytes was dropped\n"
                   "warning: stage deaf has no handle_info: a message of 0 bytes was dropped\n");
    rig_close(&rig);
}

/* Its messages are dropped, its edges told, without a callback or a leak. */
static void mail_to_a_stage_that_has_gone_does_no_harm(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        weir_subscription subscription = player_subscribe(&c, &p, NULL);
        rig_rest(&rig);
        player_stop(&p, WEIR_REASON_NORMAL);
        player_stop(&c, WEIR_REASON_USER);
        for (uint64_t i = 0; i < 5; i++) {
            player_cast(&p, i);
            player_info(&p, i);
            player_cast(&c, i);
            player_info(&c, i);
            player_demand(&p, WEIR_FORWARD);
            player_stop(&p, WEIR_REASON_USER);
            weir_ask(rig.runtime, subscription, 1);
            weir_cancel(rig.runtime, subscription, WEIR_REASON_USER);
        }
        player_subscribe(&c, &p, NULL);
        rig_rest(&rig);
        assert_null(strstr(rig.journal.text, "cast"));
        assert_null(strstr(rig.journal.text, "info"));
        assert_int_equal(weir_runtime_stages(rig.runtime), 0);
        rig_close(&rig);
    }
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

static void another_stage_may_ask_and_cancel(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct order order = {.asked = WEIR_INVALID, .cancelled = WEIR_INVALID};
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
        struct player m = {.name = "m", .kind = WEIR_CONSUMER, .own = &order, .does.cast = meddle};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_start(&m, &rig, NULL);
        order.subscription =
            player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        player_cast(&m, 1);
        rig_rest(&rig);
        player_cast(&m, 2);
        rig_rest(&rig);
        assert_int_equal(order.asked, WEIR_OK);
        assert_int_equal(order.cancelled, WEIR_OK);
        player_expect(&c, "subscribe p\nevents 0..4\ncancel p normal\n");
        rig_close(&rig);
    }
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

static void what_has_ended_is_refused_inside(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cancel = try_after_the_end};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        weir_subscription subscription = player_subscribe(&c, &p, NULL);
        rig_rest(&rig);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_expect(&c, "subscribe p\ncancel p normal\nterminate normal\n");
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_see_it_begin),
        cmocka_unit_test(both_ends_know_each_other_and_the_options),
        cmocka_unit_test(subscribe_to_is_in_order),
        cmocka_unit_test(a_stage_may_subscribe_twice),
        cmocka_unit_test(the_consumer_may_refuse),
        cmocka_unit_test(the_producer_may_refuse),
        cmocka_unit_test(a_manual_consumer_may_ask_where_it_subscribes),
        cmocka_unit_test(a_consumer_may_cancel_where_it_subscribes),
        cmocka_unit_test(the_cancel_mode_decides_who_lives),
        cmocka_unit_test(handle_cancel_has_the_first_word),
        cmocka_unit_test(a_cancel_lets_events_on_their_way_arrive),
        cmocka_unit_test(cancelling_twice_is_cancelling_once),
        cmocka_unit_test(cancels_and_ends_cross_at_every_step),
        cmocka_unit_test(a_producer_that_has_gone_is_noproc),
        cmocka_unit_test(a_consumer_that_has_gone_is_not_heard_of),
        cmocka_unit_test(messages_of_one_sender_keep_their_order),
        cmocka_unit_test(a_message_is_copied_whole),
        cmocka_unit_test(a_message_that_nobody_takes_is_logged),
        cmocka_unit_test(mail_to_a_stage_that_has_gone_does_no_harm),
        cmocka_unit_test(another_stage_may_ask_and_cancel),
        cmocka_unit_test(what_has_ended_is_refused_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
