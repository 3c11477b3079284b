/*
 * Pipelines: what is to be known of a dead letter, and of a message that has failed for good.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: handle_failed and the batcher of dead letters see how often a message was tried, as what
 * it failed, in a processor or in its batch, and where it was to go; also when the dead letter is
 * tried again itself, which counts apart; other messages say nothing of the kind.
 * Method: a scene, whose batchers and handle_failed note what they see of each message.
 */
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <string.h>

static struct pipeline_scene scene;

#define MS UINT64_C(1000000)

enum { STORE, DEAD, NUMBERS = 10 };

/* What was seen of a message. */
struct seen {
    unsigned times;
    weir_message last;
    unsigned attempt; /* of its batch */
};

static struct seen asked[NUMBERS]; /* by handle_failed */
static struct seen stored[NUMBERS];
static struct seen buried[NUMBERS];
static unsigned dead_fails; /* so many batches of dead letters do */
static weir_outcome answer; /* of handle_failed; OK: as it is      */

static uint64_t number_of(const weir_message *message) {
    uint64_t number;
    memcpy(&number, message->data.at, sizeof number);
    return number;
}

static void see(struct seen *of, const weir_message *message, unsigned attempt) {
    struct seen *seen = &of[number_of(message) % NUMBERS];
    seen->times++;
    seen->last = *message;
    seen->attempt = attempt;
}

static weir_outcome see_batch(void *context, weir_message *messages, size_t count,
                              const weir_batch_info *batch) {
    const bool dead = batch->number == DEAD;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        see(dead ? buried : stored, &messages[i], batch->attempt);
        const char *does = scene.batch_does[number_of(&messages[i])];
        if (!dead && does != NULL) {
            messages[i].outcome = *does == 'f' ? WEIR_MESSAGE_FAILED : WEIR_MESSAGE_DEAD;
        }
    }
    if (dead && dead_fails > 0) {
        dead_fails--;
        return WEIR_MESSAGE_FAILED;
    }
    return WEIR_MESSAGE_OK;
}

static weir_pulled see_letters(void *context, weir_message *messages, size_t count,
                               const weir_batch_info *batch) {
    if (scene.sink_lost > 0) {
        scene.sink_lost--;
        return WEIR_LOST;
    }
    return see_batch(context, messages, count, batch) == WEIR_MESSAGE_OK ? WEIR_PULLED
                                                                         : WEIR_BROKEN;
}

static void see_failed(void *context, weir_message *messages, size_t count) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        see(asked, &messages[i], 0);
        if (answer != WEIR_MESSAGE_OK) messages[i].outcome = (uint8_t)answer;
    }
}

/* So many messages, whose batches go by ones; each is tried twice, letters three times. */
static bool begin(int world, uint64_t count) {
    memset(asked, 0, sizeof asked);
    memset(stored, 0, sizeof stored);
    memset(buried, 0, sizeof buried);
    dead_fails = 0;
    answer = WEIR_MESSAGE_OK;
    if (!pipeline_scene_world(&scene, world, count)) return false;
    pipeline_scene_batcher(&scene, "store", 1)->handle_batch = see_batch;
    weir_pipeline_batcher *dead = pipeline_scene_batcher(&scene, "dead", 1);
    dead->handle_batch = see_batch;
    dead->retry = (weir_tries){.tries = 3, .delay = {.first_ns = MS}};
    scene.options.dead = "dead";
    scene.options.handle_failed = see_failed;
    scene.options.retry = (weir_tries){.tries = 2, .delay = {.first_ns = MS}};
    return true;
}

static void run_and_end(const char *outcomes) {
    pipeline_scene_open(&scene);
    pipeline_scene_run(&scene, 1000 * MS);
    pipeline_scene_end(&scene);
    pipeline_scene_expect(&scene, outcomes);
}

static void expect_seen(const struct seen *of, unsigned times, uint32_t tries, uint8_t as,
                        uint8_t in, uint16_t batcher) {
    assert_int_equal(of->times, times);
    assert_int_equal(of->last.tries, tries);
    assert_int_equal(of->last.failed_as, as);
    assert_int_equal(of->last.failed_in, in);
    assert_int_equal(of->last.batcher, batcher);
}

