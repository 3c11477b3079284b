/*
 * Rings in a drain: what members have in their stash, and no memory to end them with.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a ring whose members stash is told its end, and ends when the stash is empty, by
 * subscriptions or by way of an inlet; a stash that nobody empties is named, and not lost; however
 * short memory is, a drain ends in time, and the next one, with memory, ends the ring.
 * Method: an inlet, who gathers, and who feeds the inlet, in every world and on threads; two stages
 * that feed each other, with each allocation of a drain the last one.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* For who does not end: a test that waits for ever tells nothing. */
static const uint64_t ENOUGH = 20000000000;

static struct rig rig;

/* ---- by way of an inlet -------------------------------------------------- */

/*
 *   inlet -> gather -> last -(feeds)-> inlet
 */
struct round {
    weir_inlet *inlet;
    struct player gather;
    struct player last;
};

enum { NUMBERS = 7 };

static weir_verdict let_go(weir_stage *self, struct player *player) {
    player->emitted += weir_stashed(self);
    RIG_CHECK(player->rig, weir_stash_emit(self, weir_stashed(self)) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Each number goes round until it is 0. */
static weir_verdict push_less(weir_stage *self, struct player *player, weir_batch batch) {
    const struct round *round = player->own;
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t less = numbers[i] - 1;
        if (numbers[i] > 0)
            RIG_CHECK(player->rig, weir_inlet_push(round->inlet, &less, 1, 0) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void start_round(struct round *round, bool keeps) {
    weir_ref stage;
    memset(round, 0, sizeof *round);
    assert_int_equal(weir_inlet_open(rig.runtime, &(weir_inlet_options){.event_bytes = 8},
                                     &round->inlet, &stage),
                     WEIR_OK);
    round->gather = (struct player){
        .name = "gather", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .own = round};
    round->gather.does.events = deed_stash;
    round->gather.does.end = keeps ? NULL : let_go;
    round->last =
        (struct player){.name = "last", .kind = WEIR_CONSUMER, .quiet = true, .own = round};
    round->last.does.events = push_less;
    PLAYERS_START(&rig, &round->gather, &round->last);
    assert_int_equal(weir_subscribe(rig.runtime, round->gather.ref, stage, NULL, NULL), WEIR_OK);
    player_subscribe(&round->last, &round->gather, NULL);
    assert_int_equal(weir_feeds(rig.runtime, round->last.ref, stage), WEIR_OK);
    for (uint64_t number = 0; number < NUMBERS; number++)
        assert_int_equal(weir_inlet_push(round->inlet, &number, 1, 0), WEIR_OK);
    rig.emitted = NUMBERS * (NUMBERS + 1) / 2; /* 0 once, 1 twice, and so on */
    rig_rest(&rig);
}

static void what_is_stashed_goes_round(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct round round;
        start_round(&round, false);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        assert_int_equal(round.last.handled, rig.emitted);
        weir_inlet_close(round.inlet);
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

/* Told its end, it says nothing: the ring may not end over it. */
static void a_stash_that_is_kept_is_named(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct round round;
        weir_drain_report report;
        start_round(&round, true);
        assert_int_equal(weir_runtime_drain(rig.runtime, 50000000, &report), WEIR_TIMEOUT);
        assert_string_equal(report.name, "gather");
        assert_int_equal(report.why, WEIR_HOLDUP_STASH);
        assert_int_equal(round.last.handled, 0);
        player_stop(&round.gather, WEIR_REASON_NORMAL);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        rig.emitted = NUMBERS;
        round.gather.handled = 0; /* they were, but only so that they could be kept */
        weir_inlet_close(round.inlet);
        assert_int_equal(rig_close(&rig).discarded, NUMBERS);
    }
}

/* ---- without memory ------------------------------------------------------ */

/* False: the drain has ended before it came to that allocation. */
static bool drain_with(uint64_t allocations) {
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    player_start(&a, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&b, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    assert_int_equal(weir_feeds(rig.runtime, a.ref, b.ref), WEIR_OK);
    assert_int_equal(weir_feeds(rig.runtime, b.ref, a.ref), WEIR_OK);
    rig_rest(&rig);
    test_memory_fail(&rig.memory, allocations + 1, true);
    weir_status status = weir_runtime_drain(rig.runtime, 10000000, NULL);
    assert_true(status == WEIR_OK || status == WEIR_TIMEOUT);
    test_memory_fail_never(&rig.memory);
    assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
    rig_close(&rig);
    return status != WEIR_OK;
}

/* It ends in the end, in the first drain or the second, and not by halves. */
static void a_ring_ends_however_short_memory_was(void **state) {
    enum { MOST = 60 };
    (void)state;
    uint64_t allocations = 0;
    while (allocations < MOST && drain_with(allocations)) allocations++;
    assert_true(allocations > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stashed_goes_round),
        cmocka_unit_test(a_stash_that_is_kept_is_named),
        cmocka_unit_test(a_ring_ends_however_short_memory_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
