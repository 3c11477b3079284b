/*
 * Cumulative sources: positions of lanes, and what is delivered again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a lane's position never passes a message that is not settled, whatever the order in which
 * messages are, and in the end has passed all that were.
 * Method: the driver (support/source_scene.h) looks at each position that it is told whether all
 * below it was settled; consumers take messages, and settle them in random order, with random
 * outcomes, while connections are lost, in 300 simulated runs.
 */
#include "base/rng.h"
#include "support/cmocka.h"
#include "support/source_scene.h"
#include "support/worlds.h"

enum { MS = 1000000 };

static struct source_scene *const f = &source_scene;

static void begin(struct rig *rig, uint64_t total, unsigned lanes) {
    source_scene_begin(rig, total);
    f->driver.cumulative = true;
    f->lanes = lanes;
    f->options.redeliver_ns = 10 * MS;
}

/* ---- who keeps messages -------------------------------------------------------------------- */

static weir_message kept[4096];
static size_t kept_count;

static weir_verdict keep(weir_stage *self, weir_batch batch) {
    RIG_CHECK(f->rig, kept_count + batch.count <= 4096);
    RIG_CHECK(f->rig, weir_take(self, 0, batch.count, &kept[kept_count]) == WEIR_OK);
    kept_count += batch.count;
    return WEIR_CONTINUE;
}

static void start_keeper(void) {
    const weir_subscribe_to to = {.producer = f->stage, .options = {.max_demand = 100}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = keep}};
    kept_count = 0;
    assert_int_equal(weir_stage_start(f->rig->runtime, &options, NULL), WEIR_OK);
}

/* Settles the one in that place. */
static void settle(size_t place, weir_outcome outcome) {
    weir_message message = kept[place];
    kept[place] = kept[--kept_count];
    message.outcome = (uint8_t)outcome;
    if (outcome < WEIR_MESSAGE_FAILED) source_settles(&message);
    weir_message_settle(&message, 1, WEIR_DISCARD_HANDLED);
}

static void settle_all(struct rig *rig) {
    do {
        while (kept_count > 0) settle(0, WEIR_MESSAGE_OK);
        rig_rest(rig);
    } while (kept_count > 0);
}

static size_t place_of(uint64_t number) {
    for (size_t i = 0; i < kept_count; i++) {
        if (source_number(&kept[i]) == number) return i;
    }
    fail_msg("%s", "it is not kept");
    return 0;
}

/* ---- positions ----------------------------------------------------------------------------- */

static void positions_pass_all(struct rig *rig) {
    begin(rig, 3000, SOURCE_LANES);
    f->portion = 77;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    for (uint64_t i = 0; i < 3000; i++) assert_int_equal(f->tokens[i].acks, 1);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked, 3000);
    source_scene_end();
}

static void a_position_waits_for_a_hole(struct rig *rig) {
    begin(rig, 10, 1);
    f->stays = true;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    assert_int_equal(kept_count, 10);
    for (uint64_t number = 9; number > 0; number--) settle(place_of(number), WEIR_MESSAGE_OK);
    rig_rest(rig);
    assert_int_equal(f->below[0], 0);
    settle(0, WEIR_MESSAGE_SKIP);
    rig_rest(rig);
    assert_int_equal(f->acks, 1); /* of all ten */
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(f->tokens[i].acks, 1);
    source_scene_close();
    source_scene_end();
}

