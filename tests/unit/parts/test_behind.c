/*
 * Marks behind what parts keep.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a watermark passes a batcher, a retry stage and a conflater behind all that they kept as it
 * came, and not for ever later; a flush has a batcher let go; what goes at an end, or is dropped,
 * takes marks along in their place; a pool ends them.
 * Method: a producer told number by number, the part, and a sink; simulated runtimes.
 */
#include "support/gather_scene.h"
#include "support/mark_scene.h"
#include "support/results_scene.h"
#include "support/worlds.h"

#include <stdio.h>

static struct rig scene_rig;
static struct player source;
static struct player other;

enum { FLUSH = 0, WATERMARK = 100000 };

/* A cast of 0 is a flush; of 100,000 and more what is beyond, as a watermark; else that number. */
static weir_verdict say_or_emit(weir_stage *self, struct player *player, uint64_t number) {
    weir_status status = WEIR_OK;
    if (number == FLUSH) {
        status = mark_give(self, WEIR_MARK_FLUSH, 0);
    } else if (number >= WATERMARK) {
        status = mark_give(self, WEIR_MARK_WATERMARK, number - WATERMARK);
    } else {
        status = player_emit_numbers(self, &number, 1);
    }
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static void say(uint64_t number) {
    player_cast(&source, number);
    rig_rest(&scene_rig);
}

static void say_all(const uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) say(numbers[i]);
}

static struct player told(const char *name) {
    return (struct player){
        .name = name, .kind = WEIR_PRODUCER, .quiet = true, .does.cast = say_or_emit};
}

static weir_subscribe_to begin(uint64_t seed) {
    rig_open(&scene_rig,
             &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = seed});
    gather_begin(&scene_rig, false, 10);
    source = told("source");
    player_start(&source, &scene_rig, NULL);
    return (weir_subscribe_to){.producer = source.ref, .options = {.max_demand = 100}};
}

static weir_verdict finish(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    return WEIR_FINISH;
}

static void end_source(void) {
    source.does.cast = finish;
    say(1);
}

/* ---- a batcher ----------------------------------------------------------------------- */

static uint64_t thousands(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event / 1000;
}

static void start_batcher(uint64_t seed, weir_batcher_options options) {
    weir_subscribe_to to = begin(seed);
    options.event_bytes = sizeof(uint64_t);
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    if (options.key == NULL) options.key = thousands;
    if (options.timeout_ns == 0) options.timeout_ns = 50 * GATHER_MS;
    assert_int_equal(weir_batcher_start(scene_rig.runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(true, 10);
}

static void a_watermark_waits_for_batches_before_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start_batcher(seed, (weir_batcher_options){.size = 3});
        say(WATERMARK + 1); /* nothing is open */
        gather_expect("watermark 1\n");
        static const uint64_t numbers[] = {1001, 2001, WATERMARK + 5, 3001, 1002, 1003};
        say_all(numbers, 6);
        gather_expect("size 3 of key 1: 1001..1003\n");
        say(3002);
        say(3003); /* began behind the mark, and does not wait for it */
        gather_expect("size 3 of key 3: 3001..3003\n");
        say(4001);
        say(2002);
        say(2003);
        gather_expect("size 3 of key 2: 2001..2003\nwatermark 5\n");
        say(WATERMARK + 6);
        gather_until(100);
        gather_expect("time 1 of key 4: 4001\nwatermark 6\n");
        gather_close(NULL);
    }
}

/* The first one waits for its own, and the last one stands for all between. */
static void of_many_the_first_and_the_last_wait(void **state) {
    (void)state;
    start_batcher(1, (weir_batcher_options){.size = 2});
    static const uint64_t numbers[] = {1001, WATERMARK + 1, 2001, WATERMARK + 2,
                                       3001, WATERMARK + 3, 1002};
    say_all(numbers, 7);
    gather_expect("size 2 of key 1: 1001..1002\nwatermark 1\n");
    say(2002);
    gather_expect("size 2 of key 2: 2001..2002\n");
    say(3002);
    gather_expect("size 2 of key 3: 3001..3002\nwatermark 3\n");
    gather_close(NULL);
}

static weir_verdict none_is_late(weir_stage *self, const weir_gathered *batch) {
    const uint64_t *numbers = batch->events;
    (void)self;
    for (uint32_t i = 0; i < batch->count; i++)
        RIG_CHECK(&scene_rig, numbers[i] >= gather_scene.watermark);
    return WEIR_CONTINUE;
}

static uint64_t of_seven(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 7;
}

