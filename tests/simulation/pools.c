/*
 * Simulates worker pools: threads of their own, on whole runtimes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a pool of one to three threads with a ring of a few entries, which
 * begins just below the wrap, does the numbers of a producer.  Tasks may fail and
 * be begun again.  At the end each number was done once for good, or discarded
 * and told; each child has been told of once, and before its pool was closed; the
 * accounts agree; nobody waits for ever.
 *
 *   work   one pool; once the runtime has settled, everything is done
 *   hands  meanwhile, children are started and ended by hand
 *   leave  pools that stop, and are closed, amid their work; others take over
 *   close  a pool is closed as a child is handed out and comes back
 *   emits  results go on, in order or not, with restarts that are delayed, while a consumer of
 *          them, or the pool, is stopped: each comes once, or is discarded and told
 */
#include "driver.h"
#include "world.h"

#include "parts/task_pool.h"

#include <string.h>

enum { BY_HAND = 1 }; /* the producer of numbers that are not in the accounts */

enum { UNSEEN, DONE, BEGUN, FAILED }; /* a number */

static struct {
    uint64_t started; /* by hand, and accepted */
    uint64_t exits;   /* of those              */
    uint64_t given;   /* numbers, to number the children by hand */
} hand;

/* Of each pool, in turn: the context of its functions. */
static struct {
    bool open[64];
    unsigned count;
} opened;

static bool *open_one(void) {
    bool *open = &opened.open[opened.count++ % 64];
    *open = true;
    return open;
}

/* False: not yet. */
static bool close_one(weir_pool *pool) {
    bool *open = pool->options.context;
    weir_status status = weir_pool_close(pool, NULL);
    *open = status == WEIR_TIMEOUT;
    return status == WEIR_TIMEOUT ? false : must(status);
}

static bool all_is_told(void) {
    return world.handled + world.discarded == world.total;
}

static void discarded(void *context, uint64_t count, weir_discard cause) {
    (void)cause;
    SIM_REQUIRE(*(const bool *)context);
    world.discarded += count;
}

/* Each number is begun until it has not failed; never twice at once. */
static weir_task_result do_number(void *context, const void *event, weir_task *self) {
    uint64_t number = *(const uint64_t *)event;
    (void)context;
    if (number >> 32 == BY_HAND) {
        for (uint64_t wait = sim_draw(3); wait > 0 && !weir_task_ending(self); wait--) sim_now_ns();
        return sim_draw(4) == 0 ? WEIR_TASK_FAILED : WEIR_TASK_OK;
    }
    SIM_REQUIRE(number < world.total);
    SIM_REQUIRE(world.seen[0][number] == UNSEEN || world.seen[0][number] == FAILED);
    world.seen[0][number] = BEGUN;
    for (uint64_t wait = sim_draw(3); wait > 0; wait--) sim_now_ns();
    bool fails = sim_draw(8) == 0;
    world.seen[0][number] = fails ? FAILED : DONE;
    return fails ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static void exited(void *context, weir_child child, const void *event, weir_child_exit how) {
    uint64_t number = *(const uint64_t *)event;
    (void)child;
    SIM_REQUIRE(*(const bool *)context);
    if (number >> 32 == BY_HAND) {
        hand.exits++;
        return;
    }
    if (how == WEIR_CHILD_GIVEN_BACK) return;
    if (how == WEIR_CHILD_DISCARDED && world.seen[0][number] == UNSEEN) return;
    SIM_REQUIRE(how != WEIR_CHILD_FINISHED || world.seen[0][number] == DONE);
    if (world.seen[0][number] == UNSEEN) { /* ended before it began: it is told as discarded */
        SIM_REQUIRE(how == WEIR_CHILD_ENDED);
        return;
    }
    SIM_REQUIRE(world.seen[0][number] != BEGUN);
    world.seen[0][number] = DONE;
    world.handled++;
}

/* NULL: there are not so many threads, and nothing is left of those that were started. */
static weir_pool *try_pool(weir_child_restart restart, size_t threads) {
    weir_subscribe_to from = {.producer = world.producers[0], .options = world_some_demand()};
    from.options.cancel = WEIR_TEMPORARY;
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .threads = threads,
                                       .worker = world_somewhere(),
                                       .task = do_number,
                                       .exited = exited,
                                       .context = open_one(),
                                       .discarded = discarded,
                                       .restart = restart,
                                       .max_restarts = WEIR_POOL_MAX_RESTARTS_LIMIT,
                                       .shutdown_ns = WEIR_FOREVER,
                                       .subscribe_to = &from,
                                       .subscribe_count = 1};
    weir_pool *pool;
    weir_status status = weir_pool_open(world.runtime, &options, &pool, NULL);
    if (status == WEIR_SYSTEM && threads > SIM_FIBERS) return NULL;
    must(status);
    return pool;
}

