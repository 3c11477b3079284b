/*
 * Pipelines: outcomes, batches, dead letters, retries, in every world.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each message goes where its callbacks say, and is settled once, as that says.
 * Method: a scene whose source brings numbers, and whose callbacks do what a letter says.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <string.h>

static struct pipeline_scene scene;

#define MS                UINT64_C(1000000)
#define EACH_WORLD(count) for (int world = 0; pipeline_scene_world(&scene, world, (count)); world++)

/* ---- without batchers ------------------------------------------------------------ */

static void settled_after_handle_message(void **state) {
    (void)state;
    EACH_WORLD(7) {
        const char *does[] = {"o", "s", "f", "r", "d", "n", "b"};
        for (size_t i = 0; i < 7; i++) scene.does[i] = does[i];
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "osfndnf");
        assert_int_equal(scene.stats.begun, 7);
        assert_int_equal(scene.stats.done, 2);
        assert_int_equal(scene.stats.dead, 1);
        assert_int_equal(scene.stats.failed, 2);
        assert_int_equal(scene.stats.given_back, 2);
    }
}

static void many_processors_and_sources(void **state) {
    (void)state;
    EACH_WORLD(500) {
        scene.options.source_count = 3;
        scene.options.processors.count = 4;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.begun, 1500);
        assert_int_equal(scene.stats.done, 1500);
    }
}

/* ---- batches --------------------------------------------------------------------- */

static void batches_by_size(void **state) {
    (void)state;
    EACH_WORLD(7) {
        pipeline_scene_batcher(&scene, "store", 3);
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        rig_expect(&scene.rig, "store: 0 1 2\nstore: 3 4 5\n");
        pipeline_scene_end(&scene);
        rig_expect(&scene.rig, "store: 6\n");
        pipeline_scene_expect(&scene, "ooooooo");
        assert_int_equal(scene.stats.batches, 3);
        assert_int_equal(scene.stats.batched, 7);
    }
}

static void mixed_outcomes_go_their_ways(void **state) {
    (void)state;
    EACH_WORLD(9) {
        pipeline_scene_batcher(&scene, "a", 2);
        pipeline_scene_batcher(&scene, "b", 2);
        const char *does[] = {"o", "1o", "s", "o", "f", "1o", "n", "9o", "d"};
        for (size_t i = 0; i < 9; i++) scene.does[i] = does[i];
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "oosofonfd");
        assert_int_equal(scene.batched[0] + scene.batched[1] + scene.batched[3] + scene.batched[5],
                         4);
        assert_int_equal(scene.stats.batched, 4);
    }
}

static void outcomes_of_batches(void **state) {
    (void)state;
    EACH_WORLD(7) {
        pipeline_scene_batcher(&scene, "store", 7);
        const char *does[] = {"o", "s", "f", "r", "d", "n", "b"};
        for (size_t i = 0; i < 7; i++) scene.batch_does[i] = does[i];
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "osfndnf");
    }
}

/* ---- dead letters ------------------------------------------------------------------ */

static void dead_letters_are_acknowledged_once_stored(void **state) {
    (void)state;
    EACH_WORLD(6) {
        pipeline_scene_batcher(&scene, "store", 2);
        pipeline_scene_batcher(&scene, "dead", 1);
        scene.options.dead = "dead";
        scene.does[0] = "d";       /* at once */
        scene.does[1] = "f";       /* there are no tries */
        scene.batch_does[2] = "f"; /* in its batch, then stored */
        scene.batch_does[2] = "fo";
        scene.does[3] = "d";
        scene.batch_does[3] = "f"; /* not even as a dead letter */
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 2000 * MS * (world >= 2));
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "dddnoo");
        assert_int_equal(scene.stats.dead, 3);
        assert_int_equal(scene.stats.given_back, 1);
        assert_int_equal(scene.batched[2], 2);
    }
}

/* ---- retries ------------------------------------------------------------------------ */

