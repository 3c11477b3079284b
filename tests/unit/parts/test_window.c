/*
 * Windows: what comes of which events, when, and how often.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each kind of window has the events that it should, and is emitted when it is over, or
 * before, once for each reason; late events are added, or told; nothing is lost where there is no
 * room; results wait for demand, and marks behind them.
 * Method: events are a key, a time and a number, which is added up; results are written down as
 * "key [begin, end) sum of count, trigger".  Stepped and simulated runtimes, whose time is their own.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/worlds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct event {
    uint64_t key;
    uint64_t time;
    uint64_t number;
};

struct result {
    weir_window window;
    uint64_t sum;
};

static struct {
    struct rig *rig;
    struct rig_text results;
    struct rig_text late;
    int64_t owned; /* accumulators begun, less those dropped and merged */
    uint64_t sum_of_last;
    bool timed; /* time is not to go on by itself */
} seen;

static void rest(void) {
    if (seen.timed) {
        assert_int_equal(weir_runtime_advance(seen.rig->runtime, 0), WEIR_OK);
    } else {
        rig_rest(seen.rig);
    }
}

static weir_place place_of(void *context, const void *event) {
    (void)context;
    const struct event *e = event;
    return (weir_place){.key = e->key, .time = e->time};
}

static void add_number(void *context, void *accumulator, const void *event) {
    (void)context;
    uint64_t *sum = accumulator; /* and whether it is owned */
    seen.owned += sum[1] == 0 ? 1 : 0;
    sum[1] = 1;
    sum[0] += ((const struct event *)event)->number;
}

static void merge_sums(void *context, void *accumulator, void *other) {
    (void)context;
    uint64_t *sum = accumulator;
    const uint64_t *more = other;
    if (sum[1] == 1 && more[1] == 1) seen.owned--;
    sum[1] |= more[1];
    sum[0] += more[0];
}

static void emit_sum(void *context, weir_stage *self, const weir_window *window,
                     void *accumulator) {
    (void)context;
    const struct result result = {*window, *(const uint64_t *)accumulator};
    RIG_CHECK(seen.rig, weir_emit(self, &result, 1) == WEIR_OK);
}

static void drop_sum(void *context, void *accumulator) {
    (void)context;
    RIG_CHECK(seen.rig, ((uint64_t *)accumulator)[1] == 1);
    seen.owned--;
}

static void tell_late(void *context, const void *event, weir_place place) {
    (void)context;
    rig_text_add(&seen.late, "%" PRIu64 "@%" PRIu64 " ", ((const struct event *)event)->number,
                 place.time);
}

/* ---- a source, and who takes results ----------------------------------------- */

/* A cast of events emits them; one of a mark emits that. */
static weir_verdict emit_cast(weir_stage *self, const void *message, size_t bytes) {
    if (bytes == sizeof(weir_mark)) {
        RIG_CHECK(seen.rig, weir_emit_mark(self, message) == WEIR_OK);
    } else {
        RIG_CHECK(seen.rig, weir_emit(self, message, bytes / sizeof(struct event)) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static const char *const triggers[] = {"over",  "count", "events", "time",
                                       "flush", "late",  "full",   "end"};

static weir_verdict note_results(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct result *r = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const weir_window *w = &r[i].window;
        char end[32];
        snprintf(end, sizeof end, "%" PRIu64, w->end);
        rig_text_add(&seen.results,
                     "%" PRIu64 " [%" PRIu64 ", %s) %" PRIu64 " of %" PRIu64 "%s%s\n", w->key,
                     w->begin, w->end == UINT64_MAX ? "end" : end, r[i].sum, w->count,
                     w->last ? ", " : " so far, ", triggers[w->trigger]);
        seen.sum_of_last += w->last || w->trigger == WEIR_TRIGGER_FULL ? r[i].sum : 0;
    }
    return WEIR_CONTINUE;
}

/* Of many: the sums alone. */
static weir_verdict add_up_results(weir_stage *self, weir_batch batch) {
    (void)self;
    const struct result *r = batch.events;
    for (size_t i = 0; i < batch.count; i++) seen.sum_of_last += r[i].sum;
    return WEIR_CONTINUE;
}

static weir_verdict note_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    (void)self, (void)from;
    static const char *const kinds[] = {"", "watermark", "flush", "end of file"};
    rig_text_add(&seen.results, "%s %" PRIu64 "\n", kinds[mark->kind], mark->value);
    return WEIR_CONTINUE;
}

static weir_ref sources[2];
static weir_ref windows;
static weir_subscription taking;

static weir_window_options a_window(weir_window_kind kind, uint64_t size) {
    return (weir_window_options){.takes_bytes = sizeof(struct event),
                                 .event_bytes = sizeof(struct result),
                                 .accumulator_bytes = 2 * sizeof(uint64_t),
                                 .kind = kind,
                                 .size = size,
                                 .place = place_of,
                                 .add = add_number,
                                 .merge = merge_sums,
                                 .emit = emit_sum,
                                 .drop = drop_sum,
                                 .late = tell_late};
}

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self, (void)peer;
    return WEIR_MANUAL;
}

