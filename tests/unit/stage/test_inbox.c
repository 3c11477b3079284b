/*
 * The inbox: calls, answers, timers, finishing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who calls gets the one answer, before or behind what the callback emits
 * as it was asked for, also from a stage that stops; who cannot be answered is
 * told; timers fire once, in order, at their moment, or not at all; a stage that
 * is to finish handles and sends all it has, then stops.
 * Method: players in every world; virtual time where time matters.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

enum { MS = 1000000 };

/* ---- calls --------------------------------------------------------------- */

static void a_call_is_answered(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    uint64_t answer = 0;
    player_start(&c, rig, NULL);
    assert_int_equal(player_try_call(&c, 41, WEIR_FOREVER, &answer), WEIR_OK);
    assert_int_equal(answer, 42);
    player_expect(&c, "call 41\n");
    rig_close(rig);
}

static weir_from kept;

static weir_verdict keep_caller(weir_stage *self, struct player *player, weir_from from,
                                uint64_t number) {
    (void)self;
    (void)player;
    (void)number;
    kept = from;
    return WEIR_CONTINUE;
}

static weir_verdict answer_from_cast(weir_stage *self, struct player *player, uint64_t number) {
    RIG_CHECK(player->rig,
              weir_reply(weir_stage_runtime(self), kept, &number, sizeof number) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict ask_other(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    player_cast(player->own, number); /* who answers the caller */
    return WEIR_CONTINUE;
}

static void the_answer_may_come_later_and_from_elsewhere(struct rig *rig) {
    struct player other = {.name = "other", .kind = WEIR_CONSUMER, .does.cast = answer_from_cast};
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .own = &other,
                       .does.call = keep_caller,
                       .does.info = ask_other};
    uint64_t answer = 0;
    PLAYERS_START(rig, &other, &c);
    player_later(&c, 7, 1000);
    assert_int_equal(player_try_call(&c, 1, WEIR_FOREVER, &answer), WEIR_OK);
    assert_int_equal(answer, 7);
    assert_int_equal(weir_reply(rig->runtime, kept, &answer, sizeof answer), WEIR_NO_CALLER);
    rig_close(rig);
}

static void who_does_not_answer_is_waited_for_in_vain(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.call = keep_caller};
    uint64_t answer = 5;
    player_start(&c, rig, NULL);
    assert_int_equal(player_try_call(&c, 1, 0, &answer), WEIR_TIMEOUT);
    assert_int_equal(player_try_call(&c, 2, WEIR_FOREVER, &answer), WEIR_TIMEOUT); /* at rest */
    assert_int_equal(weir_reply(rig->runtime, kept, "12345678", 8), WEIR_NO_CALLER);
    assert_int_equal(answer, 5);
    rig_close(rig);
}

static weir_verdict stop_unanswered(weir_stage *self, struct player *player, weir_from from,
                                    uint64_t number) {
    (void)self;
    (void)player;
    (void)from;
    (void)number;
    return WEIR_STOP;
}

static void a_stage_that_stops_tells_its_callers(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.call = stop_unanswered};
    uint64_t answer = 0;
    player_start(&c, rig, NULL);
    assert_int_equal(player_try_call(&c, 1, WEIR_FOREVER, &answer), WEIR_NO_STAGE);
    assert_int_equal(player_try_call(&c, 1, WEIR_FOREVER, &answer), WEIR_NO_STAGE);
    player_expect(&c, "call 1\nterminate normal\n");
    rig_close(rig);
}

