/*
 * The batcher: which events go together, when, and as what.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each trigger closes its batch and no other, with the events in their order; batches of
 * different keys do not mix, no more of them are open than may be, and the oldest goes first; who
 * asks for nothing gets nothing, and the batcher takes no more than it is asked for; what is open
 * is counted, and goes at the end and in a drain; wrong options are refused.
 * Method: an inlet, a batcher and a sink that writes down what it gets; in every world, so time is
 * virtual in most of them, and no test waits for it (test_batcher_time.c does).
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

static void start(struct rig *rig, weir_batcher_options options, size_t sink_demand) {
    weir_subscribe_to to = gather_begin(rig, false, 1000);
    options.event_bytes = sizeof(uint64_t);
    options.timeout_ns = options.timeout_ns == 0 ? WEIR_FOREVER : options.timeout_ns;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_batcher_start(rig->runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(true, sink_demand);
}

/* Numbers are 1000 times the key, and something. */
static uint64_t thousands(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event / 1000;
}

static bool ends_in_nine(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 10 == 9;
}

static uint64_t its_number(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event;
}

/* ---- triggers ------------------------------------------------------------ */

static void size_closes_a_batch(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 3}, 10);
    gather_push(0, 8);
    gather_expect("size 3 of key 0: 0..2\nsize 3 of key 0: 3..5\n");
    gather_expect_kept(2);
    gather_push(8, 1);
    gather_expect("size 3 of key 0: 6..8\n");
    gather_expect_kept(0);
    gather_finish();
    gather_expect("");
    gather_close(NULL);
}

static void a_hundred_is_usual(struct rig *rig) {
    start(rig, (weir_batcher_options){.name = NULL}, 10);
    gather_push(0, 250);
    gather_expect("size 100 of key 0: 0..99\nsize 100 of key 0: 100..199\n");
    gather_finish();
    gather_expect("end 50 of key 0: 200..249\n");
    gather_close(NULL);
}

/* Of eight bytes each, three fit into 30; and two numbers that weigh 16 into 20 do not. */
static void bytes_are_a_bound(struct rig *rig) {
    start(rig, (weir_batcher_options){.bytes = 30}, 10);
    gather_push(0, 7);
    gather_expect("bytes 3 of key 0: 0..2\nbytes 3 of key 0: 3..5\n");
    gather_finish();
    gather_expect("end 1 of key 0: 6\n");
    gather_close(NULL);
}

static void the_weight_is_what_the_program_says(struct rig *rig) {
    start(rig, (weir_batcher_options){.bytes = 10, .weight = its_number}, 10);
    gather_push(3, 1);
    gather_push(6, 1); /* 9 */
    gather_push(2, 1); /* has no room: the others go */
    gather_expect("bytes 2 of key 0: 3 6\n");
    gather_push(8, 1); /* 10: at once */
    gather_expect("bytes 2 of key 0: 2 8\n");
    gather_push(1, 1);
    gather_push(50, 1); /* is one by itself, and more than may be */
    gather_expect("bytes 1 of key 0: 1\nbytes 1 of key 0: 50\n");
    gather_expect_kept(0);
    gather_finish();
    gather_close(NULL);
}

static void flush_sends_its_batch_with_it(struct rig *rig) {
    start(rig, (weir_batcher_options){.flush = ends_in_nine, .key = thousands}, 10);
    gather_push(1005, 2);
    gather_push(2005, 5);
    gather_expect("flush 5 of key 2: 2005..2009\n");
    gather_push(1007, 4);
    gather_expect("flush 5 of key 1: 1005..1009\n");
    gather_expect_kept(1);
    gather_drain();
    gather_expect("end 1 of key 1: 1010\n");
    gather_close(NULL);
}

/* As many as make up ten. */
static bool is_full(void *context, const void *event, uint64_t *sum) {
    (*(uint64_t *)context)++;
    *sum += *(const uint64_t *)event;
    return *sum >= 10;
}

static void full_is_instead_of_size_and_bytes(struct rig *rig) {
    uint64_t calls = 0;
    start(rig, (weir_batcher_options){.full = is_full, .context = &calls}, 10);
    gather_push(1, 5);
    gather_expect("size 4 of key 0: 1..4\n");
    gather_push(5, 1);
    gather_push(20, 1);
    gather_expect("size 2 of key 0: 5 5\nsize 1 of key 0: 20\n");
    assert_int_equal(calls, 7); /* once for each */
    gather_finish();
    gather_close(NULL);
}

