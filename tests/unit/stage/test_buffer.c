/*
 * The buffer: order, bounds, marks, and what happens without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: events come out in the order they went in, the bound drops what `keep`
 * says, and a mark comes out right after the event before it, however slices
 * are cut or joined.
 * Method: a journal of numbers and marks as they come out, compared with what
 * was worked out by hand.  test_buffer_model.c has random operations.
 */
#include "stage/buffer.h"

#include "base/check.h"
#include "support/aborts.h"
#include "support/buffer_scene.h"
#include "support/cmocka.h"
#include "support/events.h"

static void assert_journal(struct buffer_scene *f, const uint64_t *expected, size_t length) {
    assert_int_equal(f->length, length);
    for (size_t i = 0; i < length; i++) assert_int_equal(f->journal[i], expected[i]);
    f->length = 0;
}

#define ASSERT_JOURNAL(f, ...)                                           \
    do {                                                                 \
        const uint64_t expected[] = {__VA_ARGS__};                       \
        assert_journal(f, expected, sizeof expected / sizeof *expected); \
    } while (0)

static void events_come_out_in_order(void **state) {
    (void)state;
    for (size_t per_block = 0; per_block < 4; per_block++) {
        struct buffer_scene f;
        buffer_scene_open(&f, UINT64_MAX, WEIR_KEEP_LAST);
        assert_int_equal(buffer_scene_store(&f, 3, per_block), 0);
        assert_int_equal(buffer_scene_store(&f, 4, per_block), 0);
        assert_int_equal(weir__buffer_count(&f.buffer), 7);
        buffer_scene_take(&f, 2);
        ASSERT_JOURNAL(&f, 0, 1);
        buffer_scene_take(&f, 3);
        buffer_scene_take(&f, 0);
        buffer_scene_take(&f, 9);
        ASSERT_JOURNAL(&f, 2, 3, 4, 5, 6);
        assert_int_equal(weir__buffer_count(&f.buffer), 0);
        buffer_scene_take(&f, 9);
        assert_int_equal(f.length, 0);
        buffer_scene_close(&f);
    }
}

static void the_bound_keeps_the_newest(void **state) {
    (void)state;
    for (size_t per_block = 0; per_block < 4; per_block++) {
        struct buffer_scene f;
        buffer_scene_open(&f, 3, WEIR_KEEP_LAST);
        assert_int_equal(buffer_scene_store(&f, 5, per_block), 2);
        assert_int_equal(buffer_scene_store(&f, 1, per_block), 1);
        assert_int_equal(weir__buffer_count(&f.buffer), 3);
        buffer_scene_take(&f, 1);
        assert_int_equal(buffer_scene_store(&f, 2, per_block), 1);
        buffer_scene_take(&f, 9);
        ASSERT_JOURNAL(&f, 3, 5, 6, 7);
        buffer_scene_close(&f);
    }
}

static void the_bound_keeps_the_oldest(void **state) {
    (void)state;
    for (size_t per_block = 0; per_block < 4; per_block++) {
        struct buffer_scene f;
        buffer_scene_open(&f, 3, WEIR_KEEP_FIRST);
        assert_int_equal(buffer_scene_store(&f, 5, per_block), 2);
        assert_int_equal(buffer_scene_store(&f, 4, per_block), 4);
        buffer_scene_take(&f, 1);
        assert_int_equal(buffer_scene_store(&f, 2, per_block), 1);
        buffer_scene_take(&f, 9);
        ASSERT_JOURNAL(&f, 0, 1, 2, 9);
        buffer_scene_close(&f);
    }
}

static void a_size_of_nothing_discards_at_once(void **state) {
    (void)state;
    for (int keep = WEIR_KEEP_LAST; keep <= WEIR_KEEP_FIRST; keep++) {
        struct buffer_scene f;
        buffer_scene_open(&f, 0, (weir_keep)keep);
        assert_int_equal(buffer_scene_store(&f, 5, 2), 5);
        assert_int_equal(weir__buffer_count(&f.buffer), 0);
        assert_false(buffer_scene_mark(&f, 1));
        buffer_scene_close(&f);
    }
}