static void a_stage_without_handle_call_says_so(struct rig *rig) {
    weir_ref ref;
    const weir_stage_options deaf = {.kind = WEIR_CONSUMER, .on.handle_events = deed_no_events};
    assert_int_equal(weir_stage_start(rig->runtime, &deaf, &ref), WEIR_OK);
    assert_int_equal(weir_call(rig->runtime, ref, "x", 1, NULL, WEIR_FOREVER), WEIR_UNHANDLED);
    assert_int_equal(weir_call(rig->runtime, ref, NULL, 1, NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_call(rig->runtime, ref, "", 0, &(weir_answer){.room = 3}, 0),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(), "answer.bytes must not be NULL when room is 3");
    rig_close(rig);
}

/* ---- answers and events -------------------------------------------------- */

/* Emits one number, and answers at once (even) or afterwards (odd). */
static weir_verdict emit_and_answer(weir_stage *self, struct player *player, weir_from from,
                                    uint64_t number) {
    uint64_t sent = player->next;
    player_emit(self, 1);
    weir_status status = number % 2 == 0
                             ? weir_reply(weir_stage_runtime(self), from, &sent, sizeof sent)
                             : weir_reply_after(self, from, &sent, sizeof sent);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return number < 10 ? WEIR_CONTINUE : WEIR_STOP;
}

static void the_answer_goes_before_the_events_or_behind_them(void **state) {
    (void)state;
    struct rig rig;
    for (uint64_t number = 0; number < 12; number += number == 1 ? 9 : 1) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2});
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.call = emit_and_answer};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        uint64_t answer = 9;
        PLAYERS_START(&rig, &p, &c);
        const weir_subscribe_options temporary = {.cancel = WEIR_TEMPORARY};
        player_subscribe(&c, &p, &temporary);
        rig_rest(&rig);
        assert_int_equal(player_try_call(&p, number, WEIR_FOREVER, &answer), WEIR_OK);
        assert_int_equal(answer, 0);
        if (number == 11) { /* terminate came before the answer */
            assert_non_null(strstr(p.journal.text, "terminate"));
        }
        rig_rest(&rig);
        assert_int_equal(c.handled, 1);
        rig_close(&rig);
    }
}

/* Three that nobody waits for any more, and the one that is waited for. */
static weir_verdict answer_four(weir_stage *self, struct player *player, weir_from from,
                                uint64_t number) {
    for (uint64_t i = 0; i < 4; i++) {
        RIG_CHECK(player->rig, weir_reply_after(self, i < 3 ? (weir_from){i} : from, &number,
                                                sizeof number) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void answers_that_wait_are_all_sent(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.call = answer_four};
    player_start(&c, rig, NULL);
    for (uint64_t i = 0; i < 3; i++) assert_int_equal(player_call(&c, i), i);
    rig_close(rig);
}

/* ---- timers -------------------------------------------------------------- */

static void open_simulated(struct rig *rig) {
    rig_open(rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = 3});
}

static void timers_fire_in_order_at_their_moments(void **state) {
    (void)state;
    struct rig rig;
    open_simulated(&rig);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    player_later(&c, 3, 30 * MS);
    player_later(&c, 1, 10 * MS);
    player_later(&c, 2, 20 * MS);
    assert_int_equal(weir_runtime_advance(rig.runtime, 5 * MS), WEIR_OK);
    player_expect(&c, "");
    assert_int_equal(weir_runtime_advance(rig.runtime, 20 * MS), WEIR_OK);
    player_expect(&c, "info 1\ninfo 2\n");
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_TIMEOUT);
    player_expect(&c, "info 3\n");
    rig_close(&rig);
}

static void a_cancelled_timer_does_not_fire(void **state) {
    (void)state;
    struct rig rig;
    open_simulated(&rig);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    weir_timer one = player_later(&c, 1, 10 * MS);
    weir_timer two = player_later(&c, 2, 20 * MS);
    assert_int_equal(weir_cancel_timer(rig.runtime, two), WEIR_OK);
    assert_int_equal(weir_runtime_advance(rig.runtime, 100 * MS), WEIR_OK);
    player_expect(&c, "info 1\n");
    assert_int_equal(weir_cancel_timer(rig.runtime, one), WEIR_OK); /* too late; no harm */
    assert_int_equal(weir_cancel_timer(rig.runtime, (weir_timer){0}), WEIR_NO_STAGE);
    rig_close(&rig);
}

static weir_verdict count_up(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    RIG_CHECK(player->rig, number % 3 == 0); /* the others were cancelled */
    player->sum += number;
    return WEIR_CONTINUE;
}

