/*
 * The port's room: what the worker has taken is told late, and never forgotten.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a port that is closed before its room was published leaves nothing behind to be
 * counted twice; who waits for room is woken though others' events keep leaving.
 * Method: threads; the final accounts are compared with what was pushed.
 */
#include "support/cmocka.h"

#include "base/atomic.h"
#include "os/thread.h"

#include <weir/weir.h>

enum { CAPACITY = 1000 };

static weir_runtime *runtime;
static weir_inlet *inlet;
static uint64_t told; /* events discarded (atomic) */

static void count_discards(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    (void)cause;
    weir__fetch_add_u64(&told, count);
}

/* A microsecond or so for each: slower than who pushes, so that rings are full. */
static weir_verdict work(weir_stage *self, weir_batch batch) {
    enum { STEPS = 1000 };
    (void)self;
    static uint64_t kept;
    for (size_t i = 0; i < batch.count * STEPS; i++) {
        kept = kept * 6364136223846793005u + 1442695040888963407u;
    }
    return WEIR_CONTINUE;
}

static void open_scene(size_t max_demand) {
    told = 0;
    weir_ref stage;
    const weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                        .capacity = CAPACITY,
                                        .when_full = WEIR_BLOCK,
                                        .discarded = count_discards};
    assert_int_equal(weir_runtime_open(&(weir_runtime_options){.workers = 1}, &runtime), WEIR_OK);
    assert_int_equal(weir_inlet_open(runtime, &options, &inlet, &stage), WEIR_OK);
    const weir_subscribe_to to = {.producer = stage, .options = {.max_demand = max_demand}};
    assert_int_equal(weir_stage_start(runtime,
                                      &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                            .subscribe_to = &to,
                                                            .subscribe_count = 1,
                                                            .on.handle_events = work},
                                      NULL),
                     WEIR_OK);
}

static void close_scene(uint64_t pushed) {
    weir_accounts accounts;
    assert_int_equal(weir_inlet_finish(inlet), WEIR_OK);
    assert_int_equal(weir_runtime_run(runtime, WEIR_FOREVER), WEIR_OK);
    weir_inlet_close(inlet);
    assert_int_equal(weir_runtime_close(runtime, &accounts), WEIR_OK);
    assert_null(weir_accounts_check(&accounts));
    assert_true(accounts.emitted == pushed);
    assert_true(accounts.handled == pushed);
    assert_true(told == 0);
}

static void what_was_handled_is_not_discarded_with_the_port(void **state) {
    (void)state;
    enum { ROUNDS = 50, EVENTS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        open_scene(CAPACITY);
        weir_port *port;
        const uint64_t events[EVENTS] = {0};
        assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
        assert_int_equal(weir_port_push(port, events, EVENTS, WEIR_FOREVER), WEIR_OK);
        if (round % 2 == 0) assert_int_equal(weir_runtime_settle(runtime, WEIR_FOREVER), WEIR_OK);
        weir_port_close(port);
        close_scene(EVENTS);
    }
}

/* ---- two who push ------------------------------------------------------------- */

enum { LARGE = 900, LARGE_PUSHES = 20, SINGLES_MOST = 100000 };

static struct {
    bool ports;
    uint32_t done; /* the one with the large pushes (atomic) */
    uint64_t singles;
} race;

static weir_status push(weir_port *port, const void *events, size_t count) {
    return port == NULL ? weir_inlet_push(inlet, events, count, WEIR_FOREVER)
                        : weir_port_push(port, events, count, WEIR_FOREVER);
}

static void push_large(void *unused) {
    (void)unused;
    static const uint64_t events[LARGE];
    weir_port *port = NULL;
    if (race.ports) assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    for (int i = 0; i < LARGE_PUSHES; i++) assert_int_equal(push(port, events, LARGE), WEIR_OK);
    weir_port_close(port);
    weir__store_release_u32(&race.done, 1);
}

/* The other one's events keep leaving, until the first is through. */
static void push_singles(void) {
    weir_port *port;
    const uint64_t event = 0;
    assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    race.singles = 0;
    while (weir__load_acquire_u32(&race.done) == 0 && race.singles < SINGLES_MOST) {
        assert_int_equal(push(port, &event, 1), WEIR_OK);
        race.singles++;
    }
    weir_port_close(port);
}

static void who_waits_is_woken_though_others_keep_pushing(void **state) {
    (void)state;
    for (int ports = 0; ports < 2; ports++) {
        open_scene(10);
        race.ports = ports != 0;
        race.done = 0;
        struct weir__thread thread;
        assert_int_equal(weir__thread_start(&thread, "large", push_large, NULL), 0);
        push_singles();
        assert_true(race.singles < SINGLES_MOST); /* or he slept beside an empty ring */
        weir__thread_join(&thread);
        close_scene((uint64_t)LARGE * LARGE_PUSHES + race.singles);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_handled_is_not_discarded_with_the_port),
        cmocka_unit_test(who_waits_is_woken_though_others_keep_pushing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
