/*
 * Simulates ports: threads outside of the runtime that push, each by its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: fibers that are no workers push the numbers of one or two producers through a
 * port each, or without one, in runs of whatever length and patience the seed draws.  At
 * the end each number that was accepted was handled once, in the order of its port, or
 * discarded and told; the accounts agree; nobody waits for ever.
 *
 *   push    everything is pushed, then the inlet is finished
 *   finish  it is finished, or drained, amid pushes
 *   stop    its stage is stopped amid pushes
 *   owned   the same, with events that own something: each was dropped once, by whoever had it
 */
#include "driver.h"
#include "world.h"

#include "parts/port.h"

#include <string.h>

static weir_inlet *inlet;
static weir_ref stage;
static const weir_event_type *type; /* NULL: the numbers own nothing */

static void discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    world.discarded += count;
}

static unsigned char dropped[WORLD_PRODUCERS][WORLD_NUMBERS];

static void drop(void *context, const void *events, size_t count, weir_discard why) {
    const uint64_t *event = events;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        unsigned producer = (unsigned)(event[i] >> 32);
        uint64_t number = event[i] & UINT32_MAX;
        SIM_REQUIRE(producer < WORLD_PRODUCERS && number < WORLD_NUMBERS);
        SIM_REQUIRE(dropped[producer][number]++ == 0);
        SIM_REQUIRE(world.seen[producer][number] == (why == WEIR_DISCARD_HANDLED));
    }
}

/* One number or several, by the port or without it. */
static weir_status push_some(weir_port *port, unsigned number, uint64_t *next) {
    uint64_t events[4];
    uint64_t count = 1 + sim_draw(4);
    count = count < world.total - *next ? count : world.total - *next;
    for (uint64_t i = 0; i < count; i++) events[i] = world_event(number, *next + i);
    uint64_t timeout = sim_draw(4) == 0 ? 0 : WEIR_FOREVER;
    weir_status status = port != NULL ? weir_port_push(port, events, (size_t)count, timeout)
                                      : weir_inlet_push(inlet, events, (size_t)count, timeout);
    if (status == WEIR_OK || status == WEIR_DROPPED) {
        *next += count;
        world.pushed += count;
    }
    return status;
}

static void run_pusher(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    weir_port *port = NULL;
    uint64_t next = 0;
    if (sim_draw(4) > 0 && weir_port_open(inlet, &port) == WEIR_NO_STAGE) return;
    while (next < world.total) {
        weir_status status = push_some(port, number, &next);
        if (status == WEIR_NO_STAGE) {
            SIM_REQUIRE(world.keep_going);
            break;
        }
        if (status == WEIR_FULL || status == WEIR_TIMEOUT) sim_stall();
        if (!world.keep_going && port != NULL && sim_draw(16) == 0) {
            /* What waits in the old one may come out behind what goes into the new one. */
            while (weir_port_waiting(port) > 0) sim_stall();
            weir_port_close(port);
            if (weir_port_open(inlet, &port) == WEIR_NO_STAGE) return;
        }
    }
    weir_port_close(port);
}

/* An inlet, a consumer or two, and pushers; returns when those are through. */
static void run(void (*end)(void), bool drops) {
    unsigned drawn = (unsigned)sim_draw(drops ? 3 : 2);
    world_open_runtime();
    weir__port_start = UINT64_MAX - sim_draw(8);
    weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                  .type = type,
                                  .capacity = 4 + (size_t)sim_draw(4),
                                  .when_full = (weir_when_full)drawn,
                                  .discarded = discarded,
                                  .worker = world_somewhere()};
    must(weir_inlet_open(world.runtime, &options, &inlet, &stage));
    for (uint64_t left = 1 + sim_draw(2); left > 0; left--) world_start_consumer(1, &stage);
    int pushers[2];
    unsigned count = 1 + (unsigned)sim_draw(2);
    for (unsigned i = 0; i < count; i++)
        pushers[i] = sim_spawn("pusher", run_pusher, (void *)(uintptr_t)i);
    if (end != NULL) {
        for (uint64_t left = sim_draw(60); left > 0; left--) sim_stall();
        end();
    }
    for (unsigned i = 0; i < count; i++) sim_join(pushers[i]);
    if (end != NULL) must(weir_runtime_run(world.runtime, WEIR_FOREVER)); /* closing pokes */
    weir_inlet_close(inlet);
    world_finish(world.pushed);
}

static void push_main(void *unused) {
    (void)unused;
    type = NULL;
    run(NULL, false);
    SIM_REQUIRE(world.discarded == 0);
}

static void finish(void) {
    must(sim_draw(2) == 0 ? weir_inlet_finish(inlet) : weir_finish(world.runtime, stage));
}

static void finish_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    type = NULL;
    run(finish, false);
    SIM_REQUIRE(world.discarded == 0);
}

static void stop(void) {
    must(weir_stop(world.runtime, stage, WEIR_REASON_NORMAL));
}

static void stop_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    type = NULL;
    run(stop, true);
}

static void owned_main(void *unused) {
    static const weir_event_type owned = {.bytes = sizeof(uint64_t), .drop = drop};
    (void)unused;
    world.keep_going = true;
    type = &owned;
    memset(dropped, 0, sizeof dropped);
    run(stop, true);
    SIM_REQUIRE(world.accounts.accepted == world.pushed);
    SIM_REQUIRE(world.accounts.dropped == world.pushed);
    uint64_t sum = 0;
    for (unsigned i = 0; i < WORLD_PRODUCERS; i++) {
        for (unsigned k = 0; k < WORLD_NUMBERS; k++) sum += dropped[i][k];
    }
    SIM_REQUIRE(sum == world.pushed);
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"push", 20000, 2000000, false, world_begin_scenario, NULL, push_main, 16},
        {"finish", 20000, 2000000, false, world_begin_scenario, NULL, finish_main, 16},
        {"stop", 20000, 2000000, false, world_begin_scenario, NULL, stop_main, 16},
        {"owned", 10000, 2000000, false, world_begin_scenario, NULL, owned_main, 16},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
