/*
 * Stats: what each stage and subscription says of itself, and what all together do.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: at rest each figure is the right one, of those that live, and with {0} of all there ever
 * were; who has ended is no stage any more; lists tell how many there are, whatever the room;
 * the times that a stage spent waiting, and for what, make up its life.
 * Method: pipelines with known numbers in every place; virtual time, in which callbacks take none
 * and steps little, so that waiting is all there is.  That the sums are the accounts', rig_rest
 * compares in each test there is.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static weir_counters_stage stats_of(const struct player *player) {
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(player->rig->runtime, player->ref, &stats), WEIR_OK);
    return stats;
}

/* ---- figures ------------------------------------------------------------- */

/* 100 emitted; of 40 that t took it holds 40; c takes 30, and 30 are buffered. */
static void each_figure_is_the_right_one(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_HOLDS};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &t, &c);
    const weir_subscribe_options forty = {.max_demand = 40, .min_demand = WEIR_NONE};
    weir_subscription to_t = player_subscribe(&t, &p, &forty);
    player_cast(&p, 40);
    rig_rest(rig);
    assert_int_equal(weir_cancel(rig->runtime, to_t, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    weir_subscription to_c = player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    assert_int_equal(weir_ask(rig->runtime, to_c, 35), WEIR_OK);
    player_cast(&p, 30);
    player_cast(&p, 5);
    player_cast(&p, 30);
    player_call(&p, 7);
    rig_rest(rig);
    weir_counters_stage stats = stats_of(&p);
    assert_string_equal(stats.name, "p");
    assert_int_equal(stats.stage_kind, WEIR_PRODUCER);
    assert_int_equal(stats.event_bytes, 8);
    assert_int_equal(stats.events_out, 105);
    assert_int_equal(stats.messages, 4);
    assert_int_equal(stats.calls, 1);
    assert_int_equal(stats.buffered, 30);
    assert_int_equal(stats.open_demand, 0);
    assert_int_equal(stats.consumers, 1);
    assert_int_equal(stats.producers, 0);
    stats = stats_of(&c);
    assert_int_equal(stats.events_in, 35);
    assert_int_equal(stats.handled, 35);
    assert_int_equal(stats.bytes_in, 280);
    assert_int_equal(stats.batches, c.batches);
    assert_int_equal(stats.producers, 1);
    rig_close(rig);
}

static void discards_have_their_causes(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER};
    player_start(&p, rig, &(weir_stage_options){.buffer_size = 10});
    player_start(&q, rig, &(weir_stage_options){.drop_unheard = true});
    player_cast(&p, 25);
    player_cast(&q, 4);
    rig_rest(rig);
    assert_int_equal(stats_of(&p).discarded[WEIR_DISCARD_OVERFLOW], 15);
    assert_int_equal(stats_of(&p).discarded[WEIR_DISCARD_UNHEARD], 0);
    assert_int_equal(stats_of(&q).discarded[WEIR_DISCARD_UNHEARD], 4);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    weir_counters_stage all;
    assert_int_equal(weir_stage_stats(rig->runtime, (weir_ref){0}, &all), WEIR_OK);
    assert_int_equal(all.discarded[WEIR_DISCARD_OVERFLOW], 15); /* its stage has gone */
    assert_int_equal(all.discarded[WEIR_DISCARD_UNHEARD], 4);
    assert_int_equal(all.discarded[WEIR_DISCARD_STOPPED], 10);
    assert_int_equal(all.buffered, 0);
    rig_close(rig);
}

static void restarts_are_the_supervisors(struct rig *rig) {
    struct player child = {.name = "child", .kind = WEIR_CONSUMER};
    const weir_stage_options options = player_options(&child, rig, NULL);
    const weir_supervised one = {.stage = &options};
    const weir_supervisor_options how = {.children = &one, .child_count = 1};
    weir_ref supervisor;
    assert_int_equal(weir_supervisor_start(rig->runtime, &how, &supervisor), WEIR_OK);
    rig_rest(rig);
    for (int i = 0; i < 2; i++) {
        weir_supervised_info info;
        size_t count;
        assert_int_equal(
            weir_supervisor_children(rig->runtime, supervisor, WEIR_FOREVER, &info, 1, &count),
            WEIR_OK);
        assert_int_equal(weir_stop(rig->runtime, info.stage, WEIR_REASON_SHUTDOWN), WEIR_OK);
        rig_rest(rig);
    }
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(rig->runtime, supervisor, &stats), WEIR_OK);
    assert_int_equal(stats.restarts, 2);
    rig_close(rig);
}

