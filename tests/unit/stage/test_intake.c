/*
 * Intake: messages are cut by the window, in order, each producer's on its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: batches, asks and excess follow GenStage's rule for every min and max;
 * a message is contiguous however it came, and nothing comes between its
 * batches; a manual consumer gets messages whole; several producers have an
 * account each.  (Messages that wait: test_intake_gate.c.)
 * Method: worked examples, by journals; several producers and long messages by
 * what each batch holds.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the window ---------------------------------------------------------- */

struct row {
    size_t max;
    size_t min;
    uint64_t messages[4];
    const char *batches; /* of the last message                */
    uint64_t asked;      /* in total, after the first max      */
};

/* The table of GenStage's documentation and tests; first messages set the demand. */
static const struct row rows[] = {
    {1000, 500, {1000}, "events 0..499\nevents 500..999\n", 1000},
    {1000, 500, {700}, "events 0..499\nevents 500..699\n", 500},
    {1000, 750, {100, 100}, "events 100..199\n", 0},
    {1000, 750, {100, 100, 100}, "events 200..299\n", 300},
    {100,
     80,
     {100},
     "events 0..19\nevents 20..39\nevents 40..59\nevents 60..79\nevents 80..99\n",
     100},
    {10, WEIR_NONE, {10}, "events 0..9\n", 10},
    {10, WEIR_NONE, {9}, "events 0..8\n", 0},
    {10, 5, {7}, "events 0..4\nevents 5 6\n", 5},
    {10, 7, {2, 3}, "events 2..4\n", 5},
    {10, 9, {3}, "events 0\nevents 1\nevents 2\n", 3},
    {10, 8, {5}, "events 0 1\nevents 2 3\nevents 4\n", 4}, /* inline, and cut */
    {1, WEIR_NONE, {1}, "events 0\n", 1},
    {2, 1, {2}, "events 0\nevents 1\n", 2},
};

static void batches_and_asks_follow_the_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            players_pair(&rig, &p, &c,
                         &(weir_subscribe_options){.max_demand = row->max, .min_demand = row->min});
            for (int k = 0; row->messages[k] > 0; k++) {
                rig_text_expect(&c.journal, c.journal.text); /* the last message's alone */
                player_cast(&p, row->messages[k]);
                rig_rest(&rig);
            }
            player_expect(&c, row->batches);
            /* Demand is merged on its way, so only the sum is certain. */
            uint64_t asked = 0;
            for (const char *at = p.journal.text; (at = strstr(at, "demand ")) != NULL; at++) {
                asked += strtoull(at + 7, NULL, 10);
            }
            assert_int_equal(asked, row->max + row->asked);
            rig_expect_log(&rig, "");
            rig_close(&rig);
        }
    }
}

/* A dispatcher of the program's own, which gives its one consumer all it can get. */
static weir_reason generous_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    *(weir_outlet **)state = consumer;
    *upstream = 0;
    return WEIR_REASON_NORMAL;
}

static uint64_t generous_ask(void *state, weir_outlet *consumer, uint64_t count) {
    (void)state;
    (void)consumer;
    return count;
}

static uint64_t generous_cancel(void *state, weir_outlet *consumer) {
    (void)consumer;
    *(weir_outlet **)state = NULL;
    return 0;
}

static void generous_dispatch(void *state, weir_run *run, uint64_t count) {
    weir_outlet *consumer = *(weir_outlet **)state;
    if (consumer != NULL) weir_run_send(run, consumer, count + 1000); /* no more than there is */
}

static uint64_t generous_demand(const void *state) {
    return *(weir_outlet *const *)state != NULL ? UINT64_MAX : 0;
}

static const weir_dispatcher generous = {.name = "generous",
                                         .state_bytes = sizeof(weir_outlet *),
                                         .subscribe = generous_subscribe,
                                         .ask = generous_ask,
                                         .cancel = generous_cancel,
                                         .dispatch = generous_dispatch,
                                         .open_demand = generous_demand};

