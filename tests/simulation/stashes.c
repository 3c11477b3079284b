/*
 * Simulates stages that keep events past their callbacks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a producer, a keeper that stashes what it gets, mostly, and lets go of some of it
 * in later callbacks, and a consumer; the keeper is told by casts of a foreign thread to let
 * go of all.  Whatever the order, each number is handled once, in order, or discarded
 * and counted; accounts and blocks balance; a stage that finishes waits for its stash.
 *
 *   keep   all is let go of in the end, by a cast
 *   end    the producer ends: the keeper lets go of all as it is told so, by handle_cancel or
 *          handle_end; or it is stopped with what it has
 *   drain  the runtime drains, which takes a cast
 */
#include "driver.h"
#include "world.h"

#include <string.h>

struct keeper {
    uint64_t next; /* the least number that may leave */
    int lets_go;   /* of all, at its producer's end: 0 never, 1 in handle_cancel, 2 in handle_end */
};

static weir_ref keeper;

/* --- the keeper --------------------------------------------------------------------------- */

/* Nothing overtakes what was stashed before it. */
static void let_go(weir_stage *self, uint64_t count) {
    struct keeper *own = weir_state(self);
    weir_batch front;
    while (count > 0 && (front = weir_stash_front(self, (size_t)count)).count > 0) {
        const uint64_t *events = front.events;
        for (size_t i = 0; i < front.count; i++) {
            SIM_REQUIRE((events[i] & UINT32_MAX) == own->next);
            own->next++;
        }
        count -= front.count;
        must(weir_stash_emit(self, front.count));
    }
}

static weir_verdict keep(weir_stage *self, weir_batch batch) {
    struct keeper *own = weir_state(self);
    if (sim_draw(3) == 0) let_go(self, sim_draw(weir_stashed(self) + 1));
    if (weir_stashed(self) == 0 && sim_draw(4) == 0) {
        own->next += batch.count;
        return weir_forward(self);
    }
    size_t half = (size_t)sim_draw(batch.count + 1);
    must(weir_stash(self, 0, half));
    if (sim_draw(3) == 0) let_go(self, sim_draw(weir_stashed(self) + 1));
    must(weir_stash(self, half, batch.count - half));
    return WEIR_CONTINUE;
}

static weir_verdict told(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    let_go(self, weir_stashed(self));
    return WEIR_CONTINUE;
}

static weir_verdict lost_one(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                             weir_reason reason) {
    const struct keeper *own = weir_state(self);
    (void)cause, (void)reason;
    if (own->lets_go == 1 && peer->side == WEIR_PRODUCER) let_go(self, weir_stashed(self));
    return WEIR_CONTINUE;
}

static weir_verdict ended(weir_stage *self) {
    const struct keeper *own = weir_state(self);
    if (own->lets_go == 2) let_go(self, weir_stashed(self));
    return WEIR_CONTINUE;
}

static void start_all(int lets_go) {
    struct keeper own = {.lets_go = lets_go};
    world_open_runtime();
    world_start_producer(0, WEIR_ACCUMULATE);
    weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "keeper",
        .event_bytes = sizeof(uint64_t),
        .state = &own,
        .state_bytes = sizeof own,
        .on = {.handle_events = keep,
               .handle_cast = told,
               .handle_cancel = lost_one,
               .handle_end = ended},
    };
    keeper = world_start_stage(options, 1, world.producers);
    world_start_consumer(1, &keeper);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    must(weir_demand(world.runtime, world.producers[0], WEIR_FORWARD));
}

/* Again and again, until it has gone. */
static void run_teller(void *unused) {
    (void)unused;
    while (weir_cast(world.runtime, keeper, NULL, 0) == WEIR_OK) {
        weir_runtime_settle(world.runtime, WEIR_FOREVER);
        sim_stall();
    }
}

/* --- scenarios ---------------------------------------------------------------------------- */

static void keep_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    start_all(0);
    int teller = sim_spawn("teller", run_teller, NULL);
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    sim_join(teller);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0);
}

static void end_main(void *unused) {
    (void)unused;
    int lets_go = (int)sim_draw(3);
    start_all(lets_go);
    if (lets_go == 0) {
        must(weir_wait(world.runtime, world.producers[0], WEIR_FOREVER, NULL));
        for (uint64_t steps = sim_draw(100); steps > 0; steps--) sim_now_ns();
        weir_stop(world.runtime, keeper, WEIR_REASON_NORMAL); /* unless it had nothing */
    }
    world_finish(world.total);
    SIM_REQUIRE(lets_go == 0 || world.discarded == 0);
}

static void drain_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    start_all(0);
    int teller = sim_spawn("teller", run_teller, NULL);
    weir_drain_report report;
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, &report));
    SIM_REQUIRE(report.stages == 0);
    sim_join(teller);
    world_close_runtime();
    SIM_REQUIRE(world.discarded == 0);
    for (uint64_t i = 0; i < world.handled; i++) SIM_REQUIRE(world.seen[0][i] == 1);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"keep", 10000, 2000000, true, world_begin_scenario, NULL, keep_main, 40},
        {"end", 10000, 2000000, true, world_begin_scenario, NULL, end_main, 40},
        {"drain", 10000, 2000000, true, world_begin_scenario, NULL, drain_main, 40},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
