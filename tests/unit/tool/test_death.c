/*
 * Goal: of a program that has died the tool tells in whose callbacks its workers were.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: counters by hand, as crashed programs leave them.
 */
#include "looks.h"

#define SHARES(...) ((const unsigned[WEIR_STATES]){__VA_ARGS__})

static struct counters counters;

/* A worker with a stage, as whose callback it is in. */
static weir_counters_worker *at_work(uint32_t index, const char *name) {
    weir_counters_worker *worker = counters_worker(&counters, index);
    worker->stage = counters_stage(&counters, name, index, SHARES(100, 0, 0, 0, 0))->ref;
    return worker;
}

static void expect(const char *text, const char *name) {
    struct seen seen;
    see_ended(&seen, &counters);
    assert_string_equal(seen.culprit.text, text);
    if (name == NULL) {
        assert_int_equal(seen.culprit.stage, NONE);
    } else {
        assert_string_equal(seen.view.stages[seen.culprit.stage].label, name);
        assert_int_equal(seen.culprit.kind, CULPRIT_DEATH);
    }
    unsee(&seen);
}

static void in_callbacks(void **state) {
    (void)state;
    counters_begin(&counters);
    at_work(0, "enrich");
    at_work(1, "sink")->seen_ns -= 400000000; /* others looked at the clock so much later */
    at_work(2, "store")->asleep = 1;
    expect("the program died while worker 0 was in enrich's callback, "
           "worker 1 in sink's (for 400 ms)",
           "sink");
}

static void many_workers(void **state) {
    (void)state;
    counters_begin(&counters);
    for (uint32_t i = 0; i < 6; i++) {
        at_work(i, "s");
    }
    expect("the program died while worker 0 was in s#1's callback, worker 1 in s#2's, "
           "worker 2 in s#3's, worker 3 in s#4's and 2 more",
           "s#1");
}

static void asleep(void **state) {
    (void)state;
    counters_begin(&counters);
    at_work(0, "enrich")->asleep = 1;
    expect("the program died while no worker was in a callback", NULL);
}

static void closed(void **state) {
    (void)state;
    counters_begin(&counters);
    at_work(0, "enrich");
    counters_header(&counters)->closed = 1;
    expect("the program has closed its runtime", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_callbacks),
        cmocka_unit_test(many_workers),
        cmocka_unit_test(asleep),
        cmocka_unit_test(closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
