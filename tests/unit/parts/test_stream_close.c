/*
 * Closing a stream, and opening the next one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event is either read once, by some stream, or told once to the `discarded` of
 * the one that had it; who opens the next stream behind weir_stream_close goes on where the
 * last reader left off; where closing cannot wait it says so, and nothing is lost for that.
 * Method: a ledger of all numbers, whoever reads them; stepped and simulated runtimes, with
 * nothing but the calls themselves to step them, and real workers, with streams that wait
 * for ever: whoever is not let go hangs.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/stream_scene.h"

#include "base/atomic.h"
#include "os/thread.h"
#include "parts/stream.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <weir/dispatcher.h>

enum { NUMBERS = 30000 };

static struct rig rig;
static struct player p;
static struct player q;

static struct {
    unsigned char read[NUMBERS];
    uint64_t count; /* of those read          */
    uint64_t told;  /* to `discarded`         */
    uint64_t calls; /* of it                  */
    pthread_t teller;
} ledger;

/* ---- the scene ----------------------------------------------------------- */

static void count_told(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    RIG_CHECK(&rig, cause == WEIR_DISCARD_STOPPED);
    ledger.told += count;
    ledger.calls++;
    ledger.teller = pthread_self();
}

static weir_stream *open_list(const weir_subscribe_to *list, size_t count, uint64_t close_ns) {
    weir_stream *stream;
    const weir_stream_options options = {.event_bytes = sizeof(uint64_t),
                                         .subscribe_to = count > 0 ? list : NULL,
                                         .subscribe_count = count,
                                         .discarded = count_told,
                                         .close_ns = close_ns};
    assert_int_equal(weir_stream_open(rig.runtime, &options, &stream), WEIR_OK);
    return stream;
}

static weir_stream *open_on(weir_ref producer, size_t window, uint64_t close_ns) {
    const weir_subscribe_to from = {.producer = producer,
                                    .options = {.max_demand = window, .cancel = WEIR_TEMPORARY}};
    return open_list(&from, 1, close_ns);
}

/* Reads up to `most`; each for the first time, and from `next` on, unless that is NULL. */
static weir_status read_some(weir_stream *stream, uint64_t most, uint64_t *next) {
    weir_status status = WEIR_OK;
    for (uint64_t i = 0; i < most && status == WEIR_OK; i++) {
        uint64_t number;
        status = weir_stream_next(stream, &number, WEIR_FOREVER);
        if (status != WEIR_OK) break;
        assert_true(number < NUMBERS);
        assert_int_equal(ledger.read[number]++, 0);
        if (next != NULL) assert_int_equal(number, (*next)++);
        ledger.count++;
        rig.handled++;
    }
    return status;
}

static void start(struct player *player, uint64_t limit, bool finite,
                  const weir_dispatcher *dispatcher) {
    *player = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = limit, .quiet = true};
    player->does.demand = finite ? deed_emit_to_the_end : NULL;
    player_start(player, &rig, &(weir_stage_options){.dispatcher = dispatcher});
}

static void begin(void) {
    memset(&ledger, 0, sizeof ledger);
}

/* Every world of the rig's, from 0 on, then real workers. */
static bool open_any_world(int world) {
    static const weir_idle idles[] = {WEIR_IDLE_PARK, WEIR_IDLE_SPIN_THEN_PARK};
    static int worlds;
    begin();
    if (rig_open_world(&rig, world)) {
        worlds = world + 1;
        return true;
    }
    unsigned kind = (unsigned)(world - worlds);
    if (kind >= 6) return false;
    rig_open(&rig, &(weir_runtime_options){
                       .workers = 1 + kind / 2, .idle = idles[kind % 2], .unpinned = true});
    return true;
}

static void end(void) {
    weir_runtime_stop(rig.runtime, WEIR_REASON_NORMAL);
    rig_close(&rig);
}

/* ---- the next one -------------------------------------------------------- */

/* Takes some, closes, opens the next, with windows from 1 to far more than is taken. */
static void the_next_goes_on_where_the_last_left_off(void **state) {
    (void)state;
    static const size_t windows[] = {1, 2, 10, 1000};
    for (int world = 0; open_any_world(world); world++) {
        uint64_t next = 0;
        start(&p, NUMBERS, false, NULL);
        for (unsigned i = 0; i < 400; i++) {
            weir_stream *stream = open_on(p.ref, windows[i % 4], WEIR_FOREVER);
            assert_int_equal(read_some(stream, i % 13, &next), WEIR_OK);
            assert_int_equal(weir_stream_close(stream), WEIR_OK);
        }
        weir_stream *stream = open_on(p.ref, 50, WEIR_FOREVER);
        assert_int_equal(read_some(stream, NUMBERS - next, &next), WEIR_OK);
        assert_int_equal(weir_stream_close(stream), WEIR_OK);
        assert_int_equal(ledger.told, 0);
        end();
    }
}

