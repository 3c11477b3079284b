/*
 * Simulates whole runtimes: every line of the library but the system calls.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a main thread opens a runtime, builds a small graph with demands,
 * idle policy and placement drawn from the seed, lets a few dozen numbers run
 * through it, and closes.  At the end each number was handled once or discarded
 * and counted, in order where order is promised; weir's accounts agree; all
 * memory is returned; nobody waits for ever.
 *
 *   pipe       producer, producer_consumer that changes in place, consumer
 *   fan_out    one producer, which emits too much or too little, three consumers
 *   fan_in     two producers, one consumer
 *   churn      consumers that come, are cancelled, stop and come back
 *   push       foreign threads push into an inlet, others send messages
 *   overflow   more is asked for than the ring has entries
 *   grow       a ring that grows, while its consumer takes, stops or is cancelled
 *   close      the runtime is closed in the middle of it all
 *   no_memory  some requests for memory, drawn from the seed, fail
 */
#include "driver.h"
#include "world.h"

/* Emits every number once: changed twice in place and forwarded, or copied. */
static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    if (sim_draw(2) == 0) {
        bool emitted = must(weir_emit(self, batch.events, batch.count));
        return emitted ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    uint64_t *events = weir_own(self);
    if (events == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) events[i]++;
    for (size_t i = 0; i < batch.count; i++) events[i]--;
    return weir_forward(self);
}

static weir_ref start_relay(weir_ref producer) {
    weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "relay",
        .event_bytes = sizeof(uint64_t),
        .on = {.handle_events = pass_on},
    };
    return world_start_stage(options, 1, &producer);
}

/* --- the graphs --------------------------------------------------------------------------- */

/* What a relay still holds when its producer stops is discarded, so that is done last. */
static void pipe_main(void *unused) {
    (void)unused;
    world.keep_going = sim_draw(4) > 0;
    world_open_runtime();
    world_start_producer(0, WEIR_ACCUMULATE);
    weir_ref relay = start_relay(world.producers[0]);
    world_start_consumer(1, &relay);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    must(weir_demand(world.runtime, world.producers[0], WEIR_FORWARD));
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0 || !world.keep_going);
}

static void fan_out_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    world_open_runtime();
    world_start_producer(0, sim_draw(2) == 0 ? WEIR_ACCUMULATE : WEIR_FORWARD);
    for (int i = 0; i < 3; i++) world_start_consumer(1, world.producers);
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

static void fan_in_main(void *unused) {
    (void)unused;
    world_open_runtime();
    world.keep_going = true;
    for (unsigned i = 0; i < 2; i++) world_start_producer(i, WEIR_FORWARD);
    world_start_consumer(2, world.producers);
    world_finish(2 * world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- churn -------------------------------------------------------------------------------- */

static void churn_main(void *unused) {
    (void)unused;
    world.in_order = false; /* what a stopped consumer gives back comes late */
    world.keep_going = true;
    world_open_runtime();
    world_start_producer(0, WEIR_FORWARD);
    world_start_consumer(1, world.producers);
    int churners[2];
    for (int i = 0; i < 2; i++) churners[i] = sim_spawn("churner", world_run_comers, NULL);
    for (int i = 0; i < 2; i++) sim_join(churners[i]);
    world_finish(world.total);
}

/* --- push --------------------------------------------------------------------------------- */

static weir_inlet *inlet;

/* Pushes what it can; the second one may be of the kind that gives up at once. */
static void run_pusher(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    uint64_t timeout = number == 0 || sim_draw(2) == 0 ? WEIR_FOREVER : 0;
    for (uint64_t next = 0; next < world.total;) {
        uint64_t events[4];
        uint64_t count = 1 + sim_draw(4);
        if (count > world.total - next) count = world.total - next;
        for (uint64_t i = 0; i < count; i++) events[i] = world_event(number, next + i);
        weir_status status = weir_inlet_push(inlet, events, (size_t)count, timeout);
        if (status == WEIR_TIMEOUT && timeout == 0) return;
        must(status);
        next += count;
        world.pushed += count;
    }
}

static weir_verdict note_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)self;
    SIM_REQUIRE(bytes == sizeof(uint64_t));
    SIM_REQUIRE(*(const uint64_t *)message == world.casts);
    world.casts++;
    return WEIR_CONTINUE;
}

