/*
 * Intake behind the gate: messages wait, in order, until there is demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a producer_consumer begins a message only while it has demand, ends it
 * whatever happens, and never runs on without consumers; infos and ends keep
 * their place among messages; what memory does not allow is counted.
 * Method: worked examples, by journals; memory that fails at every step in turn.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* ---- producer_consumers -------------------------------------------------- */

static weir_verdict twice(weir_stage *self, struct player *player, weir_batch batch) {
    (void)player;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const uint64_t pair[2] = {2 * numbers[i], 2 * numbers[i] + 1};
        player_emit_numbers(self, pair, 2);
    }
    return WEIR_CONTINUE;
}

/* GenStage's test of a doubler: chunks go on when the demand is used up. */
static void a_message_begun_is_handled_to_its_end(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = twice};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 100, .min_demand = 80});
    player_subscribe(&c, &t, &(weir_subscribe_options){.max_demand = 100, .min_demand = 50});
    rig_rest(rig);
    player_cast(&p, 100);
    rig_rest(rig);
    player_expect(&t, "subscribe p\nsubscribe c\nevents 0..19\nevents 20..39\nevents 40..59\n"
                      "events 60..79\nevents 80..99\n");
    /* 40, 40 and 20 fill the demand; 100 were buffered, and serve what is asked next. */
    player_expect(&c, "subscribe t\nevents 0..39\nevents 40..79\nevents 80..99\n"
                      "events 100..149\nevents 150..179\nevents 180..199\n");
    assert_int_equal(rig_accounts(rig).buffered, 0);
    rig_close(rig);
}

static void without_demand_messages_wait(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 10});
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    rig_rest(rig);
    player_expect(&t, "subscribe p\nsubscribe c\n");
    assert_int_equal(p.next, 10); /* it has asked once, before anybody asked it */
    assert_int_equal(rig_accounts(rig).in_flight, 10);
    weir_ask(rig->runtime, subscription, 3);
    rig_rest(rig);
    /* One message, of ten, in two batches; what was asked meanwhile waits. */
    player_expect(&t, "events 0..4\nevents 5..9\n");
    player_expect(&c, "subscribe t\nevents 0..2\n");
    assert_int_equal(p.next, 20);
    weir_ask(rig->runtime, subscription, 3);
    rig_rest(rig);
    player_expect(&t, ""); /* from the buffer */
    player_expect(&c, "events 3..5\n");
    weir_ask(rig->runtime, subscription, 5); /* four of which are buffered */
    rig_rest(rig);
    player_expect(&c, "events 6..9\nevents 10\n");
    assert_true(t.handled <= 20);
    rig_close(rig);
}

/* Demand is counted on what comes out, asks on what goes in: a filter keeps pulling. */
static void a_filter_that_passes_nothing_keeps_pulling(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5000, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_HOLDS, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 100});
    player_subscribe(&c, &t, &(weir_subscribe_options){.max_demand = 1});
    rig_rest(rig);
    assert_int_equal(t.handled, 5000);
    player_expect(&c, "subscribe t\n");
    rig_close(rig);
}

/* Output that comes later, by a message, does not use up the demand in between. */
static void output_may_come_later(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .does.events = deed_emit_later};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = 8});
    player_subscribe(&c, &t, &(weir_subscribe_options){.max_demand = 10, .min_demand = 5});
    rig_rest(rig);
    assert_int_equal(t.handled, 100);
    assert_int_equal(c.handled, 100);
    rig_close(rig);
}

/* In GenStage a producer_consumer runs on when its consumers have gone (defect A). */
static void without_consumers_it_stops_pulling(struct rig *rig, int how) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 10});
    weir_subscription subscription = player_subscribe(
        &c, &t, &(weir_subscribe_options){.max_demand = 500, .cancel = WEIR_TEMPORARY});
    rig_rest(rig); /* 500 are open at t, of which p has sent none */
    if (how == 0) player_stop(&c, WEIR_REASON_NORMAL);
    if (how == 1) weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    if (how == 2) player_cast(&p, 4);
    rig_rest(rig);
    if (how == 2) player_stop(&c, WEIR_REASON_NORMAL);
    rig_rest(rig);
    uint64_t handled = t.handled;
    for (int i = 0; i < 20; i++) player_cast(&p, 10);
    rig_rest(rig);
    assert_int_equal(t.handled, handled);
    assert_int_equal(rig_accounts(rig).in_flight, how == 2 ? 6 : 10);
    rig_close(rig);
}

