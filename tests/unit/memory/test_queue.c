/*
 * Goal: a queue of slices keeps order, counts and references, whatever happens.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: small cases by hand, without memory too; test_queue_model.c has the
 * long random sequences.
 */
#include "memory/queue.h"

#include "memory/pool.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <string.h>

struct house {
    struct test_memory memory;      /* the queue's */
    struct test_memory pool_memory; /* never fails */
    struct weir__pool pool;
    struct weir__queue queue;
};

static int open_house(void **state) {
    static struct house house;
    test_memory_open(&house.memory);
    test_memory_open(&house.pool_memory);
    weir__pool_open(&house.pool, &house.pool_memory.allocator);
    weir__queue_open(&house.queue, &house.memory.allocator);
    *state = &house;
    return 0;
}

static int close_house(void **state) {
    struct house *house = *state;
    weir__queue_close(&house->queue, &house->pool);
    assert_true(weir__queue_empty(&house->queue));
    assert_int_equal(weir__pool_close(&house->pool), 0);
    test_memory_close(&house->memory);
    test_memory_close(&house->pool_memory);
    return 0;
}

/* A slice with the numbers first, first + 1, ... */
static struct weir__item slice(struct house *house, uint64_t first, uint32_t count) {
    uint64_t numbers[64];
    for (uint32_t i = 0; i < count; i++) numbers[i] = first + i;
    return events_item(&house->pool, numbers, count);
}

static struct weir__item mark(uint32_t kind) {
    static int anything;
    return (struct weir__item){.mark = &anything, .flags = WEIR__MARK, .kind = kind};
}

static uint64_t number(const struct weir__item *item, uint32_t index) {
    return *(uint64_t *)weir__block_event(item->block, item->first + index);
}

static void open_needs_no_memory(void **state) {
    struct house *house = *state;
    assert_true(weir__queue_empty(&house->queue));
    assert_int_equal(house->memory.calls, 0);
}

static void first_in_first_out(void **state) {
    struct house *house = *state;
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(weir__queue_push(&house->queue, slice(house, i, 1)));
    }
    assert_int_equal(house->queue.events, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(number(weir__queue_at(&house->queue, 0), 0), i);
        struct weir__item item = weir__queue_pop(&house->queue);
        assert_int_equal(number(&item, 0), i);
        weir__block_drop(item.block, &house->pool);
    }
    assert_true(weir__queue_empty(&house->queue));
    assert_int_equal(house->queue.events, 0);
}

static void a_whole_item_moves(void **state) {
    struct house *house = *state;
    struct weir__item item = slice(house, 0, 10);
    item.flags = WEIR__SHARED;
    item.owner = house;
    assert_true(weir__queue_push(&house->queue, item));
    struct weir__item taken = weir__queue_take(&house->queue, UINT64_MAX, &house->pool);
    assert_memory_equal(&taken, &item, sizeof item);
    assert_int_equal(item.block->refs, 1);
    weir__block_drop(taken.block, &house->pool);
}

static void a_part_is_one_more_reference(void **state) {
    struct house *house = *state;
    struct weir__item item = slice(house, 0, 10);
    item.flags = WEIR__SHARED;
    assert_true(weir__queue_push(&house->queue, item));
    struct weir__item taken = weir__queue_take(&house->queue, 4, &house->pool);
    assert_int_equal(taken.first, 0);
    assert_int_equal(taken.count, 4);
    assert_int_equal(taken.flags, WEIR__SHARED | WEIR__MORE);
    assert_int_equal(item.block->refs, 2);
    assert_int_equal(weir__queue_at(&house->queue, 0)->first, 4);
    assert_int_equal(weir__queue_at(&house->queue, 0)->flags, WEIR__SHARED);
    assert_int_equal(house->queue.events, 6);
    weir__block_drop(taken.block, &house->pool);
}

static void drop_ends_at_a_mark(void **state) {
    struct house *house = *state;
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 10)));
    assert_true(weir__queue_push(&house->queue, mark(7)));
    assert_true(weir__queue_push(&house->queue, slice(house, 10, 10)));
    weir__queue_drop(&house->queue, 15, &house->pool);
    assert_int_equal(house->queue.count, 2);
    assert_int_equal(house->queue.events, 10);
    assert_int_equal(weir__queue_pop(&house->queue).kind, 7);
    weir__queue_drop(&house->queue, 15, &house->pool);
    assert_true(weir__queue_empty(&house->queue));
    weir__queue_drop(&house->queue, 15, &house->pool);
}

