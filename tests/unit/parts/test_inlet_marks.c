/*
 * Marks that are pushed into an inlet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a mark comes out behind what was pushed before it the same way, and before what came
 * later; nothing holds it up but that; of each there is one, or its push says so; watermarks of
 * several ports are combined.
 * Method: journals in all kinds of stepped runtimes, without a port and with one.
 */
#include "support/inlet_scene.h"
#include "support/mark_scene.h"
#include "support/worlds.h"

#include "parts/port.h"

#include <string.h>

enum { BY_ITSELF, BY_PORT, WAYS };

static struct inlet_scene f;

static weir_status push_mark(weir_port *port, uint32_t kind, uint64_t value) {
    const weir_mark mark = {.kind = kind, .value = value};
    return port != NULL ? weir_port_push_mark(port, &mark, 0)
                        : weir_inlet_push_mark(f.inlet, &mark, 0);
}

static void mark(uint32_t kind, uint64_t value) {
    assert_int_equal(push_mark(f.port, kind, value), WEIR_OK);
}

static void push(size_t count) {
    assert_int_equal(inlet_scene_push(&f, count), WEIR_OK);
}

/* Who asks by hand, and notes marks. */
static void add_consumer(void) {
    f.c = (struct player)MARK_CONSUMER("c");
    f.c.manual = true;
    player_start(&f.c, &f.rig, NULL);
    f.subscription = player_subscribe(&f.c, &f.in, NULL);
    rig_rest(&f.rig);
    player_expect(&f.c, "subscribe in\n");
}

static void open_scene(int way, weir_when_full when_full) {
    weir__port_start = UINT64_MAX - 3;
    inlet_scene_open_bare(&f, when_full);
    if (way == BY_PORT) assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
    add_consumer();
}

/* ---- in order ---------------------------------------------------------------- */

static void comes_behind_what_was_pushed_before(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    mark(WEIR_MARK_WATERMARK, 1); /* nobody asks, and nothing is before it */
    rig_rest(&f.rig);
    player_expect(&f.c, "watermark 1\n");
    push(2);
    mark(WEIR_MARK_WATERMARK, 5);
    push(1);
    mark(WEIR_MARK_FLUSH, 0);
    mark(WEIR_MARK_END_OF_FILE, 3);
    push(1);
    rig_rest(&f.rig);
    player_expect(&f.c, "");
    inlet_scene_ask(&f, 1);
    player_expect(&f.c, "events 0\n");
    inlet_scene_ask(&f, 1);
    player_expect(&f.c, "events 1\nwatermark 5\n");
    inlet_scene_ask(&f, 8);
    player_expect(&f.c, "events 2\nflush 0\nend of file 3\nevents 3\n");
    mark(WEIR_MARK_USER, 7); /* somebody asks, and nothing is there */
    rig_rest(&f.rig);
    player_expect(&f.c, "mark 7\n");
    inlet_scene_close(&f);
}

/* Each says how many numbers came before it. */
static weir_verdict check_count(weir_stage *self, struct player *player, const weir_peer *from,
                                const weir_mark *mark) {
    (void)self, (void)from;
    RIG_CHECK(player->rig, mark->value == player->handled);
    player->next++;
    return WEIR_CONTINUE;
}

/* Round the ring, and past the wrap of its positions. */
static void comes_in_order_round_and_round(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    f.c.quiet = true;
    f.c.does.mark = check_count;
    for (uint64_t round = 0; round < 200; round++) {
        if (round % 3 > 0) mark(WEIR_MARK_USER, f.in.next);
        push(1 + round % 4);
        if (round % 5 > 0) mark(WEIR_MARK_FLUSH, f.in.next);
        if (round % 5 > 2) mark(WEIR_MARK_END_OF_FILE, f.in.next);
        push(1 + round % 3);
        inlet_scene_ask(&f, round % 2 == 0 ? 1 : 10);
    }
    inlet_scene_ask(&f, INLET_CAPACITY);
    assert_int_equal(f.c.handled, f.in.next);
    assert_int_equal(f.c.next, 133 + 160 + 80);
    inlet_scene_close(&f);
}

/* What accumulates there holds the mark, too. */
static void waits_with_an_accumulating_stage(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    player_demand(&f.in, WEIR_ACCUMULATE);
    rig_rest(&f.rig);
    mark(WEIR_MARK_WATERMARK, 1);
    push(1);
    mark(WEIR_MARK_WATERMARK, 2);
    inlet_scene_ask(&f, 5);
    player_expect(&f.c, "");
    player_demand(&f.in, WEIR_FORWARD);
    rig_rest(&f.rig);
    player_expect(&f.c, "watermark 1\nevents 0\nwatermark 2\n");
    inlet_scene_close(&f);
}

/* ---- room -------------------------------------------------------------------- */