static void messages_are_tried_again(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 4); world++) {
        pipeline_scene_batcher(&scene, "store", 100);
        scene.options.retry = (weir_tries){.tries = 3, .delay = {.first_ns = 10 * MS}};
        scene.does[0] = "ffo";
        scene.does[1] = "f";
        scene.does[2] = "rrs";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        assert_int_equal(scene.handled[0], 1);
        pipeline_scene_run(&scene, 10 * MS);
        assert_int_equal(scene.handled[0], 2);
        pipeline_scene_run(&scene, 19 * MS);
        assert_int_equal(scene.handled[0], 2);
        pipeline_scene_run(&scene, 1 * MS);
        assert_int_equal(scene.handled[0], 3);
        assert_int_equal(scene.handled[1], 3);
        pipeline_scene_end(&scene);
        rig_expect(&scene.rig, "store: 3 0\n");
        pipeline_scene_expect(&scene, "ofso");
        assert_int_equal(scene.stats.retried, 6);
    }
}

static void batches_are_tried_again(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 4); world++) {
        pipeline_scene_batcher(&scene, "store", 4)->retry =
            (weir_tries){.tries = 3, .delay = {.first_ns = 10 * MS}};
        scene.batch_does[0] = "ffo";
        scene.batch_does[2] = "f";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        rig_expect(&scene.rig, "store: 0 1 2 3\n");
        pipeline_scene_expect(&scene, " o o"); /* those that went well do not wait */
        pipeline_scene_run(&scene, 30 * MS);
        rig_expect(&scene.rig, "store: 0 2 #2\nstore: 0 2 #3\n");
        pipeline_scene_expect(&scene, "oofo");
        pipeline_scene_end(&scene);
    }
}

static void a_drain_gives_retries_back(void **state) {
    (void)state;
    EACH_WORLD(3) {
        pipeline_scene_batcher(&scene, "store", 1);
        scene.options.retry = (weir_tries){.tries = 3, .delay = {.first_ns = 10000 * MS}};
        scene.does[0] = "f";
        scene.batch_does[1] = "f";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_expect(&scene, "  o");
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "nno");
        assert_int_equal(scene.handled[0], 1);
        assert_int_equal(scene.batched[1], 1);
        assert_int_equal(scene.stats.given_back, 2);
    }
}

static void retries_in_order(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 6); world++) {
        pipeline_scene_batcher(&scene, "store", 6);
        scene.options.retry =
            (weir_tries){.tries = 3, .delay = {.first_ns = 10 * MS}, .in_order = true};
        scene.does[1] = "ffo";
        scene.does[4] = "fo";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 100 * MS);
        rig_expect(&scene.rig, "store: 0 1 2 3 4 5\n");
        pipeline_scene_end(&scene);
    }
}

/* A drain waits for none that is tried again, and so for nothing that waits behind it. */
static void retries_in_order_and_what_is_behind(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 6); world++) {
        scene.options.processors.count = 1;
        scene.options.retry =
            (weir_tries){.tries = 3, .delay = {.first_ns = 10000 * MS}, .in_order = true};
        scene.does[2] = "fo";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "oonnnn");
    }
}

/* What waits behind one that is tried again is counted when it is done, and not before. */
static void retries_in_order_count_once(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 60); world++) {
        scene.options.retry =
            (weir_tries){.tries = 3, .delay = {.first_ns = 10 * MS}, .in_order = true};
        scene.options.processors.max_demand = 10;
        scene.does[1] = "fo";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 100 * MS);
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.done, 60);
        assert_int_equal(scene.stats.begun, 60);
        assert_int_equal(scene.stats.given_back, 0);
    }
}

/* ---- what one becomes, and at once ------------------------------------------------- */

static void one_becomes_two(void **state) {
    (void)state;
    EACH_WORLD(3) {
        pipeline_scene_batcher(&scene, "store", 10);
        scene.does[1] = "+";
        scene.does[2] = "a";
        scene.batch_does[2] = "f"; /* which nobody hears of */
        scene.batch_does[1] = "of";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "ofo");
        assert_int_equal(scene.batched[1], 2);
    }
}

/* ---- sinks --------------------------------------------------------------------------- */