/* So many sources, a window stage, and a consumer, which asks by hand. */
static void open_windows(struct rig *rig, const weir_window_options *options, unsigned count,
                         uint64_t asked) {
    memset(&seen, 0, sizeof seen);
    seen.rig = rig;
    weir_subscribe_to from[2] = {0};
    for (unsigned i = 0; i < count; i++) {
        const weir_stage_options source = {
            .kind = WEIR_PRODUCER,
            .event_bytes = sizeof(struct event),
            .on = {.handle_demand = deed_no_demand, .handle_cast = emit_cast}};
        assert_int_equal(weir_stage_start(rig->runtime, &source, &sources[i]), WEIR_OK);
        from[i].producer = sources[i];
    }
    weir_window_options used = *options;
    used.subscribe_to = from;
    used.subscribe_count = count;
    assert_int_equal(weir_window_start(rig->runtime, &used, &windows), WEIR_OK);
    const weir_stage_options taker = {.kind = WEIR_CONSUMER,
                                      .on = {.handle_events = note_results,
                                             .handle_mark = note_mark,
                                             .handle_subscribe = by_hand}};
    weir_ref consumer;
    assert_int_equal(weir_stage_start(rig->runtime, &taker, &consumer), WEIR_OK);
    assert_int_equal(weir_subscribe(rig->runtime, consumer, windows, NULL, &taking), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_ask(rig->runtime, taking, asked), WEIR_OK);
    rig_rest(rig);
}

static void come_from(unsigned source, const struct event *events, size_t count) {
    assert_int_equal(weir_cast(seen.rig->runtime, sources[source], events, count * sizeof *events),
                     WEIR_OK);
    seen.rig->emitted += count;
    rest();
}

#define COME(...)                                             \
    do {                                                      \
        const struct event events[] = {__VA_ARGS__};          \
        come_from(0, events, sizeof events / sizeof *events); \
    } while (0)

static void mark_from(unsigned source, uint32_t kind, uint64_t value) {
    const weir_mark mark = {.kind = kind, .value = value};
    assert_int_equal(weir_cast(seen.rig->runtime, sources[source], &mark, sizeof mark), WEIR_OK);
    rest();
}

static void watermark(uint64_t time) {
    mark_from(0, WEIR_MARK_WATERMARK, time);
}

static weir_window_counts counts(void) {
    weir_window_counts got;
    assert_int_equal(weir_window_look(seen.rig->runtime, windows, WEIR_FOREVER, &got), WEIR_OK);
    return got;
}

static void expect_results(const char *expected) {
    rig_text_expect(&seen.results, expected);
}

/* The players are none, so the rig's own sums are not used. */
static void close_windows(void) {
    weir_accounts accounts;
    struct rig *rig = seen.rig;
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    assert_int_equal(seen.owned, 0);
}

