/*
 * Pipelines: partitions, batch keys, many crews, processors that block, rates.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: order within a partition is kept from the source to the batches; batches have one key; what
 * blocks does the same as what does not; and a rate counts tries, too.
 * Method: a scene, in every world, whose callbacks look at what they are handed.
 */
#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <string.h>

static struct pipeline_scene scene;

#define MS                UINT64_C(1000000)
#define EACH_WORLD(count) for (int world = 0; pipeline_scene_world(&scene, world, (count)); world++)

enum { PARTITIONS = 3 };

static uint64_t last_seen[PARTITIONS];
static uint64_t last_stored[PARTITIONS];

static uint64_t number_of(const weir_message *message) {
    uint64_t number;
    memcpy(&number, message->data.at, sizeof number);
    return number;
}

static uint32_t by_number(void *context, const weir_message *message) {
    (void)context;
    return (uint32_t)(number_of(message) % PARTITIONS);
}

static uint64_t key_of_number(void *context, const weir_message *message) {
    (void)context;
    return number_of(message) % 5;
}

static weir_outcome look_at_message(void *context, weir_work *work, weir_message *message) {
    const uint64_t number = number_of(message);
    (void)context, (void)work;
    RIG_CHECK(&scene.rig, last_seen[number % PARTITIONS] <= number);
    last_seen[number % PARTITIONS] = number;
    weir__fetch_add_u32(&scene.handled[number], 1);
    return WEIR_MESSAGE_OK;
}

static weir_outcome look_at_batch(void *context, weir_message *messages, size_t count,
                                  const weir_batch_info *batch) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        const uint64_t number = number_of(&messages[i]);
        RIG_CHECK(&scene.rig, number % PARTITIONS == batch->partition);
        RIG_CHECK(&scene.rig, last_stored[number % PARTITIONS] <= number);
        last_stored[number % PARTITIONS] = number;
        scene.batched[number]++;
    }
    return WEIR_MESSAGE_OK;
}

static void order_is_kept_within_partitions(void **state) {
    (void)state;
    EACH_WORLD(1000) {
        memset(last_seen, 0, sizeof last_seen);
        memset(last_stored, 0, sizeof last_stored);
        scene.options.processors = (weir_processors){
            .count = PARTITIONS, .partition_by = by_number, .handle_message = look_at_message};
        weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 7);
        batcher->count = PARTITIONS;
        batcher->partition_by = by_number;
        batcher->handle_batch = look_at_batch;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        for (size_t i = 0; i < 1000; i++) {
            assert_int_equal(scene.handled[i], 1);
            assert_int_equal(scene.batched[i], 1);
        }
    }
}

static weir_outcome look_at_keys(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    (void)context;
    RIG_CHECK(&scene.rig, count <= 4);
    for (size_t i = 0; i < count; i++) {
        RIG_CHECK(&scene.rig, number_of(&messages[i]) % 5 == batch->key);
        scene.batched[number_of(&messages[i])]++;
    }
    return WEIR_MESSAGE_OK;
}

static void batches_have_one_key(void **state) {
    (void)state;
    EACH_WORLD(103) {
        weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 4);
        batcher->batch_key = key_of_number;
        batcher->handle_batch = look_at_keys;
        batcher->count = 3;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        for (size_t i = 0; i < 103; i++) assert_int_equal(scene.batched[i], 1);
    }
}

static void processors_that_block(void **state) {
    (void)state;
    for (int world = 2; pipeline_scene_world(&scene, world, 6); world++) {
        scene.options.processors.blocking = true;
        scene.options.processors.count = 3;
        scene.options.retry = (weir_tries){.tries = 3, .delay = {.first_ns = 10 * MS}};
        pipeline_scene_batcher(&scene, "store", 1);
        pipeline_scene_batcher(&scene, "dead", 1);
        scene.options.dead = "dead";
        scene.does[1] = "s";
        scene.does[2] = "ffo";
        scene.does[3] = "f";
        scene.does[4] = "n";
        scene.does[5] = "1o";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 100 * MS);
        pipeline_scene_expect(&scene, "osodnd");
        pipeline_scene_end(&scene);
        assert_int_equal(scene.handled[2], 3);
        assert_int_equal(scene.handled[3], 3);
        assert_int_equal(scene.stats.retried, 4);
    }
}

static void blocking_ones_without_batchers(void **state) {
    (void)state;
    EACH_WORLD(20) {
        scene.options.processors.blocking = true;
        scene.options.processors.count = 2;
        scene.options.retry = (weir_tries){.tries = 2, .delay = {.first_ns = 100000 * MS}};
        scene.does[1] = "s";
        scene.does[2] = "fo"; /* which waits when the drain comes */
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "osnooo");
        assert_int_equal(scene.stats.done, 19);
        assert_int_equal(scene.stats.given_back, 1);
    }
}