static void excess_is_handled_and_logged(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = &generous});
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = 5});
    rig_rest(rig);
    player_cast(&p, 30);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..4\nevents 5..9\nevents 10..14\nevents 15..19\n"
                      "events 20..24\nevents 25..29\n");
    const char *line = "error: stage c has received 5 events in excess of its demand\n";
    char expected[400];
    snprintf(expected, sizeof expected, "%s%s%s%s", line, line, line, line);
    rig_expect_log(rig, expected);
    for (int i = 0; i < 300; i++) player_cast(&p, 1); /* more than its ring can hold */
    rig_rest(rig);
    assert_int_equal(c.handled, 330);
    rig_close(rig);
}

/* An ask on an automatic subscription is answered, and then too much. */
static void asking_for_more_is_excess(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    weir_subscription subscription =
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 1});
    assert_int_equal(weir_ask(rig->runtime, subscription, 20), WEIR_OK);
    rig_rest(rig);
    player_cast(&p, 15);
    for (int i = 0; i < 6; i++) player_cast(&p, 1);
    rig_rest(rig);
    assert_int_equal(c.handled, 21);
    assert_true(rig->log.used > 0);
    rig_close(rig);
}

/* ---- messages ------------------------------------------------------------ */

/* What one ask is served is one message, however many emissions it was. */
static void what_one_ask_is_served_is_one_batch(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    for (int i = 0; i < 5; i++) player_cast(&p, 1);
    rig_rest(rig);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = 5});
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..4\n");
    rig_close(rig);
}

static void a_message_over_several_blocks_is_contiguous(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.buffer_size = WEIR_INFINITY});
    player_start(&c, rig, NULL);
    player_cast(&p, 500);
    player_cast(&p, 7000); /* not in the first block, */
    player_cast(&p, 8000); /* nor in the second       */
    rig_rest(rig);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 20000, .min_demand = 14000});
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..5999\nevents 6000..11999\n"
                      "events 12000..15499\n");
    rig_close(rig);
}

static weir_verdict expect_alternating(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t number = player->next / 2 + (player->next % 2 ? 0 : 100000);
        RIG_CHECK(player->rig, numbers[i] == number);
        player->next++;
    }
    return WEIR_CONTINUE;
}

/* 1,200 slices: more than a ring can hold, in one message, and one batch. */
static void a_message_of_many_slices_is_contiguous(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = deed_alternate};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    c.does.events = expect_alternating;
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 600, .min_demand = 599});
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    weir_ask(rig->runtime, subscription, 1);
    player_cast(&p, 600);
    rig_rest(rig);
    assert_int_equal(t.batches, 600); /* the message was begun, so it was ended */
    assert_int_equal(c.batches, 1);
    assert_int_equal(rig_accounts(rig).buffered, 1199);
    weir_ask(rig->runtime, subscription, 1000);
    rig_rest(rig);
    assert_int_equal(c.batches, 2);
    assert_int_equal(c.handled, 1001);
    rig_close(rig);
}

/* A message of more batches than a turn takes is resumed, and no mail comes between. */
static void nothing_comes_between_the_batches_of_a_message(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    c.emits = PLAYER_HOLDS;
    players_pair(rig, &p, &c, &(weir_subscribe_options){.max_demand = 1000, .min_demand = 999});
    player_expect(&c, "subscribe p\n");
    player_cast(&p, 400);
    while (c.handled == 0) weir_runtime_step(rig->runtime, 1);
    assert_true(c.handled < 400);
    player_cast(&c, 0);
    player_info(&c, 7);
    player_stop(&c, WEIR_REASON_NORMAL);
    rig_rest(rig);
    const char *cast = strstr(c.journal.text, "cast");
    assert_non_null(cast);
    assert_true(strncmp(cast - 11, "events 399\n", 11) == 0);
    assert_non_null(strstr(cast, "terminate normal"));
    assert_int_equal(c.handled, 400);
    rig_close(rig);
}

/* ---- manual -------------------------------------------------------------- */

