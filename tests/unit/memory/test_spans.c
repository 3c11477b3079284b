/*
 * Goal: what an event's spans point at is counted, written and copied with it, whatever its length.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: events of two spans, some of them empty and pointing nowhere, whose payload is in the
 * program's memory; a block of them gets a lender of its own, and then the program's memory is
 * written over.
 */
#include "memory/spans.h"

#include "memory/pool.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <string.h>

enum { SPANS = 2, EVENTS = 3 };

struct entry {
    weir_bytes key;
    weir_bytes value;
    uint64_t number;
};

static const weir_event_type type = {.bytes = sizeof(struct entry), .spans = SPANS};
static const char *const keys[EVENTS] = {"one", "", "three"};
static const char *const values[EVENTS] = {"1", "22", ""};
static struct test_memory memory;
static struct weir__pool pool;
static char text[EVENTS][2][8]; /* the program's */

static weir_bytes span_of(char *to, const char *word) {
    uint32_t count = (uint32_t)strlen(word);
    memcpy(to, word, count);
    return (weir_bytes){.at = count > 0 ? to : NULL, .count = count};
}

static struct entry entry_of(int i) {
    return (struct entry){
        .key = span_of(text[i][0], keys[i]),
        .value = span_of(text[i][1], values[i]),
        .number = (uint64_t)i,
    };
}

static void expect_entry(const struct entry *entry, int i) {
    assert_int_equal(entry->key.count, strlen(keys[i]));
    assert_int_equal(entry->value.count, strlen(values[i]));
    if (entry->key.count > 0) assert_memory_equal(entry->key.at, keys[i], entry->key.count);
    if (entry->value.count > 0) assert_memory_equal(entry->value.at, values[i], entry->value.count);
    assert_int_equal(entry->number, i);
}

static void bytes_are_those_of_all_spans(void **state) {
    (void)state;
    const size_t bytes[EVENTS] = {4, 2, 5};
    for (int i = 0; i < EVENTS; i++) {
        struct entry entry = entry_of(i);
        assert_int_equal(weir__spans_bytes(SPANS, &entry), bytes[i]);
        assert_int_equal(weir__spans_bytes(1, &entry), strlen(keys[i]));
        assert_int_equal(weir__spans_bytes(0, &entry), 0);
    }
}

static void what_is_written_points_at_its_own(void **state) {
    (void)state;
    char room[16];
    for (int i = 0; i < EVENTS; i++) {
        struct entry from = entry_of(i);
        struct entry to;
        memset(room, '.', sizeof room);
        weir__spans_write(SPANS, sizeof to, &from, &to, room);
        memset(text, 'x', sizeof text);
        expect_entry(&to, i);
        assert_ptr_equal(to.key.at, room);
        assert_ptr_equal(to.value.at, room + to.key.count);
        assert_int_equal(room[to.key.count + to.value.count], '.'); /* and nothing behind it */
    }
}

/* A block of all entries, whose payload is the program's still. */
static struct weir__item open_block(void) {
    test_memory_open(&memory);
    weir__pool_open(&pool, &memory.allocator);
    struct weir__item item = {
        .count = EVENTS,
        .flags = WEIR__OWNING,
        .event_bytes = sizeof(struct entry),
        .block = weir__pool_get(&pool, sizeof(struct entry), &type, EVENTS),
    };
    assert_non_null(item.block);
    struct entry *entries = weir__block_event(item.block, 0);
    for (int i = 0; i < EVENTS; i++) entries[i] = entry_of(i);
    weir__owned_accept(&pool, EVENTS);
    weir__block_hold(item.block, &pool);
    weir__block_close(item.block, &pool);
    return item;
}

/* All goes home, the lender with what it was lent to. */
static void close_block(struct weir__item *item) {
    weir__item_discard(item, WEIR_DISCARD_HANDLED, &pool);
    assert_int_equal(pool.owned.dropped[WEIR_DISCARD_HANDLED], EVENTS);
    assert_int_equal(weir__pool_live(&pool), 0);
    assert_int_equal(weir__pool_close(&pool), 0);
    test_memory_close(&memory);
}

static void a_copy_lasts_with_the_block(void **state) {
    (void)state;
    struct weir__item item = open_block();
    assert_int_equal(weir__spans_about(&item, EVENTS), 0); /* of no lender, nothing is known */
    assert_true(weir__spans_copy(item.block, EVENTS, &pool));
    memset(text, 'x', sizeof text);
    const struct entry *entries = weir__block_event(item.block, 0);
    for (int i = 0; i < EVENTS; i++) expect_entry(&entries[i], i);
    assert_int_equal(weir__pool_live(&pool), 2);
    assert_int_equal(weir__spans_about(&item, EVENTS), EVENTS * 4);
    close_block(&item);
}

static void a_copy_without_memory_changes_nothing(void **state) {
    (void)state;
    struct weir__item item = open_block();
    test_memory_fail(&memory, 1, true);
    struct entry before[EVENTS];
    memcpy(before, weir__block_event(item.block, 0), sizeof before);
    assert_false(weir__spans_copy(item.block, EVENTS, &pool));
    assert_null(item.block->lender);
    assert_memory_equal(weir__block_event(item.block, 0), before, sizeof before);
    test_memory_fail_never(&memory);
    close_block(&item);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_all_spans),
        cmocka_unit_test(what_is_written_points_at_its_own),
        cmocka_unit_test(a_copy_lasts_with_the_block),
        cmocka_unit_test(a_copy_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
