/*
 * Supervisors: strategies, kinds of restart, the order of starts and stops.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a child's death takes along whom the strategy says; those are stopped the
 * last one first, and started the first one first; each kind of restart acts on
 * exactly its reasons; a supervisor that ends ends its children first, also when
 * it is a child itself; while the runtime ends nothing is started again.
 * Method: players that say when they start and stop, on one stepped worker and,
 * where the order must not depend on it, in several worlds.
 */
#include "support/crew.h"
#include "support/worlds.h"

#include <string.h>

static struct crew crew;

/* Three consumers, a, b and c, with nothing to consume. */
static void start_three(const weir_supervisor_options *options) {
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew_add(&crew, "b", WEIR_CONSUMER, NULL);
    crew_add(&crew, "c", WEIR_CONSUMER, NULL);
    crew_start(&crew, options);
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "a start\nb start\nc start\n");
}

/* ---- strategies -------------------------------------------------------------------------- */

static void one_for_one_restarts_one(void) {
    start_three(NULL);
    crew_kill(&crew, "b", WEIR_REASON_USER);
    rig_expect(&crew.rig, "b terminate user\nb start\n");
    rig_expect_log(&crew.rig, "warning: supervisor supervisor restarts b, which stopped: "
                              "user\n");
    rig_close(&crew.rig);
}

static void rest_for_one_restarts_those_after_it(void) {
    start_three(&(weir_supervisor_options){.strategy = WEIR_REST_FOR_ONE});
    crew_kill(&crew, "b", WEIR_REASON_USER);
    rig_expect(&crew.rig, "b terminate user\nc terminate shutdown\nb start\nc start\n");
    crew_kill(&crew, "c", WEIR_REASON_USER);
    rig_expect(&crew.rig, "c terminate user\nc start\n");
    crew_kill(&crew, "a", WEIR_REASON_USER);
    rig_expect(&crew.rig, "a terminate user\nc terminate shutdown\nb terminate shutdown\n"
                          "a start\nb start\nc start\n");
    rig_close(&crew.rig);
}

static void one_for_all_restarts_all(void) {
    start_three(&(weir_supervisor_options){.strategy = WEIR_ONE_FOR_ALL});
    crew_kill(&crew, "b", WEIR_REASON_USER);
    rig_expect(&crew.rig, "b terminate user\nc terminate shutdown\na terminate shutdown\n"
                          "a start\nb start\nc start\n");
    rig_close(&crew.rig);
}

/* Who dies of itself while its group is stopped is not counted again. */
static void deaths_at_once(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    start_three(&(weir_supervisor_options){.strategy = WEIR_REST_FOR_ONE});
    player_stop(&crew.players[0], WEIR_REASON_USER);
    player_stop(&crew.players[2], WEIR_REASON_USER);
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "a terminate user\nc terminate user\nb terminate shutdown\n"
                          "a start\nb start\nc start\n");
    rig_expect_log(&crew.rig, "warning: supervisor supervisor restarts a, which stopped: user\n");
    rig_close(&crew.rig);
}

/* ---- kinds of restart -------------------------------------------------------------------- */

static void expect_restart(weir_restart restart, weir_reason reason, bool restarted) {
    rig_open(&crew.rig, NULL);
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew.specs[0].restart = restart;
    crew_start(&crew, NULL);
    rig_rest(&crew.rig);
    crew_kill(&crew, "a", reason);
    size_t count;
    assert_int_equal(
        weir_supervisor_children(crew.rig.runtime, crew.supervisor, WEIR_FOREVER, NULL, 0, &count),
        WEIR_OK);
    assert_int_equal(count, restart == WEIR_RESTART_TEMPORARY ? 0 : 1);
    if (count > 0) assert_int_equal(crew_lives(&crew, 0), restarted);
    rig_close(&crew.rig);
}

static void permanent_children_are_always_restarted(void **state) {
    (void)state;
    expect_restart(WEIR_RESTART_PERMANENT, WEIR_REASON_NORMAL, true);
    expect_restart(WEIR_RESTART_PERMANENT, WEIR_REASON_SHUTDOWN, true);
    expect_restart(WEIR_RESTART_PERMANENT, WEIR_REASON_USER, true);
}

