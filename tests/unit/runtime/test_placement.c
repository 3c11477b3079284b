/*
 * Placement: which worker a stage lives on that does not say it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: chains stay together, and what branches off is spread, also of stages in rows, of parts
 * and of a supervisor's children; who ends, or never starts, leaves his place to others.
 * Method: stages in stepped runtimes of a few workers, which are asked where they are.
 */
#include "support/placement_scene.h"

#include "support/cmocka.h"

/* ---- by default ---------------------------------------------------------------- */

static void a_chain_stays_together(void **state) {
    (void)state;
    place_open(3);
    static const unsigned expected[] = {0, 1, 2, 1, 2, 0, 1}; /* the first chain is the longest */
    for (unsigned chain = 0; chain < 7; chain++) {
        weir_ref first = place_producer(WEIR_ANY_WORKER);
        assert_int_equal(place_where(first), expected[chain]);
        weir_ref last = place_middle(first);
        if (chain == 0) last = place_middle(last);
        assert_int_equal(place_where(last), expected[chain]);
        assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, last)), expected[chain]);
    }
    place_close();
}

static void a_producer_goes_where_the_fewest_producers_are(void **state) {
    (void)state;
    place_open(2);
    weir_ref from = place_producer(WEIR_WORKER(0));
    for (int i = 0; i < 3; i++) place_consumer(WEIR_WORKER(1), from);
    assert_int_equal(place_where(place_producer(WEIR_ANY_WORKER)), 1);
    place_close();
}

static void fans_spread(void **state) {
    (void)state;
    place_open(3);
    weir_ref from = place_producer(WEIR_ANY_WORKER);
    static const unsigned expected[] = {0, 1, 2, 1, 2, 0, 1}; /* alike: with its producer */
    for (int i = 0; i < 7; i++) {
        assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, from)), expected[i]);
    }
    place_close();
}

static void branches_of_a_fan_are_chains(void **state) {
    (void)state;
    place_open(3);
    weir_ref from = place_producer(WEIR_ANY_WORKER);
    for (unsigned i = 0; i < 3; i++) {
        weir_ref branch = place_middle(from);
        assert_int_equal(place_where(branch), i);
        assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, branch)), i);
    }
    place_close();
}

static void who_consumes_from_several_goes_where_the_fewest_stages_are(void **state) {
    (void)state;
    place_open(3);
    weir_ref from[3];
    for (int i = 0; i < 3; i++) from[i] = place_producer(WEIR_ANY_WORKER);
    const weir_ref turned[] = {from[1], from[0], from[2]};
    assert_int_equal(place_where(place_behind(WEIR_CONSUMER, WEIR_ANY_WORKER, turned, 3)),
                     1); /* all alike */
    place_end(from[2]);
    assert_int_equal(place_where(place_behind(WEIR_CONSUMER, WEIR_ANY_WORKER, from, 2)), 2);
    place_close();
}

static void who_is_the_only_one_again_is_in_the_chain(void **state) {
    (void)state;
    place_open(2);
    weir_ref from = place_producer(WEIR_ANY_WORKER);
    weir_ref first = place_consumer(WEIR_ANY_WORKER, from);
    assert_int_equal(place_where(first), 0);
    assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, from)), 1);
    place_end(first);
    assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, from)), 0);
    assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, from)), 1);
    place_close();
}

static void a_later_subscription_counts(void **state) {
    (void)state;
    place_open(2);
    weir_ref from = place_producer(WEIR_ANY_WORKER);
    weir_ref first = place_start(place_stage_of(WEIR_CONSUMER));
    assert_int_equal(place_where(first), 1);
    assert_int_equal(weir_subscribe(place_scene.runtime, first, from, NULL, NULL), WEIR_OK);
    weir_ref alone = place_start(place_stage_of(WEIR_CONSUMER)); /* both had one */
    weir_ref other = place_consumer(WEIR_ANY_WORKER, from);
    assert_int_equal(place_where(alone) + place_where(other), 1);
    place_close();
}