static void a_mark_follows_the_event_before_it(void **state) {
    (void)state;
    for (uint64_t size = 10; size != 0; size = size == 10 ? UINT64_MAX : 0) {
        struct buffer_scene f;
        buffer_scene_open(&f, size, WEIR_KEEP_LAST);
        assert_false(buffer_scene_mark(&f, 0)); /* nothing to wait for */
        buffer_scene_store(&f, 2, 0);
        assert_true(buffer_scene_mark(&f, 1));
        assert_true(buffer_scene_mark(&f, 2));
        buffer_scene_store(&f, 2, 0);
        assert_true(buffer_scene_mark(&f, 3));
        assert_int_equal(weir__buffer_count(&f.buffer), 4);
        buffer_scene_take(&f, 1);
        ASSERT_JOURNAL(&f, 0);
        buffer_scene_take(&f, 1); /* the marks, though the take is exhausted */
        ASSERT_JOURNAL(&f, 1, BUFFER_MARK + 1, BUFFER_MARK + 2);
        buffer_scene_take(&f, 5);
        ASSERT_JOURNAL(&f, 2, 3, BUFFER_MARK + 3);
        assert_false(buffer_scene_mark(&f, 4));
        buffer_scene_close(&f);
    }
}

static void a_dropped_event_releases_its_marks(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, 3, WEIR_KEEP_LAST);
    buffer_scene_store(&f, 2, 0);
    assert_true(buffer_scene_mark(&f, 1));
    assert_int_equal(buffer_scene_store(&f, 2, 0), 1);
    assert_int_equal(f.length, 0); /* the mark was behind the second */
    assert_int_equal(buffer_scene_store(&f, 1, 0), 1);
    ASSERT_JOURNAL(&f, BUFFER_MARK + 1);
    assert_true(buffer_scene_mark(&f, 2));
    assert_int_equal(buffer_scene_store(&f, 9, 0), 9); /* all of them, and six of its own */
    ASSERT_JOURNAL(&f, BUFFER_MARK + 2);
    buffer_scene_take(&f, 9);
    ASSERT_JOURNAL(&f, 11, 12, 13);
    buffer_scene_close(&f);
}

static void closing_releases_the_marks(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, 10, WEIR_KEEP_LAST);
    buffer_scene_store(&f, 2, 1);
    assert_true(buffer_scene_mark(&f, 1));
    buffer_scene_store(&f, 2, 1);
    assert_true(buffer_scene_mark(&f, 2));
    buffer_scene_close(&f);
    ASSERT_JOURNAL(&f, BUFFER_MARK + 1, BUFFER_MARK + 2);
}

static void as_genstage_unbounded_marks_count(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, UINT64_MAX, WEIR_KEEP_LAST);
    f.buffer.as_genstage = true;
    buffer_scene_store(&f, 2, 0);
    assert_true(buffer_scene_mark(&f, 1));
    assert_int_equal(weir__buffer_count(&f.buffer), 3);
    buffer_scene_take(&f, 2);
    ASSERT_JOURNAL(&f, 0, 1);
    assert_true(buffer_scene_mark(&f, 2)); /* the first one waits still */
    assert_int_equal(weir__buffer_count(&f.buffer), 2);
    buffer_scene_take(&f, 1);
    ASSERT_JOURNAL(&f, BUFFER_MARK + 1, BUFFER_MARK + 2);
    buffer_scene_close(&f);
}

/* ---- slices -------------------------------------------------------------- */

