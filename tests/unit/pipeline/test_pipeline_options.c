/*
 * Pipelines: what is refused, and with which words; and that nothing is left of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever declares nonsense is told which option it is, its value, and what is allowed.
 * Method: a sound declaration, of which each case spoils one thing.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <string.h>

static struct pipeline_scene scene;

static weir_pulled never_written(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    (void)context, (void)messages, (void)count, (void)batch;
    return WEIR_PULLED;
}

static bool never_full(void *context, const weir_message *next, uint64_t *sum) {
    (void)context, (void)next, (void)sum;
    return false;
}

static void never_prepared(void *context, weir_message *messages, size_t count) {
    (void)context, (void)messages, (void)count;
}

static const weir_ref nobody = {12345};

static const weir_sink sound = {.write = never_written};
static const weir_sink of_a_context = {.needs_context = true, .write = never_written};
static void *const no_contexts[] = {NULL};
static const weir_sink odd_name = {.name = "a\tb", .write = never_written};

static void spoil_more(int which) {
    weir_pipeline_options *options = &scene.options;
    weir_pipeline_batcher *first = &scene.batchers[0];
    switch (which) {
    case 40:
        options->retry = (weir_tries){.tries = 2, .delay = {.jitter = 0.5}};
        break;
    case 41:
        first->retry = (weir_tries){.tries = 2, .delay = {.most_ns = 1000}};
        break;
    case 42:
        options->retry.delay.first_ns = 2000;
        break;
    case 43:
        options->retry.in_order = true;
        break;
    case 44:
        scene.batchers[1].retry.in_order = true;
        break;
    case 45:
        options->processors.min_demand = 256;
        break;
    case 46:
        options->processors.blocking = true, options->processors.count = 3;
        options->processors.min_demand = 3;
        break;
    case 47:
        options->source = NULL, options->source_count = 0;
        break;
    case 50:
        scene.driver.needs_context = true;
        options->source_contexts = NULL;
        break;
    case 51:
        first->handle_batch = NULL, first->sink = &of_a_context;
        break;
    case 52:
        first->handle_batch = NULL, first->sink = &of_a_context;
        first->sink_contexts = no_contexts;
        break;
    default:
        break;
    }
}

static void spoil_others(int which) {
    weir_pipeline_batcher *first = &scene.batchers[0];
    switch (which) {
    case 32:
        scene.options.batcher_count = 0;
        break;
    case 33:
        scene.options.processors.worker = WEIR_WORKER(98);
        break;
    case 34:
        first->handle_batch = NULL, first->sink = &sound, first->count = 3;
        break;
    case 35:
        scene.options.name = "two\nlines";
        break;
    case 36:
        scene.batchers[1].name = "\033[2J";
        break;
    case 38:
        first->handle_batch = NULL, first->sink = &odd_name;
        break;
    case 37:
        scene.driver.lease_ns = 1;
        break;
    case 48:
        scene.options.reopen_ns = 7, scene.options.reopen_most_ns = 6;
        break;
    case 49:
        scene.options.source = NULL, scene.options.source_count = 0;
        scene.options.source_contexts = NULL;
        scene.options.reopen_most_ns = 99999999;
        break;
    case 39:
        scene.batchers[1].worker = WEIR_WORKER(7);
        break;
    default:
        spoil_more(which);
        break;
    }
}

static void spoil_batchers(int which) {
    static const weir_sink no_write = {.name = "none"};
    weir_pipeline_options *options = &scene.options;
    weir_pipeline_batcher *first = &scene.batchers[0];
    switch (which) {
    case 14:
        options->batchers = NULL;
        break;
    case 15:
        options->batcher_count = 257;
        break;
    case 16:
        first->name = NULL;
        break;
    case 17:
        scene.batchers[1].name = "store";
        break;
    case 18:
        first->size = 16777217;
        break;
    case 19:
        first->count = 257;
        break;
    case 20:
        first->keys = 1048577;
        break;
    case 21:
        first->full = never_full;
        break;
    case 22:
        first->handle_batch = NULL;
        break;
    case 23:
        first->sink = &sound;
        break;
    case 24:
        first->handle_batch = NULL, first->sink = &no_write;
        break;
    case 25:
        first->sink_contexts = scene.contexts;
        break;
    case 26:
        first->retry.tries = 1000001;
        break;
    case 27:
        options->dead = "nobody";
        break;
    case 28:
        options->reserved[0] = 1;
        break;
    case 29:
        first->reserved[0] = 1;
        break;
    case 30:
        options->max_restarts = 10001;
        break;
    case 31:
        options->producer_count = 1, options->producers = &nobody;
        break;
    default:
        spoil_others(which);
        break;
    }
}

static void spoil(int which) {
    weir_pipeline_options *options = &scene.options;
    switch (which) {
    case 0:
        options->name = "";
        break;
    case 1:
        options->name = "a name that is longer than it may be";
        break;
    case 2:
        options->source_count = 1025;
        break;
    case 3:
        options->source_count = 0;
        break;
    case 4:
        options->source = NULL;
        break;
    case 5:
        options->source_count = 2, options->source_contexts = NULL;
        break;
    case 6:
        options->producer_count = 1;
        break;
    case 7:
        options->max_outstanding = 4194304;
        break;
    case 8:
        options->retry.tries = 1000001;
        break;
    case 9:
        options->retry.delay = (weir_backoff){.first_ns = 1, .factor = 0.5};
        break;
    case 10:
        options->processors.count = 1025;
        break;
    case 11:
        options->processors.max_demand = 1000000001;
        break;
    case 12:
        options->processors.blocking = true, options->processors.prepare = never_prepared;
        break;
    case 13:
        options->processors.blocking = true, options->retry.in_order = true;
        break;
    default:
        spoil_batchers(which);
        break;
    }
}

static const char *const why[] = {
    "name must have 1..31 characters, got 0 (\"\")",
    "name must have 1..31 characters, got 36 (\"a name that is longer than it may be\")",
    "source_count must be at most 1024, got 1025",
    "source_count must be 1..1024 where there is a source, got 0",
    "source_count must be 0 where there is no source, got 1",
    "source_contexts must be set for 2 sources",
    "producers must be set when producer_count is 1",
    "max_outstanding must be at most 4194303, got 4194304",
    "retry.tries must be at most 1000000, got 1000001",
    "retry.delay.factor must be",
    "processors.count must be at most 1024, got 1025",
    "processors.max_demand must be",
    "processors.prepare must be NULL with blocking: each message is begun by itself",
    "retry.in_order must be false with blocking processors",
    "batchers must be set when batcher_count is 2",
    "batcher_count must be at most 256, got 257",
    "batchers[0].name must not be NULL",
    "batchers[1].name is \"store\", as is batchers[0]'s",
    "batchers[0].size must be at most 16777216, got 16777217",
    "batchers[0].count must be at most 256, got 257",
    "batchers[0].keys must be at most 1048576, got 1048577",
    "batchers[0].size must be 0 beside full, got 10",
    "batchers[0].handle_batch or batchers[0].sink must be set, not neither",
    "batchers[0].handle_batch or batchers[0].sink must be set, not both",
    "batchers[0].sink has no write",
    "batchers[0].sink_contexts must be NULL without a sink",
    "batchers[0].retry.tries must be at most 1000000, got 1000001",
    "dead must be the name of a batcher, got \"nobody\"",
    "weir_pipeline_options",
    "weir_pipeline_batcher",
    "max_restarts must be",
    "producers[0] 0x3039 names no living stage",
    "batcher_count must be 1..256 where there are batchers, got 0",
    "processors.worker must be WEIR_WORKER(n) with n below 1, got 98",
    "batchers[0].sink_contexts must be set for a sink with count 3: one for each",
    "name must have no control characters, got byte 0x0a at 3",
    "batchers[1].name must have no control characters, got byte 0x1b at 0",
    "driver scene: lease_ns is set, so extend must say how a lease is extended",
    "batchers[0].sink->name must have no control characters, got byte 0x09 at 1",
    "batchers[1].worker must be WEIR_WORKER(n) with n below 1, got 7",
    "retry.delay.first_ns must be set where most_ns, factor or jitter is: who leaves it 0 has the ",
    "batchers[0].retry.delay.first_ns must be set where",
    "retry.tries must be 2 or more where delay or in_order is set: by default nothing is tried",
    "retry.tries must be 2 or more where delay or in_order is set",
    "batchers[1].retry.tries must be 2 or more where delay or in_order is set",
    "processors.min_demand must be at most 255, got 256",
    "processors.min_demand must be at most 2, got 3",
    "source_contexts must be NULL where there is no source",
    "reopen_most_ns must be at least reopen_ns, 7, got 6",
    "reopen_most_ns must be at least reopen_ns, 100000000, got 99999999",
    "driver scene: context (of a pipeline, source_contexts) must be the source that the driver is "
    "of, "
    "got NULL",
    "batchers[0].sink_contexts must be the sinks that its table is of, one for each of count, got "
    "NULL",
    "batchers[0].sink_contexts must be the sinks that its table is of, one for each of count, got "
    "NULL "
    "in it",
};

/* Of another runtime: the refusal comes before any of its sources is opened. */
static void rates_are_of_the_same_runtime(void **state) {
    (void)state;
    weir_runtime *other;
    weir_rate *rate;
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1}, &other),
        WEIR_OK);
    assert_int_equal(
        weir_rate_open(other, &(weir_rate_options){.allowed = 1, .interval_ns = 1}, &rate),
        WEIR_OK);
    static const char *const words[] = {"processors.rate must be of this runtime",
                                        "batchers[0].rate must be of this runtime"};
    for (int which = 0; which < 2; which++) {
        weir_accounts accounts;
        pipeline_scene_of(&scene, NULL, 10);
        pipeline_scene_batcher(&scene, "store", 10);
        *(which == 0 ? &scene.options.processors.rate : &scene.batchers[0].rate) = rate;
        assert_int_equal(pipeline_scene_try_open(&scene), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), words[which]));
        assert_int_equal(scene.sources[0].opened, 0);
        assert_int_equal(weir_runtime_close(scene.rig.runtime, &accounts), WEIR_OK);
        rig_expect_nothing_left(&scene.rig, &accounts);
    }
    weir_rate_close(rate);
    assert_int_equal(weir_runtime_close(other, NULL), WEIR_OK);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    for (int which = 0; which < (int)(sizeof why / sizeof *why); which++) {
        pipeline_scene_of(&scene, NULL, 10);
        pipeline_scene_batcher(&scene, "store", 10);
        pipeline_scene_batcher(&scene, "dead", 10);
        scene.options.dead = which == 31 ? NULL : "dead";
        spoil(which);
        scene.pipeline = NULL;
        const weir_status status = pipeline_scene_try_open(&scene);
        if (status >= WEIR_OK) fail_msg("case %d was not refused", which);
        if (strstr(weir_refusal(), why[which]) == NULL) {
            fail_msg("case %d: \"%s\" and not \"%s\"", which, weir_refusal(), why[which]);
        }
        assert_null(scene.pipeline);
        weir_accounts accounts;
        rig_rest(&scene.rig);
        if (weir_runtime_stages(scene.rig.runtime) > 0) fail_msg("case %d left a stage", which);
        assert_int_equal(weir_runtime_close(scene.rig.runtime, &accounts), WEIR_OK);
        rig_expect_nothing_left(&scene.rig, &accounts);
    }
}

