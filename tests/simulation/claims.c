/*
 * Simulates who has a claim not to be refused by a stage that finishes.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   holder   threads that take tokens of a stage, cast to it and give them back, while it is
 *            told to finish; others cast without a token
 *   feeder   a stage that pushes into an inlet while the runtime drains: weir learns of it by
 *            the first push, or is told before
 *
 *   ring     two stages that cast to each other, on two workers, while the runtime drains and a
 *            thread casts to them
 *   loop     an inlet, and its consumer, which pushes into it again, likewise
 *
 * Properties: who holds a token is not refused; nor is a feeder, once weir_feeds was WEIR_OK or
 * something of his was taken; what was accepted is handled; the stage ends.
 */
#include "driver.h"
#include "world.h"

enum { HOLDERS = 2, TIMES = 3, PUSHES = 3, CASTS = 12 };

static struct {
    weir_ref stage;
    uint64_t accepted;
    weir_inlet *inlet;
    weir_ref inlet_stage;
    weir_ref ones[2]; /* of the ring */
} scene;

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
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

/* --- ring --------------------------------------------------------------------------------- */

static weir_verdict pass_on(weir_stage *self, const void *message, size_t bytes) {
    uint64_t hops = *(const uint64_t *)message;
    (void)bytes;
    world.casts++;
    if (hops-- > 0) {
        weir_ref other = scene.ones[weir_self(self).bits == scene.ones[0].bits];
        must(weir_cast(world.runtime, other, &hops, sizeof hops));
        scene.accepted++;
    }
    return WEIR_CONTINUE;
}

static void run_ring_caster(void *unused) {
    (void)unused;
    for (int i = 0; i < CASTS; i++) {
        uint64_t hops = 1 + sim_draw(2);
        moment(1000);
        weir_status status = weir_cast(world.runtime, scene.ones[sim_draw(2)], &hops, sizeof hops);
        scene.accepted += status == WEIR_OK;
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    }
}

static void ring_main(void *unused) {
    (void)unused;
    world.least = 2;
    world_open_runtime();
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .on = {.handle_events = no_events, .handle_cast = pass_on}};
    for (unsigned i = 0; i < 2; i++) {
        options.worker = WEIR_WORKER(i);
        must(weir_stage_start(world.runtime, &options, &scene.ones[i]));
    }
    must(weir_feeds(world.runtime, scene.ones[0], scene.ones[1]));
    must(weir_feeds(world.runtime, scene.ones[1], scene.ones[0]));
    int caster = sim_spawn("caster", run_ring_caster, NULL);
    moment(100);
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
    sim_join(caster);
    world_close_runtime();
    SIM_REQUIRE(world.casts == scene.accepted);
}

/* --- loop --------------------------------------------------------------------------------- */

static weir_verdict push_back(weir_stage *self, weir_batch batch) {
    const uint64_t *event = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        world.casts++;
        if (event[i] > 0) {
            uint64_t again = event[i] - 1;
            must(weir_inlet_push(scene.inlet, &again, 1, 0));
            scene.accepted++;
        }
    }
    return WEIR_CONTINUE;
}

static void run_loop_pusher(void *unused) {
    (void)unused;
    for (int i = 0; i < TIMES; i++) {
        uint64_t hops = sim_draw(3);
        moment(200);
        weir_status status = weir_inlet_push(scene.inlet, &hops, 1, 0);
        scene.accepted += status == WEIR_OK;
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    }
}

static void loop_main(void *unused) {
    (void)unused;
    world.least = 2;
    world_open_runtime();
    weir_inlet_options options = {.event_bytes = sizeof(uint64_t), .worker = WEIR_WORKER(0)};
    must(weir_inlet_open(world.runtime, &options, &scene.inlet, &scene.inlet_stage));
    weir_subscribe_to to = {.producer = scene.inlet_stage};
    weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                   .worker = WEIR_WORKER(1),
                                   .subscribe_to = &to,
                                   .subscribe_count = 1,
                                   .on = {.handle_events = push_back}};
    must(weir_stage_start(world.runtime, &consumer, &scene.stage));
    must(weir_feeds(world.runtime, scene.stage, scene.inlet_stage));
    int pusher = sim_spawn("pusher", run_loop_pusher, NULL);
    moment(100);
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
    sim_join(pusher);
    weir_inlet_close(scene.inlet);
    world_close_runtime();
    SIM_REQUIRE(world.casts == scene.accepted);
}

/* --- the list ----------------------------------------------------------------------------- */

static void begin(const struct sim_scenario *scenario) {
    scene.accepted = 0;
    world_begin(scenario->run, 12);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"holder", 10000, 2000000, true, begin, NULL, holder_main, 0},
        {"feeder", 10000, 2000000, true, begin, NULL, feeder_main, 0},
        {"ring", 6000, 2000000, true, begin, NULL, ring_main, 0},
        {"loop", 6000, 2000000, true, begin, NULL, loop_main, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