static void a_name_is_as_good(void **state) {
    (void)state;
    place_open(2);
    weir_stage_options named = place_stage_of(WEIR_PRODUCER);
    named.name = "wheat";
    named.registered = true;
    named.worker = WEIR_WORKER(1);
    place_start(named);
    const weir_subscribe_to to = {.name = "wheat"};
    weir_stage_options options = place_stage_of(WEIR_CONSUMER);
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(place_where(place_start(options)), 1);
    assert_int_equal(place_where(place_start(options)), 0);
    place_close();
}

/* ---- rows ------------------------------------------------------------------------ */

static void a_row_is_a_chain(void **state) {
    (void)state;
    place_open(2);
    const weir_stage_options row[] = {
        place_stage_of(WEIR_PRODUCER), place_stage_of(WEIR_PRODUCER_CONSUMER),
        place_stage_of(WEIR_CONSUMER), place_stage_of(WEIR_CONSUMER),
        place_stage_of(WEIR_PRODUCER), place_stage_of(WEIR_CONSUMER),
    };
    static const unsigned expected[] = {0, 0, 0, 1, 1, 1};
    weir_ref stages[6];
    assert_int_equal(weir_stages_start(place_scene.runtime, row, 6, stages), WEIR_OK);
    for (int i = 0; i < 6; i++) assert_int_equal(place_where(stages[i]), expected[i]);
    assert_int_equal(weir_chain(place_scene.runtime, stages, 3, NULL), WEIR_OK);
    assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, stages[1])),
                     0); /* both have three, and its
                                                                         producer is here */
    place_close();
}

static void who_says_whom_it_consumes_from_is_not_near_its_neighbour(void **state) {
    (void)state;
    place_open(2);
    weir_ref other = place_producer(WEIR_WORKER(1));
    const weir_subscribe_to to = {.producer = other};
    weir_stage_options row[] = {place_stage_of(WEIR_PRODUCER), place_stage_of(WEIR_CONSUMER)};
    row[1].subscribe_to = &to;
    row[1].subscribe_count = 1;
    weir_ref stages[2];
    assert_int_equal(weir_stages_start(place_scene.runtime, row, 2, stages), WEIR_OK);
    assert_int_equal(place_where(stages[0]), 0);
    assert_int_equal(place_where(stages[1]), 1);
    for (int i = 0; i < 3; i++) place_producer(WEIR_WORKER(0));
    assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, stages[0])), 0); /* its first */
    place_close();
}

/* ---- who does not stay ----------------------------------------------------------- */

static weir_verdict refuse(weir_stage *self, void *argument) {
    (void)argument;
    return weir_stop_with(self, WEIR_REASON_NORMAL);
}

static void who_never_starts_takes_no_place(void **state) {
    (void)state;
    place_open(2);
    for (int i = 0; i < 3; i++) {
        weir_stage_options options = place_stage_of(WEIR_PRODUCER);
        weir_ref stage;
        options.worker = i == 2 ? WEIR_OWN_WORKER : WEIR_WORKER(0);
        options.on.init = refuse;
        assert_int_not_equal(weir_stage_start(place_scene.runtime, &options, &stage), WEIR_OK);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(place_scene.runtime->workers[i].residents, 0);
        assert_int_equal(place_scene.runtime->workers[i].sources, 0);
        assert_int_equal(place_scene.runtime->workers[i].owned, 0);
    }
    assert_int_equal(place_scene.runtime->owned, 0);
    place_close();
}

static void who_ends_leaves_its_place(void **state) {
    (void)state;
    place_open(2);
    weir_ref from = place_producer(WEIR_WORKER(0));
    weir_ref second = place_producer(WEIR_ANY_WORKER);
    assert_int_equal(place_where(second), 1);
    place_end(from);
    assert_int_equal(place_where(place_producer(WEIR_ANY_WORKER)), 0);
    place_end(second);
    assert_int_equal(place_scene.runtime->workers[0].residents, 1);
    assert_int_equal(place_scene.runtime->workers[1].residents, 0);
    assert_int_equal(place_scene.runtime->workers[1].sources, 0);
    place_close();
}