/* Where handle_failed, a sink, or a batcher's own tries may have something tried again. */
static void how_something_is_tried_again_may_be_said(void **state) {
    (void)state;
    for (int which = 0; which < 4; which++) {
        pipeline_scene_of(&scene, NULL, 3);
        weir_pipeline_batcher *first = pipeline_scene_batcher(&scene, "store", 10);
        scene.options.retry = (weir_tries){.delay = {.first_ns = 1}, .in_order = true};
        switch (which) {
        case 0:
            scene.options.handle_failed = never_prepared;
            break;
        case 1:
            first->handle_batch = NULL, first->sink = &scene.sink;
            break;
        case 2:
            first->retry.tries = 2;
            break;
        default:
            scene.options.retry.tries = 1; /* said */
            break;
        }
        pipeline_scene_open(&scene);
        pipeline_scene_end(&scene);
    }
}

static void who_pushes_names_a_batcher_that_there_is(void **state) {
    (void)state;
    pipeline_scene_of(&scene, NULL, 0);
    pipeline_scene_batcher(&scene, "store", 10);
    pipeline_scene_open(&scene);
    const weir_message messages[2] = {{.batcher = 0}, {.batcher = 7}};
    weir_outcome outcomes[2];
    static const char words[] = "messages[1].batcher must be below batcher_count, 1, got 7";
    assert_int_equal(weir_pipeline_push(scene.pipeline, messages, 2), WEIR_INVALID);
    assert_string_equal(weir_refusal(), words);
    for (int mode = WEIR_BATCH_BULK; mode <= WEIR_BATCH_FLUSH; mode++) {
        assert_int_equal(
            weir_pipeline_test(scene.pipeline, messages, 2, (weir_batch_mode)mode, 0, outcomes),
            WEIR_INVALID);
        assert_string_equal(weir_refusal(), words);
    }
    pipeline_scene_end(&scene);
    assert_int_equal(scene.stats.begun, 0);
}

