/*
 * Simulates subscriptions that are cancelled, from either end, and those that come next.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: whole runtimes; a producer of numbers, and fibers that cancel, replace and begin
 * subscriptions while they flow.  Order holds by producer, and by partition: whoever is
 * next to see a number sees a higher one than everybody before, as far as they had begun
 * to handle theirs.  Each number is handled once, or discarded and counted; nobody waits
 * for ever.
 *
 *   again      a consumer replaces its subscription, or cancels and subscribes anew
 *   hand_over  a partition goes from one consumer to the next, by cancels
 *   inherit    the owner cannot handle what it is sent, leaves and comes again, and dies; the
 *              next one gets all that comes back, in order
 *   late       a consumer replaces its subscription, again and again, until its producer ends
 *              by itself: it has all that was sent, and ends, or goes on, as after any normal end
 *   evict      cancels from the producer, the consumer and elsewhere at any moment, of
 *              every dispatcher's consumers, some of which stop as well
 */
#include "driver.h"
#include "world.h"

#include <string.h>

enum { CONSUMERS = 3 };

static weir_partition_dispatcher_options one_partition;
static uint64_t highest;

static uint32_t first(void *context, const void *event) {
    (void)context, (void)event;
    return 0;
}

/* Rising numbers, whoever handles them; a moment passes in between. */
static weir_verdict take_in_order(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (events[i] < highest) sim_fail("number %d after %d", (int)events[i], (int)highest);
        highest = events[i] + 1;
        sim_now_ns();
    }
    return world_check_off(self, batch);
}

static weir_ref start_consumer(void) {
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .name = "consumer",
                                  .state_bytes = sizeof(struct consumer),
                                  .on.handle_events = take_in_order};
    return world_start_stage(options, 0, NULL);
}

/* Often so many batches under way that a turn does not take all of them. */
static weir_subscribe_options some_demand(void) {
    weir_subscribe_options demand = world_some_demand();
    if (sim_draw(2) == 0) demand = (weir_subscribe_options){.max_demand = 40, .min_demand = 39};
    demand.cancel = WEIR_TEMPORARY;
    demand.partition = world.dispatcher == weir_partition_dispatcher() ? WEIR_PARTITION(0) : 0;
    return demand;
}

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

/* The producer may have ended. */
static bool subscribe(weir_ref consumer, weir_subscription *out) {
    weir_subscribe_options demand = some_demand();
    weir_status status = weir_subscribe(world.runtime, consumer, world.producers[0], &demand, out);
    return status != WEIR_NO_STAGE && must(status);
}

static void open_partition(const weir_dispatcher *dispatcher) {
    highest = 0;
    one_partition = (weir_partition_dispatcher_options){.partitions = 1, .hash = first};
    world.dispatcher = dispatcher;
    world.dispatcher_options = dispatcher == weir_partition_dispatcher() ? &one_partition : NULL;
    world_open_runtime();
    world_start_producer(0, WEIR_FORWARD);
}

/* --- again -------------------------------------------------------------------------------- */

static void replace(weir_ref consumer, weir_subscription *subscription) {
    weir_subscribe_options demand = some_demand();
    if (sim_draw(2) == 0) {
        weir_cancel(world.runtime, *subscription, WEIR_REASON_NORMAL);
        subscribe(consumer, subscription);
        return;
    }
    weir_status status = weir_resubscribe(world.runtime, *subscription, WEIR_REASON_NORMAL,
                                          (weir_ref){0}, &demand, subscription);
    if (status != WEIR_NO_STAGE) must(status);
}