static void transient_children_are_restarted_when_abnormal(void **state) {
    (void)state;
    expect_restart(WEIR_RESTART_TRANSIENT, WEIR_REASON_NORMAL, false);
    expect_restart(WEIR_RESTART_TRANSIENT, WEIR_REASON_SHUTDOWN, false);
    expect_restart(WEIR_RESTART_TRANSIENT, WEIR_REASON_NOPROC, true);
    expect_restart(WEIR_RESTART_TRANSIENT, WEIR_REASON_USER, true);
}

static void temporary_children_are_forgotten(void **state) {
    (void)state;
    expect_restart(WEIR_RESTART_TEMPORARY, WEIR_REASON_NORMAL, false);
    expect_restart(WEIR_RESTART_TEMPORARY, WEIR_REASON_USER, false);
}

static weir_verdict stop_on_cast(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    return weir_stop_with(self, (weir_reason)number);
}

/* Its reason is known even when it ends before the supervisor can watch it. */
static void a_child_that_ends_at_once(void) {
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew.players[0].does.cast = stop_on_cast;
    crew.specs[0].restart = WEIR_RESTART_TRANSIENT;
    crew_start(&crew, NULL);
    player_cast(&crew.players[0], WEIR_REASON_NORMAL);
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "a start\na cast 0\na terminate normal\n");
    assert_false(crew_lives(&crew, 0));
    rig_close(&crew.rig);
}

/* With its group every child is started again that is not temporary, as in OTP. */
static void kinds_in_a_group(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_clear(&crew);
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew_add(&crew, "b", WEIR_CONSUMER, NULL);
    crew_add(&crew, "c", WEIR_CONSUMER, NULL);
    crew.specs[0].restart = WEIR_RESTART_TRANSIENT;
    crew.specs[1].restart = WEIR_RESTART_TEMPORARY;
    crew_start(&crew, &(weir_supervisor_options){.strategy = WEIR_ONE_FOR_ALL});
    crew_kill(&crew, "a", WEIR_REASON_NORMAL);
    rig_expect(&crew.rig, "a start\nb start\nc start\na terminate normal\n");
    crew_kill(&crew, "c", WEIR_REASON_USER);
    rig_expect(&crew.rig, "c terminate user\nb terminate shutdown\na start\nc start\n");
    rig_close(&crew.rig);
}

/* ---- ends -------------------------------------------------------------------------------- */

