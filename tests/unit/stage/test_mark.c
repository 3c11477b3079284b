/*
 * Marks of the program's: where they come, and to whom.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a mark comes to each consumer once, behind what was emitted before it and before what was
 * emitted later, whatever lies between: a buffer, a partition's queue, a full ring, a stage that
 * passes it on, an end; it needs no demand; watermarks are the least of all producers'.
 * Method: journals in all kinds of stepped runtimes.  A cast of n below 1000 makes a player emit
 * its next n numbers; one of 1000 + n, the watermark n.
 */
#include "support/deeds.h"
#include "support/partition_scene.h"
#include "support/worlds.h"

#include <string.h>

static weir_status give(weir_stage *self, uint32_t kind, uint64_t value) {
    const weir_mark mark = {.kind = kind, .value = value};
    return weir_emit_mark(self, &mark);
}

static weir_verdict emit_or_mark(weir_stage *self, struct player *player, uint64_t number) {
    if (number < 1000) {
        player_emit(self, number);
    } else {
        RIG_CHECK(player->rig, give(self, WEIR_MARK_WATERMARK, number - 1000) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static const weir_subscribe_options by_four = {
    .max_demand = 4, .min_demand = 3, .cancel = WEIR_TEMPORARY};

#define PRODUCER(text) \
    { .name = text, .kind = WEIR_PRODUCER, .does.cast = emit_or_mark }
#define CONSUMER(text) \
    { .name = text, .kind = WEIR_CONSUMER, .marks = true }

/* Starts it with that dispatcher. */
static void start_with(struct player *player, struct rig *rig, const weir_dispatcher *dispatcher) {
    player_start(player, rig, &(weir_stage_options){.dispatcher = dispatcher});
}

/* ---- in its place ---------------------------------------------------------- */

static weir_verdict emit_all_kinds(weir_stage *self, struct player *player, uint64_t number) {
    const weir_mark own = {.kind = WEIR_MARK_USER, .value = UINT64_MAX, .source = UINT32_MAX};
    (void)number;
    player_emit(self, 2);
    RIG_CHECK(player->rig, give(self, WEIR_MARK_WATERMARK, 7) == WEIR_OK);
    player_emit(self, 1);
    RIG_CHECK(player->rig, give(self, WEIR_MARK_FLUSH, 0) == WEIR_OK);
    RIG_CHECK(player->rig, give(self, WEIR_MARK_END_OF_FILE, 3) == WEIR_OK);
    player_emit(self, 1);
    RIG_CHECK(player->rig, weir_emit_mark(self, &own) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void comes_in_its_place(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    p.does.cast = emit_all_kinds;
    players_pair(rig, &p, &c, &(weir_subscribe_options){.max_demand = 10});
    player_cast(&p, 0);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0 1\nwatermark 7\nevents 2\nflush 0\nend of file 3\n"
                      "events 3\nmark 18446744073709551615 of 4294967295\n");
    assert_int_equal(rig_accounts(rig).marks, 4);
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(rig->runtime, c.ref, &stats), WEIR_OK);
    assert_int_equal(stats.marks, 4);
    rig_close(rig);
}

/* Nobody asks: it comes at once; behind events it comes behind the last of those. */
static void needs_no_demand_and_waits_behind_the_buffer(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    c.manual = true;
    weir_subscription subscription = players_pair(rig, &p, &c, NULL);
    player_cast(&p, 1005);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nwatermark 5\n");
    player_cast(&p, 3);
    player_cast(&p, 1006);
    player_cast(&p, 1);
    player_cast(&p, 1007);
    player_cast(&p, 1008); /* says more than 7, which nobody has had yet */
    rig_rest(rig);
    player_expect(&c, "");
    assert_int_equal(weir_ask(rig->runtime, subscription, 2), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "events 0 1\n");
    assert_int_equal(weir_ask(rig->runtime, subscription, 2), WEIR_OK);
    rig_rest(rig);
    player_expect(&c, "events 2\nwatermark 6\nevents 3\nwatermark 8\n");
    rig_close(rig);
}

/* Dropped from a full buffer, its event goes; the mark does not. */
static void outlives_the_event_before_it(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    c.manual = true;
    player_start(&p, rig, &(weir_stage_options){.buffer_size = 2});
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    player_cast(&p, 1);
    player_cast(&p, 1001);
    player_cast(&p, 2);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nwatermark 1\n");
    player_expect(&p, "subscribe c\ncast 1\ncast 1001\ncast 2\ndiscarded 1 overflow\n");
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    rig_close(rig);
}

static void waits_with_what_accumulates(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, &by_four);
    rig_rest(rig);
    player_cast(&p, 1002);
    player_cast(&p, 1);
    player_cast(&p, 1003);
    player_cast(&p, 1);
    player_cast(&p, 1004);
    rig_rest(rig);
    player_expect(&c, "subscribe p\n");
    player_demand(&p, WEIR_FORWARD);
    player_cast(&p, 1);
    rig_rest(rig);
    player_expect(&c, "watermark 2\nevents 0\nwatermark 3\nevents 1\nwatermark 4\nevents 2\n");
    rig_close(rig);
}

/* Held demand is let go amid what was held back, behind a mark and before another. */
static weir_verdict emit_on_demand(weir_stage *self, struct player *player, uint64_t demand) {
    (void)demand;
    if (player->next < 2) player_emit(self, 1);
    return WEIR_CONTINUE;
}

static void is_not_overtaken_as_held_demand_goes(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    p.does.demand = emit_on_demand;
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&c, rig, NULL);
    player_cast(&p, 1);
    rig_rest(rig);
    player_subscribe(&c, &p, &by_four);
    rig_rest(rig);
    player_cast(&p, 1004);
    rig_rest(rig);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0\nwatermark 4\nevents 1\n");
    rig_close(rig);
}

/* ---- a full ring, an end --------------------------------------------------- */

enum { MANY = 600 };

static weir_verdict flush_often(weir_stage *self, struct player *player, uint64_t number) {
    player_emit(self, 1);
    for (uint64_t i = 0; i < MANY; i++) {
        RIG_CHECK(player->rig, give(self, (uint32_t)number, i + 1) == WEIR_OK);
    }
    player_emit(self, 1);
    return WEIR_FINISH;
}

static weir_verdict expect_next(weir_stage *self, struct player *player, const weir_peer *from,
                                const weir_mark *mark) {
    uint64_t *last = player->own;
    (void)self, (void)from;
    RIG_CHECK(player->rig, player->handled == 1);
    RIG_CHECK(player->rig,
              mark->kind == WEIR_MARK_WATERMARK ? mark->value > *last : mark->value == *last + 1);
    *last = mark->value;
    return WEIR_CONTINUE;
}

static void more_than_a_ring_has_room_for(struct rig *rig, int way) {
    uint64_t last = 0;
    struct player p = PRODUCER("p");
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .quiet = true,
                       .marks = true,
                       .own = &last,
                       .does.mark = expect_next};
    p.does.cast = flush_often;
    players_pair(rig, &p, &c, &by_four);
    player_cast(&p, way == 0 ? WEIR_MARK_FLUSH : WEIR_MARK_WATERMARK);
    rig_rest(rig);
    assert_int_equal(last, MANY);
    assert_int_equal(c.handled, 2);
    assert_true(way == 0 ? rig_accounts(rig).marks == MANY : rig_accounts(rig).marks < MANY);
    rig_close(rig);
}

