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
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <string.h>

enum { JOURNAL = 4096, MARK = 1000000 };

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__buffer buffer;
    struct weir__queue queue;  /* for storing */
    uint64_t journal[JOURNAL]; /* events as they are, marks from MARK up */
    size_t length;
    uint64_t stored;
    uint64_t taken;
    uint64_t dropped;
};

static void open_fixture(struct fixture *f, uint64_t size, weir_keep keep) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    weir__pool_open(&f->pool, &f->memory.allocator);
    weir__buffer_open(&f->buffer, size, keep, &f->memory.allocator, &f->pool);
    weir__queue_open(&f->queue, &f->memory.allocator);
}

static void note(struct fixture *f, uint64_t number) {
    assert_true(f->length < JOURNAL);
    f->journal[f->length++] = number;
}

static void note_mark(void *context, void *mark, uint32_t kind) {
    assert_int_equal(kind, 7);
    note(context, MARK + (uint64_t)(uintptr_t)mark);
}

static void close_fixture(struct fixture *f) {
    uint64_t held = f->buffer.queue.events;
    weir__buffer_close(&f->buffer, note_mark, f);
    assert_true(weir__queue_empty(&f->queue));
    weir__queue_close(&f->queue, &f->pool);
    assert_int_equal(weir__pool_close(&f->pool), 0);
    test_memory_close(&f->memory);
    assert_int_equal(f->stored, f->taken + f->dropped + held);
}

/* Stores the next `count` numbers; returns how many events were dropped. */
static uint64_t store(struct fixture *f, size_t count, size_t per_block) {
    events_push_range(&f->queue, &f->pool, f->stored, count, per_block);
    f->stored += count;
    uint64_t dropped = weir__buffer_store(&f->buffer, &f->queue, note_mark, f);
    assert_true(weir__queue_empty(&f->queue));
    f->dropped += dropped;
    return dropped;
}

static bool mark(struct fixture *f, uint64_t number) {
    bool no_memory = true;
    bool stored = weir__buffer_mark_store(&f->buffer, (void *)(uintptr_t)number, 7, &no_memory);
    assert_false(no_memory);
    return stored;
}

/* Takes up to `count` events, as a stage does; they go into the journal. */
static void take(struct fixture *f, uint64_t count) {
    for (;;) {
        uint64_t run = weir__buffer_run(&f->buffer, count);
        assert_true(run <= count && f->length + run <= JOURNAL);
        weir__queue_gather(&f->buffer.queue, &f->journal[f->length], run, &f->pool);
        f->length += run;
        f->taken += run;
        count -= run;
        if (weir__buffer_release(&f->buffer, count, note_mark, f) == 0 && run == 0) return;
    }
}

struct model {
    uint64_t entries[JOURNAL]; /* events and marks, oldest first */
    size_t count;
    uint64_t journal[JOURNAL];
    size_t length;
};

static size_t model_events(const struct model *model) {
    size_t events = 0;
    for (size_t i = 0; i < model->count; i++) events += model->entries[i] < MARK;
    return events;
}

/* The oldest event leaves, for the journal or for nowhere, and its marks with it. */
static void model_pop(struct model *model, bool keep) {
    size_t used = 1;
    if (keep) model->journal[model->length++] = model->entries[0];
    for (; used < model->count && model->entries[used] >= MARK; used++)
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

static void random_step(struct fixture *f, struct model *model, struct weir__rng *rng,
                        uint64_t number) {
    uint64_t dice = weir__rng_below(rng, 10);
    if (dice < 4) {
        size_t count = 1 + (size_t)weir__rng_below(rng, 12);
        model_store(model, f->stored, count, f->buffer.size, f->buffer.keep);
        store(f, count, (size_t)weir__rng_below(rng, 4));
    } else if (dice < 6) {
        bool waits = mark(f, number);
        assert_int_equal(waits, model->count > 0);
        if (waits) model->entries[model->count++] = MARK + number;
    } else {
        uint64_t count = weir__rng_below(rng, 15);
        take(f, count);
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
        struct fixture f;
        uint64_t size = seed % 3 == 0 ? UINT64_MAX : 1 + weir__rng_below(&rng, 30);
        open_fixture(&f, size, seed % 2 ? WEIR_KEEP_FIRST : WEIR_KEEP_LAST);
        model = (struct model){.count = 0};
        for (uint64_t step = 0; step < 400; step++) random_step(&f, &model, &rng, step);
        close_fixture(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
