/*
 * Pipelines: retries that wait for tokens of a rate, which changes, or is closed, meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever waits for its token hears of other terms, at once; who goes on, goes on in order,
 * and no more is begun than the terms of now allow; a rate that is closed lasts as long as
 * somebody waits for it.
 * Method: a rate of a token an hour, of which the first try has taken the only one, in virtual
 * time, for each of the places where a pipeline tries again; then with threads.
 */
#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <sched.h>
#include <string.h>

static struct pipeline_scene scene;

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)
#define HOUR   (3600 * SECOND)

enum place { PROCESSOR, BLOCKING, BATCH, PLACES };

/* A rate of one token each interval, and one at once, for that place. */
static void rate_for(enum place place, uint64_t interval_ns) {
    const weir_rate_options options = {.allowed = 1, .interval_ns = interval_ns, .burst = 1};
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 1);
    assert_int_equal(weir_rate_open(scene.rig.runtime, &options, &scene.rate), WEIR_OK);
    *(place == BATCH ? &batcher->rate : &scene.options.processors.rate) = scene.rate;
    scene.options.processors.blocking = place == BLOCKING;
    scene.options.retry = (weir_tries){.tries = 10, .delay = {.first_ns = 1, .factor = 1}};
    scene.quiet = true;
}

static void fails_first(enum place place, uint64_t number, const char *does) {
    *(place == BATCH ? &scene.batch_does[number] : &scene.does[number]) = does;
}

static uint32_t tries_of(enum place place, uint64_t number) {
    return weir__load_relaxed_u32(place == BATCH ? &scene.batched[number] : &scene.handled[number]);
}

static void set_rate(uint64_t allowed, uint64_t interval_ns) {
    const weir_rate_options terms = {.allowed = allowed, .interval_ns = interval_ns, .burst = 1};
    assert_int_equal(weir_rate_set(scene.rate, &terms), WEIR_OK);
}

static void other_terms_are_heard_of(void **state) {
    (void)state;
    for (enum place place = PROCESSOR; place < PLACES; place++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 1); world++) {
            rate_for(place, HOUR);
            fails_first(place, 0, "fffo");
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, SECOND);
            assert_int_equal(tries_of(place, 0), 1);
            set_rate(1000, SECOND);
            pipeline_scene_run(&scene, 2 * MS);
            assert_in_range(tries_of(place, 0), 2, 3);
            set_rate(1, HOUR);
            pipeline_scene_run(&scene, SECOND);
            assert_in_range(tries_of(place, 0), 2, 3);
            set_rate(1000, SECOND);
            pipeline_scene_run(&scene, 3 * MS);
            assert_int_equal(tries_of(place, 0), 4);
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "o");
        }
    }
}

/* Many wait: they go in order, and not more of them than the new terms allow. */
static void they_go_as_the_terms_allow(void **state) {
    (void)state;
    for (enum place place = PROCESSOR; place < PLACES; place++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 20); world++) {
            uint32_t tried = 0;
            rate_for(place, 10 * MS);
            for (uint64_t i = 0; i < 20; i++) fails_first(place, i, "fo");
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 95 * MS);
            for (uint64_t i = 0; i < 20; i++) tried += tries_of(place, i);
            assert_in_range(tried, 9, 10);
            set_rate(1, MS);
            pipeline_scene_run(&scene, 10 * MS);
            for (uint64_t i = 0; i < 20; i++) tried -= tries_of(place, i);
            assert_in_range(0 - tried, 9, 12);
            pipeline_scene_run(&scene, 100 * MS);
            pipeline_scene_end(&scene);
            assert_int_equal(scene.stats.done, 20);
            assert_int_equal(scene.stats.retried, 20);
        }
    }
}

static void a_rate_is_closed_while_retries_wait(void **state) {
    (void)state;
    for (enum place place = PROCESSOR; place < PLACES; place++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 3); world++) {
            rate_for(place, 10 * MS);
            for (uint64_t i = 0; i < 3; i++) fails_first(place, i, "fo");
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 0);
            weir_rate_close(scene.rate);
            scene.rate = NULL;
            pipeline_scene_run(&scene, 5 * MS);
            assert_int_equal(tries_of(place, 0), 1);
            pipeline_scene_run(&scene, 100 * MS);
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "ooo");
            assert_int_equal(scene.stats.retried, 3);
        }
    }
}

/* In line when the end comes: given back, and no token is waited for. */
static void a_drain_gives_back_who_is_in_line(void **state) {
    (void)state;
    for (enum place place = PROCESSOR; place < PLACES; place++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 1); world++) {
            rate_for(place, HOUR);
            fails_first(place, 0, "fo");
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, SECOND);
            const uint64_t now = weir_runtime_now(scene.rig.runtime);
            assert_int_equal(weir_pipeline_drain(scene.pipeline, WEIR_FOREVER), WEIR_OK);
            assert_true(weir_runtime_now(scene.rig.runtime) < now + SECOND);
            pipeline_scene_close(&scene);
            pipeline_scene_expect(&scene, "n");
        }
    }
}

static void with_threads(void **state) {
    (void)state;
    for (enum place place = PROCESSOR; place < PLACES; place++) {
        const weir_runtime_options options = {.workers = 2, .unpinned = true};
        pipeline_scene_of(&scene, &options, 1);
        rate_for(place, HOUR);
        fails_first(place, 0, "fffo");
        pipeline_scene_open(&scene);
        while (tries_of(place, 0) < 1) sched_yield();
        set_rate(10000, SECOND);
        while (tries_of(place, 0) < 4) sched_yield();
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "o");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_terms_are_heard_of),
        cmocka_unit_test(they_go_as_the_terms_allow),
        cmocka_unit_test(a_rate_is_closed_while_retries_wait),
        cmocka_unit_test(a_drain_gives_back_who_is_in_line),
        cmocka_unit_test(with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
