/*
 * The retry stage: events go on when they are due, in that order, and no sooner.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event waits as long as `delay` or the back-off says, equal ones go in the order in
 * which they came; no more wait than may, and what has no room waits where it came from; who asks
 * for nothing gets nothing; what waits is counted, and is dropped, once, or goes at once, when the
 * stage finishes; in a ring with who fails, a drain ends both; wrong options are refused.
 * Method: an inlet, a retry stage and a sink; simulated runtimes, whose time is virtual.
 */
#include "support/cmocka.h"
#include "support/gather_scene.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

static struct rig scene_rig;
static size_t at_a_time = 10; /* events come to it */

/* The number is the delay, in ms: of 1000 and more, what is beyond. */
static uint64_t its_delay(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 1000 * GATHER_MS;
}

static void start(uint64_t seed, bool owned, weir_retry_options options, size_t sink_demand) {
    rig_open(&scene_rig,
             &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 3, .seed = seed});
    weir_subscribe_to to = gather_begin(&scene_rig, owned, at_a_time);
    options.event_bytes = owned ? 0 : sizeof(uint64_t);
    options.type = owned ? &gather_scene.ledger.type : NULL;
    if (options.delay == NULL && options.backoff.first_ns == 0) options.delay = its_delay;
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    assert_int_equal(weir_retry_start(scene_rig.runtime, &options, &gather_scene.part), WEIR_OK);
    gather_sink(false, sink_demand);
    gather_scene.times = true;
}

/* ---- when ---------------------------------------------------------------- */

static void events_go_when_they_are_due(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start(seed, false, (weir_retry_options){.name = NULL}, 10);
        gather_push(30, 1);
        gather_push(10, 1);
        gather_push(20, 1);
        gather_push(1010, 1);
        gather_push(0, 1);
        gather_expect("0 ms: 0\n");
        gather_expect_kept(4);
        gather_until(10);
        gather_expect("");
        gather_until(11);
        gather_expect("10 ms: 10 1010\n");
        gather_until(15);
        gather_push(4, 1);
        gather_until(100);
        gather_expect("19 ms: 4\n20 ms: 20\n30 ms: 30\n");
        gather_expect_kept(0);
        gather_close(NULL);
    }
}

/* As a sorted list has them: many, with many at the same moment. */
static void many_keep_the_order_of_their_moments(void **state) {
    (void)state;
    enum { MANY = 3000, MOMENTS = 40 };
    at_a_time = 10000; /* all at once, for the same moment */
    start(3, false, (weir_retry_options){.name = NULL}, 10000);
    at_a_time = 10;
    uint64_t random = 17;
    static uint32_t due[MANY];
    static uint64_t numbers[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        due[i] = 1 + (uint32_t)(random >> 33) % MOMENTS;
        numbers[i] = 1000 * (uint64_t)i + due[i];
    }
    assert_int_equal(weir_inlet_push(gather_scene.inlet, numbers, MANY, 0), WEIR_OK);
    rig_rest(&scene_rig);
    gather_expect_kept(MANY);
    for (uint32_t ms = 1; ms <= MOMENTS; ms++) {
        static char expected[RIG_TEXT];
        size_t used = (size_t)snprintf(expected, sizeof expected, "%u ms:", ms);
        for (uint32_t i = 0; i < MANY; i++) {
            if (due[i] == ms) {
                used +=
                    (size_t)snprintf(expected + used, sizeof expected - used, " %u", 1000 * i + ms);
            }
        }
        snprintf(expected + used, sizeof expected - used, "\n");
        gather_until(ms + 1);
        gather_expect(expected);
    }
    gather_close(NULL);
}

static unsigned its_failures(void *context, const void *event) {
    (void)context;
    return (unsigned)*(const uint64_t *)event;
}

static void the_back_off_says_how_long(void **state) {
    (void)state;
    start(4, false,
          (weir_retry_options){
              .backoff = {.first_ns = 10 * GATHER_MS, .most_ns = 50 * GATHER_MS, .factor = 2},
              .failures = its_failures},
          10);
    for (uint64_t i = 1; i <= 5; i++) gather_push(6 - i, 1);
    gather_until(1000);
    gather_expect("10 ms: 1\n20 ms: 2\n40 ms: 3\n50 ms: 5 4\n");
    gather_close(NULL);
}

static void jitter_takes_some_off(void **state) {
    (void)state;
    start(4, false, (weir_retry_options){.backoff = {.first_ns = 100 * GATHER_MS, .jitter = 0.5}},
          1000);
    for (uint64_t i = 0; i < 100; i++) gather_push(i, 1);
    gather_until(50);
    assert_int_equal(gather_scene.events, 0);
    gather_until(75);
    assert_true(gather_scene.events > 20 && gather_scene.events < 80);
    gather_until(101);
    assert_int_equal(gather_scene.events, 100);
    gather_close(NULL);
}

/* ---- how many ------------------------------------------------------------ */