static void again_main(void *unused) {
    (void)unused;
    weir_subscription subscription;
    open_partition(sim_draw(2) == 0 ? weir_partition_dispatcher() : weir_demand_dispatcher());
    world.keep_going = true;
    weir_ref consumer = start_consumer();
    subscribe(consumer, &subscription);
    for (uint64_t times = 1 + sim_draw(4); times > 0; times--) {
        moment(80);
        replace(consumer, &subscription);
    }
    while (world.handled + world.discarded < world.total) sim_sleep_ns(10000);
    weir_stop(world.runtime, consumer, WEIR_REASON_NORMAL);
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- hand_over ---------------------------------------------------------------------------- */

/*
 * When this returns, what there was is cancelled at the producer, and the next one is its
 * consumer, or in line.  The producer ends when the last number has been handled.
 */
static void hand_over(weir_subscription *subscription, weir_ref next) {
    weir_subscribe_options demand = some_demand();
    weir_cancel(world.runtime, *subscription, WEIR_REASON_NORMAL);
    weir_call(world.runtime, world.producers[0], NULL, 0, NULL, WEIR_FOREVER);
    weir_status status = weir_subscribe_wait(world.runtime, next, world.producers[0], &demand,
                                             WEIR_FOREVER, subscription);
    if (world.handled < world.total) must(status);
}

static void hand_over_main(void *unused) {
    (void)unused;
    weir_ref consumers[CONSUMERS];
    weir_subscription subscription = {0};
    open_partition(weir_partition_dispatcher());
    world.keep_going = true;
    for (int i = 0; i < CONSUMERS; i++) consumers[i] = start_consumer();
    for (uint64_t at = 0, times = 2 + sim_draw(4); at < times; at++) {
        hand_over(&subscription, consumers[at % CONSUMERS]);
        moment(80);
    }
    while (world.handled + world.discarded < world.total) sim_sleep_ns(10000);
    for (int i = 0; i < CONSUMERS; i++) weir_stop(world.runtime, consumers[i], WEIR_REASON_NORMAL);
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- inherit ------------------------------------------------------------------------------ */

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

/* The owner before may not be gone yet, as its producer sees it. */
static weir_verdict try_again(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    (void)peer, (void)cause;
    if (reason == WEIR_REASON_PARTITION_TAKEN) subscribe(weir_self(self), NULL);
    return WEIR_CONTINUE;
}

static weir_ref start_heir(void) {
    weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "heir",
        .state_bytes = sizeof(struct consumer),
        .on = {.handle_events = take_in_order, .handle_cancel = try_again}};
    return world_start_stage(options, 0, NULL);
}

/* A relay that nobody asks. */
static weir_ref start_relay(void) {
    weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "relay",
        .event_bytes = sizeof(uint64_t),
        .on = {.handle_events = pass_on, .handle_cancel = world_no_cancel}};
    return world_start_stage(options, 0, NULL);
}

static void inherit_main(void *unused) {
    (void)unused;
    weir_subscription subscription;
    open_partition(weir_partition_dispatcher());
    world.keep_going = true;
    weir_ref relay = start_relay();
    weir_ref heir = start_heir();
    subscribe(relay, &subscription);
    for (uint64_t times = sim_draw(4); times > 0; times--) {
        moment(80);
        replace(relay, &subscription);
    }
    if (sim_draw(2) == 0) weir_cancel(world.runtime, subscription, WEIR_REASON_NORMAL);
    moment(80);
    if (sim_draw(2) == 0) subscribe(heir, NULL);
    moment(80);
    weir_stop(world.runtime, relay, WEIR_REASON_USER);
    moment(40);
    subscribe(heir, NULL); /* once more may be too often: PARTITION_TAKEN, then again */
    while (world.handled < world.total) sim_sleep_ns(10000);
    weir_stop(world.runtime, heir, WEIR_REASON_NORMAL);
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    world_finish(world.total);
}

/* --- late --------------------------------------------------------------------------------- */

static weir_cancel_mode late_mode;

static void must_be_normal(weir_stage *self, weir_reason reason) {
    (void)self;
    SIM_REQUIRE(reason == WEIR_REASON_NORMAL);
}

static weir_subscribe_options late_demand(void) {
    weir_subscribe_options demand = some_demand();
    demand.cancel = late_mode;
    return demand;
}

