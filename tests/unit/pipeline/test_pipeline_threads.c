/*
 * Pipelines with threads of their own: sources, workers, crews, pushers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: with real threads, too, each message is settled exactly once, whatever fails, and whenever
 * the pipeline is drained or closed.
 * Method: a scene whose every seventh message fails in some way; connections are lost now and then;
 * another thread pushes meanwhile, and reads what there is.
 */
#include "base/atomic.h"
#include "os/clock.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <pthread.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { MESSAGES = 3000, PUSHES = 300 };

static struct pipeline_scene scene;
static uint32_t pushing; /* atomic */

static void clear_log(void) {
    pthread_mutex_lock(&scene.rig.lock);
    scene.rig.log.used = 0;
    pthread_mutex_unlock(&scene.rig.lock);
}

/* What stages that ended have said, and those that hear of it. */
static void forget_log(void) {
    weir_runtime_settle(scene.rig.runtime, 10000 * MS);
    clear_log();
}

static void *push(void *argument) {
    uint64_t number = PIPELINE_SCENE_NUMBERS - 1;
    const weir_message message = {.data = {.at = (const char *)&number, .count = 8}};
    (void)argument;
    for (unsigned i = 0; i < PUSHES && weir__load_relaxed_u32(&pushing) != 0; i++) {
        weir_pipeline_stage stages[32];
        weir_pipeline_stats stats;
        weir_pipeline_push(scene.pipeline, &message, 1);
        weir_pipeline_topology(scene.pipeline, stages, 32);
        weir_pipeline_read_stats(scene.pipeline, &stats);
    }
    return NULL;
}

static void set_scene(bool blocking, bool sinks) {
    static const char *const words[] = {"fo", "s", "ro", "d", "1o", "n", "f", "w", "+", "fw", "a"};
    pipeline_scene_of(&scene,
                      &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 2, .unpinned = true},
                      MESSAGES);
    scene.quiet = true;
    scene.options.source_count = 2;
    scene.options.processors.count = 3;
    scene.options.processors.blocking = blocking;
    scene.options.retry = (weir_tries){.tries = 3, .delay = {.first_ns = MS / 10, .jitter = 1}};
    weir_pipeline_batcher *store = pipeline_scene_batcher(&scene, "store", 20);
    store->timeout_ns = MS;
    store->count = 2;
    if (sinks) {
        store->handle_batch = NULL;
        store->sink = &scene.sink;
        store->count = 1;
    }
    pipeline_scene_batcher(&scene, "other", 5)->quick = true;
    pipeline_scene_batcher(&scene, "dead", 1);
    scene.options.dead = "dead";
    for (size_t i = 0; i < PIPELINE_SCENE_NUMBERS; i += 7) {
        scene.does[i] = words[i / 7 % 11];
        scene.batch_does[i + 3 < PIPELINE_SCENE_NUMBERS ? i + 3 : i] = words[i / 7 % 5 * 2 % 5];
    }
}

static void play(bool blocking, bool sinks, uint64_t for_ns) {
    set_scene(blocking, sinks);
    scene.sink_lost = sinks ? 3 : 0;
    pipeline_scene_open(&scene);
    pthread_t pusher;
    weir__store_relaxed_u32(&pushing, 1);
    assert_int_equal(pthread_create(&pusher, NULL, push, NULL), 0);
    weir__clock_sleep_ns(for_ns);
    weir__store_relaxed_u32(&pushing, 0);
    pthread_join(pusher, NULL);
    assert_int_equal(weir_pipeline_drain(scene.pipeline, 30000 * MS), WEIR_OK);
    forget_log();
    pipeline_scene_close(&scene);
}

static void drained_at_any_moment(void **state) {
    (void)state;
    for (unsigned i = 0; i < 12; i++) play(i % 3 == 2, i % 2 == 1, i * i * MS / 2);
}

static void closed_at_any_moment(void **state) {
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        set_scene(i % 3 == 2, false);
        scene.options.shutdown_ns = 1 + i % 4 * MS;
        pipeline_scene_open(&scene);
        weir__clock_sleep_ns(i * i * MS / 4);
        clear_log();
        pipeline_scene_close(&scene);
    }
}

static void somebody_is_stopped(void **state) {
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        set_scene(false, false);
        scene.options.max_restarts = WEIR_INFINITY;
        pipeline_scene_open(&scene);
        weir_pipeline_stage stages[32];
        const size_t count = weir_pipeline_topology(scene.pipeline, stages, 32);
        weir__clock_sleep_ns(i * MS / 2);
        weir_stop(scene.rig.runtime, stages[2 + i % (count - 2)].stage, WEIR_REASON_USER);
        weir__clock_sleep_ns(MS);
        assert_int_equal(weir_pipeline_drain(scene.pipeline, 30000 * MS), WEIR_OK);
        forget_log();
        pipeline_scene_close(&scene);
    }
}

/* ---- crews with threads -------------------------------------------------------------- */

static uint32_t within;  /* atomic: tasks of the crew that are at work */
static uint32_t entered; /* atomic: times                              */
static uint32_t gate;    /* atomic: not 0: they may return             */

static weir_pulled write_slowly(void *context, weir_message *messages, size_t count,
                                const weir_batch_info *batch) {
    (void)context, (void)messages, (void)count, (void)batch;
    RIG_CHECK(&scene.rig, weir__fetch_add_u32(&within, 1) == 0);
    weir__fetch_add_u32(&entered, 1);
    while (weir__load_acquire_u32(&gate) == 0) weir__clock_sleep_ns(MS / 10);
    weir__fetch_sub_u32(&within, 1);
    return WEIR_PULLED;
}

