/*
 * Blocking processors: what a task does with its message.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a task gives its message new bytes, makes more of it, and acknowledges it, as a stage does;
 * what it made is not there where it failed; bytes last until the message is settled, and
 * longer in no case; a steady flow makes no blocks anew.
 * Method: scenes, in worlds with virtual time; what was written is looked at where the batch is
 * handled, and nothing is left at the end (the scene asserts that).
 */
#include "pipeline/pipeline.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <stdlib.h>
#include <string.h>

static struct pipeline_scene scene;

#define MS UINT64_C(1000000)

/* Those with virtual time. */
#define EACH_WORLD(count) for (int world = 2; pipeline_scene_world(&scene, world, (count)); world++)

static void set_scene(unsigned count) {
    scene.options.processors.blocking = true;
    scene.options.processors.count = count;
    pipeline_scene_batcher(&scene, "store", 4);
}

/* By room and by copy, the scene looks; a retry sees what was left to it. */
static void new_bytes_go_on(void **state) {
    (void)state;
    EACH_WORLD(50) {
        set_scene(3);
        scene.options.retry.tries = 2;
        for (size_t i = 0; i < 50; i++) scene.does[i] = i % 5 == 4 ? "o" : "w";
        scene.does[7] = "fw";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 1000 * MS);
        weir_accounts accounts = pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.done, 50);
        assert_true(accounts.blocks_made > 0);
        for (size_t i = 0; i < 50; i++) assert_int_equal(scene.batched[i], 1);
    }
}

static void one_becomes_two(void **state) {
    (void)state;
    EACH_WORLD(5) {
        set_scene(2);
        scene.does[1] = "+";
        scene.does[2] = "a";
        scene.does[3] = "9+";      /* there is no such batcher, for either of them */
        scene.batch_does[2] = "f"; /* which nobody hears of */
        scene.batch_does[1] = "of";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 1000 * MS);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "ofofo");
        assert_int_equal(scene.batched[1], 2);
        assert_int_equal(scene.stats.done, 3);
        assert_int_equal(scene.stats.failed, 3);
    }
}

/* ---- what was made by who failed ------------------------------------------- */

static weir_outcome make_and_fail(void *context, weir_work *work, weir_message *message) {
    struct pipeline_scene *in = context;
    uint64_t number;
    memcpy(&number, message->data.at, sizeof number);
    RIG_CHECK(&in->rig, weir_work_more(work) != NULL);
    RIG_CHECK(&in->rig, weir_work_set(work, &number, sizeof number));
    RIG_CHECK(&in->rig, weir_work_more(work) != NULL);
    return in->handled[number]++ == 0 ? WEIR_MESSAGE_FAILED : WEIR_MESSAGE_OK;
}

static void who_fails_has_made_nothing(void **state) {
    (void)state;
    EACH_WORLD(8) {
        set_scene(2);
        scene.options.processors.handle_message = make_and_fail;
        scene.options.retry.tries = 2;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 1000 * MS);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "oooooooo");
        for (size_t i = 0; i < 8; i++) assert_int_equal(scene.batched[i], 3);
    }
}

static void without_batchers_they_are_done(void **state) {
    (void)state;
    EACH_WORLD(8) {
        scene.options.processors.blocking = true;
        scene.options.processors.count = 2;
        scene.does[1] = "+";
        scene.does[2] = "w";
        scene.does[3] = "a";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "oooooooo");
        assert_int_equal(scene.stats.done, 9);
    }
}

/* ---- a drain ---- */

enum { FIRST = 100, FAILING = 70, LATER = 66 };

/* They lie in the places of those that have ended, before those that wait. */
static void queue_others(void) {
    weir_message messages[LATER];
    uint64_t numbers[LATER];
    for (size_t i = 0; i < LATER; i++) {
        numbers[i] = FIRST + i;
        messages[i] = (weir_message){.data = {.at = (const char *)&numbers[i], .count = 8}};
    }
    weir_pool_counts counts = {0};
    assert_int_equal(weir_pipeline_push(scene.pipeline, messages, LATER), WEIR_OK);
    while (counts.queued + counts.running < LATER - 1) {
        assert_int_equal(weir_runtime_step(scene.rig.runtime, 1), 1);
        weir_pool_count(scene.pipeline->processors[0].pool, &counts);
        assert_int_equal(counts.restarting, FIRST - FAILING);
    }
}

/* Whatever lies before it in the table of its pool. */
static void what_waits_is_given_back(void **state) {
    (void)state;
    EACH_WORLD(FIRST) {
        set_scene(1);
        scene.options.batcher_count = 0;
        scene.options.batchers = NULL;
        scene.options.processors.max_demand = 200;
        scene.options.retry = (weir_tries){.tries = 2, .delay = {.first_ns = 3600000 * MS}};
        for (size_t i = FAILING; i < FIRST; i++) scene.does[i] = "f";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        queue_others();
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.naks, FIRST - FAILING);
    }
}

/* ---- memory ---------------------------------------------------------------- */

/* More than a block of bytes has, and nothing, and too much. */
static weir_outcome write_sizes(void *context, weir_work *work, weir_message *message) {
    static char large[200000];
    struct pipeline_scene *in = context;
    (void)message;
    RIG_CHECK(&in->rig, weir_work_set(work, large, sizeof large));
    RIG_CHECK(&in->rig, message->data.count == sizeof large);
    RIG_CHECK(&in->rig, !weir_work_set(work, large, (size_t)WEIR_PAYLOAD_LIMIT_MAX + 1));
    RIG_CHECK(&in->rig, message->data.count == sizeof large);
    const char *before = message->data.at;
    char *room = weir_work_room(work, 8);
    RIG_CHECK(&in->rig, room != NULL && before[sizeof large - 1] == 0); /* to be read still */
    memset(room, 0, 8);
    RIG_CHECK(&in->rig, weir_work_set(work, NULL, 0) && message->data.count == 0);
    for (int i = 0; i < 30; i++) { /* side by side, and aligned */
        const size_t count = i % 3 == 0 ? 8 : 5;
        RIG_CHECK(&in->rig, i % 2 == 0 ? weir_work_set(work, large, count)
                                       : weir_work_room(work, count) != NULL);
        RIG_CHECK(&in->rig, (uintptr_t)message->data.at % 8 == 0);
    }
    RIG_CHECK(&in->rig, weir_work_set(work, large, 8));
    return WEIR_MESSAGE_OK;
}

static void any_size_has_room(void **state) {
    (void)state;
    EACH_WORLD(10) {
        set_scene(2);
        scene.quiet = true;
        scene.options.processors.handle_message = write_sizes;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 1000 * MS);
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.done, 10);
    }
}

/* Two at once, and few are out: so a few blocks are filled again and again. */
static void a_steady_flow_makes_no_blocks(void **state) {
    (void)state;
    enum { MESSAGES = 20000 };
    EACH_WORLD(MESSAGES) {
        set_scene(2);
        scene.quiet = true;
        scene.options.max_outstanding = 64;
        for (size_t i = 0; i < MESSAGES; i++) scene.does[i] = "w";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 1000 * MS);
        weir_accounts accounts = pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.done, MESSAGES);
        assert_in_range(accounts.blocks_made, 1, 60);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_bytes_go_on),
        cmocka_unit_test(one_becomes_two),
        cmocka_unit_test(who_fails_has_made_nothing),
        cmocka_unit_test(without_batchers_they_are_done),
        cmocka_unit_test(what_waits_is_given_back),
        cmocka_unit_test(any_size_has_room),
        cmocka_unit_test(a_steady_flow_makes_no_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
