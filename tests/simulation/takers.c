/*
 * Simulates consumers that compete for the events of one producer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: whole runtimes, as in graphs.c, with the shared dispatcher: rings of 2
 * to 8 entries, so that the overflow is in use, grains and demands drawn.  Each
 * number is handled once; nobody waits for ever, so no wake-up is lost: the
 * producer goes on until its last number has been handled.
 *
 *   compete   takers that stay: each sees rising numbers
 *   by_hand   some of them ask by hand, one or a few at a time
 *   leave     takers that cancel, stop and come, beside one that stays
 *   held_up   relays that also consume from another producer, and stop taking while
 *             nobody asks them
 *   stuck     a relay that nobody asks leaves all to another taker
 *   end       the producer stops by itself: what it has sent is still handled
 *   ruin      all of them stop when they like
 *   no_memory some requests for memory, drawn from the seed, fail
 */
#include "driver.h"
#include "world.h"

enum { TAKERS = 3 };

static weir_shared_dispatcher_options shared;
static weir_subscription by_hand_subscriptions[TAKERS];
static weir_ref takers[TAKERS];

/* False: no memory. */
static bool open_shared(weir_demand_mode mode) {
    shared.entries = (size_t)2 << sim_draw(3);
    shared.grain = (size_t)sim_draw(4);
    world.dispatcher = weir_shared_dispatcher();
    world.dispatcher_options = &shared;
    return world_open_runtime() && world_start_producer(0, mode);
}

/* --- takers that stay --------------------------------------------------------------------- */

static void compete_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    open_shared(WEIR_ACCUMULATE);
    for (uint64_t i = sim_draw(TAKERS); i < TAKERS; i++) world_start_consumer(1, world.producers);
    weir_runtime_settle(world.runtime, WEIR_FOREVER); /* who joins late may upset the order */
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- by hand ------------------------------------------------------------------------------ */

struct asker {
    struct consumer consumer; /* first, as world_check_off wants it */
    uint64_t open;
};

/* Keeps at least one event open. */
static void ask_more(struct asker *asker, weir_subscription subscription) {
    if (asker->open > 0) return;
    asker->open = 1 + sim_draw(3);
    weir_ask(world.runtime, subscription, asker->open);
}

static weir_verdict take_by_hand(weir_stage *self, weir_batch batch) {
    struct asker *asker = weir_state(self);
    SIM_REQUIRE(batch.count <= asker->open);
    asker->open -= batch.count;
    weir_verdict verdict = world_check_off(self, batch);
    ask_more(asker, weir_batch_subscription(self));
    return verdict;
}

static weir_verdict first_ask(weir_stage *self, const void *message, size_t bytes) {
    SIM_REQUIRE(bytes == sizeof(weir_subscription));
    ask_more(weir_state(self), *(const weir_subscription *)message);
    return WEIR_CONTINUE;
}

static void start_by_hand(int number) {
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .name = "asker",
                                  .state_bytes = sizeof(struct asker),
                                  .on = {.handle_events = take_by_hand,
                                         .handle_subscribe = world_by_hand,
                                         .handle_cast = first_ask}};
    weir_subscribe_options demand = world_some_demand();
    weir_subscription *subscription = &by_hand_subscriptions[number];
    takers[number] = world_start_stage(options, 0, NULL);
    must(weir_subscribe(world.runtime, takers[number], world.producers[0], &demand, subscription));
    must(weir_cast(world.runtime, takers[number], subscription, sizeof *subscription));
}

static void by_hand_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    world.in_order = false;
    open_shared(WEIR_ACCUMULATE);
    int askers = 1 + (int)sim_draw(TAKERS);
    for (int i = 0; i < askers; i++) start_by_hand(i);
    for (int i = askers; i < TAKERS; i++) world_start_consumer(1, world.producers);
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- takers that leave -------------------------------------------------------------------- */

