/*
 * Windows: what comes of which events, when, and how often.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each kind of window has the events that it should, and is emitted when it is over, or
 * before, once for each reason; late events are added, or told.
 * Method: results as window_scene.h has them, in stepped and simulated runtimes, whose time is
 * their own.
 */
#include "support/window_scene.h"
#include "support/worlds.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

/* In runtimes whose time is their own. */
static void in_virtual_time(void **state) {
    void (*const *test)(struct rig * rig) = *state;
    static struct rig rig;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED,
                                               .workers = 1 + (unsigned)seed % 2,
                                               .seed = seed});
        (*test)(&rig);
    }
}

#define TEST_IN_VIRTUAL_TIME(test)                                      \
    {                                                                   \
#test, in_virtual_time, NULL, NULL, &(void (*)(struct rig *)) { \
            test                                                        \
        }                                                               \
    }

/* ---- kinds ------------------------------------------------------------------- */

static void tumbling_windows_end_at_their_watermark(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 10);
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 9, 1}, {1, 10, 2}, {1, 0, 4}, {1, 19, 8}, {1, 20, 16});
    window_watermark(9);
    window_expect("watermark 9\n");
    window_watermark(10);
    window_expect("1 [0, 10) 5 of 2, over\nwatermark 10\n");
    WINDOW_COME({1, 10, 32}, {1, 9, 64}); /* the second one is late */
    rig_text_expect(&window_seen.late, "64@9 ");
    window_watermark(25);
    window_expect("1 [10, 20) 42 of 3, over\nwatermark 25\n");
    weir_window_counts got = window_counts();
    assert_int_equal(got.events, 7);
    assert_int_equal(got.late, 1);
    assert_int_equal(got.open, 1);
    assert_int_equal(got.most, 3);
    assert_int_equal(got.watermark, 25);
    assert_int_equal(got.emitted[WEIR_TRIGGER_WATERMARK], 2);
    window_close();
    window_expect("1 [20, 30) 16 of 1, end\n");
}

static void sliding_windows_share_their_events(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_SLIDING, 10);
    options.every = 5;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({7, 3, 1}, {7, 12, 2});
    window_watermark(10);
    window_expect("7 [0, 10) 1 of 1, over\nwatermark 10\n");
    WINDOW_COME({7, 6, 4}, {7, 4, 8}); /* the first is late for one of its two window_stage */
    rig_text_expect(&window_seen.late, "8@4 ");
    window_watermark(15);
    window_expect("7 [5, 15) 6 of 2, over\nwatermark 15\n");
    window_watermark(20);
    window_expect("7 [10, 20) 2 of 1, over\nwatermark 20\n");
    window_close();
    window_expect("");
}

/* Of no whole number of steps: an event is in one window or in two. */
static void sliding_windows_need_not_be_multiples(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_SLIDING, 7);
    options.every = 5;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 6, 1}, {1, 8, 2}); /* [0, 7) and [5, 12); [5, 12) */
    window_watermark(7);
    window_expect("1 [0, 7) 1 of 1, over\nwatermark 7\n");
    window_watermark(12);
    window_expect("1 [5, 12) 3 of 2, over\nwatermark 12\n");
    window_close();
}

static void sessions_grow_and_join(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_SESSION, 10);
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 0, 1}, {1, 9, 2}, {1, 30, 4}, {2, 5, 8}, {1, 45, 16});
    assert_int_equal(window_counts().open, 4);
    WINDOW_COME({1, 38, 32}); /* joins the sessions of 30 and 45 */
    assert_int_equal(window_counts().open, 3);
    window_watermark(15);
    window_expect("2 [5, 15) 8 of 1, over\nwatermark 15\n");
    window_watermark(19);
    window_expect("1 [0, 19) 3 of 2, over\nwatermark 19\n");
    window_watermark(54);
    window_expect("watermark 54\n");
    WINDOW_COME({1, 40, 64}); /* nothing of it is over yet */
    window_watermark(55);
    window_expect("1 [30, 55) 116 of 4, over\nwatermark 55\n");
    WINDOW_COME({1, 44, 128});
    rig_text_expect(&window_seen.late, "128@44 ");
    window_close();
}

