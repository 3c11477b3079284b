/*
 * Conflation: who is slow gets the latest of each key, and holds nobody up.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who keeps up sees every event, in order; who does not sees the last one of every key, and
 * of one key never an older one behind a newer one; a key keeps its place in the line; the producer
 * is never kept waiting; no more keys wait than may; each event is dropped once, for its cause;
 * what waits goes at the end and in a drain; wrong options are refused.
 * Method: an inlet, a conflater and a sink that asks by hand; in every world.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

#include <string.h>

/* Numbers are 1000 times the key, and something; of owned ones 2 and 3 have one, 4 and 5 ... */
static uint64_t key_of(void *context, const void *event) {
    (void)context;
    return gather_scene.owned ? ((const struct owned *)event)->number / 2 % 3
                              : *(const uint64_t *)event / 1000;
}

static void start(struct rig *rig, bool owned, weir_conflate_options options, size_t sink_demand) {
    weir_subscribe_to to = gather_begin(rig, owned, 10);
    options.event_bytes = owned ? 0 : sizeof(uint64_t);
    options.type = owned ? &gather_scene.ledger.type : NULL;
    options.key = key_of;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_conflate_start(rig->runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(false, sink_demand);
}

static void push_all(const uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) gather_push(numbers[i], 1);
}

/* ---- who keeps up, and who does not -------------------------------------- */

static void who_keeps_up_sees_all(struct rig *rig) {
    start(rig, false, (weir_conflate_options){.name = NULL}, 10);
    for (uint64_t i = 0; i < 50; i++) {
        gather_push(1000 + i, 1);
        gather_push(2000 + i, 1);
    }
    assert_int_equal(gather_scene.events, 100);
    assert_int_equal(rig_accounts(rig).discarded, 0);
    gather_finish();
    gather_close(NULL);
}

static void who_does_not_sees_the_latest(struct rig *rig) {
    start(rig, false, (weir_conflate_options){.name = NULL}, 0);
    static const uint64_t numbers[] = {1001, 2001, 1002, 3001, 2002, 1003, 1004};
    push_all(numbers, 7);
    gather_expect("");
    gather_expect_kept(3);
    gather_ask(1);
    gather_expect("1004\n"); /* in 1001's place */
    gather_push(1005, 1);    /* at the end, then */
    gather_push(3002, 1);
    gather_ask(2);
    gather_expect("2002 3002\n");
    gather_ask(5);
    gather_expect("1005\n");
    gather_push(1006, 1);
    gather_push(1007, 1);
    gather_expect("1006\n1007\n");
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(rig->runtime, gather_scene.part, &stats), WEIR_OK);
    assert_int_equal(stats.discarded[WEIR_DISCARD_REPLACED], 5);
    gather_finish();
    gather_close(NULL);
}

/* One message of many: what is asked for goes before the next one can replace it. */
static void what_is_asked_for_is_not_replaced(struct rig *rig) {
    start(rig, false, (weir_conflate_options){.name = NULL}, 0);
    gather_ask(3);
    static const uint64_t numbers[] = {1001, 1002, 1003, 1004, 1005};
    assert_int_equal(weir_inlet_push(gather_scene.inlet, numbers, 5, 0), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(gather_scene.events, 3);
    gather_ask(1);
    assert_int_equal(gather_scene.events, 4);
    assert_non_null(strstr(gather_scene.said.text, "1005\n"));
    gather_finish();
    gather_close(NULL);
}

/* Far more than anybody asks for, and nothing waits behind the conflater. */
static void the_producer_never_waits(struct rig *rig) {
    start(rig, false, (weir_conflate_options){.name = NULL}, 0);
    for (uint64_t i = 0; i < 3000; i++) gather_push(1000 * (1 + i % 7) + i % 900, 1);
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(rig->runtime, gather_scene.source, &stats), WEIR_OK);
    assert_int_equal(stats.events_out, 3000);
    assert_int_equal(stats.buffered, 0);
    gather_expect_kept(7);
    gather_ask(100);
    assert_int_equal(gather_scene.events, 7);
    gather_finish();
    gather_close(NULL);
}

/* ---- bounds and ends ----------------------------------------------------- */

static void the_longest_in_line_makes_room(struct rig *rig) {
    start(rig, true, (weir_conflate_options){.keys = 2}, 0);
    gather_push(1, 2);
    gather_expect_kept(2);
    gather_push(3, 1); /* in 2's place */
    owned_expect_one(&gather_scene.ledger, 2, WEIR_DISCARD_REPLACED);
    gather_push(4, 1); /* of a third key: 1 goes */
    gather_expect_kept(2);
    owned_expect_one(&gather_scene.ledger, 1, WEIR_DISCARD_OVERFLOW);
    gather_push(5, 1); /* in 4's place */
    gather_push(6, 1); /* of the first key again: 3 goes */
    owned_expect_one(&gather_scene.ledger, 3, WEIR_DISCARD_OVERFLOW);
    gather_expect_kept(2);
    gather_ask(10);
    assert_true(strcmp(gather_scene.said.text, "5..6\n") == 0 ||
                strcmp(gather_scene.said.text, "5\n6\n") == 0);
    gather_finish();
    gather_close("handled 2, overflow 2, replaced 2");
}