/* Without an order, nothing is lost either. */
static void of_a_shared_queue_nothing_is_lost(void **state) {
    (void)state;
    for (int world = 0; open_any_world(world); world++) {
        start(&p, 3000, false, weir_shared_dispatcher());
        for (unsigned i = 0; i < 100; i++) {
            weir_stream *stream = open_on(p.ref, 1 + i % 7 * 100, WEIR_FOREVER);
            assert_int_equal(read_some(stream, i % 13, NULL), WEIR_OK);
            assert_int_equal(weir_stream_close(stream), WEIR_OK);
        }
        weir_stream *stream = open_on(p.ref, 50, WEIR_FOREVER);
        assert_int_equal(read_some(stream, 3000 - ledger.count, NULL), WEIR_OK);
        assert_int_equal(weir_stream_close(stream), WEIR_OK);
        assert_int_equal(ledger.told, 0);
        end();
    }
}

/* By somebody else, while it is read: the reader learns of it, and opens the next. */
static void a_stopped_one_is_followed_as_well(void **state) {
    (void)state;
    for (int world = 0; open_any_world(world); world++) {
        uint64_t next = 0;
        start(&p, NUMBERS, false, NULL);
        for (unsigned i = 0; i < 100; i++) {
            weir_stream *stream = open_on(p.ref, 20, WEIR_FOREVER);
            assert_int_equal(read_some(stream, i % 13, &next), WEIR_OK);
            weir_stop(rig.runtime, weir_stream_stage(stream), WEIR_REASON_USER);
            assert_int_equal(read_some(stream, NUMBERS, &next), WEIR_END);
            assert_int_equal(weir_stream_close(stream), WEIR_OK);
        }
        assert_int_equal(ledger.told, 0);
        end();
    }
}

/* ---- what nobody can have any more --------------------------------------- */

/* The producer goes with its last event, at any moment of the readers'. */
static void what_a_finite_source_leaves_is_read_or_told(void **state) {
    (void)state;
    static const size_t windows[] = {3, 10, 1000};
    const weir_dispatcher *dispatchers[] = {weir_demand_dispatcher(), weir_shared_dispatcher()};
    for (int way = 0; way < 6; way++) {
        for (int world = 0; open_any_world(world); world++) {
            uint64_t next = 0;
            const uint64_t limit = 95 + (uint64_t)way;
            weir_status status = WEIR_OK;
            start(&p, limit, true, dispatchers[way % 2]);
            for (unsigned i = 0; status == WEIR_OK; i++) {
                weir_stream *stream = open_on(p.ref, windows[way / 2], WEIR_FOREVER);
                status = read_some(stream, 1 + i % 13, way % 2 == 0 ? &next : NULL);
                assert_int_equal(weir_stream_close(stream), WEIR_OK);
            }
            assert_int_equal(status, WEIR_END);
            assert_int_equal(ledger.count + ledger.told, limit);
            assert_int_equal(rig_accounts(&rig).discarded, ledger.told);
            assert_int_equal(rig_accounts(&rig).in_flight, 0);
            rig_expect_log(&rig, ""); /* who has been told */
            end();
        }
    }
}

/* In one call, on the thread that closes, whatever stands between it and the reader. */
static void it_is_told_where_it_is_closed(void **state) {
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        for (int world = 0; open_any_world(world); world++) {
            start(&p, 50, true, NULL);
            start(&q, 50, false, NULL);
            q.next = 1000;
            const weir_subscribe_to list[] = {
                {.producer = p.ref, .options = {.max_demand = 100, .cancel = WEIR_TEMPORARY}},
                {.producer = q.ref, .options = {.max_demand = 10, .cancel = WEIR_TEMPORARY}}};
            weir_stream *stream = open_list(list, 2, WEIR_FOREVER);
            assert_int_equal(read_some(stream, 3, &(uint64_t){0}), WEIR_OK);
            assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
            if (stopped) weir_stop(rig.runtime, weir_stream_stage(stream), WEIR_REASON_USER);
            assert_int_equal(weir_stream_close(stream), WEIR_OK);
            assert_int_equal(ledger.told, 47);
            assert_int_equal(ledger.calls, 1);
            assert_true(pthread_equal(ledger.teller, pthread_self()));
            assert_int_equal(rig_accounts(&rig).in_flight, 0);
            end();
        }
    }
}

