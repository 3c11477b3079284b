/*
 * A stream whose stage is subscribed in any way that stages are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: it ends when no subscription is left, whoever made them, and not before: a
 * refused one is an end as well, one that is still on its way is none.
 * Method: stepped and simulated runtimes; endless and finite producers; a stage that
 * has become cold, so that nothing but the subscription's end wakes it.
 */
#include "support/deeds.h"
#include "support/stream_scene.h"
#include "support/worlds.h"

#include "parts/stream.h"

#include <weir/dispatcher.h>

static struct stream_scene f;

#define EACH_WORLD(world)          \
    int world = 0;                 \
    rig_open_world(&f.rig, world); \
    world++

static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY};

/* Sends the numbers below 5, then stops. */
static void start_finite(struct player *player, const char *name) {
    *player = (struct player){.name = name, .kind = WEIR_PRODUCER, .limit = 5, .quiet = true};
    player->does.demand = deed_emit_to_the_end;
    player_start(player, &f.rig, NULL);
}

static void open_cold(void) {
    scene_open_list(&f, NULL, 0);
    rig_rest(&f.rig);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    rig_rest(&f.rig);
}

/* ---- refused ------------------------------------------------------------- */

static void a_refused_partition_is_an_end(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        for (EACH_WORLD(world)) {
            f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
            player_start(
                &f.p, &f.rig,
                &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                      .dispatcher_options =
                                          &(weir_partition_dispatcher_options){.partitions = 2}});
            struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
            player_start(&c, &f.rig, NULL);
            player_subscribe(&c, &f.p, &(weir_subscribe_options){.partition = WEIR_PARTITION(0)});
            open_cold();
            /* taken, or unknown */
            const weir_subscribe_options options = {.cancel = modes[i % 3],
                                                    .partition = WEIR_PARTITION(i < 3 ? 0 : 2)};
            assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, NULL, NULL), WEIR_INVALID);
            assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, &options, NULL), WEIR_OK);
            scene_expect_end(&f, WEIR_REASON_NORMAL);
            scene_finish(&f);
        }
    }
}

/* ---- by others ----------------------------------------------------------- */

static void resubscribed_it_goes_on(void) {
    scene_start(&f, &f.p, "p", 2, true);
    scene_start(&f, &f.q, "q", 40, true);
    scene_open_list(&f, NULL, 0);
    weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
    weir_subscription old;
    assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, &options, &old), WEIR_OK);
    scene_take_numbers(&f, 0, 2);
    assert_int_equal(
        weir_resubscribe(f.rig.runtime, old, WEIR_REASON_NORMAL, f.q.ref, &options, NULL), WEIR_OK);
    scene_take_numbers(&f, 0, 40);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    player_stop(&f.q, WEIR_REASON_NORMAL);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    scene_finish(&f);
}

static void another_ones_end_is_not_its_own(void) {
    scene_start(&f, &f.p, "p", 2, true);
    start_finite(&f.q, "q");
    weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
    scene_open(&f, options);
    scene_take_numbers(&f, 0, 2);
    assert_int_equal(weir_subscribe(f.rig.runtime, f.s.ref, f.q.ref, &options, NULL), WEIR_OK);
    scene_take_numbers(&f, 0, 5);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    player_cast(&f.p, 3);
    scene_take_numbers(&f, 2, 3);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    scene_finish(&f);
}

static void subscribed_by_others_alone_it_ends_too(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        for (EACH_WORLD(world)) {
            start_finite(&f.q, "q");
            open_cold();
            assert_int_equal(weir_subscribe(f.rig.runtime, f.s.ref, f.q.ref,
                                            &(weir_subscribe_options){.cancel = modes[i]}, NULL),
                             WEIR_OK);
            scene_take_numbers(&f, 0, 5);
            scene_expect_end(&f, WEIR_REASON_NORMAL);
            scene_finish(&f);
        }
    }
}

/* ---- on the way ---------------------------------------------------------- */

/* A thread within weir_stream_subscribe, by hand: it has counted, and not sent yet. */
static void a_request_on_its_way_is_waited_for(void) {
    scene_start(&f, &f.p, "p", 3, true);
    start_finite(&f.q, "q");
    open_cold();
    weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
    assert_int_equal(weir_subscribe(f.rig.runtime, f.s.ref, f.q.ref, &options, NULL), WEIR_OK);
    weir__fetch_add_u32(&f.stream->requested, 1);
    scene_take_numbers(&f, 0, 5);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    assert_int_equal(weir__subscribe_counted(f.rig.runtime, f.s.ref, f.p.ref, &options, NULL),
                     WEIR_OK);
    scene_take_numbers(&f, 0, 3);
    weir__fetch_add_u32(&f.stream->requested, 1);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    weir__fetch_sub_u32(&f.stream->requested, 1);
    /* Refused: then there is nothing to wait for. */
    assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, &options, NULL), WEIR_NO_STAGE);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    scene_finish(&f);
}

static void closing_none_does_nothing(void **state) {
    (void)state;
    weir_stream_close(NULL);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_partition_is_an_end),
        IN_WORLDS(resubscribed_it_goes_on),
        IN_WORLDS(another_ones_end_is_not_its_own),
        cmocka_unit_test(subscribed_by_others_alone_it_ends_too),
        IN_WORLDS(a_request_on_its_way_is_waited_for),
        cmocka_unit_test(closing_none_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
