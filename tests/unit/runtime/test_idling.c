/*
 * Idling: whether a worker that runs dry looks for work or sleeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: it looks where work comes within two wakes on average, for six gaps, and no less than a
 * wake; it sleeps at once where work comes later, or where looking is of no use: a thread on its
 * own core brings the work, or somebody else takes the core.  It changes its mind within some tens
 * of gaps, either way, and not for one.
 * Method: the arithmetic by hand, with a clock that is a number.
 */
#include "runtime/idling.h"
#include "support/cmocka.h"

enum { WAKE = WEIR__IDLE_WAKE_NS };

static uint64_t now;

/* After many gaps of no length. */
static struct weir__idling opened(void) {
    struct weir__idling idling;
    weir__idling_open(&idling);
    idling.gap_ns = 0;
    now = 1000000;
    return idling;
}

/* Runs dry; work comes after so long: true when it was found, without a sleep. */
static bool gap(struct weir__idling *idling, uint64_t gap_ns) {
    enum { LOOK_NS = 500 };
    const uint64_t comes = now + gap_ns;
    bool looks = weir__idling_dry(idling, now);
    while (looks && now < comes) {
        now = now + LOOK_NS < comes ? now + LOOK_NS : comes;
        looks = weir__idling_look(idling, now);
    }
    if (looks) {
        weir__idling_found(idling);
        return true;
    }
    now = comes + WAKE;
    weir__idling_woken(idling, now, comes, false);
    return false;
}

static void of_average(struct weir__idling *idling, uint32_t gap_ns) {
    *idling = opened();
    idling->gap_ns = gap_ns;
}

static void it_begins_where_it_only_just_looks(void **state) {
    (void)state;
    struct weir__idling idling;
    weir__idling_open(&idling);
    assert_int_equal(idling.gap_ns, 2 * WAKE);
    assert_true(weir__idling_looks(&idling));
    assert_false(weir__idling_is_dry(&idling));
    gap(&idling, 1000000);
    assert_false(weir__idling_looks(&idling));
}

/* Whoever opens the runtime brings work soon, or needs the core for it. */
static void the_first_look_is_short(void **state) {
    (void)state;
    static const uint64_t firsts[] = {0, 1000, 20000};
    for (int i = 0; i < 3; i++) {
        struct weir__idling idling = opened();
        of_average(&idling, WAKE);
        weir__idling_begins(&idling, firsts[i]);
        assert_int_equal(weir__idling_dry(&idling, now), firsts[i] > 0);
        assert_int_equal(idling.until_ns, now + firsts[i]);
        weir__idling_woken(&idling, now + WAKE, now + 1, false);
        assert_true(weir__idling_dry(&idling, now + 2 * WAKE)); /* from then on as ever */
        assert_true(idling.until_ns > now + 2 * WAKE + 5 * 14000);
    }
}

/* ---- the averages -------------------------------------------------------------- */

static void averages_move_by_a_sixteenth(void **state) {
    (void)state;
    struct weir__idling idling = opened();
    assert_int_equal(idling.gap_ns, 0);
    assert_int_equal(idling.wake_ns, 15000);
    assert_true(gap(&idling, 1600));
    assert_int_equal(idling.gap_ns, 100);
    assert_true(gap(&idling, 3300));
    assert_int_equal(idling.gap_ns, 300);
    assert_int_equal(idling.wake_ns, 15000); /* nobody was woken */
    weir__idling_dry(&idling, 2000000);
    weir__idling_woken(&idling, 2010600 + 19000, 2010600, false);
    assert_int_equal(idling.gap_ns, 300 + (10600 - 300) / 16); /* until it was rung */
    assert_int_equal(idling.wake_ns, 15250);
}

static void what_counts_is_bounded(void **state) {
    (void)state;
    struct weir__idling idling = opened();
    weir__idling_dry(&idling, now);
    weir__idling_woken(&idling, now + 3600000000000 + 15000, now + 3600000000000, false);
    assert_int_equal(idling.gap_ns, 8 * 15000 / 16); /* an hour counts as eight wakes */
    idling = opened();
    weir__idling_dry(&idling, now);
    weir__idling_woken(&idling, now + 5000000, now + 1, false);
    assert_int_equal(idling.wake_ns, 15000 + (20000 - 15000) / 16);
    idling = opened();
    weir__idling_dry(&idling, now);
    weir__idling_woken(&idling, now + 2, now + 1, false);
    assert_int_equal(idling.wake_ns, 15000 - (15000 - 1000) / 16);
}

/* A timer, a signal, a hint that was late: the gap is as long as it slept. */
static void without_a_ring_the_gap_is_all_of_it(void **state) {
    (void)state;
    const uint64_t unknown[] = {0, 999999, 1000000, 1016001};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        struct weir__idling idling = opened();
        weir__idling_dry(&idling, now);
        weir__idling_woken(&idling, now + 16000, unknown[i], false);
        assert_int_equal(idling.gap_ns, 1000);
        assert_int_equal(idling.wake_ns, 15000);
    }
}

/* ---- looking ------------------------------------------------------------------- */

static void it_looks_where_work_comes_within_two_wakes(void **state) {
    (void)state;
    struct weir__idling idling;
    of_average(&idling, 2 * WAKE);
    assert_true(weir__idling_looks(&idling));
    of_average(&idling, 2 * WAKE + 1);
    assert_false(weir__idling_looks(&idling));
    assert_false(weir__idling_dry(&idling, now));
}