static void at_the_end_each_key_has_its_latest(struct rig *rig, int way) {
    start(rig, true, (weir_conflate_options){.name = "c"}, 0);
    gather_push(1, 20);
    if (way == 0) {
        weir_inlet_finish(gather_scene.inlet);
        rig_rest(rig);
        gather_expect_kept(0); /* it is in its buffer: nothing can replace it any more */
        gather_ask(3);
        assert_int_equal(gather_scene.events, 3);
        gather_close("handled 3, replaced 17");
        return;
    }
    if (way == 1) {
        assert_int_equal(weir_runtime_drain(rig->runtime, 0, NULL), WEIR_TIMEOUT);
        gather_ask(3);
        gather_drain();
        assert_int_equal(gather_scene.events, 3);
        gather_close("handled 3, replaced 17");
        return;
    }
    weir_stop(rig->runtime, gather_scene.part, WEIR_REASON_USER);
    rig_rest(rig);
    assert_non_null(
        strstr(rig->log.text, "warning: stage c has discarded 3 events when it stopped\n"));
    gather_close("stopped 3, replaced 17");
}

/* ---- several, of one producer -------------------------------------------- */

enum { QUOTES = 500, SYMBOLS = 7 };

/* Copies of it own another thing, and are the same event. */
struct quote {
    struct owned owned;
    uint64_t number; /* from 1 */
};

static void drop_quotes(void *context, const void *events, size_t count, weir_discard why) {
    const struct quote *quotes = events;
    for (size_t i = 0; i < count; i++) {
        gather_scene.ledger.type.drop(context, &quotes[i].owned, 1, why);
    }
}

static bool copy_quote(void *context, const void *event, void *copy) {
    const struct quote *quote = event;
    struct quote *other = copy;
    other->number = quote->number;
    return gather_scene.ledger.type.copy(context, &quote->owned, &other->owned);
}

static const weir_event_type quote_type = {.bytes = sizeof(struct quote),
                                           .drop = drop_quotes,
                                           .copy = copy_quote,
                                           .context = &gather_scene.ledger};

static uint64_t symbol_of(void *context, const void *event) {
    (void)context;
    return ((const struct quote *)event)->number % SYMBOLS;
}

/* What one consumer of a broadcast has seen. */
static struct view {
    uint64_t last[SYMBOLS];
    uint64_t seen;
} views[3];

static weir_verdict view_quotes(weir_stage *self, weir_batch batch) {
    struct view *view = *(struct view **)weir_state(self);
    const struct quote *quotes = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t *last = &view->last[quotes[i].number % SYMBOLS];
        owned_look(&gather_scene.ledger, &quotes[i].owned);
        RIG_CHECK(gather_scene.rig, quotes[i].number > *last);
        *last = quotes[i].number;
    }
    view->seen += batch.count;
    return WEIR_CONTINUE;
}

static void start_view(struct rig *rig, int index, weir_ref producer) {
    struct view *view = &views[index];
    memset(view, 0, sizeof *view);
    const weir_subscribe_to to = {.producer = producer, .options = {.max_demand = 2}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .state = &view,
                                        .state_bytes = sizeof(struct view *),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = view_quotes};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_OK);
}

static weir_ref start_conflater(struct rig *rig, weir_ref producer) {
    const weir_subscribe_to to = {.producer = producer, .options = {.max_demand = 8}};
    const weir_conflate_options options = {
        .type = &quote_type, .key = symbol_of, .subscribe_to = &to, .subscribe_count = 1};
    weir_ref ref;
    assert_int_equal(weir_conflate_start(rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static void push_quotes(struct rig *rig, weir_inlet *inlet) {
    for (uint64_t i = 1; i <= QUOTES; i++) {
        struct quote quote = {.owned = owned_make(&gather_scene.ledger), .number = i};
        assert_int_equal(weir_inlet_push(inlet, &quote, 1, 0), WEIR_OK);
        if (i % 5 == 0) weir_runtime_step(rig->runtime, 3); /* unless it has threads */
    }
    assert_int_equal(weir_inlet_finish(inlet), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
}

/* Owned events that all of them have: each conflater has copies.  All end with the same. */
static void each_of_several_ends_with_the_latest(struct rig *rig) {
    gather_scene.rig = rig;
    owned_open(&gather_scene.ledger);
    const weir_inlet_options options = {.type = &quote_type,
                                        .dispatcher = weir_broadcast_dispatcher()};
    weir_inlet *inlet;
    weir_ref source;
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, &source), WEIR_OK);
    start_view(rig, 0, source);
    start_view(rig, 1, start_conflater(rig, source));
    start_view(rig, 2, start_conflater(rig, source));
    rig_rest(rig);
    push_quotes(rig, inlet);
    weir_inlet_close(inlet);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    assert_string_equal(gather_scene.ledger.wrong, "");
    assert_int_equal(views[0].seen, QUOTES);
    for (int i = 0; i < 3; i++) {
        for (uint64_t last = QUOTES; last > QUOTES - SYMBOLS; last--) {
            assert_int_equal(views[i].last[last % SYMBOLS], last);
        }
    }
}

static void so_it_is_on_threads(void **state) {
    (void)state;
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 3, .unpinned = true});
    each_of_several_ends_with_the_latest(&rig);
}