/* What its sources do of each of these within some time, by default and as it is told. */
static void sources_are_tuned(void **state) {
    (void)state;
    const uint64_t hour_ns = UINT64_C(3600000000000);
    for (int way = 0; way < 6; way++) {
        const bool tuned = way >= 3;
        pipeline_scene_of(&scene, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1}, 4);
        scene.driver.idle_ns = hour_ns / 3600; /* or hours are millions of rounds */
        if (way % 3 == 0) scene.lost_pulls = 1;
        if (way % 3 == 1) scene.lost_acks = 1;
        if (way % 3 == 2) scene.driver.cumulative = true, scene.does[2] = "no";
        if (tuned) {
            scene.options.reopen_ns = scene.options.reopen_most_ns = way == 3 ? hour_ns : 0;
            scene.options.ack_tries = way == 4;
            scene.options.redeliver_ns = way == 5 ? hour_ns : 0;
        }
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_run(&scene, hour_ns / 3);
        if (way % 3 == 0) assert_int_equal(scene.sources[0].opened, tuned ? 1 : 2);
        if (way % 3 == 2) assert_int_equal(scene.handled[2], tuned ? 1 : 2);
        pipeline_scene_run(&scene, hour_ns);
        scene.rig.log.used = 0;
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.lost_acks, way == 4 ? 4 : 0);
        if (way % 3 == 2) assert_int_equal(scene.handled[2], 2);
    }
}

