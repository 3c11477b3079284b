/*
 * Stepping: one turn at a time, and the same again from the same seed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a step is one turn, and fewer come back only at rest; stepped workers
 * take turns in rotation; simulated ones run in an order that the seed alone
 * decides, with time of their own, which neither goes back nor wraps; who steps and
 * sleeps until a timer hears of what other threads send; threads are not stepped.
 * Method: the journal of a whole graph is the trace that is compared; moments beyond
 * the end of time; a timer so far away that only a thread beside can end the wait.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include "os/thread.h"
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

/* Two producers, two transforms, two consumers over the workers; runs to its end. */
static void play(struct rig *rig, const weir_runtime_options *options) {
    rig_open(rig, options);
    static struct player all[6];
    static const char *const names[] = {"p", "q", "t", "u", "c", "d"};
    static const weir_kind kinds[] = {WEIR_PRODUCER,          WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER,
                                      WEIR_PRODUCER_CONSUMER, WEIR_CONSUMER, WEIR_CONSUMER};
    memset(all, 0, sizeof all);
    for (int i = 0; i < 6; i++) {
        all[i].name = names[i];
        all[i].kind = kinds[i];
        all[i].limit = 60;
        player_start(&all[i], rig, NULL);
    }
    const weir_subscribe_options options_of_all = {.max_demand = 10};
    for (int to = 2; to < 6; to++) {
        int from = to < 4 ? 0 : 2;
        player_subscribe(&all[to], &all[from], &options_of_all);
        player_subscribe(&all[to], &all[from + 1], &options_of_all);
    }
    rig_rest(rig);
    assert_int_equal(all[4].handled + all[5].handled, 120);
}

static void the_same_seed_runs_the_same_way(void **state) {
    (void)state;
    static struct rig first;
    static struct rig again;
    for (uint64_t seed = 0; seed < 30; seed++) {
        const weir_runtime_options options = {.mode = WEIR_SIMULATED, .workers = 3, .seed = seed};
        play(&first, &options);
        uint64_t ended = weir_runtime_now(first.runtime);
        weir_accounts accounts = rig_close(&first);
        play(&again, &options);
        assert_int_equal(weir_runtime_now(again.runtime), ended);
        assert_int_equal(rig_close(&again).turns, accounts.turns);
        assert_string_equal(again.journal.text, first.journal.text);
    }
}

static void other_seeds_run_another_way(void **state) {
    (void)state;
    enum { SEEDS = 30 };
    static struct rig rig;
    char *traces[SEEDS];
    int different = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        play(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 3, .seed = seed});
        rig_close(&rig);
        traces[seed] = strdup(rig.journal.text);
        bool seen = false;
        for (uint64_t i = 0; i < seed; i++) seen = seen || strcmp(traces[i], traces[seed]) == 0;
        different += !seen;
    }
    for (int i = 0; i < SEEDS; i++) free(traces[i]);
    assert_true(different > SEEDS * 9 / 10);
}

static void stepping_in_rotation_is_always_the_same(void **state) {
    (void)state;
    static struct rig first;
    static struct rig again;
    for (unsigned workers = 1; workers <= 4; workers++) {
        play(&first, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        rig_close(&first);
        play(&again, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers, .seed = 7});
        rig_close(&again);
        assert_string_equal(again.journal.text, first.journal.text);
    }
}

/* ---- turns --------------------------------------------------------------- */

static void a_step_is_a_turn_of_one_worker(void **state) {
    (void)state;
    enum { WORKERS = 3 };
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = WORKERS});
    struct player c[WORKERS];
    memset(c, 0, sizeof c);
    assert_int_equal(weir_runtime_step(rig.runtime, 5), 0); /* nothing to do */
    for (unsigned i = 0; i < WORKERS; i++) {
        c[i].name = "c";
        c[i].kind = WEIR_CONSUMER;
        c[i].quiet = true;
        c[i].does.cast = deed_cast_again;
        player_start(&c[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER(i)});
        player_cast(&c[i], 1);
    }
    assert_int_equal(weir_runtime_step(rig.runtime, 0), 0);
    for (int i = 0; i < WORKERS; i++) assert_int_equal(c[i].next, 0);
    for (int turns = 1; turns <= 40; turns++) {
        assert_int_equal(weir_runtime_step(rig.runtime, WORKERS), WORKERS);
        for (int i = 0; i < WORKERS; i++) assert_int_equal(c[i].next, turns);
    }
    assert_int_equal(rig_accounts(&rig).turns, 40 * WORKERS);
    rig_close(&rig);
}

static void fewer_steps_come_back_only_at_rest(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 500, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &c);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 10});
    while (weir_runtime_step(rig->runtime, 7) == 7) {}
    assert_int_equal(c.handled, 500);
    assert_int_equal(weir_runtime_step(rig->runtime, 7), 0);
    rig_close(rig);
}

