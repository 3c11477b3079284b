/*
 * Windows: results that wait for demand, room that there is not, the end, and what is refused.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no more results come than are asked for, marks wait behind them, and events behind both; at
 * the end, too; nothing is lost where there is no room; on threads all that came is in the results.
 * Method: as test_window, and sums of what comes through a whole graph.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/window_scene.h"
#include "support/worlds.h"

#include <string.h>

/* ---- demand, room ---------------------------------------------------------------- */

/* Marks wait behind results, and events behind both. */
static void results_wait_for_demand(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 10);
    window_open(rig, &options, 1, 1);
    for (uint64_t key = 0; key < 100; key++) WINDOW_COME({key, 1, 1});
    window_watermark(10);
    window_mark(0, WEIR_MARK_END_OF_FILE, 3);
    window_watermark(20);
    WINDOW_COME({1, 21, 1});
    assert_int_equal(window_counts().emitted[WEIR_TRIGGER_WATERMARK], 1);
    assert_int_equal(window_counts().events, 100);
    assert_null(strstr(window_seen.results.text, "watermark"));
    assert_int_equal(rig_accounts(rig).buffered, 0);
    window_ask(98);
    assert_int_equal(window_counts().emitted[WEIR_TRIGGER_WATERMARK], 99);
    assert_null(strstr(window_seen.results.text, "watermark"));
    window_ask(1);
    const char *marks = strstr(window_seen.results.text, "watermark");
    assert_non_null(marks);
    assert_string_equal(marks, "watermark 10\nend of file 3\nwatermark 20\n");
    assert_int_equal(window_counts().events, 100);
    window_seen.results.used = 0;
    window_seen.results.text[0] = '\0';
    window_ask(5);
    assert_int_equal(window_counts().events, 101);
    window_close();
    window_expect("1 [20, 30) 1 of 1, end\n");
}

/* At the end, too; a drain says so meanwhile. */
static void the_end_waits_for_demand(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_GLOBAL, 0);
    window_open(rig, &options, 1, 10);
    for (uint64_t key = 0; key < 30; key++) WINDOW_COME({key, 1, 1});
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(rig->runtime, 1000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.stage.bits, window_stage.bits);
    assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
    window_ask(19);
    assert_int_equal(window_counts().emitted[WEIR_TRIGGER_END], 29);
    window_ask(10);
    window_close();
    assert_int_equal(window_seen.sum_of_last, 30);
}

static void where_there_is_no_room_parts_are_emitted(struct rig *rig, int way) {
    static const weir_window_kind kinds[] = {WEIR_WINDOW_GLOBAL, WEIR_WINDOW_TUMBLING,
                                             WEIR_WINDOW_SESSION, WEIR_WINDOW_SLIDING};
    weir_window_options options = window_of(kinds[way], way == 0 ? 0 : 10);
    options.most = 8;
    options.every = way == 3 ? 5 : 0;
    window_open(rig, &options, 1, 3);
    uint64_t due = 0;
    for (uint64_t i = 0; i < 50; i++) {
        WINDOW_COME({i % 13, i, i});
        due += way == 3 && i >= 5 ? 2 * i : i;
        if (i % 3 == 0) window_ask(4);
    }
    for (int i = 0; i < 30; i++) window_ask(10);
    assert_int_equal(window_counts().events, 50);
    assert_true(window_counts().most <= 8);
    assert_true(window_counts().emitted[WEIR_TRIGGER_FULL] > 0);
    window_close();
    assert_int_equal(window_seen.sum_of_last, due);
}

