/*
 * The end of a stage, continued: what it had not begun goes back to its producers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever had been sent to a stage and not begun (the rest of a message,
 * messages that waited, a message half received, the ring, the overflow) comes
 * back in the order of its emission, or is discarded and counted when there is
 * nobody to take it back or no memory to do it with.
 * Method: a stage is stopped after every number of turns; another consumer then
 * gets the rest, which must go on where the first left off.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* ---- what it had not begun ----------------------------------------------- */

/* The batch in hand is handled; the rest of its message, and what is behind it, goes back. */
static void what_it_had_not_begun_goes_back(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.events = deed_fail};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c, &d);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 100, .min_demand = 90});
    rig_rest(rig);
    player_cast(&p, 60);
    player_cast(&p, 3);
    player_cast(&p, 20);
    rig_rest(rig);
    assert_int_equal(c.handled, 10);
    assert_int_equal(rig_accounts(rig).buffered, 73);
    player_subscribe(&d, &p, &(weir_subscribe_options){.max_demand = 100, .min_demand = 40});
    rig_rest(rig);
    player_expect(&d, "subscribe p\nevents 10..69\nevents 70..82\n");
    rig_close(rig);
}

/* Both ends of a subscription go at the same time: its events are discarded. */
static void what_is_between_two_dead_stages_is_discarded(void **state) {
    (void)state;
    struct rig rig;
    bool seen = false;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (uint64_t steps = 0; steps < 60; steps++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 50000};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            PLAYERS_START(&rig, &p, &c);
            player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 1000});
            seen |= worlds_stop_all(
                &rig, steps, "both ends of a subscription had stopped, stage p and stage c\n");
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
    assert_true(seen);
}

/* Stopped with events in the ring and in the overflow. */
static void a_full_ring_and_overflow_come_to_an_end(void **state) {
    (void)state;
    for (int who = 0; who < 3; who++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        player_subscribe(&c, &p,
                         &(weir_subscribe_options){
                             .max_demand = 1000, .min_demand = 999, .cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        for (int i = 0; i < 700; i++) player_cast(&p, 1);
        weir_runtime_step(rig.runtime, 6); /* of which three are the producer's */
        assert_true(c.handled < 300);
        if (who != 1) player_stop(&p, WEIR_REASON_NORMAL);
        if (who != 0) player_stop(&c, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        weir_accounts accounts = rig_accounts(&rig);
        if (who == 0) assert_int_equal(c.handled, p.emitted); /* all that was sent arrives */
        if (who == 1) assert_int_equal(accounts.buffered, 700 - c.handled);
        if (who == 2) assert_int_equal(accounts.discarded, p.emitted - c.handled);
        rig_close(&rig);
    }
}

/* ---- a message half received --------------------------------------------- */

struct progress {
    uint64_t next; /* of the alternating events               */
    bool may_skip; /* without memory some are lost on the way */
};

static weir_verdict expect_alternating(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    struct progress *progress = player->own;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        bool first = numbers[i] >= 100000;
        uint64_t place = 2 * (first ? numbers[i] - 100000 : numbers[i]) + (first ? 0 : 1);
        RIG_CHECK(player->rig,
                  progress->may_skip ? place >= progress->next : place == progress->next);
        progress->next = place + 1;
    }
    return WEIR_CONTINUE;
}

enum { EVENTS = 1200 };

/*
 * p's 600 events become 1,200 slices in t's buffer; c asks for 1,000 of them, on
 * another worker, and is stopped after some turns; d gets the rest.  fail_at: the
 * allocation that fails from then on, 0 for none.  false: it was not reached.
 */
static bool stop_half_way(uint64_t turns, uint64_t fail_at) {
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    struct progress progress = {0, fail_at > 0};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = deed_alternate};
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .manual = true,
                       .quiet = true,
                       .own = &progress,
                       .does.events = expect_alternating};
    struct player d = c;
    player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&t, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_start(&d, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 600, .min_demand = 599});
    weir_subscription first = player_subscribe(&c, &t, NULL);
    weir_subscription second = player_subscribe(&d, &t, NULL);
    weir_ask(rig.runtime, first, 1);
    player_cast(&p, EVENTS / 2);
    rig_rest(&rig);
    weir_ask(rig.runtime, first, 1000);
    weir_runtime_step(rig.runtime, turns);
    player_stop(&c, WEIR_REASON_NORMAL);
    if (fail_at > 0) test_memory_fail(&rig.memory, fail_at, true);
    rig_rest(&rig);
    bool reached = rig.memory.calls >= rig.memory.fail_at;
    test_memory_fail_never(&rig.memory);
    weir_ask(rig.runtime, second, EVENTS);
    rig_rest(&rig);
    uint64_t discarded = rig_accounts(&rig).discarded;
    assert_int_equal(c.handled + d.handled + discarded, EVENTS);
    if (fail_at == 0) assert_int_equal(discarded, 0);
    rig_close(&rig);
    return reached;
}

static void a_message_half_received_goes_back(void **state) {
    (void)state;
    for (uint64_t turns = 0; turns < 16; turns++) stop_half_way(turns, 0);
}

static void without_memory_it_is_discarded(void **state) {
    (void)state;
    for (uint64_t turns = 2; turns < 12; turns += 3) {
        uint64_t fail_at = 1;
        while (stop_half_way(turns, fail_at)) fail_at++;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_it_had_not_begun_goes_back),
        cmocka_unit_test(what_is_between_two_dead_stages_is_discarded),
        cmocka_unit_test(a_full_ring_and_overflow_come_to_an_end),
        cmocka_unit_test(a_message_half_received_goes_back),
        cmocka_unit_test(without_memory_it_is_discarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
