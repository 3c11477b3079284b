/*
 * Goal: of graphs that are held up, the culprit is who holds them up, in the very sentence.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: each graph's counters by hand, with shares of time as such a graph has them.
 */
#include "looks.h"

/* Shares in percent: busy, waiting, starved, blocked, idle. */
#define SHARES(...) ((const unsigned[WEIR_STATES]){__VA_ARGS__})

static struct counters counters;

static void begin(unsigned workers) {
    counters_begin(&counters);
    for (unsigned i = 0; i < workers; i++) {
        counters_worker(&counters, i);
    }
}

static weir_counters_stage *stage(const char *name, uint32_t worker, const unsigned *shares) {
    return counters_stage(&counters, name, worker, shares);
}

/* What the stages of a worker take of its time, in percent, and how much it rests. */
static void worker_does(unsigned number, unsigned busy, unsigned rests) {
    weir_counters_worker *worker =
        (void *)(counters.bytes + (1 + number) * sizeof(weir_counters_worker));
    worker->turn_ns = COUNTERS_NOW_NS / 100 * busy;
    worker->rest_ns = COUNTERS_NOW_NS / 100 * rests;
}

static void flows(const weir_counters_stage *producer, const weir_counters_stage *consumer) {
    counters_subscription(&counters, producer, consumer);
}

static void expect(enum culprit_kind kind, const char *name, const char *text) {
    struct seen seen;
    see(&seen, &counters);
    assert_string_equal(seen.culprit.text, text);
    assert_int_equal(seen.culprit.kind, kind);
    if (name == NULL) {
        assert_int_equal(seen.culprit.stage, NONE);
    } else {
        assert_string_equal(seen.view.stages[seen.culprit.stage].label, name);
    }
    unsee(&seen);
}

static void slow_consumer(void **state) {
    (void)state;
    begin(3);
    weir_counters_stage *source = stage("source", 0, SHARES(2, 0, 0, 98, 0));
    weir_counters_stage *middle = stage("middle", 1, SHARES(5, 1, 0, 94, 0));
    weir_counters_stage *sink = stage("sink", 2, SHARES(97, 0, 3, 0, 0));
    flows(source, middle);
    flows(middle, sink);
    uint32_t times;
    counters_times(&counters, &times, sink->ref, 100, 1200000);
    sink->handling = times;
    expect(CULPRIT_STAGE, "sink",
           "sink is full: busy 97 % of its time, 1.12 ms a callback; "
           "source (blocked 98 %) and middle (blocked 94 %) wait for it");
}

static void slow_middle(void **state) {
    (void)state;
    begin(3);
    weir_counters_stage *source = stage("source", 0, SHARES(9, 0, 0, 91, 0));
    weir_counters_stage *middle = stage("middle", 1, SHARES(96, 1, 1, 2, 0));
    weir_counters_stage *sink = stage("sink", 2, SHARES(7, 0, 93, 0, 0));
    flows(source, middle);
    flows(middle, sink);
    expect(CULPRIT_STAGE, "middle",
           "middle is full: busy 96 % of its time; "
           "sink (starved 93 %) and source (blocked 91 %) wait for it");
}

static void busy_source(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("source", 0, SHARES(95, 0, 5, 0, 0));
    weir_counters_stage *sink = stage("sink", 1, SHARES(10, 0, 90, 0, 0));
    flows(source, sink);
    expect(CULPRIT_STAGE, "source",
           "source is full: busy 95 % of its time; sink (starved 90 %) waits for it");
}

/* One partition of three gets nearly all; what it has no room for its producer holds. */
static void unbalanced_partition(void **state) {
    (void)state;
    begin(4);
    weir_counters_stage *source = stage("source", 0, SHARES(20, 0, 0, 80, 0));
    weir_counters_stage *zero = stage("zero", 1, SHARES(9, 0, 91, 0, 0));
    weir_counters_stage *one = stage("one", 2, SHARES(99, 0, 1, 0, 0));
    weir_counters_stage *two = stage("two", 3, SHARES(8, 0, 92, 0, 0));
    source->held = 12300;
    flows(source, zero);
    flows(source, one);
    flows(source, two);
    expect(CULPRIT_STAGE, "one",
           "one is full: busy 99 % of its time; two (starved 92 %), zero (starved 91 %) and "
           "source (blocked 80 %) wait for it; source holds 12,300 events");
}

/* A broadcast goes at the pace of the slowest. */
static void one_of_four_siblings(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d"};
    begin(5);
    weir_counters_stage *source = stage("source", 0, SHARES(4, 0, 0, 96, 0));
    for (unsigned i = 0; i < 4; i++) {
        weir_counters_stage *sibling =
            stage(names[i], i + 1, i == 2 ? SHARES(98, 0, 2, 0, 0) : SHARES(10, 0, 90, 0, 0));
        flows(source, sibling);
    }
    expect(CULPRIT_STAGE, "c",
           "c is full: busy 98 % of its time; source (blocked 96 %), a (starved 90 %), "
           "b (starved 90 %) and 1 more wait for it");
}

