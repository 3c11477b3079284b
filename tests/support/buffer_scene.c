/*
 * A buffer scene: see buffer_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/buffer_scene.h"

#include "support/cmocka.h"
#include "support/events.h"

#include <string.h>

void buffer_scene_open(struct buffer_scene *scene, uint64_t size, weir_keep keep) {
    memset(scene, 0, sizeof *scene);
    test_memory_open(&scene->memory);
    weir__pool_open(&scene->pool, &scene->memory.allocator);
    weir__buffer_open(&scene->buffer, size, UINT64_MAX, keep, &scene->memory.allocator,
                      &scene->pool);
    weir__queue_open(&scene->queue, &scene->memory.allocator);
}

static void note(struct buffer_scene *scene, uint64_t number) {
    assert_true(scene->length < BUFFER_JOURNAL);
    scene->journal[scene->length++] = number;
}

void buffer_scene_note_mark(void *context, const struct weir__item *mark) {
    assert_int_equal(mark->kind, 7);
    note(context, BUFFER_MARK + (uint64_t)mark->demand);
}

void buffer_scene_close(struct buffer_scene *scene) {
    uint64_t held = scene->buffer.queue.events;
    weir__buffer_close(&scene->buffer, buffer_scene_note_mark, scene);
    assert_true(weir__queue_empty(&scene->queue));
    weir__queue_close(&scene->queue, WEIR_DISCARD_STOPPED, &scene->pool);
    assert_int_equal(weir__pool_close(&scene->pool), 0);
    test_memory_close(&scene->memory);
    assert_int_equal(scene->stored, scene->taken + scene->dropped + held);
}

uint64_t buffer_scene_store(struct buffer_scene *scene, size_t count, size_t per_block) {
    events_push_range(&scene->queue, &scene->pool, scene->stored, count, per_block);
    scene->stored += count;
    uint64_t dropped =
        weir__buffer_store(&scene->buffer, &scene->queue, buffer_scene_note_mark, scene);
    assert_true(weir__queue_empty(&scene->queue));
    scene->dropped += dropped;
    return dropped;
}

bool buffer_scene_mark(struct buffer_scene *scene, uint64_t number) {
    bool no_memory = true;
    const struct weir__item mark = {.demand = (uintptr_t)number, .flags = WEIR__MARK, .kind = 7};
    bool stored = weir__buffer_mark_store(&scene->buffer, &mark, &no_memory);
    assert_false(no_memory);
    return stored;
}

void buffer_scene_take(struct buffer_scene *scene, uint64_t count) {
    for (;;) {
        uint64_t run = weir__buffer_run(&scene->buffer, count);
        assert_true(run <= count && scene->length + run <= BUFFER_JOURNAL);
        weir__queue_gather(&scene->buffer.queue, &scene->journal[scene->length], run, &scene->pool);
        scene->length += run;
        scene->taken += run;
        count -= run;
        uint64_t marks = weir__buffer_release(&scene->buffer, count, buffer_scene_note_mark, scene);
        if (marks == 0 && run == 0) return;
    }
}
