/*
 * The world of a simulated graph: see world.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "world.h"

#include "edge/edge.h"
#include "heap.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <string.h>

struct world world;

/* --- memory and the log ------------------------------------------------------------------- */

static void *count_alloc(void *context, size_t bytes, size_t alignment) {
    (void)context;
    if (world.requests++ - world.fail_first < world.fail_count) return NULL;
    world.allocations++;
    return sim_heap_get(bytes, alignment);
}

static void count_free(void *context, void *memory, size_t bytes) {
    (void)context;
    world.allocations--;
    sim_heap_put(memory, bytes);
}

/* Where both ends have gone, only the log is told of a discard; and of an output's. */
static void log_text(void *context, weir_log_level level, const char *text) {
    unsigned long long discarded;
    (void)context;
    if (sscanf(text, "%llu events were discarded", &discarded) == 1 ||
        sscanf(text, "stage %*s has discarded %llu events", &discarded) == 1)
        world.discarded += discarded;
    const bool expected = world.errs != NULL && strstr(text, world.errs) != NULL;
    if (level == WEIR_LOG_ERROR && world.fail_count == 0 && !expected)
        sim_fail("the log tells an error: %s", text);
}

bool must(weir_status status) {
    if (status == WEIR_OK) return true;
    if (status != WEIR_NO_MEMORY || world.fail_count == 0)
        sim_fail("%s: %s", weir_status_text(status), weir_refusal());
    return false;
}

/* Whether the workers rest, too, or are in somebody's callback, nobody but the runtime knows. */
static void check_world(void) {
    if (weir__runtime_at_rest(world.runtime)) weir__runtime_check(world.runtime);
}

bool world_open_runtime(void) {
    static const weir_idle idles[] = {WEIR_IDLE_PARK, WEIR_IDLE_ADAPT, WEIR_IDLE_SPIN_THEN_PARK};
    world.workers = world.least + (unsigned)sim_draw(3);
    weir_runtime_options options = {
        .workers = world.workers,
        .mode = world.mode,
        .seed = world.mode == WEIR_SIMULATED ? sim_draw(UINT64_MAX) : 0,
        .idle = idles[sim_draw(3)],
        .allocator = {.alloc = count_alloc, .free = count_free},
        .close_ns = WEIR_FOREVER, /* time is not real: a callback may take any of it */
        .log = log_text,
        .default_worker = WEIR_SPREAD,
    };
    if (must(weir_runtime_open(&options, &world.runtime))) {
        sim_at_quiet(check_world);
        return true;
    }
    SIM_REQUIRE(world.allocations == 0);
    return false;
}

void world_close_runtime(void) {
    weir_accounts accounts;
    sim_at_quiet(NULL);
    must(weir_runtime_close(world.runtime, &accounts));
    world.accounts = accounts;
    const char *wrong = weir_accounts_check(&accounts);
    if (wrong != NULL) sim_fail("%s", wrong);
    SIM_REQUIRE(accounts.in_flight == 0 && accounts.buffered == 0);
    SIM_REQUIRE(accounts.blocks_live == 0);
    SIM_REQUIRE(accounts.discarded == world.discarded);
    SIM_REQUIRE(world.allocations == 0);
}

/* --- producers ---------------------------------------------------------------------------- */

uint64_t world_event(unsigned producer, uint64_t number) {
    return (uint64_t)producer << 32 | number;
}

/* By copy or in place, in one run or several.  False: no memory. */
static bool emit_some(weir_stage *self, struct producer *producer, uint64_t count) {
    while (count > 0) {
        uint64_t events[WORLD_NUMBERS];
        uint64_t run = 1 + sim_draw(count);
        weir_room room = {.events = events, .count = (size_t)run};
        bool reserved = sim_draw(2) == 0;
        if (reserved) room = weir_reserve(self, (size_t)run);
        uint64_t *place = room.events;
        SIM_REQUIRE(place != NULL || world.fail_count > 0);
        if (place == NULL) return false;
        for (size_t i = 0; i < room.count; i++)
            place[i] = world_event(producer->number, producer->next++);
        if (!must(reserved ? weir_commit(self, room.count) : weir_emit(self, events, room.count)))
            return false;
        count -= room.count;
    }
    return true;
}

static weir_verdict count_up(weir_stage *self, uint64_t demand) {
    struct producer *producer = weir_state(self);
    uint64_t left = world.total - producer->next;
    uint64_t count = demand < left ? demand : left;
    SIM_REQUIRE(demand > 0);
    if (left > count && world.keep_going) count += sim_draw(left - count < 4 ? left - count : 4);
    if (!emit_some(self, producer, count)) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    return producer->next == world.total && !world.keep_going ? WEIR_STOP : WEIR_CONTINUE;
}

static void stop_producers(void) {
    for (unsigned i = 0; i < WORLD_PRODUCERS; i++)
        if (world.producers[i].bits != 0)
            weir_stop(world.runtime, world.producers[i], WEIR_REASON_NORMAL);
}

/* Every number is accounted for: the producers may go. */
static void stop_when_done(void) {
    uint64_t all = world.total * (world.producers[1].bits != 0 ? 2 : 1);
    if (world.keep_going && world.handled + world.discarded == all) stop_producers();
}

