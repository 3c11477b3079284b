/*
 * Suite "batches": how a consumer splits messages and asks again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Drives the demand window of src/edge alone.
 */
#include "conformance/suite.h"

#include "edge/window.h"

#include <stdio.h>

static bool recognises(const struct test_case *test) {
    return case_setup(test, "max") && case_setup(test, "min");
}

static size_t variants(const struct test_case *test, const struct settings *settings) {
    (void)test;
    (void)settings;
    return 1;
}

static bool setup_number(const struct test_case *test, const char *first_word, uint64_t *out) {
    struct words words = words_of(case_setup(test, first_word));
    bool good = words_number(&words, 1, out);
    words_free(&words);
    return good;
}

static void receive(struct weir__window *window, uint64_t count, struct lines *effects) {
    uint64_t excess = 0;
    weir__window_message(window);
    while (count > 0) {
        uint64_t batch = weir__window_batch(window, count);
        uint64_t ask = weir__window_take(window, batch, &excess);
        lines_addf(effects, "batch %llu ask %llu", (unsigned long long)batch,
                   (unsigned long long)ask);
        count -= batch;
    }
    if (excess) lines_addf(effects, "excess %llu", (unsigned long long)excess);
}

static void run(const struct test_case *test, const struct settings *settings, size_t variant,
                struct seen *seen) {
    (void)settings;
    (void)variant;
    snprintf(seen->variant, sizeof seen->variant, "the window alone");
    uint64_t max = 0;
    uint64_t min = 0;
    bool good = setup_number(test, "max", &max) && setup_number(test, "min", &min);
    if (!good || min >= max) {
        seen_trouble(seen, "the setup is not understood");
        return;
    }
    struct weir__window window;
    weir__window_open(&window, max, min);
    for (size_t i = 0; i < test->count; i++) {
        struct words words = words_of(test->operations[i].line);
        uint64_t count = 0;
        if (words_are(&words, 0, "receive") && words_number(&words, 1, &count))
            receive(&window, count, &seen->effects[i]);
        else
            seen_trouble(seen, "operation not understood: %.200s", test->operations[i].line);
        words_free(&words);
    }
}

const struct suite batches_suite = {"batches", recognises, NULL, variants, run, compare_lines};