/* ---- who there is -------------------------------------------------------- */

static void lists_tell_how_many_there_are(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    weir_counters_stage stages[3];
    weir_counters_subscription between[2];
    assert_int_equal(weir_stages(rig->runtime, stages, 3), 0);
    PLAYERS_START(rig, &p, &c, &d);
    player_subscribe(&c, &p, NULL);
    weir_subscription to_d = player_subscribe(&d, &p, NULL);
    rig_rest(rig);
    assert_int_equal(weir_stages(rig->runtime, NULL, 0), 3);
    assert_int_equal(weir_stages(rig->runtime, stages, 1), 3);
    assert_int_equal(weir_stages(rig->runtime, stages, 3), 3);
    assert_int_equal(stages[0].ref ^ stages[1].ref ^ stages[2].ref,
                     p.ref.bits ^ c.ref.bits ^ d.ref.bits);
    assert_int_equal(weir_subscriptions(rig->runtime, (weir_ref){0}, between, 2), 2);
    assert_int_equal(between[0].sent + between[1].sent, 100);
    assert_int_equal(between[0].asked - between[0].heard, 0);
    assert_int_equal(weir_subscriptions(rig->runtime, p.ref, NULL, 0), 2);
    assert_int_equal(weir_subscriptions(rig->runtime, d.ref, between, 2), 1);
    assert_int_equal(between[0].id, to_d.id);
    assert_int_equal(between[0].received, d.handled);
    player_stop(&d, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(weir_stages(rig->runtime, stages, 3), 2);
    assert_int_equal(weir_subscriptions(rig->runtime, (weir_ref){0}, between, 2), 1);
    rig_close(rig);
}

static void who_has_ended_is_no_stage(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_counters_stage stats;
    weir_counters_times times;
    PLAYERS_START(rig, &p, &c);
    weir_subscription made =
        player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(weir_stage_stats(rig->runtime, p.ref, &stats), WEIR_NO_STAGE);
    assert_int_equal(weir_stage_times(rig->runtime, p.ref, WEIR_TIMES_HANDLING, &times),
                     WEIR_NO_STAGE);
    assert_int_equal(weir_subscription_times(rig->runtime, made, &times), WEIR_NO_STAGE);
    assert_int_equal(weir_subscription_times(rig->runtime, (weir_subscription){0}, &times),
                     WEIR_NO_STAGE);
    assert_int_equal(weir_stage_times(rig->runtime, c.ref, (weir_times_of)9, &times), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "which must be one of WEIR_TIMES_HANDLING, WEIR_TIMES_PIPELINE, got 9");
    rig_close(rig);
}

static void long_names_are_cut_off(struct rig *rig) {
    char name[WEIR_COUNTERS_NAME + 20];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct player p = {.name = name, .kind = WEIR_PRODUCER};
    player_start(&p, rig, NULL);
    rig_rest(rig);
    assert_int_equal(strlen(stats_of(&p).name), WEIR_COUNTERS_NAME - 1);
    rig_close(rig);
}

/* All slots are taken when a stage is started: each allocation of that fails in turn, also the one
 * of more slots, for its subscription. */
static void without_slots_no_stage_starts(void **state) {
    (void)state;
    enum { OTHERS = WEIR_COUNTERS_STEP / 4 - 3 }; /* header, worker, producer */
    static struct player others[OTHERS];
    static struct player late;
    static struct rig rig;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    rig_open(&rig, NULL);
    player_start(&p, &rig, NULL);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = (struct player){.name = "other", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&others[i], &rig, NULL);
    }
    rig_rest(&rig);
    const weir_subscribe_to to = {.producer = p.ref};
    late = (struct player){.name = "late", .kind = WEIR_CONSUMER};
    const weir_stage_options options = player_options(
        &late, &rig, &(weir_stage_options){.subscribe_to = &to, .subscribe_count = 1});
    weir_status status = WEIR_NO_MEMORY;
    uint64_t failed = 0;
    while (status == WEIR_NO_MEMORY) {
        test_memory_fail(&rig.memory, ++failed, false);
        status = weir_stage_start(rig.runtime, &options, &late.ref);
        test_memory_fail_never(&rig.memory);
        rig_rest(&rig);
        assert_int_equal(weir_stages(rig.runtime, NULL, 0), OTHERS + (status == WEIR_OK ? 2 : 1));
    }
    assert_int_equal(status, WEIR_OK);
    assert_true(failed > 2);
    rig_close(&rig);
}