/* ---- keys ---------------------------------------------------------------- */

static void keys_do_not_mix(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 2, .key = thousands}, 10);
    uint64_t mixed[] = {1001, 2001, 3001, 2002, 1002, 1003, 3002, 2003, 1004};
    for (size_t i = 0; i < 9; i++) gather_push(mixed[i], 1);
    gather_expect("size 2 of key 2: 2001..2002\nsize 2 of key 1: 1001..1002\n"
                  "size 2 of key 3: 3001..3002\nsize 2 of key 1: 1003..1004\n");
    gather_finish();
    gather_expect("end 1 of key 2: 2003\n");
    gather_close(NULL);
}

static void the_oldest_goes_where_keys_are_many(struct rig *rig) {
    start(rig, (weir_batcher_options){.keys = 2, .key = thousands}, 10);
    gather_push(1000, 2);
    gather_push(2000, 1);
    gather_push(1002, 1);
    gather_expect("");
    gather_push(3000, 1);
    gather_expect("keys 3 of key 1: 1000..1002\n");
    gather_push(1003, 1);
    gather_expect("keys 1 of key 2: 2000\n");
    gather_expect_kept(2);
    gather_finish();
    gather_expect("end 1 of key 3: 3000\nend 1 of key 1: 1003\n");
    gather_close(NULL);
}

/* Many keys at once, each in its order; every number comes once. */
static void many_keys_keep_their_order(struct rig *rig) {
    enum { KEYS = 500, EACH = 7 };
    start(rig, (weir_batcher_options){.size = EACH, .key = thousands}, 1000);
    for (uint64_t i = 0; i < EACH; i++) {
        for (uint64_t key = 1; key <= KEYS; key++) {
            uint64_t number = 1000 * key + i;
            assert_int_equal(weir_inlet_push(gather_scene.inlet, &number, 1, 0), WEIR_OK);
        }
        rig_rest(rig);
        gather_expect_kept(i + 1 < EACH ? (i + 1) * KEYS : 0);
    }
    assert_int_equal(gather_scene.batches, KEYS);
    static char expected[RIG_TEXT];
    size_t used = 0;
    for (unsigned key = 1; key <= KEYS; key++) {
        used += (size_t)snprintf(expected + used, sizeof expected - used,
                                 "size %d of key %u: %u000..%u006\n", EACH, key, key, key);
    }
    gather_expect(expected);
    gather_finish();
    gather_close(NULL);
}

/* ---- demand -------------------------------------------------------------- */

static void who_asks_for_nothing_gets_nothing(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 2}, 0);
    gather_push(0, 9);
    gather_expect("");
    gather_expect_kept(0); /* they wait where they came from */
    gather_ask(1);
    gather_expect("size 2 of key 0: 0..1\n");
    gather_expect_kept(0);
    gather_ask(2);
    gather_expect("size 2 of key 0: 2..3\nsize 2 of key 0: 4..5\n");
    gather_ask(1);
    gather_expect("size 2 of key 0: 6..7\n");
    gather_ask(1);
    gather_expect("");
    gather_expect_kept(1);
    gather_drain();
    gather_expect("end 1 of key 0: 8\n");
    gather_close(NULL);
}

/* However many come in one message. */
static void no_batch_waits_unasked(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 2}, 0);
    static uint64_t numbers[1000];
    for (uint64_t i = 0; i < 1000; i++) numbers[i] = i;
    assert_int_equal(weir_inlet_push(gather_scene.inlet, numbers, 1000, 0), WEIR_OK);
    rig_rest(rig);
    for (uint64_t i = 1; i <= 20; i++) {
        gather_ask(1);
        assert_int_equal(gather_scene.batches, i);
        weir_counters_stage stats;
        assert_int_equal(weir_stage_stats(rig->runtime, gather_scene.part, &stats), WEIR_OK);
        assert_int_equal(stats.buffered + stats.stashed, 0);
        assert_int_equal(stats.events_out, i);
    }
    gather_ask(1000);
    assert_int_equal(gather_scene.events, 1000);
    gather_finish();
    gather_close(NULL);
}

/* ---- ends ---------------------------------------------------------------- */

