/*
 * Messages and their fates: each that was accepted was handled, or it is counted and said.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of casts, infos and due timers that a stage has accepted each is had by a callback or
 * counted as dropped: with the stage stopped amid them, with infos that wait behind a buffer,
 * without a callback for them, with a start that fails, and from a thread that goes on sending;
 * the log says once, and how many; timers that were not due, and what was refused, are neither.
 * Method: a ledger of what was accepted and of what came, in every world; then threads.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include "os/thread.h"

#include <string.h>

enum { CASTS = 100, INFOS = 20, STOPS_AT = 40 };

static struct {
    uint64_t accepted, had;
    uint64_t stops_at; /* the message whose callback stops the stage; 0: none */
} f;

static weir_verdict have(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    f.had++;
    return f.had == f.stops_at ? WEIR_STOP : WEIR_CONTINUE;
}

static struct player listener(weir_kind kind) {
    memset(&f, 0, sizeof f);
    return (struct player){
        .name = "s", .kind = kind, .quiet = true, .does = {.cast = have, .info = have}};
}

static void note(weir_status status) {
    f.accepted += status == WEIR_OK;
}

static void send(const struct rig *rig, weir_ref stage, int casts, int infos) {
    const uint64_t number = 1;
    for (int i = 0; i < casts || i < infos; i++) {
        if (i < casts) note(weir_cast(rig->runtime, stage, &number, sizeof number));
        if (i < infos) note(weir_info(rig->runtime, stage, &number, sizeof number));
    }
}

static void expect_dropped(const struct rig *rig, uint64_t dropped) {
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.messages, f.had);
    assert_int_equal(accounts.messages_dropped, dropped);
    assert_int_equal(f.accepted, f.had + dropped);
}

static void all_are_had_where_nothing_stops(struct rig *rig) {
    struct player s = listener(WEIR_CONSUMER);
    player_start(&s, rig, NULL);
    send(rig, s.ref, CASTS, INFOS);
    rig_rest(rig);
    assert_int_equal(f.had, CASTS + INFOS);
    expect_dropped(rig, 0);
    rig_expect_log(rig, "");
    rig_close(rig);
}

static void what_a_stop_leaves_is_counted_and_said_once(struct rig *rig) {
    struct player s = listener(WEIR_CONSUMER);
    player_start(&s, rig, NULL);
    f.stops_at = STOPS_AT;
    send(rig, s.ref, CASTS, INFOS);
    rig_rest(rig);
    assert_int_equal(f.had, STOPS_AT);
    expect_dropped(rig, CASTS + INFOS - STOPS_AT);
    rig_expect_log(
        rig, "warning: stage s has stopped before it came to 80 messages: they were dropped\n");
    send(rig, s.ref, 1, 1); /* refused: they are the sender's */
    rig_rest(rig);
    expect_dropped(rig, CASTS + INFOS - STOPS_AT);
    rig_close(rig);
}

/* Nobody asks for what is before them. */
static void infos_that_wait_behind_events_are_dropped_with_them(struct rig *rig) {
    struct player s = listener(WEIR_PRODUCER);
    s.does.cast = NULL; /* it emits */
    player_start(&s, rig, NULL);
    player_cast(&s, 3);
    rig_rest(rig);
    send(rig, s.ref, 0, INFOS);
    rig_rest(rig);
    assert_int_equal(f.had, 0);
    assert_int_equal(rig_accounts(rig).messages_dropped, 0); /* they wait */
    assert_int_equal(weir_stop(rig->runtime, s.ref, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    f.had = f.accepted = 1; /* the cast */
    f.accepted += INFOS;
    expect_dropped(rig, INFOS);
    rig_close(rig);
}

static void a_stage_without_a_callback_has_none(struct rig *rig) {
    memset(&f, 0, sizeof f);
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .name = "mute", .on.handle_events = deed_no_events};
    weir_ref stage;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &stage), WEIR_OK);
    send(rig, stage, 2, 1);
    rig_rest(rig);
    expect_dropped(rig, 3);
    rig_close(rig);
}

