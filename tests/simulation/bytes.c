/*
 * Simulates subscriptions that bound the bytes under way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: numbers go to consumers that have room for a few, by their bytes, while their demand
 * in events would be more; the producer emits what it is asked for, or looks and leaves the rest,
 * or a stage between leaves a part of what it gets.  Whatever the order, each number is handled
 * once; there are never more under way than the bound allows, or one; nobody waits for what has
 * gone, and nobody for ever.
 *
 *   asked    as many as it is asked for, to one consumer
 *   shared   the same to two, of which one may stop amid
 *   looks    as many as there is room for, and leaves the rest of the demand
 *   between  a stage between leaves the rest of its batches
 */
#include "driver.h"
#include "world.h"

static uint64_t most; /* numbers that may be under way */
static uint64_t made; /* by whoever sends to the bounded consumer */

static weir_subscribe_options some_bound(void) {
    weir_subscribe_options options = world_some_demand();
    options.max_bytes = 1 + (size_t)sim_draw(40);
    uint64_t numbers = options.max_bytes / sizeof(uint64_t);
    most = numbers > 0 ? numbers : 1;
    return options;
}

static weir_verdict check_bound(weir_stage *self, weir_batch batch) {
    SIM_REQUIRE(made - world.handled <= most);
    return world_check_off(self, batch);
}

static weir_ref start_consumer(weir_ref producer, weir_verdict (*handle)(weir_stage *, weir_batch),
                               weir_subscribe_options options) {
    struct consumer own = {{0}};
    const weir_subscribe_to to = {.producer = producer, .options = options};
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER,
        .name = "bounded",
        .worker = world_somewhere(),
        .state = &own,
        .state_bytes = sizeof own,
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = handle, .discarded = world_discarded}};
    weir_ref ref;
    must(weir_stage_start(world.runtime, &stage, &ref));
    return ref;
}

/* --- who sends ---------------------------------------------------------------------------- */

static void emit_number(weir_stage *self, uint64_t number) {
    uint64_t event = world_event(0, number);
    must(weir_emit(self, &event, 1));
    made++;
}

static weir_verdict emit_asked(weir_stage *self, uint64_t demand) {
    struct producer *own = weir_state(self);
    for (; demand > 0 && own->next < world.total; demand--) emit_number(self, own->next++);
    return own->next < world.total ? WEIR_CONTINUE : WEIR_FINISH;
}

static bool goes(weir_stage *self) {
    weir_asked asked = weir_open_demand(self);
    return asked.events > 0 && asked.bytes >= sizeof(uint64_t);
}

static weir_verdict emit_as_it_goes(weir_stage *self, uint64_t demand) {
    struct producer *own = weir_state(self);
    uint64_t step = sim_draw(4);
    for (; demand > 0 && step > 0 && own->next < world.total && goes(self); step--) {
        emit_number(self, own->next++);
        demand--;
    }
    if (own->next == world.total) return WEIR_FINISH;
    must(weir_demand_rest(self, demand));
    return WEIR_CONTINUE;
}

static weir_verdict pass_as_it_goes(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    size_t count = 0;
    for (; count < batch.count && goes(self); count++) {
        must(weir_emit(self, &events[count], 1));
        made++;
    }
    must(weir_batch_rest(self, count));
    SIM_REQUIRE(weir_buffered(self) == 0);
    return WEIR_CONTINUE;
}

static weir_ref start_producer(weir_verdict (*produce)(weir_stage *, uint64_t)) {
    struct producer own = {0};
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .name = "producer",
        .event_bytes = sizeof(uint64_t),
        .worker = world_somewhere(),
        .state = &own,
        .state_bytes = sizeof own,
        .demand = WEIR_ACCUMULATE,
        .on = {.handle_demand = produce, .discarded = world_discarded}};
    weir_ref ref;
    must(weir_stage_start(world.runtime, &options, &ref));
    return ref;
}

static void open(void) {
    made = 0;
    world_open_runtime();
}

static void go(weir_ref producer) {
    must(weir_demand(world.runtime, producer, WEIR_FORWARD));
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- scenarios ---------------------------------------------------------------------------- */

static void asked_main(void *unused) {
    (void)unused;
    open();
    weir_ref producer = start_producer(emit_asked);
    start_consumer(producer, check_bound, some_bound());
    go(producer);
}

/* What the one that stops had not begun goes to the other. */
static void shared_main(void *unused) {
    (void)unused;
    open();
    world.in_order = false; /* what comes back is behind what went on */
    weir_ref producer = start_producer(sim_draw(2) == 0 ? emit_asked : emit_as_it_goes);
    weir_subscribe_options options = some_bound();
    start_consumer(producer, world_check_off, options);
    weir_ref other = start_consumer(producer, world_check_off, options);
    if (sim_draw(2) == 0) weir_stop(world.runtime, other, WEIR_REASON_NORMAL);
    must(weir_demand(world.runtime, producer, WEIR_FORWARD));
    if (sim_draw(2) == 0) weir_stop(world.runtime, other, WEIR_REASON_NORMAL);
    world_finish(world.total);
}

static void looks_main(void *unused) {
    (void)unused;
    open();
    weir_ref producer = start_producer(emit_as_it_goes);
    weir_subscribe_options options = some_bound();
    start_consumer(producer, check_bound, options);
    go(producer);
}

static void between_main(void *unused) {
    (void)unused;
    open();
    made = UINT64_MAX / 2; /* counted by the stage between */
    weir_ref producer = start_producer(emit_asked);
    weir_subscribe_options bound = some_bound(), any = world_some_demand();
    const weir_subscribe_to to = {.producer = producer, .options = any};
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "between",
        .event_bytes = sizeof(uint64_t),
        .worker = world_somewhere(),
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = pass_as_it_goes, .discarded = world_discarded}};
    weir_ref between;
    must(weir_stage_start(world.runtime, &options, &between));
    start_consumer(between, world_check_off, bound);
    go(producer);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"asked", 3000, 2000000, true, world_begin_scenario, NULL, asked_main, 40},
        {"shared", 3000, 2000000, true, world_begin_scenario, NULL, shared_main, 40},
        {"looks", 3000, 2000000, true, world_begin_scenario, NULL, looks_main, 40},
        {"between", 3000, 2000000, true, world_begin_scenario, NULL, between_main, 40},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