static void a_manual_consumer_gets_messages_whole(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    weir_subscription subscription =
        players_pair(rig, &p, &c, &(weir_subscribe_options){.max_demand = 4});
    player_expect(&p, "subscribe c\n"); /* nothing is asked by itself */
    player_cast(&p, 10);
    rig_rest(rig);
    assert_int_equal(weir_ask(rig->runtime, subscription, 0), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "subscribe p\n");
    assert_int_equal(weir_ask(rig->runtime, subscription, 3), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "events 0..2\n");
    assert_int_equal(weir_ask(rig->runtime, subscription, 300), WEIR_OK); /* beyond max */
    rig_rest(rig);
    player_expect(&c, "events 3..9\n");
    player_expect(&p, "cast 10\ndemand 293\n");
    player_cast(&p, 290);
    rig_rest(rig);
    player_expect(&c, "events 10..299\n");
    for (int i = 0; i < 3; i++) player_cast(&p, 1);
    rig_rest(rig);
    player_expect(&c, "events 300\nevents 301\nevents 302\n");
    rig_expect_log(rig, "");
    rig_close(rig);
}

static weir_verdict ask_as_many(weir_stage *self, struct player *player, weir_batch batch) {
    weir_status status =
        weir_ask(weir_stage_runtime(self), weir_batch_subscription(self), batch.count);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static void a_manual_consumer_may_ask_as_it_goes(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1000, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    c.does.events = ask_as_many;
    PLAYERS_START(rig, &p, &c);
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    weir_ask(rig->runtime, subscription, 7);
    rig_rest(rig);
    assert_int_equal(c.handled, 1000);
    assert_int_equal(c.sum, 999 * 1000 / 2);
    rig_close(rig);
}

/* ---- several producers --------------------------------------------------- */

enum { SOURCES = 3 };

struct sources {
    weir_subscription from[SOURCES];
    uint64_t next[SOURCES];
    size_t largest[SOURCES];
};

static weir_verdict sort_out(weir_stage *self, struct player *player, weir_batch batch) {
    struct sources *sources = player->own;
    const uint64_t *numbers = batch.events;
    int source = 0;
    while (source < SOURCES && weir_batch_subscription(self).id != sources->from[source].id)
        source++;
    RIG_CHECK(player->rig, source < SOURCES);
    if (source == SOURCES) return WEIR_STOP;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == sources->next[source]++);
    }
    if (batch.count > sources->largest[source]) sources->largest[source] = batch.count;
    return WEIR_CONTINUE;
}

static void each_producer_has_its_own_account(struct rig *rig) {
    static const weir_subscribe_options options[SOURCES] = {
        {.max_demand = 1}, {.max_demand = 10, .min_demand = 7}, {.max_demand = 600}};
    static const size_t largest[SOURCES] = {1, 3, 300};
    struct sources sources;
    memset(&sources, 0, sizeof sources);
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .quiet = true,
                       .own = &sources,
                       .does.events = sort_out};
    struct player p[SOURCES];
    memset(p, 0, sizeof p);
    player_start(&c, rig, NULL);
    for (int i = 0; i < SOURCES; i++) {
        p[i].name = "p";
        p[i].kind = WEIR_PRODUCER;
        p[i].limit = 900;
        p[i].quiet = true;
        player_start(&p[i], rig, NULL);
        sources.from[i] = player_subscribe(&c, &p[i], &options[i]);
    }
    rig_rest(rig);
    for (int i = 0; i < SOURCES; i++) {
        assert_int_equal(sources.next[i], 900);
        assert_int_equal(sources.largest[i], largest[i]);
    }
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_and_asks_follow_the_rule),
        TEST_IN_WORLDS(excess_is_handled_and_logged),
        TEST_IN_WORLDS(asking_for_more_is_excess),
        TEST_IN_WORLDS(what_one_ask_is_served_is_one_batch),
        TEST_IN_WORLDS(a_message_over_several_blocks_is_contiguous),
        TEST_IN_WORLDS(a_message_of_many_slices_is_contiguous),
        TEST_IN_WORLDS(nothing_comes_between_the_batches_of_a_message),
        TEST_IN_WORLDS(a_manual_consumer_gets_messages_whole),
        TEST_IN_WORLDS(a_manual_consumer_may_ask_as_it_goes),
        TEST_IN_WORLDS(each_producer_has_its_own_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
