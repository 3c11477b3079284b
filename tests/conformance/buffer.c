/*
 * Suite "buffer": the producer's buffer as a data structure.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Drives the buffer of src/stage alone, in its as_genstage setting, twice: with
 * each store in one block, and with each event in a block of its own.
 */
#include "conformance/suite.h"

#include "stage/buffer.h"
#include "support/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subject {
    struct weir__allocator allocator;
    struct weir__pool pool;
    struct weir__buffer buffer;
    size_t per_block;
    struct lines *effects; /* of the operation at hand */
};

static bool recognises(const struct test_case *test) {
    return case_setup(test, "size") && case_setup(test, "keep");
}

static size_t variants(const struct test_case *test, const struct settings *settings) {
    (void)test;
    (void)settings;
    return 2;
}

static void mark_came_out(void *context, const struct weir__item *mark) {
    struct subject *subject = context;
    lines_addf(subject->effects, "info %llu", (unsigned long long)mark->demand);
}

static void store(struct subject *subject, const struct words *words, struct seen *seen) {
    uint64_t *numbers = must_resize(NULL, words->count * sizeof *numbers);
    for (size_t i = 1; i < words->count; i++)
        if (!words_number(words, i, &numbers[i - 1])) seen_trouble(seen, "not a number");
    struct weir__queue queue;
    weir__queue_open(&queue, &subject->allocator);
    events_push(&queue, &subject->pool, numbers, words->count - 1, subject->per_block);
    free(numbers);

    struct lines marks = {0};
    struct lines *effects = subject->effects;
    subject->effects = &marks; /* `excess` comes before them */
    uint64_t dropped = weir__buffer_store(&subject->buffer, &queue, mark_came_out, subject);
    subject->effects = effects;
    if (dropped) lines_addf(effects, "excess %llu", (unsigned long long)dropped);
    for (size_t i = 0; i < marks.count; i++) lines_add(effects, marks.at[i]);
    lines_clear(&marks);
    if (!weir__queue_empty(&queue)) seen_trouble(seen, "store left events with the caller");
    weir__queue_close(&queue, WEIR_DISCARD_STOPPED, &subject->pool);
}

static void store_mark(struct subject *subject, uint64_t mark, struct seen *seen) {
    bool no_memory = false;
    const struct weir__item item = {.demand = (uintptr_t)mark, .flags = WEIR__MARK};
    if (weir__buffer_mark_store(&subject->buffer, &item, &no_memory)) return;
    if (no_memory) seen_trouble(seen, "no memory");
    lines_add(subject->effects, "empty");
}

static void take(struct subject *subject, uint64_t count) {
    struct weir__buffer *buffer = &subject->buffer;
    for (;;) {
        uint64_t run = weir__buffer_run(buffer, count);
        if (run > 0) {
            uint64_t *numbers = must_resize(NULL, (size_t)run * sizeof *numbers);
            weir__queue_gather(&buffer->queue, numbers, run, &subject->pool);
            lines_add_numbers(subject->effects, "events", numbers, (size_t)run);
            free(numbers);
        }
        count -= run;
        uint32_t released = weir__buffer_release(buffer, count, mark_came_out, subject);
        if (run == 0 && released == 0) return;
    }
}

static void operate(struct subject *subject, const char *line, struct seen *seen) {
    struct words words = words_of(line);
    uint64_t number = 0;
    if (words_are(&words, 0, "store") && words.count > 1)
        store(subject, &words, seen);
    else if (words_are(&words, 0, "info") && words_number(&words, 1, &number))
        store_mark(subject, number, seen);
    else if (words_are(&words, 0, "take") && words_number(&words, 1, &number))
        take(subject, number);
    else
        seen_trouble(seen, "operation not understood: %.200s", line);
    lines_addf(subject->effects, "size %llu",
               (unsigned long long)weir__buffer_count(&subject->buffer));
    words_free(&words);
}

static void ignore_mark(void *context, const struct weir__item *mark) {
    (void)context;
    (void)mark;
}

static void run(const struct test_case *test, const struct settings *settings, size_t variant,
                struct seen *seen) {
    (void)settings;
    struct words size_words = words_of(case_setup(test, "size"));
    struct words keep_words = words_of(case_setup(test, "keep"));
    uint64_t size = UINT64_MAX;
    if (!words_are(&size_words, 1, "infinity") && !words_number(&size_words, 1, &size))
        seen_trouble(seen, "the size is not understood");
    weir_keep keep = words_are(&keep_words, 1, "first") ? WEIR_KEEP_FIRST : WEIR_KEEP_LAST;
    words_free(&size_words);
    words_free(&keep_words);

    struct subject subject = {.per_block = variant};
    snprintf(seen->variant, sizeof seen->variant, "%s",
             variant == 0 ? "a block for each store" : "a block for each event");
    weir__allocator_open(&subject.allocator, NULL);
    weir__pool_open(&subject.pool, &subject.allocator);
    weir__buffer_open(&subject.buffer, size, UINT64_MAX, keep, &subject.allocator, &subject.pool);
    subject.buffer.as_genstage = true;
    for (size_t i = 0; i < test->count && !seen->trouble[0]; i++) {
        subject.effects = &seen->effects[i];
        operate(&subject, test->operations[i].line, seen);
    }
    weir__buffer_close(&subject.buffer, ignore_mark, NULL);
    uint64_t away = weir__pool_close(&subject.pool);
    if (away) seen_trouble(seen, "%llu blocks did not come home", (unsigned long long)away);
}

const struct suite buffer_suite = {"buffer", recognises, NULL, variants, run, compare_lines};
