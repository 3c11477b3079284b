/*
 * Supervisors: what is a failure of a child's own, and what is a loss.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who stops because his producer is gone, cannot be started or subscribed because
 * nobody is there to subscribe to, does not count; he comes back after the retry timer and
 * not before, whatever memory and mailboxes are like; own failures count, each once.
 * Method: chains with permanent subscriptions under supervisors that allow hardly any
 * restarts, in simulated runtimes of many seeds, with time that the test moves.
 */
#include "support/cmocka.h"
#include "support/crew.h"

#include <stdio.h>
#include <string.h>

enum { SECOND = 1000000000, SEEDS = 40 };

static struct crew crew;

static void open_seed(uint64_t seed) {
    rig_open(&crew.rig, &(weir_runtime_options){.mode = WEIR_SIMULATED,
                                                .workers = 1 + (unsigned)seed % 3,
                                                .seed = seed});
    crew_clear(&crew);
}

static void advance(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(crew.rig.runtime, ns), WEIR_OK);
}

static size_t stages(void) {
    return weir_runtime_stages(crew.rig.runtime);
}

static weir_status look_up(weir_runtime *runtime, const char *name) {
    weir_ref ref;
    return weir_whereis(runtime, name, &ref);
}

/* A source, relays and a sink, each subscribed to the one before. */
static void add_chain(weir_cancel_mode mode) {
    static const char *const names[] = {"s0", "s1", "s2", "s3", "s4", "s5"};
    for (size_t i = 0; i < 6; i++) {
        weir_kind kind = i == 0 ? WEIR_PRODUCER : i == 5 ? WEIR_CONSUMER : WEIR_PRODUCER_CONSUMER;
        struct player *player = crew_add(&crew, names[i], kind, i == 0 ? NULL : names[i - 1]);
        player->limit = i == 0 ? 500 : 0;
        player->quiet = true;
        crew.from[i].options.cancel = mode;
    }
}

/* ---- a chain ----------------------------------------------------------------------------- */

static void a_chain_survives_one_failure(void **state) {
    (void)state;
    static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TRANSIENT};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        open_seed(seed);
        add_chain(modes[seed % 2]);
        crew_start(&crew, &(weir_supervisor_options){.strategy = (weir_strategy)(seed / 2 % 3),
                                                     .max_restarts = 1});
        weir_runtime_step(crew.rig.runtime, 50);
        crew_kill(&crew, "s0", WEIR_REASON_USER);
        advance((uint64_t)SECOND);
        for (uint32_t i = 0; i < 6; i++) assert_true(crew_lives(&crew, i));
        assert_int_equal(crew.players[0].next, 500);
        weir_accounts accounts = rig_close(&crew.rig);
        assert_int_equal(crew.players[5].handled + accounts.discarded, 500);
    }
}

/* The middle of it fails, again and again: each time it alone counts. */
static void each_failure_counts_once(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        open_seed(seed);
        add_chain(WEIR_PERMANENT);
        crew_start(&crew, &(weir_supervisor_options){.strategy = (weir_strategy)(seed % 3),
                                                     .max_restarts = 4,
                                                     .max_seconds = 1000});
        for (size_t round = 0; round < 4; round++) {
            crew_kill(&crew, "s2", WEIR_REASON_USER);
            advance((uint64_t)SECOND);
            assert_int_equal(stages(), 7);
        }
        crew_kill(&crew, "s2", WEIR_REASON_USER);
        advance((uint64_t)SECOND);
        assert_int_equal(stages(), 0);
        rig_close(&crew.rig);
    }
}

/* The news of what others have lost may come before that of the failure they lost it by. */
static weir_verdict stop_at_once(weir_stage *self, struct player *player, uint64_t demand) {
    (void)demand;
    player->sum++;
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void a_group_whose_source_fails_each_time_gives_up(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3 * SEEDS; seed++) {
        open_seed(seed);
        add_chain(WEIR_PERMANENT);
        crew.players[0].does.demand = stop_at_once;
        crew_start(&crew, &(weir_supervisor_options){.strategy = WEIR_ONE_FOR_ALL});
        advance((uint64_t)SECOND);
        assert_int_equal(stages(), 0);
        assert_int_equal(crew.players[0].sum, WEIR_MAX_RESTARTS_DEFAULT + 1);
        rig_close(&crew.rig);
    }
}

/* ---- another supervisor's child ---------------------------------------------------------- */