static void assert_looks_for(uint32_t average_ns, uint64_t patience_ns) {
    struct weir__idling idling;
    of_average(&idling, average_ns);
    assert_true(weir__idling_dry(&idling, now));
    for (uint64_t passed = 500; passed < patience_ns; passed += 500) {
        assert_true(weir__idling_look(&idling, now + passed));
    }
    assert_false(weir__idling_look(&idling, now + patience_ns));
    assert_false(weir__idling_look(&idling, now + patience_ns)); /* and stays by that */
    assert_true(weir__idling_is_dry(&idling));
}

static void it_looks_for_six_gaps_or_one_wake(void **state) {
    (void)state;
    assert_looks_for(10000, 60000);
    assert_looks_for(30000, 180000);
    assert_looks_for(2500, 15000);
    assert_looks_for(0, 15000);
}

/* ---- changing its mind --------------------------------------------------------- */

static unsigned gaps_until(struct weir__idling *idling, bool looks, uint64_t gap_ns) {
    unsigned gaps = 0;
    while (weir__idling_looks(idling) != looks) {
        gap(idling, gap_ns);
        gaps++;
        assert_true(gaps <= 1000);
    }
    return gaps;
}

static void it_learns_that_work_comes_late(void **state) {
    (void)state;
    struct weir__idling idling = opened();
    assert_int_equal(gaps_until(&idling, false, 1000000), 5);
    assert_false(gap(&idling, 1000000));
}

static void it_learns_that_work_comes_soon(void **state) {
    (void)state;
    struct weir__idling idling;
    of_average(&idling, 8 * WAKE);
    assert_int_equal(gaps_until(&idling, true, 20000), 36);
    assert_true(gap(&idling, 20000));
    of_average(&idling, 8 * WAKE);
    assert_int_equal(gaps_until(&idling, true, 1000), 22);
}

static void one_pause_does_not_matter(void **state) {
    (void)state;
    struct weir__idling idling;
    of_average(&idling, 20000);
    assert_false(gap(&idling, 3600000000000));
    assert_int_equal(idling.gap_ns, 26250);
    assert_true(gap(&idling, 20000));
}

/* ---- where it is of no use ------------------------------------------------------- */

static void a_thread_on_its_core_is_not_waited_for(void **state) {
    (void)state;
    struct weir__idling idling = opened();
    unsigned times = 0;
    while (weir__idling_looks(&idling)) {
        weir__idling_dry(&idling, now);
        weir__idling_woken(&idling, now + 2000 + WAKE, now + 2000, true);
        times++;
        assert_true(times <= 100);
    }
    assert_int_equal(times, 5); /* as if it came after a second */
    assert_int_equal(idling.wake_ns, 15000);
}

/* Between two looks, and then there is work. */
static void who_takes_the_core_to_bring_work_is_not_waited_for(void **state) {
    (void)state;
    struct weir__idling idling = opened();
    weir__idling_dry(&idling, now);
    assert_true(weir__idling_look(&idling, now + 1000));
    assert_true(weir__idling_look(&idling, now + 5000));
    weir__idling_found(&idling);
    assert_int_equal(idling.gap_ns, 8 * 15000 / 16);
    idling = opened(); /* but not if there is none: an interrupt */
    weir__idling_dry(&idling, now);
    assert_true(weir__idling_look(&idling, now + 5000));
    assert_true(weir__idling_look(&idling, now + 5500));
    weir__idling_found(&idling);
    assert_int_equal(idling.gap_ns, 5500 / 16);
}

/* Somebody takes the core for long.  Returns how many times it does not look, then. */
static unsigned abstains(struct weir__idling *idling) {
    unsigned times = 0;
    assert_true(weir__idling_dry(idling, now));
    assert_true(weir__idling_look(idling, now + 1000));
    assert_false(weir__idling_look(idling, now + 101000));
    assert_false(weir__idling_look(idling, now + 101001));
    now += 200000;
    weir__idling_woken(idling, now, 0, false);
    idling->gap_ns = 0; /* which would be another reason */
    while (!weir__idling_looks(idling)) {
        assert_false(gap(idling, 0));
        times++;
    }
    return times;
}

static void who_loses_its_core_abstains(void **state) {
    (void)state;
    struct weir__idling idling = opened();
    for (unsigned expected = 16; expected <= 2048; expected *= 2) {
        assert_int_equal(abstains(&idling), expected);
    }
    assert_int_equal(abstains(&idling), 2048);
    for (int i = 0; i < 8 * 2032; i++) assert_true(gap(&idling, 1000));
    assert_int_equal(abstains(&idling), 16); /* it has forgotten */
    assert_int_equal(abstains(&idling), 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_where_it_only_just_looks),
        cmocka_unit_test(the_first_look_is_short),
        cmocka_unit_test(averages_move_by_a_sixteenth),
        cmocka_unit_test(what_counts_is_bounded),
        cmocka_unit_test(without_a_ring_the_gap_is_all_of_it),
        cmocka_unit_test(it_looks_where_work_comes_within_two_wakes),
        cmocka_unit_test(it_looks_for_six_gaps_or_one_wake),
        cmocka_unit_test(it_learns_that_work_comes_late),
        cmocka_unit_test(it_learns_that_work_comes_soon),
        cmocka_unit_test(one_pause_does_not_matter),
        cmocka_unit_test(a_thread_on_its_core_is_not_waited_for),
        cmocka_unit_test(who_takes_the_core_to_bring_work_is_not_waited_for),
        cmocka_unit_test(who_loses_its_core_abstains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
