/*
 * Limits: a flood is the trouble of the stage that is flooded, and it can be stopped.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what users send to a stage is refused at that stage's limit, and at no
 * other's; timers have a limit of their own; what controls a stage is never refused,
 * and to stop it or let it finish needs no memory.  A message counts until it is used
 * up, and for no stage that comes after.
 * Method: mailboxes that are filled before anything runs; a stage that stops itself
 * with that mail still on its way; an allocator that fails.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "runtime/runtime.h"

#include <string.h>

static const uint64_t NUMBER = 1;

static weir_status cast(const struct player *player) {
    return weir_cast(player->rig->runtime, player->ref, &NUMBER, sizeof NUMBER);
}

static weir_status info(const struct player *player) {
    return weir_info(player->rig->runtime, player->ref, &NUMBER, sizeof NUMBER);
}

static weir_status later(const struct player *player, uint64_t delay_ns, weir_timer *out) {
    return weir_send_after(player->rig->runtime, player->ref, &NUMBER, sizeof NUMBER, delay_ns,
                           out);
}

static weir_verdict nothing(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    (void)player;
    (void)number;
    return WEIR_CONTINUE;
}

static void fill(struct player *player, int messages) {
    for (int i = 0; i < messages; i++) assert_int_equal(cast(player), WEIR_OK);
    assert_int_equal(cast(player), WEIR_FULL);
}

/* ---- messages ------------------------------------------------------------ */

static void a_full_stage_refuses_messages_and_its_neighbour_none(struct rig *rig) {
    struct player full = {.name = "full", .kind = WEIR_CONSUMER, .does.cast = nothing};
    struct player other = {.name = "other", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(&full, rig, &(weir_stage_options){.mailbox_limit = 10});
    player_start(&other, rig, NULL);
    fill(&full, 10);
    uint64_t calls = rig->memory.calls;
    uint64_t answer;
    assert_int_equal(info(&full), WEIR_FULL);
    assert_int_equal(player_try_call(&full, 1, WEIR_FOREVER, &answer), WEIR_FULL);
    assert_int_equal(cast(&full), WEIR_FULL);
    assert_in_range(rig->memory.calls, calls, calls + 1); /* the callers' table, and no message */
    assert_int_equal(later(&full, 0, NULL), WEIR_OK);     /* timers count on their own */
    for (int i = 0; i < 100; i++) assert_int_equal(cast(&other), WEIR_OK);
    assert_int_equal(player_call(&other, 4), 5);
    rig_rest(rig);
    fill(&full, 10); /* there is room again, and as much as before */
    rig_close(rig);
}

static void the_runtime_says_what_stages_do_not(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1, .mailbox_limit = 3});
    struct player one = {.name = "one", .kind = WEIR_CONSUMER, .does.cast = nothing};
    struct player other = {.name = "other", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(&one, &rig, NULL);
    player_start(&other, &rig, &(weir_stage_options){.mailbox_limit = 5});
    fill(&one, 3);
    fill(&other, 5);
    rig_close(&rig);
}

/* Infos that wait behind a buffer count as long as they wait. */
static void waiting_infos_count(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    player_start(&p, rig, &(weir_stage_options){.mailbox_limit = 3});
    player_cast(&p, 1);
    rig_rest(rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(info(&p), WEIR_OK);
        rig_rest(rig);
    }
    assert_int_equal(info(&p), WEIR_FULL);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    for (int i = 0; i < 3; i++) assert_int_equal(info(&p), WEIR_OK);
    rig_close(rig);
}

static weir_verdict cast_to_itself(weir_stage *self, struct player *player) {
    (void)player;
    weir_runtime *runtime = weir_stage_runtime(self);
    for (int i = 0; i < 2; i++) {
        RIG_CHECK(player->rig,
                  weir_cast(runtime, weir_self(self), &NUMBER, sizeof NUMBER) == WEIR_OK);
    }
    RIG_CHECK(player->rig,
              weir_cast(runtime, weir_self(self), &NUMBER, sizeof NUMBER) == WEIR_FULL);
    return player->own == NULL ? WEIR_CONTINUE : WEIR_STOP;
}

