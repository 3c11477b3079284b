/*
 * The accounts: every event is somewhere, and the sentence says where not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: at rest emitted, shared and copies equal handled, buffered, in flight
 * and discarded, wherever the events are; each figure is the right one; the
 * check tells all of them when they do not add up; anybody may read at any time.
 * Method: pipelines brought to rest with known numbers in every place.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static void the_check_adds_up(void **state) {
    (void)state;
    weir_accounts accounts = {0};
    assert_null(weir_accounts_check(&accounts));
    accounts = (weir_accounts){
        .emitted = 100, .handled = 50, .buffered = 30, .in_flight = 15, .discarded = 5};
    assert_null(weir_accounts_check(&accounts));
    accounts.multicast = 10;
    accounts.copies = 30;
    accounts.handled = 70;
    assert_null(weir_accounts_check(&accounts));
    accounts.emitted = UINT64_MAX; /* wraps as the sum does */
    accounts.handled = UINT64_MAX - 30;
    assert_null(weir_accounts_check(&accounts));
}

static void the_check_tells_the_figures(void **state) {
    (void)state;
    weir_accounts accounts = {
        .emitted = 101, .handled = 50, .buffered = 30, .in_flight = 15, .discarded = 5};
    const char *sentence = weir_accounts_check(&accounts);
    assert_non_null(sentence);
    static const char *const figures[] = {"101", "50", "30", "15", "5", "100"};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        assert_non_null(strstr(sentence, figures[i]));
    }
    /* Any single figure that is off by one is noticed. */
    accounts.emitted = 100;
    uint64_t *fields[] = {&accounts.emitted,  &accounts.multicast, &accounts.copies,
                          &accounts.handled,  &accounts.buffered,  &accounts.in_flight,
                          &accounts.discarded};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        ++*fields[i];
        assert_non_null(weir_accounts_check(&accounts));
        --*fields[i];
        assert_null(weir_accounts_check(&accounts));
    }
}

/* 100 emitted: 20 handled, 30 on their way, 45 buffered, 5 discarded. */
static void every_event_is_in_its_place(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_HOLDS};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        struct player d = {.name = "d", .kind = WEIR_CONSUMER, .manual = true};
        player_start(&p, &rig, &(weir_stage_options){.buffer_size = 45});
        PLAYERS_START(&rig, &t, &c, &d);
        weir_subscription subscription = player_subscribe(
            &c, &p, &(weir_subscribe_options){.max_demand = 20, .cancel = WEIR_TEMPORARY});
        player_subscribe(&d, &t, NULL); /* never asks: t takes nothing in */
        rig_rest(&rig);
        player_cast(&p, 20);
        rig_rest(&rig);
        weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 30});
        rig_rest(&rig);
        player_cast(&p, 80);
        rig_rest(&rig);
        weir_accounts accounts = rig_accounts(&rig);
        assert_null(weir_accounts_check(&accounts));
        assert_int_equal(accounts.emitted, 100);
        assert_int_equal(accounts.handled, 20);
        assert_int_equal(accounts.in_flight, 30);
        assert_int_equal(accounts.buffered, 45);
        assert_int_equal(accounts.discarded, 5);
        assert_int_equal(accounts.multicast, 0);
        assert_int_equal(accounts.copies, 0);
        assert_true(accounts.blocks_live >= 1);
        assert_true(accounts.blocks_made >= accounts.blocks_live);
        assert_true(accounts.turns > 0);
        accounts = rig_close(&rig);
        assert_int_equal(accounts.discarded, 80);
    }
}

/* Each of 10 events is delivered to three. */
static void shared_events_are_counted_apart(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c[3];
    memset(c, 0, sizeof c);
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    for (int i = 0; i < 3; i++) {
        c[i].name = "c";
        c[i].kind = WEIR_CONSUMER;
        player_start(&c[i], rig, NULL);
        player_subscribe(&c[i], &p, &(weir_subscribe_options){.max_demand = 10});
    }
    rig_rest(rig);
    player_cast(&p, 10);
    rig_rest(rig);
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(accounts.emitted, 10);
    assert_int_equal(accounts.multicast, 10);
    assert_int_equal(accounts.copies, 30);
    assert_int_equal(accounts.handled, 30);
    assert_null(weir_accounts_check(&accounts));
    rig_close(rig);
}

/*
 * Blocks are dropped outside of a turn, too: d, of whom nobody asks, keeps what it was
 * sent and, when it stops, gives that back to t, which has gone.
 */
static void blocks_of_what_nobody_got_are_home(void **state) {
    (void)state;
    struct rig rig;
    for (int mode = WEIR_THREADS; mode <= WEIR_STEPPED; mode++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 3, .mode = (weir_runtime_mode)mode});
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_FORWARDS};
        struct player d = {.name = "d", .kind = WEIR_PRODUCER_CONSUMER};
        player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_start(&t, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        player_start(&d, &rig, &(weir_stage_options){.worker = WEIR_WORKER(2)});
        const weir_subscribe_options all = {.max_demand = 100, .cancel = WEIR_TEMPORARY};
        player_subscribe(&d, &t, &all);
        player_subscribe(&t, &p, &all);
        rig_rest(&rig);
        player_stop(&p, WEIR_REASON_NORMAL);
        player_stop(&t, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).in_flight, 100);
        player_stop(&d, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).blocks_live, 0);
        rig_close(&rig);
    }
}

/* While workers run the figures need not add up, but each only grows. */
static void may_be_read_while_workers_run(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 200000, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(&rig, &p, &c);
    player_subscribe(&c, &p, NULL);
    weir_accounts before = {0};
    do {
        weir_accounts now = rig_accounts(&rig);
        assert_true(now.emitted >= before.emitted);
        assert_true(now.handled >= before.handled);
        assert_true(now.turns >= before.turns);
        assert_true(now.wakes >= before.wakes);
        assert_true(now.blocks_made >= before.blocks_made);
        before = now;
    } while (before.handled < 200000);
    rig_rest(&rig);
    before = rig_accounts(&rig);
    assert_null(weir_accounts_check(&before));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_adds_up),
        cmocka_unit_test(the_check_tells_the_figures),
        cmocka_unit_test(every_event_is_in_its_place),
        TEST_IN_WORLDS(shared_events_are_counted_apart),
        cmocka_unit_test(blocks_of_what_nobody_got_are_home),
        cmocka_unit_test(may_be_read_while_workers_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