static void how_it_died_is_known(void **state) {
    (void)state;
    for (int blocking = 0; blocking < 2; blocking++) {
        for (int world = 2; begin(world, 7); world++) {
            scene.options.processors.blocking = blocking > 0;
            scene.does[0] = "f";
            scene.does[1] = "d";
            scene.does[2] = "fd";
            scene.batch_does[3] = "f";
            scene.batch_does[4] = "d";
            scene.does[5] = "1o"; /* to the dead letters, and is none */
            run_and_end("dddddd");
            expect_seen(&buried[0], 1, 2, WEIR_MESSAGE_FAILED, WEIR_ROLE_PROCESSOR, STORE);
            expect_seen(&buried[1], 1, 1, WEIR_MESSAGE_DEAD, WEIR_ROLE_PROCESSOR, STORE);
            expect_seen(&buried[2], 1, 2, WEIR_MESSAGE_DEAD, WEIR_ROLE_PROCESSOR, STORE);
            expect_seen(&buried[3], 1, 2, WEIR_MESSAGE_FAILED, WEIR_ROLE_BATCHES, STORE);
            expect_seen(&buried[4], 1, 1, WEIR_MESSAGE_DEAD, WEIR_ROLE_BATCHES, STORE);
            expect_seen(&buried[5], 1, 0, WEIR_MESSAGE_OK, 0, DEAD);
            expect_seen(&stored[6], 1, 0, WEIR_MESSAGE_OK, 0, STORE);
            expect_seen(&asked[0], 1, 2, WEIR_MESSAGE_OK, WEIR_ROLE_PROCESSOR, STORE);
            assert_int_equal(asked[0].last.outcome, WEIR_MESSAGE_FAILED);
            expect_seen(&asked[4], 1, 1, WEIR_MESSAGE_OK, WEIR_ROLE_BATCHES, STORE);
            assert_int_equal(asked[4].last.outcome, WEIR_MESSAGE_DEAD);
        }
    }
}

/* It says the same at each try, and has all of its own; who asks at last sees that it was one. */
static void letters_are_tried_by_themselves(void **state) {
    (void)state;
    for (unsigned fails = 1; fails <= 3; fails++) {
        for (int world = 2; begin(world, 1); world++) {
            scene.does[0] = "f";
            dead_fails = fails;
            run_and_end(fails < 3 ? "d" : "n");
            expect_seen(&buried[0], fails < 3 ? fails + 1 : 3, 2, WEIR_MESSAGE_FAILED,
                        WEIR_ROLE_PROCESSOR, STORE);
            assert_int_equal(buried[0].attempt, buried[0].times);
            if (fails == 3) {
                expect_seen(&asked[0], 2, 2, WEIR_MESSAGE_FAILED, WEIR_ROLE_PROCESSOR, STORE);
            }
        }
    }
}

/* That a sink was lost is no try. */
static void losses_are_no_tries(void **state) {
    (void)state;
    for (int world = 2; begin(world, 1); world++) {
        scene.sink.write = see_letters;
        scene.batchers[DEAD].handle_batch = NULL;
        scene.batchers[DEAD].sink = &scene.sink;
        scene.sink.open = NULL;
        scene.sink.close = NULL;
        scene.does[0] = "f";
        scene.sink_lost = 5;
        dead_fails = 2;
        run_and_end("d");
        expect_seen(&buried[0], 3, 2, WEIR_MESSAGE_FAILED, WEIR_ROLE_PROCESSOR, STORE);
        assert_int_equal(buried[0].attempt, 8);
    }
}

/* What goes on after all says nothing of it. */
static void who_is_tried_once_more_is_no_letter(void **state) {
    (void)state;
    for (int world = 2; begin(world, 1); world++) {
        scene.does[0] = "ffo";
        answer = WEIR_MESSAGE_RETRY;
        run_and_end("o");
        expect_seen(&asked[0], 1, 2, WEIR_MESSAGE_OK, WEIR_ROLE_PROCESSOR, STORE);
        expect_seen(&stored[0], 1, 0, WEIR_MESSAGE_OK, 0, STORE);
    }
}

static uint32_t by_half(void *context, const weir_message *message) {
    (void)context;
    return (uint32_t)number_of(message) / 2;
}

static void letters_have_partitions(void **state) {
    (void)state;
    for (int world = 2; begin(world, 8); world++) {
        scene.batchers[DEAD].partition_by = by_half;
        scene.batchers[DEAD].count = 3;
        for (size_t i = 0; i < 8; i++) scene.does[i] = i == 1 ? "1o" : "d";
        run_and_end("dddddddd");
        for (size_t i = 0; i < 8; i++) {
            expect_seen(&buried[i], 1, i != 1, i == 1 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_DEAD,
                        i == 1 ? 0 : WEIR_ROLE_PROCESSOR, i == 1 ? DEAD : STORE);
        }
    }
}

/* Another pipeline's letter, which its batch pushes on, is a message like any other. */
static void a_letter_that_is_pushed_is_none(void **state) {
    (void)state;
    const uint64_t number = 6;
    const weir_message letter = {.data = {.at = (const char *)&number, .count = sizeof number},
                                 .failed_as = WEIR_MESSAGE_FAILED,
                                 .failed_in = WEIR_ROLE_BATCHES};
    for (int world = 2; begin(world, 1); world++) {
        scene.does[number] = "1o"; /* to the dead letters */
        pipeline_scene_open(&scene);
        assert_int_equal(weir_pipeline_push(scene.pipeline, &letter, 1), WEIR_OK);
        pipeline_scene_run(&scene, 1000 * MS);
        pipeline_scene_end(&scene);
        expect_seen(&buried[number], 1, 0, WEIR_MESSAGE_OK, 0, DEAD);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_it_died_is_known),
        cmocka_unit_test(letters_are_tried_by_themselves),
        cmocka_unit_test(losses_are_no_tries),
        cmocka_unit_test(who_is_tried_once_more_is_no_letter),
        cmocka_unit_test(letters_have_partitions),
        cmocka_unit_test(a_letter_that_is_pushed_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