/* Events of one size from here, of another from there. */
static weir_verdict emit_chars(weir_stage *self, struct player *player, uint64_t number) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    player->emitted += number;
    RIG_CHECK(player->rig, weir_emit(self, letters, number) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void producers_may_differ_in_size(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .does.cast = emit_chars};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_HOLDS};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, NULL);
    player_start(&q, rig, &(weir_stage_options){.event_bytes = 1});
    PLAYERS_START(rig, &t, &c);
    const weir_subscribe_options options = {.max_demand = 100, .min_demand = 50};
    player_subscribe(&t, &p, &options);
    player_subscribe(&t, &q, &options);
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    rig_rest(rig);
    player_expect(&t, "subscribe p\nsubscribe q\nsubscribe c\n");
    /* All of it waits together: small ones, inline, are kept in blocks of their size. */
    for (int i = 0; i < 3; i++) {
        player_cast(&p, 1);
        rig_rest(rig);
        player_cast(&q, 3);
        rig_rest(rig);
    }
    player_cast(&q, 20);
    rig_rest(rig);
    player_expect(&t, "");
    weir_ask(rig->runtime, subscription, 1);
    rig_rest(rig);
    player_expect(&t, "events 0\n3 events of 1 bytes\nevents 1\n3 events of 1 bytes\n"
                      "events 2\n3 events of 1 bytes\n20 events of 1 bytes\n");
    rig_close(rig);
}

/* ---- infos and ends among messages --------------------------------------- */

static void an_info_goes_behind_what_waits(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE});
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    rig_rest(rig);
    player_expect(&t, "subscribe p\nsubscribe c\n");
    player_info(&t, 1); /* nothing waits */
    rig_rest(rig);
    player_expect(&t, "info 1\n");
    player_cast(&p, 3);
    rig_rest(rig);
    player_info(&t, 2);
    player_info(&t, 3);
    rig_rest(rig);
    player_cast(&p, 2);
    rig_rest(rig);
    player_info(&t, 4);
    rig_rest(rig);
    player_expect(&t, "");
    weir_ask(rig->runtime, subscription, 2); /* one message: 2 go out, 1 is buffered */
    rig_rest(rig);
    player_expect(&t, "events 0..2\n");
    weir_ask(rig->runtime, subscription, 1); /* the infos go behind it in the buffer */
    rig_rest(rig);
    weir_ask(rig->runtime, subscription, 2);
    rig_rest(rig);
    /* Like any message of a stage to itself, they come when the drain is done. */
    player_expect(&t, "events 3 4\ninfo 2\ninfo 3\n");
    weir_ask(rig->runtime, subscription, 1);
    rig_rest(rig);
    player_expect(&t, "info 4\n");
    rig_close(rig);
}

/*
 * The producer goes while messages wait: they stay, each becomes one batch, and
 * the end comes behind them, when consumers ask.
 */
static void the_end_of_a_subscription_goes_behind_what_waits(struct rig *rig, int cancel) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &t, &c);
    weir_subscription upper =
        player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 100, .min_demand = 90});
    weir_subscription subscription = player_subscribe(&c, &t, NULL);
    rig_rest(rig);
    player_expect(&t, "subscribe p\nsubscribe c\n");
    player_cast(&p, 40);
    player_cast(&p, 15);
    rig_rest(rig);
    if (cancel) {
        weir_cancel(rig->runtime, upper, WEIR_REASON_USER);
    } else {
        player_stop(&p, WEIR_REASON_USER);
    }
    rig_rest(rig);
    player_expect(&t, ""); /* permanent, and alive until it is asked */
    weir_ask(rig->runtime, subscription, 41);
    rig_rest(rig);
    player_expect(&t, "events 0..39\nevents 40..54\n");
    assert_int_equal(weir_runtime_stages(rig->runtime), cancel ? 3 : 2);
    weir_ask(rig->runtime, subscription, 100);
    rig_rest(rig);
    player_expect(&t, cancel ? "cancel p user\nterminate user\n" : "down p user\nterminate user\n");
    player_expect(&c, "subscribe t\nevents 0..39\nevents 40\nevents 41..54\n"
                      "down t user\nterminate user\n");
    rig_close(rig);
}

/* A message begun when its producer goes is ended by the same rule as it began. */
static void a_message_begun_keeps_its_batches(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 1000, .min_demand = 999});
    player_subscribe(&c, &t, NULL);
    rig_rest(rig);
    player_cast(&p, 300);
    while (t.handled == 0) weir_runtime_step(rig->runtime, 1);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(t.batches, 300);
    assert_int_equal(c.handled, 300);
    rig_close(rig);
}

/* ---- memory -------------------------------------------------------------- */

/* Large events, few to a block, so that a message is of many slices. */
struct brand {
    uint64_t event_bytes;
    uint64_t number;
};

static weir_verdict emit_branded(weir_stage *self, struct player *player, uint64_t number) {
    const uint64_t *event_bytes = player->own;
    for (uint64_t i = 0; i < number; i++) {
        weir_room room = weir_reserve(self, 1);
        struct brand *brand = room.events;
        if (brand == NULL) return WEIR_CONTINUE;
        *brand = (struct brand){*event_bytes, player->next++};
        if (weir_commit(self, 1) == WEIR_OK) player->emitted++;
    }
    return WEIR_CONTINUE;
}