/* ---- events of any length ------------------------------------------------ */

static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    const struct owned_line *lines = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        owned_look_at_line(&gather_scene.ledger, &lines[i]);
    }
    gather_scene.events += batch.count;
    return WEIR_CONTINUE;
}

static uint64_t line_key(void *context, const void *event) {
    (void)context;
    return ((const struct owned_line *)event)->event.number % 5;
}

static void lines_are_replaced_whole(struct rig *rig) {
    char text[OWNED_TEXT_MOST];
    gather_begin(rig, true, 1);
    weir_inlet_close(gather_scene.inlet);
    const weir_inlet_options options = {.type = &gather_scene.ledger.lines};
    assert_int_equal(
        weir_inlet_open(rig->runtime, &options, &gather_scene.inlet, &gather_scene.source),
        WEIR_OK);
    weir_subscribe_to to = {.producer = gather_scene.source};
    const weir_conflate_options conflating = {.type = &gather_scene.ledger.lines,
                                              .key = line_key,
                                              .subscribe_to = &to,
                                              .subscribe_count = 1};
    assert_int_equal(weir_conflate_start(rig->runtime, &conflating, &gather_scene.part), WEIR_OK);
    for (int i = 0; i < 100; i++) {
        struct owned_line line = owned_make_line(&gather_scene.ledger, text);
        assert_int_equal(weir_inlet_push(gather_scene.inlet, &line, 1, 0), WEIR_OK);
        memset(text, '?', sizeof text);
        rig_rest(rig);
    }
    to.producer = gather_scene.part;
    const weir_stage_options reader = {.kind = WEIR_CONSUMER,
                                       .subscribe_to = &to,
                                       .subscribe_count = 1,
                                       .on.handle_events = read_lines};
    assert_int_equal(weir_stage_start(rig->runtime, &reader, NULL), WEIR_OK);
    gather_finish();
    assert_int_equal(gather_scene.events, 5);
    gather_close("handled 5, replaced 95");
}

/* ---- refusals ------------------------------------------------------------ */

static void wrong_options_are_refused(struct rig *rig) {
    weir_conflate_options wrong = {.event_bytes = 8};
    assert_int_equal(weir_conflate_start(rig->runtime, &wrong, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "key must be set");
    wrong.key = key_of;
    assert_int_equal(weir_conflate_start(NULL, &wrong, NULL), WEIR_INVALID);
    assert_int_equal(weir_conflate_start(rig->runtime, NULL, NULL), WEIR_INVALID);
    wrong.keys = (size_t)WEIR_CONFLATE_KEYS_LIMIT + 1;
    assert_int_equal(weir_conflate_start(rig->runtime, &wrong, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "keys must be from 1 to 16777216, got 16777217");
    wrong.keys = 1, wrong.event_bytes = 0;
    assert_int_equal(weir_conflate_start(rig->runtime, &wrong, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage conflater: event_bytes must be at least 1, got 0");
    wrong.event_bytes = 8, wrong.reserved[0] = 1;
    assert_int_equal(weir_conflate_start(rig->runtime, &wrong, NULL), WEIR_INVALID);
    assert_int_equal(weir_runtime_stages(rig->runtime), 0);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(who_keeps_up_sees_all),
        TEST_IN_WORLDS(who_does_not_sees_the_latest),
        TEST_IN_WORLDS(what_is_asked_for_is_not_replaced),
        TEST_IN_WORLDS(the_producer_never_waits),
        TEST_IN_WORLDS(the_longest_in_line_makes_room),
        TEST_IN_WORLDS_AND_WAYS(at_the_end_each_key_has_its_latest, 3),
        TEST_IN_WORLDS(each_of_several_ends_with_the_latest),
        cmocka_unit_test(so_it_is_on_threads),
        TEST_IN_WORLDS(lines_are_replaced_whole),
        TEST_STEPPED(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