/* A worker that never runs dry notes all of its many stages, one lot after the other. */
static void all_of_many_are_noted(void **state) {
    (void)state;
    enum { PAIRS = 100, TURNS = 20000 };
    static struct player players[2 * PAIRS];
    static weir_counters_stage stages[2 * PAIRS];
    static struct rig rig;
    const weir_subscribe_options few = {.max_demand = 2};
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1, .seed = 1});
    for (int i = 0; i < PAIRS; i++) {
        struct player *pair = &players[(ptrdiff_t)2 * i];
        pair[0] =
            (struct player){.name = "p", .kind = WEIR_PRODUCER, .quiet = true, .limit = UINT64_MAX};
        pair[1] = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        PLAYERS_START(&rig, &pair[0], &pair[1]);
        player_subscribe(&pair[1], &pair[0], &few);
    }
    assert_int_equal(weir_runtime_step(rig.runtime, TURNS), TURNS);
    assert_int_equal(weir_stages(rig.runtime, stages, 2 * PAIRS), 2 * PAIRS);
    for (int i = 0; i < 2 * PAIRS; i++) assert_int_not_equal(stages[i].noted_ns, 0);
    for (int i = 0; i < PAIRS; i++) players[(ptrdiff_t)2 * i].limit = 0;
    rig_rest(&rig);
    rig_close(&rig);
}

/* ---- times --------------------------------------------------------------- */

enum { WAITED_NS = 5000000, STEPS_NS = 100000 };

static void expect_times(const struct player *player, weir_stage_state state) {
    weir_counters_stage stats = stats_of(player);
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        uint64_t waited = i == (unsigned)state ? WAITED_NS : 0;
        assert_in_range(stats.times[i], waited, waited + STEPS_NS);
    }
    assert_int_equal(stats.state, state);
}

/* A gap is noted when it ends: each is woken, and has nothing to do. */
static void wake(struct rig *rig, struct player *player) {
    player_info(player, 0);
    rig_rest(rig);
}

static void waiting_is_for_something(void **state) {
    (void)state;
    struct rig rig;
    struct player full = {.name = "full", .kind = WEIR_PRODUCER};
    struct player lazy = {.name = "lazy", .kind = WEIR_CONSUMER, .manual = true};
    struct player dry = {.name = "dry", .kind = WEIR_PRODUCER};
    struct player hungry = {.name = "hungry", .kind = WEIR_CONSUMER};
    struct player alone = {.name = "alone", .kind = WEIR_CONSUMER};
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = 1});
    PLAYERS_START(&rig, &full, &lazy, &dry, &hungry, &alone);
    player_subscribe(&lazy, &full, NULL);
    player_subscribe(&hungry, &dry, NULL);
    player_cast(&full, 10);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_advance(rig.runtime, WAITED_NS), WEIR_OK);
    struct player *all[] = {&full, &lazy, &dry, &hungry, &alone};
    for (int i = 0; i < 5; i++) wake(&rig, all[i]);
    expect_times(&full, WEIR_STATE_BLOCKED);
    expect_times(&lazy, WEIR_STATE_IDLE);
    expect_times(&dry, WEIR_STATE_STARVED);
    expect_times(&hungry, WEIR_STATE_STARVED);
    expect_times(&alone, WEIR_STATE_IDLE);
    rig_close(&rig);
}

