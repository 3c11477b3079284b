/*
 * Pools that emit, with threads: a ledger of every event and every result.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event is done once for good, each of its last attempt's results comes once, side by
 * side; in order, in the order of the events, whatever threads do; with restarts, delays, children
 * that are ended and stages that are stopped nothing is lost untold, or comes twice.
 * Method: real workers, pools of several threads with a ring that is small and about to wrap.
 */
#include "support/cmocka.h"
#include "support/results_scene.h"

#include "base/atomic.h"
#include "base/rng.h"
#include "parts/task_pool.h"

#include <sched.h>
#include <string.h>

static struct results_scene s;
static struct weir__rng rng;

enum { NUMBERS = 3000 };

static void open_scene(unsigned workers, uint64_t seed) {
    static const char *const words[] = {"1", "0", "3", "9", "c2", "aa1", "f", "1", "2", "1"};
    weir__rng_seed(&rng, seed);
    weir__task_ring_entries = 2u << weir__rng_below(&rng, 6);
    weir__task_ring_start = UINT32_MAX - (uint32_t)weir__rng_below(&rng, 100);
    results_open(&s, &(weir_runtime_options){.workers = workers, .unpinned = true}, NUMBERS);
    for (int i = 0; i < NUMBERS; i++) s.does[i] = words[weir__rng_below(&rng, 10)];
}

static void open_pool(bool in_order, bool delays) {
    const weir_pool_emits emits = {.order = in_order ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER};
    const weir_backoff delay = {.first_ns = 20000, .most_ns = 100000, .jitter = 0.9};
    results_pool(&s, 1 + (size_t)weir__rng_below(&rng, 60), &emits,
                 &(weir_pool_options){.threads = 1 + (size_t)weir__rng_below(&rng, 4),
                                      .restart = WEIR_CHILD_TRANSIENT,
                                      .restart_delay = delays ? &delay : NULL,
                                      .attempts = 4,
                                      .shutdown_ns = WEIR_FOREVER});
}

static void all_results_come_once(void **state) {
    (void)state;
    for (uint64_t trial = 0; trial < 12; trial++) {
        const bool in_order = trial % 2 > 0;
        open_scene(1 + (unsigned)(trial % 3), trial);
        open_pool(in_order, trial / 2 % 2 > 0);
        results_consumer(&s, 1 + (size_t)weir__rng_below(&rng, 50));
        while (weir__load_relaxed_u32(&s.begun) < 100) sched_yield();
        assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        results_close(&s);
        assert_int_equal(s.exits, s.p.emitted);
        results_expect_all(&s, s.p.emitted, in_order);
        assert_int_equal(s.told[WEIR_DISCARD_STOPPED], 0);
    }
}

/* Amid its work: what is told as discarded, by the pool or its producer, did not come. */
static void who_stops_tells_what_is_lost(void **state) {
    (void)state;
    for (uint64_t trial = 0; trial < 40; trial++) {
        open_scene(1 + (unsigned)(trial % 3), trial + 100);
        open_pool(trial % 2 > 0, trial / 2 % 2 > 0);
        results_consumer(&s, 20);
        while (weir__load_relaxed_u32(&s.begun) < trial * 5) sched_yield();
        if (trial % 5 == 0) player_stop(&s.stage, WEIR_REASON_USER);
        if (trial % 5 == 1) player_stop(&s.c, WEIR_REASON_USER);
        if (trial % 5 == 2) player_stop(&s.p, WEIR_REASON_USER);
        if (trial % 5 == 3) weir_runtime_stop(s.rig.runtime, WEIR_REASON_USER);
        const weir_accounts accounts = results_close(&s);
        uint64_t lost = s.p.discarded + s.c.discarded;
        for (unsigned why = 0; why < WEIR_DISCARD_CAUSES; why++) lost += s.told[why];
        /* Of what was on its way as both ends stopped there is a warning only. */
        const bool nobodys = strstr(s.rig.log.text, "both ends of a subscription") != NULL;
        assert_true(nobodys ? accounts.discarded > lost : accounts.discarded == lost);
        assert_int_equal(accounts.emitted, accounts.handled + accounts.discarded);
        for (uint64_t i = 0, sum = 0; i < s.count; i++, sum = 0) {
            for (uint64_t k = i + 1; k < s.count && k < i + 300; k++) sum += s.got[i] == s.got[k];
            assert_int_equal(sum, 0); /* none twice */
        }
    }
}

static void who_is_ended_takes_nothing_along(void **state) {
    (void)state;
    for (uint64_t trial = 0; trial < 10; trial++) {
        open_scene(2, trial + 200);
        open_pool(trial % 2 > 0, true);
        results_consumer(&s, 30);
        for (int left = 200; left > 0; left--) {
            weir_child_info list[8];
            size_t count = weir_pool_children(s.pool, list, 8);
            count = count < 8 ? count : 8;
            if (count > 0) weir_pool_end_child(s.pool, list[weir__rng_below(&rng, count)].child);
            if (left % 8 == 0) sched_yield();
        }
        assert_int_equal(weir_runtime_drain(s.rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        uint64_t sent = 0;
        for (uint64_t i = 0; i < s.p.emitted; i++) {
            assert_true(s.ends[i].how != 0);
            sent += s.ends[i].emitted;
        }
        assert_int_equal(s.count, sent);
        for (uint64_t i = 1; trial % 2 > 0 && i < s.count; i++)
            assert_true(s.got[i] > s.got[i - 1]);
        results_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_results_come_once),
        cmocka_unit_test(who_stops_tells_what_is_lost),
        cmocka_unit_test(who_is_ended_takes_nothing_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
