/*
 * What a stage that finishes waits for, and what it is told.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a stage ends when its producers have ended, all that was sent to it is handled, and
 * nothing that it keeps is left; it is told when its last input has come, and again when
 * something came after that; the normal end of a permanent source is no loss; who comes too late
 * is refused.
 * Method: players that keep events in their hands, in their state and with timers, in every
 * world; each number that was accepted is found again.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

enum { SECOND = 1000000000 };

static struct rig rig;

/* ---- a batcher ----------------------------------------------------------- */

/* Emits one number for each three that come: their sum. */
struct batcher {
    uint64_t sum;
    uint64_t count;
    bool reminded; /* by a timer without a message */
    uint64_t delay_ns;
};

static weir_verdict flush(weir_stage *self, struct player *player) {
    struct batcher *batcher = player->own;
    if (batcher->count > 0) player_emit_numbers(self, &batcher->sum, 1);
    batcher->sum = batcher->count = 0;
    return WEIR_CONTINUE;
}

static weir_verdict gather(weir_stage *self, struct player *player, weir_batch batch) {
    struct batcher *batcher = player->own;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (batcher->count == 0 && batcher->reminded) {
            RIG_CHECK(player->rig, weir_send_after(weir_stage_runtime(self), weir_self(self), NULL,
                                                   0, batcher->delay_ns, NULL) == WEIR_OK);
        }
        batcher->sum += numbers[i];
        if (++batcher->count == 3) flush(self, player);
    }
    return WEIR_CONTINUE;
}

static weir_verdict flush_reminded(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    return flush(self, player);
}

struct chain {
    struct player source;
    struct player middle;
    struct player sink;
};

/* source (limit numbers, then nothing) -> middle -> sink, all permanent. */
static void start_chain(struct chain *chain, uint64_t limit) {
    chain->source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = limit};
    chain->middle.name = "middle";
    chain->middle.kind = WEIR_PRODUCER_CONSUMER;
    chain->sink = (struct player){.name = "sink", .kind = WEIR_CONSUMER};
    const weir_subscribe_options few = {.max_demand = 4, .min_demand = 2};
    PLAYERS_START(&rig, &chain->source, &chain->middle, &chain->sink);
    player_subscribe(&chain->sink, &chain->middle, &few);
    player_subscribe(&chain->middle, &chain->source, &few);
}

static void finish(const struct player *player) {
    assert_int_equal(weir_finish(rig.runtime, player->ref), WEIR_OK);
}

static void the_last_batch_comes_out(void **state) {
    (void)state;
    for (int way = 0; way < 3; way++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct batcher batcher = {0};
            struct chain chain = {.middle = {.own = &batcher, .does = {.events = gather}}};
            chain.middle.does.end = flush;
            start_chain(&chain, 11);
            rig_rest(&rig);
            if (way == 0) finish(&chain.source);
            if (way == 1) player_stop(&chain.source, WEIR_REASON_NORMAL);
            if (way == 2) player_stop(&chain.source, WEIR_REASON_SHUTDOWN);
            assert_int_equal(weir_runtime_run(rig.runtime, SECOND), WEIR_OK);
            assert_int_equal(chain.sink.sum, 55);
            assert_int_equal(chain.sink.handled, 4); /* 3 + 3 + 3 + 2 */
            assert_non_null(strstr(chain.middle.journal.text, "down source"));
            assert_non_null(strstr(chain.middle.journal.text, "\nend\nterminate"));
            assert_int_equal(rig_close(&rig).discarded, 0);
        }
    }
}

