/*
 * Behaviour: calls, and where their answers stand among events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an answer goes before or behind the events of its callback, as it is told;
 * a stage may answer and stop, answer later, from elsewhere, or not at all; calls
 * that cannot be answered come back.
 * Method: players that answer in each way, in every kind of stepped runtime; then
 * callers on threads, and stages that call each other on workers of their own.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "os/thread.h"

#include <string.h>

/* ---- among events ---------------------------------------------------------- */

static weir_verdict answer_behind(weir_stage *self, struct player *player, weir_from from,
                                  uint64_t number) {
    uint64_t answer = number + 100;
    RIG_CHECK(player->rig, weir_reply_after(self, from, &answer, sizeof answer) == WEIR_OK);
    player_emit(self, number);
    return WEIR_CONTINUE;
}

static weir_verdict answer_before(weir_stage *self, struct player *player, weir_from from,
                                  uint64_t number) {
    uint64_t answer = number + 100;
    player_emit(self, number);
    RIG_CHECK(player->rig,
              weir_reply(weir_stage_runtime(self), from, &answer, sizeof answer) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Of the caller's thread: with one stepped worker he sees how far the events have come. */
static void an_answer_stands_where_it_is_put(struct rig *rig, int behind) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    p.does.call = behind ? answer_behind : answer_before;
    players_pair(rig, &p, &c, NULL);
    player_expect(&p, "subscribe c\ndemand 1000\n");
    assert_int_equal(player_call(&p, 3), 103);
    if (behind) assert_int_equal(rig_accounts(rig).in_flight + c.handled, 3);
    rig_rest(rig);
    player_expect(&p, "call 3\n");
    player_expect(&c, "subscribe p\nevents 0..2\n");
    rig_close(rig);
}

/* What it sees of its own emission when it has answered: it is dispatched only afterwards. */
static weir_verdict look_and_answer(weir_stage *self, struct player *player, weir_from from,
                                    uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    player_emit(self, number);
    uint64_t buffered = weir_buffered(self);
    RIG_CHECK(player->rig, weir_reply(runtime, from, &buffered, sizeof buffered) == WEIR_OK);
    RIG_CHECK(player->rig, weir_reply(runtime, from, NULL, 0) == WEIR_NO_CALLER);
    return WEIR_CONTINUE;
}

static void a_second_answer_finds_nobody(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.call = look_and_answer};
    player_start(&p, rig, NULL);
    assert_int_equal(player_call(&p, 4), 0);
    assert_int_equal(player_call(&p, 1), 4);
    rig_close(rig);
}

/* ---- answering and stopping -------------------------------------------------- */

static weir_verdict answer_and_stop(weir_stage *self, struct player *player, weir_from from,
                                    uint64_t number) {
    if (number > 0) {
        RIG_CHECK(player->rig, weir_reply_after(self, from, &number, sizeof number) == WEIR_OK);
    }
    return weir_stop_with(self, WEIR_REASON_SHUTDOWN);
}

static void note_the_end(weir_stage *self, struct player *player) {
    (void)self;
    player->next = 77;
}

static void a_call_may_end_the_stage_with_an_answer_or_without(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player s = {.name = "s",
                               .kind = (weir_kind)kind,
                               .does = {.call = answer_and_stop, .terminate = note_the_end}};
            struct player u = s;
            PLAYERS_START(&rig, &s, &u);
            assert_int_equal(player_call(&s, 5), 5);
            assert_int_equal(s.next, 77); /* it terminated before the answer */
            uint64_t none = 0;
            assert_int_equal(weir_call(rig.runtime, u.ref, &none, sizeof none, NULL, WEIR_FOREVER),
                             WEIR_NO_STAGE);
            assert_non_null(strstr(weir_refusal(), "has stopped, or never was"));
            rig_rest(&rig);
            player_expect(&s, "call 5\nterminate shutdown\n");
            player_expect(&u, "call 0\nterminate shutdown\n");
            rig_close(&rig);
        }
    }
}

/* ---- answers from elsewhere, and none ------------------------------------------ */

static weir_verdict remember(weir_stage *self, struct player *player, weir_from from,
                             uint64_t number) {
    (void)self;
    (void)number;
    *(weir_from *)player->own = from;
    return WEIR_CONTINUE;
}

static weir_verdict answer_for_it(weir_stage *self, struct player *player, uint64_t number) {
    weir_from from = *(weir_from *)player->own;
    weir_reply(weir_stage_runtime(self), from, &number, sizeof number);
    return WEIR_CONTINUE;
}

/* The stage that was called keeps who asked; another answers. */
static void anybody_may_answer(struct rig *rig) {
    weir_from from = {0};
    struct player s = {.name = "s", .kind = WEIR_CONSUMER, .own = &from, .does.call = remember};
    struct player other = {
        .name = "o", .kind = WEIR_CONSUMER, .own = &from, .does.info = answer_for_it};
    PLAYERS_START(rig, &s, &other);
    const uint64_t number = 42;
    assert_int_equal(
        weir_send_after(rig->runtime, other.ref, &number, sizeof number, 1000000, NULL), WEIR_OK);
    assert_int_equal(player_call(&s, 1), 42);
    rig_close(rig);
}

