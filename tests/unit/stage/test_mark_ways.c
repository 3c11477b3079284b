/*
 * Marks of the program's: to whom they come.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a mark comes to each consumer, of every dispatcher, behind what that one was sent or is to
 * have; it goes on through stages that look at none; watermarks are the least of all producers';
 * where there is no order it is refused.
 * Method: journals in all kinds of stepped runtimes.
 */
#include "support/deeds.h"
#include "support/mark_scene.h"
#include "support/partition_scene.h"
#include "support/worlds.h"

#include <string.h>

/* Starts it with that dispatcher. */
static void start_with(struct player *player, struct rig *rig, const weir_dispatcher *dispatcher) {
    player_start(player, rig, &(weir_stage_options){.dispatcher = dispatcher});
}

/* ---- to everybody ---------------------------------------------------------- */

static void comes_to_all_consumers(struct rig *rig, int way) {
    struct player p = MARK_PRODUCER("p");
    struct player a = MARK_CONSUMER("a");
    struct player b = MARK_CONSUMER("b");
    start_with(&p, rig, way == 0 ? weir_demand_dispatcher() : weir_broadcast_dispatcher());
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &mark_by_four);
    rig_rest(rig);
    player_subscribe(&b, &p, &mark_by_four);
    rig_rest(rig);
    player_cast(&p, 1);
    player_cast(&p, 1009);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0\nwatermark 9\n");
    player_expect(&b,
                  way == 0 ? "subscribe p\nwatermark 9\n" : "subscribe p\nevents 0\nwatermark 9\n");
    rig_close(rig);
}

static const weir_partition_dispatcher_options by_parity = {.partitions = 2,
                                                            .hash = partition_parity};

/* Behind what waits for each; for who comes later, too, as far as something waits for him. */
static void partitions_have_it_in_order(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player a = MARK_CONSUMER("a");
    struct player b = MARK_CONSUMER("b");
    partition_start(&p, rig, &by_parity);
    PLAYERS_START(rig, &a, &b);
    partition_subscribe(&a, &p, 0, 6);
    rig_rest(rig);
    player_cast(&p, 1001); /* nothing waits for partition 1, and nobody is there */
    player_cast(&p, 4);
    player_cast(&p, 1002);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nwatermark 1\nevents 0 2\nwatermark 2\n");
    partition_subscribe(&b, &p, 1, 4);
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 1 3\nwatermark 2\n");
    player_cast(&p, 1003);
    rig_rest(rig);
    player_expect(&a, "watermark 3\n");
    player_expect(&b, "watermark 3\n");
    rig_close(rig);
}

/* ---- on, through stages ---------------------------------------------------- */

static void goes_on_by_itself_in_order(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = MARK_CONSUMER("c");
    c.manual = true;
    PLAYERS_START(rig, &p, &m, &c);
    player_subscribe(&m, &p, &mark_by_four);
    weir_subscription subscription = player_subscribe(&c, &m, NULL);
    rig_rest(rig);
    player_cast(&p, 1001); /* nobody asks m for anything */
    rig_rest(rig);
    player_expect(&c, "subscribe m\nwatermark 1\n");
    p.does.cast = mark_all_kinds;
    player_cast(&p, 0);
    rig_rest(rig);
    player_expect(&c, "");
    assert_int_equal(weir_ask(rig->runtime, subscription, 10), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "events 0\nevents 1\nwatermark 7\nevents 2\nflush 0\nend of file 3\n"
                      "events 3\nmark 18446744073709551615 of 4294967295\n");
    rig_close(rig);
}

static weir_verdict say_watermark(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)peer;
    player_say(player, "has %llu", (unsigned long long)weir_watermark(self));
    return WEIR_CONTINUE;
}

static weir_verdict say_all(weir_stage *self, struct player *player, const weir_peer *from,
                            const weir_mark *mark) {
    (void)mark;
    return say_watermark(self, player, from);
}

/* Through a stage that looks at none, and at one that does. */
static void watermarks_are_the_least_of_all(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player q = MARK_PRODUCER("q");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = MARK_CONSUMER("c");
    struct player d = MARK_CONSUMER("d");
    d.does.mark = say_all;
    d.does.cancel = say_watermark;
    PLAYERS_START(rig, &p, &q, &m, &c, &d);
    player_subscribe(&c, &m, &mark_by_four);
    player_subscribe(&m, &p, &mark_by_four);
    player_subscribe(&m, &q, &mark_by_four);
    player_subscribe(&d, &p, &mark_by_four);
    player_subscribe(&d, &q, &mark_by_four);
    rig_rest(rig);
    player_cast(&p, 1005);
    rig_rest(rig);
    player_expect(&c, "subscribe m\n"); /* q has said nothing yet */
    player_cast(&q, 1003);
    rig_rest(rig);
    player_cast(&q, 1004);
    rig_rest(rig);
    player_cast(&q, 1009);
    rig_rest(rig);
    player_cast(&p, 1002); /* it falls, and what was said holds */
    rig_rest(rig);
    player_expect(&c, "watermark 3\nwatermark 4\nwatermark 5\n");
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_expect(&c, "watermark 9\n");
    d.journal.text[d.journal.used] = '\0';
    assert_non_null(strstr(d.journal.text, "watermark 5\nhas 0\nwatermark 3\nhas 3\n"
                                           "watermark 4\nhas 4\nwatermark 9\nhas 5\n"
                                           "watermark 2\nhas 5\ndown p normal\nhas 9\n"));
    player_cast(&q, 1010);
    rig_rest(rig);
    player_expect(&c, "watermark 10\n");
    rig_close(rig);
}

