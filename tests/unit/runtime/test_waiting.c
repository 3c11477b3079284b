/*
 * Waiting: who may wait for whom.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a callback may call a stage of another worker; what would never end is
 * refused and leaves everything as it was: a stage of its own worker, itself, a
 * ring of workers that wait for each other, whoever begins it.
 * Method: players that call each other; threads that call all at once.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <pthread.h>
#include <string.h>

static struct rig rig;

/* On cast or call: calls `own`, and says what came of it. */
static uint64_t call_own(struct player *player, uint64_t number) {
    uint64_t answer = 0;
    weir_status status = player_try_call(player->own, number, WEIR_FOREVER, &answer);
    player_say(player, "%s %llu", weir_status_name(status), (unsigned long long)answer);
    return answer;
}

static weir_verdict cast_calls(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    call_own(player, number);
    return WEIR_CONTINUE;
}

static weir_verdict call_calls(weir_stage *self, struct player *player, weir_from from,
                               uint64_t number) {
    uint64_t answer = call_own(player, number);
    RIG_CHECK(player->rig,
              weir_reply(weir_stage_runtime(self), from, &answer, sizeof answer) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void a_callback_calls_a_stage_of_another_worker(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .own = &b, .does.cast = cast_calls};
    player_start(&b, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_start(&a, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_cast(&a, 1);
    rig_rest(&rig);
    player_expect(&a, "cast 1\nWEIR_OK 2\n");
    rig_close(&rig);
}

static void a_callback_cannot_call_its_own_worker(void **state) {
    (void)state;
    for (int self = 0; self < 2; self++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2});
        struct player b = {.name = "b", .kind = WEIR_CONSUMER};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER, .does.cast = cast_calls};
        a.own = self ? &a : &b;
        player_start(&b, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        player_start(&a, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        player_cast(&a, 1);
        rig_rest(&rig);
        player_expect(&a, "cast 1\nWEIR_WRONG_THREAD 0\n");
        player_expect(&b, "");
        rig_close(&rig);
    }
}

static void a_stepped_callback_cannot_wait(void) {
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .own = &b, .does.cast = cast_calls};
    PLAYERS_START(&rig, &b, &a);
    player_cast(&a, 1);
    rig_rest(&rig);
    player_expect(&a, "cast 1\nWEIR_WRONG_THREAD 0\n");
    rig_close(&rig);
}

/* a calls b calls c, and c would call a. */
static void a_ring_of_waiting_workers_is_refused(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 3});
    struct player players[3];
    for (int i = 0; i < 3; i++) {
        players[i] = (struct player){.name = i == 0   ? "a"
                                             : i == 1 ? "b"
                                                      : "c",
                                     .kind = WEIR_CONSUMER,
                                     .own = &players[(i + 1) % 3],
                                     .does.cast = cast_calls,
                                     .does.call = call_calls};
        player_start(&players[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER((unsigned)i)});
    }
    player_cast(&players[0], 1);
    rig_rest(&rig);
    player_expect(&players[0], "cast 1\nWEIR_OK 0\n");
    player_expect(&players[1], "call 1\nWEIR_OK 0\n");
    player_expect(&players[2], "call 1\nWEIR_WRONG_THREAD 0\n");
    rig_close(&rig);
}

/* All workers begin at once, again and again: some are refused, none hangs. */
static void rings_begun_everywhere_end(void **state) {
    (void)state;
    enum { ROUNDS = 200 };
    rig_open(&rig, &(weir_runtime_options){.workers = 3});
    struct player players[3];
    for (int i = 0; i < 3; i++) {
        players[i] = (struct player){.name = "x",
                                     .kind = WEIR_CONSUMER,
                                     .quiet = true,
                                     .own = &players[(i + 1) % 3],
                                     .does.cast = cast_calls,
                                     .does.call = call_calls};
        player_start(&players[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER((unsigned)i)});
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 3; i++) player_cast(&players[i], 1);
    }
    rig_rest(&rig);
    rig_close(&rig);
}

/* ---- callers from outside, while the stage goes -------------------------- */

enum { THREADS = 3 };

static void *call_until_gone(void *argument) {
    struct player *player = argument;
    uint64_t calls = 0;
    for (;;) {
        uint64_t answer = 0;
        weir_status status = player_try_call(player, calls, WEIR_FOREVER, &answer);
        if (status == WEIR_NO_STAGE) return NULL;
        if (status != WEIR_OK || answer != calls + 1) return argument;
        calls++;
    }
}

static void callers_of_a_stage_that_goes_all_return(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        rig_open(&rig, &(weir_runtime_options){.workers = 1});
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&c, &rig, NULL);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, call_until_gone, &c), 0);
        }
        uint64_t answer;
        for (int i = 0; i < round * 10; i++) player_try_call(&c, 0, WEIR_FOREVER, &answer);
        assert_int_equal(weir_stop_wait(rig.runtime, c.ref, WEIR_REASON_NORMAL, WEIR_FOREVER),
                         WEIR_OK);
        for (int i = 0; i < THREADS; i++) {
            void *wrong;
            pthread_join(threads[i], &wrong);
            assert_null(wrong);
        }
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_calls_a_stage_of_another_worker),
        cmocka_unit_test(a_callback_cannot_call_its_own_worker),
        TEST_IN_WORLDS_OF(&rig, a_stepped_callback_cannot_wait),
        cmocka_unit_test(a_ring_of_waiting_workers_is_refused),
        cmocka_unit_test(rings_begun_everywhere_end),
        cmocka_unit_test(callers_of_a_stage_that_goes_all_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