void world_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self, (void)cause;
    world.discarded += count;
    stop_when_done();
}

unsigned world_somewhere(void) {
    return WEIR_WORKER(sim_draw(world.workers));
}

weir_verdict world_no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

weir_verdict world_no_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                             weir_reason reason) {
    (void)self, (void)peer, (void)cause, (void)reason;
    return WEIR_CONTINUE;
}

weir_verdict world_emit_told(weir_stage *self, const void *message, size_t bytes) {
    must(weir_emit(self, message, bytes / sizeof(uint64_t)));
    return WEIR_CONTINUE;
}

bool world_start_producer(unsigned number, weir_demand_mode mode) {
    weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .name = "producer",
        .event_bytes = sizeof(uint64_t),
        .state = &(struct producer){.number = number},
        .state_bytes = sizeof(struct producer),
        .worker = world_somewhere(),
        .demand = mode,
        .dispatcher = world.dispatcher,
        .dispatcher_options = world.dispatcher_options,
        .on = {.handle_demand = count_up,
               .handle_info = world.info,
               .handle_cast = world.on_cast,
               .discarded = world_discarded},
    };
    return must(weir_stage_start(world.runtime, &options, &world.producers[number]));
}

/* --- consumers ---------------------------------------------------------------------------- */

void world_check_numbers(const uint64_t *events, size_t count, uint64_t *next) {
    for (size_t i = 0; i < count; i++) {
        uint64_t number = events[i] & UINT32_MAX;
        uint64_t producer = events[i] >> 32;
        SIM_REQUIRE(producer < WORLD_PRODUCERS && number < world.total);
        SIM_REQUIRE(world.seen[producer][number] == 0);
        if (world.in_order) SIM_REQUIRE(number >= next[producer]);
        next[producer] = number + 1;
        world.seen[producer][number] = 1;
    }
}

weir_verdict world_check_off(weir_stage *self, weir_batch batch) {
    struct consumer *consumer = weir_state(self);
    world_check_numbers(batch.events, batch.count, consumer->next);
    world.handled += batch.count;
    stop_when_done();
    return WEIR_CONTINUE;
}

weir_subscribe_verdict world_by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self;
    return peer->side == WEIR_PRODUCER ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

weir_subscribe_options world_some_demand(void) {
    weir_subscribe_options options = {.max_demand = 1 + (size_t)sim_draw(6)};
    size_t min = (size_t)sim_draw(options.max_demand);
    options.min_demand = min == 0 ? WEIR_NONE : min;
    return options;
}

weir_ref world_start_stage(weir_stage_options options, unsigned producers,
                           const weir_ref *producer) {
    weir_subscribe_to list[WORLD_PRODUCERS];
    weir_ref stage;
    for (unsigned i = 0; i < producers; i++)
        list[i] = (weir_subscribe_to){.producer = producer[i], .options = world_some_demand()};
    options.worker = world_somewhere();
    options.subscribe_to = producers > 0 ? list : NULL;
    options.subscribe_count = producers;
    options.on.discarded = world_discarded;
    weir_status status = weir_stage_start(world.runtime, &options, &stage);
    if (status == WEIR_NO_STAGE) return (weir_ref){0}; /* the producer was done before */
    return must(status) ? stage : (weir_ref){0};
}

weir_ref world_start_consumer(unsigned producers, const weir_ref *producer) {
    weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "consumer",
        .state_bytes = sizeof(struct consumer),
        .on = {.handle_events = world_check_off},
    };
    return world_start_stage(options, producers, producer);
}

void world_come_and_go(weir_ref consumer, weir_subscribe_options options) {
    weir_subscription subscription;
    options.cancel = WEIR_TEMPORARY;
    weir_status status =
        weir_subscribe(world.runtime, consumer, world.producers[0], &options, &subscription);
    if (status == WEIR_NO_STAGE) return;
    must(status);
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, 1 + sim_draw(100000));
    if (sim_draw(3) > 0) weir_cancel(world.runtime, subscription, WEIR_REASON_NORMAL);
    if (sim_draw(3) == 0) weir_stop(world.runtime, consumer, WEIR_REASON_USER);
}

void world_run_comers(void *unused) {
    (void)unused;
    for (int round = 0; round < 2; round++) {
        weir_ref consumer = world_start_consumer(0, NULL);
        world_come_and_go(consumer, world_some_demand());
        if (sim_draw(2) == 0) world_come_and_go(consumer, world_some_demand());
        weir_stop(world.runtime, consumer, WEIR_REASON_NORMAL);
    }
}

/* --- beginning and end -------------------------------------------------------------------- */

void world_begin(void (*run)(void *argument), uint64_t most) {
    memset(&world, 0, sizeof world);
    world.total = 1 + sim_draw(most);
    world.in_order = true;
    world.least = 1;
    weir__edge_ring_start = UINT32_MAX - (uint32_t)sim_draw(8);
    sim_spawn("main", run, NULL);
}

void world_begin_scenario(const struct sim_scenario *scenario) {
    world_begin(scenario->run, scenario->number);
}

void world_finish(uint64_t numbers) {
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    world_close_runtime();
    SIM_REQUIRE(world.handled + world.discarded == numbers);
}