static void a_nak_is_delivered_again(struct rig *rig) {
    begin(rig, 3, 1);
    f->stays = true;
    f->lends = true;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    settle(place_of(0), WEIR_MESSAGE_FAILED);
    settle(place_of(1), WEIR_MESSAGE_OK);
    settle(place_of(2), WEIR_MESSAGE_OK);
    rig_rest(rig);
    assert_int_equal(kept_count, 0);
    assert_int_equal(f->below[0], 0);
    assert_int_equal(f->tokens[0].released, 0);
    if (weir_runtime_advance(rig->runtime, 11 * MS) == WEIR_OK) {
        assert_int_equal(kept_count, 1);
        assert_int_equal(source_number(&kept[0]), 0);
        assert_int_equal(kept[0].deliveries, 1);
        assert_int_equal(kept[0].tries, 0);
        settle(0, WEIR_MESSAGE_DEAD);
        rig_rest(rig);
        assert_true(f->below[0] > 2);
        weir_source_stats stats = source_scene_close();
        assert_int_equal(stats.redelivered, 1);
        assert_int_equal(stats.acked, 3);
    } else {
        source_scene_close();
    }
    source_scene_end();
}

static void what_is_nakd_at_the_end_is_left(struct rig *rig) {
    begin(rig, 10, 1);
    f->stays = true;
    f->lends = true;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    for (uint64_t number = 0; number < 10; number++) {
        settle(place_of(number), number == 4 ? WEIR_MESSAGE_RETRY : WEIR_MESSAGE_OK);
    }
    rig_rest(rig);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked, 4);
    assert_int_equal(stats.left, 6);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(f->tokens[i].acks, i < 4);
        assert_int_equal(f->tokens[i].released, 1);
    }
    source_scene_end();
}

static void what_is_out_at_the_deadline_is_left(struct rig *rig) {
    begin(rig, 10, 1);
    f->stays = true;
    f->lends = true;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    settle(place_of(0), WEIR_MESSAGE_OK);
    assert_int_equal(weir_source_drain(f->source, MS, WEIR_FOREVER), WEIR_OK);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked, 1);
    assert_int_equal(stats.left, 9);
    assert_int_equal(stats.abandoned, 9);
    assert_int_equal(stats.outstanding, 0);
    while (kept_count > 0) settle(0, WEIR_MESSAGE_OK);
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(f->tokens[i].released, 1);
    source_scene_end();
}

static void a_lane_is_no_longer_than_its_span(struct rig *rig) {
    begin(rig, 100, 1);
    f->driver.span = 20;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    assert_in_range(kept_count, 10, 20); /* a position rises by 1 to 3 */
    assert_true(f->refused > 0);
    uint64_t before = f->made;
    settle(place_of(before - 1), WEIR_MESSAGE_OK);
    rig_rest(rig);
    assert_int_equal(f->made, before);
    for (uint64_t number = 0; number < 3; number++) settle(place_of(number), WEIR_MESSAGE_OK);
    rig_rest(rig);
    assert_true(f->made > before);
    settle_all(rig);
    assert_int_equal(f->made, 100);
    source_scene_close();
    source_scene_end();
}

/* ---- a lane goes ----------------------------------------------------------------------------- */

static void a_revoked_lane_is_forgotten(struct rig *rig) {
    begin(rig, 40, 2);
    f->stays = true;
    f->total = 20;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    assert_int_equal(kept_count, 20);
    for (uint64_t number = 0; number < 10; number++) settle(place_of(number), WEIR_MESSAGE_OK);
    f->revokes = true;
    f->total = 22; /* so that there is a pull that adds something */
    if (weir_runtime_advance(rig->runtime, 20 * MS) != WEIR_OK) f->revokes = false;
    bool revoked = f->below[0] > 0 && f->made == 22;
    uint64_t below = f->below[0];
    for (uint64_t number = 10; number < 20; number++) settle(place_of(number), WEIR_MESSAGE_OK);
    settle_all(rig);
    weir_source_stats stats = source_scene_close();
    if (revoked) {
        assert_int_equal(stats.forgotten, 5);
        assert_int_equal(stats.acked, 17);
        assert_true(f->below[0] > below); /* of what came behind it */
    }
    source_scene_end();
}

static void settle_them(void) {
    while (kept_count > 0) settle(0, WEIR_MESSAGE_OK);
}