/* However much is lost, what comes is of its producer, whole and in order. */
static weir_verdict check_brands(weir_stage *self, struct player *player, weir_batch batch) {
    uint64_t *next = player->own; /* by event size / 10,000 */
    const unsigned char *event = batch.events;
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++, event += bytes) {
        struct brand brand;
        memcpy(&brand, event, sizeof brand);
        RIG_CHECK(player->rig, brand.event_bytes == bytes);
        RIG_CHECK(player->rig, brand.number >= next[bytes / 10000]);
        next[bytes / 10000] = brand.number + 1;
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_refusals(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)self;
    (void)peer;
    uint64_t *next = player->own;
    next[0]++;
    return WEIR_CONTINUE;
}

/* The allocator fails at its k-th call: whatever is lost is counted. */
static bool starve(uint64_t at, bool for_good, size_t max_demand,
                   const weir_runtime_options *options) {
    struct rig rig;
    rig_open(&rig, options);
    uint64_t sizes[2] = {20000, 10000};
    uint64_t next[3] = {0};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true, .own = &sizes[0]};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .quiet = true, .own = &sizes[1]};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .own = next};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    p.does.cast = q.does.cast = emit_branded;
    t.does.events = check_brands;
    t.does.cancel = count_refusals;
    player_start(&p, &rig, &(weir_stage_options){.event_bytes = sizes[0]});
    player_start(&q, &rig, &(weir_stage_options){.event_bytes = sizes[1]});
    PLAYERS_START(&rig, &t, &c);
    const weir_subscribe_options wide = {
        .max_demand = max_demand, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};
    weir_subscription subscription = player_subscribe(&c, &t, &wide);
    player_cast(&p, 40);
    player_cast(&q, 40);
    rig_rest(&rig);
    player_subscribe(&t, &p, &wide);
    player_subscribe(&t, &q, &wide);
    test_memory_fail(&rig.memory, at, for_good);
    rig_rest(&rig); /* messages wait in t */
    weir_status asked = weir_ask(rig.runtime, subscription, 1);
    rig_rest(&rig);
    bool reached = rig.memory.calls >= rig.memory.fail_at;
    test_memory_fail_never(&rig.memory);
    if (asked != WEIR_OK) weir_ask(rig.runtime, subscription, 1);
    rig_rest(&rig);
    weir_accounts accounts = rig_accounts(&rig);
    assert_null(weir_accounts_check(&accounts));
    /* Demand does not stand still, unless a subscription was refused for want of memory. */
    assert_true(accounts.buffered == 0 || next[0] > 0);
    assert_int_equal(accounts.in_flight, 0);
    rig_close(&rig);
    return reached;
}

static void what_memory_does_not_allow_is_counted(void **state) {
    (void)state;
    static const weir_runtime_options options[] = {{.mode = WEIR_STEPPED, .workers = 1},
                                                   {.mode = WEIR_STEPPED, .workers = 2}};
    for (size_t max_demand = 24; max_demand <= 30; max_demand += 3) { /* 8 to 10 slices */
        for (int world = 0; world < 2; world++) {
            for (int for_good = 0; for_good < 2; for_good++) {
                uint64_t at = 1;
                while (starve(at, for_good, max_demand, &options[world])) at++;
                assert_true(at > 3);
            }
        }
    }
}

/* The end of a subscription takes a place in the queue: without memory it is t's own. */
static void without_memory_for_an_end_it_stops(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    players_pair(&rig, &p, &t, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    for (int i = 0; i < 8; i++) { /* as many as the queue first has room for */
        player_cast(&p, 1);
        rig_rest(&rig);
    }
    player_stop(&p, WEIR_REASON_NORMAL);
    test_memory_fail(&rig.memory, 1, true);
    rig_rest(&rig);
    test_memory_fail_never(&rig.memory);
    player_expect(&t, "subscribe p\ndiscarded 8 no memory\nterminate no_memory\n");
    assert_int_equal(rig_close(&rig).discarded, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(producers_may_differ_in_size),
        TEST_STEPPED(a_message_begun_is_handled_to_its_end),
        TEST_IN_WORLDS(without_demand_messages_wait),
        TEST_IN_WORLDS(a_filter_that_passes_nothing_keeps_pulling),
        TEST_IN_WORLDS(output_may_come_later),
        TEST_IN_WORLDS_AND_WAYS(without_consumers_it_stops_pulling, 3),
        TEST_IN_WORLDS(an_info_goes_behind_what_waits),
        TEST_IN_WORLDS_AND_WAYS(the_end_of_a_subscription_goes_behind_what_waits, 2),
        TEST_STEPPED(a_message_begun_keeps_its_batches),
        cmocka_unit_test(what_memory_does_not_allow_is_counted),
        cmocka_unit_test(without_memory_for_an_end_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
