/*
 * Pools whose children are begun again later, and so many times.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each attempt knows its number; a child is begun again no earlier than its delay says, and
 * hardly later, and takes no thread meanwhile; it is tried as often as `attempts` says, beside
 * max_restarts; who waits can be ended, and goes with its stage.
 * Method: simulated time, in which each moment is known, but for the turns that it takes.
 */
#include "support/cmocka.h"
#include "support/results_scene.h"

#include "base/atomic.h"

#include <sched.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct results_scene s;

static const weir_runtime_options simulated = {.mode = WEIR_SIMULATED, .workers = 1, .seed = 3};

static void advance(uint64_t ns) {
    assert_int_equal(weir_runtime_advance(s.rig.runtime, ns), WEIR_OK);
}

/* The nth attempt of a number came so long after the one before it; turns take some 1 us each. */
static void expect_delay(uint64_t number, unsigned attempt, uint64_t least, uint64_t most) {
    const uint64_t *begun = s.begun_ns[number];
    const uint64_t found = begun[attempt - 1] - begun[attempt - 2];
    assert_in_range(found, least, most + MS / 10);
}

static void delays_grow(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 10 * MS, .most_ns = 50 * MS};
    results_open(&s, &simulated, 1);
    s.does[0] = "aaaaa1";
    results_pool(&s, 4, NULL,
                 &(weir_pool_options){
                     .restart = WEIR_CHILD_TRANSIENT, .restart_delay = &delay, .attempts = 10});
    results_consumer(&s, 10);
    advance(1000 * MS);
    assert_int_equal(s.runs[0], 6);
    expect_delay(0, 2, 10 * MS, 10 * MS);
    expect_delay(0, 3, 20 * MS, 20 * MS);
    expect_delay(0, 4, 40 * MS, 40 * MS);
    expect_delay(0, 5, 50 * MS, 50 * MS);
    expect_delay(0, 6, 50 * MS, 50 * MS);
    results_expect(&s, "600");
    assert_int_equal(s.ends[0].attempts, 6);
    results_close(&s);
}

static void jitter_spreads_them(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 100 * MS, .factor = 1, .jitter = 0.5};
    results_open(&s, &simulated, 50);
    for (int i = 0; i < 50; i++) s.does[i] = "a1";
    results_pool(&s, 50, NULL,
                 &(weir_pool_options){
                     .restart = WEIR_CHILD_TRANSIENT, .restart_delay = &delay, .attempts = 2});
    results_consumer(&s, 100);
    advance(1000 * MS);
    unsigned early = 0;
    for (uint64_t i = 0; i < 50; i++) {
        expect_delay(i, 2, 50 * MS, 100 * MS);
        early += s.begun_ns[i][1] - s.begun_ns[i][0] < 75 * MS;
    }
    assert_in_range(early, 10, 40);
    results_close(&s);
}

/* Those that need no restart are not held up by one that waits, on the pool's only thread. */
static void who_waits_takes_no_thread(void **state) {
    (void)state;
    const weir_backoff hour = {.first_ns = 3600000 * MS};
    results_open(&s, &(weir_runtime_options){.workers = 1, .unpinned = true}, 20);
    s.does[0] = s.does[5] = "a1";
    results_pool(&s, 10, NULL,
                 &(weir_pool_options){.threads = 1,
                                      .restart = WEIR_CHILD_TRANSIENT,
                                      .restart_delay = &hour,
                                      .attempts = 2,
                                      .shutdown_ns = WEIR_FOREVER});
    results_consumer(&s, 100);
    while (weir__load_relaxed_u32(&s.begun) < 20) sched_yield();
    rig_rest(&s.rig);
    assert_int_equal(s.exits, 18);
    weir_pool_counts counts;
    assert_int_equal(weir_pool_count(s.pool, &counts), WEIR_OK);
    assert_int_equal(counts.restarting, 2);
    assert_int_equal(counts.workers, 2);
    results_close(&s);
}

static void attempts_are_bounded(void **state) {
    (void)state;
    results_open(&s, &simulated, 100);
    for (int i = 0; i < 100; i++) s.does[i] = i % 2 == 0 ? "a" : "aaa1";
    results_pool(&s, 10, NULL,
                 &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT, .attempts = 4});
    results_consumer(&s, 100);
    rig_rest(&s.rig);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(s.runs[i], 4);
        assert_int_equal(s.ends[i].attempts, 4);
        assert_int_equal(s.ends[i].how, i % 2 == 0 ? WEIR_CHILD_FAILED : WEIR_CHILD_FINISHED);
    }
    assert_int_equal(weir_runtime_stages(s.rig.runtime), 3); /* no number of restarts stops it */
    results_close(&s);
}