enum { PLENTY = 1000000 };
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
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 10);
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 9, 1}, {1, 10, 2}, {1, 0, 4}, {1, 19, 8}, {1, 20, 16});
    watermark(9);
    expect_results("watermark 9\n");
    watermark(10);
    expect_results("1 [0, 10) 5 of 2, over\nwatermark 10\n");
    COME({1, 10, 32}, {1, 9, 64}); /* the second one is late */
    rig_text_expect(&seen.late, "64@9 ");
    watermark(25);
    expect_results("1 [10, 20) 42 of 3, over\nwatermark 25\n");
    weir_window_counts got = counts();
    assert_int_equal(got.events, 7);
    assert_int_equal(got.late, 1);
    assert_int_equal(got.open, 1);
    assert_int_equal(got.most, 3);
    assert_int_equal(got.watermark, 25);
    assert_int_equal(got.emitted[WEIR_TRIGGER_WATERMARK], 2);
    close_windows();
    expect_results("1 [20, 30) 16 of 1, end\n");
}

static void sliding_windows_share_their_events(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_SLIDING, 10);
    options.every = 5;
    open_windows(rig, &options, 1, PLENTY);
    COME({7, 3, 1}, {7, 12, 2});
    watermark(10);
    expect_results("7 [0, 10) 1 of 1, over\nwatermark 10\n");
    COME({7, 6, 4}, {7, 4, 8}); /* the first is late for one of its two windows */
    rig_text_expect(&seen.late, "8@4 ");
    watermark(15);
    expect_results("7 [5, 15) 6 of 2, over\nwatermark 15\n");
    watermark(20);
    expect_results("7 [10, 20) 2 of 1, over\nwatermark 20\n");
    close_windows();
    expect_results("");
}

/* Of no whole number of steps: an event is in one window or in two. */
static void sliding_windows_need_not_be_multiples(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_SLIDING, 7);
    options.every = 5;
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 6, 1}, {1, 8, 2}); /* [0, 7) and [5, 12); [5, 12) */
    watermark(7);
    expect_results("1 [0, 7) 1 of 1, over\nwatermark 7\n");
    watermark(12);
    expect_results("1 [5, 12) 3 of 2, over\nwatermark 12\n");
    close_windows();
}

static void sessions_grow_and_join(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_SESSION, 10);
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 0, 1}, {1, 9, 2}, {1, 30, 4}, {2, 5, 8}, {1, 45, 16});
    assert_int_equal(counts().open, 4);
    COME({1, 38, 32}); /* joins the sessions of 30 and 45 */
    assert_int_equal(counts().open, 3);
    watermark(15);
    expect_results("2 [5, 15) 8 of 1, over\nwatermark 15\n");
    watermark(19);
    expect_results("1 [0, 19) 3 of 2, over\nwatermark 19\n");
    watermark(54);
    expect_results("watermark 54\n");
    COME({1, 40, 64}); /* nothing of it is over yet */
    watermark(55);
    expect_results("1 [30, 55) 116 of 4, over\nwatermark 55\n");
    COME({1, 44, 128});
    rig_text_expect(&seen.late, "128@44 ");
    close_windows();
}

static void counted_windows_are_over_with_their_last_event(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_COUNT, 3);
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 5, 1}, {2, 1, 2}, {1, 3, 4}, {1, 9, 8}, {1, 7, 16});
    expect_results("1 [3, 9) 13 of 3, count\n");
    watermark(UINT64_MAX);
    expect_results("watermark 18446744073709551615\n");
    mark_from(0, WEIR_MARK_FLUSH, 0);
    char *text = seen.results.text;
    assert_non_null(strstr(text, "1 [7, 7) 16 of 1 so far, flush\n"));
    assert_non_null(strstr(text, "2 [1, 1) 2 of 1 so far, flush\n"));
    close_windows();
}

static void a_global_window_is_over_at_the_end(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_GLOBAL, 0);
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 5, 1}, {1, 500, 2});
    watermark(1000);
    mark_from(0, WEIR_MARK_END_OF_FILE, 7);
    expect_results("watermark 1000\nend of file 7\n");
    close_windows();
    expect_results("1 [0, end) 3 of 2, end\n");
}

