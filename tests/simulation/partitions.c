/*
 * Simulates consumers of partitions, which come, leave and die.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: whole runtimes, as in graphs.c, with the partition dispatcher: what becomes
 * of a queue when its consumer leaves, what the hash drops, and demands are drawn.
 * Each number is handled once or discarded and counted; none is handled by the
 * consumer of another partition; nobody waits for ever: the producer goes on until
 * the last number is accounted for.
 *
 *   deal       a consumer for each partition, who stays: each sees rising numbers
 *   heirs      consumers that cancel, stop and come, then some that stay
 *   infos      the same, with infos behind the queues
 *   ruin       all of them stop when they like
 *   no_memory  some requests for memory, drawn from the seed, fail
 */
#include "driver.h"
#include "world.h"

enum { PARTITIONS = 3, INFOS = 6 };

static weir_partition_dispatcher_options options;
static uint64_t none; /* its multiples are for nobody; 0: all are for somebody */
static uint64_t infos_sent;
static uint64_t infos_seen;

static uint32_t number_of(uint64_t number) {
    return (uint32_t)(number % PARTITIONS);
}

static uint32_t deal(void *context, const void *event) {
    (void)context;
    uint64_t number = *(const uint64_t *)event;
    return none > 0 && number % none == 0 ? WEIR_PARTITION_NONE : number_of(number);
}

/* --- the producer ------------------------------------------------------------------------- */

/* False: no memory. */
static bool open_partitions(void) {
    none = sim_draw(2) == 0 ? 0 : 2 + sim_draw(6);
    infos_sent = 0;
    infos_seen = 0;
    options = (weir_partition_dispatcher_options){
        .partitions = PARTITIONS, .hash = deal, .queue = (weir_partition_queue)sim_draw(2)};
    world.dispatcher = weir_partition_dispatcher();
    world.dispatcher_options = &options;
    return world_open_runtime() && world_start_producer(0, WEIR_FORWARD);
}

/* --- consumers ---------------------------------------------------------------------------- */

struct owner {
    struct consumer consumer; /* first, as world_check_off wants it */
    uint32_t partition;
};

static weir_subscribe_options demand_of(uint32_t partition) {
    weir_subscribe_options demand = world_some_demand();
    demand.partition = WEIR_PARTITION(partition);
    return demand;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    const struct owner *owner = weir_state(self);
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) SIM_REQUIRE(number_of(events[i]) == owner->partition);
    return world_check_off(self, batch);
}

/* Who had the partition before may not be gone yet, as its producer sees it. */
static weir_verdict try_again(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    (void)cause;
    if (reason != WEIR_REASON_PARTITION_TAKEN) return WEIR_CONTINUE;
    const struct owner *owner = weir_state(self);
    weir_subscribe_options demand = demand_of(owner->partition);
    weir_status status = weir_subscribe(world.runtime, weir_self(self), peer->stage, &demand, NULL);
    return status == WEIR_NO_STAGE ? WEIR_STOP : WEIR_CONTINUE;
}

static weir_ref start_owner(uint32_t partition, bool stays) {
    const struct owner owner = {.partition = partition};
    weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                   .name = stays ? "heir" : "leaver",
                                   .state_bytes = sizeof owner,
                                   .state = &owner,
                                   .on.handle_events = take};
    consumer.on.handle_cancel = stays ? try_again : world_no_cancel;
    return world_start_stage(consumer, 0, NULL);
}

/* Subscribed for good.  One that comes when the producer has ended is stopped. */
static void start_heir(uint32_t partition) {
    weir_ref heir = start_owner(partition, true);
    if (heir.bits == 0) return;
    weir_subscribe_options demand = demand_of(partition);
    weir_status status = weir_subscribe(world.runtime, heir, world.producers[0], &demand, NULL);
    if (status == WEIR_NO_STAGE || !must(status)) {
        weir_stop(world.runtime, heir, WEIR_REASON_NORMAL);
    }
}

/* --- consumers that stay ------------------------------------------------------------------ */

static void deal_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    open_partitions();
    for (uint32_t i = 0; i < PARTITIONS; i++) start_heir(i);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0 || none > 0);
}

