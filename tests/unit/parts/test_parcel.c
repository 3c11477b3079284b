/*
 * Parcels: what a push brings, and what it takes up of a capacity.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a capacity in bytes is one in events where they are flat, and both where they have spans,
 * each to the event and the byte; what is larger than all bytes counts as those; a push is
 * weighed, or refused for what it is; written, its payload lies side by side.
 * Method: by hand.
 */
#include "parts/parcel.h"
#include "support/cmocka.h"

#include <string.h>

static const weir_event_type texts = {.bytes = 24, .spans = 1, .payload_limit = 5000};

static struct weir__bounds bounds_of(const weir_event_type *type, size_t capacity, size_t bytes) {
    struct weir__bounds bounds;
    assert_int_equal(weir__bounds_open(&bounds, type, 8, capacity, bytes), WEIR_OK);
    return bounds;
}

struct text {
    weir_bytes text;
    uint64_t number;
};

static struct text text_of(const char *at, uint32_t count, uint64_t number) {
    return (struct text){.text = {.at = at, .count = count, .reserved = 9}, .number = number};
}

/* ---- bounds ---------------------------------------------------------------- */

static void bytes_of_flat_events_are_events(void **state) {
    static const struct {
        size_t capacity, bytes;
        uint64_t events;
    } cases[] = {{0, 0, 10000},  {100, 0, 100}, {100, 808, 100}, {100, 800, 100},
                 {100, 799, 99}, {100, 8, 1},   {100, 7, 1},     {0, 80001, 10000}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir__bounds bounds = bounds_of(NULL, cases[i].capacity, cases[i].bytes);
        assert_int_equal(bounds.events, cases[i].events);
        assert_int_equal(bounds.bytes, 0);
        assert_int_equal(weir__charge_events(&bounds, UINT64_MAX), UINT64_MAX);
        assert_int_equal(weir__charge_bytes(&bounds, UINT64_MAX), 0);
    }
}

static void with_spans_both_count(void **state) {
    (void)state;
    struct weir__bounds bounds = bounds_of(&texts, 100, 0);
    assert_int_equal(bounds.events, 100);
    assert_int_equal(bounds.bytes, 0);
    bounds = bounds_of(&texts, 100, 1000); /* each has 24 bytes at least */
    assert_int_equal(bounds.events, 41);
    assert_int_equal(bounds.bytes, 1000);
    bounds = bounds_of(&texts, 10, 1000);
    assert_int_equal(bounds.events, 10);
    bounds = bounds_of(&texts, 10, 1);
    assert_int_equal(bounds.events, 1);
    assert_int_equal(bounds.bytes, 1);
}

static void what_is_no_capacity_is_refused(void **state) {
    struct weir__bounds bounds;
    (void)state;
    assert_int_equal(weir__bounds_open(&bounds, NULL, 8, WEIR_NONE, 0), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "capacity must be from 1 to "));
    assert_non_null(strstr(weir_refusal(), ", got 0"));
    assert_int_equal(weir__bounds_open(&bounds, NULL, 8, 0, WEIR_NONE), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "capacity_bytes must be from 1 to 137438953472, got 0");
    assert_int_equal(weir__bounds_open(&bounds, NULL, 8, 0, WEIR_CAPACITY_BYTES_LIMIT + 1),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "capacity_bytes must be from 1 to 137438953472, got 137438953473");
    const size_t many = WEIR__CHARGE_EVENTS_MOST + 1;
    assert_int_equal(weir__bounds_open(&bounds, &texts, 0, many, WEIR_CAPACITY_BYTES_LIMIT),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "capacity, beside capacity_bytes, must be from 1 to 4194303, got 4194304");
    bounds = bounds_of(&texts, many, 0); /* in events alone */
    assert_int_equal(bounds.events, many);
    bounds = bounds_of(&texts, many, 1000);
    assert_int_equal(bounds.events, 41);
}

/* ---- charges --------------------------------------------------------------- */