/* ---- the time ------------------------------------------------------------------ */

/* The least of both; who ends counts no longer. */
static void time_is_that_of_the_slowest_source(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 10);
    open_windows(rig, &options, 2, PLENTY);
    COME({1, 1, 1}, {1, 11, 2}, {1, 21, 4});
    watermark(30);
    expect_results("");
    mark_from(1, WEIR_MARK_WATERMARK, 10);
    expect_results("1 [0, 10) 1 of 1, over\nwatermark 10\n");
    const struct event late_here = {1, 12, 8};
    come_from(1, &late_here, 1);
    assert_int_equal(weir_finish(rig->runtime, sources[1]), WEIR_OK);
    rig_rest(rig);
    assert_non_null(strstr(seen.results.text, "1 [10, 20) 10 of 2, over\n"));
    assert_non_null(strstr(seen.results.text, "1 [20, 30) 4 of 1, over\n"));
    assert_non_null(strstr(seen.results.text, "watermark 30\n"));
    close_windows();
}

static void late_events_are_added_within_lateness(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 10);
    options.lateness = 5;
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 1, 1});
    watermark(12);
    expect_results("1 [0, 10) 1 of 1, over\nwatermark 12\n");
    COME({1, 2, 2}, {2, 3, 4}); /* the second has no window yet */
    expect_results("1 [0, 10) 3 of 2, late\n2 [0, 10) 4 of 1, late\n");
    assert_int_equal(counts().open, 2);
    watermark(15);
    expect_results("watermark 15\n");
    assert_int_equal(counts().open, 0);
    COME({1, 4, 8});
    rig_text_expect(&seen.late, "8@4 ");
    close_windows();
}

/* A session that was over goes on where a late event makes it longer. */
static void a_late_event_opens_a_session_again(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_SESSION, 10);
    options.lateness = 20;
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 0, 1});
    watermark(12);
    expect_results("1 [0, 10) 1 of 1, over\nwatermark 12\n");
    COME({1, 1, 2});
    expect_results("1 [0, 11) 3 of 2, late\n");
    COME({1, 8, 4});
    expect_results("");
    watermark(18);
    expect_results("1 [0, 18) 7 of 3, over\nwatermark 18\n");
    close_windows();
}

static void go_on(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(seen.rig->runtime, ns), WEIR_OK);
}

/* When the test begins time is no multiple of anything. */
static void the_clock_ends_windows_of_its_own_time(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, SECOND);
    options.processing_time = true;
    open_windows(rig, &options, 1, PLENTY);
    seen.timed = true;
    COME({1, 77, 1}, {2, 99999, 2});
    expect_results("");
    watermark(5);
    expect_results("watermark 5\n"); /* it goes on, and ends nothing */
    go_on(SECOND);
    weir_window_counts got = counts();
    assert_int_equal(got.open, 0);
    assert_int_equal(got.late, 0);
    assert_int_equal(got.emitted[WEIR_TRIGGER_WATERMARK], 2);
    close_windows();
}

static void sessions_of_its_own_time_end_when_nothing_comes(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_SESSION, SECOND);
    options.processing_time = true;
    open_windows(rig, &options, 1, PLENTY);
    seen.timed = true;
    COME({1, 0, 1});
    go_on(SECOND / 10 * 6);
    COME({1, 0, 2});
    go_on(SECOND / 10 * 6);
    assert_int_equal(counts().open, 1);
    go_on(SECOND / 2);
    assert_int_equal(counts().open, 0);
    assert_non_null(strstr(seen.results.text, ") 3 of 2, over\n"));
    close_windows();
}

/* ---- early --------------------------------------------------------------------- */

