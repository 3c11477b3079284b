/*
 * Leaving: a cancel acts at the producer at once, and nothing overtakes what was sent before.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a consumer that does not come to its mail is let go all the same, from whichever
 * side; what it was sent stays its own; what is subscribed next sees no event before the
 * old subscription has handled its last one, by producer and by partition.  (Who waits in
 * line for that: test_leaving_line.c)
 * Method: consumers that stand still in a callback until the test lets them go on (threads:
 * only order is asserted, no time); simulated runtimes from many seeds, with numbers whose
 * order each consumer checks against what all have seen.
 */
#include "base/atomic.h"
#include "support/leaving_scene.h"
#include "support/worlds.h"

#include <sched.h>
#include <string.h>

/* --- one that stands still --------------------------------------------------------------- */

static struct {
    uint32_t entered; /* handle_events of the slow one; all three atomic */
    uint32_t go_on;
    uint64_t fast; /* events handled by the others */
    weir_subscription slow;
} still;

static weir_verdict stand_still(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player, (void)batch;
    weir__store_release_u32(&still.entered, 1);
    while (weir__load_acquire_u32(&still.go_on) == 0) sched_yield();
    return WEIR_CONTINUE;
}

static weir_verdict count_fast(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player;
    weir__fetch_add_u64(&still.fast, batch.count);
    return WEIR_CONTINUE;
}

/* A cast to the producer: it cancels the slow one itself. */
static weir_verdict evict(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    weir_status status = weir_cancel(player->rig->runtime, still.slow, WEIR_REASON_USER);
    RIG_CHECK(player->rig, status == WEIR_OK);
    status = weir_cancel(player->rig->runtime, still.slow, WEIR_REASON_USER); /* once is enough */
    RIG_CHECK(player->rig, status == WEIR_OK);
    (void)self;
    return WEIR_CONTINUE;
}

static weir_lag lag_of(struct rig *rig, const struct player *producer, const struct player *of) {
    weir_lag all[4];
    size_t count = 0;
    assert_int_equal(weir_lags(rig->runtime, producer->ref, WEIR_FOREVER, all, 4, &count), WEIR_OK);
    for (size_t i = 0; i < count; i++) {
        if (all[i].subscription.consumer.bits == of->ref.bits) return all[i];
    }
    return (weir_lag){0};
}

/* The others come no further than the slow one's demand; then they go on. */
static void let_go_of_who_stands_still(bool by_producer) {
    struct rig rig;
    memset(&still, 0, sizeof still);
    rig_open(&rig, &(weir_runtime_options){.workers = 3, .unpinned = true});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100000, .quiet = true};
    struct player fast = {.name = "fast", .kind = WEIR_CONSUMER, .quiet = true};
    struct player slow = {.name = "slow", .kind = WEIR_CONSUMER, .quiet = true};
    p.does.cast = evict;
    fast.does.events = count_fast;
    slow.does.events = stand_still;
    player_start(&p, &rig,
                 &(weir_stage_options){.worker = WEIR_WORKER(0),
                                       .demand = WEIR_ACCUMULATE,
                                       .dispatcher = weir_broadcast_dispatcher()});
    player_start(&fast, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_start(&slow, &rig, &(weir_stage_options){.worker = WEIR_WORKER(2)});
    const weir_subscribe_options ten = {.max_demand = 10, .cancel = WEIR_TEMPORARY};
    player_subscribe(&fast, &p, &ten);
    still.slow = player_subscribe(&slow, &p, &ten);
    rig_rest(&rig);
    player_demand(&p, WEIR_FORWARD);
    while (weir__load_acquire_u32(&still.entered) == 0 ||
           lag_of(&rig, &p, &fast).open_demand == 0) {
        sched_yield();
    }
    assert_int_equal(lag_of(&rig, &p, &slow).open_demand, 0); /* here is who lags */
    assert_true(weir__load_acquire_u64(&still.fast) <= 10);
    if (by_producer) {
        player_cast(&p, 1);
    } else {
        assert_int_equal(weir_cancel(rig.runtime, still.slow, WEIR_REASON_USER), WEIR_OK);
    }
    while (weir__load_acquire_u64(&still.fast) < 50000) sched_yield();
    assert_true(lag_of(&rig, &p, &slow).leaving);
    weir__store_release_u32(&still.go_on, 1);
    rig_rest(&rig);
    assert_int_equal(slow.handled, 10); /* what it was sent was its own */
    rig_close(&rig);
}

static void cancelled_from_elsewhere(void **state) {
    (void)state;
    let_go_of_who_stands_still(false);
}

static void cancelled_by_the_producer(void **state) {
    (void)state;
    let_go_of_who_stands_still(true);
}