static void one_attempt_is_no_restart(void **state) {
    (void)state;
    results_open(&s, &simulated, 1);
    s.does[0] = "a";
    results_pool(&s, 10, NULL,
                 &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT, .attempts = 1});
    results_consumer(&s, 100);
    rig_rest(&s.rig);
    assert_int_equal(s.runs[0], 1);
    assert_int_equal(s.ends[0].how, WEIR_CHILD_FAILED);
    results_close(&s);
}

static void max_restarts_counts_beside_attempts(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 1000 * MS, .factor = 1};
    for (int slow = 0; slow < 2; slow++) {
        results_open(&s, &simulated, 1);
        s.does[0] = "a";
        results_pool(&s, 10, NULL,
                     &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT,
                                          .restart_delay = slow > 0 ? &delay : NULL,
                                          .attempts = 6,
                                          .max_restarts = 3,
                                          .max_seconds = 2});
        results_consumer(&s, 100);
        advance(20000 * MS);
        /* Within two seconds there are never more than two or three restarts a second apart. */
        assert_int_equal(s.runs[0], slow > 0 ? 6 : 4);
        assert_int_equal(weir_runtime_stages(s.rig.runtime), slow > 0 ? 3 : 2);
        results_close(&s);
    }
}

/* ---- start that fails at a restart ------------------------------------------- */

static unsigned begins;

static weir_start_verdict fail_later(void *context, const void *event) {
    (void)context, (void)event;
    return begins++ == 0 ? WEIR_CHILD_START : WEIR_CHILD_ERROR;
}

static void a_start_that_fails_is_an_attempt(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 10 * MS};
    begins = 0;
    results_open(&s, &simulated, 1);
    s.does[0] = "a";
    results_pool(&s, 4, NULL,
                 &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT,
                                      .restart_delay = &delay,
                                      .attempts = 4,
                                      .start = fail_later});
    results_consumer(&s, 10);
    advance(25 * MS);
    assert_int_equal(begins, 2);
    advance(10 * MS);
    assert_int_equal(begins, 3);
    advance(1000 * MS);
    assert_int_equal(begins, 4);
    assert_int_equal(s.runs[0], 1);
    assert_int_equal(s.ends[0].attempts, 4);
    assert_int_equal(s.ends[0].how, WEIR_CHILD_FAILED);
    results_close(&s);
}

/* ---- its end -------------------------------------------------------------------- */

static void who_waits_is_ended_at_once(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 10 * MS};
    results_open(&s, &simulated, 3);
    s.does[0] = s.does[2] = "a1";
    results_pool(&s, 4, NULL,
                 &(weir_pool_options){
                     .restart = WEIR_CHILD_TRANSIENT, .restart_delay = &delay, .attempts = 4});
    results_consumer(&s, 10);
    rig_rest(&s.rig);
    weir_child_info list[4];
    assert_int_equal(weir_pool_children(s.pool, list, 4), 2);
    assert_int_equal(list[0].state, WEIR_CHILD_RESTARTING);
    assert_int_equal(weir_pool_end_child(s.pool, s.children[0]), WEIR_OK);
    assert_int_equal(weir_pool_end_child(s.pool, s.children[0]), WEIR_NO_CHILD);
    rig_rest(&s.rig);
    assert_int_equal(s.ends[0].how, WEIR_CHILD_ENDED);
    assert_int_equal(s.ends[0].attempts, 1);
    advance(1000 * MS);
    assert_int_equal(s.runs[0], 1);
    results_expect(&s, "1100 2200");
    results_close(&s);
}

static void who_waits_goes_with_its_stage(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 10 * MS};
    for (int ended = 0; ended < 2; ended++) {
        results_open(&s, &simulated, 3);
        s.does[0] = s.does[2] = "a1";
        results_pool(&s, 4, NULL,
                     &(weir_pool_options){
                         .restart = WEIR_CHILD_TRANSIENT, .restart_delay = &delay, .attempts = 4});
        results_consumer(&s, 10);
        rig_rest(&s.rig);
        player_stop(&s.stage, WEIR_REASON_USER);
        if (ended > 0) assert_int_equal(weir_pool_end_child(s.pool, s.children[2]), WEIR_OK);
        advance(1000 * MS);
        assert_int_equal(s.ends[0].how, WEIR_CHILD_DISCARDED);
        assert_int_equal(s.ends[2].how, ended > 0 ? WEIR_CHILD_ENDED : WEIR_CHILD_DISCARDED);
        assert_int_equal(s.begun, 3);
        results_close(&s);
    }
}

