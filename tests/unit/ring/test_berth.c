/*
 * The berth: who sleeps is woken, and who was about to does not sleep.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is rung between the noting and the sleep keeps from sleeping; a wake without
 * sleepers rings nothing; each of several sleepers is woken by a ring, and one by a wake of one.
 * Method: one thread for what is certain, then threads that lie down as often as they can.
 * (Interleavings: tests/simulation/quay.c and pools.c; the protocol: tests/model/quay.pml.)
 */
#include "support/cmocka.h"

#include "os/thread.h"
#include "ring/berth.h"

enum { SLEEPERS = 4, ROUNDS = 2000 };

static struct weir__berth berth;
static uint32_t given; /* and not yet taken */
static uint32_t over;

static void a_ring_before_the_sleep_is_not_slept_through(void **state) {
    (void)state;
    berth = (struct weir__berth){.rung = UINT32_MAX};
    uint32_t rung = weir__berth_lie_down(&berth);
    assert_int_equal(berth.sleepers, 1);
    weir__berth_ring(&berth);
    weir__berth_sleep(&berth, rung, UINT64_MAX);
    weir__berth_get_up(&berth);
    rung = weir__berth_lie_down(&berth);
    weir__berth_wake(&berth, 1);
    weir__berth_sleep(&berth, rung, UINT64_MAX);
    weir__berth_get_up(&berth);
    assert_int_equal(berth.sleepers, 0);
    assert_int_equal(berth.rung, 1);
}

static void nobody_is_woken_where_nobody_sleeps(void **state) {
    (void)state;
    berth = (struct weir__berth){0};
    weir__berth_wake(&berth, 3);
    assert_int_equal(berth.rung, 0);
    weir__berth_sleep(&berth, berth.rung, 1); /* a moment that has passed */
}

static bool take_one(void) {
    uint32_t count = weir__load_relaxed_u32(&given);
    while (count > 0 && !weir__cas_u32(&given, &count, count - 1)) {}
    return count > 0;
}

static void take_until_over(void *taken) {
    while (weir__load_relaxed_u32(&over) == 0 || weir__load_relaxed_u32(&given) > 0) {
        while (take_one()) weir__fetch_add_u32(taken, 1);
        uint32_t rung = weir__berth_lie_down(&berth);
        if (weir__load_relaxed_u32(&given) == 0 && weir__load_relaxed_u32(&over) == 0)
            weir__berth_sleep(&berth, rung, UINT64_MAX);
        weir__berth_get_up(&berth);
    }
}

static void each_that_is_given_wakes_somebody(void **state) {
    (void)state;
    static uint32_t taken;
    struct weir__thread threads[SLEEPERS];
    berth = (struct weir__berth){.rung = UINT32_MAX - 10};
    weir__exchange_u32(&given, 0);
    weir__exchange_u32(&over, 0);
    weir__exchange_u32(&taken, 0);
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal(weir__thread_start(&threads[i], "sleeper", take_until_over, &taken), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        weir__fetch_add_u32(&given, 1);
        weir__berth_wake(&berth, 1);
        while (i % 2 == 0 && weir__load_relaxed_u32(&taken) < i) weir__cpu_relax();
    }
    weir__exchange_u32(&over, 1);
    weir__berth_ring(&berth);
    for (int i = 0; i < SLEEPERS; i++) weir__thread_join(&threads[i]);
    assert_int_equal(weir__load_relaxed_u32(&taken), ROUNDS);
    assert_int_equal(berth.sleepers, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_before_the_sleep_is_not_slept_through),
        cmocka_unit_test(nobody_is_woken_where_nobody_sleeps),
        cmocka_unit_test(each_that_is_given_wakes_somebody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