/* --- consumers that leave ----------------------------------------------------------------- */

static void run_leavers(void *argument) {
    uint32_t partition = (uint32_t)(uintptr_t)argument;
    for (int round = 0; round < 2; round++) {
        weir_ref consumer = start_owner(partition, false);
        world_come_and_go(consumer, demand_of(partition));
        if (sim_draw(2) == 0) world_come_and_go(consumer, demand_of(partition));
        weir_stop(world.runtime, consumer, WEIR_REASON_NORMAL);
    }
}

static void heirs_main(void *unused) {
    (void)unused;
    world.in_order = false; /* what a stopped consumer gives back comes late */
    world.keep_going = true;
    open_partitions();
    start_heir(0);
    int leavers[PARTITIONS];
    for (uintptr_t i = 1; i < PARTITIONS; i++)
        leavers[i] = sim_spawn("leavers", run_leavers, (void *)i);
    for (int i = 1; i < PARTITIONS; i++) sim_join(leavers[i]);
    for (uint32_t i = 1; i < PARTITIONS; i++) start_heir(i);
    world_finish(world.total);
}

/* --- infos -------------------------------------------------------------------------------- */

/* An info that comes is one that was sent, and they come in their order or later. */
static weir_verdict note_info(weir_stage *self, const void *message, size_t bytes) {
    (void)self;
    SIM_REQUIRE(bytes == sizeof(uint64_t) && *(const uint64_t *)message < infos_sent);
    infos_seen++;
    return WEIR_CONTINUE;
}

static void run_informer(void *unused) {
    (void)unused;
    for (uint64_t i = 0; i < INFOS; i++) {
        infos_sent++;
        if (weir_info(world.runtime, world.producers[0], &i, sizeof i) != WEIR_OK) infos_sent--;
        if (sim_draw(3) == 0) weir_runtime_settle(world.runtime, 1 + sim_draw(10000));
    }
}

static void infos_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world.keep_going = true;
    world.info = note_info;
    open_partitions();
    start_heir(0);
    int informer = sim_spawn("informer", run_informer, NULL);
    int leavers = sim_spawn("leavers", run_leavers, (void *)(uintptr_t)1);
    sim_join(leavers);
    sim_join(informer);
    for (uint32_t i = 1; i < PARTITIONS; i++) start_heir(i);
    world_finish(world.total);
    SIM_REQUIRE(infos_seen <= infos_sent);
}

/* --- ruin, no_memory ---------------------------------------------------------------------- */

static void run_ruin(void *unused) {
    (void)unused;
    for (uint64_t wait = sim_draw(200); wait > 0; wait--) sim_now_ns();
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_USER);
}

static void ruin_main(void *unused) {
    (void)unused;
    world.in_order = false;
    open_partitions();
    int ruin = sim_spawn("ruin", run_ruin, NULL);
    int leavers = sim_spawn("leavers", run_leavers, (void *)(uintptr_t)1);
    start_heir(0);
    start_heir(2);
    sim_join(leavers);
    sim_join(ruin);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    world_close_runtime();
    SIM_REQUIRE(world.handled + world.discarded <= world.total);
}

static void no_memory_main(void *unused) {
    (void)unused;
    world.fail_first = sim_draw(80);
    world.fail_count = sim_draw(2) == 0 ? 1 : 1 + sim_draw(100);
    world.in_order = false;
    world.keep_going = true;
    if (!open_partitions()) {
        if (world.runtime != NULL) world_close_runtime();
        return;
    }
    for (uint32_t i = 0; i < PARTITIONS; i++) start_heir(i);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    world_close_runtime();
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"deal", 10000, 2000000, true, world_begin_scenario, NULL, deal_main, 40},
        {"heirs", 15000, 2000000, true, world_begin_scenario, NULL, heirs_main, 40},
        {"infos", 10000, 2000000, true, world_begin_scenario, NULL, infos_main, 30},
        {"ruin", 10000, 2000000, true, world_begin_scenario, NULL, ruin_main, 40},
        {"no_memory", 10000, 2000000, true, world_begin_scenario, NULL, no_memory_main, 30},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