/* Each a message of its own, and a mark behind it; the end is known before they are looked at. */
static weir_verdict mark_and_finish(weir_stage *self, struct player *player, uint64_t number) {
    for (uint64_t i = 0; i < number; i++) {
        player_emit(self, 1);
        RIG_CHECK(player->rig, give(self, WEIR_MARK_END_OF_FILE, i + 1) == WEIR_OK);
    }
    return WEIR_FINISH;
}

static weir_verdict note_last(weir_stage *self, struct player *player, const weir_peer *from,
                              const weir_mark *mark) {
    (void)self, (void)from;
    *(uint64_t *)player->own = mark->value;
    return WEIR_CONTINUE;
}

/* As many as an edge or a stage has in a turn, so that the last mark may be left for the next. */
static void comes_before_the_end(struct rig *rig, int way) {
    static const uint64_t counts[] = {1, 16, 32, 64};
    uint64_t last = 0;
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    c.own = &last;
    c.does.mark = note_last;
    p.does.cast = mark_and_finish;
    players_pair(rig, &p, &c, &(weir_subscribe_options){.max_demand = 100});
    player_cast(&p, counts[way]);
    rig_rest(rig);
    assert_int_equal(c.handled, counts[way]);
    assert_int_equal(last, counts[way]);
    rig_close(rig);
}