static void early_results_come_every_so_many_events(struct rig *rig, int way) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 10);
    options.early_events = 2;
    options.reset = way == 1;
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 1, 1}, {1, 2, 2}, {1, 3, 4}, {2, 3, 8}, {1, 5, 16}, {1, 6, 32});
    expect_results(way == 0
                       ? "1 [0, 10) 3 of 2 so far, events\n1 [0, 10) 23 of 4 so far, events\n"
                       : "1 [0, 10) 3 of 2 so far, events\n1 [0, 10) 20 of 2 so far, events\n");
    watermark(10);
    assert_non_null(strstr(seen.results.text,
                           way == 0 ? "1 [0, 10) 55 of 5, over\n" : "1 [0, 10) 32 of 1, over\n"));
    assert_non_null(strstr(seen.results.text, "2 [0, 10) 8 of 1, over\n"));
    close_windows();
}

static void a_flush_brings_what_is_new(struct rig *rig, int way) {
    weir_window_options options = a_window(WEIR_WINDOW_GLOBAL, 0);
    options.reset = way == 1;
    open_windows(rig, &options, 1, PLENTY);
    COME({1, 0, 1}, {1, 0, 2});
    mark_from(0, WEIR_MARK_FLUSH, 4);
    expect_results("1 [0, end) 3 of 2 so far, flush\nflush 4\n");
    mark_from(0, WEIR_MARK_FLUSH, 5);
    expect_results("flush 5\n");
    COME({1, 0, 4});
    mark_from(0, WEIR_MARK_FLUSH, 6);
    expect_results(way == 0 ? "1 [0, end) 7 of 3 so far, flush\nflush 6\n"
                            : "1 [0, end) 4 of 1 so far, flush\nflush 6\n");
    close_windows();
    expect_results(way == 0 ? "1 [0, end) 7 of 3, end\n" : "");
}

static void early_results_come_every_so_much_time(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_GLOBAL, 0);
    options.early_ns = SECOND;
    open_windows(rig, &options, 1, PLENTY);
    seen.timed = true;
    COME({1, 0, 1});
    go_on(SECOND / 10 * 9);
    expect_results("");
    go_on(SECOND / 10);
    expect_results("1 [0, end) 1 of 1 so far, time\n");
    go_on(5 * SECOND);
    expect_results("");
    COME({1, 0, 2});
    go_on(SECOND);
    expect_results("1 [0, end) 3 of 2 so far, time\n");
    close_windows();
    expect_results("1 [0, end) 3 of 2, end\n");
}

/* ---- demand, room ---------------------------------------------------------------- */

static void ask_for(uint64_t count) {
    assert_int_equal(weir_ask(seen.rig->runtime, taking, count), WEIR_OK);
    rig_rest(seen.rig);
}

/* Marks wait behind results, and events behind both. */
static void results_wait_for_demand(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 10);
    open_windows(rig, &options, 1, 1);
    for (uint64_t key = 0; key < 100; key++) COME({key, 1, 1});
    watermark(10);
    mark_from(0, WEIR_MARK_END_OF_FILE, 3);
    watermark(20);
    COME({1, 21, 1});
    assert_int_equal(counts().emitted[WEIR_TRIGGER_WATERMARK], 1);
    assert_int_equal(counts().events, 100);
    assert_null(strstr(seen.results.text, "watermark"));
    assert_int_equal(rig_accounts(rig).buffered, 0);
    ask_for(98);
    assert_int_equal(counts().emitted[WEIR_TRIGGER_WATERMARK], 99);
    assert_null(strstr(seen.results.text, "watermark"));
    ask_for(1);
    const char *marks = strstr(seen.results.text, "watermark");
    assert_non_null(marks);
    assert_string_equal(marks, "watermark 10\nend of file 3\nwatermark 20\n");
    assert_int_equal(counts().events, 100);
    seen.results.used = 0;
    seen.results.text[0] = '\0';
    ask_for(5);
    assert_int_equal(counts().events, 101);
    close_windows();
    expect_results("1 [20, 30) 1 of 1, end\n");
}

/* At the end, too; a drain says so meanwhile. */
static void the_end_waits_for_demand(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_GLOBAL, 0);
    open_windows(rig, &options, 1, 10);
    for (uint64_t key = 0; key < 30; key++) COME({key, 1, 1});
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(rig->runtime, 1000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.stage.bits, windows.bits);
    assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
    ask_for(19);
    assert_int_equal(counts().emitted[WEIR_TRIGGER_END], 29);
    ask_for(10);
    close_windows();
    assert_int_equal(seen.sum_of_last, 30);
}

