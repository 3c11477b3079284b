/*
 * Timers: the heap of moments.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: timers come out by moment, equal ones in the order of adding, whatever
 * was removed between; the heap is empty when all are out.
 * Method: small cases by hand, then random adding and removing against a sorted
 * list.
 */
#include "base/rng.h"
#include "ring/timers.h"
#include "support/cmocka.h"

#include <stdbool.h>
#include <string.h>

static void nothing_is_due(void **state) {
    (void)state;
    struct weir__timers timers = {0};
    assert_true(weir__timers_due(&timers) == UINT64_MAX);
}

static void the_earliest_comes_first(void **state) {
    (void)state;
    struct weir__timers timers = {0};
    struct weir__timer nodes[6];
    static const uint64_t due[6] = {30, 10, 20, 10, 5, 30};
    static const int order[6] = {4, 1, 3, 2, 0, 5};
    for (int i = 0; i < 6; i++) weir__timers_add(&timers, &nodes[i], due[i]);
    for (int i = 0; i < 6; i++) {
        assert_true(weir__timers_due(&timers) == due[order[i]]);
        assert_ptr_equal(timers.first, &nodes[order[i]]);
        weir__timers_remove(&timers, timers.first);
    }
    assert_null(timers.first);
}

static void any_can_be_removed(void **state) {
    (void)state;
    for (int gone = 0; gone < 5; gone++) {
        struct weir__timers timers = {0};
        struct weir__timer nodes[5];
        for (int i = 0; i < 5; i++) weir__timers_add(&timers, &nodes[i], 10 * (uint64_t)i);
        weir__timers_remove(&timers, &nodes[gone]);
        for (int i = 0; i < 5; i++) {
            if (i == gone) continue;
            assert_ptr_equal(timers.first, &nodes[i]);
            weir__timers_remove(&timers, timers.first);
        }
        assert_null(timers.first);
    }
}

/* ---- against a list ------------------------------------------------------ */

enum { NODES = 200 };

static struct weir__timer nodes[NODES];
static bool armed[NODES];

static struct weir__timer *earliest(void) {
    struct weir__timer *first = NULL;
    for (int i = 0; i < NODES; i++) {
        if (armed[i] && (first == NULL || nodes[i].due_ns < first->due_ns ||
                         (nodes[i].due_ns == first->due_ns && nodes[i].serial < first->serial))) {
            first = &nodes[i];
        }
    }
    return first;
}

static void as_a_sorted_list(void **state) {
    (void)state;
    struct weir__rng rng;
    struct weir__timers timers = {0};
    weir__rng_seed(&rng, 7);
    for (int step = 0; step < 20000; step++) {
        uint64_t i = weir__rng_below(&rng, NODES);
        if (weir__rng_below(&rng, 3) == 0 && timers.first != NULL) {
            armed[timers.first - nodes] = false;
            weir__timers_remove(&timers, timers.first);
        } else if (armed[i]) {
            armed[i] = false;
            weir__timers_remove(&timers, &nodes[i]);
        } else {
            armed[i] = true;
            weir__timers_add(&timers, &nodes[i], weir__rng_below(&rng, 50));
        }
        assert_ptr_equal(timers.first, earliest());
    }
    while (timers.first != NULL) {
        assert_ptr_equal(timers.first, earliest());
        armed[timers.first - nodes] = false;
        weir__timers_remove(&timers, timers.first);
    }
    assert_null(earliest());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due),
        cmocka_unit_test(the_earliest_comes_first),
        cmocka_unit_test(any_can_be_removed),
        cmocka_unit_test(as_a_sorted_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