static void what_init_sends_counts(struct rig *rig) {
    static int stops;
    struct player failing = {.name = "failing",
                             .kind = WEIR_CONSUMER,
                             .own = &stops,
                             .does.cast = nothing,
                             .does.init = cast_to_itself};
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing, .does.init = cast_to_itself};
    const weir_stage_options options = {.mailbox_limit = 2};
    assert_int_equal(player_try_start(&failing, rig, &options), WEIR_INIT_STOPPED);
    player_start(&c, rig, &options);
    assert_int_equal(cast(&c), WEIR_FULL);
    rig_rest(rig);
    fill(&c, 2);
    rig_close(rig);
}

/* ---- timers -------------------------------------------------------------- */

static void timers_have_a_limit_of_their_own(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1});
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing};
    weir_timer timers[3];
    player_start(&c, &rig, &(weir_stage_options){.timers_limit = 3, .mailbox_limit = 2});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(later(&c, 1000000000 * (uint64_t)(i + 1), &timers[i]), WEIR_OK);
    }
    assert_int_equal(later(&c, 0, NULL), WEIR_FULL);
    fill(&c, 2); /* and messages have theirs */
    rig_rest(&rig);
    assert_int_equal(later(&c, 0, NULL), WEIR_FULL);
    assert_int_equal(weir_cancel_timer(rig.runtime, timers[1]), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(later(&c, 5000000000, &timers[1]), WEIR_OK);
    assert_int_equal(later(&c, 0, NULL), WEIR_FULL);
    weir_runtime_advance(rig.runtime, 2000000000); /* the first has fired, and been handled */
    assert_int_equal(later(&c, 0, NULL), WEIR_OK);
    assert_int_equal(later(&c, 0, NULL), WEIR_FULL);
    rig_close(&rig);
}

