/*
 * What a stream refuses, and what it does without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: bad options are refused by name; a callback does not wait; want of memory
 * leaves nothing behind when a stream is opened, and loses nothing untold later.
 * Method: each bad option by itself; stepped and simulated runtimes; an allocator
 * that fails the k-th time, and perhaps from then on.
 */
#include "support/stream_scene.h"
#include "support/worlds.h"

#include "parts/stream.h"

static struct stream_scene f;

/* ---- refusals ------------------------------------------------------------ */

static void raises_on_bad_options(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    scene_start(&f, &f.p, "p", 5, true);
    weir_stream *stream = NULL;
    const weir_stream_options good = {.event_bytes = 8};
    assert_int_equal(weir_stream_open(f.rig.runtime, NULL, &stream), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "options must not be NULL");
    assert_int_equal(weir_stream_open(f.rig.runtime, &good, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    const weir_subscribe_to bad_list = {.producer = f.p.ref,
                                        .options = {.max_demand = 10, .min_demand = 20}};
    const struct {
        weir_stream_options options;
        const char *sentence;
    } cases[] = {
        {{.event_bytes = 0}, "event_bytes must be from 1 to 65536, got 0"},
        {{.event_bytes = 65537}, "event_bytes must be from 1 to 65536, got 65537"},
        {{.event_bytes = 8, .demand = (weir_stream_demand)3},
         "demand must be one of WEIR_STREAM_FORWARD, WEIR_STREAM_ACCUMULATE, WEIR_STREAM_LEAVE, "
         "got 3"},
        {{.event_bytes = 8, .subscribe_count = 2},
         "subscribe_to must be set when subscribe_count is 2"},
        {{.event_bytes = 8, .subscribe_to = &bad_list, .subscribe_count = 1},
         "stage stream: min_demand must be at most 9, got 20"},
        {{.event_bytes = 8, .worker = WEIR_WORKER(1)},
         "stage stream: worker must be below 1, got 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_stream_open(f.rig.runtime, &cases[i].options, &stream), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    assert_null(stream);
    scene_open(&f, (weir_subscribe_options){0});
    assert_int_equal(weir_stream_next(f.stream, NULL, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "event must not be NULL");
    assert_null(weir_stream_batch(f.stream, 0, 0, NULL).events); /* nothing has come */
    assert_int_equal(weir_stream_fd(f.stream, NULL), WEIR_INVALID);
    assert_int_equal(weir_stream_reason(f.stream), WEIR_REASON_NORMAL);
    scene_finish(&f);
}

static weir_verdict read_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)number;
    uint64_t event;
    weir_status status = weir_stream_next(f.stream, &event, 1);
    if (player->own == NULL) { /* nothing has come yet */
        RIG_CHECK(&f.rig, status == WEIR_WRONG_THREAD);
        RIG_CHECK(&f.rig, weir_stream_next(f.stream, &event, 0) == WEIR_TIMEOUT);
        player->own = player;
    } else {
        RIG_CHECK(&f.rig, status == WEIR_OK);
        f.s.handled++;
    }
    return WEIR_CONTINUE;
}

static void a_callback_does_not_wait(void) {
    scene_start(&f, &f.p, "p", 0, true);
    f.q = (struct player){.name = "q", .kind = WEIR_CONSUMER, .does.cast = read_inside};
    player_start(&f.q, &f.rig, NULL);
    scene_open(&f, (weir_subscribe_options){0});
    rig_rest(&f.rig);
    player_cast(&f.q, 1);
    rig_rest(&f.rig);
    player_cast(&f.p, 3);
    rig_rest(&f.rig);
    player_cast(&f.q, 1);
    rig_rest(&f.rig);
    assert_int_equal(f.s.handled, 1);
    scene_finish(&f);
}

/* Stepping is for who waits: with no time to wait nothing moves. */
static void without_time_nothing_is_stepped(void) {
    scene_start(&f, &f.p, "p", 3, true);
    scene_open(&f, (weir_subscribe_options){0});
    for (int i = 0; i < 10; i++) assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    assert_int_equal(rig_accounts(&f.rig).turns, 0);
    scene_take_numbers(&f, 0, 3);
    scene_finish(&f);
}

/* ---- memory -------------------------------------------------------------- */

static void without_memory_nothing_is_opened(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    scene_start(&f, &f.p, "p", 5, true);
    rig_rest(&f.rig);
    const weir_subscribe_to list[] = {{.producer = f.p.ref}, {.producer = f.p.ref}};
    const weir_stream_options options = {
        .event_bytes = 8, .subscribe_to = list, .subscribe_count = 2};
    weir_status status = WEIR_NO_MEMORY;
    uint64_t refusals = 0;
    for (; status != WEIR_OK; refusals++) {
        uint64_t live = f.rig.memory.live;
        test_memory_fail(&f.rig.memory, refusals + 1, false);
        status = weir_stream_open(f.rig.runtime, &options, &f.stream);
        test_memory_fail_never(&f.rig.memory);
        assert_true(status == WEIR_OK || (status == WEIR_NO_MEMORY && f.rig.memory.live == live));
    }
    assert_true(refusals > 5);
    scene_finish(&f);
}

/* A whole small life in which the k-th allocation fails, and perhaps all later ones. */
static void any_allocation_may_fail(void **state) {
    (void)state;
    for (uint64_t at = 1; at < 120; at++) {
        rig_open(&f.rig, NULL);
        f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 60, .quiet = true};
        player_start(&f.p, &f.rig, NULL);
        scene_open(&f, (weir_subscribe_options){.max_demand = 40, .min_demand = 30});
        test_memory_fail(&f.rig.memory, at, at % 2 == 0);
        uint64_t number;
        for (int i = 0; i < 35; i++) {
            weir_status status = weir_stream_next(f.stream, &number, WEIR_FOREVER);
            f.s.handled += status == WEIR_OK;
            if (i % 7 == 0) (void)weir_cast(f.rig.runtime, f.p.ref, &(uint64_t){1}, 8);
        }
        weir_stream_close(f.stream);
        rig_rest(&f.rig);
        test_memory_fail_never(&f.rig.memory);
        weir_runtime_stop(f.rig.runtime, WEIR_REASON_NORMAL);
        f.rig.log.used = 0;
        rig_close(&f.rig);
    }
}

/* The stage stops with batches lent and others behind an end, and cannot give them back. */
static void without_memory_what_was_lent_is_discarded(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    scene_start(&f, &f.p, "p", 0, true);
    scene_start(&f, &f.q, "q", 0, true);
    const weir_subscribe_to list[] = {{.producer = f.p.ref},
                                      {.producer = f.q.ref, .options = {.cancel = WEIR_TEMPORARY}}};
    const weir_stream_options options = {
        .event_bytes = 8, .subscribe_to = list, .subscribe_count = 2};
    assert_int_equal(weir_stream_open(f.rig.runtime, &options, &f.stream), WEIR_OK);
    rig_rest(&f.rig);
    for (int i = 0; i < 7; i++) player_cast(&f.p, 1);
    rig_rest(&f.rig);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    rig_rest(&f.rig);
    for (int i = 0; i < 4; i++) player_cast(&f.q, 1); /* behind the end */
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).in_flight, 11);
    assert_int_equal(weir_stop(f.rig.runtime, weir_stream_stage(f.stream), WEIR_REASON_USER),
                     WEIR_OK);
    test_memory_fail(&f.rig.memory, 1, true);
    rig_rest(&f.rig);
    test_memory_fail_never(&f.rig.memory);
    rig_expect_log(&f.rig, "warning: stream stream has discarded 11 events\n");
    assert_int_equal(scene_try(&f, 0), WEIR_END);
    weir_stream_close(f.stream);
    player_stop(&f.q, WEIR_REASON_NORMAL);
    rig_close(&f.rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raises_on_bad_options),
        IN_WORLDS(a_callback_does_not_wait),
        IN_WORLDS(without_time_nothing_is_stepped),
        cmocka_unit_test(without_memory_nothing_is_opened),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(without_memory_what_was_lent_is_discarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
