/*
 * The stress tests' common ground: scenarios, random pauses, events that can be checked.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stress program is a list of scenarios.  Each runs real threads for a number
 * of events and checks, at the end, that every event was handled exactly once
 * (or discarded and counted), in order where order is promised, and that the
 * runtime's accounts agree and its memory is all returned.
 *
 *   stress_X [SCENARIO...]
 *   WEIR_STRESS_EVENTS  events of one program, in all its scenarios together
 *   WEIR_STRESS_SEED    where the random choices begin; printed when a test fails
 *   WEIR_STRESS_TRACE   if set: each round is printed as it begins
 *
 * A watchdog ends a program that stands still: when nothing has moved for a
 * minute it says what the accounts are and aborts, for a debugger to look at.
 *
 * An event of 8 bytes or more begins with a word: 16 bits its source, 8 bits
 * the relays that have written to it, 40 bits its number; from 16 bytes on it
 * ends with a word derived from the first.  Smaller ones hold the number's
 * lowest byte.
 */
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include "base/rng.h"

#include <weir/weir.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stress_scenario {
    const char *name;
    unsigned weight; /* its part of the events */
    void (*run)(uint64_t events);
};

/* Runs all scenarios, or those named.  usual: the events when nothing else is said. */
int stress_main(int count, char **arguments, uint64_t usual,
                const struct stress_scenario *scenarios, size_t scenario_count);

/* Says why, with scenario and seed, and aborts.  Any thread. */
_Noreturn void stress_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define STRESS_CHECK(condition) \
    ((condition) ? (void)0 : stress_fail("%s:%d: %s", __FILE__, __LINE__, #condition))
#define STRESS_OK(call) stress_ok((call), __FILE__, __LINE__, #call)

void stress_ok(weir_status status, const char *file, int line, const char *call);

/* What is being run, for messages. */
void stress_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- chance -------------------------------------------------------------- */

/* Every generator of a program has a seed of its own, drawn from the program's. */
void stress_rng(struct weir__rng *rng);

/* low..high, both included. */
uint64_t stress_between(struct weir__rng *rng, uint64_t low, uint64_t high);
bool stress_chance(struct weir__rng *rng, uint64_t one_in);

/* Demand up to one of these, asked for again at a part of it that is drawn. */
weir_subscribe_options stress_demand(struct weir__rng *rng, const size_t *maxima, size_t count);

enum stress_pauses { STRESS_PAUSE_NEVER, STRESS_PAUSE_RARELY, STRESS_PAUSE_OFTEN };

/* Now and then gives the core away, spins, or sleeps some microseconds. */
void stress_pause(struct weir__rng *rng, enum stress_pauses pauses);

/* Spinning is drawn seldom: on a busy machine it costs whole time slices. */
weir_idle stress_idle(struct weir__rng *rng);

/*
 * A signal every millisecond, without SA_RESTART, for the threads that hear
 * alarms.  All others block it, above all who joins threads: gcc's and clang's
 * ThreadSanitizer may deadlock with itself when a signal interrupts pthread_join.
 */
void stress_alarms(bool on);
void stress_hear_alarms(bool on);

/*
 * So many threads run this, each with a generator of its own, and hear alarms, where they are
 * on; until all have returned.
 */
enum { STRESS_CROWD_MAX = 4 };
void stress_crowd(unsigned threads, bool alarms, void (*run)(struct weir__rng *rng));

/* ---- runtimes ------------------------------------------------------------ */

/* Opens with the options given, a log that fails on errors, and the watchdog's eye on it. */
weir_runtime *stress_open(const weir_runtime_options *options);

/* From now on the log may tell of events in excess of a subscription's demand. */
void stress_allow_excess(void);

/*
 * The rings of new edges begin at 0, or a little before their index wraps.
 * Not while stages are being started.
 */
void stress_ring_start(struct weir__rng *rng);

/* Closes and checks the accounts: all is handled or discarded, no block is left. */
weir_accounts stress_close(weir_runtime *runtime);

/* Events that the log told of as discarded with nobody left to be told: since stress_open. */
uint64_t stress_logged_discards(void);

/* ---- events -------------------------------------------------------------- */

#define STRESS_NUMBER_LIMIT (UINT64_C(1) << 40)
enum { STRESS_EVENT_BYTES_MAX = 1024 };

static inline uint64_t stress_word(uint32_t source, uint64_t number) {
    return (uint64_t)source << 48 | number;
}
static inline uint32_t stress_word_source(uint64_t word) {
    return (uint32_t)(word >> 48);
}
static inline uint32_t stress_word_hops(uint64_t word) {
    return (uint32_t)(word >> 40) & 0xffu;
}
static inline uint64_t stress_word_number(uint64_t word) {
    return word & (STRESS_NUMBER_LIMIT - 1);
}

/* Writes an event; reads its word back, and checks that it is whole. */
void stress_event_write(void *event, size_t bytes, uint64_t word);
uint64_t stress_event_read(const void *event, size_t bytes);

/* One more relay has written to the event. */
void stress_event_hop(void *event, size_t bytes);

/* Which events were handled, in any order: two tallies that agree hold the same events. */
struct stress_tally {
    uint64_t count;
    uint64_t sum;
    uint64_t hash;
};

static inline void stress_tally_add(struct stress_tally *tally, uint32_t source, uint64_t number) {
    uint64_t state = stress_word(source, number);
    tally->count++;
    tally->sum += number;
    tally->hash += weir__rng_splitmix(&state);
}

void stress_tally_range(struct stress_tally *tally, uint32_t source, uint64_t first,
                        uint64_t count);
void stress_tally_join(struct stress_tally *tally, const struct stress_tally *more);
void stress_tally_compare(const struct stress_tally *expected, const struct stress_tally *found);

/* The tally is of the numbers below `count` of source 0. */
void stress_tally_check(const struct stress_tally *found, uint64_t count);

#endif