/* The ack of the first meets LOST: none follows before the driver is open again. */
static void lanes_are_revoked_while_it_is_lost(struct rig *rig) {
    begin(rig, 40, SOURCE_LANES);
    f->stays = true;
    f->options.reopen_ns = MS;
    source_scene_open();
    start_keeper();
    rig_rest(rig);
    assert_int_equal(kept_count, 40);
    f->meanwhile = settle_them; /* else they would be told before the pull */
    f->revokes_all = true;
    f->lose_acks = 1;
    f->revokes = true;
    f->total = 44; /* so that there is a pull that adds something */
    if (weir_runtime_advance(rig->runtime, 20 * MS) != WEIR_OK) f->revokes = false;
    settle_all(rig);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked + stats.lost_acks, f->made);
    source_scene_end();
}

/* ---- at random ------------------------------------------------------------------------------- */

static void settle_some(struct weir__rng *rng) {
    for (uint64_t n = weir__rng_below(rng, 40); n > 0 && kept_count > 0; n--) {
        weir_outcome outcome = (weir_outcome)weir__rng_below(rng, WEIR_MESSAGE_OUTCOMES);
        settle((size_t)weir__rng_below(rng, kept_count), outcome);
    }
}

static void play_at_random(struct rig *rig, uint64_t seed) {
    struct weir__rng rng;
    weir__rng_seed(&rng, seed);
    begin(rig, 200 + weir__rng_below(&rng, 400), 1 + (unsigned)weir__rng_below(&rng, SOURCE_LANES));
    f->portion = 1 + weir__rng_below(&rng, 100);
    f->lends = weir__rng_below(&rng, 2) == 0;
    f->driver.span = (uint32_t)(1 + weir__rng_below(&rng, 200));
    f->options.max_outstanding = 20 + (size_t)weir__rng_below(&rng, 200);
    f->options.redeliver_ns = 1 + weir__rng_below(&rng, 3 * MS);
    f->options.ack_tries = 1000;
    f->options.reopen_ns = MS;
    source_scene_open();
    start_keeper();
    for (int i = 0; i < 5000 && (!weir_source_over(f->source) || kept_count > 0); i++) {
        weir_runtime_step(rig->runtime, (size_t)weir__rng_below(&rng, 30));
        settle_some(&rng);
        if (weir__rng_below(&rng, 10) == 0) f->lose_acks = 1;
        if (weir__rng_below(&rng, 20) == 0) f->lose_pulls = 1;
        if (weir__rng_below(&rng, 4) == 0) weir_runtime_advance(rig->runtime, MS);
    }
    weir_source_finish(f->source, WEIR_FOREVER);
    while (kept_count > 0 || !weir_source_over(f->source)) {
        while (kept_count > 0) settle(0, WEIR_MESSAGE_OK);
        weir_runtime_advance(rig->runtime, 10 * MS);
    }
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.lost_acks + stats.forgotten + stats.naks, 0);
    uint64_t acked = 0;
    for (uint64_t i = 0; i < f->made; i++) {
        acked += f->tokens[i].acks;
        assert_int_equal(f->tokens[i].released, f->lends);
    }
    assert_int_equal(acked, stats.acked);
    source_scene_end();
}

static void positions_at_random(void **state) {
    static struct rig rig;
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        const weir_runtime_options options = {
            .mode = WEIR_SIMULATED, .workers = 1 + (unsigned)(seed % 3), .seed = seed};
        rig_open(&rig, &options);
        play_at_random(&rig, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(positions_pass_all),
        TEST_IN_WORLDS(a_position_waits_for_a_hole),
        TEST_IN_WORLDS(a_nak_is_delivered_again),
        TEST_IN_WORLDS(what_is_nakd_at_the_end_is_left),
        TEST_IN_WORLDS(what_is_out_at_the_deadline_is_left),
        TEST_IN_WORLDS(a_lane_is_no_longer_than_its_span),
        TEST_IN_WORLDS(a_revoked_lane_is_forgotten),
        TEST_IN_WORLDS(lanes_are_revoked_while_it_is_lost),
        cmocka_unit_test(positions_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