/* Of a demand dispatcher's consumers the fast ones get more: all are full. */
static void all_siblings(void **state) {
    (void)state;
    begin(4);
    weir_counters_stage *source = stage("source", 0, SHARES(4, 0, 0, 96, 0));
    for (unsigned i = 0; i < 3; i++) {
        weir_counters_stage *sink =
            stage("sink", i + 1, i == 1 ? SHARES(98, 0, 2, 0, 0) : SHARES(95, 0, 5, 0, 0));
        flows(source, sink);
    }
    expect(CULPRIT_STAGE, "sink#2",
           "sink#2 is full: busy 98 % of its time; source (blocked 96 %) waits for it; "
           "so are sink#1 and sink#3");
}

static void starved_source(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("inlet", 0, SHARES(0, 0, 100, 0, 0));
    weir_counters_stage *sink = stage("sink", 1, SHARES(0, 0, 100, 0, 0));
    flows(source, sink);
    expect(CULPRIT_SOURCE, "inlet", "nothing comes in at inlet: it is starved 100 % of its time");
    source->events_out = 1200;
    expect(CULPRIT_SOURCE, "inlet",
           "nothing is full: 120 events/s come in at inlet, which is starved 100 % of its time");
}

static void full_worker(void **state) {
    (void)state;
    begin(2);
    stage("source", 0, SHARES(1, 0, 0, 99, 0));
    weir_counters_stage *source = (void *)(counters.bytes + 3 * sizeof(weir_counters_worker));
    weir_counters_stage *a = stage("A", 1, SHARES(60, 38, 0, 2, 0));
    weir_counters_stage *b = stage("B", 1, SHARES(38, 60, 2, 0, 0));
    flows(source, a);
    flows(a, b);
    worker_does(1, 98, 2);
    expect(CULPRIT_WORKER, NULL, "worker 1 is full: A 60 %, B 38 %: B waits for A");
    worker_does(1, 84, 2);
    expect(CULPRIT_NONE, "A", "nothing is full: the busiest stage is A, busy 60 % of its time");
    worker_does(1, 98, 16); /* a figure that is wrong, or old */
    expect(CULPRIT_NONE, "A", "nothing is full: the busiest stage is A, busy 60 % of its time");
}

/* In a chain that runs in one go nobody waits for the worker, which is full all the same. */
static void full_worker_of_a_chain(void **state) {
    (void)state;
    begin(1);
    weir_counters_stage *source = stage("source", 0, SHARES(18, 1, 0, 81, 0));
    weir_counters_stage *middle = stage("middle", 0, SHARES(49, 0, 51, 0, 0));
    weir_counters_stage *sink = stage("sink", 0, SHARES(33, 0, 67, 0, 0));
    flows(source, middle);
    flows(middle, sink);
    worker_does(0, 99, 0);
    expect(CULPRIT_WORKER, NULL, "worker 0 is full: middle 49 %, sink 33 %, source 18 %");
    worker_does(0, 70, 30);
    expect(CULPRIT_NONE, "middle",
           "nothing is full: the busiest stage is middle, busy 49 % of its time");
}

/* What others wait for, and has time left: they wait for what comes, and that is no fault. */
static void not_full(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("source", 0, SHARES(2, 0, 0, 98, 0));
    weir_counters_stage *sink = stage("sink", 1, SHARES(84, 0, 16, 0, 0));
    flows(source, sink);
    expect(CULPRIT_NONE, "sink",
           "nothing is full: the busiest stage is sink, busy 84 % of its time");
    sink->times[WEIR_STATE_BUSY] += COUNTERS_NOW_NS / 10;
    expect(CULPRIT_STAGE, "sink",
           "sink is full: busy 85 % of its time; source (blocked 98 %) waits for it");
}

/* The rest of its time it waits for its worker: it is full where that is. */
static void full_with_its_worker(void **state) {
    (void)state;
    begin(1);
    weir_counters_stage *source = stage("source", 0, SHARES(18, 2, 0, 80, 0));
    weir_counters_stage *sink = stage("sink", 0, SHARES(78, 18, 4, 0, 0));
    flows(source, sink);
    worker_does(0, 96, 0);
    expect(CULPRIT_STAGE, "sink",
           "sink is full: busy 78 % of its time (and 18 % waiting for its worker); "
           "source (blocked 80 %) waits for it");
    worker_does(0, 40, 60);
    expect(CULPRIT_NONE, "sink",
           "nothing is full: the busiest stage is sink, busy 78 % of its time");
}

static void nobody_waits(void **state) {
    (void)state;
    begin(1);
    stage("alone", 0, SHARES(97, 0, 3, 0, 0));
    expect(CULPRIT_NONE, "alone",
           "nobody waits for another stage: the busiest is alone, busy 97 % of its time");
}