static void what_is_open_is_lost_with_its_stage_and_told(struct rig *rig) {
    start(rig, (weir_batcher_options){.name = "b", .size = 10}, 10);
    gather_push(0, 7);
    assert_int_equal(weir_stop(rig->runtime, gather_scene.part, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    assert_non_null(
        strstr(rig->log.text, "warning: stage b has discarded 7 events when it stopped\n"));
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.discarded, 7);
    assert_int_equal(accounts.handled + accounts.buffered + accounts.in_flight, 0);
    gather_close(NULL);
}

/* weir_lags and drains have them as what is stashed. */
static void a_drain_tells_what_it_finds(struct rig *rig) {
    start(rig, (weir_batcher_options){.size = 10, .key = thousands}, 10);
    gather_push(1000, 3);
    gather_push(2000, 4);
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.buffered, 7);
    assert_int_equal(accounts.handled, 0);
    gather_drain();
    gather_expect("end 3 of key 1: 1000..1002\nend 4 of key 2: 2000..2003\n");
    assert_int_equal(rig_accounts(rig).buffered, 0);
    gather_close(NULL);
}

/* ---- refusals ------------------------------------------------------------ */

static const weir_event_type owned_type = {.bytes = 16, .drop = NULL};

static void refused(struct rig *rig, weir_batcher_options options, const char *why) {
    weir_ref ref = {.bits = 1};
    assert_int_equal(weir_batcher_start(rig->runtime, &options, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), why);
    assert_int_equal(ref.bits, 1);
    assert_int_equal(weir_runtime_stages(rig->runtime), 0);
}

static void wrong_options_are_refused(struct rig *rig) {
    const weir_batcher_options usual = {.event_bytes = 8};
    weir_batcher_options wrong = usual;
    assert_int_equal(weir_batcher_start(NULL, &usual, NULL), WEIR_INVALID);
    assert_int_equal(weir_batcher_start(rig->runtime, NULL, NULL), WEIR_INVALID);
    wrong.event_bytes = 0;
    refused(rig, wrong, "event_bytes must be from 1 to 65536, got 0");
    wrong.event_bytes = 65537;
    refused(rig, wrong, "event_bytes must be from 1 to 65536, got 65537");
    wrong = usual, wrong.size = (size_t)WEIR_BATCH_SIZE_LIMIT + 1;
    refused(rig, wrong, "size must be from 1 to 16777216, got 16777217");
    wrong = usual, wrong.key = thousands, wrong.keys = (size_t)WEIR_BATCH_KEYS_LIMIT + 1;
    refused(rig, wrong, "keys must be from 1 to 1048576, got 1048577");
    wrong = usual, wrong.keys = 7;
    refused(rig, wrong, "key must be set when keys is, which is 7");
    wrong = usual, wrong.full = is_full, wrong.size = 7;
    refused(rig, wrong, "size must not be set when full is, got 7");
    wrong = usual, wrong.full = is_full, wrong.bytes = 9;
    refused(rig, wrong, "bytes must not be set when full is, got 9");
    wrong = usual, wrong.type = &owned_type;
    refused(rig, wrong, "type->drop must be set");
    wrong = usual, wrong.reserved[1] = 1;
    assert_int_equal(weir_batcher_start(rig->runtime, &wrong, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "weir_batcher_options"));
    rig_close(rig);
}

static void others_are_not_for_it(struct rig *rig) {
    start(rig, (weir_batcher_options){.name = "b"}, 10);
    weir_ref other;
    const weir_inlet_options options = {.event_bytes = 4};
    weir_inlet *inlet;
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, &other), WEIR_OK);
    assert_int_equal(weir_subscribe(rig->runtime, gather_scene.part, other, NULL, NULL),
                     WEIR_INVALID);
    weir_inlet_close(inlet);
    gather_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(size_closes_a_batch),
        TEST_IN_WORLDS(a_hundred_is_usual),
        TEST_IN_WORLDS(bytes_are_a_bound),
        TEST_IN_WORLDS(the_weight_is_what_the_program_says),
        TEST_IN_WORLDS(flush_sends_its_batch_with_it),
        TEST_IN_WORLDS(full_is_instead_of_size_and_bytes),
        TEST_IN_WORLDS(keys_do_not_mix),
        TEST_IN_WORLDS(the_oldest_goes_where_keys_are_many),
        TEST_IN_WORLDS(many_keys_keep_their_order),
        TEST_IN_WORLDS(who_asks_for_nothing_gets_nothing),
        TEST_IN_WORLDS(no_batch_waits_unasked),
        TEST_IN_WORLDS(what_is_open_is_lost_with_its_stage_and_told),
        TEST_IN_WORLDS(a_drain_tells_what_it_finds),
        TEST_STEPPED(wrong_options_are_refused),
        TEST_IN_WORLDS(others_are_not_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
