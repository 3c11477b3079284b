/*
 * Stepping: one turn at a time, and the same again from the same seed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a step is one turn, and fewer come back only at rest; stepped workers
 * take turns in rotation; simulated ones run in an order that the seed alone
 * decides, with time of their own; threads are not stepped.
 * Method: the journal of a whole graph is the trace that is compared.
 */
#include "support/cmocka.h"
#include "support/player.h"

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

static weir_verdict again_and_again(weir_stage *self, struct player *player, uint64_t number) {
    player->next++;
    weir_cast(weir_stage_runtime(self), weir_self(self), &number, sizeof number);
    return WEIR_CONTINUE;
}

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
        c[i].does.cast = again_and_again;
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

static void fewer_steps_come_back_only_at_rest(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 500, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 10});
        while (weir_runtime_step(rig.runtime, 7) == 7) {}
        assert_int_equal(c.handled, 500);
        assert_int_equal(weir_runtime_step(rig.runtime, 7), 0);
        rig_close(&rig);
    }
}

/* ---- time ---------------------------------------------------------------- */

static void simulated_time_passes_with_turns(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
    uint64_t before = weir_runtime_now(rig.runtime);
    assert_int_equal(weir_runtime_now(rig.runtime), before); /* and only with them */
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    c.does.cast = again_and_again;
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

static void callbacks_do_not_step(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = step_inside};
        player_start(&c, &rig, NULL);
        player_cast(&c, 1);
        rig_rest(&rig);
        player_expect(&c, "cast 1\n");
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_runs_the_same_way),
        cmocka_unit_test(other_seeds_run_another_way),
        cmocka_unit_test(stepping_in_rotation_is_always_the_same),
        cmocka_unit_test(a_step_is_a_turn_of_one_worker),
        cmocka_unit_test(fewer_steps_come_back_only_at_rest),
        cmocka_unit_test(simulated_time_passes_with_turns),
        cmocka_unit_test(real_time_passes_by_itself),
        cmocka_unit_test(threads_are_not_stepped),
        cmocka_unit_test(callbacks_do_not_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