static void a_sink_is_opened_again(void **state) {
    (void)state;
    for (uint32_t losses = 1; losses <= 3; losses++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 4); world++) {
            weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 2);
            batcher->handle_batch = NULL;
            batcher->sink = &scene.sink;
            batcher->retry.delay.first_ns = 10 * MS;
            scene.sink_lost = losses;
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 0);
            rig_expect(&scene.rig, "");
            pipeline_scene_run(&scene, 1000 * MS);
            rig_expect(&scene.rig, "store: 0 1\nstore: 2 3\n");
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "oooo");
            assert_int_equal(scene.sink_opened, losses + 1);
            assert_int_equal(scene.stats.reopened, losses);
        }
    }
}

static void set_sink(size_t size) {
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", size);
    batcher->handle_batch = NULL;
    batcher->sink = &scene.sink;
    batcher->retry.delay.first_ns = 10 * MS;
}

static void a_batch_that_was_lost_is_another_attempt(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 2); world++) {
        set_sink(2);
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        rig_expect(&scene.rig, "store: 0 1\n");
        scene.sink_lost = 2; /* one write, and the next open: with that nothing is stored */
        scene.sources[0].end += 2;
        pipeline_scene_run(&scene, 1000 * MS);
        rig_expect(&scene.rig, "store: 2 3 #2\n");
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "oooo");
    }
}

static size_t times(const char *text, const char *word) {
    size_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++) count++;
    return count;
}

static weir_pulled open_broken(void *context) {
    struct pipeline_scene *of = context;
    of->sink_opened++;
    return WEIR_BROKEN;
}

static void a_broken_sink_is_logged_once(void **state) {
    (void)state;
    EACH_WORLD(6) {
        set_sink(2);
        scene.sink.open = open_broken;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "ffffff");
        assert_int_equal(times(scene.rig.log.text,
                               "sink scene of batcher store is broken: 2 messages of a batch fail"),
                         1);
    }
}

static void outcomes_that_are_none_are_logged_once(void **state) {
    (void)state;
    EACH_WORLD(6) {
        pipeline_scene_batcher(&scene, "store", 2);
        scene.batch_does[0] = scene.batch_does[3] = "b";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "foofoo");
        assert_int_equal(times(scene.rig.log.text, "were given outcome 77, which is none"), 1);
    }
}

/* ---- close without a drain ------------------------------------------------------------ */

static void a_close_gives_back_what_is_left(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 4); world++) {
        weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 2);
        batcher->handle_batch = NULL;
        batcher->sink = &scene.sink;
        scene.sink_lost = UINT32_MAX; /* for good */
        scene.options.shutdown_ns = 1000 * MS;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_close(&scene);
        pipeline_scene_expect(&scene, "nnnn");
    }
}

/* ---- the program's own ------------------------------------------------------------------ */

static void tests_of_a_pipeline(void **state) {
    (void)state;
    EACH_WORLD(0) {
        pipeline_scene_batcher(&scene, "store", 100);
        scene.options.retry = (weir_tries){.tries = 2, .delay = {.first_ns = MS}};
        scene.does[1] = "f";
        scene.does[2] = "s";
        scene.does[3] = "d";
        scene.batch_does[4] = "n";
        pipeline_scene_open(&scene);
        weir_message messages[5] = {0};
        uint64_t numbers[5];
        weir_outcome outcomes[5];
        for (size_t i = 0; i < 5; i++) {
            numbers[i] = i;
            messages[i].data = (weir_bytes){.at = (const char *)&numbers[i], .count = 8};
        }
        assert_int_equal(
            weir_pipeline_test(scene.pipeline, messages, 5, WEIR_BATCH_FLUSH, 1000 * MS, outcomes),
            WEIR_OK);
        assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);
        assert_int_equal(outcomes[1], WEIR_MESSAGE_FAILED);
        assert_int_equal(outcomes[2], WEIR_MESSAGE_SKIP);
        assert_int_equal(outcomes[3], WEIR_MESSAGE_DEAD);
        assert_int_equal(outcomes[4], WEIR_MESSAGE_NAK);
        assert_int_equal(weir_pipeline_push(scene.pipeline, messages, 1), WEIR_OK);
        assert_true(weir_pipeline_running(scene.pipeline));
        pipeline_scene_end(&scene);
        assert_int_equal(scene.handled[0], 2);
    }
}