/* Some visits are, of callbacks that take no time: which ones, the seed decides. */
static void callbacks_are_timed(void **state) {
    (void)state;
    struct rig rig;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100000, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    weir_counters_times times;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1, .seed = 1});
    assert_int_equal(weir_runtime_advance(rig.runtime, 1000), WEIR_OK); /* time 0 is no time */
    PLAYERS_START(&rig, &p, &c);
    assert_int_equal(weir_stage_times(rig.runtime, c.ref, WEIR_TIMES_HANDLING, &times), WEIR_OK);
    assert_int_equal(times.count, 0);
    player_subscribe(&c, &p, NULL);
    rig_rest(&rig);
    assert_int_equal(weir_stage_times(rig.runtime, c.ref, WEIR_TIMES_HANDLING, &times), WEIR_OK);
    assert_true(times.count > 0 && times.count <= c.batches);
    assert_int_equal(times.classes[0], times.count);
    assert_int_equal(times.owner, c.ref.bits);
    rig_close(&rig);
}

/* Through a stage between: what it emits is as old as what it came of. */
static void ages_are_carried_on(void **state) {
    (void)state;
    struct rig rig;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 300000, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    weir_counters_times first;
    weir_counters_times second;
    weir_counters_times all;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 3, .seed = 1});
    PLAYERS_START(&rig, &p, &t, &c);
    weir_subscription into_t = player_subscribe(&t, &p, NULL);
    weir_subscription into_c = player_subscribe(&c, &t, NULL);
    rig_rest(&rig);
    assert_int_equal(weir_subscription_times(rig.runtime, into_t, &first), WEIR_OK);
    assert_int_equal(weir_subscription_times(rig.runtime, into_c, &second), WEIR_OK);
    assert_int_equal(weir_stage_times(rig.runtime, c.ref, WEIR_TIMES_PIPELINE, &all), WEIR_OK);
    assert_true(first.count > 10 && second.count > 10 && all.count > 10);
    assert_int_equal(first.owner, into_t.id);
    assert_int_equal(all.owner, c.ref.bits);
    uint64_t way = first.sum / first.count + second.sum / second.count;
    uint64_t age = all.sum / all.count;
    assert_true(age >= way * 3 / 4 && age <= way * 3 / 2);
    assert_int_equal(weir_stage_times(rig.runtime, t.ref, WEIR_TIMES_PIPELINE, &all), WEIR_OK);
    assert_int_equal(all.count, 0);
    rig_close(&rig);
}

/* From one thread to another, as fast as it goes: for ThreadSanitizer. */
static void stamps_cross_workers(void **state) {
    (void)state;
    struct rig rig;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 12000, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    const weir_subscribe_options few = {.max_demand = 4};
    weir_counters_times times;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    weir_subscription made = player_subscribe(&c, &p, &few);
    rig_rest(&rig);
    assert_int_equal(weir_subscription_times(rig.runtime, made, &times), WEIR_OK);
    assert_in_range(times.count, 1, 12000);
    rig_close(&rig);
}

static void a_shared_dispatcher_has_no_stamps(void **state) {
    (void)state;
    struct rig rig;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100000, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    weir_counters_times times;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = 1});
    player_start(&p, &rig, &(weir_stage_options){.dispatcher = weir_shared_dispatcher()});
    player_start(&c, &rig, NULL);
    weir_subscription made = player_subscribe(&c, &p, NULL);
    rig_rest(&rig);
    assert_int_equal(weir_subscription_times(rig.runtime, made, &times), WEIR_OK);
    assert_int_equal(times.count, 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(each_figure_is_the_right_one),
        TEST_IN_WORLDS(discards_have_their_causes),
        TEST_IN_WORLDS(restarts_are_the_supervisors),
        TEST_IN_WORLDS(lists_tell_how_many_there_are),
        TEST_IN_WORLDS(who_has_ended_is_no_stage),
        TEST_IN_WORLDS(long_names_are_cut_off),
        cmocka_unit_test(without_slots_no_stage_starts),
        cmocka_unit_test(all_of_many_are_noted),
        cmocka_unit_test(waiting_is_for_something),
        cmocka_unit_test(callbacks_are_timed),
        cmocka_unit_test(ages_are_carried_on),
        cmocka_unit_test(stamps_cross_workers),
        cmocka_unit_test(a_shared_dispatcher_has_no_stamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
