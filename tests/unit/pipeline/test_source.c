/*
 * Sources: what is pulled goes out, and each message is settled once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the rules of source.h's head, for single messages.
 * Method: a driver that checks what it is promised (support/source_scene.h), a consumer that says
 * what becomes of each message, in every world; the ledger must name each token once.
 */
#include "support/cmocka.h"
#include "support/source_keeper.h"
#include "support/source_scene.h"
#include "support/worlds.h"

enum { MS = 1000000 };

static struct source_scene *const f = &source_scene;

/* ---- what goes through --------------------------------------------------------------------- */

static void each_is_acked_once(struct rig *rig) {
    source_scene_begin(rig, 3000);
    f->portion = 70;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK); /* it ends by itself */
    assert_true(weir_source_over(f->source));
    source_expect_all();
    source_expect(WEIR_MESSAGE_OK, 3000);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked, 3000);
    assert_int_equal(stats.outstanding, 0);
    assert_int_equal(stats.bytes, 0);
    source_scene_end();
}

static weir_outcome by_number(uint64_t number) {
    return (weir_outcome)(number % WEIR_MESSAGE_OUTCOMES);
}

static void outcomes_are_told(struct rig *rig) {
    source_scene_begin(rig, 600);
    source_scene_open();
    source_consume(by_number, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    source_expect_all();
    for (unsigned i = 0; i < WEIR_MESSAGE_OUTCOMES; i++) {
        source_expect((weir_outcome)i, 100);
    }
    for (uint64_t i = 0; i < 600; i++) {
        assert_int_equal(f->tokens[i].reason, i);
        assert_int_equal(f->tokens[i].why, WEIR_DISCARD_HANDLED);
    }
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked, 300);
    assert_int_equal(stats.naks, 300);
    source_scene_end();
}

static void demand_is_what_is_pulled(struct rig *rig) {
    source_scene_begin(rig, 1000);
    source_scene_open();
    rig_rest(rig);
    assert_int_equal(f->pulls, 0); /* nobody asks */
    weir_ref consumer = source_consume(NULL, 10);
    rig_rest(rig);
    assert_in_range(f->most_asked, 1, 10);
    weir_stop(rig->runtime, consumer, WEIR_REASON_NORMAL);
    source_scene_close();
    source_scene_end();
}

static void lent_memory_is_released_once(struct rig *rig) {
    source_scene_begin(rig, 500);
    f->lends = true;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    for (uint64_t i = 0; i < 500; i++) {
        assert_int_equal(f->tokens[i].released, 1);
        assert_int_equal(f->tokens[i].acks, 1);
    }
    source_scene_close();
    source_scene_end();
}

/* ---- bounds -------------------------------------------------------------------------------- */

static void outstanding_is_bounded(struct rig *rig) {
    source_scene_begin(rig, 200);
    f->options.max_outstanding = 100;
    f->overfull = 7;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    assert_int_equal(source_keeper.count, 100);
    assert_int_equal(f->made, 100);
    source_settle_kept(30);
    rig_rest(rig);
    assert_int_equal(f->made, 130);
    source_settle_kept(100);
    rig_rest(rig);
    assert_int_equal(f->made, 200);
    source_settle_kept(source_keeper.count);
    source_scene_close();
    source_expect_all();
    source_expect(WEIR_MESSAGE_OK, 200);
    source_scene_end();
}

static void outstanding_bytes_are_bounded(struct rig *rig) {
    source_scene_begin(rig, 200);
    f->options.max_outstanding_bytes = 95; /* each has 8 to 11 */
    source_scene_open();
    source_keep();
    rig_rest(rig);
    weir_source_stats stats;
    assert_int_equal(weir_source_statistics(f->source, &stats), WEIR_OK);
    assert_in_range(stats.bytes, 85, 95);
    assert_in_range(source_keeper.count, 8, 11);
    source_settle_kept(source_keeper.count);
    rig_rest(rig);
    assert_in_range(f->made, 17, 23);
    source_settle_kept(source_keeper.count);
    f->total = f->made;
    source_scene_close();
    source_settle_kept(source_keeper.count);
    source_scene_end();
}

/* ---- drops --------------------------------------------------------------------------------- */

