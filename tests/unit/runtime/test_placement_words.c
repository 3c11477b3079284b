/*
 * Placement: the words of the option `worker`.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each means what it says; a worker of one's own is nobody else's, and one is always left.
 * Method: stages in stepped runtimes of a few workers, which are asked where they are; then
 * threads that all want a worker of their own at the same time.
 */
#include "support/placement_scene.h"

#include "support/cmocka.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- the words ---------------------------------------------------------------------- */

static void with_a_producer_whoever_is_there(void **state) {
    (void)state;
    place_open(3);
    weir_ref from[2] = {place_producer(WEIR_WORKER(2)), place_producer(WEIR_WORKER(1))};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(place_where(place_consumer(WEIR_WITH_PRODUCER, from[0])), 2);
    }
    assert_int_equal(place_where(place_behind(WEIR_CONSUMER, WEIR_WITH_PRODUCER, from, 2)), 2);
    weir_stage_options alone = place_stage_of(WEIR_CONSUMER);
    alone.worker = WEIR_WITH_PRODUCER;
    assert_int_equal(place_where(place_start(alone)), 0);
    place_close();
}

static void a_spread_stage_knows_no_producer(void **state) {
    (void)state;
    place_open(3);
    weir_ref from = place_producer(WEIR_SPREAD);
    assert_int_equal(place_where(from), 0);
    assert_int_equal(place_where(place_consumer(WEIR_SPREAD, from)), 1);
    weir_stage_options another = place_stage_of(WEIR_PRODUCER);
    another.worker = WEIR_SPREAD;
    assert_int_equal(place_where(place_start(another)), 2);
    assert_int_equal(place_where(place_start(another)), 0); /* all stages count alike */
    place_close();
}

static void many_are_spread_evenly(void **state) {
    (void)state;
    enum { WORKERS = 100 };
    place_open(WORKERS);
    unsigned count[WORKERS] = {0};
    weir_ref from = place_producer(WEIR_SPREAD);
    count[place_where(from)]++;
    for (int i = 1; i < 2 * WORKERS; i++) count[place_where(place_consumer(WEIR_SPREAD, from))]++;
    for (int i = 0; i < WORKERS; i++) assert_int_equal(count[i], 2);
    place_close();
}

static void a_runtime_may_spread_all(void **state) {
    (void)state;
    place_open_with(
        (weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2, .default_worker = WEIR_SPREAD});
    weir_ref from = place_producer(WEIR_ANY_WORKER);
    assert_int_equal(place_where(from), 0);
    assert_int_equal(place_where(place_consumer(WEIR_ANY_WORKER, from)), 1);
    assert_int_equal(place_where(place_consumer(WEIR_WITH_PRODUCER, from)), 0);
    place_close();
}

static void says_what_may_be(void **state) {
    (void)state;
    place_open(2);
    weir_stage_options options = place_stage_of(WEIR_PRODUCER);
    weir_ref stage;
    options.worker = WEIR_WORKER(2);
    assert_int_equal(weir_stage_start(place_scene.runtime, &options, &stage), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage producer: worker must be below 2, got 2");
    options.worker = WEIR_TIMELY_WORKER - 1;
    assert_int_equal(weir_stage_start(place_scene.runtime, &options, &stage), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage producer: worker must be below 2, got 4294967290");
    options.worker = WEIR_WITH_PRODUCER;
    assert_int_equal(weir_stage_start(place_scene.runtime, &options, &stage), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "stage producer: worker WEIR_WITH_PRODUCER is not for producers");
    weir_runtime *other;
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.default_worker = WEIR_OWN_WORKER}, &other),
        WEIR_INVALID);
    assert_string_equal(weir_refusal(), "default_worker must be WEIR_ANY_WORKER or WEIR_SPREAD");
    place_close();
}

/* ---- a worker of one's own ---------------------------------------------------------- */

