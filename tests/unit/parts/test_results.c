/*
 * Results: what a task has emitted, before anybody has it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: all events of a call are kept, or none; they lie side by side, aligned, and so does what
 * their spans point at, as it was; room is used again, and much of it given back; nothing leaks.
 * Method: events of several sizes, in calls of several lengths; allocations that fail.
 */
#include "support/cmocka.h"
#include "support/memory.h"

#include "parts/results.h"

#include <stdio.h>
#include <string.h>
#include <weir/status.h>

static struct test_memory memory;
static struct weir__results_kind kind;
static struct weir__results results;
static _Alignas(16) unsigned char own[WEIR__RESULTS_OWN_BYTES];

static void open_flat(size_t bytes) {
    test_memory_open(&memory);
    weir__results_kind_open(&kind, &memory.allocator, NULL, bytes);
    weir__results_open(&results, weir__results_own_bytes(&kind) > 0 ? own : NULL);
}

static void end(void) {
    weir__results_close(&results, &kind);
    assert_int_equal(memory.live, 0);
    test_memory_close(&memory);
}

static void add_numbers(uint64_t from, size_t count) {
    uint64_t events[100];
    for (size_t i = 0; i < count; i++) events[i] = from + i;
    assert_int_equal(weir__results_add(&results, &kind, events, count), WEIR_OK);
}

static void one_needs_no_memory(void **state) {
    (void)state;
    open_flat(8);
    for (uint64_t round = 0; round < 3; round++) {
        add_numbers(round, 1);
        assert_ptr_equal(results.events, own);
        assert_int_equal(*(const uint64_t *)(const void *)results.events, round);
        weir__results_clear(&results, &kind);
        assert_int_equal(results.count, 0);
    }
    assert_int_equal(weir__results_add(&results, &kind, NULL, 0), WEIR_OK);
    assert_int_equal(memory.calls, 0);
    end();
}

static void several_lie_side_by_side(void **state) {
    (void)state;
    open_flat(8);
    uint64_t next = 0;
    for (size_t count = 1; count < 40; next += count, count++) add_numbers(next, count);
    assert_int_equal(results.count, next);
    for (uint64_t i = 0; i < next; i++) {
        assert_int_equal(((const uint64_t *)(const void *)results.events)[i], i);
    }
    assert_int_equal((uintptr_t)results.events % 16, 0);
    end();
}

static void room_is_used_again_unless_it_is_much(void **state) {
    (void)state;
    open_flat(8);
    add_numbers(0, 100);
    weir__results_clear(&results, &kind);
    uint64_t calls = memory.calls;
    for (int round = 0; round < 10; round++) {
        add_numbers(7, 100);
        weir__results_clear(&results, &kind);
    }
    assert_int_equal(memory.calls, calls);
    for (int i = 0; i < 10; i++) add_numbers(0, 100); /* 8000 bytes */
    weir__results_clear(&results, &kind);
    assert_int_equal(memory.live, 0);
    assert_ptr_equal(results.events, own);
    end();
}

/* One at a time they are kept, however long. */
static void long_events_have_room_of_their_own(void **state) {
    (void)state;
    static unsigned char event[65536];
    open_flat(sizeof event);
    assert_int_equal(weir__results_own_bytes(&kind), 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(weir__results_add(&results, &kind, event, 1), WEIR_OK);
        weir__results_clear(&results, &kind);
    }
    assert_int_equal(memory.calls, 1);
    end();
}

