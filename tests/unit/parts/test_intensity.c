/*
 * Intensity: so many restarts in so long a time, and the next is one too many.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: up to `most` restarts in any period are counted, the next is refused until the oldest of
 * them is older than the period; what was refused is not counted; none and any number hold too.
 * Method: by hand, with times at either side of the period; memory that fails.
 */
#include "parts/intensity.h"

#include "support/cmocka.h"
#include "support/memory.h"

static struct test_memory memory;
static struct weir__intensity intensity;

static void open_intensity(size_t most, uint64_t period_ns) {
    test_memory_open(&memory);
    assert_true(weir__intensity_open(&intensity, &memory.allocator, most, period_ns));
}

static void close_intensity(void) {
    weir__intensity_close(&intensity, &memory.allocator);
    test_memory_close(&memory);
}

static void one_more_than_most_is_refused(void **state) {
    (void)state;
    open_intensity(3, 100);
    assert_true(weir__intensity_count(&intensity, 1000));
    assert_true(weir__intensity_count(&intensity, 1000));
    assert_true(weir__intensity_count(&intensity, 1050));
    assert_false(weir__intensity_count(&intensity, 1050));
    assert_false(weir__intensity_count(&intensity, 1100)); /* a period is up to its end */
    assert_true(weir__intensity_count(&intensity, 1101));
    assert_true(weir__intensity_count(&intensity, 1101));
    assert_false(weir__intensity_count(&intensity, 1150)); /* the third is the oldest now */
    assert_true(weir__intensity_count(&intensity, 1151));
    close_intensity();
}

static void what_is_refused_is_not_counted(void **state) {
    (void)state;
    open_intensity(1, 100);
    assert_true(weir__intensity_count(&intensity, 1000));
    for (uint64_t now = 1000; now <= 1100; now++) {
        assert_false(weir__intensity_count(&intensity, now));
    }
    assert_true(weir__intensity_count(&intensity, 1101));
    close_intensity();
}

static void none_and_any_number_need_no_memory(void **state) {
    (void)state;
    open_intensity(0, 100);
    assert_false(weir__intensity_count(&intensity, 0));
    assert_false(weir__intensity_count(&intensity, UINT64_MAX));
    assert_int_equal(memory.calls, 0);
    close_intensity();
    open_intensity(WEIR_INFINITY, 100);
    for (int i = 0; i < 1000; i++) assert_true(weir__intensity_count(&intensity, 7));
    assert_int_equal(memory.calls, 0);
    close_intensity();
}

static void without_memory_it_is_not_opened(void **state) {
    (void)state;
    test_memory_open(&memory);
    test_memory_fail(&memory, 1, false);
    assert_false(weir__intensity_open(&intensity, &memory.allocator, 2, 1));
    close_intensity();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_than_most_is_refused),
        cmocka_unit_test(what_is_refused_is_not_counted),
        cmocka_unit_test(none_and_any_number_need_no_memory),
        cmocka_unit_test(without_memory_it_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