static weir_pool *open_pool(weir_child_restart restart) {
    return try_pool(restart, 1 + (size_t)sim_draw(3));
}

static void open_world(void) {
    memset(&hand, 0, sizeof hand);
    weir__task_ring_entries = 2u << sim_draw(3);
    weir__task_ring_start = UINT32_MAX - (uint32_t)sim_draw(8);
    world.keep_going = true; /* the producer goes on until it is stopped */
    world_open_runtime();
    world_start_producer(0, WEIR_FORWARD);
}

static void finish(void) {
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    world_finish(world.total);
}

/* --- work --------------------------------------------------------------------------------- */

static void work_main(void *unused) {
    (void)unused;
    open_world();
    weir_pool *pool = open_pool(WEIR_CHILD_TRANSIENT);
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    SIM_REQUIRE(world.handled == world.total);
    SIM_REQUIRE(close_one(pool));
    finish();
    SIM_REQUIRE(world.discarded == 0);
}

/* --- hands -------------------------------------------------------------------------------- */

/* Starts some children, and ends some, its own or any. */
static void run_hand(void *argument) {
    weir_pool *pool = argument;
    weir_child mine = {0};
    for (uint64_t left = 1 + sim_draw(6); left > 0; left--) {
        uint64_t event = (uint64_t)BY_HAND << 32 | hand.given++;
        weir_status status = weir_pool_start_child(pool, &event, &mine);
        if (status == WEIR_NO_STAGE) return;
        must(status);
        hand.started++;
        if (sim_draw(3) == 0) weir_pool_end_child(pool, mine);
        weir_child_info list[4];
        size_t count = weir_pool_children(pool, list, 4);
        if (count > 0 && sim_draw(2) == 0)
            weir_pool_end_child(pool, list[sim_draw(count < 4 ? count : 4)].child);
    }
    if (sim_draw(2) == 0) weir_pool_end_child(pool, mine);
}

static void hands_main(void *unused) {
    (void)unused;
    int hands[2];
    open_world();
    weir_pool *pool = open_pool(sim_draw(2) == 0 ? WEIR_CHILD_TRANSIENT : WEIR_CHILD_TEMPORARY);
    for (int i = 0; i < 2; i++) hands[i] = sim_spawn("hand", run_hand, pool);
    if (sim_draw(4) == 0) {
        weir_runtime_settle(world.runtime, sim_draw(20000));
        weir_runtime_stop(world.runtime, WEIR_REASON_USER);
    }
    for (int i = 0; i < 2; i++) sim_join(hands[i]);
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    SIM_REQUIRE(hand.exits == hand.started);
    SIM_REQUIRE(weir_pool_children(pool, NULL, 0) == 0);
    SIM_REQUIRE(close_one(pool));
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    world_close_runtime();
}

/* --- leave -------------------------------------------------------------------------------- */

