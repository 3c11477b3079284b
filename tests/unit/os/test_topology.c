/*
 * Goal: the cores reported are those that this process may run on, in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: against the C library's own set of 1024 cores (a machine with more is
 * left to the first cores), with small limits, and after a thread, and then the process's
 * first one, has given cores up, or pinned itself.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/topology.h"

#include "os/quota.h"
#include "os/thread.h"
#include "support/cmocka.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

enum { LIMIT = 1024 };

static void agrees_with_the_system(void **state) {
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    unsigned cores[LIMIT];
    unsigned count = weir__topology_cores(cores, LIMIT);
    assert_int_equal(count, CPU_COUNT(&set));
    for (unsigned i = 0; i < count; i++) {
        assert_true(CPU_ISSET(cores[i], &set));
        if (i > 0) assert_true(cores[i] > cores[i - 1]);
    }
}

static void writes_no_more_than_the_limit(void **state) {
    (void)state;
    unsigned all[LIMIT], some[3] = {77777, 77777, 77777};
    unsigned count = weir__topology_cores(all, LIMIT);
    assert_int_equal(weir__topology_cores(NULL, 0), count);
    assert_int_equal(weir__topology_cores(some, 1), count);
    assert_int_equal(some[0], all[0]);
    assert_int_equal(some[1], 77777);
    assert_int_equal(weir__topology_cores(some, 2), count);
    assert_int_equal(some[1], count > 1 ? all[1] : 77777);
    assert_int_equal(some[2], 77777);
}

static void knows_each_of_them(void **state) {
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (unsigned core = 0; core < LIMIT; core++) {
        assert_int_equal(weir__topology_may_use(core), CPU_ISSET(core, &set) != 0);
    }
    assert_false(weir__topology_may_use(16384));
    assert_false(weir__topology_may_use(UINT_MAX));
}

static void runs_as_many_at_once_as_it_has_cores_or_fewer(void **state) {
    (void)state;
    unsigned quota = weir__quota("");
    unsigned cores = weir__topology_cores(NULL, 0);
    assert_int_equal(weir__topology_at_once(), quota > 0 && quota < cores ? quota : cores);
}

/* Where there is one core nothing can be given up, and all of this holds as well. */
static void *pin_and_look(void *result) {
    bool *right = result;
    unsigned all[LIMIT], seen[LIMIT];
    unsigned count = weir__topology_cores(all, LIMIT);
    *right = weir__thread_pin(all[count - 1]) == 0 && weir__topology_cores(seen, LIMIT) == count &&
             memcmp(seen, all, count * sizeof *all) == 0 && weir__topology_may_use(all[0]);
    return NULL;
}

static void a_pinned_thread_sees_the_process_s(void **state) {
    (void)state;
    bool right = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pin_and_look, &right), 0);
    pthread_join(thread, NULL);
    assert_true(right);
}

static void *look(void *result) {
    unsigned *cores = result;
    cores[0] = weir__topology_cores(&cores[1], LIMIT);
    return NULL;
}

/* What another thread sees while the test's own, the first one, has only `count` cores from
 * that one on. */
static void expect_with(const unsigned *first, unsigned count, const unsigned *seen_cores,
                        unsigned seen_count) {
    cpu_set_t before, some;
    static unsigned seen[1 + LIMIT];
    pthread_t thread;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&some);
    for (unsigned i = 0; i < count; i++) CPU_SET(first[i], &some);
    assert_int_equal(sched_setaffinity(0, sizeof some, &some), 0);
    assert_int_equal(pthread_create(&thread, NULL, look, seen), 0);
    pthread_join(thread, NULL);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(seen[0], seen_count);
    assert_memory_equal(&seen[1], seen_cores, seen_count * sizeof *seen_cores);
}

static void sees_what_the_process_gave_up(void **state) {
    (void)state;
    unsigned all[LIMIT];
    unsigned count = weir__topology_cores(all, LIMIT);
    if (count < 3) skip();
    expect_with(&all[1], count - 1, &all[1], count - 1);
    expect_with(&all[0], 2, &all[0], 2);
}

/* It is an event loop, say, and speaks for itself. */
static void a_first_thread_on_one_core_has_not_given_up_the_others(void **state) {
    (void)state;
    unsigned all[LIMIT];
    unsigned count = weir__topology_cores(all, LIMIT);
    expect_with(&all[count - 1], 1, all, count);
    expect_with(&all[0], 1, all, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_system),
        cmocka_unit_test(writes_no_more_than_the_limit),
        cmocka_unit_test(knows_each_of_them),
        cmocka_unit_test(runs_as_many_at_once_as_it_has_cores_or_fewer),
        cmocka_unit_test(a_pinned_thread_sees_the_process_s),
        cmocka_unit_test(sees_what_the_process_gave_up),
        cmocka_unit_test(a_first_thread_on_one_core_has_not_given_up_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