/* A consumer that dies gives events back, and no marks. */
static void dies_with_who_has_not_come_to_it(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player a = CONSUMER("a");
    struct player b = CONSUMER("b");
    a.does.events = deed_fail;
    PLAYERS_START(rig, &p, &a, &b);
    player_subscribe(&a, &p, &by_four);
    rig_rest(rig);
    p.does.cast = emit_all_kinds;
    player_cast(&p, 0);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0\nterminate user\n");
    player_subscribe(&b, &p, &(weir_subscribe_options){.max_demand = 20});
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 1..3\n");
    rig_close(rig);
}

/* ---- to everybody ---------------------------------------------------------- */

static void comes_to_all_consumers(struct rig *rig, int way) {
    struct player p = PRODUCER("p");
    struct player a = CONSUMER("a");
    struct player b = CONSUMER("b");
    start_with(&p, rig, way == 0 ? weir_demand_dispatcher() : weir_broadcast_dispatcher());
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &by_four);
    rig_rest(rig);
    player_subscribe(&b, &p, &by_four);
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
    struct player p = PRODUCER("p");
    struct player a = CONSUMER("a");
    struct player b = CONSUMER("b");
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
    struct player p = PRODUCER("p");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = CONSUMER("c");
    c.manual = true;
    PLAYERS_START(rig, &p, &m, &c);
    player_subscribe(&m, &p, &by_four);
    weir_subscription subscription = player_subscribe(&c, &m, NULL);
    rig_rest(rig);
    player_cast(&p, 1001); /* nobody asks m for anything */
    rig_rest(rig);
    player_expect(&c, "subscribe m\nwatermark 1\n");
    p.does.cast = emit_all_kinds;
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
    struct player p = PRODUCER("p");
    struct player q = PRODUCER("q");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = CONSUMER("c");
    struct player d = CONSUMER("d");
    d.does.mark = say_all;
    d.does.cancel = say_watermark;
    PLAYERS_START(rig, &p, &q, &m, &c, &d);
    player_subscribe(&c, &m, &by_four);
    player_subscribe(&m, &p, &by_four);
    player_subscribe(&m, &q, &by_four);
    player_subscribe(&d, &p, &by_four);
    player_subscribe(&d, &q, &by_four);
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
    struct player p = PRODUCER("p");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player n = {.name = "n", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    p.does.cast = emit_all_kinds;
    m.emits = n.emits = PLAYER_HOLDS;
    PLAYERS_START(rig, &p, &m, &n);
    player_subscribe(&m, &p, &by_four);
    player_subscribe(&n, &m, &by_four);
    player_subscribe(&m, &n, &by_four);
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
    struct player p = PRODUCER("p");
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
    struct player s = PRODUCER("s");
    struct player k = PRODUCER("k");
    struct player c = CONSUMER("c");
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
    struct player p = PRODUCER("p");
    struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = CONSUMER("c");
    player_start(&p, rig, NULL);
    start_with(&m, rig, weir_shared_dispatcher());
    player_start(&c, rig, NULL);
    player_subscribe(&m, &p, &by_four);
    player_subscribe(&c, &m, &by_four);
    rig_rest(rig);
    player_cast(&p, 1004);
    player_cast(&p, 1);
    rig_rest(rig);
    player_expect(&c, "subscribe m\nevents 0\n");
    rig_close(rig);
}

/* ---- many, on threads too ---------------------------------------------------- */

enum { NUMBERS = 20000 };