static void run_pool(void *unused) {
    (void)unused;
    while (!all_is_told()) {
        weir_pool *pool = open_pool(WEIR_CHILD_TEMPORARY);
        uint64_t wait = sim_draw(4) == 0 ? WEIR_FOREVER : sim_draw(30000); /* or none ever works */
        weir_runtime_settle(world.runtime, wait);
        SIM_REQUIRE(close_one(pool));
    }
}

static void leave_main(void *unused) {
    (void)unused;
    int pools[2];
    open_world();
    if (sim_draw(16) == 0) SIM_REQUIRE(try_pool(WEIR_CHILD_TEMPORARY, SIM_FIBERS + 1) == NULL);
    for (int i = 0; i < 2; i++) pools[i] = sim_spawn("pools", run_pool, NULL);
    for (int i = 0; i < 2; i++) sim_join(pools[i]);
    finish();
}

/* --- close -------------------------------------------------------------------------------- */

static void take_a_while(uint64_t most) {
    for (uint64_t wait = sim_draw(most); wait > 0; wait--) sim_now_ns();
}

static weir_verdict give_all(weir_stage *self, uint64_t demand) {
    for (; demand > 0; demand--)
        if (!must(weir_emit(self, &(uint64_t){0}, 1))) return WEIR_STOP;
    return WEIR_CONTINUE;
}

/* While it runs the stage is amid the events that it hands out. */
static weir_start_verdict start_slowly(void *context, const void *event) {
    (void)context, (void)event;
    take_a_while(20);
    return WEIR_CHILD_START;
}

static weir_task_result do_slowly(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    take_a_while(40);
    return WEIR_TASK_OK;
}

static void close_main(void *unused) {
    (void)unused;
    world_open_runtime();
    const weir_stage_options producer = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .worker = world_somewhere(),
        .on = {.handle_demand = give_all, .discarded = world_discarded}};
    must(weir_stage_start(world.runtime, &producer, &world.producers[0]));
    const weir_subscribe_to from = {.producer = world.producers[0],
                                    .options = {.max_demand = 1 + (size_t)sim_draw(2),
                                                .min_demand = WEIR_NONE,
                                                .cancel = WEIR_TEMPORARY}};
    weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                 .threads = 1,
                                 .worker = world_somewhere(),
                                 .start = start_slowly,
                                 .task = do_slowly,
                                 .discarded = discarded,
                                 .shutdown_ns = sim_draw(4) == 0 ? WEIR_FOREVER : 1,
                                 .subscribe_to = &from,
                                 .subscribe_count = 1};
    for (int left = 4; left > 0; left--) {
        weir_pool *pool;
        options.context = open_one();
        must(weir_pool_open(world.runtime, &options, &pool, NULL));
        take_a_while(60);
        while (!close_one(pool)) take_a_while(3);
    }
    world_close_runtime();
}

/* --- emits -------------------------------------------------------------------------------- */

enum { RESULTS_EACH = 3 };

static struct {
    bool in_order;
    bool alone;    /* who sees them */
    uint64_t made; /* by weir_task_emit */
    uint64_t good; /* of tasks that were done */
    uint64_t got;
    uint64_t last; /* and 1 more */
    bool seen[WORLD_NUMBERS][RESULTS_EACH];
} results;

static weir_task_result emit_number(void *context, const void *event, weir_task *self) {
    const uint64_t number = *(const uint64_t *)event;
    const uint64_t count = number % RESULTS_EACH;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t result = number * RESULTS_EACH + i;
        if (!must(weir_task_emit(self, &result, 1))) return WEIR_TASK_FAILED;
        results.made++;
    }
    weir_task_result how = do_number(context, event, self);
    results.good += how == WEIR_TASK_OK ? count : 0;
    return how;
}

static weir_verdict see_results(weir_stage *self, weir_batch batch) {
    const uint64_t *result = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        bool *seen = &results.seen[result[i] / RESULTS_EACH][result[i] % RESULTS_EACH];
        SIM_REQUIRE(!*seen && world.seen[0][result[i] / RESULTS_EACH] == DONE);
        SIM_REQUIRE(!results.in_order || !results.alone || result[i] >= results.last);
        *seen = true;
        results.last = result[i] + 1;
    }
    results.got += batch.count;
    world.handled += batch.count;
    return WEIR_CONTINUE;
}