static void watermarks_behind_each_other_are_one(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    push(1);
    for (uint64_t i = 1; i <= 100; i++) {
        mark(WEIR_MARK_WATERMARK, i);
        rig_rest(&f.rig);
    }
    push(1);
    mark(WEIR_MARK_WATERMARK, 101);
    mark(WEIR_MARK_FLUSH, 0);
    mark(WEIR_MARK_WATERMARK, 102);
    inlet_scene_ask(&f, 5);
    player_expect(&f.c, "events 0\nwatermark 100\nevents 1\nwatermark 101\nflush 0\n"
                        "watermark 102\n");
    push(INLET_CAPACITY); /* those that were replaced have given their room back */
    inlet_scene_close(&f);
}

/* As many as an inlet holds of events, or a port of marks, wait; none is dropped. */
static void refuse_without_room(int way, bool drops) {
    const uint64_t most = way == BY_PORT ? WEIR_PORT_MARKS : INLET_CAPACITY - 1;
    open_scene(way, drops ? WEIR_DROP_NEWEST : WEIR_REFUSE);
    push(1);
    for (uint64_t i = 0; i < most; i++) mark(WEIR_MARK_USER, i);
    assert_int_equal(push_mark(f.port, WEIR_MARK_USER, most), WEIR_FULL);
    assert_int_equal(push_mark(f.port, WEIR_MARK_USER, most), WEIR_FULL);
    f.c.quiet = true;
    inlet_scene_ask(&f, 1);
    assert_int_equal(f.c.handled, 1);
    assert_int_equal(rig_accounts(&f.rig).marks, most);
    mark(WEIR_MARK_USER, most);
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).marks, most + 1);
    push(INLET_CAPACITY);
    inlet_scene_close(&f);
}

static void without_room_it_is_refused(struct rig *rig, int way) {
    (void)rig;
    refuse_without_room(way, false);
}

static void none_is_dropped_for_want_of_room(struct rig *rig, int way) {
    (void)rig;
    refuse_without_room(way, true);
}

static void waits_for_room(struct rig *rig, int way) {
    (void)rig;
    const uint64_t most = way == BY_PORT ? WEIR_PORT_MARKS + 1 : INLET_CAPACITY - 1;
    const weir_mark one = {.kind = WEIR_MARK_USER, .value = 99};
    open_scene(way, WEIR_BLOCK);
    push(1);
    for (uint64_t i = 0; i < most; i++) {
        mark(WEIR_MARK_USER, i);
        if (i == 0) rig_rest(&f.rig); /* in a port, the first is in the worker's hands */
    }
    assert_int_equal(push_mark(f.port, WEIR_MARK_USER, 98), WEIR_TIMEOUT);
    assert_int_equal(weir_ask(f.rig.runtime, f.subscription, 1), WEIR_OK);
    const weir_status status = way == BY_PORT ? weir_port_push_mark(f.port, &one, WEIR_FOREVER)
                                              : weir_inlet_push_mark(f.inlet, &one, WEIR_FOREVER);
    assert_int_equal(status, WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).marks, most + 1);
    inlet_scene_close(&f);
}

/* What is before it was dropped: then it is its turn. */
static void comes_behind_what_was_dropped(void) {
    open_scene(BY_ITSELF, WEIR_DROP_OLDEST);
    push(5);
    mark(WEIR_MARK_FLUSH, 1);
    push(4);
    assert_int_equal(push_mark(NULL, WEIR_MARK_FLUSH, 2), WEIR_DROPPED);
    rig_rest(&f.rig);
    player_expect(&f.c, ""); /* one of 11 places was too many, and an event was dropped */
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 1);
    assert_int_equal(inlet_scene_push(&f, 7), WEIR_DROPPED);
    rig_rest(&f.rig);
    player_expect(&f.c, "flush 1\n");
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 7);
    inlet_scene_ask(&f, 20);
    player_expect(&f.c, "events 7 8\nflush 2\nevents 9..15\n");
    inlet_scene_close(&f);
}

/* ---- watermarks of several ---------------------------------------------------- */

static void say(weir_port *port, uint64_t value, const char *expected) {
    assert_int_equal(push_mark(port, WEIR_MARK_WATERMARK, value), WEIR_OK);
    rig_rest(&f.rig);
    player_expect(&f.c, expected);
}

static void on_goes_the_least_of_all_ports(void) {
    weir_port *q;
    weir_port *r;
    open_scene(BY_PORT, WEIR_REFUSE);
    assert_int_equal(weir_port_open(f.inlet, &q), WEIR_OK);
    say(f.port, 5, ""); /* not before q has said one */
    say(q, 3, "watermark 3\n");
    say(q, 4, "watermark 4\n");
    say(q, 2, ""); /* it falls, and what was said holds */
    say(q, 9, "watermark 5\n");
    say(NULL, 7, ""); /* the inlet itself, from now on */
    say(f.port, 10, "watermark 7\n");
    say(NULL, UINT64_MAX, "watermark 9\n");
    assert_int_equal(weir_port_open(f.inlet, &r), WEIR_OK);
    say(q, 20, ""); /* r holds them back, also before the worker knows it */
    assert_int_equal(inlet_scene_push_into(&f, r, 1), WEIR_OK);
    weir_port_close(r);
    rig_rest(&f.rig);
    player_expect(&f.c, ""); /* nobody has asked for what it has */
    inlet_scene_ask(&f, 1);
    player_expect(&f.c, "events 0\nwatermark 10\n");
    weir_port_close(f.port);
    f.port = NULL;
    rig_rest(&f.rig);
    player_expect(&f.c, "watermark 20\n");
    weir_port_close(q);
    rig_rest(&f.rig);
    player_expect(&f.c, "watermark 18446744073709551615\n");
    inlet_scene_close(&f);
}