static void leave_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world.keep_going = true;
    open_shared(WEIR_FORWARD);
    if (sim_draw(3) == 0) {
        start_by_hand(0);
    } else {
        world_start_consumer(1, world.producers);
    }
    int leavers[2];
    for (int i = 0; i < 2; i++) leavers[i] = sim_spawn("leaver", world_run_comers, NULL);
    for (int i = 0; i < 2; i++) sim_join(leavers[i]);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- held up ------------------------------------------------------------------------------ */

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static const weir_stage_options relay = {.kind = WEIR_PRODUCER_CONSUMER,
                                         .name = "relay",
                                         .event_bytes = sizeof(uint64_t),
                                         .on = {.handle_events = pass_on}};

static void start_ordinary(void) {
    world.dispatcher = NULL;
    world.dispatcher_options = NULL;
    world_start_producer(1, WEIR_FORWARD);
}

/* The second producer is an ordinary one; each relay has a consumer of its own. */
static void held_up_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world.keep_going = true;
    open_shared(WEIR_ACCUMULATE);
    start_ordinary();
    for (int i = 0; i < 2; i++) {
        weir_ref stage = world_start_stage(relay, 2, world.producers);
        if (stage.bits != 0) world_start_consumer(1, &stage);
    }
    if (sim_draw(2) == 0) world_start_consumer(1, world.producers);
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    world_finish(2 * world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* A relay that nobody asks, and that has got something: it may be raised, but cannot take. */
static void stuck_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    open_shared(WEIR_ACCUMULATE);
    start_ordinary();
    world_start_consumer(1, world.producers);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    weir_ref stage = world_start_stage(relay, 2, world.producers);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    SIM_REQUIRE(world.handled == world.total && world.discarded == 0);
    weir_stop(world.runtime, stage, WEIR_REASON_NORMAL);
    world_close_runtime();
}

/* --- ends --------------------------------------------------------------------------------- */

static void end_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world.keep_going = false;
    open_shared(WEIR_ACCUMULATE);
    for (uint64_t i = sim_draw(TAKERS); i < TAKERS; i++) world_start_consumer(1, world.producers);
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, WEIR_FOREVER);
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

static void run_wrecker(void *unused) {
    (void)unused;
    for (int i = 0; i < TAKERS; i++) {
        for (uint64_t wait = sim_draw(60); wait > 0; wait--) sim_now_ns();
        if (sim_draw(3) > 0) weir_stop(world.runtime, takers[i], WEIR_REASON_USER);
    }
}

static void ruin_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world.keep_going = sim_draw(2) == 0;
    open_shared(WEIR_FORWARD);
    for (int i = 0; i < TAKERS; i++) takers[i] = world_start_consumer(1, world.producers);
    int wrecker = sim_spawn("wrecker", run_wrecker, NULL);
    for (uint64_t wait = sim_draw(200); wait > 0; wait--) sim_now_ns();
    if (sim_draw(2) == 0) weir_stop(world.runtime, world.producers[0], WEIR_REASON_USER);
    sim_join(wrecker);
    world_close_runtime();
}

static void no_memory_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world.keep_going = true;
    world.fail_first = sim_draw(60);
    world.fail_count = sim_draw(2) == 0 ? 1 : 1 + sim_draw(100);
    if (open_shared(WEIR_FORWARD)) {
        for (int i = 0; i < TAKERS; i++) takers[i] = world_start_consumer(1, world.producers);
        if (sim_draw(2) == 0) weir_stop(world.runtime, takers[0], WEIR_REASON_USER);
        weir_runtime_settle(world.runtime, WEIR_FOREVER);
    }
    if (world.runtime != NULL) world_close_runtime();
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"compete", 6000, 2000000, true, world_begin_scenario, NULL, compete_main, 30},
        {"by_hand", 6000, 2000000, true, world_begin_scenario, NULL, by_hand_main, 20},
        {"leave", 6000, 2000000, true, world_begin_scenario, NULL, leave_main, 30},
        {"held_up", 6000, 2000000, true, world_begin_scenario, NULL, held_up_main, 15},
        {"stuck", 3000, 2000000, true, world_begin_scenario, NULL, stuck_main, 4},
        {"end", 6000, 2000000, true, world_begin_scenario, NULL, end_main, 30},
        {"ruin", 6000, 2000000, true, world_begin_scenario, NULL, ruin_main, 30},
        {"no_memory", 6000, 2000000, true, world_begin_scenario, NULL, no_memory_main, 40},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