/* ---- time ---------------------------------------------------------------- */

static void simulated_time_passes_with_turns(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
    uint64_t before = weir_runtime_now(rig.runtime);
    assert_int_equal(weir_runtime_now(rig.runtime), before); /* and only with them */
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    c.does.cast = deed_cast_again;
    player_start(&c, &rig, NULL);
    player_cast(&c, 1);
    for (int i = 0; i < 20; i++) {
        weir_runtime_step(rig.runtime, 1);
        assert_true(weir_runtime_now(rig.runtime) > before);
        before = weir_runtime_now(rig.runtime);
    }
    rig_close(&rig);
}

static void real_time_passes_by_itself(void **state) {
    (void)state;
    for (int mode = WEIR_THREADS; mode <= WEIR_STEPPED; mode++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = (weir_runtime_mode)mode, .workers = 1});
        uint64_t before = weir_runtime_now(rig.runtime);
        while (weir_runtime_now(rig.runtime) == before) {}
        assert_true(weir_runtime_now(rig.runtime) > before);
        rig_close(&rig);
    }
}

enum { SECOND = 1000000000 };

static const uint64_t time_end = UINT64_MAX / 2;

/* Each way in which time moves, or would like to. */
static void let_all_time_pass(struct rig *rig, struct player *c) {
    uint64_t event;
    uint64_t answer;
    weir_stream *stream;
    weir_stream_options options = {.event_bytes = sizeof event};
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_TIMEOUT);
    assert_int_equal(weir_runtime_run(rig->runtime, UINT64_MAX - 1), WEIR_TIMEOUT);
    assert_int_equal(player_try_call(c, 1, WEIR_FOREVER, &answer), WEIR_TIMEOUT);
    assert_int_equal(weir_stream_open(rig->runtime, &options, &stream), WEIR_OK);
    assert_int_equal(weir_stream_next(stream, &event, WEIR_FOREVER), WEIR_TIMEOUT);
    assert_int_equal(weir_stream_next(stream, &event, UINT64_MAX - 1), WEIR_TIMEOUT);
    weir_stream_close(stream);
}

static weir_verdict answer_never(weir_stage *self, struct player *player, weir_from from,
                                 uint64_t number) {
    (void)self, (void)player, (void)from, (void)number;
    return WEIR_CONTINUE;
}

static void what_is_due_never_does_not_move_time(void **state) {
    (void)state;
    struct rig rig;
    static const weir_runtime_mode modes[] = {WEIR_STEPPED, WEIR_SIMULATED};
    for (int i = 0; i < 2; i++) {
        rig_open(&rig, &(weir_runtime_options){.mode = modes[i], .workers = 2});
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.call = answer_never};
        player_start(&c, &rig, NULL);
        player_later(&c, 1, WEIR_FOREVER);
        player_later(&c, 2, 1000);
        uint64_t begun = weir_runtime_now(rig.runtime);
        let_all_time_pass(&rig, &c);
        if (modes[i] == WEIR_SIMULATED) assert_true(weir_runtime_now(rig.runtime) - begun < SECOND);
        player_expect(&c, "info 2\ncall 1\n");
        rig_close(&rig);
    }
}

static void virtual_time_has_an_end(void **state) {
    (void)state;
    struct rig rig;
    static const uint64_t never[] = {0, 1, 2, 1000, 100000, UINT64_MAX / 2 - 1000000};
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.call = answer_never};
    player_start(&c, &rig, NULL);
    rig_rest(&rig);
    for (uint64_t i = 0; i < 6; i++) player_later(&c, 90 + i, UINT64_MAX - never[i]);
    player_later(&c, 2, time_end - weir_runtime_now(rig.runtime)); /* the last moment */
    player_later(&c, 1, SECOND);
    assert_int_equal(weir_runtime_run(rig.runtime, 2 * (uint64_t)SECOND), WEIR_TIMEOUT);
    assert_true(weir_runtime_now(rig.runtime) < 3 * (uint64_t)SECOND);
    player_expect(&c, "info 1\n");
    let_all_time_pass(&rig, &c);
    assert_int_equal(weir_runtime_now(rig.runtime), time_end);
    player_expect(&c, "info 2\ncall 1\n");
    for (int i = 0; i < 4; i++) {
        player_later(&c, 3, 0); /* there is a now still, but no later */
        player_later(&c, 4, 1);
        player_cast(&c, 0);
        assert_int_equal(weir_runtime_advance(rig.runtime, UINT64_MAX >> 16 * i), WEIR_OK);
        assert_int_equal(weir_runtime_now(rig.runtime), time_end);
    }
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_now(rig.runtime), time_end);
    rig_close(&rig);
    assert_null(strstr(c.journal.text, "info 4"));
    assert_null(strstr(c.journal.text, "info 9"));
}