/* In a ring a mark goes round, but not for ever. */
static void a_ring_does_not_keep_it_for_ever(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player n = {.name = "n", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    p.does.cast = mark_all_kinds;
    m.emits = n.emits = PLAYER_HOLDS;
    PLAYERS_START(rig, &p, &m, &n);
    player_subscribe(&m, &p, &mark_by_four);
    player_subscribe(&n, &m, &mark_by_four);
    player_subscribe(&m, &n, &mark_by_four);
    rig_rest(rig);
    player_cast(&p, 0);
    rig_rest(rig);
    /* the watermark is held up by the way back */
    assert_int_equal(rig_accounts(rig).marks, 1 + 3 * (WEIR_MARK_STAGES + 1));
    assert_non_null(strstr(rig->log.text, "that 64 stages have passed on: it goes round a ring"));
    rig->log.used = 0;
    rig->log.text[0] = '\0';
    rig_close(rig);
}

/* ---- refused --------------------------------------------------------------- */

static weir_verdict try_mark(weir_stage *self, struct player *player, uint64_t number) {
    const weir_mark mark = {.kind = (uint32_t)number};
    weir_status status = weir_emit_mark(self, &mark);
    player_say(player, "%s", status == WEIR_OK ? "OK" : weir_refusal());
    return WEIR_CONTINUE;
}

static weir_verdict try_no_mark(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig, weir_emit_mark(self, NULL) == WEIR_INVALID);
    RIG_CHECK(player->rig, weir_emit_mark(NULL, NULL) == WEIR_INVALID);
    RIG_CHECK(player->rig, weir_watermark(NULL) == 0);
    return WEIR_CONTINUE;
}

static void kinds_that_there_are_not_are_refused(struct rig *rig) {
    static const uint64_t bad[] = {0, 4, WEIR_MARK_USER - 1, (uint64_t)WEIR_MARK_LIMIT + 1};
    struct player p = MARK_PRODUCER("p");
    p.does.cast = try_mark;
    PLAYERS_START(rig, &p);
    for (size_t i = 0; i < 4; i++) player_cast(&p, bad[i]);
    player_cast(&p, WEIR_MARK_LIMIT);
    rig_rest(rig);
#define KINDS                                                                \
    "kind of a mark must be one of WEIR_MARK_WATERMARK, FLUSH, END_OF_FILE " \
    "(1..3), or 1000..2147483647, got "
    player_expect(&p, "cast 0\n" KINDS "0\ncast 4\n" KINDS "4\ncast 999\n" KINDS
                      "999\ncast 2147483648\n" KINDS "2147483648\ncast 2147483647\nOK\n");
    p.does.cast = try_no_mark;
    player_cast(&p, 0);
    rig_rest(rig);
    rig_close(rig);
}

static uint64_t pass_asked(void *state, weir_outlet *consumer, uint64_t count) {
    (void)state, (void)consumer;
    return count;
}

static weir_reason take_anybody(void *state, weir_outlet *consumer, uint64_t *upstream) {
    (void)state, (void)consumer;
    *upstream = 0;
    return WEIR_REASON_NORMAL;
}

static uint64_t lose_anybody(void *state, weir_outlet *consumer) {
    (void)state, (void)consumer;
    return 0;
}

static void keep_all(void *state, weir_run *run, uint64_t count) {
    (void)state, (void)run, (void)count;
}

static uint64_t want_none(const void *state) {
    (void)state;
    return 0;
}

static void hold_no_info(void *state, weir_notice *info) {
    (void)state, (void)info;
}

static const weir_dispatcher knows_no_marks = {.name = "keeper",
                                               .subscribe = take_anybody,
                                               .ask = pass_asked,
                                               .cancel = lose_anybody,
                                               .dispatch = keep_all,
                                               .open_demand = want_none,
                                               .info = hold_no_info};

