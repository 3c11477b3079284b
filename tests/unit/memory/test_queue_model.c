/*
 * Goal: a queue of slices does what a plain list of numbers does.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: long random sequences of all operations on a queue and on a flat list,
 * with indexes near their wrap, and with memory that fails at random.
 */
#include "memory/queue.h"

#include "base/check.h"
#include "base/rng.h"
#include "support/cmocka.h"
#include "support/queue_scene.h"

#include <string.h>

enum { CELLS = 4096, STEPS = 10000, IS_MARK = 1u << 31 };

/*
 * The model: what the queue holds, flat.  A cell is an event's number, or IS_MARK and a
 * mark's kind.  Where items end is not modelled: no operation may depend on it,
 * but for how much one take gives.
 */
struct model {
    struct queue_scene *scene;
    struct weir__rng rng;
    uint32_t cells[CELLS];
    uint32_t count;
    uint32_t next; /* number of the next event or mark */
};

static void model_insert(struct model *model, uint32_t at, const uint32_t *cells, uint32_t count) {
    memmove(&model->cells[at + count], &model->cells[at],
            (model->count - at) * sizeof *model->cells);
    memcpy(&model->cells[at], cells, count * sizeof *cells);
    model->count += count;
}

static void model_remove(struct model *model, uint32_t count) {
    model->count -= count;
    memmove(model->cells, &model->cells[count], model->count * sizeof *model->cells);
}

/* Events before the first mark. */
static uint32_t model_run(const struct model *model) {
    uint32_t run = 0;
    while (run < model->count && (model->cells[run] & IS_MARK) == 0) run++;
    return run;
}

/* The cells of one item against the model's from `cell` on; returns how many differ. */
static uint32_t differing(const struct model *model, uint32_t cell, const struct weir__item *item) {
    if (item->flags & WEIR__MARK) return model->cells[cell] != (IS_MARK | item->kind);
    uint32_t different = item->count == 0;
    for (uint32_t i = 0; i < item->count; i++) {
        different += queue_scene_number(item, i) != model->cells[cell + i];
    }
    return different;
}

static void compare(const struct model *model) {
    const struct weir__queue *queue = &model->scene->queue;
    uint32_t cell = 0, different = 0;
    uint64_t events = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        different += differing(model, cell, item);
        cell += item->flags & WEIR__MARK ? 1 : item->count;
        events += item->count;
    }
    assert_int_equal(different, 0);
    assert_int_equal(cell, model->count);
    assert_int_equal(queue->events, events);
}

static void step_push(struct model *model) {
    struct weir__queue *queue = &model->scene->queue;
    uint32_t cells[16], count = 1 + (uint32_t)weir__rng_below(&model->rng, 16);
    struct weir__item item;
    if (weir__rng_below(&model->rng, 4) == 0) {
        count = 1;
        cells[0] = IS_MARK | model->next;
        item = queue_scene_mark(model->next);
    } else {
        for (uint32_t i = 0; i < count; i++) cells[i] = model->next + i;
        item = queue_scene_slice(model->scene, model->next, count);
    }
    if (model->count + count > CELLS) count = 0;
    bool front = weir__rng_below(&model->rng, 3) == 0;
    bool pushed =
        count > 0 && (front ? weir__queue_push_front(queue, item) : weir__queue_push(queue, item));
    if (pushed) {
        model_insert(model, front ? 0 : model->count, cells, count);
        model->next += count;
    } else if ((item.flags & WEIR__MARK) == 0) {
        weir__block_drop(item.block, &model->scene->pool);
    }
}

/* Checks a slice against the model's front, and gives both up. */
static void consume_front(struct model *model, const struct weir__item *item) {
    for (uint32_t i = 0; i < item->count; i++) {
        assert_int_equal(queue_scene_number(item, i), model->cells[i]);
    }
    model_remove(model, item->count);
    weir__block_drop(item->block, &model->scene->pool);
}

static void step_pop(struct model *model) {
    if (model->count == 0) return;
    struct weir__item item = weir__queue_pop(&model->scene->queue);
    if (item.flags & WEIR__MARK) {
        assert_int_equal(model->cells[0], IS_MARK | item.kind);
        model_remove(model, 1);
    } else {
        consume_front(model, &item);
    }
}

