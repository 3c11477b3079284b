/*
 * What is said of a crew's sink.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a sink that is lost, and one that is open again, is logged, each once; so is one that does
 * not store its messages, which else nobody would hear of: once a minute, however many there are.
 * Method: a scene whose sink does as it is told; the log's text is compared.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#define MS UINT64_C(1000000)
#define S  (1000 * MS)
#define OF "pipeline p: sink scene of batcher store "

static struct pipeline_scene scene;

static void begin(bool quick) {
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 1);
    batcher->handle_batch = NULL;
    batcher->sink = &scene.sink;
    batcher->quick = quick;
    batcher->retry.delay = (weir_backoff){.first_ns = 100 * MS};
    scene.quiet = true;
    pipeline_scene_open(&scene);
    pipeline_scene_run(&scene, 0);
}

static void one_that_is_lost_is_found(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 1); world++) {
        begin(world % 2 == 0);
        scene.sink_lost = 3; /* a write, and two opens */
        scene.sources[0].end += 2;
        pipeline_scene_run(&scene, S);
        rig_expect_log(&scene.rig, "warning: " OF "is lost: it is opened again\n"
                                   "info: " OF "is open again\n");
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "ooo");
    }
}

#define REFUSED    \
    "warning: " OF \
    "has not stored 1 of 1 messages, reason 0; more of this is not said for a minute\n"

static void what_is_not_stored_is_said_once_a_minute(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 6); world++) {
        scene.batch_does[1] = scene.batch_does[3] = scene.batch_does[7] = "f";
        begin(world % 2 == 0);
        rig_expect_log(&scene.rig, REFUSED);
        pipeline_scene_run(&scene, 55 * S);
        scene.sources[0].end = 8;
        pipeline_scene_run(&scene, 2 * S);
        assert_int_equal(scene.batched[7], 1);
        rig_expect_log(&scene.rig, "");
        pipeline_scene_run(&scene, 4 * S);
        scene.batch_does[8] = "d";
        scene.sources[0].end = 10;
        pipeline_scene_run(&scene, 2 * S);
        rig_expect_log(&scene.rig, REFUSED);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "ofofooofdo");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_lost_is_found),
        cmocka_unit_test(what_is_not_stored_is_said_once_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