static void where_there_is_no_room_parts_are_emitted(struct rig *rig, int way) {
    static const weir_window_kind kinds[] = {WEIR_WINDOW_GLOBAL, WEIR_WINDOW_TUMBLING,
                                             WEIR_WINDOW_SESSION, WEIR_WINDOW_SLIDING};
    weir_window_options options = a_window(kinds[way], way == 0 ? 0 : 10);
    options.most = 8;
    options.every = way == 3 ? 5 : 0;
    open_windows(rig, &options, 1, 3);
    uint64_t due = 0;
    for (uint64_t i = 0; i < 50; i++) {
        COME({i % 13, i, i});
        due += way == 3 && i >= 5 ? 2 * i : i;
        if (i % 3 == 0) ask_for(4);
    }
    for (int i = 0; i < 30; i++) ask_for(10);
    assert_int_equal(counts().events, 50);
    assert_true(counts().most <= 8);
    assert_true(counts().emitted[WEIR_TRIGGER_FULL] > 0);
    close_windows();
    assert_int_equal(seen.sum_of_last, due);
}

/* One that stops has dropped what it had. */
static void who_stops_drops_what_is_open(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 10);
    open_windows(rig, &options, 1, 1);
    COME({1, 1, 1}, {2, 1, 1});
    watermark(10);
    assert_int_equal(weir_stop(rig->runtime, windows, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(seen.owned, 0);
    close_windows();
}

/* ---- on threads: the sums of all that came -------------------------------------- */

enum { EVENTS_EACH = 30000, KEYS = 97 };

struct counting {
    uint64_t made;
    uint64_t marked;
    uint32_t source;
};

static weir_made make_events(void *context, weir_room room) {
    struct counting *counting = context;
    size_t count = 0;
    for (struct event *e = room.events; count < room.count && counting->made < EVENTS_EACH;
         count++, counting->made++) {
        uint64_t number = counting->made;
        e[count] = (struct event){
            .key = number % KEYS, .time = 100 + number - number * 7919 % 90, .number = 1};
    }
    bool more = counting->made < EVENTS_EACH;
    return (weir_made){count, more ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

static bool make_mark(void *context, weir_mark *mark) {
    struct counting *counting = context;
    bool due = counting->made > counting->marked;
    counting->marked = counting->made;
    *mark = (weir_mark){
        .kind = WEIR_MARK_WATERMARK, .source = counting->source, .value = counting->made + 10};
    return due;
}

static void all_that_came_is_in_the_results(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        memset(&seen, 0, sizeof seen);
        seen.rig = &rig;
        struct counting made[2] = {{.source = 1}, {.source = 2}};
        weir_subscribe_to from[2] = {0};
        for (unsigned i = 0; i < 2; i++) {
            from[i].options.max_demand = 300;
            const weir_iterator_options source = {.event_bytes = sizeof(struct event),
                                                  .next = make_events,
                                                  .mark = make_mark,
                                                  .demand = WEIR_ACCUMULATE,
                                                  .worker = WEIR_SPREAD,
                                                  .context = &made[i]};
            assert_int_equal(weir_iterator_start(rig.runtime, &source, &from[i].producer), WEIR_OK);
        }
        weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 1000);
        options.late = NULL;
        options.subscribe_to = from;
        options.subscribe_count = 2;
        options.worker = WEIR_SPREAD;
        assert_int_equal(weir_window_start(rig.runtime, &options, &windows), WEIR_OK);
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        weir_stage_options taker = player_options(&c, &rig, NULL);
        taker.on.handle_events = add_up_results;
        taker.worker = WEIR_SPREAD;
        assert_int_equal(weir_stage_start(rig.runtime, &taker, &c.ref), WEIR_OK);
        assert_int_equal(weir_subscribe(rig.runtime, c.ref, windows,
                                        &(weir_subscribe_options){.max_demand = 20}, NULL),
                         WEIR_OK);
        rig_rest(&rig);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(weir_demand(rig.runtime, from[i].producer, WEIR_FORWARD), WEIR_OK);
        }
        weir_accounts accounts;
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_int_equal(weir_runtime_close(rig.runtime, &accounts), WEIR_OK);
        rig_expect_nothing_left(&rig, &accounts);
        assert_int_equal(seen.sum_of_last, made[0].made + made[1].made);
        assert_int_equal(seen.owned, 0);
    }
}