static void counted_windows_are_over_with_their_last_event(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_COUNT, 3);
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 5, 1}, {2, 1, 2}, {1, 3, 4}, {1, 9, 8}, {1, 7, 16});
    window_expect("1 [3, 9) 13 of 3, count\n");
    window_watermark(UINT64_MAX);
    window_expect("watermark 18446744073709551615\n");
    window_mark(0, WEIR_MARK_FLUSH, 0);
    char *text = window_seen.results.text;
    assert_non_null(strstr(text, "1 [7, 7) 16 of 1 so far, flush\n"));
    assert_non_null(strstr(text, "2 [1, 1) 2 of 1 so far, flush\n"));
    window_close();
}

static void a_global_window_is_over_at_the_end(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_GLOBAL, 0);
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 5, 1}, {1, 500, 2});
    window_watermark(1000);
    window_mark(0, WEIR_MARK_END_OF_FILE, 7);
    window_expect("watermark 1000\nend of file 7\n");
    window_close();
    window_expect("1 [0, end) 3 of 2, end\n");
}

/* ---- the time ------------------------------------------------------------------ */

/* The least of both; who ends counts no longer. */
static void time_is_that_of_the_slowest_source(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 10);
    window_open(rig, &options, 2, WINDOW_PLENTY);
    WINDOW_COME({1, 1, 1}, {1, 11, 2}, {1, 21, 4});
    window_watermark(30);
    window_expect("");
    window_mark(1, WEIR_MARK_WATERMARK, 10);
    window_expect("1 [0, 10) 1 of 1, over\nwatermark 10\n");
    const struct window_event late_here = {1, 12, 8};
    window_come(1, &late_here, 1);
    assert_int_equal(weir_finish(rig->runtime, window_sources[1]), WEIR_OK);
    rig_rest(rig);
    assert_non_null(strstr(window_seen.results.text, "1 [10, 20) 10 of 2, over\n"));
    assert_non_null(strstr(window_seen.results.text, "1 [20, 30) 4 of 1, over\n"));
    assert_non_null(strstr(window_seen.results.text, "watermark 30\n"));
    window_close();
}

static void late_events_are_added_within_lateness(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 10);
    options.lateness = 5;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 1, 1});
    window_watermark(12);
    window_expect("1 [0, 10) 1 of 1, over\nwatermark 12\n");
    WINDOW_COME({1, 2, 2}, {2, 3, 4}); /* the second has no window yet */
    window_expect("1 [0, 10) 3 of 2, late\n2 [0, 10) 4 of 1, late\n");
    assert_int_equal(window_counts().open, 2);
    window_watermark(15);
    window_expect("watermark 15\n");
    assert_int_equal(window_counts().open, 0);
    WINDOW_COME({1, 4, 8});
    rig_text_expect(&window_seen.late, "8@4 ");
    window_close();
}

/* A session that was over goes on where a late event makes it longer. */
static void a_late_event_opens_a_session_again(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_SESSION, 10);
    options.lateness = 20;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 0, 1});
    window_watermark(12);
    window_expect("1 [0, 10) 1 of 1, over\nwatermark 12\n");
    WINDOW_COME({1, 1, 2});
    window_expect("1 [0, 11) 3 of 2, late\n");
    WINDOW_COME({1, 8, 4});
    window_expect("");
    window_watermark(18);
    window_expect("1 [0, 18) 7 of 3, over\nwatermark 18\n");
    window_close();
}

static void go_on(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(window_seen.rig->runtime, ns), WEIR_OK);
}

/* When the test begins time is no multiple of anything. */
static void the_clock_ends_windows_of_its_own_time(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, SECOND);
    options.processing_time = true;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    window_seen.timed = true;
    WINDOW_COME({1, 77, 1}, {2, 99999, 2});
    window_expect("");
    window_watermark(5);
    window_expect("watermark 5\n"); /* it goes on, and ends nothing */
    go_on(SECOND);
    weir_window_counts got = window_counts();
    assert_int_equal(got.open, 0);
    assert_int_equal(got.late, 0);
    assert_int_equal(got.emitted[WEIR_TRIGGER_WATERMARK], 2);
    window_close();
}

