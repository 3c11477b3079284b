/*
 * Simulates the timely worker: it opens at any moment, whatever the runtime is about.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: two fibers, or a callback, start stages there, and send them something, while the main
 * one drains, settles or stops the runtime, a drawn distance away.  Whatever the order, the runtime
 * ends; what was accepted is handled, and whoever settles behind it sees that.
 *
 *   opened   by fibers
 *   called   by a callback, which is not at rest before it has
 */
#include "driver.h"
#include "world.h"

enum { STARTERS = 2, STAGES = 2, SETTLERS = 6 };

static uint64_t sent, came, dropped;

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_verdict hear(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    came++;
    return WEIR_CONTINUE;
}

/* On the timely worker, or none: it drains. */
static void start_timely(void) {
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .name = "timely",
                                        .event_bytes = sizeof(uint64_t),
                                        .worker = WEIR_TIMELY_WORKER,
                                        .on = {.handle_events = take, .handle_cast = hear}};
    weir_ref stage;
    weir_status status = weir_stage_start(world.runtime, &options, &stage);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_CLOSED);
    if (status != WEIR_OK) return;
    status = weir_cast(world.runtime, stage, NULL, 0);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    sent += status == WEIR_OK;
}

static void start_some(void *unused) {
    (void)unused;
    for (int i = 0; i < STAGES; i++) {
        moment(40);
        start_timely();
    }
}

static weir_verdict open_in_callback(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    start_timely();
    return WEIR_CONTINUE;
}

static void end_all(void) {
    weir_runtime_stop(world.runtime, WEIR_REASON_NORMAL);
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    weir_accounts accounts;
    must(weir_runtime_accounts(world.runtime, &accounts));
    dropped = accounts.messages_dropped;
    SIM_REQUIRE(came + dropped == sent);
    world_close_runtime();
}

static void begin(const struct sim_scenario *scenario) {
    sent = came = dropped = 0;
    world_begin(scenario->run, 1);
}

static void opened_main(void *unused) {
    (void)unused;
    int starters[STARTERS];
    world_open_runtime();
    for (int i = 0; i < STARTERS; i++) starters[i] = sim_spawn("starter", start_some, NULL);
    bool drains = sim_draw(2) == 0;
    moment(200);
    if (drains) {
        must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
    } else {
        must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    }
    for (int i = 0; i < STARTERS; i++) sim_join(starters[i]);
    if (drains) {
        must(weir_runtime_run(world.runtime, WEIR_FOREVER)); /* those that were being started */
    } else {
        must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
        SIM_REQUIRE(came == sent);
    }
    end_all();
}

/* The callback's own is at rest only then, too. */
static void settle(void *unused) {
    (void)unused;
    moment(60);
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    SIM_REQUIRE(sent == 1 && came == 1);
}

static void called_main(void *unused) {
    (void)unused;
    int settlers[SETTLERS];
    weir_ref stage;
    world_open_runtime();
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "caller",
        .event_bytes = sizeof(uint64_t),
        .worker = world_somewhere(),
        .on = {.handle_events = take, .handle_cast = open_in_callback}};
    must(weir_stage_start(world.runtime, &options, &stage));
    must(weir_cast(world.runtime, stage, NULL, 0));
    for (int i = 0; i < SETTLERS; i++) settlers[i] = sim_spawn("settler", settle, NULL);
    for (int i = 0; i < SETTLERS; i++) sim_join(settlers[i]);
    end_all();
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"opened", 3000, 2000000, true, begin, NULL, opened_main, 0},
        {"called", 3000, 2000000, true, begin, NULL, called_main, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
