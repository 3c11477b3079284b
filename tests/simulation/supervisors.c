/*
 * Simulates supervisors: stages that are killed, started again, and subscribed again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a source, a relay and a sink, each with a registered name, under a
 * supervisor of a drawn strategy that allows exactly as many restarts as there
 * are kills; a fiber kills some of them.  So a restart that is refused (a name
 * that is not free yet), or one too many, is the end, and an error in the log.
 *
 *   survive   at rest each number was handled once, or discarded and counted
 *   losses    the same where who loses his producer dies of it: that is no failure of
 *             his own, so only the kills count, whoever's end is heard of first
 *   end       the runtime drains, stops or closes among the kills: nothing is
 *             started then, and nobody waits for ever
 *   no_memory some requests for memory fail: it goes on, or gives up in order
 */
#include "driver.h"
#include "world.h"

enum { CHILDREN = 3 };

static weir_ref supervisor;
static uint64_t kills;
static uint64_t next;         /* the source's next number: it survives the source */
static weir_cancel_mode mode; /* of the subscriptions */

static weir_verdict give(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && next < world.total; demand--) {
        uint64_t event = world_event(0, next);
        if (!must(weir_emit(self, &event, 1))) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        next++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static bool start(void) {
    static const char *const names[] = {"source", "relay", "sink"};
    static const weir_kind kinds[] = {WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, WEIR_CONSUMER};
    weir_stage_options stages[CHILDREN];
    weir_subscribe_to from[CHILDREN];
    weir_supervised children[CHILDREN] = {0};
    for (unsigned i = 0; i < CHILDREN; i++) {
        from[i] = (weir_subscribe_to){.options = world_some_demand()};
        from[i].options.cancel = mode;
        from[i].producer = WEIR_SIBLING(i - 1);
        if (i > 0 && sim_draw(2) == 0) from[i].name = names[i - 1];
        stages[i] =
            (weir_stage_options){.kind = kinds[i],
                                 .name = names[i],
                                 .registered = true,
                                 .event_bytes = kinds[i] == WEIR_CONSUMER ? 0 : sizeof(uint64_t),
                                 .state_bytes = sizeof(struct consumer),
                                 .worker = world_somewhere(),
                                 .subscribe_to = i > 0 ? &from[i] : NULL,
                                 .subscribe_count = i > 0 ? 1 : 0,
                                 .on.discarded = world_discarded};
        children[i].stage = &stages[i];
    }
    stages[0].on.handle_demand = give;
    stages[1].on.handle_events = pass_on;
    stages[2].on.handle_events = world_check_off;
    /* A stop of the runtime comes to the last worker last. */
    unsigned last = WEIR_WORKER(world.workers - 1);
    const weir_supervisor_options options = {.worker = sim_draw(2) == 0 ? last : world_somewhere(),
                                             .strategy = (weir_strategy)sim_draw(3),
                                             .max_restarts = kills == 0 ? WEIR_NONE : kills,
                                             .children = children,
                                             .child_count = CHILDREN};
    return must(weir_supervisor_start(world.runtime, &options, &supervisor));
}

/* At once or at rest, now and then waiting for the end. */
static void kill_one(void) {
    weir_ref stage;
    weir_status status = weir_supervisor_child(world.runtime, supervisor, (uint32_t)sim_draw(3),
                                               WEIR_FOREVER, &stage);
    if (status == WEIR_OK) {
        status = sim_draw(2) == 0
                     ? weir_stop(world.runtime, stage, WEIR_REASON_USER)
                     : weir_stop_wait(world.runtime, stage, WEIR_REASON_USER, WEIR_FOREVER);
    }
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE ||
                (status == WEIR_NO_MEMORY && world.fail_count > 0));
}

static void run_killer(void *unused) {
    (void)unused;
    for (uint64_t i = 0; i < kills; i++) kill_one();
}

static bool open_world(void) {
    world.in_order = false; /* what comes back comes late */
    next = 0;
    kills = sim_draw(4);
    supervisor = (weir_ref){0};
    mode = WEIR_TEMPORARY;
    return world_open_runtime();
}

static void survive_main(void *unused) {
    (void)unused;
    open_world();
    start();
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, 1 + sim_draw(100000));
    sim_join(sim_spawn("killer", run_killer, NULL));
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    SIM_REQUIRE(next == world.total);
    SIM_REQUIRE(world.handled + world.discarded == world.total);
    SIM_REQUIRE(weir_runtime_stages(world.runtime) == CHILDREN + 1);
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
    world_finish(world.total);
}

/* Whoever has lost his producer is there again after the next retry, or the one behind it. */
static void wait_for_retries(void) {
    for (int i = 0; i < 2 * CHILDREN; i++) {
        sim_sleep_ns(WEIR_RETRY_NS_DEFAULT);
        must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    }
}

static void losses_main(void *unused) {
    (void)unused;
    open_world();
    mode = sim_draw(2) == 0 ? WEIR_PERMANENT : WEIR_TRANSIENT;
    start();
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, 1 + sim_draw(100000));
    sim_join(sim_spawn("killer", run_killer, NULL));
    wait_for_retries();
    SIM_REQUIRE(weir_runtime_stages(world.runtime) == CHILDREN + 1);
    SIM_REQUIRE(next == world.total);
    SIM_REQUIRE(world.handled + world.discarded == world.total);
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
    world_finish(world.total);
}

static void end_main(void *unused) {
    (void)unused;
    open_world();
    start();
    int killer = sim_spawn("killer", run_killer, NULL);
    for (uint64_t wait = sim_draw(300); wait > 0; wait--) sim_now_ns();
    switch (sim_draw(4)) {
    case 0: /* what came back from the dead may find nobody any more */
        weir_runtime_drain(world.runtime, 1000000, NULL);
        sim_join(killer);
        break;
    case 1:
    case 2:
        must(weir_runtime_stop(world.runtime, WEIR_REASON_USER));
        must(weir_runtime_run(world.runtime, WEIR_FOREVER));
        sim_join(killer);
        break;
    default:
        sim_join(killer); /* nobody else may use a runtime that is being closed */
        break;
    }
    world_close_runtime();
    SIM_REQUIRE(world.handled + world.discarded == next);
}

static void no_memory_main(void *unused) {
    (void)unused;
    world.fail_first = sim_draw(80);
    world.fail_count = sim_draw(2) == 0 ? 1 : 1 + sim_draw(40);
    if (!open_world()) return;
    if (start()) sim_join(sim_spawn("killer", run_killer, NULL));
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    world_close_runtime();
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"survive", 10000, 2000000, true, world_begin_scenario, NULL, survive_main, 30},
        {"losses", 5000, 2000000, true, world_begin_scenario, NULL, losses_main, 30},
        {"end", 10000, 2000000, true, world_begin_scenario, NULL, end_main, 30},
        {"no_memory", 10000, 2000000, true, world_begin_scenario, NULL, no_memory_main, 30},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
