/*
 * The buffer under random operations, against a plain array.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever is stored, marked and taken, however it is cut into blocks,
 * events and marks come out as GenStage's bounded buffer gives them.
 * Method: after each operation the journal of what came out equals the array's,
 * and at the end every event is taken, dropped or held, and every block home.
 */
#include "stage/buffer.h"

#include "base/check.h"
#include "base/rng.h"
#include "support/buffer_scene.h"
#include "support/cmocka.h"

#include <string.h>

struct model {
    uint64_t entries[BUFFER_JOURNAL]; /* events and marks, oldest first */
    size_t count;
    uint64_t journal[BUFFER_JOURNAL];
    size_t length;
};

static size_t model_events(const struct model *model) {
    size_t events = 0;
    for (size_t i = 0; i < model->count; i++) events += model->entries[i] < BUFFER_MARK;
    return events;
}

/* The oldest event leaves, for the journal or for nowhere, and its marks with it. */
static void model_pop(struct model *model, bool keep) {
    size_t used = 1;
    if (keep) model->journal[model->length++] = model->entries[0];
    for (; used < model->count && model->entries[used] >= BUFFER_MARK; used++)
        model->journal[model->length++] = model->entries[used];
    model->count -= used;
    memmove(model->entries, model->entries + used, model->count * sizeof *model->entries);
}

static void model_store(struct model *model, uint64_t first, size_t count, uint64_t size,
                        weir_keep keep) {
    for (size_t i = 0; i < count; i++) {
        bool full = model_events(model) >= size;
        if (full && keep == WEIR_KEEP_FIRST) continue;
        if (full) model_pop(model, false);
        model->entries[model->count++] = first + i;
    }
}

static void random_step(struct buffer_scene *f, struct model *model, struct weir__rng *rng,
                        uint64_t number) {
    uint64_t dice = weir__rng_below(rng, 10);
    if (dice < 4) {
        size_t count = 1 + (size_t)weir__rng_below(rng, 12);
        model_store(model, f->stored, count, f->buffer.size, f->buffer.keep);
        buffer_scene_store(f, count, (size_t)weir__rng_below(rng, 4));
    } else if (dice < 6) {
        bool waits = buffer_scene_mark(f, number);
        assert_int_equal(waits, model->count > 0);
        if (waits) model->entries[model->count++] = BUFFER_MARK + number;
    } else {
        uint64_t count = weir__rng_below(rng, 15);
        buffer_scene_take(f, count);
        for (; count > 0 && model->count > 0; count--) model_pop(model, true);
    }
    assert_int_equal(weir__buffer_count(&f->buffer), model_events(model));
    WEIR__VERIFY(weir__buffer_check(&f->buffer));
    assert_int_equal(f->length, model->length);
    for (size_t i = 0; i < f->length; i++) assert_int_equal(f->journal[i], model->journal[i]);
    f->length = 0;
    model->length = 0;
}

static void agrees_with_an_array(void **state) {
    (void)state;
    static struct model model;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct weir__rng rng;
        weir__rng_seed(&rng, seed);
        struct buffer_scene f;
        uint64_t size = seed % 3 == 0 ? UINT64_MAX : 1 + weir__rng_below(&rng, 30);
        buffer_scene_open(&f, size, seed % 2 ? WEIR_KEEP_FIRST : WEIR_KEEP_LAST);
        model = (struct model){.count = 0};
        for (uint64_t step = 0; step < 400; step++) random_step(&f, &model, &rng, step);
        buffer_scene_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