/* Ten a millisecond at most, and one at once: each try counts, in whatever kind of processor. */
static void tries_take_tokens(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) {
        for (int world = 2; pipeline_scene_world(&scene, world, 20); world++) {
            const weir_rate_options options = {
                .allowed = 1000, .interval_ns = 1000 * MS, .burst = 1};
            assert_int_equal(weir_rate_open(scene.rig.runtime, &options, &scene.rate), WEIR_OK);
            scene.options.processors.rate = scene.rate;
            scene.options.processors.blocking = way == 1;
            scene.options.processors.max_demand = 1;
            scene.options.retry = (weir_tries){.tries = 3, .delay = {.first_ns = 1}};
            for (size_t i = 0; i < 20; i++) scene.does[i] = "ffo";
            pipeline_scene_open(&scene);
            for (uint64_t at = 0; at < 60; at++) {
                weir_pipeline_stats stats;
                pipeline_scene_run(&scene, 1 * MS);
                assert_int_equal(weir_pipeline_read_stats(scene.pipeline, &stats), WEIR_OK);
                assert_true(stats.begun + stats.retried <= at + 3);
            }
            pipeline_scene_run(&scene, 100 * MS);
            pipeline_scene_end(&scene);
            assert_int_equal(scene.stats.done, 20);
            assert_int_equal(scene.stats.retried, 40);
        }
    }
}

/* ---- producers of the program's own ------------------------------------------------------ */

static uint64_t own_numbers[2000];
static size_t own_made;

static weir_verdict make_messages(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && own_made < 2000; demand--) {
        own_numbers[own_made] = own_made;
        const weir_message message = {
            .data = {.at = (const char *)&own_numbers[own_made++], .count = 8}};
        RIG_CHECK(&scene.rig, weir_emit(self, &message, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static uint32_t own_partition(void *context, const void *event) {
    const size_t *partitions = context;
    return (uint32_t)(number_of(event) % *partitions);
}

static void own_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self, (void)count, (void)cause;
}

static void own_producers_go_on(void **state) {
    (void)state;
    EACH_WORLD(10) {
        weir_ref own;
        own_made = 0;
        const weir_stage_options options = {
            .kind = WEIR_PRODUCER,
            .event_bytes = sizeof(weir_message),
            .type = weir_message_type(),
            .on = {.handle_demand = make_messages, .discarded = own_discarded}};
        assert_int_equal(weir_stage_start(scene.rig.runtime, &options, &own), WEIR_OK);
        scene.options.producers = &own;
        scene.options.producer_count = 1;
        scene.options.processors.count = 2;
        pipeline_scene_batcher(&scene, "store", 100);
        scene.quiet = true;
        pipeline_scene_open(&scene);
        weir_runtime_step(scene.rig.runtime, 40);
        assert_int_equal(weir_pipeline_drain(scene.pipeline, WEIR_FOREVER), WEIR_OK);
        assert_false(weir_ending(scene.rig.runtime, own));
        for (size_t i = 10; i < own_made; i++) {
            assert_true(scene.handled[i] == scene.handled[10] || scene.handled[i] <= 1);
        }
        pipeline_scene_close(&scene);
        assert_true(scene.stats.begun == scene.stats.done);
    }
}

/* With a partition_by they have as many partitions as there are processors; one may do without. */
static weir_ref start_partitioned(size_t *partitions) {
    weir_ref own;
    const weir_partition_dispatcher_options by = {
        .partitions = *partitions, .hash = own_partition, .context = partitions};
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .name = "own",
        .event_bytes = sizeof(weir_message),
        .type = weir_message_type(),
        .dispatcher = *partitions > 0 ? weir_partition_dispatcher() : NULL,
        .dispatcher_options = *partitions > 0 ? &by : NULL,
        .on = {.handle_demand = make_messages, .discarded = own_discarded}};
    assert_int_equal(weir_stage_start(scene.rig.runtime, &options, &own), WEIR_OK);
    return own;
}

static void own_producers_have_partitions(void **state) {
    (void)state;
    static const struct {
        unsigned processors;
        size_t partitions;
        const char *why;
    } ways[] = {
        {1, 0, NULL},
        {1, 1, NULL},
        {3, 3, NULL},
        {1, 2, "producers[0], stage own, must have 1 partitions"},
        {3, 2, "producers[0], stage own, must have 3 partitions, a processor's each, got 2"},
        {3, 4, "producers[0], stage own, must have 3 partitions, a processor's each, got 4"},
        {3, 0, "producers[0], stage own, must have a partition dispatcher with 3 partitions"}};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        pipeline_scene_of(&scene, NULL, 0);
        own_made = 0;
        memset(last_seen, 0, sizeof last_seen);
        size_t partitions = ways[way].partitions;
        const weir_ref own = start_partitioned(&partitions);
        scene.options.producers = &own;
        scene.options.producer_count = 1;
        scene.options.processors = (weir_processors){.count = ways[way].processors,
                                                     .partition_by = by_number,
                                                     .handle_message = look_at_message};
        const weir_status status = pipeline_scene_try_open(&scene);
        assert_int_equal(status, ways[way].why == NULL ? WEIR_OK : WEIR_INVALID);
        if (status == WEIR_OK) {
            pipeline_scene_run(&scene, 0);
            for (size_t i = 0; i < 2000; i++) assert_int_equal(scene.handled[i], 1);
            pipeline_scene_close(&scene);
        } else {
            assert_non_null(strstr(weir_refusal(), ways[way].why));
            assert_int_equal(weir_runtime_close(scene.rig.runtime, NULL), WEIR_OK);
        }
    }
}

