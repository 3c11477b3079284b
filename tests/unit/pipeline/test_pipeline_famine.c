/*
 * Pipelines without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an opening for which there is not enough memory is refused and leaves nothing behind; a
 * pipeline that runs short while it works comes to rest, and settles each message all the same.
 * Method: each allocation fails in turn, alone or with all later ones for some turns.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

enum { TURNS = 20000 };

static struct pipeline_scene scene;

#define MS UINT64_C(1000000)

static void set_scene(bool blocking) {
    pipeline_scene_of(&scene,
                      &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = 7}, 40);
    scene.quiet = true;
    scene.options.processors.count = 2;
    scene.options.processors.blocking = blocking;
    scene.options.retry = (weir_tries){.tries = 2, .delay = {.first_ns = MS}};
    pipeline_scene_batcher(&scene, "store", 4)->count = 2;
    pipeline_scene_batcher(&scene, "dead", 4);
    scene.options.dead = "dead";
    for (size_t i = 0; i < 40; i += 3) scene.does[i] = i % 2 == 0 ? "fo" : "d";
    for (size_t i = 1; i < 40; i += 4) scene.batch_does[i] = "fo";
    for (size_t i = 2; i < 40; i += 5) scene.does[i] = "+";
    for (size_t i = 4; i < 40; i += 5) scene.does[i] = "w";
}

static void close_what_was_refused(void) {
    weir_accounts accounts;
    rig_rest(&scene.rig);
    assert_int_equal(weir_runtime_close(scene.rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&scene.rig, &accounts);
}

static void an_opening_is_refused(void **state) {
    (void)state;
    weir_status status = WEIR_NO_MEMORY;
    for (uint64_t call = 1; status != WEIR_OK; call++) {
        set_scene(false);
        test_memory_fail(&scene.rig.memory, call, false);
        status = pipeline_scene_try_open(&scene);
        const bool failed = scene.rig.memory.fail_at <= scene.rig.memory.calls;
        test_memory_fail_never(&scene.rig.memory);
        scene.rig.log.used = 0;
        if (status == WEIR_OK) {
            pipeline_scene_run(&scene, 0);
            scene.rig.log.used = 0;
            pipeline_scene_close(&scene);
            if (failed) status = WEIR_NO_MEMORY; /* it was one that nobody needed: go on */
        } else {
            assert_int_equal(status, WEIR_NO_MEMORY);
            close_what_was_refused();
        }
        assert_true(call < 2000);
    }
}

/* Returns how many allocations there were. */
static uint64_t run_short(bool blocking, uint64_t call, bool and_later) {
    set_scene(blocking);
    pipeline_scene_open(&scene);
    const uint64_t before = scene.rig.memory.calls;
    if (call > 0) test_memory_fail(&scene.rig.memory, call, and_later);
    assert_true(weir_runtime_step(scene.rig.runtime, TURNS) < TURNS); /* it comes to rest */
    const uint64_t calls = scene.rig.memory.calls - before;
    test_memory_fail_never(&scene.rig.memory);
    pipeline_scene_run(&scene, 20 * MS);
    scene.rig.log.used = 0;
    pipeline_scene_close(&scene);
    return calls;
}

static void all_is_settled_without_memory(void **state) {
    (void)state;
    for (int blocking = 0; blocking < 2; blocking++) {
        const uint64_t calls = run_short(blocking, 0, false);
        for (uint64_t call = 1; call <= calls; call++) {
            run_short(blocking, call, false);
            run_short(blocking, call, true);
        }
    }
}

static weir_verdict emit_nothing(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

/* Rather than wait for a producer of the program's that it could not leave. */
static void a_drain_is_refused(void **state) {
    (void)state;
    weir_ref producer;
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .type = weir_message_type(),
                                        .event_bytes = sizeof(weir_message),
                                        .on = {.handle_demand = emit_nothing}};
    set_scene(false);
    assert_int_equal(weir_stage_start(scene.rig.runtime, &options, &producer), WEIR_OK);
    scene.options.producers = &producer;
    scene.options.producer_count = 1;
    pipeline_scene_open(&scene);
    pipeline_scene_run(&scene, 20 * MS);
    test_memory_fail(&scene.rig.memory, 1, false);
    assert_int_equal(weir_pipeline_drain(scene.pipeline, 1000 * MS), WEIR_NO_MEMORY);
    test_memory_fail_never(&scene.rig.memory);
    pipeline_scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_opening_is_refused),
        cmocka_unit_test(all_is_settled_without_memory),
        cmocka_unit_test(a_drain_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
