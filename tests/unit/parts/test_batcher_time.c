/*
 * The batcher's time: no event waits longer for its batch to go than it may.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a batch goes as soon as its first event has waited for the timeout, and not before, whether
 * others come or not, with hundreds of keys under steady load, and while nobody asks for batches;
 * in a drain it waits for nothing.
 * Method: simulated runtimes, whose time is virtual: latencies are exact.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

static uint64_t thousands(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event / 1000;
}

static void start(struct rig *rig, weir_batcher_options options, size_t sink_demand) {
    weir_subscribe_to to = gather_begin(rig, false, 1000);
    options.event_bytes = sizeof(uint64_t);
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_batcher_start(rig->runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(true, sink_demand);
    gather_scene.times = true;
}

static void open_simulated(struct rig *rig, uint64_t seed) {
    const weir_runtime_options options = {.mode = WEIR_SIMULATED, .workers = 3, .seed = seed};
    rig_open(rig, &options);
}

static struct rig scene_rig;

/* ---- one batch ----------------------------------------------------------- */

static void a_batch_goes_when_its_first_event_has_waited(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        open_simulated(&scene_rig, seed);
        start(&scene_rig, (weir_batcher_options){.timeout_ns = 50 * GATHER_MS}, 10);
        gather_until(7);
        gather_push(0, 2);
        gather_until(37);
        gather_push(2, 1);
        gather_until(57);
        gather_expect("");
        gather_until(58);
        gather_expect("57 ms: time 3 of key 0: 0..2\n");
        gather_until(557);
        gather_expect("");
        gather_push(3, 1);
        gather_until(608);
        gather_expect("607 ms: time 1 of key 0: 3\n");
        gather_close(NULL);
    }
}

static void a_second_is_usual(void **state) {
    (void)state;
    open_simulated(&scene_rig, 1);
    start(&scene_rig, (weir_batcher_options){.name = NULL}, 10);
    gather_push(0, 1);
    gather_until(1000);
    gather_expect("");
    gather_until(1001);
    gather_expect("1000 ms: time 1 of key 0: 0\n");
    gather_close(NULL);
}

/* The timer of one that has gone is not the next one's. */
static void a_full_batch_leaves_the_next_one_its_time(void **state) {
    (void)state;
    open_simulated(&scene_rig, 2);
    start(&scene_rig, (weir_batcher_options){.size = 2, .timeout_ns = 50 * GATHER_MS}, 10);
    gather_push(0, 1);
    gather_until(40);
    gather_push(1, 2);
    gather_expect("40 ms: size 2 of key 0: 0..1\n");
    gather_until(90);
    gather_expect("");
    gather_until(91);
    gather_expect("90 ms: time 1 of key 0: 2\n");
    gather_close(NULL);
}

static void never_is_never(void **state) {
    (void)state;
    open_simulated(&scene_rig, 3);
    start(&scene_rig, (weir_batcher_options){.timeout_ns = WEIR_FOREVER}, 10);
    gather_push(0, 1);
    gather_until(3600000);
    gather_expect("");
    gather_finish();
    gather_expect("3600000 ms: end 1 of key 0: 0\n");
    gather_close(NULL);
}

/* ---- many, under load ---------------------------------------------------- */

enum { KEYS = 300, STEPS = 4000, TIMEOUT_MS = 20 };

/* An event each tenth of a millisecond, of any of 300 keys; batches are seldom full. */
static void none_waits_longer_whatever_comes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++) {
        open_simulated(&scene_rig, seed);
        start(&scene_rig,
              (weir_batcher_options){
                  .size = 8, .timeout_ns = TIMEOUT_MS * GATHER_MS, .key = thousands},
              1000);
        uint64_t random = seed;
        for (uint64_t i = 0; i < STEPS; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            gather_push(1000 * (1 + (random >> 33) % KEYS) + i % 1000, 1);
            assert_int_equal(weir_runtime_advance(scene_rig.runtime, GATHER_MS / 10), WEIR_OK);
            gather_scene.said.used = 0;
        }
        assert_true(gather_scene.latest >= TIMEOUT_MS * GATHER_MS);
        assert_true(gather_scene.latest <= (TIMEOUT_MS + 1) * GATHER_MS);
        gather_until(1000);
        assert_int_equal(gather_scene.events, STEPS);
        gather_scene.said.used = 0;
        gather_close(NULL);
    }
}

/* It goes, to the batcher's buffer; and then nothing is taken in. */
static void nobody_need_ask(void **state) {
    (void)state;
    open_simulated(&scene_rig, 4);
    start(&scene_rig, (weir_batcher_options){.timeout_ns = 50 * GATHER_MS, .key = thousands}, 0);
    gather_ask(1);
    gather_push(1000, 2);
    gather_push(2000, 2);
    gather_until(50);
    gather_expect("");
    gather_until(51);
    gather_expect("50 ms: time 2 of key 1: 1000..1001\n");
    gather_push(1002, 1);
    gather_expect_kept(0);
    gather_until(150);
    gather_ask(1);
    gather_expect("150 ms: time 2 of key 2: 2000..2001\n");
    gather_ask(1);
    gather_expect_kept(1);
    gather_until(201);
    gather_expect("200 ms: time 1 of key 1: 1002\n");
    gather_close(NULL);
}

/* ---- ends ---------------------------------------------------------------- */

/* What is open goes at once; nobody waits for its time. */
static void a_drain_waits_for_no_timeout(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        open_simulated(&scene_rig, seed);
        start(&scene_rig, (weir_batcher_options){.timeout_ns = 50 * GATHER_MS}, 10);
        gather_push(0, 3);
        gather_until(1);
        gather_drain();
        gather_expect("1 ms: end 3 of key 0: 0..2\n");
        assert_true(weir_runtime_now(scene_rig.runtime) < 2 * GATHER_MS);
        gather_close(NULL);
    }
}

/* A message to it is no timer, and does no harm. */
static void what_it_is_told_by_others_is_nothing(void **state) {
    (void)state;
    open_simulated(&scene_rig, 5);
    start(&scene_rig, (weir_batcher_options){.timeout_ns = 50 * GATHER_MS}, 10);
    gather_push(0, 1);
    gather_until(10);
    assert_int_equal(weir_info(scene_rig.runtime, gather_scene.part, "x", 1), WEIR_OK);
    gather_until(50);
    gather_expect("");
    gather_until(51);
    gather_expect("50 ms: time 1 of key 0: 0\n");
    gather_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_goes_when_its_first_event_has_waited),
        cmocka_unit_test(a_second_is_usual),
        cmocka_unit_test(a_full_batch_leaves_the_next_one_its_time),
        cmocka_unit_test(never_is_never),
        cmocka_unit_test(none_waits_longer_whatever_comes),
        cmocka_unit_test(nobody_need_ask),
        cmocka_unit_test(a_drain_waits_for_no_timeout),
        cmocka_unit_test(what_it_is_told_by_others_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