enum { OWN = 1000 }; /* numbers from there on are not the source's */

static weir_verdict make_three_and_flush(weir_stage *self, uint64_t demand) {
    const weir_mark flush = {.kind = WEIR_MARK_FLUSH};
    (void)demand;
    if (own_made > 0) return WEIR_CONTINUE;
    for (; own_made < 3; own_made++) {
        own_numbers[own_made] = OWN + own_made;
        const weir_message message = {
            .data = {.at = (const char *)&own_numbers[own_made], .count = 8}};
        RIG_CHECK(&scene.rig, weir_emit(self, &message, 1) == WEIR_OK);
    }
    RIG_CHECK(&scene.rig, weir_emit_mark(self, &flush) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Through processors, to batchers: what they keep goes. */
static void a_producers_flush_comes_to_batchers(void **state) {
    (void)state;
    EACH_WORLD(10) {
        weir_ref own;
        own_made = 0;
        memset(&scene.batched[OWN], 0, 3 * sizeof scene.batched[OWN]);
        const weir_stage_options options = {
            .kind = WEIR_PRODUCER,
            .event_bytes = sizeof(weir_message),
            .type = weir_message_type(),
            .on = {.handle_demand = make_three_and_flush, .discarded = own_discarded}};
        assert_int_equal(weir_stage_start(scene.rig.runtime, &options, &own), WEIR_OK);
        scene.options.producers = &own;
        scene.options.producer_count = 1;
        scene.options.processors.count = 2;
        pipeline_scene_batcher(&scene, "store", 100)->timeout_ns = WEIR_FOREVER;
        scene.quiet = true;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        for (size_t i = OWN; i < OWN + 3; i++) assert_int_equal(scene.batched[i], 1);
        pipeline_scene_close(&scene);
    }
}

static void ask_failed(void *context, weir_message *messages, size_t count) {
    struct pipeline_scene *of = context;
    for (size_t i = 0; i < count; i++) {
        if (of->answer != WEIR_MESSAGE_FAILED) messages[i].outcome = (uint8_t)of->answer;
    }
    of->asked += (uint32_t)count;
}

static void handle_failed_has_the_last_word(void **state) {
    (void)state;
    static const weir_outcome answers[] = {WEIR_MESSAGE_OK, WEIR_MESSAGE_SKIP, WEIR_MESSAGE_DEAD,
                                           WEIR_MESSAGE_FAILED, WEIR_MESSAGE_NAK};
    static const char *const letters[] = {"oss", "oss", "odd", "ofd", "onn"};
    for (size_t way = 0; way < 5; way++) {
        EACH_WORLD(3) {
            scene.options.handle_failed = ask_failed;
            scene.answer = answers[way];
            scene.does[1] = "f";
            scene.does[2] = "d";
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 0);
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, letters[way]);
            assert_int_equal(scene.asked, 2);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept_within_partitions),
        cmocka_unit_test(batches_have_one_key),
        cmocka_unit_test(processors_that_block),
        cmocka_unit_test(blocking_ones_without_batchers),
        cmocka_unit_test(tries_take_tokens),
        cmocka_unit_test(own_producers_have_partitions),
        cmocka_unit_test(handle_failed_has_the_last_word),
        cmocka_unit_test(own_producers_go_on),
        cmocka_unit_test(a_producers_flush_comes_to_batchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