static void a_call_that_nobody_answers_comes_back(struct rig *rig) {
    weir_from from = {0};
    struct player s = {.name = "s", .kind = WEIR_CONSUMER, .own = &from, .does.call = remember};
    struct player deaf = {.name = "deaf", .kind = WEIR_CONSUMER, .deaf = true};
    PLAYERS_START(rig, &s, &deaf);
    assert_int_equal(weir_call(rig->runtime, s.ref, NULL, 0, NULL, 1000000), WEIR_TIMEOUT);
    assert_int_equal(weir_reply(rig->runtime, from, NULL, 0), WEIR_NO_CALLER);
    assert_int_equal(weir_call(rig->runtime, deaf.ref, NULL, 0, NULL, WEIR_FOREVER),
                     WEIR_UNHANDLED);
    assert_non_null(strstr(weir_refusal(), "has no handle_call"));
    player_stop(&s, WEIR_REASON_NORMAL);
    assert_int_equal(weir_call(rig->runtime, s.ref, NULL, 0, NULL, WEIR_FOREVER), WEIR_NO_STAGE);
    rig_expect_log(rig, "");
    rig_close(rig);
}

/* ---- threads ------------------------------------------------------------------ */

enum { CALLERS = 4, CALLS = 500 };

struct caller {
    struct player *stage;
    uint64_t number;
    uint64_t wrong;
    struct weir__thread thread;
};

static void call_often(void *argument) {
    struct caller *caller = argument;
    for (uint64_t i = 0; i < CALLS; i++) {
        const uint64_t request = caller->number << 32 | i;
        uint64_t told = 0;
        weir_answer answer = {.bytes = &told, .room = sizeof told};
        weir_status status = weir_call(caller->stage->rig->runtime, caller->stage->ref, &request,
                                       sizeof request, &answer, WEIR_FOREVER);
        caller->wrong += status != WEIR_OK || told != request;
    }
}

static weir_verdict echo(weir_stage *self, struct player *player, weir_from from, uint64_t number) {
    player->handled = 0; /* it handles no events */
    weir_status status = weir_reply(weir_stage_runtime(self), from, &number, sizeof number);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static void each_caller_gets_his_own_answers(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1});
    struct player s = {.name = "s", .kind = WEIR_CONSUMER, .quiet = true, .does.call = echo};
    player_start(&s, &rig, NULL);
    struct caller callers[CALLERS];
    for (uint64_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.stage = &s, .number = i};
        assert_int_equal(weir__thread_start(&callers[i].thread, "caller", call_often, &callers[i]),
                         0);
    }
    for (int i = 0; i < CALLERS; i++) weir__thread_join(&callers[i].thread);
    for (int i = 0; i < CALLERS; i++) assert_int_equal(callers[i].wrong, 0);
    rig_close(&rig);
}

/* Asks the next stage along, where there is one, and adds one. */
static weir_verdict pass_along(weir_stage *self, struct player *player, weir_from from,
                               uint64_t number) {
    struct player *next = player->own;
    uint64_t told = 0;
    weir_answer answer = {.bytes = &told, .room = sizeof told};
    weir_status status = weir_call(weir_stage_runtime(self), next->ref, &number, sizeof number,
                                   &answer, WEIR_FOREVER);
    told = status == WEIR_OK ? told + 1 : (uint64_t)-status;
    weir_reply(weir_stage_runtime(self), from, &told, sizeof told);
    return WEIR_CONTINUE;
}

/* Stages that call each other: along a line it works, in a ring it is refused, not stuck. */
static void a_stage_may_call_another_but_not_in_a_ring(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 3, .unpinned = true});
    struct player s[3];
    memset(s, 0, sizeof s);
    for (int i = 2; i >= 0; i--) {
        s[i].name = "s";
        s[i].kind = WEIR_CONSUMER;
        s[i].quiet = true;
        s[i].own = &s[(i + 1) % 3];
        s[i].does.call = i == 2 ? echo : pass_along;
        player_start(&s[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER(i)});
    }
    assert_int_equal(player_call(&s[0], 5), 7);
    player_stop(&s[2], WEIR_REASON_NORMAL);
    struct player last = s[2];
    last.does.call = pass_along; /* back to the first */
    s[1].own = &last;
    rig_rest(&rig);
    player_start(&last, &rig, &(weir_stage_options){.worker = WEIR_WORKER(2)});
    assert_int_equal(player_call(&s[0], 5), 2 - WEIR_WRONG_THREAD);
    struct player t = {.name = "t", .kind = WEIR_CONSUMER, .quiet = true, .does.call = pass_along};
    t.own = &s[0]; /* on the same worker: it would wait for itself */
    player_start(&t, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    assert_int_equal(player_call(&t, 5), -WEIR_WRONG_THREAD);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(an_answer_stands_where_it_is_put, 2),
        TEST_IN_WORLDS(a_second_answer_finds_nobody),
        cmocka_unit_test(a_call_may_end_the_stage_with_an_answer_or_without),
        TEST_IN_WORLDS(anybody_may_answer),
        TEST_IN_WORLDS(a_call_that_nobody_answers_comes_back),
        cmocka_unit_test(each_caller_gets_his_own_answers),
        cmocka_unit_test(a_stage_may_call_another_but_not_in_a_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