static void another_supervisors_child_fails(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        open_seed(seed);
        crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 400;
        crew_add(&crew, "sink", WEIR_CONSUMER, "source");
        crew.from[1].options.cancel = (weir_cancel_mode)(seed % 3);
        weir_ref owner, user;
        weir_supervisor_options options = {
            .children = crew.specs, .child_count = 1, .max_restarts = WEIR_INFINITY};
        assert_int_equal(weir_supervisor_start(crew.rig.runtime, &options, &owner), WEIR_OK);
        options.children = crew.specs + 1;
        options.max_restarts = WEIR_NONE;
        assert_int_equal(weir_supervisor_start(crew.rig.runtime, &options, &user), WEIR_OK);
        for (size_t round = 0; round < 20; round++) {
            crew_kill(&crew, "source", WEIR_REASON_USER);
            advance((uint64_t)SECOND / 10);
            assert_int_equal(stages(), 4);
        }
        weir_accounts accounts = rig_close(&crew.rig);
        assert_int_equal(crew.players[1].handled + accounts.discarded, 400);
    }
}

/* ---- no storm ---------------------------------------------------------------------------- */

static weir_subscribe_verdict cancel_at_once(weir_stage *self, struct player *player,
                                             const weir_peer *peer) {
    player->sum++;
    RIG_CHECK(player->rig, weir_cancel(weir_stage_runtime(self), peer->subscription,
                                       WEIR_REASON_USER) == WEIR_OK);
    return WEIR_AUTOMATIC;
}

static void losses_go_round_no_faster_than_the_timer(void **state) {
    (void)state;
    for (int strategy = 0; strategy < 3; strategy++) {
        open_seed(7);
        crew_add(&crew, "source", WEIR_PRODUCER, NULL);
        struct player *sink = crew_add(&crew, "sink", WEIR_CONSUMER, "source");
        crew.from[1].options.cancel = WEIR_PERMANENT;
        sink->does.subscribe = cancel_at_once;
        crew_start(&crew, &(weir_supervisor_options){.strategy = (weir_strategy)strategy,
                                                     .max_restarts = WEIR_NONE,
                                                     .retry_ns = SECOND / 10});
        rig_rest(&crew.rig);
        assert_int_equal(sink->sum, 1);
        assert_int_equal(stages(), strategy == WEIR_ONE_FOR_ALL ? 1 : 2);
        advance((uint64_t)SECOND / 20);
        assert_int_equal(sink->sum, 1);
        advance((uint64_t)SECOND);
        assert_in_range(sink->sum, 10, 11);
        sink->does.subscribe = NULL;
        advance((uint64_t)SECOND);
        assert_int_equal(stages(), 3);
        rig_close(&crew.rig);
    }
}

/* ---- nobody to subscribe to -------------------------------------------------------------- */

/* "One by reference is subscribed to as long as it lives", and no trouble afterwards. */
static void a_producer_by_reference_has_its_time(void **state) {
    (void)state;
    open_seed(3);
    struct player source = {.name = "source", .kind = WEIR_PRODUCER, .limit = 5};
    player_start(&source, &crew.rig, NULL);
    struct player *sink = crew_add(&crew, "sink", WEIR_CONSUMER, "");
    crew_add(&crew, "other", WEIR_CONSUMER, NULL);
    crew.from[0].name = NULL;
    crew.from[0].producer = source.ref;
    crew.specs[0].restart = WEIR_RESTART_TRANSIENT;
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = 2});
    rig_rest(&crew.rig);
    assert_int_equal(sink->handled, 5);
    player_stop(&source, WEIR_REASON_NORMAL);
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    advance((uint64_t)SECOND);
    assert_int_equal(stages(), 3);
    crew_kill(&crew, "sink", WEIR_REASON_NORMAL); /* and started again by hand */
    assert_int_equal(
        weir_supervisor_restart_child(crew.rig.runtime, crew.supervisor, 0, WEIR_FOREVER, NULL),
        WEIR_OK);
    advance((uint64_t)SECOND);
    assert_int_equal(stages(), 3);
    rig_close(&crew.rig);
}

/* One that it was never subscribed to is refused, as the mistake that it is. */
static void a_stale_reference_is_refused_at_first(void **state) {
    (void)state;
    open_seed(3);
    struct player source = {.name = "source", .kind = WEIR_PRODUCER};
    player_start(&source, &crew.rig, NULL);
    crew_add(&crew, "sink", WEIR_CONSUMER, "");
    crew.from[0].name = NULL;
    crew.from[0].producer = source.ref;
    player_stop(&source, WEIR_REASON_NORMAL);
    rig_rest(&crew.rig);
    assert_int_equal(crew_try_start(&crew, NULL), WEIR_NO_STAGE);
    rig_rest(&crew.rig);
    assert_int_equal(stages(), 0);
    rig_close(&crew.rig);
}

/* The name comes back, and until then there is one line in the log. */
static void a_name_is_waited_for(void **state) {
    (void)state;
    open_seed(5);
    struct player first = {.name = "source", .kind = WEIR_PRODUCER, .limit = 5};
    struct player second = {.name = "source", .kind = WEIR_PRODUCER, .limit = 7};
    const weir_stage_options registered = {.registered = true};
    player_start(&first, &crew.rig, &registered);
    struct player *sink = crew_add(&crew, "sink", WEIR_CONSUMER, "source");
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = WEIR_NONE});
    rig_rest(&crew.rig);
    crew.rig.log.used = 0;
    player_stop(&first, WEIR_REASON_USER);
    rig_rest(&crew.rig);
    advance((uint64_t)5 * SECOND);
    rig_expect_log(&crew.rig, "warning: supervisor supervisor could not subscribe sink: no living "
                              "stage is called source\n");
    player_start(&second, &crew.rig, &registered);
    advance((uint64_t)SECOND);
    assert_int_equal(sink->handled, 12);
    rig_close(&crew.rig);
}