static void a_stop_ends_the_last_child_first(void) {
    start_three(NULL);
    assert_int_equal(
        weir_stop_wait(crew.rig.runtime, crew.supervisor, WEIR_REASON_USER, WEIR_FOREVER), WEIR_OK);
    rig_expect(&crew.rig, "c terminate shutdown\nb terminate shutdown\na terminate "
                          "shutdown\n");
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

static void nothing_is_restarted_while_the_runtime_stops(void) {
    start_three(NULL);
    weir_runtime_stop(crew.rig.runtime, WEIR_REASON_USER);
    assert_int_equal(weir_runtime_run(crew.rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_null(strstr(crew.rig.journal.text, "start"));
    rig_close(&crew.rig);
}

static void nothing_is_restarted_while_the_runtime_drains(void) {
    start_three(NULL);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(crew.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(report.stages, 0);
    assert_null(strstr(crew.rig.journal.text, "start"));
    rig_close(&crew.rig);
}

/* It finishes when its children have, and tells them to. */
static void finishing_finishes_the_children(void) {
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 100;
    crew_add(&crew, "sink", WEIR_CONSUMER, "source")->quiet = true;
    crew.players[0].quiet = true;
    crew_start(&crew, NULL);
    assert_int_equal(weir_finish(crew.rig.runtime, crew.supervisor), WEIR_OK);
    assert_int_equal(weir_runtime_run(crew.rig.runtime, WEIR_FOREVER), WEIR_OK);
    weir_accounts accounts = rig_close(&crew.rig);
    assert_int_equal(accounts.emitted, accounts.handled);
}

/* A supervisor that waits for a child is not what holds up a drain. */
static weir_verdict stay(weir_stage *self, struct player *player, uint64_t demand) {
    (void)self;
    (void)player;
    (void)demand;
    return WEIR_CONTINUE;
}

static void a_drain_names_the_child(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        rig_open(&crew.rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        crew_clear(&crew);
        struct player *source = crew_add(&crew, "source", WEIR_PRODUCER, NULL);
        source->does.demand = stay;
        crew.stages[0].worker = WEIR_WORKER(workers - 1);
        crew_start(&crew, &(weir_supervisor_options){.worker = WEIR_WORKER(0)});
        rig_rest(&crew.rig);
        player_cast(source, 5); /* into its buffer; nobody takes them */
        weir_drain_report report;
        assert_int_equal(weir_runtime_drain(crew.rig.runtime, WEIR_FOREVER, &report), WEIR_TIMEOUT);
        assert_string_equal(report.name, "source");
        assert_int_equal(report.stages, 2);
        rig_close(&crew.rig);
    }
}

static void it_may_end_with_its_children(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&crew.rig, world); world++) {
        crew_clear(&crew);
        crew_add(&crew, "a", WEIR_CONSUMER, NULL);
        crew_add(&crew, "b", WEIR_CONSUMER, NULL);
        crew.specs[0].restart = WEIR_RESTART_TRANSIENT;
        crew.specs[1].restart = WEIR_RESTART_TEMPORARY;
        crew_start(&crew, &(weir_supervisor_options){.ends_with_children = true});
        rig_rest(&crew.rig);
        crew_kill(&crew, "b", WEIR_REASON_USER);
        assert_int_equal(weir_runtime_stages(crew.rig.runtime), 2);
        crew_kill(&crew, "a", WEIR_REASON_USER);
        assert_int_equal(weir_runtime_stages(crew.rig.runtime), 2);
        crew_kill(&crew, "a", WEIR_REASON_NORMAL);
        assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
        rig_close(&crew.rig);
    }
    rig_open(&crew.rig, NULL);
    crew_clear(&crew);
    crew_start(&crew, &(weir_supervisor_options){.ends_with_children = true});
    rig_rest(&crew.rig);
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

/* ---- supervisors of supervisors ---------------------------------------------------------- */

static weir_ref inner;
static unsigned inner_starts;

static weir_status start_inner(weir_runtime *runtime, void *argument, weir_ref *out) {
    const weir_supervisor_options options = {.name = "inner",
                                             .strategy = WEIR_ONE_FOR_ALL,
                                             .max_restarts = 1,
                                             .children = crew.specs,
                                             .child_count = crew.count};
    (void)argument;
    inner_starts++;
    weir_status status = weir_supervisor_start(runtime, &options, &inner);
    *out = inner;
    return status;
}

static void start_nested(void) {
    crew_clear(&crew);
    inner_starts = 0;
    crew_add(&crew, "a", WEIR_CONSUMER, NULL);
    crew_add(&crew, "b", WEIR_CONSUMER, NULL);
    const weir_supervised child = {.start = start_inner};
    assert_int_equal(
        weir_supervisor_start(
            crew.rig.runtime,
            &(weir_supervisor_options){.name = "outer", .children = &child, .child_count = 1},
            &crew.supervisor),
        WEIR_OK);
    rig_rest(&crew.rig);
    rig_expect(&crew.rig, "a start\nb start\n");
}

static void nested(void) {
    start_nested();
    crew_kill(&crew, "a", WEIR_REASON_USER);
    rig_expect(&crew.rig, "a terminate user\nb terminate shutdown\na start\nb start\n");
    assert_int_equal(inner_starts, 1);
    crew_kill(&crew, "b", WEIR_REASON_USER); /* one too many: the outer one begins anew */
    rig_expect(&crew.rig, "b terminate user\na terminate shutdown\na start\nb start\n");
    assert_int_equal(inner_starts, 2);
    assert_int_equal(
        weir_stop_wait(crew.rig.runtime, crew.supervisor, WEIR_REASON_NORMAL, WEIR_FOREVER),
        WEIR_OK);
    rig_expect(&crew.rig, "b terminate shutdown\na terminate shutdown\n");
    assert_int_equal(weir_runtime_stages(crew.rig.runtime), 0);
    rig_close(&crew.rig);
}

static void nested_drains(void) {
    start_nested();
    assert_int_equal(weir_runtime_drain(crew.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_null(strstr(crew.rig.journal.text, "start"));
    rig_close(&crew.rig);
}

/* ---- subscriptions ----------------------------------------------------------------------- */

/* Two supervisors; a consumer finds its producer by name, whoever starts that. */
static void a_producer_of_another_supervisor(void) {
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 30;
    crew_add(&crew, "sink", WEIR_CONSUMER, "source");
    weir_ref first, second;
    weir_supervisor_options options = {.children = crew.specs, .child_count = 1};
    assert_int_equal(weir_supervisor_start(crew.rig.runtime, &options, &first), WEIR_OK);
    options.children = crew.specs + 1;
    assert_int_equal(weir_supervisor_start(crew.rig.runtime, &options, &second), WEIR_OK);
    rig_rest(&crew.rig);
    assert_int_equal(crew.players[1].handled, 30);
    crew.players[0].limit = 60;
    crew_kill(&crew, "source", WEIR_REASON_USER);
    assert_int_equal(weir_runtime_run(crew.rig.runtime, 100000000), WEIR_TIMEOUT);
    assert_int_equal(crew.players[1].handled, 60);
    crew_kill(&crew, "sink", WEIR_REASON_USER);
    player_cast(&crew.players[0], 30);
    rig_rest(&crew.rig);
    assert_int_equal(crew.players[1].handled, 90);
    rig_close(&crew.rig);
}

/* An earlier child may consume from a later one, and a cycle is no trouble. */
static void links_to_later_children(void) {
    crew_clear(&crew);
    crew_add(&crew, "sink", WEIR_CONSUMER, "source");
    crew_add(&crew, "other", WEIR_CONSUMER, "source");
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 50;
    crew.from[1] =
        (weir_subscribe_to){.producer = WEIR_SIBLING(2), .options = {.cancel = WEIR_TEMPORARY}};
    crew_start(&crew, NULL);
    rig_rest(&crew.rig);
    for (unsigned i = 0; i < 3; i++) {
        crew.players[2].limit += 50;
        crew_kill(&crew, crew.players[i].name, WEIR_REASON_USER);
    }
    assert_int_equal(crew.players[0].handled + crew.players[1].handled, 200);
    rig_close(&crew.rig);
}

/* Nobody consumes from a supervisor, or feeds one. */
static void a_supervisor_is_no_peer(void **state) {
    (void)state;
    rig_open(&crew.rig, NULL);
    crew_clear(&crew);
    crew_add(&crew, "source", WEIR_PRODUCER, NULL)->limit = 10;
    crew_start(&crew, NULL);
    rig_rest(&crew.rig);
    weir_subscription made;
    assert_int_equal(
        weir_subscribe(crew.rig.runtime, crew.supervisor, crew.players[0].ref, NULL, &made),
        WEIR_OK);
    rig_rest(&crew.rig);
    assert_int_equal(crew.players[0].emitted, 0);
    assert_int_equal(weir_cast(crew.rig.runtime, crew.supervisor, "x", 1), WEIR_OK);
    assert_int_equal(weir_info(crew.rig.runtime, crew.supervisor, "x", 1), WEIR_OK);
    assert_int_equal(weir_info(crew.rig.runtime, crew.supervisor, NULL, 0), WEIR_OK);
    assert_int_equal(weir_call(crew.rig.runtime, crew.supervisor, "x", 1, NULL, WEIR_FOREVER),
                     WEIR_UNHANDLED);
    rig_rest(&crew.rig);
    rig_expect_log(&crew.rig,
                   "warning: stage supervisor has no handle_cast: a message of 1 bytes was "
                   "dropped\nwarning: stage supervisor has no handle_info: a message of 1 bytes "
                   "was dropped\nwarning: stage supervisor has no handle_info: a message of 0 "
                   "bytes was dropped\n");
    assert_true(crew_lives(&crew, 0));
    rig_close(&crew.rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&crew.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(one_for_one_restarts_one),
        IN_WORLDS(rest_for_one_restarts_those_after_it),
        IN_WORLDS(one_for_all_restarts_all),
        cmocka_unit_test(deaths_at_once),
        cmocka_unit_test(permanent_children_are_always_restarted),
        cmocka_unit_test(transient_children_are_restarted_when_abnormal),
        cmocka_unit_test(temporary_children_are_forgotten),
        IN_WORLDS(a_child_that_ends_at_once),
        cmocka_unit_test(kinds_in_a_group),
        IN_WORLDS(a_stop_ends_the_last_child_first),
        IN_WORLDS(nothing_is_restarted_while_the_runtime_stops),
        IN_WORLDS(nothing_is_restarted_while_the_runtime_drains),
        IN_WORLDS(finishing_finishes_the_children),
        cmocka_unit_test(a_drain_names_the_child),
        cmocka_unit_test(it_may_end_with_its_children),
        IN_WORLDS(nested),
        IN_WORLDS(nested_drains),
        IN_WORLDS(a_producer_of_another_supervisor),
        IN_WORLDS(links_to_later_children),
        cmocka_unit_test(a_supervisor_is_no_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