static void a_drain_flushes_behind_the_last_event(void) {
    struct batcher batcher = {0};
    struct chain chain = {.middle = {.own = &batcher, .does = {.events = gather}}};
    weir_drain_report report;
    chain.middle.does.end = flush;
    start_chain(&chain, UINT64_MAX);
    weir_runtime_step(rig.runtime, 20);
    player_cast(&chain.source, 60); /* which come after the middle is told to finish */
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    uint64_t n = chain.source.emitted;
    assert_int_equal(chain.sink.sum, n * (n - 1) / 2);
    assert_int_equal(report.accounts.discarded, 0);
    const char *end = strstr(chain.middle.journal.text, "\nend\n");
    assert_non_null(end);
    assert_null(strstr(end, "\nevents"));
    rig_close(&rig);
}

/* However long it had to go: nothing is left to wait for. */
static void a_reminder_comes_at_the_end(void) {
    struct batcher batcher = {.reminded = true, .delay_ns = 3600 * (uint64_t)SECOND};
    struct chain chain = {.middle = {.own = &batcher, .does = {.events = gather}}};
    chain.middle.does.info = flush_reminded;
    start_chain(&chain, 8);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_drain(rig.runtime, 60 * (uint64_t)SECOND, NULL), WEIR_OK);
    assert_int_equal(chain.sink.sum, 28);
    rig_close(&rig);
}

static weir_verdict tick(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig, weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0,
                                           SECOND, NULL) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void a_clock_does_not_hold_it_up(void) {
    struct player clock = {.name = "clock", .kind = WEIR_CONSUMER, .does.info = tick};
    player_start(&clock, &rig, NULL);
    assert_int_equal(weir_send_after(rig.runtime, clock.ref, NULL, 0, SECOND, NULL), WEIR_OK);
    rig_rest(&rig);
    uint64_t before = weir_runtime_now(rig.runtime);
    assert_int_equal(weir_runtime_drain(rig.runtime, SECOND / 2, NULL), WEIR_OK);
    assert_true(weir_runtime_now(rig.runtime) - before < SECOND / 2);
    player_expect(&clock, "drain\ninfo 0\nterminate normal\n");
    rig_close(&rig);
}

/* ---- events that wait with timers ---------------------------------------- */

static weir_verdict delay(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig,
                  weir_send_after(weir_stage_runtime(self), weir_self(self), &numbers[i],
                                  sizeof *numbers, SECOND / 100, NULL) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict let_go(weir_stage *self, struct player *player, uint64_t number) {
    uint64_t *tries = player->own;
    if (number % 4 == 3 && tries[number]++ == 0) { /* once more, later */
        RIG_CHECK(player->rig, weir_send_after(weir_stage_runtime(self), weir_self(self), &number,
                                               sizeof number, SECOND / 100, NULL) == WEIR_OK);
        return WEIR_CONTINUE;
    }
    player_emit_numbers(self, &number, 1);
    return WEIR_CONTINUE;
}

static void what_timers_carry_is_waited_for(void **state) {
    (void)state;
    for (int drain = 0; drain < 2; drain++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            uint64_t tries[10] = {0};
            struct chain chain = {.middle = {.own = tries, .does = {.events = delay}}};
            chain.middle.does.info = let_go;
            start_chain(&chain, 10);
            rig_rest(&rig);
            if (drain == 0) {
                finish(&chain.source);
                assert_int_equal(weir_runtime_run(rig.runtime, SECOND), WEIR_OK);
            } else {
                assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
            }
            assert_int_equal(chain.sink.sum, 45);
            assert_int_equal(rig_close(&rig).discarded, 0);
        }
    }
}

static void timers_that_are_to_come_are_named(void) {
    struct player late = {.name = "late", .kind = WEIR_CONSUMER};
    weir_drain_report report;
    player_start(&late, &rig, NULL);
    player_later(&late, 1, 3600 * (uint64_t)SECOND);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_drain(rig.runtime, SECOND / 1000, &report), WEIR_TIMEOUT);
    assert_string_equal(report.name, "late");
    assert_int_equal(report.why, WEIR_HOLDUP_TIMERS);
    assert_false(report.stalled);
    rig_close(&rig);
}

/* ---- what comes after the end -------------------------------------------- */

