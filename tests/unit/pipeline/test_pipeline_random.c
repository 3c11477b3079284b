/*
 * Pipelines drawn from a seed, and what befalls them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever fails, every message that a source has brought is settled exactly once before its
 * driver is closed, and nothing is left; and the account of its figures balances all the while.
 * Method: sources, processors, batchers, sinks, retries and dead letters are drawn, and for each
 * message what its callbacks say each time.  The runtime is simulated, a few turns at a time; in
 * between connections are lost, a driver breaks, and stages are stopped, any of them, or told to
 * finish; at some moment the pipeline is drained, or closed as it is.  (pipeline_scene.c: each ack
 * is for a message that is outstanding; at the end none is.)
 */
#include "base/rng.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { SEEDS = 400, MESSAGES = 200, STAGES = 64 };

static struct pipeline_scene scene;
static void *const the_scene[] = {&scene, &scene, &scene, &scene}; /* a thread calls them all */
static struct weir__rng rng;

static unsigned draw(unsigned below) {
    return (unsigned)weir__rng_below(&rng, below);
}

static uint32_t by_number(void *context, const weir_message *message) {
    uint64_t number;
    (void)context;
    memcpy(&number, message->data.at, sizeof number);
    return (uint32_t)(number * 7);
}

static const char *draw_word(void) {
    static const char *const words[] = {"o",  "o",   "o",   "o",  "1o",  "2o", "s",  "f", "fo",
                                        "ro", "ff",  "ffo", "d",  "n",   "b",  "+",  "a", "f+",
                                        "9o", "rrr", "fd",  "1d", "2fo", "w",  "ww", "fw"};
    return draw(3) > 0 ? "o" : words[draw(sizeof words / sizeof *words)];
}

static void draw_tries(weir_tries *tries) {
    if (draw(2) == 0) return;
    tries->tries = 1 + draw(4);
    tries->delay = (weir_backoff){.first_ns = 1 + draw(3) * MS, .jitter = draw(2) * 0.5};
}

/* An order without tries is refused. */
static void draw_order(weir_tries *tries, bool in_order) {
    tries->in_order = in_order;
    if (in_order && tries->tries == 0) tries->tries = 2;
}

static void draw_batcher(const char *name) {
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, name, 1 + draw(9));
    batcher->timeout_ns = draw(3) == 0 ? WEIR_FOREVER : 1 + draw(5) * MS;
    batcher->count = 1 + draw(3);
    batcher->bytes = draw(4) == 0 ? 8 + draw(40) : 0;
    batcher->partition_by = draw(3) == 0 ? by_number : NULL;
    batcher->quick = draw(2) == 0;
    draw_tries(&batcher->retry);
    draw_order(&batcher->retry, draw(4) == 0);
    if (draw(3) == 0) {
        batcher->handle_batch = NULL;
        batcher->sink = &scene.sink;
        batcher->sink_contexts = the_scene;
        batcher->retry.delay.first_ns = MS;
    }
}

static void draw_pipeline(uint64_t drawn_from) {
    static const char *const names[] = {"a", "b", "dead"};
    pipeline_scene_of(
        &scene,
        &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1 + draw(3), .seed = drawn_from},
        1 + draw(MESSAGES));
    scene.quiet = true;
    weir_pipeline_options *options = &scene.options;
    options->source_count = 1 + draw(3);
    scene.driver.cumulative = draw(4) == 0;
    options->max_outstanding = 1 + draw(2) * draw(400);
    options->processors.count = 1 + draw(4);
    options->processors.max_demand = draw(2) * (1 + draw(40));
    options->processors.blocking = draw(4) == 0;
    options->processors.partition_by = draw(3) == 0 ? by_number : NULL;
    draw_tries(&options->retry);
    draw_order(&options->retry, !options->processors.blocking && draw(3) == 0);
    options->shutdown_ns = 200 * MS;
    options->max_restarts = draw(2) == 0 ? WEIR_INFINITY : 1 + draw(3);
    const unsigned batchers = draw(4);
    for (unsigned i = 0; i < batchers; i++) draw_batcher(names[i]);
    options->dead = batchers == 3 ? "dead" : NULL;
    for (size_t i = 0; i < PIPELINE_SCENE_SOURCES; i++) {
        scene.sources[i].ends = draw(4) == 0;
        for (size_t k = 0; k < MESSAGES; k++) {
            scene.does[i * PIPELINE_SCENE_EACH + k] = draw_word();
            scene.batch_does[i * PIPELINE_SCENE_EACH + k] = draw_word();
        }
    }
    if (drawn_from % 5 == 0) scene.sources[0].breaks = 1 + drawn_from / 5 % MESSAGES;
}

