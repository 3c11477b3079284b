/*
 * Goal: a queue of slices keeps order, counts and references, whatever happens.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: small cases by hand, without memory too; test_queue_model.c has the
 * long random sequences.
 */
#include "memory/queue.h"

#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/queue_scene.h"

#include <string.h>

static void open_needs_no_memory(void **state) {
    struct queue_scene *scene = *state;
    assert_true(weir__queue_empty(&scene->queue));
    assert_int_equal(scene->memory.calls, 0);
}

static void first_in_first_out(void **state) {
    struct queue_scene *scene = *state;
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, i, 1)));
    }
    assert_int_equal(scene->queue.events, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(queue_scene_number(weir__queue_at(&scene->queue, 0), 0), i);
        struct weir__item item = weir__queue_pop(&scene->queue);
        assert_int_equal(queue_scene_number(&item, 0), i);
        weir__block_drop(item.block, &scene->pool);
    }
    assert_true(weir__queue_empty(&scene->queue));
    assert_int_equal(scene->queue.events, 0);
}

static void a_whole_item_moves(void **state) {
    struct queue_scene *scene = *state;
    struct weir__item item = queue_scene_slice(scene, 0, 10);
    item.flags = WEIR__ALIASED;
    item.owner = scene;
    assert_true(weir__queue_push(&scene->queue, item));
    struct weir__item taken = weir__queue_take(&scene->queue, UINT64_MAX, &scene->pool);
    assert_memory_equal(&taken, &item, sizeof item);
    assert_int_equal(item.block->refs, 1);
    weir__block_drop(taken.block, &scene->pool);
}

static void a_part_is_one_more_reference(void **state) {
    struct queue_scene *scene = *state;
    struct weir__item item = queue_scene_slice(scene, 0, 10);
    item.flags = WEIR__ALIASED;
    assert_true(weir__queue_push(&scene->queue, item));
    struct weir__item taken = weir__queue_take(&scene->queue, 4, &scene->pool);
    assert_int_equal(taken.first, 0);
    assert_int_equal(taken.count, 4);
    assert_int_equal(taken.flags, WEIR__ALIASED | WEIR__MORE);
    assert_int_equal(item.block->refs, 2);
    assert_int_equal(weir__queue_at(&scene->queue, 0)->first, 4);
    assert_int_equal(weir__queue_at(&scene->queue, 0)->flags, WEIR__ALIASED);
    assert_int_equal(scene->queue.events, 6);
    weir__block_drop(taken.block, &scene->pool);
}

static void drop_ends_at_a_mark(void **state) {
    struct queue_scene *scene = *state;
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 10)));
    assert_true(weir__queue_push(&scene->queue, queue_scene_mark(7)));
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 10, 10)));
    weir__queue_discard(&scene->queue, 15, WEIR_DISCARD_STOPPED, &scene->pool);
    assert_int_equal(scene->queue.count, 2);
    assert_int_equal(scene->queue.events, 10);
    assert_int_equal(weir__queue_pop(&scene->queue).kind, 7);
    weir__queue_discard(&scene->queue, 15, WEIR_DISCARD_STOPPED, &scene->pool);
    assert_true(weir__queue_empty(&scene->queue));
    weir__queue_discard(&scene->queue, 15, WEIR_DISCARD_STOPPED, &scene->pool);
}

static void keep_cuts_the_tail(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, i * 3, 3)));
    }
    weir__queue_keep(&scene->queue, 12, &scene->pool);
    assert_int_equal(scene->queue.count, 4);
    weir__queue_keep(&scene->queue, 7, &scene->pool);
    assert_int_equal(scene->queue.count, 3);
    assert_int_equal(scene->queue.events, 7);
    assert_int_equal(weir__queue_at(&scene->queue, 2)->count, 1);
    assert_int_equal(weir__pool_live(&scene->pool), 3);
    weir__queue_keep(&scene->queue, 6, &scene->pool);
    assert_int_equal(scene->queue.count, 2);
    weir__queue_keep(&scene->queue, 0, &scene->pool);
    assert_true(weir__queue_empty(&scene->queue));
    weir__queue_keep(&scene->queue, 0, &scene->pool);
    assert_int_equal(weir__pool_live(&scene->pool), 0);
}

static void the_tail_moves_in_order(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t moved = 1; moved <= 12; moved++) {
        struct weir__queue to;
        weir__queue_open(&to, &scene->memory.allocator);
        assert_true(weir__queue_push(&to, queue_scene_slice(scene, 100, 2)));
        for (uint64_t i = 0; i < 4; i++) {
            assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, i * 3, 3)));
        }
        assert_true(weir__queue_move_tail(&scene->queue, moved, &to, &scene->pool));
        assert_int_equal(scene->queue.events, 12 - moved);
        assert_int_equal(to.events, 2 + moved);
        uint64_t numbers[14];
        weir__queue_gather(&to, numbers, 2 + moved, &scene->pool);
        for (uint64_t i = 0; i < moved; i++) assert_int_equal(numbers[2 + i], 12 - moved + i);
        weir__queue_gather(&scene->queue, numbers, 12 - moved, &scene->pool);
        for (uint64_t i = 0; i < 12 - moved; i++) assert_int_equal(numbers[i], i);
        assert_int_equal(weir__pool_live(&scene->pool), 0);
        weir__queue_close(&to, WEIR_DISCARD_STOPPED, &scene->pool);
    }
}