static void without_memory_none_is_added(void **state) {
    (void)state;
    open_flat(8);
    add_numbers(5, 1);
    test_memory_fail(&memory, 1, true);
    assert_int_equal(weir__results_add(&results, &kind, (uint64_t[3]){0}, 3), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for 3 events of 8 bytes");
    assert_int_equal(weir__results_add(&results, &kind, own, SIZE_MAX / 8), WEIR_NO_MEMORY);
    test_memory_fail_never(&memory);
    assert_int_equal(results.count, 1);
    assert_int_equal(*(const uint64_t *)(const void *)results.events, 5);
    add_numbers(6, 1);
    assert_int_equal(((const uint64_t *)(const void *)results.events)[1], 6);
    end();
}

/* ---- spans ------------------------------------------------------------------- */

struct line {
    weir_bytes key;
    weir_bytes text;
    uint64_t number;
};

static weir_event_type lines = {.bytes = sizeof(struct line), .spans = 2, .payload_limit = 300};

static void open_lines(void) {
    test_memory_open(&memory);
    weir__results_kind_open(&kind, &memory.allocator, &lines, 0);
    weir__results_open(&results, own);
}

/* Its text is as long as its number, modulo 200. */
static weir_status add_line(uint64_t number) {
    char key[32];
    char text[200];
    int length = snprintf(key, sizeof key, "%llu", (unsigned long long)number);
    memset(text, (int)('a' + number % 26), sizeof text);
    struct line line = {.key = {.at = key, .count = (uint32_t)length},
                        .text = {.at = text, .count = (uint32_t)(number % 200)},
                        .number = number};
    weir_status status = weir__results_add(&results, &kind, &line, 1);
    memset(key, 0, sizeof key); /* they are the task's again */
    memset(text, 0, sizeof text);
    return status;
}

static void check_lines(uint64_t count) {
    weir__results_point(&results, &kind);
    assert_int_equal(results.count, count);
    for (uint64_t i = 0; i < count; i++) {
        const struct line *line = &((const struct line *)(const void *)results.events)[i];
        char key[32];
        int length = snprintf(key, sizeof key, "%llu", (unsigned long long)i);
        assert_int_equal(line->number, i);
        assert_int_equal(line->key.count, length);
        assert_memory_equal(line->key.at, key, (size_t)length);
        assert_int_equal(line->text.count, i % 200);
        for (uint32_t k = 0; k < line->text.count; k++) {
            assert_int_equal(line->text.at[k], (int)('a' + i % 26));
        }
    }
}

static void what_spans_point_at_is_copied(void **state) {
    (void)state;
    open_lines();
    for (uint64_t i = 0; i < 500; i++) assert_int_equal(add_line(i), WEIR_OK);
    check_lines(500);
    weir__results_clear(&results, &kind);
    assert_int_equal(memory.live, 0);
    for (uint64_t i = 0; i < 5; i++) assert_int_equal(add_line(i), WEIR_OK);
    check_lines(5);
    end();
}

static void what_is_too_long_is_refused(void **state) {
    (void)state;
    open_lines();
    assert_int_equal(add_line(0), WEIR_OK);
    char text[301] = {0};
    struct line both[2] = {{.number = 1}, {.number = 2}};
    both[1].key = (weir_bytes){.at = text, .count = 1};
    both[1].text = (weir_bytes){.at = text, .count = 300};
    assert_int_equal(weir__results_add(&results, &kind, both, 2), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "event 1 has spans of 301 bytes, its type's payload_limit is 300");
    check_lines(1);
    end();
}

static void empty_spans_are_as_good_as_others(void **state) {
    (void)state;
    open_lines();
    const struct line empty[2] = {{.number = 0}, {.number = 1}};
    assert_int_equal(weir__results_add(&results, &kind, empty, 2), WEIR_OK);
    weir__results_point(&results, &kind);
    assert_int_equal(((const struct line *)(const void *)results.events)[1].number, 1);
    assert_int_equal(((const struct line *)(const void *)results.events)[1].text.count, 0);
    end();
}

static void without_memory_for_payload_none_is_added(void **state) {
    (void)state;
    for (uint64_t call = 1; call < 6; call++) {
        open_lines();
        test_memory_fail(&memory, call, false);
        uint64_t added = 0;
        for (uint64_t i = 0; i < 100; i++) added += add_line(added) == WEIR_OK;
        test_memory_fail_never(&memory);
        assert_int_equal(added, 99);
        check_lines(99);
        end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_needs_no_memory),
        cmocka_unit_test(several_lie_side_by_side),
        cmocka_unit_test(room_is_used_again_unless_it_is_much),
        cmocka_unit_test(long_events_have_room_of_their_own),
        cmocka_unit_test(without_memory_none_is_added),
        cmocka_unit_test(what_spans_point_at_is_copied),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(empty_spans_are_as_good_as_others),
        cmocka_unit_test(without_memory_for_payload_none_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
