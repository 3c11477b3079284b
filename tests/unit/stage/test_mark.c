/*
 * Marks of the program's: where they come among the events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a mark comes once, behind what was emitted before it and before what was emitted later,
 * whatever lies between: a buffer, what accumulates, a full ring, an end; it needs no demand.
 * Method: journals in all kinds of stepped runtimes, and counts on threads.
 */
#include "support/deeds.h"
#include "support/mark_scene.h"
#include "support/worlds.h"

/* ---- in its place ---------------------------------------------------------- */

static void comes_in_its_place(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
    p.does.cast = mark_all_kinds;
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
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
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
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
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
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, &mark_by_four);
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
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
    p.does.demand = emit_on_demand;
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&c, rig, NULL);
    player_cast(&p, 1);
    rig_rest(rig);
    player_subscribe(&c, &p, &mark_by_four);
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
        RIG_CHECK(player->rig, mark_give(self, (uint32_t)number, i + 1) == WEIR_OK);
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
    struct player p = MARK_PRODUCER("p");
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .quiet = true,
                       .marks = true,
                       .own = &last,
                       .does.mark = expect_next};
    p.does.cast = flush_often;
    players_pair(rig, &p, &c, &mark_by_four);
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
        RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_END_OF_FILE, i + 1) == WEIR_OK);
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
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
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
    struct player p = MARK_PRODUCER("p");
    struct player a = MARK_CONSUMER("a");
    struct player b = MARK_CONSUMER("b");
    a.does.events = deed_fail;
    PLAYERS_START(rig, &p, &a, &b);
    player_subscribe(&a, &p, &mark_by_four);
    rig_rest(rig);
    p.does.cast = mark_all_kinds;
    player_cast(&p, 0);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0\nterminate user\n");
    player_subscribe(&b, &p, &(weir_subscribe_options){.max_demand = 20});
    rig_rest(rig);
    player_expect(&b, "subscribe p\nevents 1..3\n");
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
        RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_WATERMARK, player->next) == WEIR_OK);
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
    for (unsigned i = 0; i < 64 && status == WEIR_OK; i++)
        status = mark_give(self, WEIR_MARK_FLUSH, i);
    RIG_CHECK(player->rig, status == WEIR_NO_MEMORY);
    return WEIR_CONTINUE;
}

static void without_memory_none_is_emitted_or_it_is_said(struct rig *rig) {
    struct player p = MARK_PRODUCER("p");
    struct player c = MARK_CONSUMER("c");
    c.quiet = true;
    p.does.cast = mark_without_memory;
    players_pair(rig, &p, &c, &mark_by_four);
    player_cast(&p, 0);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    rig->log.used = 0; /* it says what was lost */
    rig->log.text[0] = '\0';
    p.does.cast = mark_or_emit;
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
        cmocka_unit_test(many_come_in_order),
        TEST_STEPPED(without_memory_none_is_emitted_or_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