/* A clock that ticks has always one that has not come. */
static void timers_count_when_they_are_due(struct rig *rig) {
    struct player s = listener(WEIR_CONSUMER);
    player_start(&s, rig, NULL);
    const uint64_t hour = UINT64_C(3600000000000);
    note(weir_send_after(rig->runtime, s.ref, "now", 3, 0, NULL));
    rig_rest(rig);
    assert_int_equal(weir_send_after(rig->runtime, s.ref, "late", 4, hour, NULL), WEIR_OK);
    assert_int_equal(weir_stop(rig->runtime, s.ref, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(f.had, 1);
    expect_dropped(rig, 0);
    rig_expect_log(rig, "");
    rig_close(rig);
}

/* Due at once, all of them: the first one's callback stops the stage. */
static void timers_that_were_due_are_dropped_like_others(struct rig *rig) {
    struct player s = listener(WEIR_CONSUMER);
    player_start(&s, rig, NULL);
    f.stops_at = 1;
    for (int i = 0; i < 3; i++) note(weir_send_after(rig->runtime, s.ref, "now", 3, 0, NULL));
    rig_rest(rig);
    assert_int_equal(f.had, 1);
    expect_dropped(rig, 2);
    rig_close(rig);
}

static weir_verdict wake_itself(weir_stage *self, struct player *player, uint64_t times) {
    f.had++;
    for (; times > 0; times--) {
        note(weir_send_after(player->rig->runtime, weir_self(self), NULL, 0, 0, NULL));
    }
    return WEIR_CONTINUE;
}

/* By which it is called, and told nothing: nobody need know that it was not. */
static void a_stage_that_stops_says_nothing_of_its_own_timers(struct rig *rig) {
    struct player s = listener(WEIR_CONSUMER);
    s.does.cast = wake_itself;
    player_start(&s, rig, NULL);
    f.stops_at = 2;
    f.accepted = 1;
    player_cast(&s, 5);
    rig_rest(rig);
    assert_int_equal(f.had, 2);
    expect_dropped(rig, 4); /* they are counted */
    rig_expect_log(rig, "");
    rig_close(rig);
}

static weir_verdict tell_itself(weir_stage *self, struct player *player) {
    uint64_t number = 1;
    note(weir_cast(player->rig->runtime, weir_self(self), &number, sizeof number));
    return WEIR_STOP;
}

static void a_stage_that_does_not_begin_drops_what_it_told_itself(struct rig *rig) {
    struct player s = listener(WEIR_CONSUMER);
    s.does.init = tell_itself;
    assert_int_equal(player_try_start(&s, rig, NULL), WEIR_INIT_STOPPED);
    assert_int_equal(f.accepted, 1);
    expect_dropped(rig, 1);
    rig_close(rig);
}

/* ---- from another thread --------------------------------------------------- */

enum { ROUNDS = 30 };

struct sender {
    weir_runtime *runtime;
    weir_ref stage;
    uint64_t accepted;
};

static void send_until_refused(void *argument) {
    struct sender *sender = argument;
    const uint64_t number = 1;
    weir_status status = WEIR_OK;
    while (status == WEIR_OK || status == WEIR_FULL) {
        status = weir_cast(sender->runtime, sender->stage, &number, sizeof number);
        sender->accepted += status == WEIR_OK;
    }
}

static void none_is_lost_between_threads(void **state) {
    (void)state;
    static struct player players[ROUNDS];
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1});
    uint64_t accepted = 0;
    uint64_t had = 0;
    for (int round = 0; round < ROUNDS; round++) {
        players[round] = listener(WEIR_CONSUMER);
        f.stops_at = STOPS_AT;
        player_start(&players[round], &rig, &(weir_stage_options){.mailbox_limit = 200});
        struct sender sender = {rig.runtime, players[round].ref, 0};
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "sender", send_until_refused, &sender), 0);
        weir__thread_join(&thread);
        assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
        accepted += sender.accepted;
        had += f.had;
    }
    weir_accounts accounts = rig_accounts(&rig);
    assert_int_equal(accounts.messages, had);
    assert_int_equal(accounts.messages + accounts.messages_dropped, accepted);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(all_are_had_where_nothing_stops),
        TEST_IN_WORLDS(what_a_stop_leaves_is_counted_and_said_once),
        TEST_IN_WORLDS(infos_that_wait_behind_events_are_dropped_with_them),
        TEST_IN_WORLDS(a_stage_without_a_callback_has_none),
        TEST_IN_WORLDS(timers_count_when_they_are_due),
        TEST_IN_WORLDS(timers_that_were_due_are_dropped_like_others),
        TEST_IN_WORLDS(a_stage_that_stops_says_nothing_of_its_own_timers),
        TEST_IN_WORLDS(a_stage_that_does_not_begin_drops_what_it_told_itself),
        cmocka_unit_test(none_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
