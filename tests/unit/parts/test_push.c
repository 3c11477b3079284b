/*
 * Pushing into an inlet, and into a port of it: what holds for both.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is pushed comes out in its order, when it is asked for; each policy does what it
 * says when there is no room; pushes are all or nothing; who waits is woken by room, by the
 * end and by time; finishing lets everything go out first; every refusal is as documented.
 * Method: each test with an inlet alone and with a port, in every stepped world; threads that
 * wait for room.  rig_close compares the accounts with what was accepted.
 */
#include "support/cmocka.h"
#include "support/inlet_scene.h"

#include <string.h>

static struct inlet_scene f;

/* A test, with the scene opened for it by that policy and closed behind it. */
struct push_test {
    void (*play)(void);
    weir_when_full when_full;
};

static void open_either(bool ported, weir_when_full when_full) {
    if (ported) {
        inlet_scene_open_port(&f, when_full);
    } else {
        inlet_scene_open(&f, when_full);
    }
}

static void play(void **state) {
    const struct push_test *test = *state;
    for (int ported = 0; ported < 2; ported++) {
        for (int world = 0; rig_open_world(&f.rig, world); world++) {
            open_either(ported, test->when_full);
            test->play();
            inlet_scene_close(&f);
        }
    }
}

static weir_status push(size_t count) {
    return inlet_scene_push(&f, count);
}

static weir_status push_zeros(size_t count, uint64_t timeout_ns) {
    static const uint64_t zeros[INLET_CAPACITY + 1];
    return inlet_scene_push_events(&f, zeros, count, timeout_ns);
}

static void expect_waiting(size_t count) {
    assert_int_equal(inlet_scene_waiting(&f), count);
}

static void ask_and_expect(uint64_t count, const char *journal) {
    inlet_scene_ask(&f, count);
    player_expect(&f.c, journal);
}

/* ---- events come out ----------------------------------------------------- */

static void what_is_pushed_waits_for_demand(void) {
    assert_int_equal(push(0), WEIR_OK);
    assert_int_equal(push(3), WEIR_OK);
    assert_int_equal(push(2), WEIR_OK);
    expect_waiting(5);
    rig_rest(&f.rig);
    expect_waiting(5);
    player_expect(&f.c, "");
    ask_and_expect(4, "events 0..3\n"); /* from two pushes, as one message */
    expect_waiting(1);
    ask_and_expect(4, "events 4\n");
    expect_waiting(0);
    assert_int_equal(push(2), WEIR_OK); /* what was asked for is remembered */
    rig_rest(&f.rig);
    player_expect(&f.c, "events 5 6\n");
}

/* ---- without room -------------------------------------------------------- */

static void refuse_refuses(void) {
    assert_int_equal(push(8), WEIR_OK);
    assert_int_equal(push(3), WEIR_FULL); /* all or nothing */
    assert_int_equal(push(2), WEIR_OK);
    assert_int_equal(push(1), WEIR_FULL);
    expect_waiting(10);
    ask_and_expect(1, "events 0\n");
    assert_int_equal(push(2), WEIR_FULL);
    assert_int_equal(push(1), WEIR_OK);
    ask_and_expect(20, "events 1..10\n");
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 0);
}

static void drop_newest_keeps_what_waits(void) {
    assert_int_equal(push(8), WEIR_OK);
    assert_int_equal(push(3), WEIR_DROPPED); /* 8..10 */
    assert_int_equal(push(2), WEIR_OK);      /* 11 and 12 */
    assert_int_equal(push(4), WEIR_DROPPED);
    expect_waiting(10);
    rig_rest(&f.rig);
    assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 7); /* nobody has asked yet */
    assert_int_equal(rig_accounts(&f.rig).discarded, 7);
    ask_and_expect(20, "events 0..7 11 12\n");
}

static void block_waits_until_its_time_is_up(void) {
    assert_int_equal(push(10), WEIR_OK);
    assert_int_equal(push_zeros(1, 0), WEIR_TIMEOUT);
    assert_int_equal(push_zeros(1, 100000), WEIR_TIMEOUT);
    /* All stages rest: in a runtime without threads nothing would ever change. */
    assert_int_equal(push_zeros(1, WEIR_FOREVER), WEIR_TIMEOUT);
    expect_waiting(10);
    inlet_scene_ask(&f, 2);
    assert_int_equal(push_zeros(3, 0), WEIR_TIMEOUT);
    assert_int_equal(push(2), WEIR_OK);
    assert_int_equal(weir_ask(f.rig.runtime, f.subscription, 2), WEIR_OK);
    assert_int_equal(push_zeros(2, WEIR_FOREVER), WEIR_OK); /* it lets the stages run */
    f.in.emitted += 2;
}

static weir_verdict push_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    RIG_CHECK(player->rig, push_zeros(number, WEIR_FOREVER) == WEIR_OK);
    RIG_CHECK(player->rig, push_zeros(1, WEIR_FOREVER) == WEIR_WRONG_THREAD);
    RIG_CHECK(player->rig,
              strcmp(weir_refusal(), f.port != NULL
                                         ? "a callback cannot wait for room in a port"
                                         : "a callback cannot wait for room in an inlet") == 0);
    return WEIR_CONTINUE;
}

static void callbacks_push_but_do_not_wait(void) {
    static struct player other;
    other = (struct player){
        .name = "other", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = push_inside};
    player_start(&other, &f.rig, NULL);
    player_cast(&other, 10);
    rig_rest(&f.rig);
    expect_waiting(10);
    f.rig.emitted += 10;
}

