/*
 * Goal: rates and shares of a stretch are what was counted in it, and a stage that cannot say what
 * it is about is taken for what others say of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: counters by hand, at two moments.
 */
#include "looks.h"

#include <weir/runtime.h>

#define SHARES(...) ((const unsigned[WEIR_STATES]){__VA_ARGS__})

static struct counters counters;

static void take(struct image *image, uint64_t now_ns) {
    memset(image, 0, sizeof *image);
    assert_true(image_room(image, counters.slots));
    memcpy(image->bytes, counters.bytes, (size_t)counters.slots * WEIR_COUNTERS_SLOT);
    image->live = true;
    image->now_ns = now_ns;
}

/* Of a runtime on threads, whose clock is the image's. */
static void begin(void) {
    counters_begin(&counters);
    counters_header(&counters)->mode = WEIR_THREADS;
    counters_worker(&counters, 0);
}

static void a_stretch(void **state) {
    (void)state;
    struct image images[2];
    struct view views[2];
    struct rates rates;
    begin();
    weir_counters_worker *worker = (void *)(counters.bytes + sizeof(weir_counters_header));
    weir_counters_stage *a = counters_stage(&counters, "a", 0, SHARES(50, 0, 0, 50, 0));
    weir_counters_stage *b = counters_stage(&counters, "b", 0, SHARES(10, 0, 90, 0, 0));
    weir_counters_subscription *edge = counters_subscription(&counters, a, b);
    a->events_out = edge->sent = 1000;
    b->events_in = edge->received = 1000;
    uint32_t slot;
    weir_counters_times *times = counters_times(&counters, &slot, b->ref, 10, 1000);
    b->handling = slot;
    worker->turn_ns = 6000000000;
    take(&images[0], COUNTERS_NOW_NS);
    a->events_out = edge->sent = 5000;
    b->events_in = edge->received = 4600;
    b->queued = 100;
    a->times[WEIR_STATE_BLOCKED] += 1500000000;
    a->times[WEIR_STATE_BUSY] += 500000000;
    b->times[WEIR_STATE_BUSY] += 2000000000;
    a->noted_ns = b->noted_ns = worker->seen_ns = COUNTERS_NOW_NS + 2000000000;
    times->count += 20;
    times->classes[weir_times_class(64000)] += 20;
    times->most = 64000;
    worker->turn_ns += 1000000000;
    take(&images[1], COUNTERS_NOW_NS + 2000000000);
    assert_true(view_make(&views[0], &images[0]) && view_make(&views[1], &images[1]));
    assert_true(rates_make(&rates, &views[0], &views[1]));
    assert_true(rates.seconds == 2);
    assert_true(rates.stages[0].out == 2000 && rates.stages[1].in == 1800);
    assert_true(rates.stages[0].share[WEIR_STATE_BLOCKED] == 0.75);
    assert_true(rates.stages[1].share[WEIR_STATE_BUSY] == 1);
    assert_int_equal(rates.stages[1].handling.count, 20); /* those of 1000 were before */
    assert_int_equal(rates.stages[1].handling.classes[weir_times_class(1000)], 0);
    assert_true(rates.subscriptions[0].events == 1800);
    assert_true(rates.subscriptions[0].in_flight == 500 && rates.subscriptions[0].fill == 0.5);
    assert_true(rates.workers[0].load == 0.5);
    rates_free(&rates);
    for (unsigned i = 0; i < 2; i++) {
        view_free(&views[i]);
        image_free(&images[i]);
    }
}

/* The worker is in a callback of a's since long: a is busy, b waits for it, and c has nothing. */
static void a_long_callback(void **state) {
    (void)state;
    struct image image;
    struct view view;
    begin();
    weir_counters_worker *worker = (void *)(counters.bytes + sizeof(weir_counters_header));
    weir_counters_stage *source = counters_stage(&counters, "source", 1, SHARES(0, 0, 0, 100, 0));
    weir_counters_stage *a = counters_stage(&counters, "a", 0, SHARES(0, 0, 100, 0, 0));
    weir_counters_stage *b = counters_stage(&counters, "b", 0, SHARES(0, 0, 100, 0, 0));
    weir_counters_stage *c = counters_stage(&counters, "c", 0, SHARES(0, 0, 100, 0, 0));
    counters_subscription(&counters, source, a);
    counters_subscription(&counters, source, b)->sent = 1;
    counters_subscription(&counters, source, c);
    worker->stage = a->ref;
    take(&image, COUNTERS_NOW_NS + 3000000);
    assert_true(view_make(&view, &image));
    assert_int_equal(view.workers[0].callback_ns, 3000000);
    assert_int_equal(view.stages[1].state, WEIR_STATE_BUSY);
    assert_int_equal(view.stages[1].callback_ns, 3000000);
    assert_int_equal(view.stages[1].spent[WEIR_STATE_BUSY], 3000000);
    assert_int_equal(view.stages[2].state, WEIR_STATE_WAITING);
    assert_int_equal(view.stages[2].spent[WEIR_STATE_WAITING], 3000000);
    assert_int_equal(view.stages[3].state, WEIR_STATE_STARVED);
    assert_int_equal(view.stages[3].spent[WEIR_STATE_STARVED], COUNTERS_NOW_NS + 3000000);
    view_free(&view);
    image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stretch),
        cmocka_unit_test(a_long_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