static void no_more_wait_than_may(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start(seed, false, (weir_retry_options){.limit = 4}, 10);
        for (uint64_t i = 1; i <= 9; i++) gather_push(10 * i, 1);
        gather_expect_kept(4);
        gather_until(11); /* 10 goes, 50 comes; and is due 50 later */
        gather_expect("10 ms: 10\n");
        gather_expect_kept(4);
        gather_until(21);
        gather_expect("20 ms: 20\n");
        gather_expect_kept(4);
        gather_until(1000);
        gather_expect("30 ms: 30\n40 ms: 40\n60 ms: 50\n80 ms: 60\n100 ms: 70\n120 ms: 80\n"
                      "150 ms: 90\n");
        gather_close(NULL);
    }
}

/* What is due waits for demand, and is among the limit. */
static void who_asks_for_nothing_gets_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start(seed, false, (weir_retry_options){.limit = 4}, 0);
        for (uint64_t i = 1; i <= 6; i++) gather_push(i, 1);
        gather_until(100);
        gather_expect("");
        gather_expect_kept(4);
        gather_ask(3);
        gather_expect("100 ms: 1..3\n");
        gather_expect_kept(3);
        gather_until(200);
        gather_ask(10);
        gather_expect("200 ms: 4..6\n");
        gather_close(NULL);
    }
}

/* ---- ends ---------------------------------------------------------------- */

static uint64_t for_ever(void *context, const void *event) {
    (void)context, (void)event;
    return WEIR_FOREVER;
}

static void at_the_end_what_waits_is_dropped(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        for (int drain = 0; drain < 2; drain++) {
            start(seed, true, (weir_retry_options){.name = "r", .delay = for_ever}, 10);
            gather_push(1, 5);
            gather_expect_kept(5);
            if (drain > 0) gather_drain();
            if (drain == 0) gather_finish();
            gather_expect("");
            assert_non_null(strstr(scene_rig.log.text,
                                   "warning: stage r has discarded 5 events when it stopped\n"));
            gather_close("stopped 5");
        }
    }
}

static void or_it_goes_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        start(seed, false, (weir_retry_options){.at_end = WEIR_RETRY_AT_ONCE, .limit = 4}, 10);
        for (uint64_t i = 1; i <= 9; i++) gather_push(900 - i, 1);
        gather_expect_kept(4);
        gather_drain();
        assert_int_equal(gather_scene.events, 9);
        assert_true(weir_runtime_now(scene_rig.runtime) < GATHER_MS);
        gather_close(NULL);
    }
}

static void what_waits_ends_with_its_stage(void **state) {
    (void)state;
    start(2, true, (weir_retry_options){.delay = for_ever}, 10);
    gather_push(1, 5);
    weir_stop(scene_rig.runtime, gather_scene.part, WEIR_REASON_USER);
    rig_rest(&scene_rig);
    gather_close("stopped 5");
}

static uint64_t no_delay(void *context, const void *event) {
    (void)context, (void)event;
    return 0;
}

static void owned_events_go_through_unharmed(void **state) {
    (void)state;
    start(2, true, (weir_retry_options){.delay = no_delay, .limit = 3}, 2);
    gather_push(1, 100);
    assert_int_equal(gather_scene.events, 100);
    gather_finish();
    gather_close("handled 100");
}

/* ---- in a ring ----------------------------------------------------------- */

struct job {
    struct owned owned;
    uint64_t tries;
};

static struct {
    weir_event_type type;
    uint64_t done;
    uint64_t failed;
} ring;

static void drop_jobs(void *context, const void *events, size_t count, weir_discard why) {
    const struct job *jobs = events;
    for (size_t i = 0; i < count; i++) {
        gather_scene.ledger.type.drop(context, &jobs[i].owned, 1, why);
    }
}