static void a_pool_that_emits_nothing_delays_too(void **state) {
    (void)state;
    const weir_backoff delay = {.first_ns = 10 * MS};
    results_open(&s, &simulated, 0);
    results_pool(&s, 4, NULL, NULL);
    uint64_t now = weir_runtime_now(s.rig.runtime);
    assert_int_equal(weir_pool_close(s.pool, NULL), WEIR_OK);
    s.does[0] = "aa0";
    weir_pool_options options = s.plain;
    options.restart = WEIR_CHILD_TRANSIENT;
    options.restart_delay = &delay;
    assert_int_equal(weir_pool_open(s.rig.runtime, &options, &s.pool, NULL), WEIR_OK);
    assert_int_equal(weir_pool_start_child(s.pool, &(uint64_t){0}, NULL), WEIR_OK);
    advance(1000 * MS);
    assert_int_equal(s.runs[0], 3);
    assert_in_range(s.begun_ns[0][2] - now, 30 * MS, 31 * MS);
    s.rig.handled = 0; /* it was by hand */
    results_close(&s);
}

/* ---- restart_rate ----------------------------------------------------------------- */

static weir_rate *rate;

/* Three wait for tokens, of which there is one in so much time. */
static void open_in_line(uint64_t interval_ns) {
    uint64_t due;
    results_open(&s, &simulated, 3);
    const weir_rate_options options = {.allowed = 1, .interval_ns = interval_ns};
    assert_int_equal(weir_rate_open(s.rig.runtime, &options, &rate), WEIR_OK);
    assert_int_equal(weir_rate_take(rate, 1, weir_runtime_now(s.rig.runtime), &due), 1);
    for (int i = 0; i < 3; i++) s.does[i] = "a1";
    results_pool(&s, 4, NULL,
                 &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT,
                                      .restart_rate = rate,
                                      .max_restarts = WEIR_INFINITY});
    results_consumer(&s, 10);
    rig_rest(&s.rig);
    assert_int_equal(s.begun, 3);
}

static void a_rate_that_is_set_is_heard_of(void **state) {
    (void)state;
    open_in_line(3600000 * MS);
    advance(1000 * MS);
    assert_int_equal(s.begun, 3);
    assert_int_equal(weir_rate_set(rate, &(weir_rate_options){.allowed = 1000, .burst = 1}),
                     WEIR_OK);
    advance(2 * MS);
    assert_in_range(s.begun, 4, 5);
    weir_rate_close(rate); /* the pool has it still */
    advance(2 * MS);
    assert_int_equal(s.begun, 6);
    results_expect(&s, "200 1200 2200");
    results_close(&s);
}

static void who_is_in_line_can_be_ended(void **state) {
    (void)state;
    open_in_line(10 * MS);
    assert_int_equal(weir_pool_end_child(s.pool, s.children[0]), WEIR_OK);
    rig_rest(&s.rig);
    assert_int_equal(s.ends[0].how, WEIR_CHILD_ENDED);
    advance(11 * MS); /* the token is for the next one */
    assert_int_equal(s.runs[1], 2);
    assert_int_equal(s.runs[2], 1);
    player_stop(&s.stage, WEIR_REASON_USER);
    advance(1000 * MS);
    assert_int_equal(s.ends[2].how, WEIR_CHILD_DISCARDED);
    assert_int_equal(s.begun, 4);
    weir_rate_close(rate);
    results_close(&s);
}

static void restart_rates_of_others_are_refused(void **state) {
    (void)state;
    weir_pool *pool = NULL;
    results_open(&s, &simulated, 0);
    results_pool(&s, 4, NULL, NULL);
    assert_int_equal(weir_rate_open(NULL, &(weir_rate_options){.allowed = 1}, &rate), WEIR_OK);
    weir_pool_options options = s.plain;
    options.restart_rate = rate;
    assert_int_equal(weir_pool_open(s.rig.runtime, &options, &pool, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "restart_rate must be of this runtime: this one has real time, and this "
                        "runtime has not: open it for this runtime");
    assert_null(pool);
    weir_rate_close(rate);
    results_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_grow),
        cmocka_unit_test(jitter_spreads_them),
        cmocka_unit_test(who_waits_takes_no_thread),
        cmocka_unit_test(attempts_are_bounded),
        cmocka_unit_test(one_attempt_is_no_restart),
        cmocka_unit_test(max_restarts_counts_beside_attempts),
        cmocka_unit_test(a_start_that_fails_is_an_attempt),
        cmocka_unit_test(who_waits_is_ended_at_once),
        cmocka_unit_test(who_waits_goes_with_its_stage),
        cmocka_unit_test(a_pool_that_emits_nothing_delays_too),
        cmocka_unit_test(a_rate_that_is_set_is_heard_of),
        cmocka_unit_test(who_is_in_line_can_be_ended),
        cmocka_unit_test(restart_rates_of_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