static void step_take(struct model *model) {
    if (model_run(model) == 0) return;
    uint64_t most = 1 + weir__rng_below(&model->rng, 20);
    uint32_t there = weir__queue_at(&model->scene->queue, 0)->count;
    struct weir__item item = weir__queue_take(&model->scene->queue, most, &model->scene->pool);
    assert_int_equal(item.count, most < there ? most : there);
    assert_int_equal(item.flags, most < there ? WEIR__MORE : 0);
    consume_front(model, &item);
}

static void step_drop(struct model *model) {
    uint64_t most = weir__rng_below(&model->rng, 40);
    uint32_t run = model_run(model);
    weir__queue_discard(&model->scene->queue, most, WEIR_DISCARD_STOPPED, &model->scene->pool);
    model_remove(model, most < run ? (uint32_t)most : run);
}

static void step_gather(struct model *model) {
    uint64_t numbers[40];
    uint32_t run = model_run(model);
    uint32_t most = (uint32_t)weir__rng_below(&model->rng, 41);
    if (most > run) most = run;
    weir__queue_gather(&model->scene->queue, numbers, most, &model->scene->pool);
    for (uint32_t i = 0; i < most; i++) assert_int_equal(numbers[i], model->cells[i]);
    model_remove(model, most);
}

static void step_keep(struct model *model) {
    uint32_t run = model_run(model);
    if (run < model->count) return; /* slices only */
    uint32_t fewer = (uint32_t)weir__rng_below(&model->rng, 10);
    model->count = fewer < run ? run - fewer : 0;
    weir__queue_keep(&model->scene->queue, model->count, &model->scene->pool);
}

static void step(struct model *model, uint64_t pushes) {
    uint64_t drawn = weir__rng_below(&model->rng, 10);
    if (drawn < pushes) {
        step_push(model);
    } else if (drawn == 9) {
        weir__queue_reserve(&model->scene->queue, (uint32_t)weir__rng_below(&model->rng, 20));
    } else {
        static void (*const steps[])(struct model *) = {step_pop, step_take, step_drop, step_gather,
                                                        step_keep};
        steps[weir__rng_below(&model->rng, 5)](model);
    }
}

/* Fills, then empties, again and again, so that all sizes are seen. */
static void run_model(struct queue_scene *scene, uint64_t seed, bool failing) {
    static struct model model;
    model = (struct model){.scene = scene};
    weir__rng_seed(&model.rng, seed);
    for (int i = 0; i < STEPS; i++) {
        if (failing) {
            test_memory_fail_never(&scene->memory);
            if (weir__rng_below(&model.rng, 2) == 0) test_memory_fail(&scene->memory, 1, false);
        }
        step(&model, i / 200 % 2 == 0 ? 7 : 3);
        WEIR__VERIFY(weir__queue_check(&scene->queue));
        if (i % 16 == 0) compare(&model);
    }
    test_memory_fail_never(&scene->memory);
    compare(&model);
    while (model.count > 0) step_pop(&model);
    compare(&model);
    assert_int_equal(weir__pool_live(&scene->pool), 0);
}

static void random_sequences(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t seed = 0; seed < 3; seed++) run_model(scene, seed, false);
}

static void random_sequences_near_the_wrap(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t seed = 10; seed < 13; seed++) {
        weir__queue_close(&scene->queue, WEIR_DISCARD_STOPPED, &scene->pool);
        assert_true(weir__queue_reserve(&scene->queue, 500)); /* growing would reset head */
        scene->queue.head = UINT32_MAX - (uint32_t)seed;
        run_model(scene, seed, false);
    }
}

static void random_sequences_with_failures(void **state) {
    struct queue_scene *scene = *state;
    for (uint64_t seed = 20; seed < 23; seed++) {
        weir__queue_close(&scene->queue, WEIR_DISCARD_STOPPED, &scene->pool);
        run_model(scene, seed, true);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, queue_scene_open, queue_scene_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(random_sequences),
        TEST(random_sequences_near_the_wrap),
        TEST(random_sequences_with_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