static void push_main(void *unused) {
    (void)unused;
    weir_ref stage;
    world_open_runtime();
    weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                  .capacity = 4 + (size_t)sim_draw(8),
                                  .when_full = WEIR_BLOCK,
                                  .worker = world_somewhere()};
    must(weir_inlet_open(world.runtime, &options, &inlet, &stage));
    weir_stage_options consumer = {
        .kind = WEIR_CONSUMER,
        .state_bytes = sizeof(struct consumer),
        .on = {.handle_events = world_check_off, .handle_cast = note_cast}};
    weir_ref listener = world_start_stage(consumer, 1, &stage);
    int pushers[2];
    for (unsigned i = 0; i < 2; i++)
        pushers[i] = sim_spawn("pusher", run_pusher, (void *)(uintptr_t)i);
    for (uint64_t i = 0; i < 3; i++) must(weir_cast(world.runtime, listener, &i, sizeof i));
    for (int i = 0; i < 2; i++) sim_join(pushers[i]);
    must(weir_inlet_finish(inlet));
    weir_inlet_close(inlet);
    world_finish(world.pushed);
    SIM_REQUIRE(world.casts == 3);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- overflow ----------------------------------------------------------------------------- */

/* Demand waits for casts, each of which emits one number: a message and an entry of its own. */
static weir_verdict emit_one(weir_stage *self, const void *message, size_t bytes) {
    struct producer *producer = weir_state(self);
    uint64_t event = producer->next++;
    (void)message, (void)bytes;
    must(weir_emit(self, &event, 1));
    return producer->next == world.total && !world.keep_going ? WEIR_STOP : WEIR_CONTINUE;
}

static void run_caster(void *unused) {
    (void)unused;
    for (uint64_t i = 0; i < world.total; i++)
        must(weir_cast(world.runtime, world.producers[0], NULL, 0));
}

/* A producer of what it is cast, a number at a time. */
static void start_producer_of_casts(void) {
    weir_stage_options producer = {.kind = WEIR_PRODUCER,
                                   .event_bytes = sizeof(uint64_t),
                                   .state_bytes = sizeof(struct producer),
                                   .worker = world_somewhere(),
                                   .on = {.handle_demand = world_no_demand,
                                          .handle_cast = emit_one,
                                          .discarded = world_discarded}};
    must(weir_stage_start(world.runtime, &producer, &world.producers[0]));
}

static weir_ref start_consumer_of_casts(weir_callbacks on) {
    start_producer_of_casts();
    weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                   .state_bytes = sizeof(struct consumer),
                                   .worker = world_somewhere(),
                                   .on = on};
    weir_ref stage;
    must(weir_stage_start(world.runtime, &consumer, &stage));
    return stage;
}

static weir_subscription start_overflow(void) {
    weir_ref stage = start_consumer_of_casts(
        (weir_callbacks){.handle_events = world_check_off, .handle_subscribe = world_by_hand});
    weir_subscription subscription;
    weir_subscribe_options options = {.max_demand = 2};
    must(weir_subscribe(world.runtime, stage, world.producers[0], &options, &subscription));
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    return subscription;
}

/* What is asked for late finds the producer gone, and what it had buffered discarded. */
static void overflow_main(void *unused) {
    (void)unused;
    world_open_runtime();
    world.keep_going = sim_draw(2) == 0; /* else the end comes behind a full overflow */
    weir_subscription subscription = start_overflow();
    uint64_t first = sim_draw(4) == 0 ? 1 + sim_draw(world.total) : world.total;
    must(weir_ask(world.runtime, subscription, first));
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, WEIR_FOREVER);
    int caster = sim_spawn("caster", run_caster, NULL);
    if (first < world.total) weir_ask(world.runtime, subscription, world.total - first);
    sim_join(caster);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0 || !world.keep_going);
}

