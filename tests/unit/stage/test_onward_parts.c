/*
 * Onward from a part to a part: from an inlet, through a stage, to a stream, in one go.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a part takes from outside as it looks goes through the chain behind it in that turn,
 * to a reader's stream too, in order, and what comes back is heard.
 * Method: a stepped runtime of one worker, turn by turn.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "stage/stage.h"

enum { WINDOW = 8 };

static const weir_subscribe_options window = {.max_demand = WINDOW, .min_demand = WINDOW / 2};

struct outside {
    struct rig *rig;
    struct player t;
    weir_inlet *inlet;
    weir_port *port;
    weir_stream *stream;
    uint64_t pushed;
};

static void open_outside(struct outside *o, struct rig *rig) {
    weir_ref inlet;
    *o = (struct outside){.rig = rig,
                          .t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true}};
    weir_inlet_options options = {.event_bytes = sizeof(uint64_t)};
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &o->inlet, &inlet), WEIR_OK);
    PLAYERS_START(rig, &o->t);
    weir_subscription from_inlet;
    assert_int_equal(
        weir_subscribe_wait(rig->runtime, o->t.ref, inlet, &window, WEIR_FOREVER, &from_inlet),
        WEIR_OK);
    const weir_subscribe_to to = {.producer = o->t.ref, .options = window};
    weir_stream_options reading = {
        .event_bytes = sizeof(uint64_t), .subscribe_to = &to, .subscribe_count = 1};
    assert_int_equal(weir_stream_open(rig->runtime, &reading, &o->stream), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_port_open(o->inlet, &o->port), WEIR_OK);
    rig_rest(rig);
}

static void push_one(struct outside *o) {
    assert_int_equal(weir_port_push(o->port, &o->pushed, 1, 0), WEIR_OK);
    o->pushed++;
    o->rig->emitted++;
}

/* Reads the next number, after so many turns, which it returns. */
static size_t turns_until_read(struct outside *o) {
    uint64_t event = 0;
    size_t turns = 0;
    while (weir_stream_next(o->stream, &event, 0) != WEIR_OK) {
        assert_true(turns < 20);
        turns += weir_runtime_step(o->rig->runtime, 1);
    }
    assert_int_equal(event, o->rig->handled);
    o->rig->handled++;
    return turns;
}

static void close_outside(struct outside *o) {
    uint64_t event;
    weir_port_close(o->port);
    weir_inlet_close(o->inlet);
    while (weir_stream_next(o->stream, &event, WEIR_FOREVER) != WEIR_END) o->rig->handled++;
    weir_stream_close(o->stream);
    rig_close(o->rig);
}

/* What was read is given back, and all is at rest. */
static void rest(struct outside *o) {
    uint64_t event;
    assert_int_equal(weir_stream_next(o->stream, &event, 0), WEIR_TIMEOUT);
    rig_rest(o->rig);
}

/* What has come before is behind them: each has begun. */
static void warm_up(struct outside *o) {
    for (int i = 0; i < 2 * WINDOW; i++) {
        push_one(o);
        turns_until_read(o);
        rest(o);
    }
}

/* One turn is the inlet's, which is called by mail, and one that of who passes it on. */
static void a_stream_has_it_in_the_turn_of_who_sends_it(struct rig *rig) {
    struct outside o;
    open_outside(&o, rig);
    warm_up(&o);
    for (int i = 0; i < 100; i++) {
        push_one(&o);
        assert_in_range(turns_until_read(&o), 1, 2);
        rest(&o);
    }
    close_outside(&o);
}

/* An inlet that looks by itself: what it finds is through all in its turn. */
static void what_is_found_outside_goes_through(struct rig *rig) {
    enum { MORE = WINDOW / 2 };
    struct outside o;
    open_outside(&o, rig);
    warm_up(&o);
    push_one(&o);
    assert_int_equal(weir_runtime_step(rig->runtime, 2), 2); /* the inlet's, and t's with its leg */
    for (int i = 0; i < MORE; i++) push_one(&o);
    assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
    for (int i = 0; i <= MORE; i++) assert_int_equal(turns_until_read(&o), 0);
    close_outside(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(a_stream_has_it_in_the_turn_of_who_sends_it),
        TEST_STEPPED(what_is_found_outside_goes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