static weir_verdict tell_number(weir_stage *self, struct player *player) {
    static const uint64_t mark = 1000;
    (void)player;
    player_emit_numbers(self, &mark, 1);
    return WEIR_CONTINUE;
}

static void it_is_told_again_when_something_has_come(void) {
    struct chain chain = {.middle = {.does = {.end = tell_number}}};
    weir_token token;
    start_chain(&chain, 2);
    rig_rest(&rig);
    assert_int_equal(weir_busy(rig.runtime, chain.middle.ref, &token), WEIR_OK);
    finish(&chain.source);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 2);
    assert_int_equal(chain.sink.sum, 1001);
    player_cast(&chain.middle, 2); /* emits 0 and 1 */
    rig_rest(&rig);
    assert_int_equal(chain.sink.sum, 2002);
    assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(chain.sink.sum, 3002);
    assert_int_equal(weir_runtime_stages(rig.runtime), 0);
    rig_close(&rig);
}

/* ---- messages ------------------------------------------------------------ */

static weir_verdict finish_at_once(weir_stage *self, struct player *player, uint64_t number) {
    player_emit_numbers(self, &number, 1);
    (void)player;
    return WEIR_FINISH;
}

/* Each that was accepted is handled, however close to the end it came. */
static void no_message_that_was_accepted_is_lost(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = finish_at_once};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    players_pair(&rig, &p, &c, NULL);
    uint64_t accepted = 0;
    for (uint64_t number = 1; number <= 200; number++) {
        weir_status status = weir_cast(rig.runtime, p.ref, &number, sizeof number);
        accepted += status == WEIR_OK ? number : 0;
        assert_true(status == WEIR_OK || status == WEIR_NO_STAGE);
        if (number % 40 == 0) weir_runtime_step(rig.runtime, 1 + number / 40);
    }
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(c.sum, accepted);
    assert_true(accepted >= 1);
    rig_close(&rig);
}

static weir_verdict fail_softly(weir_stage *self, struct player *player, uint64_t demand) {
    (void)demand;
    player_emit(self, 8); /* more than was asked for */
    (void)player;
    return weir_finish_with(self, WEIR_REASON_USER);
}

static void a_source_that_fails_may_let_its_events_go_out(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.demand = fail_softly};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(&rig, &p, &c);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 3});
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(c.sum, 28);
    assert_non_null(strstr(p.journal.text, "terminate user"));
    assert_non_null(strstr(c.journal.text, "down p user\nterminate user"));
    rig_close(&rig);
}

static weir_verdict keep_on(weir_stage *self, struct player *player) {
    (void)self, (void)player;
    return WEIR_CONTINUE;
}

/* One that another thread sets, when the stage was told its end, comes at once as well. */
static void a_reminder_from_outside_comes_too(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.end = keep_on};
    weir_token token;
    player_start(&p, &rig, NULL);
    rig_rest(&rig);
    assert_int_equal(weir_busy(rig.runtime, p.ref, &token), WEIR_OK);
    finish(&p);
    rig_rest(&rig);
    player_expect(&p, "drain\nend\n");
    assert_int_equal(weir_send_after(rig.runtime, p.ref, NULL, 0, 3600 * (uint64_t)SECOND, NULL),
                     WEIR_OK);
    rig_rest(&rig);
    player_expect(&p, "info 0\nend\n");
    assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
    rig_rest(&rig);
    player_expect(&p, "end\nterminate normal\n");
    rig_close(&rig);
}

/* ---- permanent sources --------------------------------------------------- */

static weir_verdict double_all(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)player;
    for (size_t i = 0; i < batch.count; i++) {
        player_emit_numbers(self, &numbers[i], 1);
        player_emit_numbers(self, &numbers[i], 1);
    }
    return WEIR_CONTINUE;
}