/* By size, and what is left by time, which is virtual; by flush each by itself. */
static void tests_in_bulk(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 0); world++) {
        pipeline_scene_batcher(&scene, "store", 3)->timeout_ns = 5000 * MS;
        scene.does[1] = "s";
        pipeline_scene_open(&scene);
        weir_message messages[6] = {0};
        uint64_t numbers[6];
        weir_outcome outcomes[6];
        for (size_t i = 0; i < 6; i++) {
            numbers[i] = i;
            messages[i].data = (weir_bytes){.at = (const char *)&numbers[i], .count = 8};
        }
        const uint64_t began = weir_runtime_now(scene.rig.runtime);
        assert_int_equal(weir_pipeline_test(scene.pipeline, messages, 6, WEIR_BATCH_BULK,
                                            WEIR_FOREVER, outcomes),
                         WEIR_OK);
        rig_expect(&scene.rig, "store: 0 2 3\nstore: 4 5\n");
        assert_in_range(weir_runtime_now(scene.rig.runtime) - began, 5000 * MS, 5001 * MS);
        assert_int_equal(outcomes[1], WEIR_MESSAGE_SKIP);
        assert_int_equal(outcomes[5], WEIR_MESSAGE_OK);
        assert_int_equal(
            weir_pipeline_test(scene.pipeline, messages, 6, WEIR_BATCH_BULK, 100 * MS, outcomes),
            WEIR_TIMEOUT);
        rig_expect(&scene.rig, "store: 0 2 3\n");
        assert_int_equal(outcomes[5], WEIR_MESSAGE_RETRY);
        assert_int_equal(weir_pipeline_test(scene.pipeline, messages, 2, WEIR_BATCH_FLUSH,
                                            WEIR_FOREVER, outcomes),
                         WEIR_OK);
        rig_expect(&scene.rig, "store: 4 5 0\n"); /* which its size has go */
        assert_int_equal(weir_pipeline_test(scene.pipeline, messages, 4, WEIR_BATCH_FLUSH,
                                            WEIR_FOREVER, outcomes),
                         WEIR_OK);
        rig_expect(&scene.rig, "store: 0\nstore: 2\nstore: 3\n");
        assert_int_equal(
            weir_pipeline_test(scene.pipeline, messages, 1, (weir_batch_mode)2, 0, outcomes),
            WEIR_INVALID);
        assert_string_equal(weir_refusal(),
                            "mode must be WEIR_BATCH_BULK or WEIR_BATCH_FLUSH, got 2");
        pipeline_scene_end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settled_after_handle_message),
        cmocka_unit_test(many_processors_and_sources),
        cmocka_unit_test(batches_by_size),
        cmocka_unit_test(mixed_outcomes_go_their_ways),
        cmocka_unit_test(outcomes_of_batches),
        cmocka_unit_test(dead_letters_are_acknowledged_once_stored),
        cmocka_unit_test(messages_are_tried_again),
        cmocka_unit_test(batches_are_tried_again),
        cmocka_unit_test(a_drain_gives_retries_back),
        cmocka_unit_test(retries_in_order),
        cmocka_unit_test(retries_in_order_and_what_is_behind),
        cmocka_unit_test(retries_in_order_count_once),
        cmocka_unit_test(one_becomes_two),
        cmocka_unit_test(a_sink_is_opened_again),
        cmocka_unit_test(a_batch_that_was_lost_is_another_attempt),
        cmocka_unit_test(a_broken_sink_is_logged_once),
        cmocka_unit_test(outcomes_that_are_none_are_logged_once),
        cmocka_unit_test(a_close_gives_back_what_is_left),
        cmocka_unit_test(tests_of_a_pipeline),
        cmocka_unit_test(tests_in_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