/* ---- refused --------------------------------------------------------------------- */

static void refused(struct rig *rig, const weir_window_options *options, const char *why) {
    assert_int_equal(weir_window_start(rig->runtime, options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), why);
}

static void bad_options_are_refused(struct rig *rig) {
    weir_window_options options = a_window(WEIR_WINDOW_TUMBLING, 0);
    refused(rig, &options, "size of a window must be 1..18446744073709551615, got 0");
    options = a_window((weir_window_kind)5, 1);
    refused(rig, &options,
            "kind must be one of WEIR_WINDOW_GLOBAL, TUMBLING, SLIDING, SESSION, COUNT, got 5");
    options = a_window(WEIR_WINDOW_GLOBAL, 3);
    refused(rig, &options, "size is not for windows of kind GLOBAL, got 3");
    options = a_window(WEIR_WINDOW_SLIDING, 3);
    refused(rig, &options, "every of a window must be 1..3, got 0");
    options.every = 4;
    refused(rig, &options, "every of a window must be 1..3, got 4");
    options = a_window(WEIR_WINDOW_SLIDING, 2048);
    options.every = 1;
    refused(rig, &options, "size / every of a window must be 1..1024, got 2048");
    options = a_window(WEIR_WINDOW_TUMBLING, 3);
    options.every = 1;
    refused(rig, &options, "every is not for windows of kind TUMBLING, got 1");
    options = a_window(WEIR_WINDOW_COUNT, 3);
    options.lateness = 7;
    refused(rig, &options, "lateness is not for windows of kind COUNT, got 7");
    options = a_window(WEIR_WINDOW_COUNT, 3);
    options.early_events = 7;
    refused(rig, &options, "early_events is not for windows of kind COUNT, got 7");
    options = a_window(WEIR_WINDOW_GLOBAL, 0);
    options.processing_time = true;
    refused(rig, &options, "processing_time is not for windows of kind GLOBAL, got 1");
    options = a_window(WEIR_WINDOW_SESSION, 3);
    options.processing_time = true;
    options.lateness = 2;
    refused(rig, &options, "lateness must be 0 with processing_time, got 2");
    options = a_window(WEIR_WINDOW_SESSION, 3);
    options.merge = NULL;
    refused(rig, &options, "merge must not be NULL");
    options = a_window(WEIR_WINDOW_TUMBLING, 3);
    options.accumulator_bytes = 65537;
    refused(rig, &options, "accumulator_bytes of a window must be 1..65536, got 65537");
    options = a_window(WEIR_WINDOW_TUMBLING, 3);
    options.most = ((size_t)1 << 26) + 1;
    refused(rig, &options, "most of a window must be 1..67108864, got 67108865");
    options = a_window(WEIR_WINDOW_TUMBLING, 3);
    options.place = NULL;
    refused(rig, &options, "place must not be NULL");
    assert_int_equal(weir_window_start(rig->runtime, NULL, NULL), WEIR_INVALID);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .deaf = true};
    player_start(&p, rig, NULL);
    weir_window_counts got;
    assert_int_equal(weir_window_look(rig->runtime, p.ref, WEIR_FOREVER, &got), WEIR_UNHANDLED);
    rig_close(rig);
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
        TEST_IN_WORLDS(results_wait_for_demand),
        TEST_IN_WORLDS(the_end_waits_for_demand),
        TEST_IN_WORLDS_AND_WAYS(where_there_is_no_room_parts_are_emitted, 4),
        TEST_IN_WORLDS(who_stops_drops_what_is_open),
        cmocka_unit_test(all_that_came_is_in_the_results),
        TEST_STEPPED(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
