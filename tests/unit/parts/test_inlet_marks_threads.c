/*
 * Marks that threads push, and that a thread reads.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: with threads on both sides a mark comes in its place among what its thread pushed, once;
 * before the inlet is finished none is lost; who waits for room for one is woken.
 * Method: real workers; threads push numbers and marks by ports and without, through a relay, to a
 * stream, whose reader keeps a ledger.  A mark says whose it is, which one, and how many numbers
 * were before it.
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include "base/rng.h"
#include "os/thread.h"
#include "parts/port.h"

#include <string.h>

enum { PUSHERS = 3, NUMBERS = 3000, SHIFT = 32 };

static struct rig rig;
static weir_inlet *inlet;

static struct pusher {
    struct weir__thread thread;
    weir_port *port; /* NULL: none */
    uint32_t number;
    uint64_t pushed;
    uint64_t marks;
    uint64_t read; /* by the stream's reader, as is: */
    uint64_t marks_read;
} pushers[PUSHERS];

static void push_numbers(struct pusher *me, size_t count) {
    uint64_t numbers[8];
    for (size_t i = 0; i < count; i++)
        numbers[i] = (uint64_t)me->number << SHIFT | (me->pushed + i);
    const weir_status status = me->port != NULL
                                   ? weir_port_push(me->port, numbers, count, WEIR_FOREVER)
                                   : weir_inlet_push(inlet, numbers, count, WEIR_FOREVER);
    RIG_CHECK(&rig, status == WEIR_OK);
    me->pushed += count;
}

static void push_mark(struct pusher *me) {
    const weir_mark mark = {.kind = WEIR_MARK_USER + (uint32_t)(me->marks % 3),
                            .source = me->number,
                            .value = me->marks << SHIFT | me->pushed};
    const weir_status status = me->port != NULL ? weir_port_push_mark(me->port, &mark, WEIR_FOREVER)
                                                : weir_inlet_push_mark(inlet, &mark, WEIR_FOREVER);
    RIG_CHECK(&rig, status == WEIR_OK);
    me->marks++;
}

static void run_pusher(void *argument) {
    struct pusher *me = argument;
    struct weir__rng rng;
    weir__rng_seed(&rng, me->number + 1);
    while (me->pushed < NUMBERS) {
        push_numbers(me, 1 + (size_t)weir__rng_below(&rng, 8));
        for (uint64_t left = weir__rng_below(&rng, 4); left > 0; left--) push_mark(me);
    }
    push_mark(me);
    weir_port_close(me->port);
}

static weir_verdict hand_on(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static weir_ref start_relay(weir_ref producer) {
    const weir_subscribe_to from = {.producer = producer, .options = {.max_demand = 20}};
    weir_ref relay;
    const weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .name = "relay",
                                        .event_bytes = sizeof(uint64_t),
                                        .takes_bytes = sizeof(uint64_t),
                                        .subscribe_to = &from,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = hand_on}};
    assert_int_equal(weir_stage_start(rig.runtime, &options, &relay), WEIR_OK);
    return relay;
}

static void check_number(uint64_t number) {
    struct pusher *from = &pushers[number >> SHIFT];
    assert_int_equal(number & UINT32_MAX, from->read);
    from->read++;
}

static void check_mark(weir_stream *stream) {
    weir_mark mark;
    assert_int_equal(weir_stream_mark(stream, &mark), WEIR_OK);
    assert_true(mark.source < PUSHERS);
    struct pusher *from = &pushers[mark.source];
    assert_int_equal(mark.value, from->marks_read << SHIFT | from->read);
    assert_int_equal(mark.kind, WEIR_MARK_USER + from->marks_read % 3);
    from->marks_read++;
}

static void read_to_the_end(weir_stream *stream) {
    uint64_t number;
    for (;;) {
        const weir_status status = weir_stream_next(stream, &number, WEIR_FOREVER);
        if (status == WEIR_END) return;
        if (status == WEIR_AT_MARK) {
            check_mark(stream);
        } else {
            assert_int_equal(status, WEIR_OK);
            check_number(number);
            rig.handled++;
        }
    }
}

/* Pushers amid, the inlet is told to finish when they are through: their marks come first. */
static void run_finisher(void *unused) {
    (void)unused;
    for (int i = 0; i < PUSHERS; i++) weir__thread_join(&pushers[i].thread);
    weir_inlet_finish(inlet);
}

static void start_pushers(unsigned trial) {
    memset(pushers, 0, sizeof pushers);
    for (uint32_t i = 0; i < PUSHERS; i++) {
        pushers[i].number = i;
        if (i != trial % PUSHERS)
            assert_int_equal(weir_port_open(inlet, &pushers[i].port), WEIR_OK);
        assert_int_equal(weir__thread_start(&pushers[i].thread, "pusher", run_pusher, &pushers[i]),
                         0);
    }
}

static void play(unsigned trial) {
    weir_stream *stream;
    weir_ref stage;
    struct weir__thread finisher;
    rig_open(&rig, &(weir_runtime_options){.workers = 1 + trial % 3, .unpinned = true});
    weir__port_start = UINT64_MAX - 1000;
    const weir_inlet_options options = {
        .event_bytes = sizeof(uint64_t), .capacity = 8 + 40 * (trial % 2), .when_full = WEIR_BLOCK};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &stage), WEIR_OK);
    const weir_subscribe_to from = {.producer = start_relay(stage), .options = {.max_demand = 10}};
    const weir_stream_options reads = {.event_bytes = sizeof(uint64_t),
                                       .marks = true,
                                       .subscribe_to = &from,
                                       .subscribe_count = 1};
    assert_int_equal(weir_stream_open(rig.runtime, &reads, &stream), WEIR_OK);
    weir_runtime_settle(rig.runtime, WEIR_FOREVER); /* a mark that nobody is there for is lost */
    start_pushers(trial);
    assert_int_equal(weir__thread_start(&finisher, "finisher", run_finisher, NULL), 0);
    read_to_the_end(stream);
    weir__thread_join(&finisher);
    for (int i = 0; i < PUSHERS; i++) {
        assert_int_equal(pushers[i].read, pushers[i].pushed);
        assert_int_equal(pushers[i].marks_read, pushers[i].marks);
        rig.emitted += 2 * pushers[i].pushed; /* by the inlet, and by the relay */
        rig.handled += pushers[i].pushed;
    }
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    weir_inlet_close(inlet);
    rig_close(&rig);
}

static void marks_keep_their_places(void **state) {
    (void)state;
    for (unsigned trial = 0; trial < 9; trial++) play(trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(marks_keep_their_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