static void a_tail_for_which_there_is_no_memory_stays(void **state) {
    struct queue_scene *scene = *state;
    struct weir__queue to;
    weir__queue_open(&to, &scene->memory.allocator);
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 5)));
    test_memory_fail(&scene->memory, 1, true);
    assert_false(weir__queue_move_tail(&scene->queue, 2, &to, &scene->pool));
    test_memory_fail_never(&scene->memory);
    assert_int_equal(scene->queue.events, 5);
    assert_true(weir__queue_empty(&to));
    weir__queue_close(&to, WEIR_DISCARD_STOPPED, &scene->pool);
}

static void gather_crosses_items(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t i = 0; i < 5; i++) {
        assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, i * 3, 3)));
    }
    uint64_t numbers[13];
    weir__queue_discard(&scene->queue, 1, WEIR_DISCARD_STOPPED, &scene->pool);
    weir__queue_gather(&scene->queue, numbers, 13, &scene->pool);
    for (uint64_t i = 0; i < 13; i++) assert_int_equal(numbers[i], i + 1);
    assert_int_equal(scene->queue.count, 1);
    assert_int_equal(queue_scene_number(weir__queue_at(&scene->queue, 0), 0), 14);
}

/* Large slices are taken as they lie; small ones together, but no more of them than asked. */
static void a_cut_is_no_crumb(void **state) {
    struct queue_scene *scene = *state;
    static const struct {
        uint64_t most;
        uint32_t count;
    } cuts[] = {{40, 40}, {100, 24}, {2, 2}, {100, 6}, {3, 3}, {100, 61}, {100, 1}};
    static const uint32_t counts[] = {64, 3, 2, 1, 1, 1, 64, 1};
    uint64_t next = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, next, counts[i])));
        next += counts[i];
    }
    next = 0;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct weir__item item = weir__queue_cut(&scene->queue, cuts[i].most, &scene->pool);
        assert_int_equal(item.count, cuts[i].count);
        for (uint32_t k = 0; k < item.count; k++)
            assert_int_equal(queue_scene_number(&item, k), next++);
        weir__block_drop(item.block, &scene->pool);
    }
    assert_true(weir__queue_empty(&scene->queue));
}

static void a_cut_without_memory_is_as_it_lies(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 2 * i, 2)));
    }
    test_memory_fail(&scene->pool_memory, 1, true);
    struct weir__item item;
    assert_false(weir__queue_gather_item(&scene->queue, 8, &scene->pool, &item));
    assert_int_equal(scene->queue.events, 8);
    item = weir__queue_cut(&scene->queue, 8, &scene->pool);
    test_memory_fail_never(&scene->pool_memory);
    assert_int_equal(item.count, 2);
    assert_int_equal(queue_scene_number(&item, 1), 1);
    weir__block_drop(item.block, &scene->pool);
}

static void without_memory_nothing_changes(void **state) {
    struct queue_scene *scene = *state;
    struct weir__item item = queue_scene_slice(scene, 0, 1);
    test_memory_fail(&scene->memory, 1, true);
    assert_false(weir__queue_push(&scene->queue, item));
    assert_false(weir__queue_push_front(&scene->queue, item));
    assert_false(weir__queue_reserve(&scene->queue, 1));
    assert_true(weir__queue_reserve(&scene->queue, 0));
    assert_true(weir__queue_empty(&scene->queue));
    test_memory_fail_never(&scene->memory);
    for (uint64_t i = 0; i < 8; i++) {
        assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, i, 1)));
    }
    test_memory_fail(&scene->memory, 1, true);
    assert_false(weir__queue_push(&scene->queue, item));
    assert_false(weir__queue_push_front(&scene->queue, item));
    assert_int_equal(scene->queue.count, 8);
    assert_int_equal(scene->queue.events, 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(queue_scene_number(weir__queue_at(&scene->queue, i), 0), i);
    }
    weir__block_drop(item.block, &scene->pool); /* still the test's */
}

static void reserved_pushes_cannot_fail(void **state) {
    struct queue_scene *scene = *state;
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 1)));
    assert_true(weir__queue_reserve(&scene->queue, 99));
    test_memory_fail(&scene->memory, 1, true);
    for (uint64_t i = 1; i < 100; i++) {
        bool pushed = i % 2 == 0
                          ? weir__queue_push(&scene->queue, queue_scene_slice(scene, i, 1))
                          : weir__queue_push_front(&scene->queue, queue_scene_slice(scene, i, 1));
        assert_true(pushed);
    }
    assert_int_equal(scene->queue.count, 100);
}

static void impossible_reserves_are_refused(void **state) {
    struct queue_scene *scene = *state;
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 1)));
    assert_false(weir__queue_reserve(&scene->queue, UINT32_MAX));
    assert_false(weir__queue_reserve(&scene->queue, 1u << 31));
    assert_false(weir__queue_reserve(&scene->queue, 1u << 30));
    assert_int_equal(scene->queue.count, 1);
}

static void close_drops_slices_and_skips_marks(void **state) {
    struct queue_scene *scene = *state;
    assert_true(weir__queue_push(&scene->queue, queue_scene_mark(1)));
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 5)));
    assert_true(weir__queue_push(&scene->queue, queue_scene_mark(2)));
    weir__queue_close(&scene->queue, WEIR_DISCARD_STOPPED, &scene->pool);
    assert_int_equal(weir__pool_live(&scene->pool), 0);
    assert_int_equal(scene->memory.live, 0);
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 5))); /* as new */
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
    struct queue_scene *scene = *state;
    assert_true(weir__queue_push(&scene->queue, queue_scene_slice(scene, 0, 5)));
    assert_true(weir__queue_push(&scene->queue, queue_scene_mark(1)));
    WEIR__VERIFY(weir__queue_check(&scene->queue));
    TEST_BREAKAGES(breakages, &scene->queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, queue_scene_open, queue_scene_close)

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