static void slices_that_follow_each_other_are_joined(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, UINT64_MAX, WEIR_KEEP_LAST);
    struct weir__item whole = events_item(&f.pool, (uint64_t[]){0, 1, 2, 3, 4, 5}, 6);
    for (uint32_t i = 0; i < 6; i++) { /* six emissions of one event, in one block */
        struct weir__item one = whole;
        one.first = i;
        one.count = 1;
        one.flags = i == 3 ? WEIR__MORE : 0;
        weir__block_hold(one.block, &f.pool);
        assert_true(weir__queue_push(&f.queue, one));
        assert_int_equal(weir__buffer_store(&f.buffer, &f.queue, buffer_scene_note_mark, &f), 0);
        if (i == 4) assert_true(buffer_scene_mark(&f, 1));
    }
    weir__block_drop(whole.block, &f.pool);
    f.stored = 6;
    assert_int_equal(f.buffer.queue.count, 3); /* five events, a mark, one event */
    assert_int_equal(weir__queue_at(&f.buffer.queue, 0)->count, 5);
    assert_int_equal(weir__queue_at(&f.buffer.queue, 0)->flags, 0);
    assert_int_equal(weir__buffer_count(&f.buffer), 6);
    buffer_scene_take(&f, 9);
    ASSERT_JOURNAL(&f, 0, 1, 2, 3, 4, BUFFER_MARK + 1, 5);
    buffer_scene_close(&f);
}

static void shared_slices_are_not_joined_with_others(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, UINT64_MAX, WEIR_KEEP_LAST);
    struct weir__item first = events_item(&f.pool, (uint64_t[]){0, 1}, 2);
    struct weir__item second = first;
    first.count = 1;
    second.first = 1;
    second.count = 1;
    second.flags = WEIR__ALIASED;
    weir__block_hold(second.block, &f.pool);
    assert_true(weir__queue_push(&f.queue, first));
    assert_true(weir__queue_push(&f.queue, second));
    weir__buffer_store(&f.buffer, &f.queue, buffer_scene_note_mark, &f);
    f.stored = 2;
    assert_int_equal(f.buffer.queue.count, 2);
    assert_int_equal(weir__queue_at(&f.buffer.queue, 1)->flags, WEIR__ALIASED);
    buffer_scene_close(&f);
}

static void what_is_given_back_goes_first(void **state) {
    (void)state;
    for (size_t per_block = 0; per_block < 4; per_block++) {
        struct buffer_scene f;
        buffer_scene_open(&f, 5, WEIR_KEEP_LAST);
        buffer_scene_store(&f, 5, per_block);
        struct weir__queue back; /* three are sent, and come back after two more */
        weir__queue_open(&back, &f.memory.allocator);
        while (back.events < 3) {
            uint64_t want = 3 - back.events;
            assert_true(weir__queue_push(&back, weir__queue_take(&f.buffer.queue, want, &f.pool)));
        }
        assert_int_equal(buffer_scene_store(&f, 3, per_block), 0);
        assert_true(weir__buffer_put_front(&f.buffer, &back));
        assert_true(weir__queue_empty(&back));
        assert_int_equal(weir__buffer_count(&f.buffer), 8);        /* above its size */
        assert_int_equal(buffer_scene_store(&f, 1, per_block), 1); /* but no more than that */
        assert_int_equal(weir__buffer_count(&f.buffer), 8);
        buffer_scene_take(&f, 20);
        ASSERT_JOURNAL(&f, 1, 2, 3, 4, 5, 6, 7, 8);
        assert_true(weir__buffer_put_front(&f.buffer, &back)); /* nothing */
        weir__queue_close(&back, WEIR_DISCARD_STOPPED, &f.pool);
        buffer_scene_close(&f);
    }
}