/* Its demand answered by ones and twos, each with a watermark of how many there were. */
static weir_verdict emit_with_marks(weir_stage *self, struct player *player, uint64_t demand) {
    while (demand > 0 && player->next < NUMBERS) {
        uint64_t count = 1 + player->next % 3;
        count = count < demand ? count : demand;
        count = count < NUMBERS - player->next ? count : NUMBERS - player->next;
        player_emit(self, count);
        demand -= count;
        RIG_CHECK(player->rig, give(self, WEIR_MARK_WATERMARK, player->next) == WEIR_OK);
    }
    return player->next < NUMBERS ? WEIR_CONTINUE : WEIR_FINISH;
}

static weir_verdict expect_so_many(weir_stage *self, struct player *player, const weir_peer *from,
                                   const weir_mark *mark) {
    (void)self, (void)from;
    RIG_CHECK(player->rig, mark->value == player->handled);
    return WEIR_CONTINUE;
}

static void many_come_in_order(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct player p = {
            .name = "p", .kind = WEIR_PRODUCER, .quiet = true, .does.demand = emit_with_marks};
        struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
        struct player c = {.name = "c",
                           .kind = WEIR_CONSUMER,
                           .quiet = true,
                           .marks = true,
                           .does.mark = expect_so_many};
        player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_SPREAD});
        player_start(&m, &rig, &(weir_stage_options){.worker = WEIR_SPREAD});
        player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_SPREAD});
        player_subscribe(&c, &m, &(weir_subscribe_options){.max_demand = 50});
        player_subscribe(&m, &p, &(weir_subscribe_options){.max_demand = 30});
        rig_rest(&rig);
        assert_int_equal(c.handled, NUMBERS);
        rig_close(&rig);
    }
}

/* ---- want of memory ---------------------------------------------------------- */

static weir_verdict mark_without_memory(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    test_memory_fail(&player->rig->memory, 1, true);
    weir_status status = WEIR_OK;
    for (unsigned i = 0; i < 64 && status == WEIR_OK; i++) status = give(self, WEIR_MARK_FLUSH, i);
    RIG_CHECK(player->rig, status == WEIR_NO_MEMORY);
    return WEIR_CONTINUE;
}

static void without_memory_none_is_emitted_or_it_is_said(struct rig *rig) {
    struct player p = PRODUCER("p");
    struct player c = CONSUMER("c");
    c.quiet = true;
    p.does.cast = mark_without_memory;
    players_pair(rig, &p, &c, &by_four);
    player_cast(&p, 0);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    rig->log.used = 0; /* it says what was lost */
    rig->log.text[0] = '\0';
    p.does.cast = emit_or_mark;
    player_cast(&p, 1);
    rig_rest(rig);
    assert_int_equal(c.handled, 1);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(comes_in_its_place),
        TEST_IN_WORLDS(needs_no_demand_and_waits_behind_the_buffer),
        TEST_IN_WORLDS(outlives_the_event_before_it),
        TEST_IN_WORLDS(waits_with_what_accumulates),
        TEST_IN_WORLDS(is_not_overtaken_as_held_demand_goes),
        TEST_IN_WORLDS_AND_WAYS(more_than_a_ring_has_room_for, 2),
        TEST_IN_WORLDS_AND_WAYS(comes_before_the_end, 4),
        TEST_IN_WORLDS(dies_with_who_has_not_come_to_it),
        TEST_IN_WORLDS_AND_WAYS(comes_to_all_consumers, 2),
        TEST_IN_WORLDS(partitions_have_it_in_order),
        TEST_IN_WORLDS(goes_on_by_itself_in_order),
        TEST_IN_WORLDS(watermarks_are_the_least_of_all),
        TEST_IN_WORLDS(a_ring_does_not_keep_it_for_ever),
        TEST_IN_WORLDS(kinds_that_there_are_not_are_refused),
        TEST_IN_WORLDS(where_there_is_no_order_it_is_refused),
        TEST_IN_WORLDS(ends_where_consumers_compete),
        cmocka_unit_test(many_come_in_order),
        TEST_STEPPED(without_memory_none_is_emitted_or_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
