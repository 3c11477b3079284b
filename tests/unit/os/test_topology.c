/*
 * Goal: the cores reported are those that this process may run on, in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: against the C library's own set of 1024 cores (a machine with more is
 * left to the first cores), with small limits, and after giving cores up.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/topology.h"

#include "os/thread.h"
#include "support/cmocka.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

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

/* On a thread of its own, since it gives up all cores but the last. */
static void *pin_and_look(void *result) {
    bool *right = result;
    unsigned all[LIMIT], one[LIMIT];
    unsigned count = weir__topology_cores(all, LIMIT);
    unsigned last = all[count - 1];
    *right = weir__thread_pin(last) == 0 && weir__topology_cores(one, LIMIT) == 1 && one[0] == last;
    return NULL;
}

static void sees_what_was_given_up(void **state) {
    (void)state;
    bool right = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pin_and_look, &right), 0);
    pthread_join(thread, NULL);
    assert_true(right);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_system),
        cmocka_unit_test(writes_no_more_than_the_limit),
        cmocka_unit_test(sees_what_was_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
