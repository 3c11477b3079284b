/*
 * A batcher on the timely worker: its time is kept beside neighbours with long callbacks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a batch goes within 1 ms of its time, though all other workers are amid callbacks that take
 * 200 ms; and it goes out while such a callback is running.
 * Method: simulated runtimes, whose time is virtual, in which a neighbour's callbacks take so much
 * of it (on the batcher's own worker the same makes it late); and threads, where the
 * neighbour's callback returns only when the batch has been seen: in what order, not how fast.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

#include "runtime/runtime.h"

#include <errno.h>
#include <semaphore.h>
#include <time.h>

static struct rig scene_rig;

static weir_verdict take_none(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

/* ---- virtual time -------------------------------------------------------- */

enum { CALLBACK_MS = 200, KEYS = 50, TIMEOUT_MS = 20, STEPS = 4000 };

static weir_verdict take_long(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    weir__runtime_takes(self, CALLBACK_MS * (uint64_t)GATHER_MS);
    if (weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0,
                        (CALLBACK_MS + 1) * (uint64_t)GATHER_MS, NULL) != WEIR_OK) {
        return weir_stop_with(self, WEIR_REASON_USER);
    }
    return WEIR_CONTINUE;
}

/* From now on, with a millisecond between two callbacks. */
static void start_neighbour(unsigned worker) {
    weir_ref stage;
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .event_bytes = 8,
        .worker = WEIR_WORKER(worker),
        .on = {.handle_events = take_none, .handle_info = take_long}};
    assert_int_equal(weir_stage_start(scene_rig.runtime, &options, &stage), WEIR_OK);
    assert_int_equal(weir_send_after(scene_rig.runtime, stage, NULL, 0, 1, NULL), WEIR_OK);
}

static uint64_t key_of(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % KEYS;
}

static void start_batcher(unsigned worker, uint64_t timeout_ms) {
    weir_subscribe_to to = gather_begin(&scene_rig, false, 1000);
    const weir_batcher_options options = {.event_bytes = sizeof(uint64_t),
                                          .size = 1000,
                                          .timeout_ns = timeout_ms * GATHER_MS,
                                          .key = key_of,
                                          .worker = worker,
                                          .subscribe_to = &to,
                                          .subscribe_count = 1};
    assert_int_equal(weir_batcher_start(scene_rig.runtime, &options, &gather_scene.part), WEIR_OK);
}

/* How long a batch was open at most, in tenths of a millisecond, beside busy neighbours. */
static uint64_t longest_open(unsigned worker, uint64_t seed) {
    rig_open(&scene_rig,
             &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = seed});
    start_batcher(worker, TIMEOUT_MS);
    gather_sink(true, 1000);
    for (unsigned i = 0; i < 2; i++) start_neighbour(i);
    for (uint64_t i = 0; i < STEPS; i++) {
        gather_push(i * 7, 1);
        assert_int_equal(weir_runtime_advance(scene_rig.runtime, GATHER_MS / 2), WEIR_OK);
        gather_scene.said.used = 0;
    }
    uint64_t longest = gather_scene.latest / (GATHER_MS / 10);
    assert_true(gather_scene.batches > KEYS);
    assert_int_equal(weir_runtime_drain(scene_rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(gather_scene.events, STEPS);
    gather_scene.said.used = 0;
    gather_close(NULL);
    return longest;
}

static void none_waits_longer_beside_long_callbacks(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++) {
        assert_in_range(longest_open(WEIR_TIMELY_WORKER, seed), 10 * TIMEOUT_MS,
                        10 * (TIMEOUT_MS + 1));
        assert_true(longest_open(WEIR_WORKER(0), seed) > 10 * CALLBACK_MS / 2); /* so it is */
    }
}

/* ---- threads ------------------------------------------------------------- */

static struct {
    sem_t begun; /* the neighbour's callback */
    sem_t seen;  /* the batch                */
    bool was_seen;
} field;

/* An end, where it would never come: it is far longer than any machine takes. */
static bool wait_for(sem_t *what) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    int result;
    while ((result = sem_timedwait(what, &until)) != 0 && errno == EINTR) {}
    return result == 0;
}

static weir_verdict wait_for_batch(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    sem_post(&field.begun);
    field.was_seen = wait_for(&field.seen);
    return WEIR_CONTINUE;
}

static weir_verdict see_batch(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    sem_post(&field.seen);
    return WEIR_CONTINUE;
}

static weir_ref start_consumer(weir_stage_options options) {
    weir_ref stage;
    options.kind = WEIR_CONSUMER;
    assert_int_equal(weir_stage_start(scene_rig.runtime, &options, &stage), WEIR_OK);
    return stage;
}

static void a_batch_goes_amid_a_callback(void **state) {
    (void)state;
    assert_int_equal(sem_init(&field.begun, 0, 0) + sem_init(&field.seen, 0, 0), 0);
    field.was_seen = false;
    rig_open(&scene_rig, &(weir_runtime_options){.workers = 1});
    start_batcher(WEIR_TIMELY_WORKER, 200);
    const weir_subscribe_to to = {.producer = gather_scene.part};
    start_consumer((weir_stage_options){.worker = WEIR_WITH_PRODUCER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = see_batch});
    weir_ref neighbour = start_consumer((weir_stage_options){
        .event_bytes = 8, .on = {.handle_events = take_none, .handle_cast = wait_for_batch}});
    gather_push(0, 1);
    assert_int_equal(weir_cast(scene_rig.runtime, neighbour, NULL, 0), WEIR_OK);
    assert_true(wait_for(&field.begun));
    assert_int_equal(weir_runtime_drain(scene_rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_true(field.was_seen);
    gather_close(NULL);
    sem_destroy(&field.begun);
    sem_destroy(&field.seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_waits_longer_beside_long_callbacks),
        cmocka_unit_test(a_batch_goes_amid_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
