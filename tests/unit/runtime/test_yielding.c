/*
 * Yielding: how often a worker that runs dry lets others run before it sleeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a few yields, then sleep; one from which it came back late is followed by
 * times without any, twice as many after each such, and fewer again after short ones;
 * so that what yields cost beside somebody who computes stays a small part.
 * Method: the arithmetic by hand, without threads or a clock.
 */
#include "runtime/yielding.h"
#include "support/cmocka.h"

enum { SHORT_NS = 20000, LONG_NS = 3000000 };

/* Runs dry until it would sleep; returns how many yields there were, each as long. */
static uint32_t dry(struct weir__yielding *yielding, uint64_t away_ns) {
    uint32_t yields = 0;
    weir__yielding_busy(yielding);
    while (weir__yielding_try(yielding)) {
        weir__yielding_back(yielding, away_ns);
        yields++;
        assert_true(yields <= WEIR__YIELDS);
    }
    return yields;
}

static void it_yields_a_few_times_and_then_sleeps(void **state) {
    (void)state;
    struct weir__yielding yielding = {0};
    for (int i = 0; i < 1000; i++) assert_int_equal(dry(&yielding, SHORT_NS), WEIR__YIELDS);
    assert_false(weir__yielding_try(&yielding)); /* woken for nothing: it sleeps on */
    weir__yielding_busy(&yielding);
    assert_true(weir__yielding_try(&yielding));
}

/* How many times it abstains after a long yield. */
static uint32_t abstains(struct weir__yielding *yielding) {
    uint32_t times = 0;
    while (dry(yielding, LONG_NS) == 0) times++;
    return times;
}

static void after_a_long_yield_it_abstains(void **state) {
    (void)state;
    struct weir__yielding yielding = {0};
    assert_int_equal(dry(&yielding, LONG_NS), 1); /* and sleeps at once */
    for (uint32_t expected = WEIR__YIELD_ABSTAIN; expected <= WEIR__YIELD_ABSTAIN_MAX;
         expected *= 2) {
        assert_int_equal(abstains(&yielding), expected);
    }
    assert_int_equal(abstains(&yielding), WEIR__YIELD_ABSTAIN_MAX);
}

static void short_yields_make_it_forget(void **state) {
    (void)state;
    struct weir__yielding yielding = {0};
    dry(&yielding, LONG_NS);
    for (int i = 0; i < 3; i++) abstains(&yielding);
    while (dry(&yielding, SHORT_NS) == 0) {}
    assert_int_equal(dry(&yielding, SHORT_NS), WEIR__YIELDS);
    assert_int_equal(dry(&yielding, SHORT_NS), WEIR__YIELDS);
    assert_int_equal(dry(&yielding, LONG_NS), 1);
    assert_int_equal(abstains(&yielding), WEIR__YIELD_ABSTAIN);
}

static void beside_somebody_who_computes_it_rarely_yields(void **state) {
    (void)state;
    struct weir__yielding yielding = {0};
    uint32_t yields = 0;
    for (int i = 0; i < 100000; i++) yields += dry(&yielding, LONG_NS);
    assert_true(yields < 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_yields_a_few_times_and_then_sleeps),
        cmocka_unit_test(after_a_long_yield_it_abstains),
        cmocka_unit_test(short_yields_make_it_forget),
        cmocka_unit_test(beside_somebody_who_computes_it_rarely_yields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