static void keep_cuts_the_tail(void **state) {
    struct house *house = *state;
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(weir__queue_push(&house->queue, slice(house, i * 3, 3)));
    }
    weir__queue_keep(&house->queue, 12, &house->pool);
    assert_int_equal(house->queue.count, 4);
    weir__queue_keep(&house->queue, 7, &house->pool);
    assert_int_equal(house->queue.count, 3);
    assert_int_equal(house->queue.events, 7);
    assert_int_equal(weir__queue_at(&house->queue, 2)->count, 1);
    assert_int_equal(weir__pool_live(&house->pool), 3);
    weir__queue_keep(&house->queue, 6, &house->pool);
    assert_int_equal(house->queue.count, 2);
    weir__queue_keep(&house->queue, 0, &house->pool);
    assert_true(weir__queue_empty(&house->queue));
    weir__queue_keep(&house->queue, 0, &house->pool);
    assert_int_equal(weir__pool_live(&house->pool), 0);
}

static void the_tail_moves_in_order(void **state) {
    struct house *house = *state;
    for (uint64_t moved = 1; moved <= 12; moved++) {
        struct weir__queue to;
        weir__queue_open(&to, &house->memory.allocator);
        assert_true(weir__queue_push(&to, slice(house, 100, 2)));
        for (uint64_t i = 0; i < 4; i++) {
            assert_true(weir__queue_push(&house->queue, slice(house, i * 3, 3)));
        }
        assert_true(weir__queue_move_tail(&house->queue, moved, &to, &house->pool));
        assert_int_equal(house->queue.events, 12 - moved);
        assert_int_equal(to.events, 2 + moved);
        uint64_t numbers[14];
        weir__queue_gather(&to, numbers, 2 + moved, &house->pool);
        for (uint64_t i = 0; i < moved; i++) assert_int_equal(numbers[2 + i], 12 - moved + i);
        weir__queue_gather(&house->queue, numbers, 12 - moved, &house->pool);
        for (uint64_t i = 0; i < 12 - moved; i++) assert_int_equal(numbers[i], i);
        assert_int_equal(weir__pool_live(&house->pool), 0);
        weir__queue_close(&to, &house->pool);
    }
}

static void a_tail_for_which_there_is_no_memory_stays(void **state) {
    struct house *house = *state;
    struct weir__queue to;
    weir__queue_open(&to, &house->memory.allocator);
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 5)));
    test_memory_fail(&house->memory, 1, true);
    assert_false(weir__queue_move_tail(&house->queue, 2, &to, &house->pool));
    test_memory_fail_never(&house->memory);
    assert_int_equal(house->queue.events, 5);
    assert_true(weir__queue_empty(&to));
    weir__queue_close(&to, &house->pool);
}

static void gather_crosses_items(void **state) {
    struct house *house = *state;
    for (uint64_t i = 0; i < 5; i++) {
        assert_true(weir__queue_push(&house->queue, slice(house, i * 3, 3)));
    }
    uint64_t numbers[13];
    weir__queue_drop(&house->queue, 1, &house->pool);
    weir__queue_gather(&house->queue, numbers, 13, &house->pool);
    for (uint64_t i = 0; i < 13; i++) assert_int_equal(numbers[i], i + 1);
    assert_int_equal(house->queue.count, 1);
    assert_int_equal(number(weir__queue_at(&house->queue, 0), 0), 14);
}

/* Large slices are taken as they lie; small ones together, but no more of them than asked. */
static void a_cut_is_no_crumb(void **state) {
    struct house *house = *state;
    static const struct {
        uint64_t most;
        uint32_t count;
    } cuts[] = {{40, 40}, {100, 24}, {2, 2}, {100, 6}, {3, 3}, {100, 61}, {100, 1}};
    static const uint32_t counts[] = {64, 3, 2, 1, 1, 1, 64, 1};
    uint64_t next = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        assert_true(weir__queue_push(&house->queue, slice(house, next, counts[i])));
        next += counts[i];
    }
    next = 0;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct weir__item item = weir__queue_cut(&house->queue, cuts[i].most, &house->pool);
        assert_int_equal(item.count, cuts[i].count);
        for (uint32_t k = 0; k < item.count; k++) assert_int_equal(number(&item, k), next++);
        weir__block_drop(item.block, &house->pool);
    }
    assert_true(weir__queue_empty(&house->queue));
}

static void a_cut_without_memory_is_as_it_lies(void **state) {
    struct house *house = *state;
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(weir__queue_push(&house->queue, slice(house, 2 * i, 2)));
    }
    test_memory_fail(&house->pool_memory, 1, true);
    struct weir__item item;
    assert_false(weir__queue_gather_item(&house->queue, 8, &house->pool, &item));
    assert_int_equal(house->queue.events, 8);
    item = weir__queue_cut(&house->queue, 8, &house->pool);
    test_memory_fail_never(&house->pool_memory);
    assert_int_equal(item.count, 2);
    assert_int_equal(number(&item, 1), 1);
    weir__block_drop(item.block, &house->pool);
}