static void what_is_lost_is_nakd(struct rig *rig) {
    source_scene_begin(rig, 100);
    f->options.max_outstanding = 60;
    source_scene_open();
    weir_ref ref = source_keep();
    rig_rest(rig);
    assert_int_equal(source_keeper.count, 60);
    source_settle_kept(10);
    weir_message_settle(source_keeper.kept, 50, WEIR_DISCARD_OVERFLOW);
    source_keeper.count = 0;
    assert_int_equal(weir_stop(rig->runtime, ref, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    source_expect(WEIR_MESSAGE_OK, 10);
    source_expect(WEIR_MESSAGE_NAK, 50);
    assert_int_equal(f->tokens[0].why, WEIR_DISCARD_OVERFLOW);
    f->total = f->made; /* whatever it has pulled since goes down with the stage */
    source_settle_kept(source_keeper.count);
    assert_int_equal(weir_stop(rig->runtime, f->stage, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    assert_true(weir_source_over(f->source));
    source_expect_all();
    source_scene_close();
    source_scene_end();
}

static void what_nobody_wants_is_acked(struct rig *rig) {
    source_scene_begin(rig, 100);
    source_scene_open();
    weir_ref ref = source_keep();
    rig_rest(rig);
    assert_int_equal(source_keeper.count, 100);
    weir_message_settle(source_keeper.kept, 100, WEIR_DISCARD_UNWANTED);
    rig_rest(rig);
    source_expect(WEIR_MESSAGE_OK, 100);
    assert_int_equal(f->tokens[99].why, WEIR_DISCARD_UNWANTED);
    (void)ref;
    source_scene_close();
    source_scene_end();
}

/* ---- lost connections ---------------------------------------------------------------------- */

static void a_lost_pull_begins_anew(struct rig *rig) {
    source_scene_begin(rig, 2000);
    f->portion = 100;
    f->lose_opens = 3;
    f->lose_pulls = 4;
    f->options.reopen_ns = MS;
    f->options.reopen_most_ns = 4 * MS;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    source_expect_all();
    assert_int_equal(f->opens, 3 + 1 + 4);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.lost, 7);
    assert_int_equal(stats.opened, 5);
    assert_int_equal(stats.acked, 2000);
    source_scene_end();
}

static void a_lost_ack_is_tried_again(struct rig *rig) {
    source_scene_begin(rig, 1000);
    f->lose_acks = 2;
    f->options.reopen_ns = MS;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    source_expect_all();
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.lost_acks, 0);
    source_scene_end();
}

static void an_ack_is_given_up_in_the_end(struct rig *rig) {
    source_scene_begin(rig, 100);
    f->lends = true;
    f->lose_acks = 3;
    f->options.reopen_ns = MS;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.lost_acks, 100);
    assert_int_equal(stats.acked, 0);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(f->tokens[i].released, 1);
    source_scene_end();
}

/* More than a byte counts. */
static void an_ack_has_many_tries(void **state) {
    static struct rig rig;
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1});
    source_scene_begin(&rig, 100);
    f->lose_acks = 300;
    f->options.ack_tries = 300;
    f->options.reopen_ns = MS;
    f->options.reopen_most_ns = MS;
    source_scene_open();
    source_consume(NULL, 0);
    while (f->lose_acks > 0) {
        assert_int_equal(weir_runtime_advance(rig.runtime, MS), WEIR_OK);
        rig.log.used = 0;
    }
    assert_int_equal(weir_runtime_advance(rig.runtime, 10 * MS), WEIR_OK);
    assert_int_equal(source_scene_close().lost_acks, 100);
    source_scene_end();
}