static void sessions_of_its_own_time_end_when_nothing_comes(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_SESSION, SECOND);
    options.processing_time = true;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    window_seen.timed = true;
    WINDOW_COME({1, 0, 1});
    go_on(SECOND / 10 * 6);
    WINDOW_COME({1, 0, 2});
    go_on(SECOND / 10 * 6);
    assert_int_equal(window_counts().open, 1);
    go_on(SECOND / 2);
    assert_int_equal(window_counts().open, 0);
    assert_non_null(strstr(window_seen.results.text, ") 3 of 2, over\n"));
    window_close();
}

/* ---- early --------------------------------------------------------------------- */

static void early_results_come_every_so_many_events(struct rig *rig, int way) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 10);
    options.early_events = 2;
    options.reset = way == 1;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 1, 1}, {1, 2, 2}, {1, 3, 4}, {2, 3, 8}, {1, 5, 16}, {1, 6, 32});
    window_expect(way == 0 ? "1 [0, 10) 3 of 2 so far, events\n1 [0, 10) 23 of 4 so far, events\n"
                           : "1 [0, 10) 3 of 2 so far, events\n1 [0, 10) 20 of 2 so far, events\n");
    window_watermark(10);
    assert_non_null(strstr(window_seen.results.text,
                           way == 0 ? "1 [0, 10) 55 of 5, over\n" : "1 [0, 10) 32 of 1, over\n"));
    assert_non_null(strstr(window_seen.results.text, "2 [0, 10) 8 of 1, over\n"));
    window_close();
}

static void a_flush_brings_what_is_new(struct rig *rig, int way) {
    weir_window_options options = window_of(WEIR_WINDOW_GLOBAL, 0);
    options.reset = way == 1;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    WINDOW_COME({1, 0, 1}, {1, 0, 2});
    window_mark(0, WEIR_MARK_FLUSH, 4);
    window_expect("1 [0, end) 3 of 2 so far, flush\nflush 4\n");
    window_mark(0, WEIR_MARK_FLUSH, 5);
    window_expect("flush 5\n");
    WINDOW_COME({1, 0, 4});
    window_mark(0, WEIR_MARK_FLUSH, 6);
    window_expect(way == 0 ? "1 [0, end) 7 of 3 so far, flush\nflush 6\n"
                           : "1 [0, end) 4 of 1 so far, flush\nflush 6\n");
    window_close();
    window_expect(way == 0 ? "1 [0, end) 7 of 3, end\n" : "");
}

static void early_results_come_every_so_much_time(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_GLOBAL, 0);
    options.early_ns = SECOND;
    window_open(rig, &options, 1, WINDOW_PLENTY);
    window_seen.timed = true;
    WINDOW_COME({1, 0, 1});
    go_on(SECOND / 10 * 9);
    window_expect("");
    go_on(SECOND / 10);
    window_expect("1 [0, end) 1 of 1 so far, time\n");
    go_on(5 * SECOND);
    window_expect("");
    WINDOW_COME({1, 0, 2});
    go_on(SECOND);
    window_expect("1 [0, end) 3 of 2 so far, time\n");
    window_close();
    window_expect("1 [0, end) 3 of 2, end\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(tumbling_windows_end_at_their_watermark),
        TEST_IN_WORLDS(sliding_windows_share_their_events),
        TEST_IN_WORLDS(sliding_windows_need_not_be_multiples),
        TEST_IN_WORLDS(sessions_grow_and_join),
        TEST_IN_WORLDS(counted_windows_are_over_with_their_last_event),
        TEST_IN_WORLDS(a_global_window_is_over_at_the_end),
        TEST_IN_WORLDS(time_is_that_of_the_slowest_source),
        TEST_IN_WORLDS(late_events_are_added_within_lateness),
        TEST_IN_WORLDS(a_late_event_opens_a_session_again),
        TEST_IN_VIRTUAL_TIME(the_clock_ends_windows_of_its_own_time),
        TEST_IN_VIRTUAL_TIME(sessions_of_its_own_time_end_when_nothing_comes),
        TEST_IN_VIRTUAL_TIME(early_results_come_every_so_much_time),
        TEST_IN_WORLDS_AND_WAYS(early_results_come_every_so_many_events, 2),
        TEST_IN_WORLDS_AND_WAYS(a_flush_brings_what_is_new, 2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