static weir_verdict arm_many(weir_stage *self, struct player *player, uint64_t number) {
    for (uint64_t i = 0; i < number; i++) {
        RIG_CHECK(player->rig, weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0,
                                               3600000000000, NULL) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void many_timers_are_in_nobodys_way(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = arm_many};
    struct player other = {.name = "other", .kind = WEIR_CONSUMER, .does.cast = nothing};
    PLAYERS_START(rig, &c, &other);
    player_cast(&c, 70000);
    rig_rest(rig);
    player_cast(&other, 1);
    assert_int_equal(player_call(&other, 4), 5);
    assert_int_equal(player_call(&c, 4), 5);
    player_stop(&c, WEIR_REASON_SHUTDOWN);
    rig_rest(rig);
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
    rig_close(rig);
}

/* ---- control ------------------------------------------------------------- */

static void control_of_a_full_stage_is_not_refused(struct rig *rig) {
    weir_runtime *runtime = rig->runtime;
    const weir_stage_options tight = {.mailbox_limit = 1, .timers_limit = 1};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = nothing};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .does.cast = nothing};
    player_start(&p, rig, &tight);
    player_start(&c, rig, &tight);
    weir_timer timer;
    assert_int_equal(later(&c, 3600000000000, &timer), WEIR_OK);
    const weir_subscribe_options temporary = {.cancel = WEIR_TEMPORARY};
    weir_subscription subscription = player_subscribe(&c, &p, &temporary);
    rig_rest(rig);
    fill(&p, 1);
    fill(&c, 1);
    weir_demand_mode mode;
    uint64_t count;
    assert_int_equal(weir_demand(runtime, p.ref, WEIR_ACCUMULATE), WEIR_OK);
    assert_int_equal(weir_ask(runtime, subscription, 1), WEIR_OK);
    assert_int_equal(weir_cancel_timer(runtime, timer), WEIR_OK);
    assert_int_equal(weir_subscribe(runtime, c.ref, p.ref, &temporary, NULL), WEIR_OK);
    assert_int_equal(weir_resubscribe(runtime, subscription, WEIR_REASON_NORMAL, p.ref, &temporary,
                                      &subscription),
                     WEIR_OK);
    assert_int_equal(weir_cancel(runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
    assert_int_equal(weir_demand_mode_of(runtime, p.ref, WEIR_FOREVER, &mode), WEIR_OK);
    assert_int_equal(mode, WEIR_ACCUMULATE);
    rig_rest(rig);
    fill(&p, 1);
    fill(&c, 1);
    assert_int_equal(weir_estimate_buffered(runtime, p.ref, WEIR_FOREVER, &count), WEIR_OK);
    rig_rest(rig);
    fill(&p, 1);
    fill(&c, 1);
    assert_int_equal(weir_finish(runtime, c.ref), WEIR_OK);
    assert_int_equal(weir_stop(runtime, p.ref, WEIR_REASON_SHUTDOWN), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_runtime_stages(runtime), 0);
    rig_close(rig);
}

/* As many threads wait in weir_call as may. */
static void callers_leave_room_for_control(void **state) {
    (void)state;
    enum { CALLERS = WEIR__CALLERS_MAX - WEIR__CALLERS_KEPT };
    static struct weir__caller *callers[CALLERS];
    struct rig rig;
    rig_open(&rig, NULL);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(&c, &rig, NULL);
    weir_from from;
    uint64_t answer;
    size_t count;
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(weir__caller_begin(&rig.runtime->calls, (weir_ref){0}, NULL, 0, false,
                                            &callers[i], &from),
                         WEIR_OK);
    }
    assert_int_equal(player_try_call(&c, 1, WEIR_FOREVER, &answer), WEIR_FULL);
    assert_int_equal(weir_producers(rig.runtime, c.ref, WEIR_FOREVER, NULL, 0, &count), WEIR_OK);
    assert_int_equal(weir_stop_wait(rig.runtime, c.ref, WEIR_REASON_NORMAL, WEIR_FOREVER), WEIR_OK);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(weir__caller_end(callers[i], 0, NULL), WEIR_TIMEOUT);
    }
    rig_close(&rig);
}

static void a_supervisor_stops_a_full_child(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing};
    const weir_stage_options stage =
        player_options(&c, rig, &(weir_stage_options){.mailbox_limit = 2});
    const weir_supervised child = {.stage = &stage};
    weir_ref supervisor;
    assert_int_equal(
        weir_supervisor_start(rig->runtime,
                              &(weir_supervisor_options){.children = &child, .child_count = 1},
                              &supervisor),
        WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_supervisor_child(rig->runtime, supervisor, 0, WEIR_FOREVER, &c.ref),
                     WEIR_OK);
    fill(&c, 2);
    assert_int_equal(weir_supervisor_stop_child(rig->runtime, supervisor, 0, WEIR_FOREVER),
                     WEIR_OK);
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
    rig_close(rig);
}

static void to_stop_and_to_finish_need_no_memory(struct rig *rig) {
    weir_runtime *runtime = rig->runtime;
    struct player first = {.name = "first", .kind = WEIR_CONSUMER, .does.cast = nothing};
    struct player second = {.name = "second", .kind = WEIR_CONSUMER, .does.cast = nothing};
    struct player third = {.name = "third", .kind = WEIR_CONSUMER, .does.cast = nothing};
    PLAYERS_START(rig, &first, &second, &third);
    player_call(&first, 1); /* there is a table of callers now */
    test_memory_fail(&rig->memory, 1, true);
    assert_int_equal(cast(&first), WEIR_NO_MEMORY);
    for (int i = 0; i < 3; i++) player_stop(&first, WEIR_REASON_SHUTDOWN);
    for (int i = 0; i < 3; i++) assert_int_equal(weir_finish(runtime, second.ref), WEIR_OK);
    assert_int_equal(weir_stop_wait(runtime, third.ref, WEIR_REASON_USER, WEIR_FOREVER), WEIR_OK);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    assert_int_equal(weir_runtime_stages(runtime), 0);
    player_expect(&first, "call 1\nterminate shutdown\n");
    player_expect(&second, "drain\nterminate normal\n");
    player_expect(&third, "terminate user\n");
    rig_close(rig);
}