static void late_main(void *unused) {
    (void)unused;
    weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "consumer",
        .state_bytes = sizeof(struct consumer),
        .on = {.handle_events = take_in_order, .terminate = must_be_normal}};
    weir_subscription subscription;
    late_mode = sim_draw(2) == 0 ? WEIR_PERMANENT : WEIR_TRANSIENT;
    open_partition(weir_demand_dispatcher());
    weir_ref consumer = world_start_stage(options, 0, NULL);
    weir_subscribe_options demand = late_demand();
    must(weir_subscribe(world.runtime, consumer, world.producers[0], &demand, &subscription));
    weir_status status = WEIR_OK;
    while (status != WEIR_NO_STAGE) {
        moment(60);
        demand = late_demand();
        status = weir_resubscribe(world.runtime, subscription, WEIR_REASON_NORMAL, (weir_ref){0},
                                  &demand, &subscription);
        if (status != WEIR_NO_STAGE) must(status);
    }
    while (world.handled < world.total) sim_sleep_ns(10000);
    weir_stop(world.runtime, consumer, WEIR_REASON_NORMAL);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* --- evict -------------------------------------------------------------------------------- */

static weir_ref evicted[CONSUMERS];
static weir_subscription last[CONSUMERS];

/* A cast tells the producer, or a consumer, to cancel. */
static weir_verdict cancel_told(weir_stage *self, const void *message, size_t bytes) {
    weir_subscription subscription;
    SIM_REQUIRE(bytes == sizeof subscription);
    memcpy(&subscription, message, bytes);
    weir_cancel(weir_stage_runtime(self), subscription, WEIR_REASON_USER);
    return WEIR_CONTINUE;
}

static void cancel_somehow(weir_subscription subscription) {
    switch (sim_draw(3)) {
    case 0:
        weir_cancel(world.runtime, subscription, WEIR_REASON_USER);
        break;
    case 1:
        weir_cast(world.runtime, subscription.producer, &subscription, sizeof subscription);
        break;
    default:
        weir_cast(world.runtime, subscription.consumer, &subscription, sizeof subscription);
    }
}

static void meddle(void *unused) {
    (void)unused;
    for (uint64_t times = 1 + sim_draw(6); times > 0; times--) {
        unsigned at = (unsigned)sim_draw(CONSUMERS);
        moment(60);
        if (sim_draw(8) == 0) {
            weir_stop(world.runtime, evicted[at], WEIR_REASON_USER);
        } else if (last[at].id != 0 && sim_draw(2) == 0) {
            cancel_somehow(last[at]);
        } else if (evicted[at].bits != 0) {
            weir_subscribe_options demand = some_demand();
            weir_subscription made;
            if (weir_subscribe(world.runtime, evicted[at], world.producers[0], &demand, &made) ==
                WEIR_OK)
                last[at] = made;
        }
    }
}

static weir_verdict evict_take(weir_stage *self, weir_batch batch) {
    moment(10);
    world.in_order = false;
    return world.dispatcher == weir_broadcast_dispatcher() ? WEIR_CONTINUE
                                                           : world_check_off(self, batch);
}

static void evict_main(void *unused) {
    (void)unused;
    const weir_dispatcher *dispatchers[] = {weir_demand_dispatcher(), weir_broadcast_dispatcher(),
                                            weir_partition_dispatcher(), weir_shared_dispatcher()};
    highest = 0;
    world.on_cast = cancel_told;
    open_partition(dispatchers[sim_draw(4)]);
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .name = "evicted",
                                  .state_bytes = sizeof(struct consumer),
                                  .on = {.handle_events = evict_take,
                                         .handle_cast = cancel_told,
                                         .handle_cancel = world_no_cancel}};
    for (int i = 0; i < CONSUMERS; i++) {
        evicted[i] = world_start_stage(options, 0, NULL);
        last[i].id = 0;
        if (sim_draw(2) == 0) subscribe(evicted[i], &last[i]);
    }
    int fibers[2];
    for (int i = 0; i < 2; i++) fibers[i] = sim_spawn("meddler", meddle, NULL);
    for (int i = 0; i < 2; i++) sim_join(fibers[i]);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    world_close_runtime();
}

/* ------------------------------------------------------------------------------------------ */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"again", 10000, 2000000, true, world_begin_scenario, NULL, again_main, 200},
        {"hand_over", 10000, 2000000, true, world_begin_scenario, NULL, hand_over_main, 150},
        {"inherit", 10000, 2000000, true, world_begin_scenario, NULL, inherit_main, 100},
        {"late", 10000, 2000000, true, world_begin_scenario, NULL, late_main, 60},
        {"evict", 20000, 2000000, true, world_begin_scenario, NULL, evict_main, 40},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
