/*
 * Draining a runtime.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: everything in flight is handled and nothing new is made; the report has
 * the accounts, or names the stage that holds it up, which keeps events that
 * nobody asks for or is in a callback; afterwards nothing can be started.
 * Method: pipelines in every world and on threads; inlets; a callback that
 * waits.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/player.h"

#include "base/atomic.h"

#include <sched.h>
#include <string.h>

/* Until all but who holds it up have ended, however busy the machine is. */
enum { ENOUGH_NS = 300000000 };

static struct rig rig;

static bool open_any(int world) {
    if (world == 0) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2});
        return true;
    }
    return rig_open_world(&rig, world - 1);
}

static void start_pipeline(struct player *stages, const weir_subscribe_options *options) {
    stages[0] = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = UINT64_MAX};
    stages[1] = (struct player){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER};
    stages[2] = (struct player){.name = "sink", .kind = WEIR_CONSUMER};
    for (int i = 0; i < 3; i++) {
        stages[i].quiet = true;
        player_start(&stages[i], &rig, NULL);
        if (i > 0) player_subscribe(&stages[i], &stages[i - 1], options);
    }
}

static void a_busy_pipeline_is_drained(void **state) {
    (void)state;
    static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY};
    for (int world = 0; open_any(world); world++) {
        struct player stages[3];
        weir_drain_report report;
        start_pipeline(stages,
                       &(weir_subscribe_options){.max_demand = 10, .cancel = modes[world % 3]});
        if (world > 0) weir_runtime_step(rig.runtime, 200);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
        assert_int_equal(report.stages, 0);
        assert_string_equal(report.name, "");
        assert_int_equal(report.accounts.discarded, 0);
        assert_int_equal(report.accounts.handled, report.accounts.emitted);
        assert_int_equal(stages[0].emitted, stages[2].handled);
        assert_int_equal(weir_runtime_drain(rig.runtime, 0, NULL), WEIR_OK); /* again */
        rig_close(&rig);
    }
}

static weir_verdict emit_the_rest(weir_stage *self, struct player *player) {
    player_emit(self, player->limit - player->next);
    return WEIR_CONTINUE;
}

static void a_stage_may_emit_what_it_kept(void **state) {
    (void)state;
    for (int world = 0; open_any(world); world++) {
        struct player p = {.name = "p",
                           .kind = WEIR_PRODUCER,
                           .limit = 50,
                           .emits = PLAYER_COPIES,
                           .does.drain = emit_the_rest};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        PLAYERS_START(&rig, &p, &c);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 3});
        if (world > 0) weir_runtime_step(rig.runtime, 3);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_int_equal(c.handled, 50);
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

static void held_demand_is_let_go(void **state) {
    (void)state;
    for (int world = 0; open_any(world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, NULL);
        player_cast(&p, 6);
        rig_rest(&rig);
        assert_int_equal(c.handled, 0);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_int_equal(c.handled, 6);
        rig_close(&rig);
    }
}

static void an_inlet_takes_no_more_and_is_emptied(void **state) {
    (void)state;
    for (int world = 0; open_any(world); world++) {
        weir_inlet *inlet;
        weir_ref stage;
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        const weir_inlet_options options = {.event_bytes = 8, .capacity = 100};
        uint64_t events[60] = {0};
        assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &stage), WEIR_OK);
        player_start(&c, &rig, NULL);
        assert_int_equal(weir_subscribe(rig.runtime, c.ref, stage,
                                        &(weir_subscribe_options){.max_demand = 7}, NULL),
                         WEIR_OK);
        assert_int_equal(weir_inlet_push(inlet, events, 60, 0), WEIR_OK);
        rig.emitted = 60;
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_int_equal(c.handled, 60);
        assert_int_equal(weir_inlet_push(inlet, events, 1, 0), WEIR_NO_STAGE);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

/* ---- what holds it up ---------------------------------------------------- */

static void who_keeps_events_that_nobody_asks_for_is_named(void **state) {
    (void)state;
    for (int world = 0; open_any(world); world++) {
        struct player p = {.name = "lonely", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        weir_drain_report report;
        PLAYERS_START(&rig, &p, &c);
        player_cast(&p, 5);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH_NS, &report), WEIR_TIMEOUT);
        assert_int_equal(report.stages, 1);
        assert_string_equal(report.name, "lonely");
        assert_true(report.stage.bits == p.ref.bits);
        assert_int_equal(report.accounts.buffered, 5);
        assert_int_equal(player_try_start(&c, &rig, NULL), WEIR_CLOSED);
        assert_string_equal(weir_refusal(), "the runtime is draining");
        rig.players = &p;
        assert_int_equal(rig_close(&rig).discarded, 5);
    }
}

/* It cannot come to the end of its producer: what was sent before that waits. */
static void who_keeps_what_its_producer_has_left_is_named(void **state) {
    (void)state;
    for (int world = 0; open_any(world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 5};
        struct player relay = {.name = "relay", .kind = WEIR_PRODUCER_CONSUMER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
        weir_drain_report report;
        player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_start(&relay, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_subscribe(&relay, &p, NULL);
        player_subscribe(&c, &relay, NULL);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH_NS, &report), WEIR_TIMEOUT);
        assert_int_equal(report.stages, 2);
        assert_string_equal(report.name, "relay");
        rig_close(&rig);
    }
}

static void who_is_in_a_callback_is_named(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    struct player c = {.name = "busy", .kind = WEIR_CONSUMER, .does.cast = deed_stay_in_cast};
    weir_drain_report report;
    player_start(&c, &rig, NULL);
    player_cast(&c, 1);
    while (weir__load_relaxed_u32(&deed_gate.inside) == 0) sched_yield();
    assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_string_equal(report.name, "busy");
    assert_true(report.stage.bits == c.ref.bits);
    weir__exchange_u32(&deed_gate.leave, 1);
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    rig_close(&rig);
}

static weir_verdict drain_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig,
              weir_runtime_drain(weir_stage_runtime(self), 0, NULL) == WEIR_WRONG_THREAD);
    return WEIR_CONTINUE;
}

static void a_callback_cannot_drain(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = drain_inside};
    player_start(&c, &rig, NULL);
    player_cast(&c, 1);
    rig_rest(&rig);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_pipeline_is_drained),
        cmocka_unit_test(a_stage_may_emit_what_it_kept),
        cmocka_unit_test(held_demand_is_let_go),
        cmocka_unit_test(an_inlet_takes_no_more_and_is_emptied),
        cmocka_unit_test(who_keeps_events_that_nobody_asks_for_is_named),
        cmocka_unit_test(who_keeps_what_its_producer_has_left_is_named),
        cmocka_unit_test(who_is_in_a_callback_is_named),
        cmocka_unit_test(a_callback_cannot_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