/* Events, whose number is their time, come all the time, and a watermark behind each. */
static void none_is_held_up_for_ever(void **state) {
    (void)state;
    enum { STEPS = 500, TIMEOUT_MS = 20 };
    for (uint64_t seed = 1; seed < 4; seed++) {
        start_batcher(seed, (weir_batcher_options){.timeout_ns = TIMEOUT_MS * GATHER_MS,
                                                   .size = 1000,
                                                   .key = of_seven});
        gather_scene.look = none_is_late;
        for (uint64_t i = 1; i <= STEPS; i++) {
            say(i);
            say(WATERMARK + i + 1);
            gather_until(i + 1);
            assert_true(i < 3 * TIMEOUT_MS || gather_scene.watermark > i - 2 * TIMEOUT_MS);
            gather_scene.said.used = 0;
        }
        gather_until(STEPS + 100);
        assert_int_equal(gather_scene.watermark, STEPS + 1);
        assert_int_equal(gather_scene.events, STEPS);
        gather_scene.said.used = 0;
        gather_close(NULL);
    }
}

static void a_flush_has_all_go(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start_batcher(seed, (weir_batcher_options){.size = 3});
        say(FLUSH);
        gather_expect("flush 0\n");
        static const uint64_t numbers[] = {1001, 2001, WATERMARK + 5, 1002, FLUSH, 1003};
        say_all(numbers, 6);
        gather_expect("flush 2 of key 1: 1001..1002\nflush 1 of key 2: 2001\nwatermark 5\n"
                      "flush 0\n");
        gather_expect_kept(1);
        gather_until(100);
        gather_expect("time 1 of key 1: 1003\n");
        gather_close(NULL);
    }
}

static void the_end_takes_it_along(void **state) {
    (void)state;
    for (int way = 0; way < 3; way++) {
        start_batcher(3, (weir_batcher_options){.size = 3});
        say(1001);
        say(WATERMARK + 5);
        gather_expect("");
        if (way == 0) {
            end_source();
        } else if (way == 1) {
            gather_drain();
        } else {
            weir_stop(scene_rig.runtime, gather_scene.part, WEIR_REASON_NORMAL);
            rig_rest(&scene_rig);
        }
        gather_expect(way < 2 ? "end 1 of key 1: 1001\nwatermark 5\n" : "");
        gather_close(NULL);
    }
}

/* Who has held it back ends: the watermark rises, and waits as any. */
static void one_that_rises_by_an_end_waits_too(void **state) {
    (void)state;
    start_batcher(2, (weir_batcher_options){.size = 3});
    other = told("other");
    player_start(&other, &scene_rig, NULL);
    weir_subscription by;
    const weir_subscribe_options temporary = {.max_demand = 10, .cancel = WEIR_TEMPORARY};
    assert_int_equal(
        weir_subscribe(scene_rig.runtime, gather_scene.part, other.ref, &temporary, &by), WEIR_OK);
    rig_rest(&scene_rig);
    say(1001);
    say(WATERMARK + 9);
    gather_expect("");
    player_stop(&other, WEIR_REASON_NORMAL);
    rig_rest(&scene_rig);
    gather_expect("");
    gather_until(100);
    gather_expect("time 1 of key 1: 1001\nwatermark 9\n");
    gather_close(NULL);
}

static weir_verdict mark_without_memory(weir_stage *self, struct player *player, uint64_t number) {
    RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_WATERMARK, number) == WEIR_OK);
    test_memory_fail(&player->rig->memory, 1, true);
    return WEIR_CONTINUE;
}

/* Rather than before its time. */
static void without_memory_it_is_lost_and_said(void **state) {
    (void)state;
    start_batcher(1, (weir_batcher_options){.size = 3});
    say(1001);
    source.does.cast = mark_without_memory;
    say(5);
    test_memory_fail_never(&scene_rig.memory);
    rig_expect_log(&scene_rig, "error: stage batcher: no memory for a mark of kind 1: lost\n");
    source.does.cast = say_or_emit;
    say(WATERMARK + 6);
    gather_until(100);
    gather_expect("time 1 of key 1: 1001\nwatermark 6\n");
    gather_close(NULL);
}

/* ---- a retry stage ------------------------------------------------------------------- */

static uint64_t its_delay(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 1000 * GATHER_MS;
}

static void start_retry(uint64_t seed, weir_retry_options options) {
    weir_subscribe_to to = begin(seed);
    options.event_bytes = sizeof(uint64_t);
    options.delay = its_delay;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_retry_start(scene_rig.runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(false, 10);
    gather_scene.times = true;
}

static void a_watermark_waits_for_retries_before_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start_retry(seed, (weir_retry_options){.name = NULL});
        static const uint64_t numbers[] = {10, 30,    WATERMARK + 1, 20, WATERMARK + 2,
                                           40, FLUSH, WATERMARK + 3};
        say_all(numbers, 8);
        gather_expect("0 ms: flush 0\n"); /* it is of what comes from now on */
        gather_until(35);
        gather_expect("10 ms: 10\n20 ms: 20\n30 ms: 30\n30 ms: watermark 1\n");
        gather_until(50);
        gather_expect("40 ms: 40\n40 ms: watermark 3\n");
        say(WATERMARK + 4);
        gather_expect("50 ms: watermark 4\n");
        gather_close(NULL);
    }
}

