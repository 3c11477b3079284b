/*
 * Goal: a wait ends by a change, by its deadline or by a wake, and not otherwise.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: waits that could only end for the reason that is tested (else the test
 * hangs and is killed), with a second thread for the wake.
 */
#include "os/futex.h"

#include "base/atomic.h"
#include "os/clock.h"
#include "support/cmocka.h"

#include <pthread.h>

static void another_value_does_not_sleep(void **state) {
    (void)state;
    uint32_t word = 1;
    weir__futex_wait(&word, 0, UINT64_MAX);
}

static void a_past_deadline_does_not_sleep(void **state) {
    (void)state;
    uint32_t word = 0;
    weir__futex_wait(&word, 0, 0);
    weir__futex_wait(&word, 0, weir__clock_now_ns());
}

static void waits_for_the_deadline(void **state) {
    (void)state;
    uint32_t word = 0;
    uint64_t deadline = weir__clock_now_ns() + 2000000;
    /* It may return early for no reason, but not for ever. */
    while (weir__clock_now_ns() < deadline) weir__futex_wait(&word, 0, deadline);
    assert_int_equal(word, 0);
}

static void waking_nobody_is_harmless(void **state) {
    (void)state;
    uint32_t word = 0;
    weir__futex_wake(&word, 1);
    weir__futex_wake(&word, INT32_MAX);
    assert_int_equal(word, 0);
}

enum { ROUNDS = 1000 };

struct pair {
    uint32_t ball; /* whose turn it is: 0 or 1 */
    int hits;
};

static void play(struct pair *pair, uint32_t self) {
    for (int i = 0; i < ROUNDS; i++) {
        /* B -> B: the ball carries the other side's hits. */
        while (weir__load_acquire_u32(&pair->ball) != self) {
            weir__futex_wait(&pair->ball, 1 - self, UINT64_MAX);
        }
        pair->hits++;
        weir__store_release_u32(&pair->ball, 1 - self);
        weir__futex_wake(&pair->ball, 1);
    }
}

static void *play_second(void *pair) {
    play(pair, 1);
    return NULL;
}

static void two_threads_wake_each_other(void **state) {
    (void)state;
    struct pair pair = {0};
    pthread_t second;
    assert_int_equal(pthread_create(&second, NULL, play_second, &pair), 0);
    play(&pair, 0);
    pthread_join(second, NULL);
    assert_int_equal(pair.hits, 2 * ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_value_does_not_sleep),
        cmocka_unit_test(a_past_deadline_does_not_sleep),
        cmocka_unit_test(waits_for_the_deadline),
        cmocka_unit_test(waking_nobody_is_harmless),
        cmocka_unit_test(two_threads_wake_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