static void missing_arguments(void **state) {
    (void)state;
    pipeline_scene_of(&scene, NULL, 0);
    weir_pipeline *pipeline;
    assert_int_equal(weir_pipeline_open(NULL, &scene.options, &pipeline), WEIR_INVALID);
    assert_int_equal(weir_pipeline_open(scene.rig.runtime, NULL, &pipeline), WEIR_INVALID);
    assert_int_equal(weir_pipeline_open(scene.rig.runtime, &scene.options, NULL), WEIR_INVALID);
    assert_int_equal(weir_pipeline_drain(NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_pipeline_await(NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_pipeline_push(NULL, NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_pipeline_test(NULL, NULL, 0, 0, 0, NULL), WEIR_INVALID);
    assert_int_equal(weir_pipeline_read_stats(NULL, NULL), WEIR_INVALID);
    assert_int_equal(weir_pipeline_topology(NULL, NULL, 0), 0);
    assert_false(weir_pipeline_running(NULL));
    assert_int_equal(weir_pipeline_close(NULL, NULL), WEIR_OK);
    assert_null(weir_work_more(NULL));
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(scene.rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&scene.rig, &accounts);
}

static void what_there_is(void **state) {
    (void)state;
    pipeline_scene_of(&scene, NULL, 10);
    pipeline_scene_batcher(&scene, "store", 10);
    pipeline_scene_batcher(&scene, "dead", 10)->count = 2;
    scene.options.dead = "dead";
    scene.options.processors.count = 2;
    pipeline_scene_open(&scene);
    weir_pipeline_stage stages[16];
    static const char *const names[] = {"p.source.0",       "p.push",
                                        "p.dead",           "p.processor.0",
                                        "p.processor.1",    "p.batcher.store.0",
                                        "p.batcher.dead.0", "p.batches.store.0",
                                        "p.batches.dead.0"};
    assert_int_equal(weir_pipeline_topology(scene.pipeline, stages, 16), 9);
    for (size_t i = 0; i < 9; i++) {
        assert_string_equal(stages[i].name, names[i]);
        assert_true(stages[i].alive);
    }
    assert_true(weir_pipeline_running(scene.pipeline));
    pipeline_scene_run(&scene, 0);
    assert_int_equal(weir_pipeline_drain(scene.pipeline, WEIR_FOREVER), WEIR_OK);
    assert_false(weir_pipeline_running(scene.pipeline));
    pipeline_scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(rates_are_of_the_same_runtime),
        cmocka_unit_test(how_something_is_tried_again_may_be_said),
        cmocka_unit_test(who_pushes_names_a_batcher_that_there_is),
        cmocka_unit_test(sources_are_tuned),
        cmocka_unit_test(missing_arguments),
        cmocka_unit_test(what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