static uint64_t charge(const struct weir__bounds *bounds, uint32_t payload) {
    static const char bytes[5000];
    struct text text = text_of(bytes, payload, 1);
    return weir__charge_of(bounds, &text, 1);
}

static void charges_are_numbers(void **state) {
    (void)state;
    struct weir__bounds bounds = bounds_of(&texts, 10, 1000);
    uint64_t sum = charge(&bounds, 76) + charge(&bounds, 0) + charge(&bounds, 4000);
    assert_int_equal(weir__charge_events(&bounds, sum), 3);
    assert_int_equal(weir__charge_bytes(&bounds, sum), 100 + 24 + 1000);
    sum -= charge(&bounds, 4000);
    sum -= charge(&bounds, 76);
    assert_int_equal(sum, charge(&bounds, 0));
    bounds = bounds_of(&texts, 10, 0); /* bytes do not count */
    assert_int_equal(charge(&bounds, 4000), 1);
}

static void what_fits_fits_to_the_byte(void **state) {
    (void)state;
    struct weir__bounds bounds = bounds_of(&texts, 10, 1000);
    uint64_t nine = 9 * charge(&bounds, 0); /* 216 bytes */
    assert_true(weir__charge_fits(&bounds, nine, charge(&bounds, 760), 1));
    assert_false(weir__charge_fits(&bounds, nine, charge(&bounds, 761), 1));
    assert_true(weir__charge_fits(&bounds, nine, charge(&bounds, 761), 2));
    assert_false(weir__charge_fits(&bounds, nine + charge(&bounds, 0), charge(&bounds, 0), 1));
    assert_true(weir__charge_fits(&bounds, 0, charge(&bounds, 5000), 1));
    assert_false(weir__charge_fits(&bounds, charge(&bounds, 0), charge(&bounds, 5000), 1));
    bounds = bounds_of(NULL, 3, 0);
    assert_true(weir__charge_fits(&bounds, 2, 1, 1));
    assert_false(weir__charge_fits(&bounds, 2, 2, 1));
    assert_true(weir__charge_fits(&bounds, 4, 2, 2));
}

/* The largest capacity there is, thrice: what waits, as many again, and a push. */
static void the_largest_do_not_wrap(void **state) {
    (void)state;
    struct weir__bounds bounds =
        bounds_of(&texts, WEIR__CHARGE_EVENTS_MOST, WEIR_CAPACITY_BYTES_LIMIT);
    uint64_t all = weir__charge_generous(&bounds, WEIR__CHARGE_EVENTS_MOST |
                                                      (uint64_t)WEIR_CAPACITY_BYTES_LIMIT
                                                          << WEIR__CHARGE_BYTES_SHIFT);
    assert_int_equal(weir__charge_events(&bounds, 3 * all), 3 * WEIR__CHARGE_EVENTS_MOST);
    assert_int_equal(weir__charge_bytes(&bounds, 3 * all), 3 * WEIR_CAPACITY_BYTES_LIMIT);
    assert_true(weir__charge_fits(&bounds, all, all, 2));
    assert_false(weir__charge_fits(&bounds, 2 * all, all, 2));
}

static void a_quarter_of_either_is_good(void **state) {
    (void)state;
    struct weir__bounds bounds = bounds_of(&texts, 40, 1000);
    assert_false(weir__charge_is_good(&bounds, 9 * charge(&bounds, 0)));
    assert_true(weir__charge_is_good(&bounds, 10 * charge(&bounds, 0)));
    assert_false(weir__charge_is_good(&bounds, charge(&bounds, 225)));
    assert_true(weir__charge_is_good(&bounds, charge(&bounds, 226)));
    uint64_t more = weir__charge_generous(&bounds, charge(&bounds, 76));
    assert_int_equal(weir__charge_events(&bounds, more), 11);
    assert_int_equal(weir__charge_bytes(&bounds, more), 350);
    more = weir__charge_generous(&bounds, charge(&bounds, 5000));
    assert_int_equal(weir__charge_bytes(&bounds, more), 1000);
    bounds = bounds_of(NULL, 40, 0);
    assert_true(weir__charge_is_good(&bounds, 10));
    assert_false(weir__charge_is_good(&bounds, 9));
    assert_int_equal(weir__charge_generous(&bounds, 35), 40);
}