static void a_refused_message_without_memory_does_not_count(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(&c, rig, &(weir_stage_options){.mailbox_limit = 2, .timers_limit = 1});
    for (int i = 0; i < 5; i++) {
        test_memory_fail(&rig->memory, 1, true);
        assert_int_equal(cast(&c), WEIR_NO_MEMORY);
        assert_int_equal(later(&c, 5, NULL), WEIR_NO_MEMORY);
    }
    test_memory_fail_never(&rig->memory);
    fill(&c, 2);
    assert_int_equal(later(&c, 5, NULL), WEIR_OK);
    rig_close(rig);
}

static void of_two_stops_the_first_says_why(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(&c, rig, NULL);
    player_cast(&c, 1);
    player_stop(&c, WEIR_REASON_USER);
    player_stop(&c, WEIR_REASON_NORMAL);
    player_cast(&c, 2); /* too late */
    rig_rest(rig);
    player_expect(&c, "cast 1\nterminate user\n");
    rig_close(rig);
}

/* ---- the next stage in the slot ------------------------------------------ */

static weir_verdict tell_itself_and_stop(weir_stage *self, struct player *player, uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    RIG_CHECK(player->rig, weir_stop(runtime, weir_self(self), WEIR_REASON_USER) == WEIR_OK);
    RIG_CHECK(player->rig, weir_cast(runtime, weir_self(self), &number, sizeof number) == WEIR_OK);
    return WEIR_STOP;
}

/* Mail of each is still on its way as it ends: it does not reach the next, and the slots
 * come back all the same. */
static void late_mail_is_for_nobody_else(struct rig *rig) {
    enum { STAGES = 50 };
    static struct player players[STAGES + 1];
    memset(players, 0, sizeof players);
    uint32_t highest = 0;
    for (int i = 0; i < STAGES; i++) {
        struct player *one = &players[i];
        *one = (struct player){.name = "one", .kind = WEIR_CONSUMER, .does.cast = nothing};
        one->does.cast = tell_itself_and_stop;
        player_start(one, rig, &(weir_stage_options){.mailbox_limit = 2});
        uint32_t index = weir__ref_index(one->ref);
        highest = index > highest ? index : highest;
        player_cast(one, 1);
        while (weir_runtime_stages(rig->runtime) > 0) weir_runtime_step(rig->runtime, 1);
        assert_int_equal(weir_stop(rig->runtime, one->ref, WEIR_REASON_USER), WEIR_NO_STAGE);
        assert_int_equal(cast(one), WEIR_NO_STAGE);
    }
    assert_in_range(highest, 0, 2);
    struct player *last = &players[STAGES];
    *last = (struct player){.name = "last", .kind = WEIR_CONSUMER, .does.cast = nothing};
    player_start(last, rig, &(weir_stage_options){.mailbox_limit = 2});
    fill(last, 2);
    rig_rest(rig);
    player_expect(last, "cast 1\ncast 1\n");
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(a_full_stage_refuses_messages_and_its_neighbour_none),
        cmocka_unit_test(the_runtime_says_what_stages_do_not),
        TEST_STEPPED(waiting_infos_count),
        TEST_STEPPED(what_init_sends_counts),
        cmocka_unit_test(timers_have_a_limit_of_their_own),
        TEST_STEPPED(many_timers_are_in_nobodys_way),
        TEST_STEPPED(control_of_a_full_stage_is_not_refused),
        cmocka_unit_test(callers_leave_room_for_control),
        TEST_STEPPED(a_supervisor_stops_a_full_child),
        TEST_STEPPED(to_stop_and_to_finish_need_no_memory),
        TEST_STEPPED(a_refused_message_without_memory_does_not_count),
        TEST_IN_WORLDS(of_two_stops_the_first_says_why),
        TEST_STEPPED(late_mail_is_for_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