/* ---- other threads ------------------------------------------------------- */

struct outsider {
    struct rig *rig;
    struct player *stages;
    int count;
    uint64_t caller; /* atomic: bits of who waits for an answer from here */
};

static void wait_until_it_sleeps(const struct rig *rig) {
    while (weir__load_relaxed_u32(&rig->runtime->workers[0].bell.parked) == 0) weir__thread_yield();
}

static void cast_to_all(void *argument) {
    struct outsider *outsider = argument;
    for (int i = 0; i < outsider->count; i++) {
        wait_until_it_sleeps(outsider->rig);
        player_cast(&outsider->stages[i], 0);
    }
}

static weir_verdict stop_now(weir_stage *self, struct player *player, uint64_t number) {
    (void)player, (void)number;
    return weir_stop_with(self, WEIR_REASON_NORMAL);
}

/* Nothing but a thread beside could end the wait before the timer, an hour hence, does. */
static void who_steps_hears_of_other_threads(void **state) {
    (void)state;
    enum { WORKERS = 3 };
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = WORKERS});
    struct player c[WORKERS];
    memset(c, 0, sizeof c);
    for (unsigned i = 0; i < WORKERS; i++) {
        c[i].name = "c";
        c[i].kind = WEIR_CONSUMER;
        c[i].does.cast = stop_now;
        player_start(&c[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER(i)});
    }
    player_later(&c[WORKERS - 1], 1, 3600 * (uint64_t)SECOND); /* it is the last to be told */
    struct outsider outsider = {.rig = &rig, .stages = c, .count = WORKERS};
    struct weir__thread thread;
    assert_int_equal(weir__thread_start(&thread, "outsider", cast_to_all, &outsider), 0);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    weir__thread_join(&thread);
    rig_close(&rig);
}

static void answer_caller(void *argument) {
    struct outsider *outsider = argument;
    uint64_t answer = 8;
    wait_until_it_sleeps(outsider->rig);
    weir_from from = {weir__load_acquire_u64(&outsider->caller)};
    RIG_CHECK(outsider->rig,
              weir_reply(outsider->rig->runtime, from, &answer, sizeof answer) == WEIR_OK);
}

static weir_verdict keep_caller(weir_stage *self, struct player *player, weir_from from,
                                uint64_t number) {
    struct outsider *outsider = player->own;
    (void)self, (void)number;
    weir__store_release_u64(&outsider->caller, from.bits);
    return WEIR_CONTINUE;
}

static void who_steps_hears_of_the_answer(void **state) {
    (void)state;
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    struct outsider outsider = {.rig = &rig};
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .own = &outsider, .does.call = keep_caller};
    player_start(&c, &rig, NULL);
    player_later(&c, 1, 3600 * (uint64_t)SECOND);
    struct weir__thread thread;
    assert_int_equal(weir__thread_start(&thread, "outsider", answer_caller, &outsider), 0);
    uint64_t answer = 0;
    assert_int_equal(player_try_call(&c, 7, WEIR_FOREVER, &answer), WEIR_OK);
    assert_int_equal(answer, 8);
    weir__thread_join(&thread);
    rig_close(&rig);
}

/* ---- refusals ------------------------------------------------------------ */

static const char refusal[] = "weir_runtime_step is for stepped and simulated runtimes, outside "
                              "their callbacks";

static void threads_are_not_stepped(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 1});
    assert_int_equal(weir_runtime_step(rig.runtime, 10), 0);
    assert_string_equal(weir_refusal(), refusal);
    rig_close(&rig);
}

static weir_verdict step_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig, weir_runtime_step(weir_stage_runtime(self), 10) == 0);
    RIG_CHECK(player->rig, strcmp(weir_refusal(), refusal) == 0);
    return WEIR_CONTINUE;
}

static void callbacks_do_not_step(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = step_inside};
    player_start(&c, rig, NULL);
    player_cast(&c, 1);
    rig_rest(rig);
    player_expect(&c, "cast 1\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_runs_the_same_way),
        cmocka_unit_test(other_seeds_run_another_way),
        cmocka_unit_test(stepping_in_rotation_is_always_the_same),
        cmocka_unit_test(a_step_is_a_turn_of_one_worker),
        TEST_IN_WORLDS(fewer_steps_come_back_only_at_rest),
        cmocka_unit_test(simulated_time_passes_with_turns),
        cmocka_unit_test(real_time_passes_by_itself),
        cmocka_unit_test(what_is_due_never_does_not_move_time),
        cmocka_unit_test(virtual_time_has_an_end),
        cmocka_unit_test(who_steps_hears_of_other_threads),
        cmocka_unit_test(who_steps_hears_of_the_answer),
        cmocka_unit_test(threads_are_not_stepped),
        TEST_IN_WORLDS(callbacks_do_not_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