static void where_there_is_no_order_it_is_refused(struct rig *rig) {
    struct player s = MARK_PRODUCER("s");
    struct player k = MARK_PRODUCER("k");
    struct player c = MARK_CONSUMER("c");
    s.does.cast = try_mark;
    k.does.cast = try_mark;
    c.does.cast = try_mark;
    start_with(&s, rig, weir_shared_dispatcher());
    start_with(&k, rig, &knows_no_marks);
    PLAYERS_START(rig, &c);
    player_cast(&s, WEIR_MARK_FLUSH);
    player_cast(&k, WEIR_MARK_FLUSH);
    player_cast(&c, WEIR_MARK_FLUSH);
    rig_rest(rig);
    player_expect(&s, "cast 2\nstage s cannot emit a mark: its dispatcher, shared, has consumers "
                      "that compete\n");
    player_expect(&k, "cast 2\nstage k cannot emit a mark: its dispatcher, keeper, holds events "
                      "and has no `mark`\n");
    player_expect(&c, "cast 2\nstage c is a consumer: it cannot emit a mark\n");
    rig_close(rig);
}

/* What comes to a stage whose consumers compete ends there. */
static void ends_where_consumers_compete(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = MARK_CONSUMER("c");
    player_start(&p, rig, NULL);
    start_with(&m, rig, weir_shared_dispatcher());
    player_start(&c, rig, NULL);
    player_subscribe(&m, &p, &mark_by_four);
    player_subscribe(&c, &m, &mark_by_four);
    rig_rest(rig);
    player_cast(&p, 1004);
    player_cast(&p, 1);
    rig_rest(rig);
    player_expect(&c, "subscribe m\nevents 0\n");
    rig_close(rig);
}

/* A dispatcher of the program's, which holds all and gives what is asked for. */
struct holder {
    weir_hold *hold;
    weir_outlet *consumer;
    uint64_t marks;
};

static weir_status open_hold(void *state, weir_desk *desk, const void *options) {
    struct holder *holder = state;
    (void)options;
    holder->hold = weir_hold_open(desk);
    return holder->hold != NULL ? WEIR_OK : WEIR_NO_MEMORY;
}

static void close_hold(void *state) {
    weir_hold_close(((struct holder *)state)->hold);
}

static weir_reason hold_for(void *state, weir_outlet *consumer, uint64_t *upstream) {
    ((struct holder *)state)->consumer = consumer;
    *upstream = 0;
    return WEIR_REASON_NORMAL;
}

static uint64_t give_asked(void *state, weir_outlet *consumer, uint64_t count) {
    return count - weir_hold_send(((struct holder *)state)->hold, consumer, count);
}

static uint64_t hold_for_nobody(void *state, weir_outlet *consumer) {
    (void)consumer;
    ((struct holder *)state)->consumer = NULL;
    return 0;
}

static void hold_all(void *state, weir_run *run, uint64_t count) {
    weir_run_hold(run, ((struct holder *)state)->hold, count);
}

static uint64_t want_any(const void *state) {
    (void)state;
    return UINT64_MAX;
}

static void hold_mark(void *state, weir_passing *mark) {
    struct holder *holder = state;
    bool second = weir_passing_mark(mark).value == 2;
    if (!weir_passing_hold(mark, holder->hold) && holder->consumer != NULL) {
        weir_passing_send(mark, holder->consumer);
    }
    holder->marks += second ? 1 : 0;
}

static const weir_dispatcher holds_marks = {.name = "holder",
                                            .state_bytes = sizeof(struct holder),
                                            .init = open_hold,
                                            .close = close_hold,
                                            .subscribe = hold_for,
                                            .ask = give_asked,
                                            .cancel = hold_for_nobody,
                                            .dispatch = hold_all,
                                            .open_demand = want_any,
                                            .info = hold_no_info,
                                            .mark = hold_mark};

static void a_dispatcher_of_the_programs_says_where(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
    c.manual = true;
    start_with(&p, rig, &holds_marks);
    player_start(&c, rig, NULL);
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    player_cast(&p, 1001);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nwatermark 1\n");
    player_cast(&p, 3);
    player_cast(&p, 1002);
    player_cast(&p, 1);
    rig_rest(rig);
    assert_int_equal(weir_ask(rig->runtime, subscription, 2), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "events 0 1\n");
    assert_int_equal(weir_ask(rig->runtime, subscription, 2), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "events 2\nwatermark 2\nevents 3\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(comes_to_all_consumers, 2),
        TEST_IN_WORLDS(partitions_have_it_in_order),
        TEST_IN_WORLDS(goes_on_by_itself_in_order),
        TEST_IN_WORLDS(watermarks_are_the_least_of_all),
        TEST_IN_WORLDS(a_ring_does_not_keep_it_for_ever),
        TEST_IN_WORLDS(kinds_that_there_are_not_are_refused),
        TEST_IN_WORLDS(where_there_is_no_order_it_is_refused),
        TEST_IN_WORLDS(ends_where_consumers_compete),
        TEST_IN_WORLDS(a_dispatcher_of_the_programs_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