/* A job is done at its third try: until then it goes to the retries, as it is. */
static weir_verdict work(weir_stage *self, weir_batch batch) {
    struct job *jobs = weir_own(self);
    RIG_CHECK(gather_scene.rig, jobs != NULL);
    for (size_t i = 0; i < batch.count; i++) {
        if (++jobs[i].tries == 3) {
            ring.done++;
            continue;
        }
        struct job again;
        ring.failed++;
        RIG_CHECK(gather_scene.rig, weir_take(self, i, 1, &again) == WEIR_OK);
        RIG_CHECK(gather_scene.rig, weir_emit(self, &again, 1) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static uint64_t ten_ms(void *context, const void *event) {
    (void)context, (void)event;
    return 10 * GATHER_MS;
}

static weir_inlet *start_ring(uint64_t seed, weir_retry_end at_end) {
    weir_inlet *inlet;
    weir_ref source, worker, retries;
    rig_open(&scene_rig,
             &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 3, .seed = seed});
    gather_scene.rig = &scene_rig;
    owned_open(&gather_scene.ledger);
    ring.done = ring.failed = 0;
    ring.type = (weir_event_type){
        .bytes = sizeof(struct job), .drop = drop_jobs, .context = &gather_scene.ledger};
    const weir_inlet_options jobs = {.type = &ring.type};
    assert_int_equal(weir_inlet_open(scene_rig.runtime, &jobs, &inlet, &source), WEIR_OK);
    const weir_subscribe_to to = {.producer = source, .options = {.max_demand = 4}};
    const weir_stage_options working = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .type = &ring.type,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = work};
    assert_int_equal(weir_stage_start(scene_rig.runtime, &working, &worker), WEIR_OK);
    const weir_subscribe_to from = {.producer = worker};
    const weir_retry_options retrying = {.type = &ring.type,
                                         .delay = ten_ms,
                                         .at_end = at_end,
                                         .subscribe_to = &from,
                                         .subscribe_count = 1};
    assert_int_equal(weir_retry_start(scene_rig.runtime, &retrying, &retries), WEIR_OK);
    assert_int_equal(weir_subscribe(scene_rig.runtime, worker, retries, NULL, NULL), WEIR_OK);
    for (int i = 0; i < 20; i++) {
        struct job job = {.owned = owned_make(&gather_scene.ledger)};
        assert_int_equal(weir_inlet_push(inlet, &job, 1, 0), WEIR_OK);
    }
    rig_rest(&scene_rig);
    assert_int_equal(ring.failed, 20);
    return inlet;
}

static void close_ring(weir_inlet *inlet, const char *fates) {
    gather_drain();
    weir_inlet_close(inlet);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(scene_rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&scene_rig, &accounts);
    owned_expect(&gather_scene.ledger, fates);
}

static void what_fails_comes_round_until_it_does_not(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 8; seed++) {
        weir_inlet *inlet = start_ring(seed, WEIR_RETRY_DROP);
        gather_until(15);
        assert_int_equal(ring.failed, 40);
        assert_int_equal(ring.done, 0);
        gather_until(25);
        assert_int_equal(ring.done, 20);
        close_ring(inlet, "handled 20");
    }
}

static void a_drain_ends_a_ring_with_what_waits(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 8; seed++) {
        close_ring(start_ring(seed, WEIR_RETRY_DROP), "stopped 20");
        close_ring(start_ring(seed, WEIR_RETRY_AT_ONCE), "handled 20");
        assert_int_equal(ring.done, 20);
    }
}

/* ---- refusals ------------------------------------------------------------ */

static void refused(struct rig *rig, weir_retry_options options, const char *why) {
    assert_int_equal(weir_retry_start(rig->runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), why);
    assert_int_equal(weir_runtime_stages(rig->runtime), 0);
}

static void wrong_options_are_refused(struct rig *rig) {
    static const weir_event_type spans = {.bytes = 16, .spans = 1};
    const weir_retry_options usual = {.event_bytes = 8, .delay = ten_ms};
    weir_retry_options wrong = usual;
    assert_int_equal(weir_retry_start(NULL, &usual, NULL), WEIR_INVALID);
    assert_int_equal(weir_retry_start(rig->runtime, NULL, NULL), WEIR_INVALID);
    wrong.delay = NULL;
    refused(rig, wrong, "delay or backoff.first_ns must be set");
    wrong = usual, wrong.backoff.first_ns = 1;
    refused(rig, wrong, "delay and backoff.first_ns cannot both be set");
    wrong = usual, wrong.failures = its_failures;
    refused(rig, wrong, "backoff.first_ns must be set when failures is");
    wrong.delay = NULL, wrong.backoff.first_ns = 1, wrong.backoff.factor = 0.5;
    refused(rig, wrong, "backoff.factor must be at least 1, got 0.5");
    wrong = usual, wrong.limit = (size_t)WEIR_RETRY_LIMIT_MAX + 1;
    refused(rig, wrong, "limit must be from 1 to 16777216, got 16777217");
    wrong = usual, wrong.at_end = (weir_retry_end)2;
    refused(rig, wrong, "at_end must be one of WEIR_RETRY_DROP, WEIR_RETRY_AT_ONCE, got 2");
    wrong = usual, wrong.type = &spans, wrong.event_bytes = 0;
    refused(rig, wrong, "type->spans must be 0 for a retry stage, got 1");
    wrong = usual, wrong.event_bytes = 0;
    refused(rig, wrong, "stage retry: event_bytes must be at least 1, got 0");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_go_when_they_are_due),
        cmocka_unit_test(many_keep_the_order_of_their_moments),
        cmocka_unit_test(the_back_off_says_how_long),
        cmocka_unit_test(jitter_takes_some_off),
        cmocka_unit_test(no_more_wait_than_may),
        cmocka_unit_test(who_asks_for_nothing_gets_nothing),
        cmocka_unit_test(at_the_end_what_waits_is_dropped),
        cmocka_unit_test(or_it_goes_at_once),
        cmocka_unit_test(what_waits_ends_with_its_stage),
        cmocka_unit_test(owned_events_go_through_unharmed),
        cmocka_unit_test(what_fails_comes_round_until_it_does_not),
        cmocka_unit_test(a_drain_ends_a_ring_with_what_waits),
        TEST_STEPPED(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