static void many_timers_are_cancelled_in_any_order(void **state) {
    (void)state;
    enum { TIMERS = 300 };
    struct rig rig;
    open_simulated(&rig);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.info = count_up};
    weir_timer timers[TIMERS];
    player_start(&c, &rig, NULL);
    for (uint64_t i = 0; i < TIMERS; i++) timers[i] = player_later(&c, i, (1 + i % 7) * MS);
    rig_rest(&rig);
    for (uint64_t i = 1; i < TIMERS; i += 3) { /* oldest first, newest first */
        assert_int_equal(weir_cancel_timer(rig.runtime, timers[i]), WEIR_OK);
        assert_int_equal(weir_cancel_timer(rig.runtime, timers[TIMERS - i]), WEIR_OK);
    }
    assert_int_equal(weir_runtime_advance(rig.runtime, 100 * MS), WEIR_OK);
    assert_int_equal(c.sum, 3 * 99 * 100 / 2);
    rig_close(&rig);
}

static weir_verdict arm_and_cancel(weir_stage *self, struct player *player, uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_timer timer;
    RIG_CHECK(player->rig, weir_send_after(runtime, weir_self(self), &number, sizeof number, MS,
                                           &timer) == WEIR_OK);
    RIG_CHECK(player->rig, weir_cancel_timer(runtime, timer) == WEIR_OK);
    RIG_CHECK(player->rig, weir_cancel_timer(runtime, timer) == WEIR_NO_TIMER);
    number++;
    RIG_CHECK(player->rig, weir_send_after(runtime, weir_self(self), &number, sizeof number, MS,
                                           &timer) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void a_callback_arms_and_cancels_at_once(void **state) {
    (void)state;
    struct rig rig;
    open_simulated(&rig);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = arm_and_cancel};
    player_start(&c, &rig, NULL);
    player_cast(&c, 5);
    assert_int_equal(weir_runtime_advance(rig.runtime, 10 * MS), WEIR_OK);
    player_expect(&c, "cast 5\ninfo 6\n");
    rig_close(&rig);
}

static weir_verdict arm_again(weir_stage *self, struct player *player, uint64_t number) {
    if (number < 4) player_later(player, number + 1, 10 * MS);
    return number < 4 ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NORMAL);
}

static void time_jumps_to_the_next_timer(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_SIMULATED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 2});
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.info = arm_again};
        player_start(&c, &rig, NULL);
        uint64_t before = weir_runtime_now(rig.runtime);
        player_later(&c, 1, 10 * MS);
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        assert_true(weir_runtime_now(rig.runtime) - before >= 40 * MS);
        player_expect(&c, "info 1\ninfo 2\ninfo 3\ninfo 4\nterminate normal\n");
        rig_close(&rig);
    }
}

static void timers_go_with_their_stage(void **state) {
    (void)state;
    struct rig rig;
    open_simulated(&rig);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    for (uint64_t i = 0; i < 20; i++) player_later(&c, i, (i + 1) * MS);
    assert_int_equal(weir_runtime_advance(rig.runtime, 3 * MS), WEIR_OK);
    player_stop(&c, WEIR_REASON_NORMAL);
    player_later(&c, 99, MS);
    assert_int_equal(weir_runtime_advance(rig.runtime, 100 * MS), WEIR_OK);
    player_expect(&c, "info 0\ninfo 1\ninfo 2\nterminate normal\n");
    assert_int_equal(weir_send_after(rig.runtime, c.ref, NULL, 0, 0, NULL), WEIR_NO_STAGE);
    rig_close(&rig);
}

static void only_simulated_time_is_moved(struct rig *rig) {
    assert_int_equal(weir_runtime_advance(rig->runtime, 1), WEIR_WRONG_MODE);
    rig_close(rig);
}

/* ---- what init sends to its own stage ------------------------------------ */

