/*
 * The handout: each entry goes to one taker, in order, and nobody sleeps beside one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: entries come out once and in the order in which they were put; room is
 * counted right, also where indices wrap; takers sleep while it is empty, wake for
 * an entry, and go home when it is closed.
 * Method: one thread for what is certain; then takers that sleep as often as they
 * can, and a putter that puts one entry at a time.  (Interleavings:
 * tests/simulation/pools.c; the protocol: tests/model/quay.pml.)
 */
#include "support/cmocka.h"

#include "os/thread.h"
#include "ring/handout.h"

#include <string.h>

enum { ENTRIES = 8, TAKERS = 4, NUMBERS = 2000 };

static struct weir__handout handout;
static struct ck_ring_buffer slots[ENTRIES];
static uint32_t numbers[NUMBERS]; /* how often each was taken */

static void open_at(uint32_t start) {
    memset(slots, 0, sizeof slots);
    weir__handout_open(&handout, slots, ENTRIES, start);
}

static void comes_out_in_order(void **state) {
    (void)state;
    static const uint32_t starts[] = {0, 3, UINT32_MAX - 2};
    for (int i = 0; i < 3; i++) {
        open_at(starts[i]);
        for (uint32_t round = 0; round < 50; round++) {
            assert_null(weir__handout_take(&handout));
            assert_int_equal(weir__handout_room(&handout), ENTRIES - 1);
            uint32_t count = 1 + round % (ENTRIES - 1);
            for (uint32_t k = 0; k < count; k++) {
                weir__handout_put(&handout, &numbers[k]);
                assert_int_equal(weir__handout_room(&handout), ENTRIES - 2 - k);
            }
            weir__handout_tell(&handout, count);
            for (uint32_t k = 0; k < count; k++) {
                assert_ptr_equal(weir__handout_take(&handout), &numbers[k]);
            }
        }
    }
}

static void waiting_ends_at_once_beside_an_entry_or_the_end(void **state) {
    (void)state;
    open_at(0);
    weir__handout_put(&handout, &numbers[0]);
    assert_true(weir__handout_wait(&handout));
    assert_int_equal(handout.berth.sleepers, 0);
    assert_non_null(weir__handout_take(&handout));
    weir__handout_close(&handout);
    assert_false(weir__handout_wait(&handout));
    assert_int_equal(handout.berth.sleepers, 0);
}

static void take_all(void *taken) {
    do {
        uint32_t *number;
        while ((number = weir__handout_take(&handout)) != NULL) {
            weir__fetch_add_u32(number, 1);
            weir__fetch_add_u32(taken, 1);
        }
    } while (weir__handout_wait(&handout));
}

static void each_entry_wakes_somebody(void **state) {
    (void)state;
    static uint32_t taken;
    struct weir__thread threads[TAKERS];
    memset(numbers, 0, sizeof numbers);
    weir__exchange_u32(&taken, 0);
    open_at(UINT32_MAX - 100);
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(weir__thread_start(&threads[i], "taker", take_all, &taken), 0);
    }
    for (uint32_t i = 0; i < NUMBERS; i++) {
        while (weir__handout_room(&handout) == 0) weir__cpu_relax();
        weir__handout_put(&handout, &numbers[i]);
        weir__handout_tell(&handout, 1);
        /* Now and then all of them fall asleep. */
        while (i % 16 == 0 && weir__load_relaxed_u32(&taken) <= i) weir__cpu_relax();
    }
    while (weir__load_relaxed_u32(&taken) < NUMBERS) weir__cpu_relax();
    weir__handout_close(&handout);
    for (int i = 0; i < TAKERS; i++) weir__thread_join(&threads[i]);
    for (uint32_t i = 0; i < NUMBERS; i++) assert_int_equal(numbers[i], 1);
    assert_int_equal(handout.berth.sleepers, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_in_order),
        cmocka_unit_test(waiting_ends_at_once_beside_an_entry_or_the_end),
        cmocka_unit_test(each_entry_wakes_somebody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
