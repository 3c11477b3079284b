/*
 * Simulates who has a claim not to be refused by a stage that finishes.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   holder   threads that take tokens of a stage, cast to it and give them back, while it is
 *            told to finish; others cast without a token
 *   feeder   a stage that pushes into an inlet while the runtime drains: weir learns of it by
 *            the first push, or is told before
 *
 * Properties: who holds a token is not refused; nor is a feeder, once weir_feeds was WEIR_OK or
 * something of his was taken; what was accepted is handled; the stage ends.
 */
#include "driver.h"
#include "world.h"

enum { HOLDERS = 2, TIMES = 3, PUSHES = 3 };

static struct {
    weir_ref stage;
    uint64_t accepted;
    weir_inlet *inlet;
    weir_ref inlet_stage;
} scene;

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

static weir_verdict no_events(weir_stage *self, weir_batch *batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

/* --- holder ------------------------------------------------------------------------------- */

static weir_verdict count_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    world.casts++;
    return WEIR_CONTINUE;
}

static void run_holder(void *unused) {
    (void)unused;
    for (int i = 0; i < TIMES; i++) {
        weir_token token;
        moment(30);
        if (weir_busy(world.runtime, scene.stage, &token) != WEIR_OK) return;
        moment(30);
        must(weir_cast(world.runtime, scene.stage, NULL, 0));
        scene.accepted++;
        must(weir_done(world.runtime, token));
    }
}

static void run_caster(void *unused) {
    (void)unused;
    for (int i = 0; i < TIMES; i++) {
        moment(30);
        weir_status status = weir_cast(world.runtime, scene.stage, NULL, 0);
        scene.accepted += status == WEIR_OK;
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    }
}

static void holder_main(void *unused) {
    int threads[HOLDERS + 1];
    (void)unused;
    world_open_runtime();
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .on = {.handle_events = no_events, .handle_cast = count_cast}};
    scene.stage = world_start_stage(options, 0, NULL);
    threads[HOLDERS] = sim_spawn("caster", run_caster, NULL);
    for (int i = 0; i < HOLDERS; i++) threads[i] = sim_spawn("holder", run_holder, NULL);
    moment(100);
    must(weir_finish(world.runtime, scene.stage));
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    for (int i = 0; i < HOLDERS + 1; i++) sim_join(threads[i]);
    world_close_runtime();
    SIM_REQUIRE(world.casts == scene.accepted);
}

/* --- feeder ------------------------------------------------------------------------------- */

static weir_verdict feed(weir_stage *self, const void *told, size_t bytes) {
    bool claims = bytes > 0;
    (void)self, (void)told;
    for (uint64_t i = 0; i < PUSHES; i++) {
        uint64_t event = world_event(0, world.pushed);
        weir_status status = weir_inlet_push(scene.inlet, &event, 1, 0);
        SIM_REQUIRE(status == WEIR_OK || (status == WEIR_NO_STAGE && !claims));
        claims = claims || status == WEIR_OK;
        world.pushed += status == WEIR_OK;
    }
    return WEIR_CONTINUE;
}

/* Sometimes weir is told who feeds the inlet, while the runtime drains. */
static void run_starter(void *unused) {
    bool told = sim_draw(2) == 0;
    (void)unused;
    moment(60);
    told = told && weir_feeds(world.runtime, scene.stage, scene.inlet_stage) == WEIR_OK;
    moment(20);
    weir_status status = weir_cast(world.runtime, scene.stage, "told", told ? 4 : 0);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
}

static void feeder_main(void *unused) {
    (void)unused;
    world_open_runtime();
    world.in_order = true;
    world.total = PUSHES;
    weir_inlet_options options = {.event_bytes = sizeof(uint64_t), .worker = world_somewhere()};
    must(weir_inlet_open(world.runtime, &options, &scene.inlet, &scene.inlet_stage));
    world_start_consumer(1, &scene.inlet_stage);
    weir_stage_options feeder = {.kind = WEIR_CONSUMER,
                                 .on = {.handle_events = no_events, .handle_cast = feed}};
    scene.stage = world_start_stage(feeder, 0, NULL);
    int starter = sim_spawn("starter", run_starter, NULL);
    moment(150);
    weir_drain_report report;
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, &report));
    sim_join(starter);
    weir_inlet_close(scene.inlet);
    world_close_runtime();
    SIM_REQUIRE(report.stages == 0 && world.discarded == 0);
    SIM_REQUIRE(world.handled == world.pushed);
}

/* --- the list ----------------------------------------------------------------------------- */

static void begin(void (*run)(void *argument)) {
    scene.accepted = 0;
    world_begin(run, 12);
}

static void begin_holder(void) {
    begin(holder_main);
}

static void begin_feeder(void) {
    begin(feeder_main);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"holder", 10000, 2000000, true, begin_holder, NULL},
        {"feeder", 10000, 2000000, true, begin_feeder, NULL},
    };
    return sim_main(count, arguments, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
