/*
 * Reminders at a stage's end: what comes of those that came early.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a timer without a message that is armed by a reminder which came early, or by handle_end,
 * keeps nobody waiting, and is not brought forward, whichever messages to itself lie between; it
 * comes when it is due, if the stage is still there, and handle_end is not called again for it.
 * Method: clocks, of a reminder alone and with messages in between, that are drained in every
 * world; in simulated time, clocks of a stage whose end a token delays.
 */
#include "support/cmocka.h"
#include "support/player.h"

static const uint64_t SECOND = 1000000000;

static struct rig rig;

static void remind(weir_stage *self, uint64_t delay_ns) {
    RIG_CHECK(&rig, weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0, delay_ns,
                                    NULL) == WEIR_OK);
}

/* ---- drained ------------------------------------------------------------- */

enum way { BY_A_CAST, BY_AN_INFO, BY_A_TIMER, BY_TWO, WAYS };

/* A reminder: the next one is armed when the message comes. */
static void send_tick(weir_stage *self, enum way way, uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_ref to = weir_self(self);
    weir_status status = way == BY_A_TIMER
                             ? weir_send_after(runtime, to, &number, sizeof number, 1000, NULL)
                         : way == BY_AN_INFO ? weir_info(runtime, to, &number, sizeof number)
                                             : weir_cast(runtime, to, &number, sizeof number);
    RIG_CHECK(&rig, status == WEIR_OK);
}

static weir_verdict tick_cast(weir_stage *self, struct player *player, uint64_t number) {
    const enum way *way = player->own;
    if (*way == BY_TWO && number == 1) {
        send_tick(self, BY_TWO, 2);
    } else {
        remind(self, 3600 * SECOND);
    }
    return WEIR_CONTINUE;
}

/* Without a message the number is 0. */
static weir_verdict tick(weir_stage *self, struct player *player, uint64_t number) {
    const enum way *way = player->own;
    if (number > 0) return tick_cast(self, player, 2);
    send_tick(self, *way, 1);
    return WEIR_CONTINUE;
}

static void a_clock_ticks_once_more_by_whatever_message(void **state) {
    (void)state;
    for (enum way way = 0; way < WAYS; way++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player clock = {.name = "clock", .kind = WEIR_CONSUMER, .own = &way};
            clock.does.info = tick;
            clock.does.cast = tick_cast;
            player_start(&clock, &rig, NULL);
            assert_int_equal(weir_send_after(rig.runtime, clock.ref, NULL, 0, 3600 * SECOND, NULL),
                             WEIR_OK);
            rig_rest(&rig);
            assert_int_equal(weir_runtime_drain(rig.runtime, 5 * SECOND, NULL), WEIR_OK);
            static const char *const expected[WAYS] = {
                "drain\ninfo 0\ncast 1\nterminate normal\n",
                "drain\ninfo 0\ninfo 1\nterminate normal\n",
                "drain\ninfo 0\ninfo 1\nterminate normal\n",
                "drain\ninfo 0\ncast 1\ncast 2\nterminate normal\n"};
            player_expect(&clock, expected[way]);
            rig_close(&rig);
        }
    }
}

/* ---- while a token is out ------------------------------------------------ */

static weir_verdict remind_once(weir_stage *self, struct player *player) {
    if (player->next++ == 0) remind(self, SECOND);
    return WEIR_CONTINUE;
}

static weir_verdict tick_on(weir_stage *self, struct player *player, uint64_t number) {
    (void)player, (void)number;
    remind(self, SECOND);
    return WEIR_CONTINUE;
}

static weir_verdict say(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    return WEIR_CONTINUE;
}

static weir_token start_held(struct player *player) {
    weir_token token;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1});
    player_start(player, &rig, NULL);
    rig_rest(&rig);
    assert_int_equal(weir_busy(rig.runtime, player->ref, &token), WEIR_OK);
    return token;
}

static void what_the_end_arms_comes_when_it_is_due(void **state) {
    (void)state;
    struct player stage = {.name = "stage", .kind = WEIR_CONSUMER, .quiet = false};
    stage.does.info = say;
    stage.does.end = remind_once;
    weir_token token = start_held(&stage);
    assert_int_equal(weir_finish(rig.runtime, stage.ref), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig.runtime, SECOND / 2), WEIR_TIMEOUT);
    player_expect(&stage, "drain\nend\n");
    assert_int_equal(weir_runtime_run(rig.runtime, 10 * SECOND), WEIR_TIMEOUT);
    player_expect(&stage, "info 0\n"); /* and not the end again */
    player_cast(&stage, 0);
    rig_rest(&rig);
    player_expect(&stage, "cast 0\nend\n");
    assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    player_expect(&stage, "end\nterminate normal\n");
    rig_close(&rig);
}

/* A clock comes early once, and then goes on as before. */
static void a_clock_goes_on_while_it_waits(void **state) {
    (void)state;
    struct player clock = {.name = "clock", .kind = WEIR_CONSUMER};
    clock.does.info = tick_on;
    clock.does.end = remind_once;
    clock.next = 1; /* which arms nothing */
    weir_token token = start_held(&clock);
    assert_int_equal(weir_send_after(rig.runtime, clock.ref, NULL, 0, 3600 * SECOND, NULL),
                     WEIR_OK);
    assert_int_equal(weir_finish(rig.runtime, clock.ref), WEIR_OK);
    rig_rest(&rig);
    player_expect(&clock, "drain\ninfo 0\nend\n");
    assert_int_equal(weir_runtime_run(rig.runtime, 3 * SECOND + SECOND / 2), WEIR_TIMEOUT);
    player_expect(&clock, "info 0\ninfo 0\ninfo 0\n");
    assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig.runtime, SECOND / 4), WEIR_OK);
    player_expect(&clock, "end\nterminate normal\n");
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_ticks_once_more_by_whatever_message),
        cmocka_unit_test(what_the_end_arms_comes_when_it_is_due),
        cmocka_unit_test(a_clock_goes_on_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