/* One that stops has dropped what it had. */
static void who_stops_drops_what_is_open(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 10);
    window_open(rig, &options, 1, 1);
    WINDOW_COME({1, 1, 1}, {2, 1, 1});
    window_watermark(10);
    assert_int_equal(weir_stop(rig->runtime, window_stage, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(window_seen.owned, 0);
    window_close();
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
    for (struct window_event *e = room.events; count < room.count && counting->made < EVENTS_EACH;
         count++, counting->made++) {
        uint64_t number = counting->made;
        e[count] = (struct window_event){
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
        memset(&window_seen, 0, sizeof window_seen);
        window_seen.rig = &rig;
        struct counting made[2] = {{.source = 1}, {.source = 2}};
        weir_subscribe_to from[2] = {0};
        for (unsigned i = 0; i < 2; i++) {
            from[i].options.max_demand = 300;
            const weir_iterator_options source = {.event_bytes = sizeof(struct window_event),
                                                  .next = make_events,
                                                  .mark = make_mark,
                                                  .demand = WEIR_ACCUMULATE,
                                                  .worker = WEIR_SPREAD,
                                                  .context = &made[i]};
            assert_int_equal(weir_iterator_start(rig.runtime, &source, &from[i].producer), WEIR_OK);
        }
        weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 1000);
        options.late = NULL;
        options.subscribe_to = from;
        options.subscribe_count = 2;
        options.worker = WEIR_SPREAD;
        assert_int_equal(weir_window_start(rig.runtime, &options, &window_stage), WEIR_OK);
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        weir_stage_options taker = player_options(&c, &rig, NULL);
        taker.on.handle_events = window_add_up;
        taker.worker = WEIR_SPREAD;
        assert_int_equal(weir_stage_start(rig.runtime, &taker, &c.ref), WEIR_OK);
        assert_int_equal(weir_subscribe(rig.runtime, c.ref, window_stage,
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
        assert_int_equal(window_seen.sum_of_last, made[0].made + made[1].made);
        assert_int_equal(window_seen.owned, 0);
    }
}

/* ---- counts: windows without callbacks ------------------------------------------- */

static struct {
    uint64_t windows;
    uint64_t events;
    bool wrong;
} counted;

static weir_verdict count_windows(weir_stage *self, weir_batch batch) {
    (void)self;
    const weir_window *window = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        counted.windows++;
        counted.events += window[i].count;
        counted.wrong = counted.wrong || window[i].key > 2 || window[i].count != window[i].key + 1;
    }
    return WEIR_CONTINUE;
}

/* A window of key k has k + 1 events; sessions of them are joined from the last to the first. */
static void windows_are_counts_without_callbacks(struct rig *rig, int way) {
    weir_window_options options = {.takes_bytes = sizeof(struct window_event),
                                   .event_bytes = way % 2 == 0 ? 0 : sizeof(weir_window),
                                   .kind = way < 2 ? WEIR_WINDOW_TUMBLING : WEIR_WINDOW_SESSION,
                                   .size = 10,
                                   .place = window_of(WEIR_WINDOW_TUMBLING, 10).place};
    memset(&counted, 0, sizeof counted);
    memset(&window_seen, 0, sizeof window_seen);
    window_seen.rig = rig;
    const weir_stage_options source = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(struct window_event),
        .on = {.handle_demand = deed_no_demand, .handle_cast = window_emit_cast}};
    assert_int_equal(weir_stage_start(rig->runtime, &source, &window_sources[0]), WEIR_OK);
    options.subscribe_to = &(weir_subscribe_to){.producer = window_sources[0]};
    options.subscribe_count = 1;
    assert_int_equal(weir_window_start(rig->runtime, &options, &window_stage), WEIR_OK);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    weir_stage_options taker = player_options(&c, rig, NULL);
    taker.takes_bytes = sizeof(weir_window);
    taker.on.handle_events = count_windows;
    assert_int_equal(weir_stage_start(rig->runtime, &taker, &c.ref), WEIR_OK);
    assert_int_equal(weir_subscribe(rig->runtime, c.ref, window_stage, NULL, NULL), WEIR_OK);
    rig_rest(rig);
    for (uint64_t at = 100; at < 1000; at += 100) {
        WINDOW_COME({2, at + 9, 0}, {2, at + 5, 0}, {1, at + 8, 0}, {1, at, 0}, {0, at, 0},
                    {2, at + 1, 0});
    }
    window_watermark(2000);
    assert_int_equal(counted.windows, 9 * 3);
    assert_int_equal(counted.events, 9 * 6);
    assert_false(counted.wrong);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
}

/* ---- refused --------------------------------------------------------------------- */

static void refused(struct rig *rig, const weir_window_options *options, const char *why) {
    assert_int_equal(weir_window_start(rig->runtime, options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), why);
}

static void bad_options_are_refused(struct rig *rig) {
    weir_window_options options = window_of(WEIR_WINDOW_TUMBLING, 0);
    refused(rig, &options, "size of a window must be 1..18446744073709551615, got 0");
    options = window_of((weir_window_kind)5, 1);
    refused(rig, &options,
            "kind must be one of WEIR_WINDOW_GLOBAL, TUMBLING, SLIDING, SESSION, COUNT, got 5");
    options = window_of(WEIR_WINDOW_GLOBAL, 3);
    refused(rig, &options, "size is not for windows of kind GLOBAL, got 3");
    options = window_of(WEIR_WINDOW_SLIDING, 3);
    refused(rig, &options, "every of a window must be 1..3, got 0");
    options.every = 4;
    refused(rig, &options, "every of a window must be 1..3, got 4");
    options = window_of(WEIR_WINDOW_SLIDING, 2048);
    options.every = 1;
    refused(rig, &options, "size / every, rounded up, of a window must be 1..1024, got 2048");
    options = window_of(WEIR_WINDOW_SLIDING, 10);
    options.every = 3;
    options.most = 3;
    refused(rig, &options,
            "most of a window must be at least size / every, rounded up, 4: an event is in so "
            "many; got 3");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.every = 1;
    refused(rig, &options, "every is not for windows of kind TUMBLING, got 1");
    options = window_of(WEIR_WINDOW_COUNT, 3);
    options.lateness = 7;
    refused(rig, &options, "lateness is not for windows of kind COUNT, got 7");
    options = window_of(WEIR_WINDOW_COUNT, 3);
    options.early_events = 7;
    refused(rig, &options, "early_events is not for windows of kind COUNT, got 7");
    options = window_of(WEIR_WINDOW_GLOBAL, 0);
    options.processing_time = true;
    refused(rig, &options, "processing_time is not for windows of kind GLOBAL, got 1");
    options = window_of(WEIR_WINDOW_SESSION, 3);
    options.processing_time = true;
    options.lateness = 2;
    refused(rig, &options, "lateness must be 0 with processing_time, got 2");
    options = window_of(WEIR_WINDOW_SESSION, 3);
    options.merge = NULL;
    refused(rig, &options, "merge must not be NULL");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.accumulator_bytes = 65537;
    refused(rig, &options, "accumulator_bytes of a window must be 1..65536, got 65537");
    options.accumulator_bytes = 0;
    refused(rig, &options, "accumulator_bytes of a window must be 1..65536, got 0");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.add = NULL;
    refused(rig, &options, "accumulator_bytes of a window must be 0 without add, got 16");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.emit = NULL;
    refused(rig, &options, "event_bytes of a window must be 56, or 0, without emit, got 64");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.most = ((size_t)1 << 26) + 1;
    refused(rig, &options, "most of a window must be 1..67108864, got 67108865");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.place = NULL;
    refused(rig, &options, "place must not be NULL");
    options = window_of(WEIR_WINDOW_TUMBLING, 3);
    options.name = NULL;
    options.registered = true;
    refused(rig, &options,
            "stage producer_consumer: name must be set when registered is"); /* as of others */
    assert_int_equal(weir_window_start(rig->runtime, NULL, NULL), WEIR_INVALID);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .deaf = true};
    player_start(&p, rig, NULL);
    weir_window_counts got;
    assert_int_equal(weir_window_look(rig->runtime, p.ref, WEIR_FOREVER, &got), WEIR_UNHANDLED);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(results_wait_for_demand),
        TEST_IN_WORLDS(the_end_waits_for_demand),
        TEST_IN_WORLDS_AND_WAYS(where_there_is_no_room_parts_are_emitted, 4),
        TEST_IN_WORLDS(who_stops_drops_what_is_open),
        cmocka_unit_test(all_that_came_is_in_the_results),
        TEST_IN_WORLDS_AND_WAYS(windows_are_counts_without_callbacks, 4),
        TEST_STEPPED(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