/* ---- the end ------------------------------------------------------------------- */

static void what_was_pushed_before_the_end_comes(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    mark(WEIR_MARK_FLUSH, 1);
    push(1);
    mark(WEIR_MARK_FLUSH, 2);
    assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
    rig_rest(&f.rig);
    player_expect(&f.c, "flush 1\n");
    assert_int_equal(push_mark(f.port, WEIR_MARK_FLUSH, 3), WEIR_NO_STAGE);
    inlet_scene_ask(&f, 1);
    player_expect(&f.c, "events 0\nflush 2\ndown in normal\nterminate normal\n");
    assert_int_equal(push_mark(f.port, WEIR_MARK_FLUSH, 4), WEIR_NO_STAGE);
    inlet_scene_close(&f);
}

/* With nobody to ask it would be there for ever; a port that closes takes nothing along. */
static void marks_alone_hold_up_no_end(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    mark(WEIR_MARK_FLUSH, 1);
    weir_port_close(f.port);
    f.port = NULL;
    mark(WEIR_MARK_FLUSH, 2);
    assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
    rig_rest(&f.rig);
    assert_true(weir_inlet_stopped(f.inlet));
    f.c.journal.text[f.c.journal.used] = '\0';
    assert_non_null(strstr(f.c.journal.text, "flush 1\n"));
    assert_non_null(strstr(f.c.journal.text, "flush 2\n"));
    inlet_scene_close(&f);
}

/* What waits is dropped; marks are nobody's, and are not counted. */
static void a_stage_that_stops_loses_them(struct rig *rig, int way) {
    (void)rig;
    open_scene(way, WEIR_REFUSE);
    push(2);
    mark(WEIR_MARK_FLUSH, 1);
    push(1);
    mark(WEIR_MARK_FLUSH, 2);
    player_stop(&f.in, WEIR_REASON_USER);
    mark(WEIR_MARK_FLUSH, 3);
    rig_rest(&f.rig);
    assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 3);
    player_expect(&f.c, "down in user\nterminate user\n");
    inlet_scene_close(&f);
}

/* ---- refused ------------------------------------------------------------------- */

static void what_makes_no_sense_is_refused(void) {
    const weir_mark flush = {.kind = WEIR_MARK_FLUSH};
    open_scene(BY_PORT, WEIR_REFUSE);
    for (int way = 0; way < WAYS; way++) {
        weir_port *port = way == BY_PORT ? f.port : NULL;
        assert_int_equal(push_mark(port, 4, 0), WEIR_INVALID);
        assert_string_equal(weir_refusal(),
                            "kind of a mark must be one of WEIR_MARK_WATERMARK, FLUSH, "
                            "END_OF_FILE (1..3), or 1000..2147483647, got 4");
    }
    assert_int_equal(weir_inlet_push_mark(NULL, &flush, 0), WEIR_INVALID);
    assert_int_equal(weir_port_push_mark(NULL, &flush, 0), WEIR_INVALID);
    assert_int_equal(weir_inlet_push_mark(f.inlet, NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_port_push_mark(f.port, NULL, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "mark must not be NULL");
    const weir_inlet_options competing = {.event_bytes = 8, .dispatcher = weir_shared_dispatcher()};
    weir_inlet *inlet;
    assert_int_equal(weir_inlet_open(f.rig.runtime, &competing, &inlet, NULL), WEIR_OK);
    assert_int_equal(weir_inlet_push_mark(inlet, &flush, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "this inlet takes no marks: its dispatcher has consumers that compete, or "
                        "holds events and has no `mark`");
    weir_inlet_close(inlet);
    inlet_scene_close(&f);
}

#define IN_WAYS(test) \
    WORLDS_TEST(#test, worlds_play, .play_way = (test), .own = &f.rig, .ways = WAYS)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WAYS(comes_behind_what_was_pushed_before),
        IN_WAYS(comes_in_order_round_and_round),
        IN_WAYS(waits_with_an_accumulating_stage),
        IN_WAYS(watermarks_behind_each_other_are_one),
        IN_WAYS(without_room_it_is_refused),
        IN_WAYS(none_is_dropped_for_want_of_room),
        IN_WAYS(waits_for_room),
        TEST_IN_WORLDS_OF(&f.rig, comes_behind_what_was_dropped),
        TEST_IN_WORLDS_OF(&f.rig, on_goes_the_least_of_all_ports),
        IN_WAYS(what_was_pushed_before_the_end_comes),
        IN_WAYS(marks_alone_hold_up_no_end),
        IN_WAYS(a_stage_that_stops_loses_them),
        TEST_IN_WORLDS_OF(&f.rig, what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