/* ---- parcels ----------------------------------------------------------------- */

static void a_push_is_weighed(void **state) {
    (void)state;
    struct weir__parcel parcel;
    struct weir__bounds bounds = bounds_of(&texts, 10, 1000);
    const struct text three[] = {text_of("abc", 3, 1), text_of(NULL, 0, 2), text_of("de", 2, 3)};
    assert_int_equal(weir__parcel_weigh(&bounds, three, 3, &parcel), WEIR_OK);
    assert_int_equal(parcel.payload, 5);
    assert_int_equal(weir__charge_events(&bounds, parcel.charge), 3);
    assert_int_equal(weir__charge_bytes(&bounds, parcel.charge), 77);
    bounds = bounds_of(NULL, 10, 0);
    const uint64_t numbers[] = {1, 2};
    assert_int_equal(weir__parcel_weigh(&bounds, numbers, 2, &parcel), WEIR_OK);
    assert_int_equal(parcel.payload, 0);
    assert_int_equal(parcel.charge, 2);
}

static void what_cannot_be_pushed_is_refused(void **state) {
    static const char bytes[5001];
    (void)state;
    struct weir__parcel parcel;
    struct weir__bounds bounds = bounds_of(&texts, 10, 1000);
    const struct text two[] = {text_of(bytes, 500, 1), text_of(bytes, 452, 2)};
    assert_int_equal(weir__parcel_weigh(&bounds, two, 11, &parcel), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be at most the capacity, 10, got 11");
    assert_int_equal(weir__parcel_weigh(&bounds, NULL, 2, &parcel), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "events must not be NULL when count is 2");
    assert_int_equal(weir__parcel_weigh(&bounds, two, 2, &parcel), WEIR_OK);
    const struct text more[] = {text_of(bytes, 500, 1), text_of(bytes, 453, 2)};
    assert_int_equal(weir__parcel_weigh(&bounds, more, 2, &parcel), WEIR_INVALID);
    assert_string_equal(
        weir_refusal(),
        "the events must count as at most capacity_bytes, 1000, together; they count as 1001");
    const struct text long_ones[] = {text_of(bytes, 5000, 1), text_of(bytes, 5001, 1)};
    assert_int_equal(weir__parcel_weigh(&bounds, long_ones, 1, &parcel), WEIR_OK);
    assert_int_equal(weir__parcel_weigh(&bounds, long_ones, 2, &parcel), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "event 1 has spans of 5001 bytes, its type's payload_limit is 5000");
}

static void payload_is_written_side_by_side(void **state) {
    (void)state;
    struct weir__bounds bounds = bounds_of(&texts, 10, 0);
    const struct text three[] = {text_of("abc", 3, 7), text_of(NULL, 0, 8), text_of("de", 2, 9)};
    struct text to[3];
    char at[6] = "xxxxx";
    assert_ptr_equal(weir__parcel_write_spans(&bounds, three, 3, to, at), at + 5);
    assert_string_equal(at, "abcde");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(to[i].number, 7 + i);
        assert_int_equal(to[i].text.count, three[i].text.count);
        assert_int_equal(to[i].text.reserved, 0);
    }
    assert_ptr_equal(to[0].text.at, at);
    assert_ptr_equal(to[2].text.at, at + 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_flat_events_are_events),
        cmocka_unit_test(with_spans_both_count),
        cmocka_unit_test(what_is_no_capacity_is_refused),
        cmocka_unit_test(charges_are_numbers),
        cmocka_unit_test(what_fits_fits_to_the_byte),
        cmocka_unit_test(the_largest_do_not_wrap),
        cmocka_unit_test(a_quarter_of_either_is_good),
        cmocka_unit_test(a_push_is_weighed),
        cmocka_unit_test(what_cannot_be_pushed_is_refused),
        cmocka_unit_test(payload_is_written_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