static weir_outcome handle_slowly(void *context, weir_work *work, weir_message *message) {
    (void)work;
    write_slowly(context, message, 1, NULL);
    return WEIR_MESSAGE_OK;
}

static uint32_t all_in_one(void *context, const weir_message *message) {
    (void)context, (void)message;
    return 0;
}

static weir_pipeline_stage stage_of(weir_role role) {
    weir_pipeline_stage stages[32];
    const size_t count = weir_pipeline_topology(scene.pipeline, stages, 32);
    size_t at = 0;
    while (at < count && stages[at].role != role) at++;
    assert_true(at < count);
    return stages[at];
}

/* It has been handed something. */
static bool has_begun(weir_ref stage) {
    weir_counters_stage stats;
    return weir_stage_stats(scene.rig.runtime, stage, &stats) == WEIR_OK && stats.batches > 0;
}

/* Its stage is stopped as its task is at work: the next one's waits for that, and goes on. */
static void those_with_threads_are_started_again(void **state) {
    (void)state;
    for (int blocking = 0; blocking < 2; blocking++) {
        const weir_role role = blocking > 0 ? WEIR_ROLE_PROCESSOR : WEIR_ROLE_BATCHES;
        const weir_runtime_options two = {.workers = 2};
        pipeline_scene_of(&scene, &two, 20);
        weir__store_relaxed_u32(&entered, 0);
        weir__store_release_u32(&gate, 0);
        scene.quiet = true;
        scene.sink.write = write_slowly;
        if (blocking > 0) {
            scene.options.processors = (weir_processors){.count = 1,
                                                         .blocking = true,
                                                         .partition_by = all_in_one,
                                                         .handle_message = handle_slowly};
        } else {
            weir_pipeline_batcher *store = pipeline_scene_batcher(&scene, "store", 1);
            store->handle_batch = NULL;
            store->sink = &scene.sink;
        }
        pipeline_scene_open(&scene);
        while (weir__load_relaxed_u32(&entered) == 0) weir__clock_sleep_ns(MS / 10);
        const weir_pipeline_stage before = stage_of(role);
        assert_int_equal(weir_stop(scene.rig.runtime, before.stage, WEIR_REASON_USER), WEIR_OK);
        while (stage_of(role).stage.bits == before.stage.bits || !stage_of(role).alive) {
            weir__clock_sleep_ns(MS / 10);
        }
        while (!has_begun(stage_of(role).stage)) weir__clock_sleep_ns(MS / 10);
        weir__clock_sleep_ns(5 * MS); /* for a task that does not wait: it is seen, mostly */
        assert_int_equal(weir__load_relaxed_u32(&entered), 1);
        weir__store_release_u32(&gate, 1);
        while (weir__load_relaxed_u32(&entered) < 20) weir__clock_sleep_ns(MS / 10);
        assert_true(weir_pipeline_running(scene.pipeline));
        assert_int_equal(weir_pipeline_drain(scene.pipeline, 30000 * MS), WEIR_OK);
        forget_log();
        pipeline_scene_close(&scene);
        assert_int_equal(scene.stats.restarts, 1);
    }
}

static uint32_t opening; /* atomic: how often it was called, and has returned */
static uint32_t closed;

static weir_pulled open_slowly(void *context) {
    (void)context;
    weir__clock_sleep_ns(20 * MS);
    weir__fetch_add_u32(&opening, 1);
    return WEIR_PULLED;
}

static void close_at_last(void *context) {
    (void)context;
    weir__fetch_add_u32(&closed, 1);
}

/* What is found out late leaves nobody who uses the program's contexts, and keeps its sentence. */
static void a_late_refusal_waits_for_drivers(void **state) {
    (void)state;
    static const weir_ref nobody = {12345};
    set_scene(false, false);
    scene.driver.open = open_slowly;
    scene.driver.close = close_at_last;
    scene.options.producers = &nobody;
    scene.options.producer_count = 1;
    assert_int_equal(pipeline_scene_try_open(&scene), WEIR_NO_STAGE);
    assert_non_null(strstr(weir_refusal(), "names no living stage"));
    assert_int_equal(weir__load_relaxed_u32(&closed), weir__load_relaxed_u32(&opening));
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(scene.rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&scene.rig, &accounts);
}

static void a_test_waits(void **state) {
    (void)state;
    set_scene(false, false);
    scene.does[1] = "f";
    pipeline_scene_open(&scene);
    uint64_t numbers[] = {2, 1};
    weir_message messages[2] = {0};
    weir_outcome outcomes[2];
    for (size_t i = 0; i < 2; i++) {
        messages[i].data = (weir_bytes){.at = (const char *)&numbers[i], .count = 8};
    }
    assert_int_equal(
        weir_pipeline_test(scene.pipeline, messages, 2, WEIR_BATCH_FLUSH, WEIR_FOREVER, outcomes),
        WEIR_OK);
    assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);
    assert_int_equal(outcomes[1], WEIR_MESSAGE_DEAD);
    pipeline_scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drained_at_any_moment),
        cmocka_unit_test(closed_at_any_moment),
        cmocka_unit_test(somebody_is_stopped),
        cmocka_unit_test(a_late_refusal_waits_for_drivers),
        cmocka_unit_test(those_with_threads_are_started_again),
        cmocka_unit_test(a_test_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