/* ---- where it does not wait ---------------------------------------------- */

/* With 1 the runtime is not even stepped. */
static void it_need_not_wait(void **state) {
    (void)state;
    for (int finite = 0; finite < 2; finite++) {
        begin();
        rig_open(&rig, NULL);
        start(&p, 50, finite, NULL);
        weir_stream *stream = open_on(p.ref, 100, 1);
        assert_int_equal(read_some(stream, 3, &(uint64_t){0}), WEIR_OK);
        rig_rest(&rig);
        assert_int_equal(weir_stream_close(stream), WEIR_TIMEOUT);
        assert_int_equal(rig_accounts(&rig).in_flight, 50);
        assert_int_equal(ledger.told, 0);
        rig_rest(&rig);
        weir_accounts accounts = rig_accounts(&rig);
        assert_int_equal(accounts.in_flight, 0);
        assert_int_equal(accounts.buffered, finite ? 0 : 47);
        assert_int_equal(ledger.told, finite ? 47 : 0);
        assert_int_equal(ledger.calls, finite);
        end();
    }
}

static weir_stream *to_close;

/* The other workers may have done it all by then. */
static weir_verdict close_it(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    weir_status status = weir_stream_close(to_close);
    RIG_CHECK(&rig, status == WEIR_TIMEOUT ||
                        (status == WEIR_OK && weir_runtime_workers(rig.runtime) > 1));
    return WEIR_CONTINUE;
}

static void inside_a_callback_it_does_not_wait(void **state) {
    (void)state;
    for (int finite = 0; finite < 2; finite++) {
        for (int world = 0; open_any_world(world); world++) {
            uint64_t next = 0;
            start(&p, 50, finite, NULL);
            q = (struct player){.name = "q", .kind = WEIR_PRODUCER, .quiet = true};
            q.does.cast = close_it;
            player_start(&q, &rig, NULL);
            to_close = open_on(p.ref, 100, WEIR_FOREVER);
            assert_int_equal(read_some(to_close, 3, &next), WEIR_OK);
            player_cast(&q, 1);
            rig_rest(&rig);
            assert_int_equal(ledger.told, finite ? 47 : 0);
            assert_int_equal(rig_accounts(&rig).buffered, finite ? 0 : 47);
            end();
        }
    }
}

static uint32_t busy; /* atomic: 1 a callback runs, 2 it may return */

static weir_verdict keep_busy(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    weir__store_release_u32(&busy, 1);
    while (weir__load_acquire_u32(&busy) != 2) sched_yield();
    return WEIR_CONTINUE;
}

/* The worker that it waits for is in a callback, which waits for who closes. */
static void a_callback_that_goes_on_does_not_hold_it_for_ever(void **state) {
    (void)state;
    for (int finite = 0; finite < 2; finite++) {
        uint64_t next = 0;
        begin();
        rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
        start(&p, 50, finite, NULL);
        q = (struct player){.name = "q", .kind = WEIR_PRODUCER, .quiet = true};
        q.does.cast = keep_busy;
        player_start(&q, &rig, NULL);
        weir_stream *stream = open_on(p.ref, 40, 1000000);
        assert_int_equal(read_some(stream, 3, &next), WEIR_OK);
        rig_rest(&rig);
        weir__store_release_u32(&busy, 0);
        player_cast(&q, 1);
        while (weir__load_acquire_u32(&busy) != 1) sched_yield();
        assert_int_equal(weir_stream_close(stream), WEIR_TIMEOUT);
        weir__store_release_u32(&busy, 2);
        rig_rest(&rig);
        stream = open_on(p.ref, 40, WEIR_FOREVER);
        weir_status status = read_some(stream, 47, &next); /* of those 10 were never sent */
        assert_int_equal(weir_stream_close(stream), WEIR_OK);
        assert_int_equal(status, WEIR_OK);
        assert_int_equal(ledger.told, 0);
        end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_goes_on_where_the_last_left_off),
        cmocka_unit_test(of_a_shared_queue_nothing_is_lost),
        cmocka_unit_test(a_stopped_one_is_followed_as_well),
        cmocka_unit_test(what_a_finite_source_leaves_is_read_or_told),
        cmocka_unit_test(it_is_told_where_it_is_closed),
        cmocka_unit_test(it_need_not_wait),
        cmocka_unit_test(inside_a_callback_it_does_not_wait),
        cmocka_unit_test(a_callback_that_goes_on_does_not_hold_it_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