/* A start of the program's own that finds no producer; one that fails counts. */
static weir_status start_sink(weir_runtime *runtime, void *argument, weir_ref *out) {
    return weir_stage_start(runtime, argument, out);
}

static void a_start_that_lacks_a_producer(void **state) {
    (void)state;
    open_seed(9);
    struct player first = {.name = "source", .kind = WEIR_PRODUCER, .limit = 5};
    struct player second = {.name = "source", .kind = WEIR_PRODUCER, .limit = 7};
    const weir_stage_options registered = {.registered = true};
    player_start(&first, &crew.rig, &registered);
    struct player *sink = crew_add(&crew, "sink", WEIR_CONSUMER, "source");
    crew.specs[0] =
        (weir_supervised){.start = start_sink, .argument = &crew.stages[0], .name = "starter"};
    crew.from[0].options.cancel = WEIR_PERMANENT;
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = 1});
    rig_rest(&crew.rig);
    player_stop(&first, WEIR_REASON_USER);
    advance((uint64_t)SECOND);
    assert_int_equal(stages(), 1);
    assert_int_equal(look_up(crew.rig.runtime, "sink"), WEIR_NO_NAME);
    rig_expect_log(&crew.rig, "warning: supervisor supervisor restarts starter, which has lost a "
                              "producer: user\n"
                              "warning: supervisor supervisor could not start starter: no living "
                              "stage has that name\n");
    player_start(&second, &crew.rig, &registered);
    crew.refuses[0] = 1; /* allowed once */
    advance((uint64_t)SECOND);
    assert_int_equal(stages(), 3);
    assert_int_equal(sink->handled, 12);
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    rig_rest(&crew.rig);
    assert_int_equal(stages(), 1); /* only the second source */
    rig_close(&crew.rig);
}

/* ---- the timer --------------------------------------------------------------------------- */

/* Memory that is short for a while: tries come by the timer, not at once. */
static void the_timer_needs_no_memory(void **state) {
    (void)state;
    open_seed(11);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = 7});
    rig_rest(&crew.rig);
    player_stop(&crew.players[0], WEIR_REASON_USER);
    test_memory_fail(&crew.rig.memory, 1, true);
    advance((uint64_t)SECOND / 20);
    test_memory_fail_never(&crew.rig.memory);
    assert_int_equal(stages(), 1);
    advance((uint64_t)SECOND);
    assert_int_equal(stages(), 2);
    rig_close(&crew.rig);
}

/* Nor room among users' messages, which somebody has used up. */
static struct player other;

static void flood(weir_stage *self, struct player *player) {
    (void)player;
    while (weir_info(weir_stage_runtime(self), other.ref, NULL, 0) == WEIR_OK) continue;
}

static void the_timer_needs_no_room(void **state) {
    (void)state;
    rig_open(&crew.rig,
             &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1, .mailbox_limit = 4});
    crew_clear(&crew);
    other = (struct player){.name = "other", .kind = WEIR_PRODUCER, .quiet = true};
    player_start(&other, &crew.rig, NULL);
    player_cast(&other, 1); /* into its buffer: infos wait behind that */
    crew_add(&crew, "a", WEIR_CONSUMER, NULL)->does.terminate = flood;
    crew_start(&crew, &(weir_supervisor_options){.max_restarts = 7});
    rig_rest(&crew.rig);
    crew.refuses[0] = 1000;
    crew_kill(&crew, "a", WEIR_REASON_USER);
    advance((uint64_t)SECOND / 20);
    assert_in_range(crew.refuses[0], 994, 996);
    crew.refuses[0] = 0;
    advance((uint64_t)SECOND);
    assert_int_equal(stages(), 3);
    rig_close(&crew.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_survives_one_failure),
        cmocka_unit_test(each_failure_counts_once),
        cmocka_unit_test(a_group_whose_source_fails_each_time_gives_up),
        cmocka_unit_test(another_supervisors_child_fails),
        cmocka_unit_test(losses_go_round_no_faster_than_the_timer),
        cmocka_unit_test(a_producer_by_reference_has_its_time),
        cmocka_unit_test(a_stale_reference_is_refused_at_first),
        cmocka_unit_test(a_name_is_waited_for),
        cmocka_unit_test(a_start_that_lacks_a_producer),
        cmocka_unit_test(the_timer_needs_no_memory),
        cmocka_unit_test(the_timer_needs_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
