/*
 * Goal: each named operation does to memory what its name says, alone and shared.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: every operation of every width on its own, wraps included; then four
 * threads whose increments, exchanges and replacements must add up, and two that
 * store, fence and look at each other, of whom one must see the other.  What the
 * orders promise is judged by tests/analysis and tests/simulation.
 */
#include "base/atomic.h"

#include "support/cmocka.h"

#include <pthread.h>
#include <sched.h>

/* --- one thread --------------------------------------------------------------------------- */

#define OPERATIONS_OF(type, suffix, most)                             \
    static void operations_of_##suffix(void **state) {                \
        (void)state;                                                  \
        type place = 1;                                               \
        assert_true(weir__load_relaxed_##suffix(&place) == 1);        \
        weir__store_relaxed_##suffix(&place, most);                   \
        assert_true(weir__load_acquire_##suffix(&place) == (most));   \
        assert_true(weir__fetch_add_##suffix(&place, 3) == (most));   \
        assert_true(weir__fetch_sub_##suffix(&place, 4) == 2);        \
        assert_true(place == (most)-1);                               \
        weir__store_release_##suffix(&place, 5);                      \
        assert_true(weir__exchange_##suffix(&place, 6) == 5);         \
        type expected = 5;                                            \
        assert_false(weir__cas_##suffix(&place, &expected, 7));       \
        assert_true(expected == 6 && place == 6);                     \
        assert_true(weir__cas_##suffix(&place, &expected, (most)-2)); \
        assert_true(expected == 6 && place == (most)-2);              \
    }

OPERATIONS_OF(uint32_t, u32, UINT32_MAX)
OPERATIONS_OF(uint64_t, u64, UINT64_MAX)

static void operations_of_pointers(void **state) {
    (void)state;
    int things[3];
    int *place = NULL;
    assert_ptr_equal(weir__load_relaxed_ptr(&place), NULL);
    weir__store_relaxed_ptr(&place, &things[0]);
    assert_ptr_equal(weir__load_acquire_ptr(&place), &things[0]);
    weir__store_release_ptr(&place, &things[1]);
    assert_ptr_equal(weir__exchange_ptr(&place, &things[2]), &things[1]);
    int *expected = &things[0];
    assert_false(weir__cas_ptr(&place, &expected, &things[0]));
    assert_ptr_equal(expected, &things[2]);
    assert_true(weir__cas_ptr(&place, &expected, NULL));
    assert_ptr_equal(place, NULL);
}

/* --- several ------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 5000 };

static uint32_t added;
static uint64_t replaced;
static uint32_t passed;               /* a token, handed on by exchange   */
static uint32_t tokens_seen[THREADS]; /* each thread's, of the one token  */

static void *count(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        weir__fetch_add_u32(&added, 1);
        uint64_t found = weir__load_relaxed_u64(&replaced);
        while (!weir__cas_u64(&replaced, &found, found + 1)) continue;
        if (weir__exchange_u32(&passed, 0) == 1) {
            (*(uint32_t *)argument)++;
            weir__store_release_u32(&passed, 1);
        }
    }
    return NULL;
}

static void nothing_is_lost(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    passed = 1;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &tokens_seen[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(added, THREADS * ROUNDS);
    assert_true(replaced == THREADS * ROUNDS);
    assert_int_equal(passed, 1);
}

/* Lines apart, so that both can be stored to at the same time. */
static _Alignas(128) uint32_t raised[2][32];
static _Alignas(128) uint32_t round_of[2];
static uint32_t missed[2];

/* Mostly spins, so that both go on at the same time; yields for when there is one core. */
static void wait_for_round(const uint32_t *place, uint32_t round) {
    for (unsigned spins = 1; weir__load_acquire_u32(place) < round; spins++)
        if (spins % 4096 == 0) sched_yield();
}

/* Raises its flag and looks at the other's, then waits for the other to have done so. */
static void *raise_and_look(void *argument) {
    unsigned self = *(unsigned *)argument;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        weir__store_relaxed_u32(raised[self], i);
        weir__fence_full();
        missed[self] = weir__load_relaxed_u32(raised[!self]) < i ? i : 0;
        weir__store_release_u32(&round_of[self], 2 * i - 1);
        wait_for_round(&round_of[!self], 2 * i - 1);
        if (missed[self] == i && missed[!self] == i) return argument;
        weir__store_release_u32(&round_of[self], 2 * i);
        wait_for_round(&round_of[!self], 2 * i);
    }
    return NULL;
}

static void a_full_fence_orders_stores_with_loads(void **state) {
    (void)state;
    pthread_t threads[2];
    unsigned selves[2] = {0, 1};
    void *failed = NULL;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, raise_and_look, &selves[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_of_u32),
        cmocka_unit_test(operations_of_u64),
        cmocka_unit_test(operations_of_pointers),
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(a_full_fence_orders_stores_with_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