static void silence_is_measured(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = 1});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    players_pair(&rig, &p, &c, &(weir_subscribe_options){.max_demand = 10, .min_demand = 9});
    weir_runtime_advance(rig.runtime, 1000000000);
    weir_lag lag = lag_of(&rig, &p, &c);
    assert_int_equal(lag.open_demand, 10);
    assert_in_range(lag.silent_ns, 1000000000, 1001000000);
    player_cast(&p, 3);
    rig_rest(&rig);
    lag = lag_of(&rig, &p, &c);
    assert_int_equal(lag.open_demand, 10);
    assert_in_range(lag.silent_ns, 0, 1000000);
    size_t count = 7;
    assert_int_equal(weir_lags(rig.runtime, p.ref, WEIR_FOREVER, NULL, 0, &count), WEIR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(weir_lags(rig.runtime, c.ref, WEIR_FOREVER, NULL, 0, &count), WEIR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(weir_lags(rig.runtime, p.ref, 0, NULL, 1, &count), WEIR_INVALID);
    assert_int_equal(weir_lags(rig.runtime, p.ref, 0, NULL, 0, NULL), WEIR_INVALID);
    rig_close(&rig);
}

/* --- order -------------------------------------------------------------------------------- */

enum { NUMBERS = 1500, SEEDS = 30 };

static const weir_subscribe_options many_batches = {
    .max_demand = 100, .min_demand = 99, .cancel = WEIR_TEMPORARY};

struct order_scene {
    struct rig rig;
    struct player p;
    struct player c[2];
};

static void open_order(struct order_scene *s, const weir_dispatcher *dispatcher, uint64_t seed) {
    bool partition = dispatcher == weir_partition_dispatcher();
    memset(s, 0, sizeof *s);
    leaving_seen = 0;
    rig_open(&s->rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = seed});
    s->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = NUMBERS, .quiet = true};
    player_start(
        &s->p, &s->rig,
        &(weir_stage_options){.worker = WEIR_WORKER(0),
                              .dispatcher = dispatcher,
                              .dispatcher_options = partition ? &leaving_one_partition : NULL});
    for (int i = 0; i < 2; i++) {
        s->c[i] = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        s->c[i].does.events = leaving_check_order;
        player_start(&s->c[i], &s->rig, &(weir_stage_options){.worker = WEIR_WORKER(1 - i)});
    }
}

static weir_subscribe_options of_the_partition(void) {
    weir_subscribe_options options = many_batches;
    options.partition = WEIR_PARTITION(0);
    return options;
}

static void close_order(struct order_scene *s) {
    rig_rest(&s->rig);
    assert_int_equal(leaving_seen, NUMBERS);
    rig_close(&s->rig);
}

/* by: 0 weir_resubscribe, 1 a cancel and a subscribe */
static void begin_again(const weir_dispatcher *dispatcher, int by, uint64_t seed) {
    struct order_scene s;
    open_order(&s, dispatcher, seed);
    weir_subscribe_options options =
        dispatcher == weir_partition_dispatcher() ? of_the_partition() : many_batches;
    weir_subscription subscription = player_subscribe(&s.c[0], &s.p, &options);
    for (int i = 0; i < 12; i++) {
        weir_runtime_step(s.rig.runtime, 10);
        if (by == 0) {
            assert_int_equal(weir_resubscribe(s.rig.runtime, subscription, WEIR_REASON_NORMAL,
                                              (weir_ref){0}, &options, &subscription),
                             WEIR_OK);
        } else {
            weir_cancel(s.rig.runtime, subscription, WEIR_REASON_NORMAL);
            subscription = player_subscribe(&s.c[0], &s.p, &options);
        }
    }
    close_order(&s);
}

static void who_begins_again_keeps_the_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin_again(weir_demand_dispatcher(), (int)(seed % 2), seed);
        begin_again(weir_partition_dispatcher(), (int)(seed % 2), seed);
    }
}

/* While others have every event of a broadcast, who replaces its subscription has them, too. */
static void who_begins_again_misses_nothing_of_a_broadcast(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct order_scene s;
        open_order(&s, weir_broadcast_dispatcher(), seed);
        s.c[1].does.events = NULL;
        player_demand(&s.p, WEIR_ACCUMULATE);
        player_subscribe(&s.c[1], &s.p, &many_batches);
        weir_subscription subscription = player_subscribe(&s.c[0], &s.p, &many_batches);
        rig_rest(&s.rig);
        player_demand(&s.p, WEIR_FORWARD);
        for (int i = 0; i < 8; i++) {
            weir_runtime_step(s.rig.runtime, 10);
            assert_int_equal(weir_resubscribe(s.rig.runtime, subscription, WEIR_REASON_NORMAL,
                                              (weir_ref){0}, &many_batches, &subscription),
                             WEIR_OK);
        }
        rig_rest(&s.rig);
        assert_int_equal(s.c[1].handled, NUMBERS);
        close_order(&s);
    }
}

static void a_partition_is_handed_over_in_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct order_scene s;
        open_order(&s, weir_partition_dispatcher(), seed);
        weir_subscribe_options options = of_the_partition();
        weir_subscription subscription = {0};
        for (int i = 0; i < 6; i++) {
            weir_cancel(s.rig.runtime, subscription, WEIR_REASON_NORMAL);
            assert_int_equal(weir_subscribe_wait(s.rig.runtime, s.c[i % 2].ref, s.p.ref, &options,
                                                 WEIR_FOREVER, &subscription),
                             WEIR_OK);
            weir_runtime_step(s.rig.runtime, 1 + seed % 20);
        }
        close_order(&s);
    }
}

/* --- cancels that come early, or late ----------------------------------------------------- */

static void cancelled_before_the_producer_knows(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &c);
    weir_subscription subscription =
        player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    assert_int_equal(weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    size_t count = 1;
    weir_consumers(rig->runtime, p.ref, WEIR_FOREVER, NULL, 0, &count);
    assert_int_equal(count, 0);
    weir_producers(rig->runtime, c.ref, WEIR_FOREVER, NULL, 0, &count);
    assert_int_equal(count, 0);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_from_elsewhere),
        cmocka_unit_test(cancelled_by_the_producer),
        cmocka_unit_test(silence_is_measured),
        cmocka_unit_test(who_begins_again_keeps_the_order),
        cmocka_unit_test(who_begins_again_misses_nothing_of_a_broadcast),
        cmocka_unit_test(a_partition_is_handed_over_in_order),
        TEST_IN_WORLDS(cancelled_before_the_producer_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