static void without_memory_nothing_changes(void **state) {
    struct house *house = *state;
    struct weir__item item = slice(house, 0, 1);
    test_memory_fail(&house->memory, 1, true);
    assert_false(weir__queue_push(&house->queue, item));
    assert_false(weir__queue_push_front(&house->queue, item));
    assert_false(weir__queue_reserve(&house->queue, 1));
    assert_true(weir__queue_reserve(&house->queue, 0));
    assert_true(weir__queue_empty(&house->queue));
    test_memory_fail_never(&house->memory);
    for (uint64_t i = 0; i < 8; i++) {
        assert_true(weir__queue_push(&house->queue, slice(house, i, 1)));
    }
    test_memory_fail(&house->memory, 1, true);
    assert_false(weir__queue_push(&house->queue, item));
    assert_false(weir__queue_push_front(&house->queue, item));
    assert_int_equal(house->queue.count, 8);
    assert_int_equal(house->queue.events, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(number(weir__queue_at(&house->queue, i), 0), i);
    }
    weir__block_drop(item.block, &house->pool); /* still the test's */
}

static void reserved_pushes_cannot_fail(void **state) {
    struct house *house = *state;
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 1)));
    assert_true(weir__queue_reserve(&house->queue, 99));
    test_memory_fail(&house->memory, 1, true);
    for (uint64_t i = 1; i < 100; i++) {
        bool pushed = i % 2 == 0 ? weir__queue_push(&house->queue, slice(house, i, 1))
                                 : weir__queue_push_front(&house->queue, slice(house, i, 1));
        assert_true(pushed);
    }
    assert_int_equal(house->queue.count, 100);
}

static void impossible_reserves_are_refused(void **state) {
    struct house *house = *state;
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 1)));
    assert_false(weir__queue_reserve(&house->queue, UINT32_MAX));
    assert_false(weir__queue_reserve(&house->queue, 1u << 31));
    assert_false(weir__queue_reserve(&house->queue, 1u << 30));
    assert_int_equal(house->queue.count, 1);
}

static void close_drops_slices_and_skips_marks(void **state) {
    struct house *house = *state;
    assert_true(weir__queue_push(&house->queue, mark(1)));
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 5)));
    assert_true(weir__queue_push(&house->queue, mark(2)));
    weir__queue_close(&house->queue, &house->pool);
    assert_int_equal(weir__pool_live(&house->pool), 0);
    assert_int_equal(house->memory.live, 0);
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 5))); /* as new */
}

static void miscount_events(void *queue) {
    ((struct weir__queue *)queue)->events++;
    WEIR__VERIFY(weir__queue_check(queue));
}

static void count_a_mark(void *queue) {
    weir__queue_at(queue, 1)->count = 1;
    WEIR__VERIFY(weir__queue_check(queue));
}

static void mistake_the_size(void *queue) {
    weir__queue_at(queue, 0)->event_bytes = 4;
    WEIR__VERIFY(weir__queue_check(queue));
}

static void overfill(void *queue) {
    ((struct weir__queue *)queue)->count = 9;
    WEIR__VERIFY(weir__queue_check(queue));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {miscount_events, "queue->events == sum"},
        {count_a_mark, "!is_mark(item) || item->count == 0"},
        {mistake_the_size, "is_mark(item) || item->event_bytes == item->block->event_bytes"},
        {overfill, "queue->count <= queue->capacity"},
    };
    if (!WEIR__CHECKED) skip();
    struct house *house = *state;
    assert_true(weir__queue_push(&house->queue, slice(house, 0, 5)));
    assert_true(weir__queue_push(&house->queue, mark(1)));
    WEIR__VERIFY(weir__queue_check(&house->queue));
    TEST_BREAKAGES(breakages, &house->queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(open_needs_no_memory),
        TEST(first_in_first_out),
        TEST(a_whole_item_moves),
        TEST(a_part_is_one_more_reference),
        TEST(drop_ends_at_a_mark),
        TEST(keep_cuts_the_tail),
        TEST(the_tail_moves_in_order),
        TEST(a_tail_for_which_there_is_no_memory_stays),
        TEST(a_cut_is_no_crumb),
        TEST(a_cut_without_memory_is_as_it_lies),
        TEST(gather_crosses_items),
        TEST(without_memory_nothing_changes),
        TEST(reserved_pushes_cannot_fail),
        TEST(impossible_reserves_are_refused),
        TEST(close_drops_slices_and_skips_marks),
        TEST(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