/* --- grow --------------------------------------------------------------------------------- */

static weir_verdict take_or_stop(weir_stage *self, weir_batch batch) {
    world_check_off(self, batch);
    return !world.keep_going && sim_draw(16) == 0 ? WEIR_STOP : WEIR_CONTINUE;
}

/* Each number is an entry of its own, and the consumer asks for many at once. */
static weir_subscription start_grow(void) {
    weir_ref stage = start_consumer_of_casts(
        (weir_callbacks){.handle_events = take_or_stop, .discarded = world_discarded});
    weir_subscription subscription;
    weir_subscribe_options options = {.max_demand = 5 + (size_t)sim_draw(60),
                                      .cancel = WEIR_TEMPORARY};
    must(weir_subscribe(world.runtime, stage, world.producers[0], &options, &subscription));
    return subscription;
}

/* What comes back from a consumer that is gone waits in the buffer, and is discarded. */
static void grow_main(void *unused) {
    (void)unused;
    world_open_runtime();
    world.keep_going = sim_draw(2) == 0; /* else the consumer stops when it pleases */
    weir_subscription subscription = start_grow();
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    int caster = sim_spawn("caster", run_caster, NULL);
    if (sim_draw(4) == 0) {
        for (uint64_t wait = sim_draw(300); wait > 0; wait--) sim_now_ns();
        weir_cancel(world.runtime, subscription, WEIR_REASON_USER);
    }
    sim_join(caster);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    weir_runtime_stop(world.runtime, WEIR_REASON_NORMAL);
    world_finish(world.total);
}

/* --- close, no_memory --------------------------------------------------------------------- */

/*
 * Two producers, a relay behind one of them, three consumers; as many as there is
 * memory for.  What one consumer of the relay gives back comes late to the other.
 */
static void start_web(void) {
    world.in_order = false;
    world.keep_going = true;
    for (unsigned i = 0; i < 2; i++)
        if (!world_start_producer(i, WEIR_FORWARD)) return;
    weir_ref relay = start_relay(world.producers[0]);
    if (relay.bits == 0) return;
    world_start_consumer(1, &relay);
    world_start_consumer(1, &relay);
    world_start_consumer(1, &world.producers[1]);
}

static void close_main(void *unused) {
    (void)unused;
    world_open_runtime();
    start_web();
    if (sim_draw(4) == 0) weir_runtime_settle(world.runtime, sim_draw(10000));
    for (uint64_t wait = sim_draw(300); wait > 0; wait--) sim_now_ns();
    world_close_runtime();
}

static void no_memory_main(void *unused) {
    (void)unused;
    world.fail_first = sim_draw(60);
    world.fail_count = sim_draw(2) == 0 ? 1 : 1 + sim_draw(100);
    if (!world_open_runtime()) return;
    start_web();
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    world_close_runtime();
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"pipe", 20000, 2000000, true, world_begin_scenario, NULL, pipe_main, 30},
        {"fan_out", 20000, 2000000, true, world_begin_scenario, NULL, fan_out_main, 30},
        {"fan_in", 20000, 2000000, true, world_begin_scenario, NULL, fan_in_main, 15},
        {"churn", 20000, 2000000, true, world_begin_scenario, NULL, churn_main, 40},
        {"push", 20000, 2000000, true, world_begin_scenario, NULL, push_main, 12},
        {"overflow", 20000, 2000000, true, world_begin_scenario, NULL, overflow_main, 40},
        {"grow", 20000, 2000000, true, world_begin_scenario, NULL, grow_main, 60},
        {"close", 20000, 2000000, true, world_begin_scenario, NULL, close_main, 40},
        {"no_memory", 20000, 2000000, true, world_begin_scenario, NULL, no_memory_main, 40},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