static void what_is_dropped_holds_none_back(void **state) {
    (void)state;
    for (int way = 0; way < 3; way++) {
        start_retry(
            4, (weir_retry_options){.at_end = way == 1 ? WEIR_RETRY_AT_ONCE : WEIR_RETRY_DROP});
        say(30);
        say(WATERMARK + 1);
        if (way < 2) {
            gather_drain();
        } else {
            weir_stop(scene_rig.runtime, gather_scene.part, WEIR_REASON_NORMAL);
            rig_rest(&scene_rig);
        }
        static const char *const expected[] = {"0 ms: watermark 1\n",
                                               "0 ms: 30\n0 ms: watermark 1\n", ""};
        gather_expect(expected[way]);
        gather_close(NULL);
    }
}

/* ---- a conflater ------------------------------------------------------------------------ */

static void start_conflater(uint64_t seed, weir_conflate_options options) {
    weir_subscribe_to to = begin(seed);
    options.event_bytes = sizeof(uint64_t);
    options.key = thousands;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_conflate_start(scene_rig.runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(false, 0);
}

static void marks_have_their_place_in_the_line(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start_conflater(seed, (weir_conflate_options){.name = NULL});
        static const uint64_t numbers[] = {1001, WATERMARK + 5, 2001, 1002, FLUSH, FLUSH};
        say_all(numbers, 6);
        gather_expect("");
        gather_ask(1);
        gather_expect("1002\nwatermark 5\n"); /* the place is the key's */
        say(3001);
        say(WATERMARK + 7);
        gather_ask(1);
        gather_expect("2001\nflush 0\nflush 0\n");
        gather_ask(5);
        gather_expect("3001\nwatermark 7\n");
        say(4001);
        say(WATERMARK + 8); /* nothing waits */
        gather_expect("4001\nwatermark 8\n");
        gather_close(NULL);
    }
}

static void what_makes_room_holds_none_back(void **state) {
    (void)state;
    start_conflater(1, (weir_conflate_options){.keys = 1});
    static const uint64_t numbers[] = {1001, WATERMARK + 5, 2001, WATERMARK + 6};
    say_all(numbers, 4);
    gather_expect("watermark 5\n");
    end_source();
    gather_expect("");
    gather_ask(5);
    gather_expect("2001\nwatermark 6\n");
    gather_close(NULL);
}

/* More than there was room for at first, over and over. */
static void many_marks_keep_their_places(void **state) {
    (void)state;
    start_conflater(1, (weir_conflate_options){.name = NULL});
    for (uint64_t round = 1; round <= 3; round++) {
        for (uint64_t key = 1; key <= 20; key++) {
            say(1000 * key + round);
            say(FLUSH);
        }
        for (uint64_t key = 1; key <= 20; key++) {
            char expected[64];
            snprintf(expected, sizeof expected, "%u\nflush 0\n", (unsigned)(1000 * key + round));
            gather_ask(1);
            gather_expect(expected);
        }
    }
    gather_close(NULL);
}

/* ---- a pool ----------------------------------------------------------------------------- */

static void a_pool_ends_marks(void **state) {
    (void)state;
    static struct results_scene s;
    for (int order = 0; order < 2; order++) {
        const weir_pool_emits emits = {.order = order > 0 ? WEIR_POOL_IN_ORDER : 0};
        struct player d = MARK_CONSUMER("d");
        d.manual = true;
        results_open(&s, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2}, 1);
        s.p.does.cast = mark_all_kinds;
        results_pool(&s, 5, &emits, NULL);
        results_consumer(&s, 10);
        player_start(&d, &s.rig, NULL);
        player_subscribe(&d, &s.stage, NULL);
        rig_rest(&s.rig);
        player_cast(&s.p, 0);
        rig_rest(&s.rig);
        results_expect(&s, "100 1100 2100 3100 4100");
        player_expect(&d, "subscribe nobody\n");
        assert_int_equal(rig_accounts(&s.rig).marks, 4);
        results_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watermark_waits_for_batches_before_it),
        cmocka_unit_test(of_many_the_first_and_the_last_wait),
        cmocka_unit_test(none_is_held_up_for_ever),
        cmocka_unit_test(a_flush_has_all_go),
        cmocka_unit_test(the_end_takes_it_along),
        cmocka_unit_test(one_that_rises_by_an_end_waits_too),
        cmocka_unit_test(without_memory_it_is_lost_and_said),
        cmocka_unit_test(a_watermark_waits_for_retries_before_it),
        cmocka_unit_test(what_is_dropped_holds_none_back),
        cmocka_unit_test(marks_have_their_place_in_the_line),
        cmocka_unit_test(what_makes_room_holds_none_back),
        cmocka_unit_test(many_marks_keep_their_places),
        cmocka_unit_test(a_pool_ends_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