static void nothing_happens(void **state) {
    (void)state;
    begin(1);
    weir_counters_stage *source = stage("source", 0, SHARES(0, 0, 0, 0, 100));
    flows(source, stage("sink", 0, SHARES(0, 100, 0, 0, 0)));
    expect(CULPRIT_NONE, "source", "nothing happens: no stage is at work");
}

/* A stage of another graph that lives on the same worker. */
static void noisy_neighbour(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("source", 0, SHARES(2, 0, 0, 98, 0));
    weir_counters_stage *quick = stage("quick", 1, SHARES(6, 70, 24, 0, 0));
    weir_counters_stage *other = stage("other", 0, SHARES(5, 0, 0, 95, 0));
    weir_counters_stage *noisy = stage("noisy", 1, SHARES(90, 2, 8, 0, 0));
    flows(source, quick);
    flows(other, noisy);
    counters_times(&counters, &noisy->handling, noisy->ref, 50, 14000000);
    expect(CULPRIT_NEIGHBOUR, "noisy",
           "noisy keeps worker 1 busy 90 % of the time with long callbacks (p99 14.0 ms); "
           "quick waits for that worker 70 % of its time");
}

/* On one worker all wait for it, but it is one of them that they wait for. */
static void slow_consumer_on_one_worker(void **state) {
    (void)state;
    begin(1);
    weir_counters_stage *source = stage("source", 0, SHARES(4, 46, 0, 50, 0));
    weir_counters_stage *sink = stage("sink", 0, SHARES(94, 6, 0, 0, 0));
    flows(source, sink);
    expect(CULPRIT_STAGE, "sink",
           "sink is full: busy 94 % of its time; source (blocked 50 %) waits for it");
}

static void nobody_asks(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("source", 0, SHARES(0, 0, 0, 100, 0));
    weir_counters_stage *sink = stage("sink", 1, SHARES(0, 0, 0, 0, 100));
    flows(source, sink);
    expect(CULPRIT_UNASKED, "source",
           "source has events, and nobody asks for them: it is blocked 100 % of its time");
}

static void all_is_well(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("source", 0, SHARES(30, 2, 40, 28, 0));
    weir_counters_stage *sink = stage("sink", 1, SHARES(34, 0, 25, 0, 41));
    flows(source, sink);
    expect(CULPRIT_NONE, "sink",
           "nothing is full: the busiest stage is sink, busy 34 % of its time");
}

static void nothing_at_all(void **state) {
    (void)state;
    begin(0);
    expect(CULPRIT_NONE, NULL, "nothing is full: there are no stages");
}

/* Others have a worker's core: no stage is to blame for that, and it is told beside. */
static void no_core(void **state) {
    (void)state;
    begin(2);
    weir_counters_stage *source = stage("source", 0, SHARES(0, 0, 0, 100, 0));
    weir_counters_stage *sink = stage("sink", 1, SHARES(40, 0, 60, 0, 0));
    weir_counters_worker *second = (void *)(counters.bytes + 2 * sizeof(weir_counters_worker));
    const size_t words = sizeof second->reserved / sizeof *second->reserved;
    second->reserved[words - 1] = COUNTERS_NOW_NS / 2; /* image_delay */
    flows(source, sink);
    expect(CULPRIT_NONE, "sink",
           "nothing is full: the busiest stage is sink, busy 40 % of its time; "
           "worker 1 is ready and has no core 50 % of the time");
}

/* Stages that feed each other: the walk ends. */
static void ring_of_stages(void **state) {
    (void)state;
    begin(3);
    weir_counters_stage *a = stage("a", 0, SHARES(5, 0, 0, 95, 0));
    weir_counters_stage *b = stage("b", 1, SHARES(6, 0, 0, 94, 0));
    weir_counters_stage *c = stage("c", 2, SHARES(97, 0, 3, 0, 0));
    flows(a, b);
    flows(b, c);
    flows(c, a);
    expect(CULPRIT_STAGE, "c",
           "c is full: busy 97 % of its time; a (blocked 95 %) and b (blocked 94 %) wait for it");
    c->times[WEIR_STATE_BUSY] = 0;
    c->times[WEIR_STATE_BLOCKED] = COUNTERS_NOW_NS;
    expect(CULPRIT_NONE, "b", "nothing is full: the busiest stage is b, busy 6 % of its time");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_consumer),
        cmocka_unit_test(slow_middle),
        cmocka_unit_test(busy_source),
        cmocka_unit_test(unbalanced_partition),
        cmocka_unit_test(one_of_four_siblings),
        cmocka_unit_test(all_siblings),
        cmocka_unit_test(starved_source),
        cmocka_unit_test(full_worker),
        cmocka_unit_test(full_worker_of_a_chain),
        cmocka_unit_test(not_full),
        cmocka_unit_test(full_with_its_worker),
        cmocka_unit_test(nobody_waits),
        cmocka_unit_test(nothing_happens),
        cmocka_unit_test(noisy_neighbour),
        cmocka_unit_test(slow_consumer_on_one_worker),
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(ring_of_stages),
        cmocka_unit_test(no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
