/*
 * Closing a pipeline some callback of which does not return.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever callback it is, weir_pipeline_close gives up at its deadline, says whose, and
 * frees nothing; called again when it has returned it closes, and each message is settled.
 * Method: a scene with threads, one callback of which waits to be released, and returns by itself
 * long behind the deadline: who waits for that is told OK.
 */
#include "base/atomic.h"
#include "os/clock.h"
#include "pipeline/pipeline.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <pthread.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { LONG_MS = 3000 };

enum { BATCH, WRITE, QUICK, MESSAGE, BLOCKING, PULL, ACK, WAYS };

static const char *const says[] = {
    [BATCH] = "pipeline p: a task of p.batches.store.0 has not returned",
    [WRITE] = "pipeline p: a task of p.batches.store.0 has not returned",
    [QUICK] = "pipeline p: a callback of p.batches.store.0 has not returned",
    [MESSAGE] = "pipeline p: a callback of p.processor.0 has not returned",
    [BLOCKING] = "pipeline p: a task of p.processor.0 has not returned",
    [PULL] = "pipeline p: a function of the driver of p.source.0 has not returned",
    [ACK] = "pipeline p: a function of the driver of p.source.0 has not returned",
};

static struct pipeline_scene scene;
static weir_source_driver usual;
static uint32_t held;     /* atomic: a callback is in its wait */
static uint32_t released; /* atomic */

static void hold(void) {
    weir__store_relaxed_u32(&held, 1);
    for (unsigned i = 0; i < LONG_MS && weir__load_acquire_u32(&released) == 0; i++) {
        weir__clock_sleep_ns(MS);
    }
}

static weir_outcome hold_batch(void *context, weir_message *messages, size_t count,
                               const weir_batch_info *batch) {
    (void)context, (void)messages, (void)count, (void)batch;
    hold();
    return WEIR_MESSAGE_OK;
}

static weir_pulled hold_write(void *context, weir_message *messages, size_t count,
                              const weir_batch_info *batch) {
    hold_batch(context, messages, count, batch);
    return WEIR_PULLED;
}

static weir_outcome hold_message(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work, (void)message;
    hold();
    return WEIR_MESSAGE_OK;
}

static weir_pulled hold_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                             uint64_t timeout_ns) {
    hold();
    return usual.pull(context, pull, events, bytes, timeout_ns);
}

static weir_pulled hold_ack(void *context, const weir_ack *acks, size_t count) {
    hold();
    return usual.ack(context, acks, count);
}

static void set_scene(int way) {
    pipeline_scene_of(
        &scene, &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 2, .unpinned = true}, 8);
    weir__store_relaxed_u32(&held, 0);
    weir__store_relaxed_u32(&released, 0);
    usual = scene.driver;
    scene.quiet = true;
    scene.options.shutdown_ns = 5 * MS;
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 2);
    batcher->quick = way == QUICK;
    if (way == BATCH || way == QUICK) batcher->handle_batch = hold_batch;
    if (way == WRITE) {
        batcher->handle_batch = NULL;
        batcher->sink = &scene.sink;
        scene.sink.write = hold_write;
    }
    if (way == MESSAGE || way == BLOCKING) scene.options.processors.handle_message = hold_message;
    scene.options.processors.blocking = way == BLOCKING;
    if (way == PULL) scene.driver.pull = hold_pull;
    if (way == ACK) scene.driver.ack = hold_ack;
}

static void clear_log(void) {
    pthread_mutex_lock(&scene.rig.lock);
    scene.rig.log.used = 0;
    pthread_mutex_unlock(&scene.rig.lock);
}

static void a_close_gives_up_at_its_deadline(void **state) {
    (void)state;
    weir__pipeline_grace_ns = 20 * MS;
    for (int way = 0; way < WAYS; way++) {
        set_scene(way);
        pipeline_scene_open(&scene);
        while (weir__load_relaxed_u32(&held) == 0) weir__clock_sleep_ns(MS);
        weir_pipeline_stats stats;
        bool said = false; /* what is slow for another reason is named before */
        for (int times = 0; times < 20 && !said; times++) {
            assert_int_equal(weir_pipeline_close(scene.pipeline, &stats), WEIR_TIMEOUT);
            said = strcmp(weir_refusal(), says[way]) == 0;
        }
        assert_true(said);
        weir__store_release_u32(&released, 1);
        weir_status status = WEIR_TIMEOUT;
        while (status == WEIR_TIMEOUT) status = weir_pipeline_close(scene.pipeline, &scene.stats);
        assert_int_equal(status, WEIR_OK);
        clear_log();
        pipeline_scene_closed(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_close_gives_up_at_its_deadline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