static void a_broken_driver_stops_the_stage(struct rig *rig) {
    source_scene_begin(rig, 100);
    f->breaks = true;
    source_scene_open();
    weir_ref consumer = source_consume(NULL, 0);
    weir_reason reason = WEIR_REASON_NORMAL;
    assert_int_equal(weir_wait(rig->runtime, consumer, WEIR_FOREVER, &reason), WEIR_OK);
    assert_int_equal(reason, WEIR_REASON_USER);
    rig_rest(rig);
    assert_true(weir_source_over(f->source));
    rig_expect_log(rig, "error: source scene: its driver is broken\n");
    source_scene_close();
    source_scene_end();
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void a_drain_waits_for_the_ledger(struct rig *rig) {
    source_scene_begin(rig, SOURCE_MOST);
    f->stays = true;
    source_scene_open();
    source_consume(NULL, 100);
    for (int i = 0; i < 20; i++) weir_runtime_step(rig->runtime, 3);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(rig->runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_true(weir_source_over(f->source));
    source_expect_all();
    source_expect(WEIR_MESSAGE_OK, f->made);
    source_scene_close();
    source_scene_end();
}

static void a_deadline_naks_the_rest(struct rig *rig) {
    source_scene_begin(rig, 100);
    f->stays = true;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    source_settle_kept(40);
    assert_int_equal(weir_source_finish(f->source, 10 * MS), WEIR_OK);
    rig_rest(rig);
    assert_false(weir_source_over(f->source));
    source_expect(WEIR_MESSAGE_OK, 40);
    assert_int_equal(weir_source_drain(f->source, 0, WEIR_FOREVER), WEIR_OK);
    source_expect(WEIR_MESSAGE_NAK, 60);
    source_expect_all();
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.abandoned, 60);
    source_settle_kept(60); /* too late for anybody to hear of it */
    source_expect(WEIR_MESSAGE_NAK, 60);
    source_scene_end();
}

static void what_is_lent_outlasts_the_deadline(struct rig *rig) {
    source_scene_begin(rig, 100);
    f->stays = true;
    f->lends = true;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    assert_int_equal(weir_source_drain(f->source, MS, WEIR_FOREVER), WEIR_OK);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(f->tokens[i].released, 0);
    source_scene_close();
    for (size_t i = 0; i < 100; i++) assert_true(source_number(&source_keeper.kept[i]) < 100);
    source_settle_kept(99);
    source_settle_kept(1);
    source_expect_all();
    source_scene_end();
}

static void a_stopped_runtime_naks(struct rig *rig) {
    source_scene_begin(rig, SOURCE_MOST);
    f->stays = true;
    source_scene_open();
    source_consume(by_number, 100);
    for (int i = 0; i < 30; i++) weir_runtime_step(rig->runtime, 2);
    assert_int_equal(weir_runtime_stop(rig->runtime, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    assert_true(weir_source_over(f->source));
    source_expect_all();
    source_scene_close();
    source_scene_end();
}

static void leases_are_extended(struct rig *rig) {
    source_scene_begin(rig, 50);
    f->stays = true;
    f->driver.lease_ns = 300 * MS;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    if (weir_runtime_advance(rig->runtime, 1000 * (uint64_t)MS) == WEIR_OK) {
        for (uint64_t i = 0; i < 50; i++) assert_in_range(f->tokens[i].extended, 9, 10);
    }
    source_settle_kept(50);
    rig_rest(rig);
    weir_source_stats stats = source_scene_close();
    assert_int_equal(stats.acked, 50);
    source_scene_end();
}

/* There are no leases, but somebody wants to hear that it lives. */
static void cumulative_drivers_are_called_while_nothing_is_pulled(struct rig *rig) {
    source_scene_begin(rig, 50);
    f->stays = true;
    f->driver.cumulative = true;
    f->driver.lease_ns = 300 * MS;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    if (weir_runtime_advance(rig->runtime, 1000 * (uint64_t)MS) == WEIR_OK) {
        for (uint64_t i = 0; i < 50; i++) assert_in_range(f->tokens[i].extended, 9, 10);
    }
    source_settle_kept(50);
    rig_rest(rig);
    source_scene_close();
    source_scene_end();
}

/* Opens a source, lets memory fail from that allocation on; whether any has failed by then. */
static bool rests_without_memory(struct rig *rig, uint64_t call) {
    enum { TURNS = 2000 };
    source_scene_begin(rig, 300);
    source_scene_open();
    source_consume(NULL, 0);
    test_memory_fail(&rig->memory, call, true);
    assert_true(weir_runtime_step(rig->runtime, TURNS) < TURNS);
    const uint64_t pulls = f->pulls;
    weir_runtime_run(rig->runtime, 4 * WEIR_SOURCE_IDLE_DEFAULT); /* it looks again, now and then */
    assert_true(f->pulls <= pulls + 5);
    const bool failed = rig->memory.calls >= rig->memory.fail_at;
    test_memory_fail_never(&rig->memory);
    rig_rest(rig);
    source_scene_close();
    source_expect_all();
    rig->log.used = 0; /* whoever consumes may have ended */
    source_scene_end();
    return failed;
}

static void without_memory_it_waits(void **state) {
    (void)state;
    static struct rig own;
    for (int world = 0; rig_open_world(&own, world); world++) {
        uint64_t call = 1;
        while (rests_without_memory(&own, call++)) {
            rig_open_world(&own, world);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(each_is_acked_once),
        TEST_IN_WORLDS(outcomes_are_told),
        TEST_IN_WORLDS(demand_is_what_is_pulled),
        TEST_IN_WORLDS(lent_memory_is_released_once),
        TEST_IN_WORLDS(outstanding_is_bounded),
        TEST_IN_WORLDS(outstanding_bytes_are_bounded),
        TEST_IN_WORLDS(what_is_lost_is_nakd),
        TEST_IN_WORLDS(what_nobody_wants_is_acked),
        TEST_IN_WORLDS(a_lost_pull_begins_anew),
        TEST_IN_WORLDS(a_lost_ack_is_tried_again),
        TEST_IN_WORLDS(an_ack_is_given_up_in_the_end),
        cmocka_unit_test(an_ack_has_many_tries),
        TEST_IN_WORLDS(a_broken_driver_stops_the_stage),
        TEST_IN_WORLDS(a_drain_waits_for_the_ledger),
        TEST_IN_WORLDS(a_deadline_naks_the_rest),
        TEST_IN_WORLDS(what_is_lent_outlasts_the_deadline),
        TEST_IN_WORLDS(a_stopped_runtime_naks),
        TEST_IN_WORLDS(leases_are_extended),
        TEST_IN_WORLDS(cumulative_drivers_are_called_while_nothing_is_pulled),
        cmocka_unit_test(without_memory_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
