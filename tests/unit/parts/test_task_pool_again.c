/*
 * Closing a worker pool, and opening the next one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event is either begun once, by some pool, or told once to the `discarded` of
 * the pool that had it; pools without threads that follow each other begin the events in
 * order (a thread may begin one more while its pool ends, ahead of what goes back).
 * Method: a ledger of all numbers; real workers, and endless and finite producers.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/player.h"

#include "base/atomic.h"

#include <sched.h>
#include <string.h>

enum { POOLS = 200, WINDOW = 10, EACH = 15 };

static struct rig rig;
static struct player p;
static uint64_t begun; /* atomic */
static bool in_order;
static unsigned char seen[POOLS * EACH];
static uint64_t told;

static weir_task_result take_the_next(void *context, const void *event, weir_task *self) {
    (void)context, (void)self;
    uint64_t number;
    memcpy(&number, event, sizeof number);
    RIG_CHECK(&rig, number < sizeof seen && seen[number]++ == 0);
    uint64_t before = weir__fetch_add_u64(&begun, 1);
    RIG_CHECK(&rig, !in_order || number == before);
    return WEIR_TASK_OK;
}

static void count_told(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    RIG_CHECK(&rig, cause == WEIR_DISCARD_STOPPED);
    told += count;
}

static void begin(unsigned workers, uint64_t limit, bool finite) {
    begun = told = 0;
    memset(seen, 0, sizeof seen);
    rig_open(&rig, &(weir_runtime_options){.workers = workers, .unpinned = true});
    p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = limit, .quiet = true};
    p.does.demand = finite ? deed_emit_to_the_end : NULL;
    player_start(&p, &rig, NULL);
}

static void end(void) {
    rig.handled = begun;
    weir_runtime_stop(rig.runtime, WEIR_REASON_NORMAL);
    rig_close(&rig);
}

static weir_pool *open_pool(size_t threads) {
    weir_pool *pool;
    const weir_subscribe_to from = {
        .producer = p.ref,
        .options = {.max_demand = WINDOW, .min_demand = 2, .cancel = WEIR_TEMPORARY}};
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .threads = threads,
                                       .task = take_the_next,
                                       .discarded = count_told,
                                       .shutdown_ns = WEIR_FOREVER,
                                       .subscribe_to = &from,
                                       .subscribe_count = 1};
    assert_int_equal(weir_pool_open(rig.runtime, &options, &pool, NULL), WEIR_OK);
    return pool;
}

static void wait_until_begun(uint64_t count) {
    while (weir__load_relaxed_u64(&begun) < count) sched_yield();
}

static void follow_each_other(unsigned workers, size_t threads) {
    begin(workers, 0, false);
    for (unsigned i = 0; i < POOLS; i++) {
        uint64_t before = weir__load_relaxed_u64(&begun);
        player_cast(&p, EACH);
        weir_pool *pool = open_pool(threads);
        wait_until_begun(before + i % 5);
        assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    }
    assert_int_equal(told, 0);
    assert_int_equal(rig_accounts(&rig).in_flight, 0);
    end();
}

static void the_next_begins_where_the_last_left_off(void **state) {
    (void)state;
    in_order = true;
    for (unsigned workers = 1; workers <= 3; workers++) follow_each_other(workers, WEIR_NONE);
    in_order = false;
    for (unsigned workers = 1; workers <= 3; workers++) follow_each_other(workers, 1);
}

static uint32_t held; /* atomic: 1 a task runs, 2 it may end */

static weir_task_result wait_for_leave(void *context, const void *event, weir_task *self) {
    weir_task_result result = take_the_next(context, event, self);
    weir__store_release_u32(&held, 1);
    while (weir__load_acquire_u32(&held) != 2) sched_yield();
    return result;
}

/* One event is with a task; both stages go, the producer with its last event, or both at once. */
static void leave_with_one_at_work(bool finite) {
    weir_pool *pool;
    const weir_subscribe_to from = {.producer = p.ref,
                                    .options = {.max_demand = WINDOW, .cancel = WEIR_TEMPORARY}};
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .threads = 1,
                                       .task = wait_for_leave,
                                       .discarded = count_told,
                                       .shutdown_ns = 1,
                                       .subscribe_to = &from,
                                       .subscribe_count = 1};
    weir__store_release_u32(&held, 0);
    assert_int_equal(weir_pool_open(rig.runtime, &options, &pool, NULL), WEIR_OK);
    while (weir__load_acquire_u32(&held) != 1) sched_yield();
    while (finite && weir_runtime_stages(rig.runtime) > 1) sched_yield();
    if (!finite) weir_runtime_stop(rig.runtime, WEIR_REASON_USER);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_TIMEOUT);
    while (weir_runtime_stages(rig.runtime) > 0) sched_yield();
    weir__store_release_u32(&held, 2);
    while (weir_pool_close(pool, NULL) == WEIR_TIMEOUT) sched_yield();
}

static void what_both_ends_leave_is_told(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++) {
        for (int finite = 0; finite < 2; finite++) {
            begin(workers, finite ? WINDOW : sizeof seen, finite);
            leave_with_one_at_work(finite);
            assert_int_equal(begun, 1);
            assert_int_equal(begun + told + p.discarded, p.emitted);
            rig_expect_log(&rig, ""); /* who has been told */
            end();
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_begins_where_the_last_left_off),
        cmocka_unit_test(what_both_ends_leave_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