static weir_verdict send_to_self(weir_stage *self, struct player *player) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_ref ref = weir_self(self);
    uint64_t number = 0;
    RIG_CHECK(player->rig, weir_cast(runtime, ref, &number, sizeof number) == WEIR_OK);
    RIG_CHECK(player->rig, weir_info(runtime, ref, &number, sizeof number) == WEIR_OK);
    number = 3;
    RIG_CHECK(player->rig,
              weir_send_after(runtime, ref, &number, sizeof number, MS, NULL) == WEIR_OK);
    RIG_CHECK(player->rig, weir_call(runtime, ref, NULL, 0, NULL, 0) == WEIR_WRONG_THREAD);
    const struct player *producer = player->own;
    if (producer == NULL) return WEIR_STOP;
    RIG_CHECK(player->rig, weir_subscribe(runtime, ref, producer->ref, NULL, NULL) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void init_may_send_to_its_own_stage(void **state) {
    (void)state;
    struct rig rig;
    open_simulated(&rig);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .own = &p, .does.init = send_to_self};
    struct player refused = {.name = "d", .kind = WEIR_CONSUMER, .does.init = send_to_self};
    PLAYERS_START(&rig, &p, &c);
    assert_int_equal(player_try_start(&refused, &rig, NULL), WEIR_INIT_STOPPED);
    assert_int_equal(weir_runtime_advance(rig.runtime, 10 * MS), WEIR_OK);
    player_expect(&c, "cast 0\nsubscribe p\ninfo 0\nevents 0..2\ninfo 3\n");
    player_expect(&refused, "");
    rig_close(&rig);
}

/* ---- finishing ----------------------------------------------------------- */

static weir_verdict finish_self(weir_stage *self, struct player *player, uint64_t number) {
    player_emit(self, number);
    RIG_CHECK(player->rig, weir_finish(weir_stage_runtime(self), weir_self(self)) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict finish_when_source_ends(weir_stage *self, struct player *player,
                                            const weir_peer *peer) {
    if (peer->side == WEIR_PRODUCER) finish_self(self, player, 0);
    return WEIR_CONTINUE;
}

static void a_producer_that_finishes_sends_all_it_has(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = finish_self};
        struct player m = {
            .name = "m", .kind = WEIR_PRODUCER_CONSUMER, .does.cancel = finish_when_source_ends};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        PLAYERS_START(&rig, &p, &m);
        player_subscribe(&m, &p, &(weir_subscribe_options){.max_demand = 10});
        player_cast(&p, 100);
        rig_rest(&rig);
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &m, &(weir_subscribe_options){.max_demand = 7});
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(c.handled, 100);
        assert_non_null(strstr(c.journal.text, "terminate normal"));
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

static void a_finishing_stage_is_asked_for_no_more(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1000000};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, NULL);
    player_cast(&p, 5);
    rig_rest(rig);
    assert_int_equal(weir_finish(rig->runtime, p.ref), WEIR_OK);
    rig_rest(rig);
    player_expect(&p, "cast 5\ndrain\n");
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_expect(&p, "subscribe c\nterminate normal\n");
    player_expect(&c, "subscribe p\nevents 0..4\ndown p normal\n");
    rig_close(rig);
}

static void nobody_listens(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.drop_unheard = true});
    player_start(&c, rig, NULL);
    player_cast(&p, 3);
    rig_rest(rig);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 2});
    rig_rest(rig);
    player_cast(&p, 4); /* two of them are buffered: somebody listens */
    rig_rest(rig);
    player_expect(&p, "cast 3\ndiscarded 3 unheard\nsubscribe c\ndemand 2\ncast 4\ndemand 2\n");
    assert_int_equal(c.handled, 4);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(a_call_is_answered),
        TEST_IN_WORLDS(the_answer_may_come_later_and_from_elsewhere),
        TEST_IN_WORLDS(who_does_not_answer_is_waited_for_in_vain),
        TEST_IN_WORLDS(a_stage_that_stops_tells_its_callers),
        TEST_STEPPED(a_stage_without_handle_call_says_so),
        cmocka_unit_test(the_answer_goes_before_the_events_or_behind_them),
        TEST_IN_WORLDS(answers_that_wait_are_all_sent),
        cmocka_unit_test(timers_fire_in_order_at_their_moments),
        cmocka_unit_test(a_cancelled_timer_does_not_fire),
        cmocka_unit_test(many_timers_are_cancelled_in_any_order),
        cmocka_unit_test(a_callback_arms_and_cancels_at_once),
        cmocka_unit_test(time_jumps_to_the_next_timer),
        cmocka_unit_test(timers_go_with_their_stage),
        TEST_STEPPED(only_simulated_time_is_moved),
        cmocka_unit_test(init_may_send_to_its_own_stage),
        cmocka_unit_test(a_producer_that_finishes_sends_all_it_has),
        TEST_IN_WORLDS(a_finishing_stage_is_asked_for_no_more),
        TEST_STEPPED(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
