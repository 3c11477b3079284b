/*
 * Pipelines: stages that stop, what observers hear, the end of sources.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what can be started again is, and goes on; if something else stops, the pipeline ends, and
 * nothing is lost either way; observers hear of all that was handled; who waits for the end of the
 * sources has all settled.
 * Method: a scene in which one stage is stopped, by its place in the list.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <string.h>

static struct pipeline_scene scene;

#define MS         UINT64_C(1000000)
#define BROKEN_LOG "error: source p.source.0: its driver is broken: the pipeline ends\n"
#define LATE_LOG \
    "warning: pipeline p: what was under way was not through in time, and is given back\n"
#define EACH_WORLD(count) for (int world = 0; pipeline_scene_world(&scene, world, (count)); world++)

/* Stops the first stage with that role. */
static void stop_one(weir_role role) {
    weir_pipeline_stage stages[32];
    const size_t count = weir_pipeline_topology(scene.pipeline, stages, 32);
    size_t at = 0;
    while (at < count && stages[at].role != role) at++;
    assert_true(at < count);
    assert_int_equal(weir_stop(scene.rig.runtime, stages[at].stage, WEIR_REASON_USER), WEIR_OK);
    pipeline_scene_run(&scene, 0);
}

static void set_scene(void) {
    scene.options.processors.count = 2;
    pipeline_scene_batcher(&scene, "store", 4)->quick = true;
    pipeline_scene_batcher(&scene, "dead", 4)->quick = true;
    scene.options.dead = "dead";
    scene.quiet = true;
    pipeline_scene_open(&scene);
    pipeline_scene_run(&scene, 0);
}

static void bring_more(uint64_t count) {
    scene.sources[0].end += count;
    pipeline_scene_run(&scene, 100 * MS);
}

static void some_are_started_again(void **state) {
    (void)state;
    static const weir_role roles[] = {WEIR_ROLE_PROCESSOR, WEIR_ROLE_BATCHER, WEIR_ROLE_BATCHES};
    for (size_t i = 0; i < 3; i++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 10); world++) {
            set_scene();
            stop_one(roles[i]);
            assert_true(weir_pipeline_running(scene.pipeline));
            bring_more(10);
            pipeline_scene_end(&scene);
            assert_int_equal(scene.stats.restarts, 1);
            assert_int_equal(scene.stats.pulled, 20);
            pipeline_scene_expect(&scene, "oooooooo");
            for (size_t k = 10; k < 20; k++) assert_int_equal(scene.outcomes[k], WEIR_MESSAGE_OK);
        }
    }
}

static void others_end_the_pipeline(void **state) {
    (void)state;
    static const weir_role roles[] = {WEIR_ROLE_SOURCE, WEIR_ROLE_PUSH, WEIR_ROLE_DEAD};
    for (size_t i = 0; i < 3; i++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 10); world++) {
            scene.options.max_restarts = WEIR_INFINITY;
            set_scene();
            stop_one(roles[i]);
            pipeline_scene_run(&scene, 100 * MS);
            weir_pipeline_stage stages[32];
            const size_t count = weir_pipeline_topology(scene.pipeline, stages, 32);
            for (size_t k = 0; k < count; k++) assert_false(stages[k].alive);
            assert_non_null(strstr(scene.rig.log.text, "cannot be started again"));
            assert_null(strstr(scene.rig.log.text, "could not start"));
            assert_int_equal(weir_pipeline_push(scene.pipeline, &(weir_message){0}, 1),
                             WEIR_NO_STAGE);
            pipeline_scene_close(&scene);
            pipeline_scene_expect(&scene, "oooooooonn"); /* two were in an open batch */
        }
    }
}

static struct {
    size_t messages[2]; /* of processors, in batches */
    size_t failed[2];
    unsigned calls[2];
} heard;

static void hear(void *context, const weir_telemetry *told) {
    const size_t which = told->role == WEIR_ROLE_BATCHES;
    (void)context;
    RIG_CHECK(&scene.rig, (told->batch != NULL) == which);
    RIG_CHECK(&scene.rig, strcmp(told->pipeline, "p") == 0);
    RIG_CHECK(&scene.rig, told->count > 0 && told->failed <= told->count);
    heard.calls[which]++;
    heard.messages[which] += told->count;
    heard.failed[which] += told->failed;
}

static void observers_hear_of_all(void **state) {
    (void)state;
    EACH_WORLD(100) {
        memset(&heard, 0, sizeof heard);
        scene.options.observe = hear;
        for (size_t i = 0; i < 100; i += 10) scene.does[i] = "f";
        for (size_t i = 1; i < 100; i += 10) scene.batch_does[i] = "n";
        pipeline_scene_batcher(&scene, "store", 9);
        scene.quiet = true;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        assert_int_equal(heard.messages[0], 100);
        assert_int_equal(heard.failed[0], 10);
        assert_int_equal(heard.messages[1], 90);
        assert_int_equal(heard.failed[1], 10);
        assert_int_equal(heard.calls[1], 10);
    }
}