/* Each would wait for ever if it were not woken (or, when late, did not look). */
static void who_waits_is_woken(void **state) {
    (void)state;
    static const weir_idle idles[] = {WEIR_IDLE_SPIN_THEN_PARK, WEIR_IDLE_PARK};
    enum { BY_ROOM, BY_STOP, BY_FINISH, WAYS };
    for (int round = 0; round < 40 * WAYS; round++) {
        int way = round % WAYS;
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1, .idle = idles[round / WAYS % 2]});
        open_either(round / (2 * WAYS) % 2, WEIR_BLOCK);
        assert_int_equal(push(10), WEIR_OK);
        struct inlet_pusher pusher;
        inlet_pusher_start(
            &pusher,
            (struct inlet_pusher){.inlet = f.inlet, .port = f.port, .per_push = 4, .most = 4});
        if (way == BY_ROOM)
            for (int i = 0; i < 4; i++) inlet_scene_ask(&f, 1);
        if (way == BY_STOP) player_stop(&f.in, WEIR_REASON_NORMAL);
        if (way == BY_FINISH) weir_inlet_finish(f.inlet); /* nobody asks, so it lives on */
        weir__thread_join(&pusher.thread);
        assert_int_equal(pusher.last, way == BY_ROOM ? WEIR_OK : WEIR_NO_STAGE);
        assert_int_equal(pusher.accepted, way == BY_ROOM ? 4 : 0);
        f.rig.emitted += pusher.accepted;
        inlet_scene_close(&f);
    }
}

/* ---- the end ------------------------------------------------------------- */

static void expect_refused(size_t count, const char *refusal) {
    assert_int_equal(push(count), WEIR_NO_STAGE);
    assert_string_equal(weir_refusal(), refusal);
}

static void finish_lets_everything_go_out(void) {
    assert_int_equal(push(7), WEIR_OK);
    assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
    expect_refused(1, "the inlet was finished");
    expect_refused(9, "the inlet was finished");           /* without room, too */
    assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK); /* again */
    rig_rest(&f.rig);
    assert_int_equal(weir_runtime_stages(f.rig.runtime), 2); /* it waits for demand */
    assert_false(weir_inlet_stopped(f.inlet));
    expect_waiting(7);
    ask_and_expect(5, "events 0..4\n");
    ask_and_expect(5, "events 5 6\ndown in normal\n");
    expect_refused(1, "the inlet has stopped: normal");
    assert_true(weir_inlet_stopped(f.inlet));
    assert_int_equal(weir_inlet_reason(f.inlet), WEIR_REASON_NORMAL);
}

static void the_handle_outlives_the_stage(void) {
    assert_int_equal(push(7), WEIR_OK);
    player_stop(&f.in, WEIR_REASON_USER);
    rig_rest(&f.rig);
    player_expect(&f.c, "down in user\n");
    assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 7);
    expect_refused(1, "the inlet has stopped: user");
    expect_refused(9, "the inlet has stopped: user");
    assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
    rig_rest(&f.rig);
}

/* No memory to emit with: it stops, and what it held is counted. */
static void without_memory_to_emit_it_stops(void) {
    assert_int_equal(push(10), WEIR_OK);
    rig_rest(&f.rig);
    weir_ask(f.rig.runtime, f.subscription, 4);
    test_memory_fail(&f.rig.memory, 1, true);
    rig_rest(&f.rig);
    test_memory_fail_never(&f.rig.memory);
    player_expect(&f.c, "down in no_memory\n");
    assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 10);
}

/* ---- refusals ------------------------------------------------------------ */

static void bad_pushes_are_refused(void) {
    assert_int_equal(push_zeros(11, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be at most the capacity, 10, got 11");
    assert_int_equal(inlet_scene_push_events(&f, NULL, 2, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "events must not be NULL when count is 2");
    assert_int_equal(inlet_scene_push_events(&f, NULL, 0, 0), WEIR_OK);
    expect_waiting(0);
}

/* clang-format off */
#define PUSH_TEST(test, when_full) \
    {#test, play, NULL, NULL, &(struct push_test){(test), (when_full)}}
/* clang-format on */

int main(void) {
    const struct CMUnitTest tests[] = {
        PUSH_TEST(what_is_pushed_waits_for_demand, WEIR_REFUSE),
        PUSH_TEST(refuse_refuses, WEIR_REFUSE),
        PUSH_TEST(drop_newest_keeps_what_waits, WEIR_DROP_NEWEST),
        PUSH_TEST(block_waits_until_its_time_is_up, WEIR_BLOCK),
        PUSH_TEST(callbacks_push_but_do_not_wait, WEIR_BLOCK),
        cmocka_unit_test(who_waits_is_woken),
        PUSH_TEST(finish_lets_everything_go_out, WEIR_REFUSE),
        PUSH_TEST(the_handle_outlives_the_stage, WEIR_REFUSE),
        PUSH_TEST(the_handle_outlives_the_stage, WEIR_BLOCK),
        PUSH_TEST(the_handle_outlives_the_stage, WEIR_DROP_NEWEST),
        PUSH_TEST(without_memory_to_emit_it_stops, WEIR_REFUSE),
        PUSH_TEST(bad_pushes_are_refused, WEIR_REFUSE),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