/* The one with the longer tail is not left without its consumer. */
static void a_consumer_waits_for_all_its_sources(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player source = {.name = "source", .kind = WEIR_PRODUCER, .limit = 40};
        struct player branch[2] = {
            {.name = "short", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_HOLDS},
            {.name = "long", .kind = WEIR_PRODUCER_CONSUMER, .does.events = double_all}};
        struct player sink = {.name = "sink", .kind = WEIR_CONSUMER};
        const weir_subscribe_options few = {.max_demand = 3, .min_demand = 1};
        player_start(&source, &rig,
                     &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                           .demand = WEIR_ACCUMULATE});
        player_start(&sink, &rig, NULL);
        for (int i = 0; i < 2; i++) {
            player_start(&branch[i], &rig, NULL);
            player_subscribe(&sink, &branch[i], &few);
        }
        for (int i = 0; i < 2; i++) player_subscribe(&branch[i], &source, &few);
        rig_rest(&rig);
        player_demand(&source, WEIR_FORWARD);
        weir_runtime_step(rig.runtime, 1 + (size_t)world);
        finish(&source);
        assert_int_equal(weir_runtime_run(rig.runtime, SECOND), WEIR_OK);
        assert_int_equal(sink.handled, 2 * source.emitted);
        assert_non_null(strstr(sink.journal.text, "down short normal\n"));
        assert_non_null(strstr(sink.journal.text, "down long normal\n"));
        assert_non_null(strstr(sink.journal.text, "normal\nterminate normal"));
        rig_close(&rig);
    }
}

static void failures_stop_it_still(void **state) {
    (void)state;
    static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY};
    for (int i = 0; i < 3; i++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            players_pair(&rig, &p, &c, &(weir_subscribe_options){.cancel = modes[i]});
            player_stop(&p, WEIR_REASON_USER);
            rig_rest(&rig);
            assert_int_equal(weir_runtime_stages(rig.runtime), i == 2 ? 1 : 0);
            assert_true(i == 2 || strstr(c.journal.text, "terminate user") != NULL);
            rig_close(&rig);
        }
    }
}

static void as_genstage_it_stops_at_once(void **state) {
    (void)state;
    for (int as = 0; as < 2; as++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 6};
            struct player m = {.name = "m", .kind = WEIR_PRODUCER_CONSUMER};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
            m.does.events = double_all;
            player_start(&p, &rig, NULL);
            player_start(&m, &rig, &(weir_stage_options){.as_genstage = as == 1});
            player_start(&c, &rig, NULL);
            weir_subscription slow = player_subscribe(&c, &m, NULL);
            assert_int_equal(weir_ask(rig.runtime, slow, 1), WEIR_OK);
            rig_rest(&rig);
            player_subscribe(&m, &p, NULL);
            rig_rest(&rig); /* 12 emitted, 1 of them sent */
            player_stop(&p, WEIR_REASON_NORMAL);
            rig_rest(&rig);
            assert_int_equal(weir_ask(rig.runtime, slow, 20), as == 1 ? WEIR_NO_STAGE : WEIR_OK);
            rig_rest(&rig);
            assert_int_equal(c.handled, as == 1 ? 1 : 12);
            assert_int_equal(rig_close(&rig).discarded, as == 1 ? 11 : 0);
        }
    }
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_batch_comes_out),
        IN_WORLDS(a_drain_flushes_behind_the_last_event),
        IN_WORLDS(a_reminder_comes_at_the_end),
        IN_WORLDS(a_clock_does_not_hold_it_up),
        cmocka_unit_test(what_timers_carry_is_waited_for),
        IN_WORLDS(timers_that_are_to_come_are_named),
        IN_WORLDS(it_is_told_again_when_something_has_come),
        IN_WORLDS(no_message_that_was_accepted_is_lost),
        IN_WORLDS(a_source_that_fails_may_let_its_events_go_out),
        IN_WORLDS(a_reminder_from_outside_comes_too),
        cmocka_unit_test(a_consumer_waits_for_all_its_sources),
        cmocka_unit_test(failures_stop_it_still),
        cmocka_unit_test(as_genstage_it_stops_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
