/*
 * A queue scene: see queue_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/queue_scene.h"

#include "support/cmocka.h"
#include "support/events.h"

int queue_scene_open(void **state) {
    static struct queue_scene scene;
    test_memory_open(&scene.memory);
    test_memory_open(&scene.pool_memory);
    weir__pool_open(&scene.pool, &scene.pool_memory.allocator);
    weir__queue_open(&scene.queue, &scene.memory.allocator);
    *state = &scene;
    return 0;
}

int queue_scene_close(void **state) {
    struct queue_scene *scene = *state;
    weir__queue_close(&scene->queue, WEIR_DISCARD_STOPPED, &scene->pool);
    assert_true(weir__queue_empty(&scene->queue));
    assert_int_equal(weir__pool_close(&scene->pool), 0);
    test_memory_close(&scene->memory);
    test_memory_close(&scene->pool_memory);
    return 0;
}

struct weir__item queue_scene_slice(struct queue_scene *scene, uint64_t first, uint32_t count) {
    uint64_t numbers[64];
    for (uint32_t i = 0; i < count; i++) numbers[i] = first + i;
    return events_item(&scene->pool, numbers, count);
}

struct weir__item queue_scene_mark(uint32_t kind) {
    static int anything;
    return (struct weir__item){.mark = &anything, .flags = WEIR__MARK, .kind = kind};
}

uint64_t queue_scene_number(const struct weir__item *item, uint32_t index) {
    return *(uint64_t *)weir__block_event(item->block, item->first + index);
}