/* ---- parts --------------------------------------------------------------------------- */

static void parts_are_in_chains(void **state) {
    (void)state;
    place_open(3);
    place_producer(WEIR_WORKER(0));
    weir_inlet *inlet;
    weir_ref from;
    assert_int_equal(weir_inlet_open(place_scene.runtime, &(weir_inlet_options){.event_bytes = 8},
                                     &inlet, &from),
                     WEIR_OK);
    assert_int_equal(place_where(from), 1);
    const weir_subscribe_to to = {.producer = place_middle(from)};
    assert_int_equal(place_where(to.producer), 1);
    const weir_stream_options options = {
        .event_bytes = 8, .subscribe_to = &to, .subscribe_count = 1};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(place_scene.runtime, &options, &stream), WEIR_OK);
    assert_int_equal(place_scene.runtime->workers[1].residents, 3);
    weir_stream_close(stream);
    weir_inlet_close(inlet);
    place_close();
}

/* Its children of that number, by their workers. */
static void expect_children(weir_ref supervisor, const unsigned *expected, size_t count) {
    weir_supervised_info info[8];
    size_t found;
    assert_int_equal(weir_runtime_settle(place_scene.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(
        weir_supervisor_children(place_scene.runtime, supervisor, WEIR_FOREVER, info, 8, &found),
        WEIR_OK);
    assert_int_equal(found, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(place_where(info[i].stage), expected[i]);
}

static void children_are_in_chains(void **state) {
    (void)state;
    place_open_with((weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 3});
    const weir_subscribe_to first = {.producer = WEIR_SIBLING(0)},
                            second = {.producer = WEIR_SIBLING(1)};
    const weir_stage_options source = place_stage_of(WEIR_PRODUCER);
    weir_stage_options relay = place_stage_of(WEIR_PRODUCER_CONSUMER),
                       sink = place_stage_of(WEIR_CONSUMER);
    relay.subscribe_to = &first;
    sink.subscribe_to = &second;
    relay.subscribe_count = sink.subscribe_count = 1;
    const weir_supervised children[] = {
        {.stage = &source}, {.stage = &relay}, {.stage = &sink}, {.stage = &sink}};
    weir_ref supervisor;
    const weir_supervisor_options options = {.worker = WEIR_WORKER(2),
                                             .strategy = WEIR_ONE_FOR_ALL,
                                             .children = children,
                                             .child_count = 4};
    assert_int_equal(weir_supervisor_start(place_scene.runtime, &options, &supervisor), WEIR_OK);
    expect_children(supervisor, (unsigned[]){0, 0, 0, 1}, 4);
    weir_ref relay_ref;
    assert_int_equal(
        weir_supervisor_child(place_scene.runtime, supervisor, 1, WEIR_FOREVER, &relay_ref),
        WEIR_OK);
    weir_stop(place_scene.runtime, relay_ref, WEIR_REASON_SHUTDOWN);
    expect_children(supervisor, (unsigned[]){0, 0, 0, 1}, 4); /* all anew */
    place_expect_log("supervisor supervisor restarts producer_consumer, which stopped: shutdown\n");
    place_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_stays_together),
        cmocka_unit_test(a_producer_goes_where_the_fewest_producers_are),
        cmocka_unit_test(fans_spread),
        cmocka_unit_test(branches_of_a_fan_are_chains),
        cmocka_unit_test(who_consumes_from_several_goes_where_the_fewest_stages_are),
        cmocka_unit_test(who_is_the_only_one_again_is_in_the_chain),
        cmocka_unit_test(a_later_subscription_counts),
        cmocka_unit_test(a_name_is_as_good),
        cmocka_unit_test(a_row_is_a_chain),
        cmocka_unit_test(who_says_whom_it_consumes_from_is_not_near_its_neighbour),
        cmocka_unit_test(who_never_starts_takes_no_place),
        cmocka_unit_test(who_ends_leaves_its_place),
        cmocka_unit_test(parts_are_in_chains),
        cmocka_unit_test(children_are_in_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