static void stop_somebody(void) {
    weir_pipeline_stage stages[STAGES];
    const size_t count = weir_pipeline_topology(scene.pipeline, stages, STAGES);
    assert_true(count <= STAGES);
    const weir_ref stage = stages[draw((unsigned)count)].stage;
    if (draw(6) == 0) {
        weir_finish(scene.rig.runtime, stage);
    } else {
        weir_stop(scene.rig.runtime, stage, draw(2) == 0 ? WEIR_REASON_SHUTDOWN : WEIR_REASON_USER);
    }
}

static void push_some(void) {
    uint64_t number = PIPELINE_SCENE_NUMBERS - 1;
    const weir_message message = {.data = {.at = (const char *)&number, .count = 8}};
    weir_pipeline_push(scene.pipeline, &message, 1);
}

static unsigned ack_losses;

static void befall(bool kills) {
    const unsigned what = draw(12);
    if (what == 0) scene.lost_pulls += 1 + draw(2);
    if (what == 1 && ack_losses < 2) { /* of ack_tries, which are three */
        ack_losses++;
        scene.lost_acks = 1;
    }
    if (what == 2) scene.sink_lost += 1 + draw(4);
    if (what == 3) push_some();
    if (what == 4)
        assert_int_equal(weir_runtime_advance(scene.rig.runtime, draw(20) * MS), WEIR_OK);
    if (what == 5 && kills && draw(3) == 0) stop_somebody();
    weir_runtime_step(scene.rig.runtime, 1 + draw(60));
    weir_pipeline_stats stats;
    assert_int_equal(weir_pipeline_read_stats(scene.pipeline, &stats), WEIR_OK);
    pipeline_scene_expect_balance(&stats);
}

static void play(uint64_t drawn_from) {
    weir__rng_seed(&rng, drawn_from);
    draw_pipeline(drawn_from);
    ack_losses = 0;
    pipeline_scene_open(&scene);
    const bool kills = draw(2) == 0;
    for (unsigned left = draw(200); left > 0; left--) befall(kills);
    if (draw(3) > 0) {
        const weir_status status =
            weir_pipeline_drain(scene.pipeline, draw(2) == 0 ? 1000 * MS : draw(5) * MS);
        if (status != WEIR_OK && status != WEIR_TIMEOUT) {
            fail_msg("drain: %s", weir_refusal());
        }
    }
    scene.rig.log.used = 0; /* of stages that were stopped, and more */
    pipeline_scene_close(&scene);
}

static uint64_t seed;

/* WEIR_RANDOM_SEEDS sets how many (tools/test --long). */
static uint64_t seeds(void) {
    const char *text = getenv("WEIR_RANDOM_SEEDS");
    return text != NULL ? strtoull(text, NULL, 10) : SEEDS;
}

static void everything_is_settled_once(void **state) {
    (void)state;
    for (seed = 1; seed <= seeds(); seed++) play(seed);
}

static int tell_seed(void **state) {
    (void)state;
    if (seed <= seeds()) print_error("with seed %llu\n", (unsigned long long)seed);
    return 0;
}

int main(int count, char **arguments) {
    if (count > 1) { /* one seed to look at, or from one to another */
        const uint64_t last = strtoull(arguments[count - 1], NULL, 10);
        for (seed = strtoull(arguments[1], NULL, 10); seed <= last; seed++) {
            play(seed);
            if (seed % 1000 == 0) print_message("%llu\n", (unsigned long long)seed);
        }
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(everything_is_settled_once, tell_seed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