static void given_back_slices_join_what_they_were_cut_from(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, UINT64_MAX, WEIR_KEEP_LAST);
    buffer_scene_store(&f, 9, 0);
    struct weir__queue back;
    weir__queue_open(&back, &f.memory.allocator);
    assert_true(weir__queue_push(&back, weir__queue_take(&f.buffer.queue, 4, &f.pool)));
    assert_true(weir__buffer_put_front(&f.buffer, &back));
    assert_int_equal(f.buffer.queue.count, 1);
    assert_int_equal(weir__buffer_count(&f.buffer), 9);
    buffer_scene_take(&f, 9);
    ASSERT_JOURNAL(&f, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    weir__queue_close(&back, WEIR_DISCARD_STOPPED, &f.pool);
    buffer_scene_close(&f);
}

/* ---- without memory ------------------------------------------------------ */

static void without_memory_events_are_dropped_and_counted(void **state) {
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, 100, WEIR_KEEP_LAST);
    buffer_scene_store(&f, 8, 1); /* the buffer's queue is full */
    events_push_range(&f.queue, &f.pool, 8, 8, 1);
    f.stored += 8;
    test_memory_fail(&f.memory, 1, true);
    assert_int_equal(weir__buffer_store(&f.buffer, &f.queue, buffer_scene_note_mark, &f), 8);
    f.dropped += 8;
    bool no_memory = false;
    const struct weir__item mark = {.flags = WEIR__MARK, .kind = 7};
    assert_false(weir__buffer_mark_store(&f.buffer, &mark, &no_memory));
    assert_true(no_memory);
    test_memory_fail_never(&f.memory);
    assert_int_equal(weir__buffer_count(&f.buffer), 8);

    events_push_range(&f.queue, &f.pool, 16, 3, 1);
    test_memory_fail(&f.memory, 1, true);
    assert_false(weir__buffer_put_front(&f.buffer, &f.queue));
    test_memory_fail_never(&f.memory);
    assert_int_equal(f.queue.events, 3); /* still the caller's */
    weir__queue_discard(&f.queue, 3, WEIR_DISCARD_STOPPED, &f.pool);
    buffer_scene_take(&f, 20);
    ASSERT_JOURNAL(&f, 0, 1, 2, 3, 4, 5, 6, 7);
    buffer_scene_close(&f);
}

static void miscount_marks(void *argument) {
    struct weir__buffer *buffer = argument;
    buffer->marks++;
    WEIR__VERIFY(weir__buffer_check(buffer));
}

static void leave_a_mark_in_front(void *argument) {
    struct weir__buffer *buffer = argument;
    weir__queue_discard(&buffer->queue, 2, WEIR_DISCARD_STOPPED, buffer->pool);
    WEIR__VERIFY(weir__buffer_check(buffer));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {miscount_marks, "buffer->marks == marks"},
        {leave_a_mark_in_front, "buffer->as_genstage || !front_is_mark(buffer)"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    struct buffer_scene f;
    buffer_scene_open(&f, 10, WEIR_KEEP_LAST);
    buffer_scene_store(&f, 2, 8);
    assert_true(buffer_scene_mark(&f, 1));
    buffer_scene_store(&f, 1, 8);
    WEIR__VERIFY(weir__buffer_check(&f.buffer));
    TEST_BREAKAGES(breakages, &f.buffer);
    buffer_scene_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_out_in_order),
        cmocka_unit_test(the_bound_keeps_the_newest),
        cmocka_unit_test(the_bound_keeps_the_oldest),
        cmocka_unit_test(a_size_of_nothing_discards_at_once),
        cmocka_unit_test(a_mark_follows_the_event_before_it),
        cmocka_unit_test(a_dropped_event_releases_its_marks),
        cmocka_unit_test(closing_releases_the_marks),
        cmocka_unit_test(as_genstage_unbounded_marks_count),
        cmocka_unit_test(slices_that_follow_each_other_are_joined),
        cmocka_unit_test(shared_slices_are_not_joined_with_others),
        cmocka_unit_test(what_is_given_back_goes_first),
        cmocka_unit_test(given_back_slices_join_what_they_were_cut_from),
        cmocka_unit_test(without_memory_events_are_dropped_and_counted),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
