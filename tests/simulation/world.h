/*
 * The world of a simulated graph: a runtime, its stages, and what became of each number.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Producers emit the numbers from 0 on, named with who emits them; consumers
 * check each off.  Demands, idle policy and placement are drawn from the seed.
 * Fibers share a thread: the world is plain memory, and is not simulated.
 */
#ifndef WEIR_TESTS_WORLD_H
#define WEIR_TESTS_WORLD_H

#include "driver.h"
#include "sim.h"

#include <weir/weir.h>

enum { WORLD_NUMBERS = 512, WORLD_PRODUCERS = 2 };

struct world {
    weir_runtime *runtime;
    weir_runtime_mode mode; /* THREADS unless the scenario says so before it opens */
    unsigned least;         /* workers: 1 unless the scenario says so before it opens      */
    unsigned workers;
    weir_ref producers[WORLD_PRODUCERS];
    uint64_t total;         /* numbers each producer emits                          */
    uint64_t handled;       /* by consumers                                         */
    const char *errs;       /* unless NULL: errors with these words may be logged    */
    uint64_t discarded;     /* as callbacks and the log tell it                     */
    uint64_t pushed;        /* into an inlet                                        */
    uint64_t casts;         /* that have arrived                                    */
    uint64_t allocations;   /* not yet freed                                      */
    weir_accounts accounts; /* the last ones, when it was closed */
    uint64_t requests;      /* for memory                                         */
    uint64_t fail_first;    /* the first request that fails, and how many do      */
    uint64_t fail_count;
    const weir_dispatcher *dispatcher; /* of the producers; NULL: by demand     */
    const void *dispatcher_options;
    weir_verdict (*info)(weir_stage *self, const void *message, size_t bytes);    /* theirs */
    weir_verdict (*on_cast)(weir_stage *self, const void *message, size_t bytes); /* theirs */
    bool in_order;   /* each consumer sees rising numbers                       */
    bool keep_going; /* the last consumer stops the producers, not they themselves */
    unsigned char seen[WORLD_PRODUCERS][WORLD_NUMBERS];
};

extern struct world world;

/*
 * Fails the schedule unless the status is WEIR_OK, which is what it returns; where
 * memory is made to run out, WEIR_NO_MEMORY is false, and right.
 */
bool must(weir_status status);

/* A new world, in which each producer has 1 to `most` numbers; then main runs. */
void world_begin(void (*run)(void *argument), uint64_t most);

/* The same for a scenario's `begin`: of its `run` and its `number`. */
void world_begin_scenario(const struct sim_scenario *scenario);

/* False: no memory, and nothing left behind. */
bool world_open_runtime(void);

/* Closes; checks accounts and memory. */
void world_close_runtime(void);

/* Waits until all stages have stopped, closes, and requires that many numbers accounted for. */
void world_finish(uint64_t numbers);

/* Some worker; some demand. */
unsigned world_somewhere(void);
weir_subscribe_options world_some_demand(void);

/* --- producers ---------------------------------------------------------------------------- */

struct producer {
    unsigned number;
    uint64_t next;
};

uint64_t world_event(unsigned producer, uint64_t number);

/* A callback: discarded. */
void world_discarded(weir_stage *self, uint64_t count, weir_discard cause);

/* Callbacks: it waits for casts, and emits what they say. */
weir_verdict world_no_demand(weir_stage *self, uint64_t demand);
weir_verdict world_emit_told(weir_stage *self, const void *message, size_t bytes);

/* Another: for consumers that may be refused, which the log tells of those that have none. */
weir_verdict world_no_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                             weir_reason reason);

/* One that counts up, emitting by copy or in place, all at once or in pieces. */
bool world_start_producer(unsigned number, weir_demand_mode mode);

/* --- consumers ---------------------------------------------------------------------------- */

struct consumer {
    uint64_t next[WORLD_PRODUCERS]; /* the least number that may come */
};

/* A callback: handle_events of a stage whose state is a struct consumer. */
weir_verdict world_check_off(weir_stage *self, weir_batch batch);

/* Each number comes once, and in order if the world says so; `next` is a consumer's. */
void world_check_numbers(const uint64_t *events, size_t count, uint64_t *next);

/* A callback: handle_subscribe of who asks by hand. */
weir_subscribe_verdict world_by_hand(weir_stage *self, const weir_peer *peer);

/*
 * A stage with these options, placed somewhere and subscribed to those producers.
 * {0} when one of them has stopped already, or there is no memory.
 */
weir_ref world_start_stage(weir_stage_options options, unsigned producers,
                           const weir_ref *producer);

weir_ref world_start_consumer(unsigned producers, const weir_ref *producer);

/* One that comes to the first producer and goes while others take numbers, as often as drawn. */
void world_come_and_go(weir_ref consumer, weir_subscribe_options options);

/* For a fiber: two such consumers, one after the other. */
void world_run_comers(void *unused);

#endif
