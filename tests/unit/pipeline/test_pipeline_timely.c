/*
 * A pipeline's batchers keep their time beside long callbacks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: with WEIR_TIMELY_WORKER a batch is with who handles it within 1 ms of its time, while
 * all workers are amid callbacks of 200 ms; without, it is late by those; quick ones are gathered
 * there, and handled elsewhere.
 * Method: a simulated runtime, in which the callbacks of a neighbour take virtual time; and where
 * the pipeline's stages live.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include "runtime/runtime.h"

static struct pipeline_scene scene;

#define MS UINT64_C(1000000)

enum { TIMEOUT_MS = 20, CALLBACK_MS = 200 };

/* ---- time ---------------------------------------------------------------- */

static uint64_t began_ns; /* the messages', of which there are a few at once */
static uint64_t batch_ns; /* when they were handled */

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_verdict take_long(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    weir__runtime_takes(self, CALLBACK_MS * MS);
    return WEIR_CONTINUE;
}

/* On all workers, a callback that begins now. */
static void keep_busy(void) {
    for (unsigned i = 0; i < weir_runtime_workers(scene.rig.runtime); i++) {
        const weir_stage_options options = {
            .kind = WEIR_CONSUMER,
            .event_bytes = 8,
            .worker = WEIR_WORKER(i),
            .on = {.handle_events = take_none, .handle_cast = take_long}};
        weir_ref stage;
        assert_int_equal(weir_stage_start(scene.rig.runtime, &options, &stage), WEIR_OK);
        assert_int_equal(weir_cast(scene.rig.runtime, stage, NULL, 0), WEIR_OK);
    }
    assert_int_equal(weir_runtime_settle(scene.rig.runtime, WEIR_FOREVER), WEIR_OK);
}

static weir_outcome note_time(void *context, weir_message *messages, size_t count,
                              const weir_batch_info *batch) {
    (void)messages, (void)count, (void)batch;
    const struct pipeline_scene *in = context;
    batch_ns = weir_runtime_now(in->rig.runtime);
    return WEIR_MESSAGE_OK;
}

static weir_outcome note_begin(void *context, weir_work *work, weir_message *message) {
    (void)work, (void)message;
    const struct pipeline_scene *in = context;
    began_ns = weir_runtime_now(in->rig.runtime);
    return WEIR_MESSAGE_OK;
}

/* In tenths of a millisecond, from handle_message to handle_batch. */
static uint64_t waits(unsigned worker, uint64_t seed) {
    pipeline_scene_of(
        &scene, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = seed}, 3);
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 100);
    batcher->timeout_ns = TIMEOUT_MS * MS;
    batcher->worker = worker;
    batcher->handle_batch = note_time;
    scene.options.processors.handle_message = note_begin;
    batch_ns = 0;
    pipeline_scene_open(&scene);
    pipeline_scene_run(&scene, 1 * MS);
    keep_busy();
    assert_int_equal(weir_runtime_advance(scene.rig.runtime, 2 * CALLBACK_MS * MS), WEIR_OK);
    const uint64_t waited = batch_ns - began_ns;
    assert_true(batch_ns > 0);
    pipeline_scene_end(&scene);
    return waited / (MS / 10);
}

static void a_batch_is_handled_in_time(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        assert_in_range(waits(WEIR_TIMELY_WORKER, seed), 10 * TIMEOUT_MS, 10 * (TIMEOUT_MS + 1));
        assert_true(waits(WEIR_ANY_WORKER, seed) >= 10 * CALLBACK_MS);
    }
}

/* ---- places -------------------------------------------------------------- */

/* Where the first stage with that role lives. */
static unsigned worker_of(weir_role role) {
    weir_pipeline_stage stages[16];
    const size_t count = weir_pipeline_topology(scene.pipeline, stages, 16);
    size_t at = 0;
    while (at < count && stages[at].role != role) at++;
    assert_true(at < count);
    return weir__runtime_worker(scene.rig.runtime, stages[at].stage)->index;
}

static void stages_are_where_they_are_said_to_be(void **state) {
    (void)state;
    static const struct {
        unsigned worker;
        bool quick;
        unsigned gatherer[2]; /* from, to */
        unsigned crew[2];
    } cases[] = {
        {WEIR_TIMELY_WORKER, false, {2, 2}, {2, 2}}, {WEIR_TIMELY_WORKER, true, {2, 2}, {0, 1}},
        {WEIR_WORKER(1), false, {1, 1}, {1, 1}},     {WEIR_WORKER(1), true, {1, 1}, {1, 1}},
        {WEIR_OWN_WORKER, false, {0, 1}, {0, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pipeline_scene_of(&scene, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2}, 1);
        weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 100);
        batcher->worker = cases[i].worker;
        batcher->quick = cases[i].quick;
        pipeline_scene_open(&scene);
        const unsigned gatherer = worker_of(WEIR_ROLE_BATCHER);
        const unsigned crew = worker_of(WEIR_ROLE_BATCHES);
        assert_in_range(gatherer, cases[i].gatherer[0], cases[i].gatherer[1]);
        assert_in_range(crew, cases[i].crew[0], cases[i].crew[1]);
        if (cases[i].worker == WEIR_OWN_WORKER) assert_int_not_equal(gatherer, crew);
        scene.rig.log.used = 0; /* who shares with whom */
        pipeline_scene_end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_handled_in_time),
        cmocka_unit_test(stages_are_where_they_are_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