static weir_ref start_seer(weir_ref pool) {
    weir_ref seer;
    weir_subscribe_to from = {.producer = pool, .options = world_some_demand()};
    from.options.cancel = WEIR_TEMPORARY;
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .worker = world_somewhere(),
        .subscribe_to = &from,
        .subscribe_count = 1,
        .on = {.handle_events = see_results, .discarded = world_discarded}};
    must(weir_stage_start(world.runtime, &options, &seer));
    return seer;
}

static weir_pool *open_emitting(weir_ref *stage) {
    weir_subscribe_to from = {.producer = world.producers[0], .options = world_some_demand()};
    from.options.cancel = WEIR_TRANSIENT;
    const weir_backoff delay = {.first_ns = sim_draw(2) * (1 + sim_draw(3000))};
    const weir_pool_emits emits = {.event_bytes = sizeof(uint64_t),
                                   .order =
                                       results.in_order ? WEIR_POOL_IN_ORDER : WEIR_POOL_ANY_ORDER};
    const weir_pool_options options = {.event_bytes = sizeof(uint64_t),
                                       .threads = 1 + (size_t)sim_draw(3),
                                       .worker = world_somewhere(),
                                       .task = emit_number,
                                       .exited = exited,
                                       .context = open_one(),
                                       .discarded = discarded,
                                       .restart = WEIR_CHILD_TRANSIENT,
                                       .max_restarts = WEIR_INFINITY,
                                       .restart_delay = &delay,
                                       .shutdown_ns = WEIR_FOREVER,
                                       .emits = &emits,
                                       .subscribe_to = &from,
                                       .subscribe_count = 1};
    weir_pool *pool;
    must(weir_pool_open(world.runtime, &options, &pool, stage));
    return pool;
}

static void emits_main(void *unused) {
    enum { NOTHING, OTHER_SEER, STOP_POOL, CLOSE_POOL, DEEDS };
    (void)unused;
    weir_ref stage;
    memset(&results, 0, sizeof results);
    const uint64_t deed = sim_draw(DEEDS);
    results.in_order = sim_draw(2) == 0;
    results.alone = deed != OTHER_SEER;
    open_world();
    weir_pool *pool = open_emitting(&stage);
    weir_ref seer = start_seer(stage);
    if (deed != NOTHING) weir_runtime_settle(world.runtime, sim_draw(40000));
    if (deed == OTHER_SEER) {
        weir_stop(world.runtime, seer, WEIR_REASON_USER);
        seer = start_seer(stage);
    }
    if (deed == STOP_POOL) weir_stop(world.runtime, stage, WEIR_REASON_USER);
    if (deed == NOTHING || deed == OTHER_SEER) {
        must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
        SIM_REQUIRE(deed != NOTHING || results.got == results.good); /* else some die with it */
    }
    SIM_REQUIRE(close_one(pool));
    weir_stop(world.runtime, seer, WEIR_REASON_NORMAL);
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    SIM_REQUIRE(results.got <= results.good);
    world_close_runtime();
    SIM_REQUIRE(world.accounts.handled == world.handled);
    SIM_REQUIRE(world.accounts.emitted == world.handled + world.discarded);
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"work", 15000, 2000000, true, world_begin_scenario, NULL, work_main, 20},
        {"hands", 15000, 2000000, true, world_begin_scenario, NULL, hands_main, 12},
        {"leave", 10000, 2000000, true, world_begin_scenario, NULL, leave_main, 16},
        {"close", 6000, 2000000, false, world_begin_scenario, NULL, close_main, 1},
        {"emits", 12000, 2000000, true, world_begin_scenario, NULL, emits_main, 20},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