static void nobody_else_comes(void **state) {
    (void)state;
    place_open(3);
    weir_ref own = place_producer(WEIR_OWN_WORKER);
    assert_int_equal(place_where(own), 0);
    assert_int_not_equal(place_where(place_consumer(WEIR_ANY_WORKER, own)),
                         0); /* though it is its first */
    assert_int_not_equal(place_where(place_consumer(WEIR_ANY_WORKER, own)), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_not_equal(place_where(place_producer(WEIR_ANY_WORKER)), 0);
        assert_int_not_equal(place_where(place_producer(WEIR_SPREAD)), 0);
        assert_int_not_equal(place_where(place_start(place_stage_of(WEIR_CONSUMER))), 0);
    }
    assert_int_equal(place_where(place_producer(WEIR_WORKER(0))), 0); /* but who is told to */
    assert_int_equal(place_where(place_consumer(WEIR_WITH_PRODUCER, own)), 0);
    place_close();
}

static void one_is_left_to_the_others(void **state) {
    (void)state;
    place_open(3);
    weir_ref first = place_producer(WEIR_OWN_WORKER);
    weir_ref second = place_producer(WEIR_OWN_WORKER);
    assert_int_equal(place_where(first) + place_where(second), 1);
    place_expect_log("");
    assert_int_equal(place_where(place_producer(WEIR_OWN_WORKER)), 2);
    place_expect_log("stage producer has no worker of its own: of 3 one is left to the others\n");
    place_end(first);
    assert_int_equal(place_where(place_producer(WEIR_OWN_WORKER)), place_where(first));
    place_close();
    place_open(1);
    place_producer(WEIR_OWN_WORKER);
    place_expect_log("stage producer has no worker of its own: of 1 one is left to the others\n");
    place_close();
}

static void it_gets_the_one_with_the_fewest_stages(void **state) {
    (void)state;
    place_open(3);
    weir_ref from = place_producer(WEIR_WORKER(0));
    for (unsigned i = 0; i < 3; i++) {
        place_consumer(WEIR_WORKER(0), from);
        place_consumer(WEIR_WORKER(i > 0 ? 2 : 1), from);
    }
    assert_int_equal(place_where(place_producer(WEIR_OWN_WORKER)), 1);
    place_expect_log("stage producer shares worker 1 with 1 that were there before\n");
    place_close();
}

/* ---- all at once ----------------------------------------------------------------------- */

enum { WORKERS = 5, CLAIMERS = 8, ROUNDS = 200 };

static void *claim(void *argument) {
    weir_runtime *runtime = argument;
    for (int i = 0; i < ROUNDS; i++) {
        weir_stage_options options = place_stage_of(WEIR_PRODUCER);
        weir_ref stage;
        options.worker = WEIR_OWN_WORKER;
        if (weir_stage_start(runtime, &options, &stage) != WEIR_OK) abort();
        weir_stop(runtime, stage, WEIR_REASON_NORMAL);
        weir_wait(runtime, stage, WEIR_FOREVER, NULL);
    }
    return NULL;
}

static void ignore(void *context, weir_log_level level, const char *text) {
    (void)context;
    (void)level;
    (void)text;
}

static void all_want_their_own(void **state) {
    (void)state;
    weir_runtime *runtime;
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = WORKERS, .log = ignore}, &runtime),
        WEIR_OK);
    pthread_t threads[CLAIMERS];
    for (int i = 0; i < CLAIMERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, claim, runtime), 0);
    }
    for (int i = 0; i < CLAIMERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(weir_runtime_settle(runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(runtime->owned, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(runtime->workers[i].residents, 0);
        assert_int_equal(runtime->workers[i].sources, 0);
        assert_int_equal(runtime->workers[i].owned, 0);
    }
    weir_runtime_close(runtime, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_producer_whoever_is_there),
        cmocka_unit_test(a_spread_stage_knows_no_producer),
        cmocka_unit_test(many_are_spread_evenly),
        cmocka_unit_test(a_runtime_may_spread_all),
        cmocka_unit_test(says_what_may_be),
        cmocka_unit_test(nobody_else_comes),
        cmocka_unit_test(one_is_left_to_the_others),
        cmocka_unit_test(it_gets_the_one_with_the_fewest_stages),
        cmocka_unit_test(all_want_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