static void an_end_is_waited_for(void **state) {
    (void)state;
    EACH_WORLD(30) {
        pipeline_scene_batcher(&scene, "store", 10);
        scene.quiet = true;
        scene.options.source_count = 2;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        assert_int_equal(weir_pipeline_await(scene.pipeline, MS), WEIR_TIMEOUT);
        scene.sources[0].ends = true;
        scene.sources[1].ends = true;
        assert_int_equal(weir_pipeline_await(scene.pipeline, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(scene.settled[29], 1);
        pipeline_scene_close(&scene);
        assert_int_equal(scene.stats.done, 60);
    }
}

static weir_pulled pull_broken(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                               uint64_t timeout_ns) {
    (void)context, (void)pull, (void)events, (void)bytes, (void)timeout_ns;
    return WEIR_BROKEN;
}

static void an_end_that_is_none_is_said(void **state) {
    (void)state;
    EACH_WORLD(30) {
        scene.driver.pull = pull_broken;
        pipeline_scene_open(&scene);
        assert_int_equal(weir_pipeline_await(scene.pipeline, WEIR_FOREVER), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(), "the driver of p.source.0 is broken");
        rig_expect_log(&scene.rig, BROKEN_LOG);
        weir_pipeline_stats stats;
        assert_int_equal(weir_pipeline_read_stats(scene.pipeline, &stats), WEIR_OK);
        assert_int_equal(stats.broken, 1);
        pipeline_scene_close(&scene);
        assert_int_equal(scene.stats.broken, 1);
    }
}

static void expect_nobody_lives(void) {
    weir_pipeline_stage stages[32];
    const size_t count = weir_pipeline_topology(scene.pipeline, stages, 32);
    for (size_t i = 0; i < count; i++) assert_false(stages[i].alive);
}

/* The first of two sources breaks behind its fortieth message, while the batch is open. */
static void set_breaking(weir_pipeline_batcher *batcher) {
    batcher->timeout_ns = 50 * MS;
    scene.quiet = true;
    scene.sources[0].breaks = 40;
    scene.options.processors.count = 2;
    scene.options.processors.max_demand = 10;
    scene.options.source_count = 2;
}

static void a_broken_source_has_the_pipeline_drained(void **state) {
    (void)state;
    EACH_WORLD(40) {
        weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 100);
        set_breaking(batcher);
        scene.does[7] = "f"; /* it waits for an hour, and is given back instead */
        scene.batch_does[9] = "f";
        scene.options.retry.tries = batcher->retry.tries = 2;
        scene.options.retry.delay.first_ns = batcher->retry.delay.first_ns = 3600000 * MS;
        pipeline_scene_open(&scene);
        assert_int_equal(weir_pipeline_await(scene.pipeline, WEIR_FOREVER), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(), "the driver of p.source.0 is broken");
        assert_false(weir_pipeline_running(scene.pipeline));
        assert_int_equal(weir_runtime_settle(scene.rig.runtime, WEIR_FOREVER), WEIR_OK);
        expect_nobody_lives();
        rig_expect_log(&scene.rig, BROKEN_LOG);
        pipeline_scene_close(&scene);
        pipeline_scene_expect(&scene, "ooooooononoooooooooooooooooooooooooooooo");
        assert_int_equal(scene.stats.pulled, 40 + scene.sources[1].next - PIPELINE_SCENE_EACH);
        assert_int_equal(scene.stats.done, scene.stats.pulled - 2);
        assert_int_equal(scene.stats.given_back, 2);
    }
}

static void a_broken_source_waits_until_its_deadline(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 40); world++) {
        weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 100);
        set_breaking(batcher);
        batcher->handle_batch = NULL;
        batcher->sink = &scene.sink;
        scene.sink_lost = 1000000; /* for ever */
        scene.options.shutdown_ns = 300 * MS;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_run(&scene, 200 * MS);
        assert_int_equal(scene.settled[0], 0);
        pipeline_scene_run(&scene, 200 * MS);
        assert_int_equal(weir_pipeline_await(scene.pipeline, 0), WEIR_NO_STAGE);
        expect_nobody_lives();
        assert_non_null(strstr(scene.rig.log.text, LATE_LOG));
        scene.rig.log.used = 0;
        pipeline_scene_close(&scene);
        assert_int_equal(scene.stats.naks, scene.stats.pulled);
    }
}

static void with_threads_it_is_the_same(void **state) {
    (void)state;
    const weir_runtime_options threads = {.mode = WEIR_THREADS, .workers = 2, .unpinned = true};
    pipeline_scene_of(&scene, &threads, 40);
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 100);
    set_breaking(batcher);
    batcher->timeout_ns = WEIR_FOREVER;
    scene.batch_does[9] = "f";
    batcher->retry.tries = 2;
    batcher->retry.delay.first_ns = 3600000 * MS;
    pipeline_scene_open(&scene);
    assert_int_equal(weir_pipeline_await(scene.pipeline, WEIR_FOREVER), WEIR_NO_STAGE);
    expect_nobody_lives();
    rig_expect_log(&scene.rig, BROKEN_LOG);
    pipeline_scene_close(&scene);
    assert_int_equal(scene.stats.done, scene.stats.pulled - 1);
    assert_int_equal(scene.outcomes[9], WEIR_MESSAGE_NAK);
}

static void an_end_for_others_is_said(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 10); world++) {
        set_scene();
        stop_one(WEIR_ROLE_PUSH);
        pipeline_scene_run(&scene, 100 * MS);
        assert_int_equal(weir_pipeline_await(scene.pipeline, WEIR_FOREVER), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(),
                            "pipeline p has ended: a stage of its had stopped for good");
        pipeline_scene_close(&scene);
        assert_int_equal(scene.stats.broken, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_are_started_again),
        cmocka_unit_test(others_end_the_pipeline),
        cmocka_unit_test(observers_hear_of_all),
        cmocka_unit_test(an_end_is_waited_for),
        cmocka_unit_test(an_end_that_is_none_is_said),
        cmocka_unit_test(an_end_for_others_is_said),
        cmocka_unit_test(a_broken_source_has_the_pipeline_drained),
        cmocka_unit_test(a_broken_source_waits_until_its_deadline),
        cmocka_unit_test(with_threads_it_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
