/*
 * The seam: what a dispatcher can do with a run and an outlet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a send takes what it says from the run's front and tells the stage
 * exactly that; a dispatcher that asks for the impossible does no harm.
 * Method: a queue of numbers, and a `send` that keeps what it is told.
 */
#include "dispatch/seam.h"

#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__queue queue;
    struct weir_desk desk;
    uint64_t buffered;
    struct weir_run run;
    weir_outlet *outlet; /* of the last send */
    uint64_t sends;
    uint64_t sent;
    uint64_t left_seen; /* run.left during the last send */
};

static void send(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count) {
    struct fixture *fixture = context;
    assert_ptr_equal(queue, &fixture->queue);
    uint64_t numbers[16];
    assert_in_range(count, 1, 16);
    weir__queue_gather(queue, numbers, count, &fixture->pool);
    for (uint64_t i = 0; i < count; i++) assert_int_equal(numbers[i], fixture->sent + i);
    fixture->sends++;
    fixture->sent += count;
    fixture->outlet = outlet;
    fixture->left_seen = weir_run_count(&fixture->run);
}

static const struct weir__desk_calls calls = {.send = send};

static void open_fixture(struct fixture *fixture, size_t events, size_t per_block) {
    *fixture = (struct fixture){0};
    test_memory_open(&fixture->memory);
    weir__pool_open(&fixture->pool, &fixture->memory.allocator);
    weir__queue_open(&fixture->queue, &fixture->memory.allocator);
    events_push_range(&fixture->queue, &fixture->pool, 0, events, per_block);
    fixture->desk = (struct weir_desk){.calls = &calls,
                                       .context = fixture,
                                       .pool = &fixture->pool,
                                       .allocator = &fixture->memory.allocator,
                                       .buffered = &fixture->buffered};
    fixture->run =
        (struct weir_run){.queue = &fixture->queue, .left = events, .desk = &fixture->desk};
}

static void close_fixture(struct fixture *fixture) {
    weir__queue_close(&fixture->queue, WEIR_DISCARD_STOPPED, &fixture->pool);
    assert_int_equal(weir__pool_close(&fixture->pool), 0);
    test_memory_close(&fixture->memory);
}

static void sends_take_from_the_front_in_order(void **state) {
    (void)state;
    for (size_t per_block = 0; per_block < 4; per_block++) {
        struct fixture fixture;
        open_fixture(&fixture, 10, per_block);
        weir_outlet one = {0};
        weir_outlet other = {0};
        assert_int_equal(weir_run_count(&fixture.run), 10);
        weir_run_send(&fixture.run, &one, 3);
        assert_ptr_equal(fixture.outlet, &one);
        assert_int_equal(fixture.left_seen, 7);
        weir_run_send(&fixture.run, &other, 1);
        assert_ptr_equal(fixture.outlet, &other);
        assert_int_equal(weir_run_count(&fixture.run), 6);
        weir_run_send(&fixture.run, &one, 6);
        assert_int_equal(weir_run_count(&fixture.run), 0);
        assert_int_equal(fixture.sent, 10);
        assert_int_equal(fixture.sends, 3);
        close_fixture(&fixture);
    }
}

static void what_is_not_sent_stays_in_the_queue(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 10, 4);
    weir_outlet outlet = {0};
    weir_run_send(&fixture.run, &outlet, 7);
    assert_int_equal(fixture.queue.events, 3);
    assert_int_equal(fixture.sent + fixture.queue.events, 10);
    close_fixture(&fixture);
}

static void impossible_sends_do_no_harm(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 5, 0);
    fixture.run.left = 4; /* the fifth is not the run's */
    weir_outlet outlet = {0};
    weir_run_send(&fixture.run, &outlet, 0);
    assert_int_equal(fixture.sends, 0);
    weir_run_send(&fixture.run, &outlet, UINT64_MAX);
    assert_int_equal(fixture.sent, 4);
    assert_int_equal(weir_run_count(&fixture.run), 0);
    weir_run_send(&fixture.run, &outlet, 1);
    assert_int_equal(fixture.sends, 1);
    assert_int_equal(fixture.queue.events, 1);
    close_fixture(&fixture);
}

static void without_a_hold_nothing_is_held(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 5, 0);
    assert_int_equal(weir_run_hold(&fixture.run, NULL, 3), 0);
    assert_int_equal(weir_run_hold_first(&fixture.run, NULL, 3), 0);
    assert_int_equal(weir_run_count(&fixture.run), 5);
    assert_int_equal(fixture.queue.events, 5);
    close_fixture(&fixture);
}

static void an_outlet_tells_of_its_subscription(void **state) {
    (void)state;
    const weir_subscribe_options options = {.max_demand = 7};
    const weir_subscription id = {{1}, {2}, 3};
    weir_outlet outlet = {.subscription = &id, .options = &options};
    assert_null(weir_outlet_state(&outlet));
    struct test_memory memory;
    test_memory_open(&memory);
    assert_true(weir__outlet_open(&outlet, weir_demand_dispatcher(), &memory.allocator));
    assert_non_null(weir_outlet_state(&outlet));
    weir__outlet_close(&outlet, &memory.allocator);
    assert_null(weir_outlet_state(&outlet));
    test_memory_close(&memory);
    assert_ptr_equal(weir_outlet_options(&outlet), &options);
    weir_subscription subscription = weir_outlet_subscription(&outlet);
    assert_int_equal(subscription.consumer.bits, 1);
    assert_int_equal(subscription.producer.bits, 2);
    assert_int_equal(subscription.id, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_take_from_the_front_in_order),
        cmocka_unit_test(what_is_not_sent_stays_in_the_queue),
        cmocka_unit_test(impossible_sends_do_no_harm),
        cmocka_unit_test(without_a_hold_nothing_is_held),
        cmocka_unit_test(an_outlet_tells_of_its_subscription),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
